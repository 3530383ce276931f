"""One choice per layer: the least sum of losses whose sum of costs is within a budget (multiple-choice knapsack).

Exact: layer by layer, all pairs of cost and loss that no other beats (dynamic programming over a Pareto front;
Nemhauser and Ullmann, Management Science 1969). A pair is dropped, too, when even the best mixtures of the choices left
could not bring it below what the greedy solver reached (the bound of the linear relaxation; Sinha and Zoltners,
Operations Research 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_PAIRS = 2_000_000
"""Pairs that are kept; with more, the costliest losses are thinned out and nothing is proved."""

_SLACK = 1e-12
"""Share by which bounds may be off, as sums are rounded."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A choice for every layer.

    Attributes:
        picks: its number, by layer.
        proved: whether no other is better within the budget.
    """

    picks: tuple[int, ...]
    cost: float
    loss: float
    proved: bool


def least_cost(costs: Sequence[Floats]) -> float:
    """The least that any solution costs."""
    return float(sum(cost.min() for cost in costs))


def exact(costs: Sequence[Floats], losses: Sequence[Floats], budget: float) -> Solution | None:
    """The best solution; ``None`` if none is within the budget.

    Args:
        costs, losses: [choice] of each layer; losses at least 0.
    """
    start = greedy(costs, losses, budget)
    if start is None:
        return None
    kept = [_undominated(cost, loss) for cost, loss in zip(costs, losses, strict=True)]
    rest = _relaxations(
        [c[k] for c, k in zip(costs, kept, strict=True)], [v[k] for v, k in zip(losses, kept, strict=True)]
    )
    cost, loss, proved = np.zeros(1), np.zeros(1), True
    back: list[tuple[Ints, Ints]] = []
    most = start.loss * (1 + _SLACK) + 1e-300
    for i, places in enumerate(kept):
        each = (cost[:, None] + costs[i][places][None, :]).ravel()
        lost = (loss[:, None] + losses[i][places][None, :]).ravel()
        bound = lost + rest[i + 1].least(budget - each)
        at = np.flatnonzero(bound <= most)
        at = at[np.lexsort((lost[at], each[at]))]
        before = np.concatenate([[np.inf], np.minimum.accumulate(lost[at])[:-1]])
        at = at[lost[at] < before]
        if len(at) > MOST_PAIRS:
            at, proved = at[np.linspace(0, len(at) - 1, MOST_PAIRS).astype(np.int64)], False
        back.append((at // len(places), places[at % len(places)]))
        cost, loss = each[at], lost[at]
    if not len(loss) or loss[-1] > start.loss:
        return Solution(start.picks, start.cost, start.loss, proved)
    picks, place = list[int](), len(loss) - 1
    for parents, chosen in reversed(back):
        picks.append(int(chosen[place]))
        place = int(parents[place])
    return _solution(tuple(reversed(picks)), costs, losses, proved)


def greedy(
    costs: Sequence[Floats], losses: Sequence[Floats], budget: float, begin: Sequence[int] | None = None
) -> Solution | None:
    """A good solution: from the least loss on, the step that loses least for what it saves, until the budget is met.

    What is left of the budget then is spent on the steps back that gain most for what they cost.

    Args:
        begin: choices that are begun with, such as those of a wider budget; none is given up for a costlier one.
    """
    if least_cost(costs) > budget:
        return None
    ceiling = [np.inf if begin is None else float(costs[i][begin[i]]) for i in range(len(costs))]
    picks = list(begin) if begin is not None else [_least_loss(c, v) for c, v in zip(costs, losses, strict=True)]
    total = sum(float(costs[i][pick]) for i, pick in enumerate(picks))
    while total > budget:
        steps = [_cheaper(costs[i], losses[i], pick) for i, pick in enumerate(picks)]
        i = min((i for i, step in enumerate(steps) if step is not None), key=lambda i: (steps[i] or (np.inf,))[0])
        step = steps[i]
        if step is None:
            return None
        picks[i] = step[1]
        total = sum(float(costs[j][pick]) for j, pick in enumerate(picks))
    while True:
        best: tuple[float, int, int] | None = None
        for i, pick in enumerate(picks):
            more, gain = costs[i] - costs[i][pick], losses[i][pick] - losses[i]
            for j in np.flatnonzero((gain > 0) & (more <= budget - total) & (costs[i] <= ceiling[i])).tolist():
                rate = float(gain[j]) / float(more[j]) if more[j] > 0 else np.inf
                if best is None or rate > best[0]:
                    best = rate, i, j
        if best is None:
            break
        picks[best[1]] = best[2]
        total = sum(float(costs[j][pick]) for j, pick in enumerate(picks))
    found = _solution(tuple(picks), costs, losses, False)
    return found if found.cost <= budget else None


def _solution(picks: tuple[int, ...], costs: Sequence[Floats], losses: Sequence[Floats], proved: bool) -> Solution:
    cost = sum(float(costs[i][pick]) for i, pick in enumerate(picks))
    loss = sum(float(losses[i][pick]) for i, pick in enumerate(picks))
    return Solution(picks, cost, loss, proved)


def _least_loss(cost: Floats, loss: Floats) -> int:
    return int(np.lexsort((cost, loss))[0])


def _cheaper(cost: Floats, loss: Floats, pick: int) -> tuple[float, int] | None:
    """The step to a cheaper choice that loses least for what it saves: at what rate, and which; ``None``: none."""
    saved, lost = cost[pick] - cost, loss - loss[pick]
    at = np.flatnonzero(saved > 0)
    if not len(at):
        return None
    with np.errstate(over="ignore"):  # next to nothing saved: an infinite rate
        rates = lost[at] / saved[at]
    best = int(np.lexsort((-saved[at], rates))[0])
    return float(rates[best]), int(at[best])


def _undominated(cost: Floats, loss: Floats) -> Ints:
    """Choices that no other beats, by cost."""
    order = np.lexsort((loss, cost))
    before = np.concatenate([[np.inf], np.minimum.accumulate(loss[order])[:-1]])
    return order[loss[order] < before].astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Relaxation:
    """The least loss of some layers, mixtures of choices allowed, by what they may cost: a convex chain."""

    cost: Floats
    loss: Floats

    def least(self, budget: Floats) -> Floats:
        """The least loss within each budget; infinite where there is none."""
        out = np.interp(budget, self.cost, self.loss) * (1 - _SLACK)
        return np.where(budget < self.cost[0] * (1 - _SLACK), np.inf, out)


def _relaxations(costs: Sequence[Floats], losses: Sequence[Floats]) -> list[_Relaxation]:
    """Of the layers from each one on; the last is of none."""
    out = [_Relaxation(np.zeros(1), np.zeros(1))]
    steps: list[tuple[float, float]] = []
    base, most = 0.0, 0.0
    for cost, loss in zip(reversed(costs), reversed(losses), strict=True):
        hull = _hull(cost, loss)
        base, most = base + float(cost[hull[0]]), most + float(loss[hull[0]])
        for a, b in pairwise(hull):
            steps.append((float(cost[b] - cost[a]), float(loss[a] - loss[b])))
        steps.sort(key=lambda step: -step[1] / step[0])
        x = np.concatenate([[0.0], np.cumsum([step[0] for step in steps])]) + base
        y = most - np.concatenate([[0.0], np.cumsum([step[1] for step in steps])])
        out.append(_Relaxation(x, np.maximum(y, 0.0)))
    return out[::-1]


def _hull(cost: Floats, loss: Floats) -> list[int]:
    """The lower convex hull of undominated choices, by cost."""
    out: list[int] = []
    for i in range(len(cost)):
        while len(out) > 1 and (loss[out[-1]] - loss[out[-2]]) * (cost[i] - cost[out[-2]]) >= (
            loss[i] - loss[out[-2]]
        ) * (cost[out[-1]] - cost[out[-2]]):
            out.pop()
        out.append(i)
    return out
