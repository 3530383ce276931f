"""Compiled search for the nearest of some vectors. It is no golden kernel: codebooks are found with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel


@kernel
def nearest(points: NDArray[np.float64], turned: NDArray[np.float64], index: NDArray[np.int64]) -> None:
    """index[i] = the centroid nearest to points[i], the first one in a tie.

    Args:
        points: [points, dimensions].
        turned: the centroids, [dimensions, centroids].
        index: [points], filled.
    """
    dimensions, count = turned.shape
    distances = np.empty(count)
    for i in range(points.shape[0]):
        distances[:] = 0.0
        for d in range(dimensions):
            coordinate = points[i, d]
            for k in range(count):
                away = coordinate - turned[d, k]
                distances[k] += away * away
        best = 0
        for k in range(1, count):
            if distances[k] < distances[best]:
                best = k
        index[i] = best


@kernel
def longest(points: NDArray[np.float64], turned: NDArray[np.float64], index: NDArray[np.int64]) -> None:
    """index[i] = the line on which points[i] has its longest projection, the first one in a tie.

    Args:
        points: [points, dimensions].
        turned: unit vectors along the lines, [dimensions, lines].
        index: [points], filled.
    """
    dimensions, count = turned.shape
    projections = np.empty(count)
    for i in range(points.shape[0]):
        projections[:] = 0.0
        for d in range(dimensions):
            coordinate = points[i, d]
            for k in range(count):
                projections[k] += coordinate * turned[d, k]
        best = 0
        for k in range(1, count):
            if abs(projections[k]) > abs(projections[best]):
                best = k
        index[i] = best
