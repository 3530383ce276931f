"""Sums that expected sizes are made of: words are non-zero independently with probability p, q = 1 - p."""

from __future__ import annotations

import math

import numpy as np

FEW = 1 << 12
"""Up to this many terms are added one by one."""


def runs_at(n: int, p: float, covered: int) -> float:
    """Expected fillers before non-zero words: p * sum over k >= 1 of (n - k R)^+ q^(k R), R = ``covered``.

    A non-zero word at place j (from 0) has a k-th filler before it when the k R words before it exist (k R <= j) and
    are zero, q^(k R); over j that is p (n - k R)^+ q^(k R). This is exact for a tensor of n words.
    """
    return p * _series(n, p, covered, n, covered) if p > 0.0 else 0.0


def filled_runs(n: int, p: float, covered: int) -> float:
    """Sum over k >= 1 with k R < n of q^(k R): used where zeros after the last non-zero word are stored too."""
    return _series(n, p, covered, 1, 0) if p > 0.0 else float((n - 1) // covered)


def _series(n: int, p: float, covered: int, constant: int, slope: int) -> float:
    """Sum over 1 <= k with k R < n of (constant - slope k) q^(k R)."""
    last = (n - 1) // covered
    if last < 1 or p >= 1.0:
        return 0.0
    decay = -covered * math.log1p(-p)
    if last <= FEW:
        k = np.arange(1, last + 1)
        return float(((constant - slope * k) * np.exp(-decay * k)).sum())
    plain, weighted = geometric(last, decay)
    return constant * plain - slope * weighted


def geometric(last: int, decay: float) -> tuple[float, float]:
    """Sums of x^k and of k x^k over 1 <= k <= K = ``last``, x = exp(-decay).

    They are x (1 - x^K) / (1 - x) and x (1 - x^K - K (1 - x) x^K) / (1 - x)^2. Where x^K is nearly 1 the second
    cancels; there x^k = 1 - k decay + (k decay)^2 / 2 is exact to (K decay)^3 / 6.
    """
    if last * decay < 1e-3:
        k = float(last)
        ones, squares, cubes = k * (k + 1) / 2, k * (k + 1) * (2 * k + 1) / 6, (k * (k + 1) / 2) ** 2
        return k - decay * ones + decay**2 / 2 * squares, ones - decay * squares + decay**2 / 2 * cubes
    x, rest, end = math.exp(-decay), -math.expm1(-decay), math.exp(-decay * last)
    whole = -math.expm1(-decay * last)
    return x * whole / rest, x * (whole - last * rest * end) / rest**2


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
