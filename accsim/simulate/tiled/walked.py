"""The makespan of tiles that all differ: the pass timeline with plain numbers, one tile after the other.

The rules are those of ``simulate.timeline``, where equal tiles are collapsed; here values decide how long each takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accsim.mapping.dataflow import DIMENSIONS, REDUCED
from accsim.mapping.nest import Nest, Piece
from accsim.simulate.tiled.run import Sizes
from accsim.simulate.timeline import Output, Stream, Trail
from accsim.workload.layer import Operand


@dataclass(frozen=True, slots=True)
class Visit:
    """One tile of a nest, in its turn.

    Attributes:
        trail: pieces at every depth, the tile's last.
        carried: the outermost loop that advanced to reach it; -1 for the first.
        first, last: whether its sums begin, and whether they are finished, as far as the output tile goes.
    """

    trail: Trail
    carried: int
    first: bool
    last: bool

    @property
    def sizes(self) -> Sizes:
        """The tile's pieces."""
        return self.trail[-1]


def visits(nest: Nest, output_depth: int) -> Iterator[Visit]:
    """Every tile in order; ``output_depth`` loops select the output tile."""
    at = nest.change_depth(Operand.PSUM, output_depth)
    whole = {dim: nest.piece(dim, 0, nest.bound(dim)) for dim in DIMENSIONS}
    yield from _visits(nest, at, (whole,), -1, True, True)


def _visits(nest: Nest, out_at: int, trail: Trail, carried: int, first: bool, last: bool) -> Iterator[Visit]:
    depth = len(trail) - 1
    if depth == len(nest.loops):
        yield Visit(trail, carried, first, last)
        return
    loop, whole = nest.loops[depth], trail[-1][nest.loops[depth].dim]
    reduces, end = loop.dim in REDUCED and depth < out_at, whole.start + whole.size
    for start in range(whole.start, end, loop.step):
        piece: Piece = nest.piece(loop.dim, start, min(loop.step, end - start))
        begins, ends = start == whole.start, start + piece.size == end
        inner = (*trail, {**trail[-1], loop.dim: piece})
        yield from _visits(
            nest, out_at, inner, carried, first and (begins or not reduces), last and (ends or not reduces)
        )
        carried = depth


def makespan(nest: Nest, streams: Sequence[Stream], output: Output, runs: Sequence[tuple[Visit, int, int]]) -> int:
    """Cycles from the first fetch to the last write-back.

    Args:
        runs: each tile in order, the cycles until the next may begin, and until its last output is out.
    """
    slots = [[0] * one.slots for one in streams]
    changes = [nest.change_depth(one.operand, one.depth) for one in streams]
    out_at = nest.change_depth(Operand.PSUM, output.depth)
    array = channel = slot = done = pending = 0
    for visit, cycles, out in runs:
        ready = 0
        for i, stream in enumerate(streams):
            if visit.carried >= changes[i]:
                continue
            spent = stream.cycles(visit.trail[stream.depth])
            if spent:
                channel = max(channel, slots[i][0]) + spent
                ready = max(ready, channel)
            slots[i] = [*slots[i][1:], slots[i][0]]
        if visit.carried < out_at:
            left = done
            if pending:
                left = channel = max(channel, done) + pending
            place = left if output.slots == 1 else slot
            slot = left
            ready = max(ready, place)
            back = 0 if visit.first else output.read(visit.trail[output.depth])
            if back:
                channel = max(channel, place) + back
                ready = max(ready, channel)
            pending = output.write(visit.trail[output.depth], visit.last)
        start = max(array, ready)
        array, done = start + cycles, max(done, start + out)
        for held in slots:
            held[-1] = done
    return max(done, channel) + pending if pending else max(done, channel)
