"""The space of a layer's row-stationary mappings, with lower bounds of what they cost, in the order of a search.

All legal (m, n, e, f, p, q, r, t) are in it where cycles play a part: where they are minimised, or cost energy. Where
they do not, those sizes of n, e, f, q and r are left out that need as many pieces, and no less of any resource, than
others: they can be no better. Where there are too many to leave none out, the bounds hold for what is left out too.

The search looks three times: for the best by bounds that are quick to tell; for the best by the cycles of ``timeline``;
and, unless the exact engine finds that one no dearer than its bound, for all that may still be better.
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

BEGINS = np.array([0] * 9 + [1, 1], dtype=np.int64)
"""Columns of a bucket that say where it is."""

KEPT = 1024
"""Mappings of a group that are handed out, at most."""

MANY = 10**8
"""Choices of n, e, f, q and r of which none is left out, at most, where cycles play a part."""

TIMED_TOLERANCE = 1e-4
"""Costs this close, as a share, are equal where cycles play a part: more than what whole accesses and bursts add."""

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
        timed: whether cycles play a part.
        complete: whether a mapping that is left out can be no better than the best that is not.
        tolerance: costs this close, as a share, are equal.
        dropped: a bound of mappings that were not handed out because there are many as good.
    """

    def __init__(self, task: Task, rates: Rates, objective: Objective, *, every: bool = True) -> None:
        if not isinstance(task.dataflow, RowStationaryDataflow):
            raise TypeError(f"{task.dataflow.name} is not row stationary")
        self.task, self.rates, self.objective = task, rates, objective
        self.dataflow = task.dataflow
        self.timed = objective in (Objective.LATENCY, Objective.EDP)
        self.timed |= objective is Objective.ENERGY and rates.energy.cycle > 0
        running = rates.energy.cycle * task.geometry.macs / task.accelerator.array.pes
        self._paid = objective is Objective.ENERGY and running > PAID_SHARE * rates.energy.fixed
        self._every = every and self.timed and size(task) <= MANY
        self.complete = self._every or (rates.exact and not self.timed)
        self.tolerance = TIMED_TOLERANCE if self.timed else TOLERANCE
        self._slack = self.tolerance / 2 if self.timed else 0.0
        self._cover = self.dropped = np.inf
        self._picks: list[tuple[int, ...]] = []
        self._first: set[tuple[int, ...]] = set()
        self._floor = 0.0
        self._goal = OBJECTIVES.index(objective)
        self._buffered = any(Operand.PSUM in level.operands for level in task.accelerator.buffers)
        self._inputs = build(task, rates, self._every, self.timed)
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
        least, below, self._slack = limit, Limit(limit), ROUGHLY
        alike = (i.channels[:, :2] == (near.q, near.r)).all(axis=1)
        for channels, buckets in (buckets_of(i.channels[alike]), *(() if same else ((i.channels, i.buckets),))):
            self._inputs = i._replace(channels=channels, buckets=buckets)
            for bounds, _, _ in self._search(groups, floors, below, best=True, looks=1):
                least = min(least, float(bounds[:, 0].min(initial=np.inf)) * ROUNDING)
        self._inputs = i
        return least if least < limit else None

    def chunks(self, limit: Limit) -> Iterator[Chunk]:
        """Bounds of the mappings that may be better than ``limit``: first the best by its bound, then all others."""
        groups, floors = self._floors(self._inputs.groups)
        self._floor = float(floors.min(initial=np.inf)) * ROUNDING
        for looks in (1, 2) if self.timed else (1,):
            best = Limit(limit.value)
            yield from self._best(groups, floors, best, looks=looks)
            if self.timed and looks > 1 and limit.value <= best.value:
                return
        for at in range(len(groups)):
            if floors[at] * ROUNDING >= min(limit.value, self.dropped):
                break
            self._floor = float(floors[at]) * ROUNDING
            some, least = groups[at : at + 1], floors[at : at + 1]
            for found in self._search(some, least, limit, best=False):
                yield self._chunk(some, *found)

    def _best(self, groups: Ints, floors: Floats, best: Limit, *, looks: int) -> Iterator[Chunk]:
        """The best by its bound, and those that were so on the way to it; ``best`` becomes a bound of all."""
        for at in range(0, len(groups), SLICE):
            some, least = groups[at : at + SLICE], floors[at : at + SLICE]
            if least[0] * ROUNDING >= best.value:
                break
            latest: tuple[Floats, Ints] | None = None
            for bounds, picks, scored in self._search(some, least, best, best=True, looks=looks):
                latest = (bounds, picks) if len(bounds) else latest
                yield Chunk(bounds[:0], scored)
            if latest is not None:
                yield self._chunk(some, *latest, 0)

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
        self, groups: Ints, floors: Floats, limit: Limit, *, best: bool, looks: int = 2
    ) -> Iterator[tuple[Floats, Ints, int]]:
        """What the compiled search finds with some of the options for channels at a time: bounds, picks, how many."""
        from accsim.mapping.search.row_stationary.branches import search  # noqa: PLC0415

        i = self._inputs
        for first, end in dict.fromkeys((int(bucket[-2]), int(bucket[-1])) for bucket in i.buckets):
            buckets = i.buckets[i.buckets[:, -2] == first] - first * BEGINS
            bounds, picks, scored, cover, dropped = search(
                groups, floors, i.channels[first:end], buckets, i.lows, i.parts, i.order, i.sizes, i.prices, i.timing,
                self._goal, self._buffered, min(limit.value, self.dropped) / ROUNDING, best,
                self._slack if best else 0.0, KEPT, self._paid, looks, self._exact,
            )  # fmt: skip
            picks[:, 1] += first
            self._cover, self.dropped = min(self._cover, cover), min(self.dropped, dropped * ROUNDING)
            if best:
                least = float(bounds[:, 0].min(initial=np.inf)) * ROUNDING
                limit.value = min(limit.value, least * (1 - self._slack))
            yield bounds, picks, scored

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
