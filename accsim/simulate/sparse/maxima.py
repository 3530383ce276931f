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


@lru_cache(maxsize=256)
def column_pairs(rows: int, density: float, count_bits: int) -> NDArray[np.float64]:
    """Probability of 0, 1, ... pairs that a PE of some rows stores of a column.

    From the runs of zeros before each word; of longer ones than 2^count_bits - 1 every 2^count_bits zeros cost a
    filler, zeros after the last word nothing.
    """
    covered = 1 << count_bits
    ends = np.zeros((rows + 1, rows + 1))  # a word in row i, and pairs up to it
    for i in range(1, rows + 1):
        for before in range(i):
            run = i - 1 - before
            more = 1 + run // covered
            share = density * (1 - density) ** run
            if before == 0:
                ends[i, more] += share
            else:
                ends[i, more:] += share * ends[before, : rows + 1 - more]
    out = sum((ends[i] * (1 - density) ** (rows - i) for i in range(1, rows + 1)), np.zeros(rows + 1))
    out[0] += (1 - density) ** rows
    return np.asarray(out / out.sum())


@lru_cache(maxsize=64)
def of_normals(draws: int) -> tuple[float, float]:
    """Mean and variance of the largest of independent standard normal draws."""
    at = np.linspace(-8, 8, 1025)
    each = np.diff(_normal(at) ** draws)
    middle = (at[1:] + at[:-1]) / 2
    mean = float(each @ middle)
    return mean, float(each @ (middle - mean) ** 2)


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


def taps_inside(outputs: int, taps: int, stride: int, dilation: int, pad: int, length: int) -> NDArray[np.int64]:
    """Taps of every window, along one axis, that lie on pixels."""
    at = np.arange(outputs)[:, None] * stride + np.arange(taps)[None, :] * dilation - pad
    return np.asarray(((at >= 0) & (at < length)).sum(axis=1), np.int64)
