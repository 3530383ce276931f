"""The pass timeline as a machine that serves one transfer after another; all it knows is who is busy until when.

The order of service is fixed: for every step of the loops, the tiles that changed are fetched in the order of the
operands, then the output tile that is done is written back, then a partial output tile is read back, then the array
runs. A transfer of no cycles does not use the channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from accsim.mapping.nest import Nest
from accsim.simulate.timeline import Run
from accsim.workload.layer import Operand
from tests.naive.nest import NaiveNest, Step

SUMMED = "CRS"


@dataclass(frozen=True)
class Fetched:
    """An operand that comes over the channel in ``cycles`` for a tile of so many words.

    With a ``pace`` every ifmap of a tile (neighbours together, if there are more than ``most``) has a slot of its own;
    ``pace`` is the fewest cycles that a step takes for an ifmap.
    """

    operand: Operand
    depth: int
    slots: int
    cycles: Callable[[int], int]
    pace: Callable[[Step], int] | None = None
    most: int = 8

    def parts(self, ifmaps: int) -> int:
        return 1 if self.pace is None else min(ifmaps, self.most)

    def each(self, step: Step, ifmaps: int) -> int:
        return 0 if self.pace is None else ifmaps // self.parts(ifmaps) * self.pace(step)


@dataclass(frozen=True)
class Returned:
    """The output tile; ``write`` takes its words and whether the sums are final."""

    depth: int
    slots: int
    write: Callable[[int, bool], int]
    read: Callable[[int], int]


@dataclass
class Resource:
    """Something that does one job at a time."""

    free_at: int = 0
    busy: int = 0

    def serve(self, not_before: int, cycles: int) -> int:
        """Do a job of ``cycles``; returns when it is over."""
        self.free_at = max(self.free_at, not_before) + cycles
        self.busy += cycles
        return self.free_at


@dataclass
class Slots:
    """Places for tiles, used in turn; each is free again at the time noted in it."""

    free_at: list[int]
    used: int = 0
    held: list[int] = field(default_factory=list)

    @property
    def next(self) -> int:
        return self.used % len(self.free_at)


@dataclass
class Array:
    """The array: its stream, its shadow registers and its outputs are each busy until a time of their own."""

    streams_from: int = 0
    shadow_free_at: int = 0
    free_at: int = 0
    busy: int = 0

    def serve(self, not_before: int, run: Run) -> None:
        """Run a step whose tiles are all there at ``not_before``."""
        start = max(self.streams_from, not_before)
        if run.load is not None:
            loaded = max(self.shadow_free_at, not_before) + run.load
            start = max(start, loaded)
        self.streams_from = start + run.next
        if run.last is not None:
            self.shadow_free_at = start + run.last
        self.free_at = max(self.free_at, start + run.done)
        self.busy += run.next


@dataclass
class Machine:
    channel: Resource = field(default_factory=Resource)
    array: Array = field(default_factory=Array)


def simulate(
    nest: Nest, streams: list[Fetched], output: Returned | None, array: Callable[[Step, int], Run]
) -> tuple[int, Machine]:
    """Cycle at which the last transfer and the last step are over, and the machine as it is left."""
    walk = NaiveNest(nest.geometry, nest.loops, nest.fetch_padding)
    machine = Machine()
    places = [Slots([0] * stream.slots) for stream in streams]
    changes = [walk.innermost_index(stream.operand, stream.depth) for stream in streams]
    out_places = Slots([0] * output.slots) if output else None
    out_changes = walk.innermost_index(Operand.PSUM, output.depth) if output else 0
    leaving: tuple[int, int] | None = None  # the output tile in work: its slot, cycles of its write-back

    for step in walk.steps:
        ready = 0
        for stream, place, at in zip(streams, places, changes, strict=True):
            if step.advanced >= at:
                continue
            ranges = step.ranges[stream.depth]
            cycles, ifmaps = stream.cycles(walk.words(stream.operand, ranges)), len(ranges["N"])
            place.held = []
            for part in range(stream.parts(ifmaps)):
                if cycles:
                    share = cycles // stream.parts(ifmaps) + (part < cycles % stream.parts(ifmaps))
                    there = machine.channel.serve(place.free_at[place.next], share)
                    ahead = (part - 1) * stream.each(step, ifmaps) if part else 0  # there as the one before is begun
                    ready = max(ready, there - ahead)
                place.held.append(place.next)
                place.used += 1
        if output is not None and out_places is not None and (step.advanced < out_changes or step.advanced < 0):
            if leaving is not None:
                slot, cycles = leaving
                done = machine.array.free_at
                out_places.free_at[slot] = machine.channel.serve(done, cycles) if cycles else done
            mine = out_places.next
            out_places.used += 1
            landing = out_places.free_at[mine]
            ready = max(ready, landing)
            words = walk.words(Operand.PSUM, step.ranges[output.depth])
            around = [i for i, loop in enumerate(nest.loops[:out_changes]) if loop.dim in SUMMED]
            if not all(step.firsts[i] for i in around):
                cycles = output.read(words)
                if cycles:
                    ready = max(ready, machine.channel.serve(landing, cycles))
            leaving = mine, output.write(words, all(step.lasts[i] for i in around))
        machine.array.serve(ready, array(step, step.advanced))
        for stream, place in zip(streams, places, strict=True):
            behind = 0
            for slot in reversed(place.held):  # the last part is left when all is done
                place.free_at[slot] = machine.array.free_at - behind
                behind += stream.each(step, len(step.ranges[stream.depth]["N"]))

    end = max(machine.channel.free_at, machine.array.free_at)
    if leaving is not None and leaving[1]:
        end = machine.channel.serve(machine.array.free_at, leaving[1])
    return end, machine
