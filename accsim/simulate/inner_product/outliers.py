"""Outliers: words that do not fit a narrow lane, from values, and products with them.

A weight, or a signed activation, fits b bits from -2^(b-1) up to 2^(b-1) - 1; an activation of a layer without negative
ones, below 2^b. A product is an outlier's if one of its words is: the narrow lane takes the low parts and a wide lane
what is left of them, as OLAccel's PEs do (Park, Kim and Yoo, ISCA 2018).
"""

from __future__ import annotations

from functools import lru_cache
from math import lgamma, log, log1p
from typing import Any

import numpy as np
import numpy.typing as npt

from accsim.kernels.jit import kernel
from accsim.simulate.inner_product.steps import Steps

Ints = npt.NDArray[np.int64]
Masks = npt.NDArray[np.uint8]

UNLIKELY = 1e-13
"""Probabilities below are left out of expectations."""


def wide(words: npt.NDArray[Any], bits: int, signed: bool) -> Masks:
    """1 for each word that does not fit ``bits``."""
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    return np.asarray((words < low) | (words > high), np.uint8)


@kernel
def _most(a: Masks, w: Masks, at_a: Ints, at_w: Ints, rows: Ints, cols: Ints, out: Ints) -> None:
    """Most products with an outlier of a PE in each step.

    Args:
        a, w: [groups, columns, lanes] and [groups, rows, lanes].
        at_a, at_w, rows, cols: of each step its groups, and the rows and columns at work.
    """
    for step in range(len(out)):
        of_a, of_w, most = a[at_a[step]], w[at_w[step]], 0
        for j in range(cols[step]):
            for i in range(rows[step]):
                found = 0
                for k in range(of_a.shape[1]):
                    found += of_a[j, k] | of_w[i, k]
                most = max(most, found)
        out[step] = most


def most_outliers(a: Masks, w: Masks, steps: Steps) -> Ints:
    """Most products with an outlier that a PE has in each step of a tile.

    Args:
        a, w: masks laid out along the folds, then rows, columns and lanes (see ``groups.laid_out``).
        steps: of the tile, each a class of its own.
    """
    folds = len(steps.folds)
    shape = np.broadcast_shapes(a.shape[:folds], w.shape[:folds])

    def places(words: Masks) -> Ints:
        at = np.arange(int(np.prod(words.shape[:folds]))).reshape(words.shape[:folds])
        return np.ascontiguousarray(np.broadcast_to(at, shape)).ravel()

    def flat(words: Masks, lines: int) -> Masks:
        return np.ascontiguousarray(words).reshape(-1, lines, words.shape[-1])

    out = np.zeros(int(np.prod(shape)), np.int64)
    rows, cols = (np.ascontiguousarray(np.broadcast_to(steps.used(axis), shape)).ravel() for axis in ("rows", "cols"))
    _most(flat(a, a.shape[-2]), flat(w, w.shape[-3]), places(a), places(w), rows, cols, out)
    return out.reshape(shape)


def edges_of(most: Ints, lanes: int) -> Ints:
    """Edges of a step: one, or as many as the PE with the most outliers needs on its wide lanes."""
    return np.maximum(1, -(-most // lanes))


def share(bits: int, density: float, narrow: int) -> float:
    """Outliers among words of ``bits`` magnitude bits where any other than zero is as likely as any other."""
    above = max(0, (1 << bits) - (1 << narrow))
    return density * above / ((1 << bits) - 1) if bits else 0.0


@lru_cache(maxsize=1024)
def expected_edges(activation: float, weight: float, rows: int, cols: int, lanes: int, wide_lanes: int) -> float:
    """Expected edges of a step with independent outliers.

    The column with most outliers and the row with most meet in some PE; how many lanes they share is hypergeometric.
    That is exact where one operand has outliers, and a little low where other PEs come up to that one.

    Args:
        activation, weight: fraction of words that are outliers.
        rows, cols, lanes: at work.
    """
    of_a, of_w = _most_of(activation, lanes, cols), _most_of(weight, lanes, rows)
    total = 0.0
    for a in np.flatnonzero(of_a > UNLIKELY).tolist():
        for w in np.flatnonzero(of_w > UNLIKELY).tolist():
            shared = np.arange(max(0, a + w - lanes), min(a, w) + 1)
            ways = np.exp([_ways(a, k) + _ways(lanes - a, w - k) - _ways(lanes, w) for k in shared.tolist()])
            total += float(of_a[a] * of_w[w] * (ways @ edges_of(a + w - shared, wide_lanes)))
    return max(1.0, total)


def _ways(of: int, chosen: int) -> float:
    """Logarithm of the binomial coefficient."""
    return lgamma(of + 1) - lgamma(chosen + 1) - lgamma(of - chosen + 1)


def _most_of(share: float, lanes: int, groups: int) -> npt.NDArray[np.float64]:
    """Probability of each number of outliers in the group of lanes with most."""
    each = np.zeros(lanes + 1)
    if share in (0.0, 1.0):
        each[round(share * lanes)] = 1.0
    else:
        each[:] = np.exp([_ways(lanes, k) + k * log(share) + (lanes - k) * log1p(-share) for k in range(lanes + 1)])
    below = np.cumsum(each)
    return np.diff((below / below[-1]) ** groups, prepend=0.0)
