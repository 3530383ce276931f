"""The space of a layer's row-stationary mappings, with lower bounds of what they cost, in the order of a search.

All legal (m, n, e, f, p, q, r, t) are in it where cycles are minimised. Where energy or traffic is, those sizes of n,
e, f, q and r are left out that need as many pieces, and no less of any resource, than others: they can be no better.
Leakage adds a little for each cycle, whose bound is not exact; then the bounds hold for what is left out too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from accsim.mapping.dataflow import RowStationaryDataflow
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.search.best_first import TOLERANCE, Chunk, Limit
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.row_stationary.exact import exact
from accsim.mapping.search.row_stationary.inputs import ROUNDING, buckets_of, build, size
from accsim.mapping.search.row_stationary.rates import Rates
from accsim.mapping.task import Task
from accsim.workload.layer import Operand

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SLICE = 64
"""Groups searched between two looks at the clock."""

ROUGHLY = 1e-3
"""How near the least bound is good enough where only that is asked for, as a share."""

KEPT = 1024
"""Mappings of a group that are handed out, at most."""

MANY = 10**8
"""Choices of n, e, f, q and r of which none is left out, at most, where cycles are minimised."""

TIMED_TOLERANCE = 1e-4
"""Costs this close, as a share, are equal where cycles play a part: their bound is not exact."""

PAID_SHARE = 0.01
"""Where the energy of running cycles is at least this share, bounds of many mappings at once count it, too."""

OBJECTIVES = (Objective.ENERGY, Objective.LATENCY, Objective.EDP, Objective.TRAFFIC)
"""In the order in which the compiled code numbers them."""


class RowStationarySpace:
    """Row-stationary mappings of a layer.

    Args:
        task: the layer.
        rates: what its words cost.
        objective: what is minimised.
        every: whether to leave out none of them where cycles play a part, if they are not too many.

    Attributes:
        complete: whether a mapping that is left out can be no better than the best that is not.
        tolerance: costs this close, as a share, are equal.
        dropped: a bound of mappings that were not handed out because there are many as good.
    """

    def __init__(self, task: Task, rates: Rates, objective: Objective, *, every: bool = True) -> None:
        if not isinstance(task.dataflow, RowStationaryDataflow):
            raise TypeError(f"{task.dataflow.name} is not row stationary")
        self.task, self.rates, self.objective = task, rates, objective
        self.dataflow = task.dataflow
        self._timed = objective in (Objective.LATENCY, Objective.EDP)
        self._timed |= objective is Objective.ENERGY and rates.energy.cycle > 0
        running = rates.energy.cycle * task.geometry.macs / task.accelerator.array.pes
        self._paid = objective is Objective.ENERGY and running > PAID_SHARE * rates.energy.fixed
        self._every = every and self._timed and size(task) <= MANY
        self.complete = self._every or (rates.exact and not self._timed)
        self.tolerance = TIMED_TOLERANCE if self._timed else TOLERANCE
        self._slack = self.tolerance / 2 if self._timed else 0.0
        self._cover = self.dropped = np.inf
        self._picks: list[tuple[int, ...]] = []
        self._first: set[tuple[int, ...]] = set()
        self._floor = 0.0
        self._goal = OBJECTIVES.index(objective)
        self._buffered = any(Operand.PSUM in level.operands for level in task.accelerator.buffers)
        self._inputs = build(task, rates, self._every, self._timed)
        self._exact = exact(task, rates.channel)

    @property
    def words(self) -> str:
        """What the space holds."""
        return "all legal m, n, e, f, p, q, r and t"

    def cover(self) -> float:
        """A bound of all mappings that are left out because another one needs no more of anything."""
        return self._cover * ROUNDING

    def floor(self) -> float:
        """A bound of all mappings not handed out so far."""
        return self._floor

    def candidate(self, index: int) -> RowStationaryMapping:
        """The mapping of an index."""
        n, e, f, q, r, p, t, m = self._picks[index]
        return RowStationaryMapping(self.dataflow, m=m, n=n, e=e, f=f, p=p, q=q, r=r, t=t)

    def least_bound(self, near: RowStationaryMapping, limit: float, *, same: bool = False) -> float | None:
        """The least bound of mappings with two of n, e and f in common with ``near``, but for a share of ``ROUGHLY``.

        ``None`` if it is not below ``limit``. Those with the ``same`` q and r are searched first, to pass over most
        others, or alone.
        """
        rows, i = self._inputs.groups, self._inputs
        alike = (rows[:, [0, 2, 10]] == (near.n, near.e, near.f)).sum(axis=1)
        groups, floors = self._floors(rows[alike >= 2])
        least, self._slack = Limit(limit), ROUGHLY
        alike = (i.channels[:, :2] == (near.q, near.r)).all(axis=1)
        for channels, buckets in (buckets_of(i.channels[alike]), *(() if same else ((i.channels, i.buckets),))):
            self._inputs = i._replace(channels=channels, buckets=buckets)
            bounds, *_ = self._search(groups, floors, least.value * (1 - ROUGHLY), best=True, exactly=False)
            least.value = min(least.value, float(bounds[:, 0].min(initial=np.inf)) * ROUNDING)
        self._inputs = i
        return least.value if least.value < limit else None

    def chunks(self, limit: Limit) -> Iterator[Chunk]:
        """Bounds of the mappings that may be better than ``limit``: first the best by its bound, then all others."""
        groups, floors = self._floors(self._inputs.groups)
        self._floor = float(floors.min(initial=np.inf)) * ROUNDING
        for exactly in (False, True) if self._timed else (False,):
            best = Limit(limit.value)
            yield from self._best(groups, floors, best, exactly=exactly)
            if self._timed and exactly and limit.value <= best.value:
                return
        for at in range(len(groups)):
            if floors[at] * ROUNDING >= min(limit.value, self.dropped):
                break
            self._floor = float(floors[at]) * ROUNDING
            some, least = groups[at : at + 1], floors[at : at + 1]
            bounds, picks, scored = self._search(some, least, limit.value, best=False)
            yield self._chunk(some, bounds, picks, scored)

    def _best(self, groups: Ints, floors: Floats, best: Limit, *, exactly: bool) -> Iterator[Chunk]:
        """The best by its bound, and those that were so on the way to it; ``best`` becomes a bound of all."""
        for at in range(0, len(groups), SLICE):
            some, least = groups[at : at + SLICE], floors[at : at + SLICE]
            if least[0] * ROUNDING >= best.value:
                break
            bounds, picks, scored = self._search(some, least, best.value, best=True, exactly=exactly)
            best.value = min(best.value, float(bounds[:, 0].min(initial=np.inf)) * ROUNDING * (1 - self._slack))
            yield self._chunk(some, bounds, picks, scored)

    def _floors(self, groups: Ints) -> tuple[Ints, Floats]:
        """Groups and a bound of all mappings of each, least first."""
        from accsim.mapping.search.row_stationary.branches import floors_of  # noqa: PLC0415

        i = self._inputs
        floors = floors_of(
            groups,
            i.buckets,
            i.parts,
            i.order,
            i.sizes,
            i.prices,
            i.timing,
            self._goal,
            self._buffered,
            self._paid,
            self._exact,
        )
        by_floor = np.argsort(floors, kind="stable")
        return groups[by_floor], floors[by_floor]

    def _search(
        self, groups: Ints, floors: Floats, limit: float, *, best: bool, exactly: bool = True
    ) -> tuple[Floats, Ints, int]:
        """What the compiled search finds: bounds, picks, and how many it scored."""
        from accsim.mapping.search.row_stationary.branches import search  # noqa: PLC0415

        i = self._inputs
        bounds, picks, scored, cover, dropped = search(
            groups, floors, i.channels, i.buckets, i.lows, i.parts, i.order, i.sizes, i.prices, i.timing,
            self._goal, self._buffered, min(limit, self.dropped) / ROUNDING, best, self._slack if best else 0.0,
            KEPT, self._paid, exactly, self._exact,
        )  # fmt: skip
        self._cover, self.dropped = min(self._cover, cover), min(self.dropped, dropped * ROUNDING)
        return bounds, picks, scored

    def _chunk(self, groups: Ints, bounds: Floats, picks: Ints, scored: int) -> Chunk:
        """Bounds of mappings not handed out before, which get the next indices."""
        group, channel = groups[picks[:, 0]][:, [0, 2, 10]], self._inputs.channels[picks[:, 1]][:, :2]
        mappings = [tuple(row) for row in np.column_stack([group, channel, picks[:, 2:]]).tolist()]
        new = [i for i, mapping in enumerate(mappings) if mapping not in self._first]
        self._picks += [mappings[i] for i in new]
        if len(mappings) == 1:
            self._first.update(mappings)
        bounds = bounds[new]
        bounds[:, 0] *= ROUNDING
        return Chunk(bounds, scored)
