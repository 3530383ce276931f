"""The candidates of a layer: combinations of tile sizes, times the loop orders and depths that hold their tiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from functools import lru_cache
from itertools import combinations

import numpy as np

from accsim.mapping.mapping import NEST_OPERANDS, SystolicMapping, shared_levels
from accsim.mapping.nest import Loop
from accsim.mapping.search.best_first import Bounds, Limit
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Patience
from accsim.mapping.search.systolic import figures
from accsim.mapping.search.systolic.arrays import machine
from accsim.mapping.search.systolic.flows import Sums
from accsim.mapping.search.systolic.folds import SIZE, Cuts, Floats, Ints
from accsim.mapping.search.systolic.heap import KEPT, Heap
from accsim.mapping.search.systolic.holds import DIMS, hold_of
from accsim.mapping.search.systolic.listed import score_listed
from accsim.mapping.search.systolic.score import score
from accsim.mapping.search.systolic.sizes import Size, one_size, thinned
from accsim.mapping.search.systolic.tables import (
    Job,
    Sizes,
    Slots,
    buffers,
    conventional_sizes,
    costs,
    cuts,
    every_tile_size,
    held,
    longer,
    tile_sizes,
)  # fmt: skip
from accsim.mapping.search.systolic.terms import FLOWS
from accsim.mapping.search.systolic.tiles import Room
from accsim.workload.layer import Operand

OBJECTIVES = {
    Objective.ENERGY: figures.ENERGY,
    Objective.LATENCY: figures.LATENCY,
    Objective.EDP: figures.EDP,
    Objective.TRAFFIC: figures.TRAFFIC,
}

FEW_KEPT, LONE = 2, 128
"""Candidates kept where one or two dimensions alone are cut, and sizes of each, at most."""

FIRST_KEPT = {figures.ENERGY: 2, figures.LATENCY: 16, figures.EDP: 16, figures.TRAFFIC: 2}
"""Candidates of conventional tile sizes that are evaluated, by bound and by a guess each."""


class Space:
    """The candidates of a layer.

    Attributes:
        tiles: combinations of tile sizes.
        complete: whether sizes that are not tried can be no better.
    """

    def __init__(self, job: Job, objective: Objective) -> None:
        self.job, self.objective = job, OBJECTIVES[objective]
        folds = objective is not Objective.TRAFFIC or any(job.terms.traffic.flows)
        self._every = every_tile_size(job, folds=folds)
        sizes = tile_sizes(job, self._every, folds=folds)
        self.complete, self.tiles, self._sizes = sizes.complete, sizes.tiles, sizes
        self._cuts = cuts(job, sizes)
        self._prepare()

    @classmethod
    def of_sizes(cls, job: Job, objective: Objective, sizes: Sizes, rows: Cuts) -> Space:
        """A space of given tile sizes, which are not all there are."""
        space = cls.__new__(cls)
        space.job, space.objective, space.complete = job, OBJECTIVES[objective], False
        space.tiles, space._sizes, space._every, space._cuts = sizes.tiles, sizes, sizes, rows
        space._prepare()
        return space

    def _prepare(self) -> None:
        """What does not depend on the tile sizes."""
        job = self.job
        self._slots, self._known = Slots.of(job.terms), dict[tuple[str, int], Size]()
        self._held = held(self._slots.kinds, job.dataflow.stationary, longer(job))
        rows = self._held.arrays
        self._most_loads = int((rows.last - rows.first).max())
        self._machine = machine(job.accelerator, job.dataflow)
        self._buffers, self._costs = buffers(job, self._slots), costs(job, self._slots, self._cuts)
        terms = (*job.terms.energy.slots, *job.terms.traffic.slots)
        self._rules_out = all(term >= 0 for term in terms)

    @property
    def sizes(self) -> dict[str, tuple[int, ...]]:
        """Tile sizes of each dimension that can be cut, the largest first."""
        every = zip(DIMS, self._every.options, strict=True)
        return {dim: tuple(one.size for one in options) for dim, options in every if len(options) > 1}

    @property
    def words(self) -> str:
        """What the space holds, for people."""
        sizes = "tile sizes" if self.complete else "some of the tile sizes"
        return f"{sizes}, loop orders and held depths with each dimension cut once"

    def floor(self) -> float:
        """What no mapping at all can be below: words that come from DRAM once, and as many MACs a cycle as PEs."""
        terms, g, channel = self.job.terms, self.job.geometry, self._costs.channel
        weight = [i for i, (_, operand) in enumerate(terms.slots) if operand is Operand.WEIGHT]
        energy, traffic = (
            one.constant + sum(one.slots[i] for i in weight) * g.weight_words for one in (terms.energy, terms.traffic)
        )
        least = sum(one.word_bits * g.weight_words for one in terms.fetched if one.operand is Operand.WEIGHT)
        cycles = max(least * channel[1], g.macs / self.job.accelerator.array.pes)
        energy += terms.leak_per_cycle * cycles
        return float((energy, cycles, energy * cycles, traffic)[self.objective])

    def conventional(self, limit: Limit, patience: Patience) -> Iterator[SystolicMapping]:
        """The best by bound, and by a guess, among the tile sizes that a designer would try first."""
        space = self._of(conventional_sizes(self.job))
        heaps = space.heap(FIRST_KEPT[self.objective]), space.heap(FIRST_KEPT[self.objective] if self.timed else 0)
        space.score(0, space.tiles, limit.value, *heaps)
        for tiles, row in dict.fromkeys(tuple(place) for heap in heaps[::-1] for place in in_order(heap)[1].tolist()):
            if limit.value < np.inf and patience.over:
                return
            yield space.mapping(tiles, row)

    def simple(self, limit: Limit, patience: Patience) -> Iterator[SystolicMapping]:
        """The best few by bound, and by a guess, for every one or two dimensions that alone are cut, groups aside.

        Little cut, array and channel seldom wait for each other in ways that bounds do not tell. Where cycles are but
        leakage, the best by bound alone.
        """
        few = self.objective in (figures.ENERGY, figures.TRAFFIC)
        options = [thinned(sizes, LONE // 4 if few else LONE) for sizes in self._every.options]
        seen = set[SystolicMapping]()
        for dims in self._few_dims():
            sizes = tuple(tuple(some[1:] if i in dims else some[:1]) for i, some in enumerate(options))
            space = self._of(Sizes(sizes, complete=False))
            heaps = space.heap(1 if few else FEW_KEPT), space.heap(0 if few else FEW_KEPT)
            space.score(0, space.tiles, limit.value, *heaps)
            for tiles, hold in (place for heap in heaps for place in in_order(heap)[1].tolist()):
                mapping = space.mapping(tiles, hold)
                if limit.value < np.inf and patience.over:
                    return
                if mapping not in seen:
                    seen.add(mapping)
                    yield mapping

    def _few_dims(self) -> list[tuple[int, ...]]:
        """Every one or two dimensions that can be cut, without groups and with them."""
        cut = [i for i, sizes in enumerate(self._every.options) if len(sizes) > 1]
        groups = DIMS.index("G")
        inner = [i for i in cut if i != groups]
        few: list[tuple[int, ...]] = [(), *combinations(inner, 1), *combinations(inner, 2)]
        return [*few, *((groups, *dims) for dims in few if groups in cut)]

    def _of(self, sizes: Sizes) -> Space:
        """The space of other tile sizes."""
        few = copy(self)
        few._sizes, few.tiles, few._cuts = sizes, sizes.tiles, cuts(self.job, sizes)
        return few

    def of_job(self, job: Job) -> Space:
        """The space of the same layer on another machine, whose tile sizes are those of this one."""
        other = copy(self)
        other.job = job
        if job.accelerator.array != self.job.accelerator.array:
            other._machine = machine(job.accelerator, job.dataflow)
        other._buffers, other._costs = buffers(job, self._slots), costs(job, self._slots, self._cuts)
        return other

    def heap(self, kept: int) -> Heap:
        """An empty heap for so many candidates."""
        return Heap(np.full((kept, 2), np.inf), np.full((kept, 2), -1, np.int64), np.zeros(3, np.int64))

    @property
    def timed(self) -> bool:
        """Whether cycles decide, whose bounds are not exact."""
        return self.objective in (figures.LATENCY, figures.EDP) or (
            self.objective == figures.ENERGY and self._costs.leak > 0
        )

    def score(
        self, begin: int, end: int, limit: float, heap: Heap, likely: Heap | None = None, *, rule_out: bool = True
    ) -> None:
        """Score the candidates of some combinations of tile sizes.

        Args:
            limit: candidates whose bound is not below it are left out.
            heap, likely: receive the best by bound, and the best by a guess.
            rule_out: whether combinations that cannot be good may be passed over.
        """
        score(
            self._cuts, self._machine, self._buffers, self._costs, self._held.arrays, self.objective,
            len(self._slots.real), begin, end, limit, int(rule_out and self._rules_out), heap,
            likely or self.heap(0), *self._rooms(),
        )  # fmt: skip

    def _rooms(self) -> tuple[Sums, Room]:
        """Room for what is worked out on the way."""
        box, counters = np.zeros(1), len(FLOWS) + len(self._slots.real)
        sums = Sums(
            np.zeros((4, 5)), np.zeros((4, 5)), np.zeros((3, 2, 5)), np.zeros((4, 7), np.int64), np.zeros(3)
        )  # fmt: skip
        at = np.full(8, -1, np.int64)
        tile, needed = np.zeros((3, 64), np.int64), np.zeros(len(self._buffers.partitions), np.int64)
        words, edges, spent = np.zeros(counters), np.zeros(8), np.zeros(2)
        return sums, Room(
            at, tile, np.zeros(64), np.zeros(4), needed, words, edges, spent, box, box.view(np.int64),
            np.zeros(self._most_loads),
        )  # fmt: skip

    def bounds(self, mappings: Sequence[SystolicMapping]) -> Floats:
        """Of each mapping the least objective and the least second figure, and a guess at the objective, which is no
        less; infinite where tiles do not fit.

        Each dimension is cut once at most, groups outermost.
        """
        options: list[dict[int, int]] = [{self.job.nest.bound(dim): 0} for dim in DIMS]
        at = np.zeros((len(mappings), len(DIMS)), np.int64)
        for i, mapping in enumerate(mappings):
            for loop in mapping.loops:
                dim = DIMS.index(loop.dim)
                at[i, dim] = options[dim].setdefault(loop.step, len(options[dim]))
        sizes = Sizes(
            tuple(tuple(self._size(dim, size) for size in some) for dim, some in zip(DIMS, options, strict=True)),
            complete=False,
        )
        rows = cuts(self.job, sizes)
        kinds, stationary = self._slots.kinds, self.job.dataflow.stationary
        holds = [
            hold_of(
                tuple(loop.dim for loop in mapping.loops),
                tuple(mapping.depth(*slot) for slot in self._slots.real),
                kinds,
                stationary,
            )
            for mapping in mappings
        ]
        out, width = np.empty((len(mappings), 3)), len(kinds)
        score_listed(
            rows, self._machine, self._buffers, self._costs, self.objective, len(self._slots.real), at + rows.start,
            np.array([hold.cut for hold in holds], np.int64).reshape(-1, width),
            np.array([hold.repeat for hold in holds], np.int64).reshape(-1, width),
            np.array([hold.reuse for hold in holds], np.int64), *self._rooms(), out,
        )  # fmt: skip
        return out

    def _size(self, dim: str, size: int) -> Size:
        if (dim, size) not in self._known:
            self._known[dim, size] = one_size(self.job.nest, dim, size)
        return self._known[dim, size]

    def mapping(self, tiles: int, row: int) -> SystolicMapping:
        """The mapping of a candidate."""
        job, hold, step = self.job, self._held.rows[row], dict[str, int]()
        for dim in reversed(self._cuts.order):
            tiles, option = divmod(tiles, int(self._cuts.number[dim]))
            step[DIMS[dim]] = int(self._cuts.options[self._cuts.start[dim] + option, SIZE])
        depths = dict(zip(self._slots.real, hold.depths, strict=False))
        return SystolicMapping(
            job.dataflow,
            tuple(Loop(dim, step[dim]) for dim in hold.order),
            tuple(
                (level, operand, depths[level, operand])
                for operand in NEST_OPERANDS
                for level in shared_levels(job.accelerator, operand)
            ),
        )


@lru_cache(maxsize=1)
def space_of(job: Job, objective: Objective) -> Space:
    """The candidates of a layer; the last one asked for is kept."""
    return Space(job, objective)


def in_order(heap: Heap) -> tuple[Bounds, Ints]:
    """The candidates of a heap, best first."""
    kept = int(heap.state[KEPT])
    bounds, at = heap.bound[:kept], heap.at[:kept]
    order = np.lexsort((at[:, 1], at[:, 0], bounds[:, 1], bounds[:, 0]))
    return bounds[order], at[order]
