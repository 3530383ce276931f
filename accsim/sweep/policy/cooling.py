"""Budgets that are tightened step by step, from what the uncompressed network costs to what is allowed.

Chen et al., "Constraint-Aware Deep Neural Network Compression" (ECCV 2018), compress and train in turn under a
constraint that is cooled linearly or exponentially. Nothing is trained here; each step is a policy to train under.
"""

from __future__ import annotations

from enum import StrEnum


class Cooling(StrEnum):
    """``linear``: equal steps; ``exponential``: equal ratios, so large steps first and small ones last."""

    LINEAR = "linear"
    EXPONENTIAL = "exponential"


def budgets(first: float, last: float, steps: int, cooling: Cooling) -> list[float]:
    """The budgets after each step; the last is ``last`` exactly.

    Args:
        first: the cost before the first step, above 0.
        last: the budget, above 0.
        steps: at least 1.
    """
    if last >= first:
        return [last] * steps
    shares = [i / steps for i in range(1, steps)]
    if cooling is Cooling.LINEAR:
        return [*(first + (last - first) * share for share in shares), last]
    return [*(first * (last / first) ** share for share in shares), last]
