"""The pass timeline as a machine of resources that are each busy until a cycle: nothing is collapsed.

For every step, in the DRAM channel's fixed order of service: the input tiles that changed are fetched (weight, then
ifmap), the output tile that is done with is written back, unfinished sums of the new one are read back, and then the
array runs, as it was seen to run when it waited for nothing::

    channel   one transfer at a time: latency, then the beats of whole bursts; one of no words does not use it
    slots     a tile lives in its buffer's next slot, from its transfer until the array is done with it (an output
              tile: until it is written back); one slot takes turns with the array, two let the next tile come early
    parts     a tile of ifmaps in a circular buffer has a slot for each of its parts; its transfer waits with a part
              until a slot is free, and each slot is free when the array is through with the part in it
    array     a step streams when every tile is there and the step before has made room; with shadow registers its load
              begins when they are free and every tile is there
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accsim.hardware.accelerator import Dram
from accsim.simulate.channel import Fetched, Returned
from accsim.simulate.stepped.machine import Step
from accsim.simulate.stepped.storage import Moves, Tile
from accsim.simulate.timeline import Run, begun_before, left_after, shares
from accsim.workload.layer import Operand

BUFFER = "buffer "
"""What the track of a buffer begins with: a buffer may have any name, ``array`` or ``dram`` too."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that took time, in cycles of its layer.

    Attributes:
        track: ``dram`` (a transfer), ``buffer NAME`` (a tile in a slot of it), ``array`` (a step) or ``stalls``;
            other modules add ``moves`` (``on_chip``) and ``vector`` (``accsim.trace.other_layers``).
        name: what it is; of a stall, its cause.
        start, end: from the first cycle to the one after the last.
        args: of a transfer ``operand``, ``direction`` (read or write), ``words`` and ``bits``; of a tile ``operand``,
            ``slot`` and ``words``; of a step ``step``, ``ready`` (when its tiles were there) and ``done`` (when its
            last output was out). Each has the first index of its tile by dimension.
    """

    track: str
    name: str
    start: int
    end: int
    args: Mapping[str, Any]


@dataclass(slots=True)
class Channel:
    """The DRAM channel: a transfer begins when the one before is over."""

    free_at: int = 0

    def serve(self, not_before: int, cycles: int) -> tuple[int, int]:
        """Do a transfer: its first cycle and the one after its last."""
        start = max(self.free_at, not_before)
        self.free_at = start + cycles
        return start, self.free_at


@dataclass(slots=True)
class Slot:
    """A place for a tile.

    Attributes:
        number: its number in its buffer.
        free_at: when what is in it is done with.
        tile, since: the tile of which a part is in it, and when that came.
        words: words of that part.
    """

    number: int
    free_at: int = 0
    tile: Tile | None = None
    since: int = 0
    words: int = 0


class Slots:
    """A buffer's places for tiles of one operand, or for their parts, used in turn.

    Attributes:
        current: the slots of the tile that the array works on.
    """

    def __init__(self, count: int) -> None:
        self._slots = [Slot(number) for number in range(count)]
        self._used = 0
        self.current: list[Slot] = []

    def next(self, tile: Tile, parts: int = 1) -> list[Slot]:
        """Go on to the slots of the next tile."""
        self.current = []
        for words in shares(tile.words, parts):
            slot = self._slots[self._used % len(self._slots)]
            slot.tile, slot.since, slot.words = tile, slot.free_at, words
            self.current.append(slot)
            self._used += 1
        return self.current


@dataclass(slots=True)
class Array:
    """The array: when its stream, its shadow registers and its outputs are free of the steps before."""

    streams_from: int = 0
    shadow_from: int = 0
    done: int = 0

    def serve(self, ready: int, run: Run) -> int:
        """Run a step whose tiles are all there at ``ready``; returns when its stream begins."""
        start = max(self.streams_from, ready)
        if run.load is not None:
            start = max(start, max(self.shadow_from, ready) + run.load)
        self.streams_from = start + run.next
        if run.last is not None:
            self.shadow_from = start + run.last
        self.done = max(self.done, start + run.done)
        return start


@dataclass(slots=True)
class Waits:
    """Cycles that the layer is behind what the array alone would need: they are stalls on DRAM.

    A later step can make up for some of them, when it would have waited for its load anyway.
    """

    cause: str
    behind: int = 0
    stalls: list[tuple[int, int]] = field(default_factory=list)

    def see(self, at: int, alone: int) -> None:
        """Something happens at cycle ``at``; the array alone would be there at ``alone``."""
        more = at - alone - self.behind
        self.behind += more
        if more > 0:
            self.stalls.append((at - more, at))
        while more < 0:
            start, end = self.stalls.pop()
            kept = max(start, end + more)
            more += end - kept
            if kept > start:
                self.stalls.append((start, kept))

    def events(self) -> list[Event]:
        """The stalls that are left."""
        return [Event("stalls", self.cause, start, end, {}) for start, end in self.stalls]


class PassTimeline:
    """Places the steps of one layer in time."""

    def __init__(
        self,
        inputs: Sequence[Fetched],
        output: Returned,
        dram: Dram,
        clock_mhz: float,
        bits: Callable[[Operand, int], int],
        *,
        stays: bool = False,
        names: Mapping[Operand, str] | None = None,
        record: bool = False,
        ifmap_cycles: Callable[[Step], int] = lambda _: 0,
    ) -> None:
        """Describe the machine.

        Args:
            inputs: operands that come from DRAM, in service order.
            output: the output tile.
            dram: the channel.
            clock_mhz: the core clock, of which all cycles are.
            bits: bits that a transfer of so many words takes off chip.
            stays: whether finished outputs stay on chip.
            names: what operands are called in events, where that is not their own name.
            record: whether to record events.
            ifmap_cycles: cycles that every pass of a step takes at least for each ifmap, of an array that works on one
                after another.
        """
        self._ifmap_cycles = ifmap_cycles
        self._inputs, self._output, self._stays, self._record = inputs, output, stays, record
        self._dram, self._clock_mhz, self._bits, self._names = dram, clock_mhz, bits, names or {}
        self._channel, self._array, self._alone = Channel(), Array(), Array()
        self._slots = [Slots(one.slots) for one in inputs]
        self._places = Slots(output.slots)
        self._waits = Waits(dram.name)
        self._known: dict[tuple[Operand, int], int] = {}
        self.events: list[Event] = []

    def run(
        self, steps: Iterable[tuple[Step, Moves]], runs: Sequence[Run], last: Callable[[], tuple[Tile, bool] | None]
    ) -> int:
        """Cycles from the first fetch to the last write-back.

        Args:
            steps: the steps, and what each asks of the channel.
            runs: how the array runs each of them.
            last: called when all have run: the output tile that is still there, and whether it is finished.
        """
        for step, moves in steps:
            ready = self._fetch(step, moves)
            if moves.output is not None:
                ready = max(ready, self._turn_output(moves, moves.output))
            self._run_array(step, runs[step.index], ready)
            self._leave(step)
        self._write_back(last())
        for one, slots in zip(self._inputs, self._slots, strict=True):
            self._release(one.operand, one.level, slots)
        end = max(self._array.done, self._channel.free_at)
        if self._record:
            self._waits.see(end, self._alone.done)
            self.events += self._waits.events()
            self.events.sort(key=lambda event: (event.start, event.end))
        return end

    def _cycles(self, operand: Operand, words: int) -> int:
        key = operand, words
        if key not in self._known:
            bits, name = self._bits(operand, words), Operand(self._names.get(operand, operand.value))
            self._known[key] = self._dram.transfer_cycles(name, words, bits, self._clock_mhz)
        return self._known[key]

    def _pace(self, one: Fetched, step: Step) -> int:
        """Cycles that a step takes at least for each part of a tile."""
        return one.pace(step.sizes["N"].size, self._ifmap_cycles(step)) if one.by_ifmap else 0

    def _fetch(self, step: Step, moves: Moves) -> int:
        """Fetch the tiles that changed; returns when the array can run through with all of them."""
        ready = 0
        for one, slots, tile in zip(self._inputs, self._slots, moves.fetched, strict=True):
            if tile is None:
                continue
            self._release(one.operand, one.level, slots)
            places = slots.next(tile, one.parts(step.sizes["N"].size))
            if tile.words:
                pace = self._pace(one, step)
                for part, there in enumerate(self._bring(one.operand, tile, places)):
                    ready = max(ready, there - begun_before(part, pace))
        return ready

    def _bring(self, operand: Operand, tile: Tile, places: list[Slot]) -> list[int]:
        """Fetch a tile part by part, each when its place is free; returns when each part is there."""
        there, parts = [], len(places)
        bits = shares(self._bits(operand, tile.words), parts)
        for slot, cycles, moved in zip(places, shares(self._cycles(operand, tile.words), parts), bits, strict=True):
            slot.since, end = self._channel.serve(slot.free_at, cycles)
            self._note_transfer("read", operand, tile, slot.since, end, slot.words, moved)
            there.append(end)
        return there

    def _leave(self, step: Step) -> None:
        """Places are free when the array is through with what is in them, if no later step asks for it."""
        for one, slots in zip(self._inputs, self._slots, strict=True):
            pace, parts = self._pace(one, step), len(slots.current)
            for part, slot in enumerate(slots.current):
                slot.free_at = self._array.done - left_after(part, parts, pace)

    def _release(self, operand: Operand, level: str | None, slots: Slots) -> None:
        """The array is done with the tile that it worked on."""
        for slot in slots.current:
            self._lived(operand, level, slot)

    def _turn_output(self, moves: Moves, tile: Tile) -> int:
        """Write the output tile before back and make room for the new one; returns when it can be written to."""
        self._write_back(moves.leaves)
        (slot,) = self._places.next(tile)
        if not moves.returns:
            return slot.free_at
        slot.since, there = self._transfer("read", Operand.PSUM, tile, slot.free_at)
        return there

    def _write_back(self, leaving: tuple[Tile, bool] | None) -> None:
        """Let the output tile go, through the channel where it leaves the chip."""
        if leaving is None or not self._places.current:
            return
        (slot,), (tile, finished), done = self._places.current, leaving, self._array.done
        slot.free_at = done
        if not (finished and self._stays):
            _, slot.free_at = self._transfer("write", Operand.OFMAP if finished else Operand.PSUM, tile, done)
        self._lived(Operand.PSUM, self._output.level, slot)

    def _run_array(self, step: Step, run: Run, ready: int) -> None:
        start = self._array.serve(ready, run)
        if self._record:
            self._waits.see(start, self._alone.serve(0, run))
            args = {"step": step.index, "ready": ready, "done": start + run.done}
            args |= {dim: piece.start for dim, piece in step.sizes.items()}
            self.events.append(Event("array", f"step {step.index}", start, start + run.next, args))

    def _transfer(self, way: str, operand: Operand, tile: Tile, not_before: int) -> tuple[int, int]:
        start, end = self._channel.serve(not_before, self._cycles(operand, tile.words))
        self._note_transfer(way, operand, tile, start, end, tile.words, self._bits(operand, tile.words))
        return start, end

    def _note_transfer(
        self, way: str, operand: Operand, tile: Tile, start: int, end: int, words: int, bits: int
    ) -> None:
        """Record the transfer of a tile, or of a part of it that has so many words."""
        if self._record and words:
            name = self._name(operand)
            args = {"operand": name, "direction": way, "words": words, "bits": bits, **tile.first}
            self.events.append(Event("dram", f"{way} {name}", start, end, args))

    def _lived(self, operand: Operand, level: str | None, slot: Slot) -> None:
        """A tile, or a part of one, leaves its slot."""
        if self._record and level is not None and slot.tile is not None and slot.words:
            name = self._name(operand)
            args = {"operand": name, "slot": slot.number, "words": slot.words, **slot.tile.first}
            self.events.append(Event(f"{BUFFER}{level}", f"{name} tile", slot.since, slot.free_at, args))

    def _name(self, operand: Operand) -> str:
        return self._names.get(operand, operand.value)
