"""Edges of a step where no values are known: expectations under a stated distribution.

Activations and weights are independent; a word is zero with the probability that its density leaves, and otherwise any
other magnitude of its bits is as likely as any other.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from accsim.hardware.datapath import Digits
from accsim.simulate.inner_product.datapaths import Follows, Rate
from accsim.simulate.inner_product.groups import terms
from accsim.simulate.inner_product.outliers import expected_edges

Shares = npt.NDArray[np.float64]
MOST_LISTED = 16
"""Bits up to which every magnitude is looked at; of wider ones as many are drawn as 16 bits have."""


@lru_cache(maxsize=256)
def _term_shares(bits: int, density: float, digits: Digits) -> tuple[float, ...]:
    """Probability of 0, 1, 2 ... terms."""
    listed = np.arange(1, 1 << min(bits, MOST_LISTED), dtype=np.int64)
    if bits > MOST_LISTED:
        listed = np.random.default_rng(0).integers(1, 1 << bits, len(listed))
    counts = np.bincount(terms(listed, digits)) / len(listed) * density
    counts[0] += 1 - density
    return tuple(counts.tolist())


def most(shares: Shares, group: int) -> Shares:
    """The distribution of the largest of ``group`` independent draws."""
    below = np.minimum(np.cumsum(shares), 1.0) ** group
    return np.diff(below, prepend=0.0)


def _mean_at_least_one(shares: Shares) -> float:
    return float(shares @ np.maximum(np.arange(len(shares)), 1))


@lru_cache(maxsize=4096)
def edges(
    rate: Rate,
    activation: tuple[int, float],
    weight: tuple[int, float],
    rows: int,
    cols: int,
    lanes: int,
) -> float:
    """Expected edges of a step.

    Args:
        activation, weight: magnitude bits and density.
        rows, cols, lanes: at work.
    """
    bits, density = activation
    group = cols * lanes
    match rate.follows:
        case Follows.WIDTHS:
            return float(rate.edges)
        case Follows.WIDTH_USED:
            return _width_used(rate, bits, density, group)
        case Follows.TERMS_MET:
            at_each = density * 2.0 ** (bits - 1) / (2**bits - 1)
            met = bits * (1 - (1 - at_each) ** group)
            return float((met + (1 - density) ** group) * rate.edges)
        case Follows.MOST_TERMS:
            shares = most(np.array(_term_shares(bits, density, rate.digits)), group)
            return _mean_at_least_one(shares) * rate.edges
        case Follows.OUTLIERS:
            return expected_edges(1 - (1 - rate.share) ** 2, rate.group, rows * cols, lanes)
        case Follows.TERM_PAIRS:
            a = most(np.array(_term_shares(bits, density, rate.digits)), cols)
            w = most(np.array(_term_shares(weight[0], weight[1], rate.digits)), rows)
            product = np.zeros((len(a) - 1) * (len(w) - 1) + 1)
            np.add.at(product, np.outer(np.arange(len(a)), np.arange(len(w))), np.outer(a, w))
            return _mean_at_least_one(most(product, lanes)) * rate.edges


def _width_used(rate: Rate, bits: int, density: float, group: int) -> float:
    """Of magnitudes up to 2^bits - 1; without the low bits that are 0 everywhere, where those are left out."""
    top = 2.0**bits - 1
    shares = np.array([1 - density, *(density * 2.0**b / top for b in range(bits))])
    widest = most(shares, group)
    if rate.trim_low:
        return _trimmed(rate, bits, density, group)
    needed = -(-np.arange(bits + 1) // rate.serial_bits) + rate.sign
    return float(widest @ np.where(np.arange(bits + 1) > 0, needed, 1) * rate.edges)


def _trimmed(rate: Rate, bits: int, density: float, group: int) -> float:
    """The same, from the joint distribution of the highest and the lowest bit that is met."""
    top, total = 2.0**bits - 1, 0.0
    inside = np.zeros((bits + 1, bits + 1))
    for low in range(bits + 1):
        for high in range(low, bits + 1):
            inside[low, high] = ((1 - density) + density * (2.0 ** (high - low) - 1) / top) ** group
    total += inside[0, 0]
    for low in range(bits):
        for high in range(low + 1, bits + 1):
            both = inside[low, high] - inside[low + 1, high] - inside[low, high - 1]
            both += inside[low + 1, high - 1] if high - 1 >= low + 1 else inside[0, 0]
            total += both * (-(-(high - low) // rate.serial_bits) + rate.sign)
    return float(total) * rate.edges
