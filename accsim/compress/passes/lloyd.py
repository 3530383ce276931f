"""Lloyd's algorithm, on the line and in a few dimensions: the same result in every run.

Both versions keep every centroid in use: one that is nearest to no point moves to a point that is far from its own
centroid, which makes the error smaller. So the error never grows, and it is zero where there are at least as many
centroids as distinct points.
"""

from __future__ import annotations

import numpy as np

from accsim.compress.codes import Ints
from accsim.compress.grain import Reals


def on_a_line(values: Reals, begin: Reals, most: int) -> Reals:
    """Centroids of values, ascending; fewer than at the beginning where there are fewer distinct values.

    Values are sorted once. Clusters are then intervals, and prefix sums give their means, so a turn costs a search per
    centroid.

    Args:
        values: one dimension, at least one.
        begin: the first centroids.
        most: turns at most; it ends where nothing changes.
    """
    ordered = np.sort(values)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    centroids, bounds = np.sort(begin), np.zeros(0, np.int64)
    for _ in range(most):
        before = bounds
        inner = np.searchsorted(ordered, (centroids[1:] + centroids[:-1]) / 2, side="right")
        bounds = np.concatenate([[0], inner, [ordered.size]])
        counts = np.diff(bounds)
        used = counts > 0
        low, high = ordered[bounds[:-1][used]], ordered[bounds[1:][used] - 1]
        # a mean lies between the ends of its interval, whatever the subtraction of prefix sums has lost
        means = np.clip((sums[bounds[1:]] - sums[bounds[:-1]])[used] / counts[used], low, high)
        ends, away = np.concatenate([low, high]), np.concatenate([means - low, high - means])
        farthest = np.argsort(-away, kind="stable")[: begin.size - means.size]
        added = ends[farthest[away[farthest] > 0]]
        if not added.size and np.array_equal(before, bounds):
            break
        centroids = np.unique(np.concatenate([means, added]))
    return centroids


def nearest_on_a_line(values: Reals, centroids: Reals) -> Ints:
    """Index of the nearest of ascending centroids, the lower one in a tie."""
    return np.searchsorted((centroids[1:] + centroids[:-1]) / 2, values, side="left").astype(np.int64)


def in_space(points: Reals, entries: int, draw: np.random.Generator, most: int) -> tuple[Reals, Ints]:
    """Centroids of points [entries, dimensions], and the index of each point's nearest.

    It begins at distinct points drawn by ``draw``. Where there are no more distinct points than entries, they are the
    centroids, and the first one fills what is left.

    Args:
        points: [points, dimensions], at least one.
        most: turns at most.
    """
    distinct, inverse, counts = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    if len(distinct) <= entries:
        filled = np.concatenate([distinct, np.repeat(distinct[:1], entries - len(distinct), axis=0)])
        return filled, inverse.astype(np.int64)
    centroids = distinct[np.sort(draw.choice(len(distinct), entries, replace=False))]
    index = nearest_in_space(distinct, centroids)
    for _ in range(most):
        centroids = _means(distinct, counts, index, centroids)
        found = nearest_in_space(distinct, centroids)
        if np.array_equal(found, index):
            break
        index = found
    return centroids, index[inverse]


def _means(points: Reals, counts: Ints, index: Ints, before: Reals) -> Reals:
    """Weighted means of clusters; an empty one takes the point with the largest error that no other has taken."""
    weight = np.bincount(index, weights=counts, minlength=len(before))
    sums = np.stack([np.bincount(index, weights=counts * axis, minlength=len(before)) for axis in points.T], axis=1)
    centroids = np.divide(sums, weight[:, None], out=before.copy(), where=weight[:, None] > 0)
    empty = np.flatnonzero(weight == 0)
    if empty.size:
        errors = counts * ((points - centroids[index]) ** 2).sum(axis=1)
        centroids[empty] = points[np.argsort(-errors, kind="stable")[: empty.size]]
    return centroids


def nearest_in_space(points: Reals, centroids: Reals) -> Ints:
    """Index of the nearest centroid of each point, the first one in a tie."""
    from accsim.kernels.nearest import nearest  # noqa: PLC0415

    index = np.empty(len(points), np.int64)
    nearest(np.ascontiguousarray(points), np.ascontiguousarray(centroids.T), index)
    return index


def nearest_line(points: Reals, lines: Reals) -> Ints:
    """Index of the line through the origin on which each point has its longest projection, the first one in a tie.

    Args:
        points: [points, dimensions].
        lines: unit vectors [lines, dimensions].
    """
    from accsim.kernels.nearest import longest  # noqa: PLC0415

    index = np.empty(len(points), np.int64)
    longest(np.ascontiguousarray(points), np.ascontiguousarray(lines.T), index)
    return index
