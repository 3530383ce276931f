"""Tiles on an array that runs on from one to the next, in groups that share what the shadow registers hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from accsim.mapping.dataflow import DIMENSIONS
from accsim.mapping.nest import Nest
from accsim.simulate.overlap import Distance, Group, Overlapped, Runs, Sizes
from accsim.simulate.systolic import SystolicArray


@dataclass(frozen=True, slots=True)
class Shared:
    """Tiles that share a stationary operand, or sums.

    Attributes:
        first, last: the first and the last of them.
        start_of_last: cycles from the start of the first one's stream to that of the last.
        idle: edges on which no tile does a MAC, before the last one of the last tile.
    """

    first: Overlapped
    last: Overlapped
    start_of_last: int
    idle: int

    @property
    def free(self) -> int:
        """When the shadow registers are free for the next group."""
        if self.last.run.last is not None:
            return self.start_of_last + self.last.run.last
        return self.first.run.last or 0


class Tiles:
    """The tiles of a nest, as groups for a walk over the loops that change what the shadow registers hold."""

    def __init__(self, nest: Nest, array: SystolicArray) -> None:
        self.nest, self.array = nest, array
        self._known: dict[tuple[tuple[int, ...], bool], Overlapped] = {}
        self._shared: dict[Sizes, Shared] = {}

    def tile(self, sizes: Mapping[str, int], loads: bool) -> Overlapped:
        """One tile, worked out once for all of its size."""
        key = (tuple(sizes[dim] for dim in DIMENSIONS), loads)
        if key not in self._known:
            self._known[key] = self.array.overlap(sizes, loads)
        return self._known[key]

    def runs(self, chosen: Sizes) -> Runs:
        """Runs of the next loop: pieces of its step, then the rest."""
        return self._cut(len(chosen), self._sizes(chosen))

    def group(self, chosen: Sizes) -> Group:
        """The tiles inside the pieces chosen."""
        shared = self._group(chosen)
        return Group(
            shared.start_of_last + shared.last.macs_end,
            shared.start_of_last + shared.last.run.done,
            lambda tail: self._idle(chosen, tail),
        )

    def distance(self, before: Sizes, after: Sizes) -> Distance:
        """From the start of one group to the start of the next, stalls included."""
        one, load = self._group(before), self._group(after).first.run.load
        return Distance(max(one.start_of_last + one.last.run.next, one.free + (load or 0)))

    def first(self) -> Overlapped:
        """The layer's first tile."""
        return self.tile(self._end(0, self._sizes(()), 0), loads=True)

    def _group(self, chosen: Sizes) -> Shared:
        if chosen not in self._shared:
            depth, sizes = len(chosen), self._sizes(chosen)
            first = self.tile(self._end(depth, sizes, 0), loads=True)
            last = self.tile(self._end(depth, sizes, -1), loads=depth == len(self.nest.loops))
            streamed = idle = 0
            for one, n in self._inside(depth, sizes):
                tile = self.tile(one, loads=False)
                streamed += tile.run.next * n
                idle += max(0, tile.run.next - tile.macs_end) * n
            idle += last.to_last.idle - max(0, last.run.next - last.macs_end)
            self._shared[chosen] = Shared(first, last, streamed - last.run.next, idle)
        return self._shared[chosen]

    def _idle(self, chosen: Sizes, tail: int) -> int:
        """Edges of a group of tiles without a MAC, when tiles before it still do MACs for ``tail`` cycles.

        Tiles that share what the shadow registers hold have one group of folds each and wait only between each other.
        """
        idle, depth, sizes = self._group(chosen).idle, len(chosen), self._sizes(chosen)
        if not tail or not idle:
            return idle
        if depth == len(self.nest.loops):
            return self.array.overlap(sizes, loaded=True, tail=tail).to_last.idle
        before: Overlapped | None = None
        for one in self._in_order(depth, sizes):
            if before is not None:
                idle -= max(0, min(tail, before.run.next) - before.macs_end)
                tail -= before.run.next
            if tail <= 0:
                break
            before = self.tile(one, loads=before is None)
        return idle

    def _in_order(self, depth: int, sizes: dict[str, int]) -> Iterator[dict[str, int]]:
        """Sizes of the innermost tiles inside ``sizes``, one after the other."""
        if depth == len(self.nest.loops):
            yield sizes
            return
        for size, n in self._cut(depth, sizes):
            for _ in range(n):
                yield from self._in_order(depth + 1, sizes | {self.nest.loops[depth].dim: size})

    def _sizes(self, chosen: Sizes) -> dict[str, int]:
        sizes = {dim: self.nest.bound(dim) for dim in DIMENSIONS}
        return sizes | {loop.dim: size for loop, size in zip(self.nest.loops, chosen, strict=False)}

    def _cut(self, at: int, sizes: Mapping[str, int]) -> Runs:
        loop = self.nest.loops[at]
        full, rest = divmod(sizes[loop.dim], loop.step)
        return (((loop.step, full),) if full else ()) + (((rest, 1),) if rest else ())

    def _end(self, depth: int, sizes: dict[str, int], which: int) -> dict[str, int]:
        """Sizes of the first (0) or last (-1) innermost tile inside ``sizes``."""
        for at in range(depth, len(self.nest.loops)):
            sizes = sizes | {self.nest.loops[at].dim: self._cut(at, sizes)[which][0]}
        return sizes

    def _inside(self, depth: int, sizes: dict[str, int]) -> Iterator[tuple[dict[str, int], int]]:
        """Innermost tiles inside ``sizes``, as (sizes, how many) classes."""
        if depth == len(self.nest.loops):
            yield sizes, 1
            return
        for size, n in self._cut(depth, sizes):
            for one, many in self._inside(depth + 1, sizes | {self.nest.loops[depth].dim: size}):
                yield one, many * n
