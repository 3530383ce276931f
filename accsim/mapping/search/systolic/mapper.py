"""The best systolic mapping of a layer: bounds of every candidate, exact costs of the best of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from itertools import chain, combinations

import numpy as np

from accsim.mapping.mapping import NEST_OPERANDS, SystolicMapping, shared_levels
from accsim.mapping.nest import Loop
from accsim.mapping.search.best_first import Bounds, Chunk, Cost, Found, Limit, Watch, best_first
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Patience, Stopped
from accsim.mapping.search.systolic import score
from accsim.mapping.search.systolic.flows import Sums
from accsim.mapping.search.systolic.folds import SIZE, Cuts, Ints
from accsim.mapping.search.systolic.heap import KEPT as KEPT_SO_FAR
from accsim.mapping.search.systolic.heap import SCORED, Heap
from accsim.mapping.search.systolic.holds import DIMS
from accsim.mapping.search.systolic.neighbours import improved
from accsim.mapping.search.systolic.sizes import thinned
from accsim.mapping.search.systolic.tables import (
    Job,
    Sizes,
    Slots,
    buffers,
    costs,
    cuts,
    every_tile_size,
    held,
    longer,
    machine,
    tile_sizes,
)  # fmt: skip
from accsim.mapping.search.systolic.terms import FLOWS, Terms
from accsim.mapping.search.systolic.tiles import Room
from accsim.mapping.task import Task, violations
from accsim.workload.layer import Operand

OBJECTIVES = {
    Objective.ENERGY: score.ENERGY,
    Objective.LATENCY: score.LATENCY,
    Objective.EDP: score.EDP,
    Objective.TRAFFIC: score.TRAFFIC,
}

KEPT = 4
"""Candidates of the least bounds that are evaluated exactly. One is enough where bounds are exact; of cycles they are
not, and then as many or twice as many of the likely best are evaluated."""

KEPT_WITH_LIMIT = 1 << 16
"""Candidates kept for a search with a time limit of its own."""

FEW_KEPT, LONE = 2, 128
"""Candidates kept where one or two dimensions alone are cut, and sizes of each, at most."""

STEPS = {Objective.ENERGY: 32, Objective.LATENCY: 100, Objective.EDP: 100, Objective.TRAFFIC: 32}
"""Neighbours of a layer's mappings that are evaluated exactly, at most, unless there is a time limit."""

STARTS, NEAR = 3, 0.05
"""Mappings with different dimensions cut that are improved from neighbour to neighbour, at most; and how much more
than the best they may cost, as a share."""

FEW = 6
"""Sizes of each dimension that are tried first, to know early what is worth keeping."""

BLOCK = 1 << 15
"""Combinations of tile sizes scored between two looks at the clock."""


class Space:
    """The candidates of a layer.

    Attributes:
        tiles: combinations of tile sizes.
        complete: whether sizes that are not tried can be no better.
    """

    def __init__(self, job: Job, objective: Objective) -> None:
        self.job, self.objective = job, OBJECTIVES[objective]
        self._every = every_tile_size(job)
        sizes = tile_sizes(job, self._every)
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
        self._slots = Slots.of(job.terms)
        self._held = held(self._slots.kinds, job.dataflow.stationary, longer(job))
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

    def sample(self) -> Space:
        """A space of a few of the tile sizes, spread over all of them."""
        return self._of(Sizes(tuple(tuple(thinned(options, FEW)) for options in self._sizes.options), complete=False))

    def simple(self, limit: Limit, patience: Patience) -> Iterator[SystolicMapping]:
        """The best few by bound, and by a guess, for every one or two dimensions that alone are cut, groups aside.

        Little cut, array and channel seldom wait for each other in ways that bounds do not tell.
        """
        options = [thinned(sizes, LONE) for sizes in self._every.options]
        seen, most = set[SystolicMapping](), 1 if self.objective == score.ENERGY else FEW_KEPT
        cut = [i for i, sizes in enumerate(options) if len(sizes) > 1]
        groups = DIMS.index("G")
        inner = [i for i in cut if i != groups]
        few = ((), *combinations(inner, 1), *combinations(inner, 2))
        for dims in (*few, *((groups, *dims) for dims in few if groups in cut)):
            sizes = tuple(tuple(some[1:] if i in dims else some[:1]) for i, some in enumerate(options))
            space = self._of(Sizes(sizes, complete=False))
            heaps = space.heap(most), space.heap(most)
            space.score(0, space.tiles, limit.value, *heaps)
            for heap in heaps:
                for tiles, row in in_order(heap)[1].tolist():
                    mapping = space.mapping(tiles, row)
                    if limit.value < np.inf and patience.over:
                        return
                    if mapping not in seen:
                        seen.add(mapping)
                        yield mapping

    def _of(self, sizes: Sizes) -> Space:
        """The space of other tile sizes."""
        few = copy(self)
        few._sizes, few.tiles, few._cuts = sizes, sizes.tiles, cuts(self.job, sizes)
        return few

    def heap(self, kept: int) -> Heap:
        """An empty heap for so many candidates."""
        return Heap(np.full((kept, 2), np.inf), np.full((kept, 2), -1, np.int64), np.zeros(3, np.int64))

    @property
    def timed(self) -> bool:
        """Whether cycles decide, whose bounds are not exact."""
        return self.objective in (score.LATENCY, score.EDP) or (self.objective == score.ENERGY and self._costs.leak > 0)

    def score(
        self, begin: int, end: int, limit: float, heap: Heap, likely: Heap | None = None, *, rule_out: bool = True
    ) -> None:
        """Score the candidates of some combinations of tile sizes.

        Args:
            limit: candidates whose bound is not below it are left out.
            heap, likely: receive the best by bound, and the best by a guess.
            rule_out: whether combinations that cannot be good may be passed over.
        """
        score.score(
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
            at, tile, np.zeros(64), np.zeros(4), needed, words, edges, spent, box, box.view(np.int64)
        )  # fmt: skip

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


class _Scan:
    """Scores a space block by block; the best candidates are handed over together.

    Attributes:
        left: the least bound that a candidate not handed over can have.
        ended: why tile sizes were left unscored, if some were.
    """

    def __init__(self, space: Space, kept: int, patience: Patience, limit: Limit) -> None:
        self.space, self.patience, self.limit, self.kept = space, patience, limit, kept
        self.left, self.ended = np.inf, None  # type: float, Stopped | None
        self._at: Ints = np.zeros((0, 2), np.int64)

    def chunks(self) -> Iterator[Chunk]:
        """One chunk: the candidates of the least bounds, then those that are likely to be best."""
        limit = min(self.limit.value, self._least_needed())
        heap, likely = self._heaps(self.space)
        for begin in range(0, self.space.tiles, BLOCK):
            if heap.state[KEPT_SO_FAR] and (ended := self.patience.over):
                self.ended = ended
                break
            self.space.score(begin, min(begin + BLOCK, self.space.tiles), limit, heap, likely)
        bounds, at = in_order(heap)
        if len(bounds) == self.kept:
            self.left = float(bounds[-1, 0])
        elif self.limit.value < np.inf:
            self.left = self.limit.value
        guesses, others = in_order(likely)
        new = [i for i, place in enumerate(others.tolist()) if place not in at.tolist()]
        self._at = np.concatenate([at, others[new]])
        yield Chunk(np.concatenate([bounds, guesses[new][:, ::-1]]), int(heap.state[SCORED]))

    def _heaps(self, space: Space) -> tuple[Heap, Heap]:
        more = 2 if space.objective in (score.LATENCY, score.EDP) else 1  # in energy, cycles are leakage alone
        return space.heap(self.kept), space.heap(more * self.kept if space.timed else 0)

    def _least_needed(self) -> float:
        """What as many candidates as are kept reach, found among a few tile sizes."""
        space = self.space.sample()
        heap, likely = self._heaps(space)
        if space.tiles < self.space.tiles:
            space.score(0, space.tiles, self.limit.value, heap, likely)
        both = np.concatenate([heap.bound[:, 0], likely.bound[:, 0]])
        return float(np.nextafter(both.max(), np.inf)) if np.isfinite(both).all() else np.inf

    def candidate(self, index: int) -> SystolicMapping:
        """The mapping of a row of the chunk."""
        tiles, row = self._at[index]
        return self.space.mapping(int(tiles), int(row))


def in_order(heap: Heap) -> tuple[Bounds, Ints]:
    """The candidates of a heap, best first."""
    kept = int(heap.state[KEPT_SO_FAR])
    bounds, at = heap.bound[:kept], heap.at[:kept]
    order = np.lexsort((at[:, 1], at[:, 0], bounds[:, 1], bounds[:, 0]))
    return bounds[order], at[order]


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
    space, known = Space(Job.of(task, terms), objective), _Costs(task, cost)
    scan = _Scan(space, KEPT if waits.seconds is None else KEPT_WITH_LIMIT, waits, limit)
    found = best_first(
        scan.chunks(),
        scan.candidate,
        known.of,
        first=chain(first, space.simple(limit, waits) if space.timed else ()),
        patience=waits,
        complete=space.complete,
        cover=space.floor,
        space=space.words,
        limit=limit,
        watch=watch,
    )
    if found is None:
        return None
    if scan.ended is not None:
        return replace(found, complete=False, bound=min(found.bound, space.floor()), stopped=scan.ended)
    if scan.left < limit.value:
        stopped = Stopped.EVALUATIONS if found.stopped is Stopped.PROVED else found.stopped
        found = replace(found, bound=min(found.bound, scan.left), stopped=stopped)
    return found if found.proved else _improved(found, space, known, objective, waits)


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


def _improved(
    found: Found[SystolicMapping], space: Space, known: _Costs, objective: Objective, patience: Patience
) -> Found[SystolicMapping]:
    """What the best few of a search lead to, from neighbour to neighbour."""
    most = known.evaluated + STEPS[objective] if patience.seconds is None else float("inf")
    for start in known.best(STARTS):
        best = improved(start, space.sizes, known.of, lambda: patience.over is not None or known.evaluated >= most)
        spent = known.of(best)
        if spent is not None and spent < found.cost:
            found = replace(found, mapping=best, cost=spent, bound=min(found.bound, spent[0]))
    return replace(found, evaluated=known.evaluated)
