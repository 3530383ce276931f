"""Products of outliers on the wide lane that a group of narrow lanes shares.

::

    narrow lanes   x x x x  x x x x      n bits each: a product on the first edge of a step
                   |_____|  |_____|      a group; a product with an outlier is none of its narrow lane's
    wide lanes        X        X         full width: one product of an outlier on every edge

A word is an outlier if it does not fit the narrow lanes' bits: two's complement, or unsigned activations in a layer
that has no negative ones. The wide lane works beside the narrow ones, so a group takes max(1, outliers) edges, and all
PEs of the tile wait for the slowest group.

Park, Kim and Yoo, OLAccel (ISCA 2018), put a wide unit beside 16 narrow ones, and a second outlier in a group costs a
cycle more there. Assumed here: activations' outliers use the same lane (OLAccel gives them PEs of their own), every
product of an outlier takes the lane for one cycle, and no queue lets groups run ahead of each other.
"""

from __future__ import annotations

from math import comb

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def limits(bits: int, signed: bool) -> tuple[int, int]:
    """Least and greatest word that narrow lanes take."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def beyond(words: Ints, bits: int, signed: bool) -> Ints:
    """1 where a word is an outlier."""
    low, high = limits(bits, signed)
    return ((words < low) | (words > high)).astype(np.int64)


def products(activations: Ints, weights: Ints, group: int) -> Ints:
    """Products with an outlier in each group: [folds, groups, rows, columns].

    Args:
        activations, weights: 1 for an outlier, [folds, 1, columns, lanes] and [folds, rows, 1, lanes].
        group: lanes in a group.
    """
    a, w = _grouped(activations, group)[..., 0, :, :], _grouped(weights, group)[..., 0, :]
    either = a.sum(-1)[..., None, :] + w.sum(-1)[..., :, None]
    both = np.matmul(w.astype(np.float32), np.swapaxes(a, -1, -2).astype(np.float32))
    return np.asarray(either - both.astype(np.int64), np.int64)


def _grouped(words: Ints, group: int) -> Ints:
    """[folds, x, y, lanes] as [folds, groups, x, y, lanes of a group]."""
    lanes = words.shape[-1]
    padded = np.pad(words, [(0, 0)] * (words.ndim - 1) + [(0, -lanes % group)])
    return np.moveaxis(padded.reshape(*words.shape[:-1], -1, group), -2, -4)


def expected_edges(share: float, group: int, pes: int, lanes: int) -> float:
    """Expected edges of a step: the largest of independent binomial counts, one for each group of each PE.

    Args:
        share: of products with an outlier.
    """
    full, rest = divmod(lanes, group)
    below = np.ones(group + 1)
    for size, number in ((group, full * pes), (rest, pes if rest else 0)):
        if number:
            chances = [
                comb(size, k) * share**k * (1 - share) ** (size - k) if k <= size else 0.0 for k in range(group + 1)
            ]
            below *= np.minimum(np.cumsum(chances), 1.0) ** number
    chance = np.diff(below, prepend=0.0)
    return float(chance @ np.maximum(np.arange(group + 1), 1))
