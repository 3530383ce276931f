"""Expected maxima: what waits for each other takes as long as its slowest."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Shares = NDArray[np.float64]
POINTS = 256
"""Places at which the distribution of a maximum is taken; the trapezoid between them is off by less than 1e-4 sd."""


@lru_cache(maxsize=8192)
def binomial(size: int, density: float) -> Shares:
    """Probability that 0, 1, ... ``size`` of as many independent words are not zero."""
    if density <= 0 or density >= 1:
        out = np.zeros(size + 1)
        out[0 if density <= 0 else size] = 1.0
        return out
    k = np.arange(size + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, size + 1)))])
    chosen = logs[size] - logs[k] - logs[size - k]
    return np.asarray(np.exp(chosen + k * math.log(density) + (size - k) * math.log1p(-density)))


def largest(shares: Shares, draws: int) -> tuple[float, float]:
    """Mean and variance of the largest of independent draws of 0, 1, 2, ... with some probabilities."""
    below = np.minimum(np.cumsum(shares), 1.0) ** draws
    below[-1] = 1.0
    each = np.diff(below, prepend=0.0)
    k = np.arange(len(each))
    mean = float(each @ k)
    return mean, max(0.0, float(each @ (k * k)) - mean * mean)


def slowest(means: NDArray[np.float64], variances: NDArray[np.float64]) -> float:
    """Expected largest of sums of many independent parts, taken as normal and independent of each other.

    The mean of the distribution whose chance to be below x is the product of theirs.
    """
    top, spread = float(means.max()), float(np.sqrt(variances.max()))
    if spread == 0:
        return top
    at = np.linspace(top - 8 * spread, top + 8 * spread, POINTS)
    sd = np.maximum(np.sqrt(variances), 1e-9 * spread)
    pairs, times = np.unique(np.stack([means, sd], axis=1), axis=0, return_counts=True)
    below = np.ones(POINTS)
    for (mean, one), n in zip(pairs, times, strict=True):
        below *= _normal((at - mean) / one) ** n
    return float(at[-1] - np.trapezoid(below, at))


def _normal(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z.tolist()])
