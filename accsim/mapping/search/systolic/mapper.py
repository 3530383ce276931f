"""The best systolic mapping of a layer: bounds of every candidate, exact costs of the best of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from accsim.mapping.mapping import SystolicMapping
from accsim.mapping.search.best_first import Cost, Found, Limit, Watch, best_first
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Patience, Stopped
from accsim.mapping.search.systolic.neighbours import improved
from accsim.mapping.search.systolic.scan import Scan
from accsim.mapping.search.systolic.space import Space, space_of
from accsim.mapping.search.systolic.tables import Job
from accsim.mapping.search.systolic.terms import Terms
from accsim.mapping.task import Task, violations

KEPT = {Objective.ENERGY: 2, Objective.LATENCY: 4, Objective.EDP: 4, Objective.TRAFFIC: 2}
"""Candidates of the least bounds that are evaluated exactly. One is enough where bounds are exact; of cycles they are
not, and then as many or twice as many of the likely best are evaluated."""

KEPT_WITH_LIMIT = 1 << 16
"""Candidates kept for a search with a time limit of its own."""

STEPS = {Objective.ENERGY: 32, Objective.LATENCY: 100, Objective.EDP: 100, Objective.TRAFFIC: 32}
"""Neighbours of a layer's mappings that are evaluated exactly, at most, unless there is a time limit."""

TRIES = {Objective.ENERGY: 4, Objective.LATENCY: 30, Objective.EDP: 30, Objective.TRAFFIC: 4}
"""Neighbours of one mapping that are evaluated exactly in vain, at most, unless there is a time limit."""

STARTS = {Objective.ENERGY: 2, Objective.LATENCY: 3, Objective.EDP: 3, Objective.TRAFFIC: 2}
NEAR = 0.05
"""Mappings with different dimensions cut that are improved from neighbour to neighbour, at most; and how much more
than the best they may cost, as a share."""


def search(
    task: Task,
    terms: Terms,
    objective: Objective,
    cost: Callable[[SystolicMapping], Cost | None],
    *,
    first: Sequence[SystolicMapping] = (),
    patience: Patience | None = None,
    watch: Watch | None = None,
) -> Found[SystolicMapping] | None:
    """The best mapping of a layer; ``None`` if none is legal.

    Args:
        task: a layer, with a dataflow for a systolic array.
        terms: what its words and cycles cost.
        cost: the exact cost of a mapping.
        first: mappings evaluated before any other; of equal costs they win.
        patience: when to end early.
        watch: told how far the search is.
    """
    waits, limit = patience or Patience(), Limit()
    space, known = space_of(Job.of(task, terms), objective), _Costs(task, cost)
    descent = _Descent(space, known, objective, waits)
    scan = Scan(space, KEPT[objective] if waits.seconds is None else KEPT_WITH_LIMIT, waits, limit)
    found = best_first(
        scan.chunks(),
        scan.candidate,
        known.of,
        first=chain(first, space.simple(limit, waits), space.conventional(limit, waits), descent.lowest()),
        patience=waits,
        complete=space.complete,
        cover=space.floor,
        space=space.words,
        limit=limit,
        watch=watch,
    )
    if found is None:
        return None
    found = replace(found, evaluated=known.evaluated)
    if scan.ended is not None:
        return replace(found, complete=False, bound=min(found.bound, space.floor()), stopped=scan.ended)
    if scan.left < limit.value:
        stopped = Stopped.EVALUATIONS if found.stopped is Stopped.PROVED else found.stopped
        found = replace(found, bound=min(found.bound, scan.left), stopped=stopped)
    return found if found.proved else descent.after(found)


class _Costs:
    """Exact costs of legal mappings, worked out once each."""

    def __init__(self, task: Task, cost: Callable[[SystolicMapping], Cost | None]) -> None:
        self.task, self.cost = task, cost
        self.known: dict[SystolicMapping, Cost | None] = {}

    def of(self, mapping: SystolicMapping) -> Cost | None:
        """The cost of a mapping; ``None`` if it is not legal."""
        if mapping not in self.known:
            self.known[mapping] = None if violations(self.task, mapping) else self.cost(mapping)
        return self.known[mapping]

    def best(self, most: int) -> list[SystolicMapping]:
        """The best so far of those that cut different dimensions."""
        legal = [(spent, i, mapping) for i, (mapping, spent) in enumerate(self.known.items()) if spent is not None]
        least = min(spent[0] for spent, _, _ in legal)
        best: dict[frozenset[str], SystolicMapping] = {}
        for spent, _, mapping in sorted(legal, key=lambda one: one[:2]):
            if spent[0] <= least * (1 + NEAR):
                best.setdefault(frozenset(loop.dim for loop in mapping.loops), mapping)
        return list(best.values())[:most]

    @property
    def evaluated(self) -> int:
        """Costs worked out."""
        return sum(spent is not None for spent in self.known.values())


class _Descent:
    """From the best few so far to what is alike and better, from neighbour to neighbour."""

    def __init__(self, space: Space, known: _Costs, objective: Objective, patience: Patience) -> None:
        self.space, self.known, self.objective, self.patience = space, known, objective, patience
        self._from: set[SystolicMapping] = set()
        self._left: float = STEPS[objective] if patience.seconds is None else np.inf

    def lowest(self) -> Iterator[SystolicMapping]:
        """Where the best few lead to that have not been gone from."""
        for start in self.known.best(STARTS[self.objective]) if self.known.evaluated else ():
            if start in self._from:
                continue
            before = self.known.evaluated

            def over(most: float = before + self._left) -> bool:
                return self.patience.over is not None or self.known.evaluated >= most

            tries = TRIES[self.objective] if self.patience.seconds is None else None
            lowest = improved(start, self.space.sizes, self.space.bounds, self.known.of, over, tries)
            self._left -= self.known.evaluated - before
            self._from |= {start, lowest}
            yield lowest

    def after(self, found: Found[SystolicMapping]) -> Found[SystolicMapping]:
        """What was found, or better."""
        for best in self.lowest():
            spent = self.known.of(best)
            if spent is not None and spent < found.cost:
                found = replace(found, mapping=best, cost=spent, bound=min(found.bound, spent[0]))
        return replace(found, evaluated=self.known.evaluated)
