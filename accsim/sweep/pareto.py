"""The Pareto front: the points that no other is at least as good as in every objective and better in one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def front(costs: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which rows are on the front.

    Of equal rows all are. Rows in lexicographic order can be beaten by earlier ones only, so each is compared with the
    front so far.

    Args:
        costs: [point, objective], all to be minimised, none NaN.
    """
    out = np.zeros(len(costs), np.bool_)
    if not len(costs):
        return out
    order = np.lexsort(costs.T[::-1])
    kept = np.empty_like(costs)
    count = 0
    for i in order.tolist():
        row = costs[i]
        beaten = (kept[:count] <= row).all(axis=1) & (kept[:count] < row).any(axis=1)
        if not beaten.any():
            kept[count] = row
            count += 1
            out[i] = True
    return out


def hypervolume(costs: npt.NDArray[np.float64], reference: npt.NDArray[np.float64]) -> float:
    """The area that a front of two objectives dominates below a reference point.

    Args:
        costs: [point, 2].
        reference: [2], no better than any point that counts.
    """
    inside = costs[(costs < reference).all(axis=1)]
    kept = inside[front(inside)]
    area, top = 0.0, float(reference[1])
    for x, y in kept[np.lexsort((kept[:, 1], kept[:, 0]))].tolist():
        area += (float(reference[0]) - x) * max(0.0, top - y)
        top = min(top, y)
    return area
