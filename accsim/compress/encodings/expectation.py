"""Sums that expected sizes are made of: words are non-zero independently with probability p, q = 1 - p."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CHUNK = 1 << 16
NEGLIGIBLE = 2.0**-70


def runs_at(n: int, p: float, covered: int) -> float:
    """Expected fillers before non-zero words: p * sum over k >= 1 of (n - k R)^+ q^(k R), R = ``covered``.

    A non-zero word at place j (from 0) has a k-th filler before it when the k R words before it exist (k R <= j) and
    are zero, q^(k R); over j that is p (n - k R)^+ q^(k R). This is exact for a tensor of n words.
    """
    return p * _series(n, p, covered, lambda k: n - k * covered)


def filled_runs(n: int, p: float, covered: int) -> float:
    """Sum over k >= 1 with k R < n of q^(k R): used where zeros after the last non-zero word are stored too."""
    return _series(n, p, covered, np.ones_like)


def _series(n: int, p: float, covered: int, weight: Callable[[Floats], Floats]) -> float:
    last = (n - 1) // covered
    if last < 1 or p >= 1.0:
        return 0.0
    log_q = math.log1p(-p)
    if log_q < 0.0:
        last = min(last, 1 + int(math.log(NEGLIGIBLE) / (covered * log_q)))
    total = 0.0
    for start in range(1, last + 1, CHUNK):
        k = np.arange(start, min(start + CHUNK, last + 1), dtype=np.float64)
        total += float((weight(k) * np.exp(k * covered * log_q)).sum())
    return total


def bit_length(mean: float, variance: float, most: int) -> float:
    """Expected bits of a count N of at most ``most``: sum over k >= 0 of P(N >= 2^k).

    N is taken as normal with its mean and variance (continuity corrected): it is a sum of many words' contributions,
    and only a mean within a few deviations of a power of two gives anything but a whole number.
    """
    total = 0.0
    for k in range(most.bit_length()):
        edge = 2.0**k - 0.5
        if variance > 0.0:
            total += 0.5 * math.erfc((edge - mean) / math.sqrt(2.0 * variance))
        else:
            total += mean > edge
    return total
