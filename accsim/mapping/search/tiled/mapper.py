"""The best of the tiles looked at, by exact cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from accsim.mapping.dataflow import TiledDataflow
from accsim.mapping.mapping import NEST_OPERANDS, TiledMapping, shared_levels
from accsim.mapping.search.best_first import Cost, Found, Watch
from accsim.mapping.search.patience import Patience, Stopped
from accsim.mapping.search.tiled.candidates import ORDERS, largest, mapping, sizes
from accsim.mapping.task import Task, violations
from accsim.workload.layer import Operand

MOST_TILES = 64
"""Largest tiles that are looked at."""
STARTS = 4
"""Mappings that are improved."""
MOST_EXACT = 64
"""Exact costs worked out, at most, unless there is a time limit."""

Choice = tuple[tuple[tuple[str, int], ...], str, tuple[tuple[tuple[str, str], int], ...]]
"""A tile, an order, and what is held further out."""


class _Search:
    """The mappings of one layer seen so far."""

    def __init__(
        self, task: Task, flow: TiledDataflow, cost: Callable[[TiledMapping], Cost], patience: Patience
    ) -> None:
        self.task, self.flow, self.cost, self.patience = task, flow, cost, patience
        self.options, self.known = sizes(task, flow), dict[TiledMapping, Cost | None]()
        self.looked_at = 0

    def build(self, choice: Choice) -> TiledMapping:
        tile, order, hold = choice
        return mapping(self.task, self.flow, dict(tile), order, dict(hold))

    def of(self, choice: Choice) -> Cost | None:
        """The exact cost of a mapping; ``None`` if it does not fit."""
        one = self.build(choice)
        if one not in self.known:
            self.known[one] = None if violations(self.task, one) else self.cost(one)
        return self.known[one]

    @property
    def evaluated(self) -> int:
        """Exact costs worked out."""
        return sum(spent is not None for spent in self.known.values())

    def over(self) -> bool:
        """Whether to end."""
        capped = self.patience.seconds is None and self.evaluated >= MOST_EXACT
        return capped or (bool(self.evaluated) and self.patience.over is not None)

    def words(self, choice: Choice) -> int:
        """Bits that the mapping moves off chip, coding left out: what starts are chosen by."""
        one, acc = self.build(choice), self.task.accelerator
        nest, total = one.nest(self.task.geometry, acc.dram.fetch_padding), 0
        for operand in (Operand.IFMAP, Operand.WEIGHT):
            levels = shared_levels(acc, operand)
            depth = one.depth(levels[0], operand) if levels else len(nest.loops)
            bits = self.task.weight_bits if operand is Operand.WEIGHT else acc.bits(operand)
            total += nest.words(operand, depth) * bits
        levels = shared_levels(acc, Operand.PSUM)
        depth = one.depth(levels[0], Operand.PSUM) if levels else len(nest.loops)
        spilled = nest.words(Operand.PSUM, depth) - self.task.geometry.ofmap_words
        self.looked_at += 1
        return total + 2 * spilled * acc.bits(Operand.PSUM)

    def starts(self) -> list[Choice]:
        """The best by words, of different tiles where there are some."""
        every = [
            (tuple(tile.items()), order, ())
            for tile in islice(largest(self.task, self.flow), MOST_TILES)
            for order in ORDERS
        ]
        found: dict[TiledMapping, tuple[int, int, Choice]] = {}
        for i, choice in enumerate(every):
            one = self.build(choice)
            if one not in found:
                found[one] = self.words(choice), i, choice
        return [choice for _, _, choice in sorted(found.values(), key=lambda one: one[:2])[:STARTS]]

    def neighbours(self, choice: Choice) -> Iterator[Choice]:
        """Mappings a step away: an operand held further out, a dimension cut finer or coarser, another order."""
        tile, order, hold = dict(choice[0]), choice[1], dict(choice[2])
        loops = self.build(choice).loops
        for operand in NEST_OPERANDS:
            for level in shared_levels(self.task.accelerator, operand):
                depth = hold.get((level, operand.value), len(loops))
                if depth > 0:
                    yield choice[0], order, tuple(sorted({**hold, (level, operand.value): depth - 1}.items()))
        for dim, options in self.options.items():
            at = options.index(tile[dim])
            for other in (at + 1, at - 1):
                if 0 <= other < len(options):
                    yield tuple({**tile, dim: options[other]}.items()), order, ()
        for other_order in ORDERS:
            if other_order != order:
                yield choice[0], other_order, ()


def search(
    task: Task,
    flow: TiledDataflow,
    cost: Callable[[TiledMapping], Cost],
    *,
    patience: Patience | None = None,
    watch: Watch | None = None,
) -> Found[TiledMapping] | None:
    """The best mapping found for a layer; ``None`` if no tile fits.

    Args:
        cost: the exact cost of a mapping.
        patience: when to end early.
        watch: told how far the search is.
    """
    waits = patience or Patience()
    looking = _Search(task, flow, cost, waits)
    best: tuple[Cost, Choice] | None = None
    for start in looking.starts():
        spent = looking.of(start)
        if spent is None:
            continue
        here, at = spent, start
        while not looking.over():
            better = None
            for near in looking.neighbours(at):
                found = looking.of(near)
                if found is not None and found < here:
                    here, better = found, near
                if looking.over():
                    break
            if watch is not None:
                watch(looking.looked_at, looking.evaluated)
            if better is None:
                break
            at = better
        if best is None or here < best[0]:
            best = here, at
        if looking.evaluated and looking.over():
            break
    if best is None:
        return None
    stopped = (waits.over or Stopped.EVALUATIONS) if looking.over() else Stopped.EVALUATIONS
    return Found(
        mapping=looking.build(best[1]),
        cost=best[0],
        scored=looking.looked_at,
        evaluated=looking.evaluated,
        complete=False,
        space="the largest tiles that fit, and neighbours of the best",
        bound=0.0,
        stopped=stopped,
    )
