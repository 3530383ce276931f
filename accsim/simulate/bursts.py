"""Bursts of a row-stationary array: what their passes wait for sums that come back, whatever the number of passes.

Inside a burst there are only loops over channels and over blocks of filters, and the runs of a cut filter: all others
begin another output tile. A pass adds to sums of the pass before in the same block of filters. Where bursts add to sums
of other bursts, each waits for the one before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise, product
from math import prod
from operator import sub
from typing import TYPE_CHECKING

from accsim.mapping.dataflow import DIMENSIONS
from accsim.mapping.nest import Piece, Shape
from accsim.simulate.burst_starts import burst_starts
from accsim.simulate.filter_loads import Block
from accsim.simulate.phase import Phase
from accsim.simulate.returning_sums import Visit, Way, between_bursts, distance, head_start

if TYPE_CHECKING:
    from accsim.simulate.row_stationary import RowStationaryArray

Runs = Sequence[tuple[int, int]]
"""Lengths of the pieces of a dimension in order, each with how often it comes in a row."""

Step = Callable[[int, int], tuple[Visit, ...]]
"""The passes of a step with so many channels and filters."""


def waits(channels: Runs, filters: Runs, step: Step, ways: Sequence[Way], all_return: bool = False) -> int:
    """What the passes of a burst wait for sums; filters are the inner loop.

    Rounds of the loop over channels are walked until one begins as one before it did; what came between is repeated.

    Args:
        channels, filters: pieces of the two loops.
        step: the passes of a step.
        ways: of the sums, by each reckoning that holds.
        all_return: whether sums come back for all passes, also for the first ones on their outputs.
    """
    on_way = all(_may_wait(channels, filters, step, way) for way in ways)
    if not on_way and not _may_block(channels, filters, step, ways[0]):
        return 0
    walk = _Walk([size for size, times in filters for _ in range(times)], step, ways, all_return)
    for size, times in channels:
        known: dict[object, tuple[int, int]] = {}
        left = times
        while left:
            state = walk.state()
            if state in known:
                before, drain = known[state]
                repeats = left // (before - left)
                walk.drain += (walk.drain - drain) * repeats
                left -= (before - left) * repeats
                known = {}
                continue
            known[state] = left, walk.drain
            walk.round(size)
            left -= 1
    return walk.drain


def waits_by_filters(channels: Runs, filters: Runs, step: Step, ways: Sequence[Way], all_return: bool) -> int:
    """The same where channels are the inner loop."""
    total = sum(waits(channels, [(block, 1)], step, ways, all_return) * times for block, times in filters)
    if not all_return:
        return total
    after = [(block, block, times - 1) for block, times in filters]
    after += [(block, then, 1) for (block, _), (then, _) in pairwise(filters)]
    for block, then, times in after:
        one, first = step(channels[-1][0], block)[-1], step(channels[0][0], then)[0]
        total += max(0, _order(one, first, ways[0]) - first.load_after(one)) * times
    return total


def _order(one: Visit, after: Visit, way: Way) -> int:
    """How long after the last step of a pass the next one begins, so that the network in brings the sums of both."""
    return one.late - after.late + head_start(after, way)


def _may_wait(channels: Runs, filters: Runs, step: Step, way: Way) -> bool:
    """Whether a pass may be too close to the one whose sums it adds to; if none is, there is nothing to walk.

    Filters that come in front of the passes between are left out: they only make the distance longer.
    """
    sizes = [size for size, _ in channels]
    after = [*pairwise(sizes), *((size, size) for size, times in channels if times > 1)]
    shortest = [min(sum(one.length(way) for one in step(size, block)) for size in sizes) for block, _ in filters]
    whole = sum(length * times for length, (_, times) in zip(shortest, filters, strict=True))
    for (block, _), own in zip(filters, shortest, strict=True):
        within = [(pair, 0) for size in sizes for pair in pairwise(step(size, block))]
        around = [((step(size, block)[-1], step(then, block)[0]), whole - own) for size, then in after]
        for (one, then), between in (*within, *around):
            load = 0 if between else then.load_after(one)
            if distance(one, then, way) > one.length(way) + between + load:
                return True
    return False


def _may_block(channels: Runs, filters: Runs, step: Step, way: Way) -> bool:
    """Whether the network in may still bring sums of the pass before when a pass needs its own."""
    kinds = [one for size, _ in channels for block, _ in filters for one in step(size, block)]
    late = [one.late for one in kinds]
    return max(late) - min(late) + max(head_start(one, way) for one in kinds) > 0


class _Walk:
    """Walking the passes of a burst in order.

    Attributes:
        drain: edges of waits so far, but for those on which filters come.
    """

    def __init__(self, blocks: Sequence[int], step: Step, ways: Sequence[Way], all_return: bool) -> None:
        self.blocks, self.step, self.ways, self.all_return = blocks, step, ways, all_return
        self.drain = 0
        self._now = [0] * len(ways)
        self._last: dict[int, tuple[tuple[int, ...], Visit]] = {}
        self._before: Visit | None = None

    def state(self) -> object:
        """All that decides what comes: how long ago the passes began whose sums come back, and what they were."""
        ago = ((tuple(map(sub, self._now, began)), one) for began, one in self._last.values())
        return self._before, tuple(ago)

    def round(self, channels: int) -> None:
        """One round of the loop over channels: a step for every block of filters."""
        for number, filters in enumerate(self.blocks):
            for one in self.step(channels, filters):
                self._pass(number, one)

    def _pass(self, block: int, one: Visit) -> None:
        load = one.load_after(self._before) if self._before else 0
        self._now = [now + load for now in self._now]
        wait = 0
        if block in self._last:
            times, earlier = self._last[block]
            begins = (began + distance(earlier, one, way) for began, way in zip(times, self.ways, strict=True))
            wait = max(0, min(map(sub, begins, self._now)))
        if self._before and (self.all_return or block in self._last):
            wait = max(wait, _order(self._before, one, self.ways[0]) - load)
        self._now = [now + wait for now in self._now]
        self.drain += wait
        self._last[block] = tuple(self._now), one
        self._now = [now + one.length(way) for now, way in zip(self._now, self.ways, strict=True)]
        self._before = one


class Bursts:
    """The bursts of a layer."""

    def __init__(self, array: RowStationaryArray) -> None:
        self.array, self.nest = array, array.nest
        self._known: dict[Shape, int] = {}
        self._starts: dict[tuple[Shape, bool], int] = {}

    def drains(self) -> Iterator[tuple[Phase, int]]:
        """What the passes of each burst wait, and how many such bursts there are."""
        pieces = [self.nest.pieces(dim, self.array.ramp_at) for dim in DIMENSIONS]
        for chosen in product(*pieces) if self.array.psums_return else ():
            drain = self.drain({dim: piece for dim, (piece, _) in zip(DIMENSIONS, chosen, strict=True)})
            yield Phase(0, 0, drain, ()), prod(times for _, times in chosen)
        if self._may_begin_late:
            for before, sizes, advanced, times in burst_starts(self.nest, self.array.ramp_at):
                loads = advanced < self.array.load_at
                yield Phase(0, 0, self.wait(before, sizes, loads=loads, follows=advanced >= 0), ()), times

    @cached_property
    def _all_return(self) -> bool:
        """Whether sums come back for all passes, also for the first ones on their outputs in a burst."""
        return self.array.bursts_add or self.array.reads_first

    @cached_property
    def _may_begin_late(self) -> bool:
        """Whether a burst may wait in front of its first pass; it does not if all columns find their sums in time."""
        if self.array.bursts_add or not self.array.reads_first:
            return self.array.bursts_add
        kinds = (self.array.passes(sizes)[0] for sizes, _ in self.nest.blocks(len(self.nest.loops)))
        return not all(self.array.sums_in_time(one) for one in kinds)

    def wait(self, before: Block | None, sizes: Mapping[str, Piece], *, loads: bool, follows: bool) -> int:
        """Cycles that the first pass of a burst waits for sums, but for those on which its window and filters come.

        Args:
            before: the last step of the burst before, if that matters.
            sizes: the pieces of the first step.
            loads: whether it brings filters.
            follows: whether there is a burst before.
        """
        on_way = follows and self.array.bursts_add
        if not self._may_begin_late or not (on_way or self.array.reads_first):
            return 0
        key, first = (self.nest.shape(sizes), loads), self.array.passes(sizes)[0]
        if key not in self._starts:
            visit = self.array.visits(sizes, first, loads)[0]
            self._starts[key] = head_start(visit, self.array.ways(first)[-1]) - visit.late
        filters = self.array.open_load(before, first) if loads else 0
        left = self._left if on_way else 0
        return max(0, left + self._starts[key] - self.array.first_window(first) - filters)

    @cached_property
    def _left(self) -> int:
        """Edges until the buffer has all sums of a burst that has ended."""
        firsts = [self.array.passes(sizes)[0] for sizes, _ in self.nest.blocks(len(self.nest.loops))]
        return between_bursts(self.array.ways(max(firsts, key=lambda one: one.chain)))

    def drain(self, burst: Mapping[str, Piece]) -> int:
        """Cycles that the passes of a burst wait for sums, but for those on which filters come.

        Args:
            burst: its pieces.
        """
        inside = [loop for loop in self.nest.loops[self.array.ramp_at :] if loop.step < burst[loop.dim].size]
        if not self.array.psums_return or (not inside and self.array.weights_stay):
            return 0
        key = self.nest.shape(burst)
        if key not in self._known:
            self._known[key] = self._drain(burst, {loop.dim: loop.step for loop in inside})
        return self._known[key]

    def _drain(self, burst: Mapping[str, Piece], steps: Mapping[str, int]) -> int:
        runs = {dim: _pieces(burst[dim].size, steps.get(dim, burst[dim].size)) for dim in "CM"}
        known: dict[tuple[int, int], tuple[Visit, ...]] = {}

        def sizes(channels: int, filters: int) -> dict[str, Piece]:
            return {**burst, "C": Piece(0, channels, channels), "M": Piece(0, filters, filters)}

        def step(channels: int, filters: int) -> tuple[Visit, ...]:
            if (channels, filters) not in known:
                known[channels, filters] = self.array.visits(sizes(channels, filters), first)
            return known[channels, filters]

        first = self.array.passes(sizes(runs["C"][0][0], runs["M"][0][0]))[0]
        ways = self.array.ways(first)
        if next(iter(steps), "C") == "M":
            return waits_by_filters(runs["C"], runs["M"], step, ways, self._all_return)
        return waits(runs["C"], runs["M"], step, ways, self._all_return)


def _pieces(size: int, step: int) -> list[tuple[int, int]]:
    full, rest = divmod(size, step)
    return [(length, times) for length, times in ((step, full), (rest, 1)) if length and times]
