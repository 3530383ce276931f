"""One PE of a row-stationary array as an object: its FIFOs, scratchpads and pipeline, one clock edge at a time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accsim.hardware.accelerator import RegisterFile
from accsim.workload.layer import Operand
from tests.naive.row_stationary_program import Pass, Slot, Spot, Tag

if TYPE_CHECKING:
    from tests.naive.row_stationary_clocked import Array


class Hazard(Exception):
    """A word is used before it is there, or put where there is no room."""


@dataclass(frozen=True)
class Word:
    """A value and where it belongs."""

    tag: Tag
    value: int


@dataclass(frozen=True)
class Coming:
    """A word that is to come, the PEs that take it and, of a sum, how often it has left the array before."""

    tag: Tag
    takers: list[Spot]
    visited: int = 0


@dataclass(frozen=True)
class Turn:
    """What the controller sends up the array on a tick: a step of a pass, and whether it is the pass's first."""

    one: Pass
    slot: Slot
    opens: bool


@dataclass(frozen=True)
class Stage:
    """What a pipeline register holds: a product or none, its filter, whether it starts a sum, sums to finish."""

    turn: Turn | None
    works: bool = False
    value: int | None = None
    one_filter: int = 0
    starts: bool = False
    adds: tuple[int, ...] = ()


IDLE = Stage(None)


class Pe:
    """One processing element."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.ifmap_fifo: deque[Word] = deque()
        self.from_below: deque[Word] = deque()
        self.returned: deque[Word] = deque()  # from the psum network
        self.window: dict[int, list[Word | None]] = {}
        self.weights: dict[tuple[int, int, int], Word] = {}
        self.sums: dict[int, int] = {}
        self.pipeline: deque[Stage] = deque([IDLE] * (array.machine.pe.pipeline_stages - 1))
        self.at: Pass | None = None  # the pass it works in

    def tick(self, turn: Turn | None, spot: Spot) -> None:
        """One enabled clock edge: run a step, and let the pipeline move on."""
        self.pipeline.append(self.run(turn, spot))
        self.write(self.pipeline.popleft(), spot)

    def run(self, turn: Turn | None, spot: Spot) -> Stage:
        """The first stage: shift words in, read operands, multiply."""
        if turn is None:
            return IDLE
        works = self.array.works(turn.one, spot)
        if turn.opens:
            self.open(turn.one if works else None, spot)
        if not works:
            return Stage(turn)
        a, b, i, j = spot
        one, layer = turn.one, self.array.layer
        if turn.slot.begins_row:
            self.window = {channel: [None] * len(words) for channel, words in self.window.items()}
        for channel, x in turn.slot.enters:
            if channel < len(one.channels[b]):
                self.enter(turn, spot, channel, x)
        adds = tuple(f for f in turn.slot.adds if f < len(one.filters[a]))
        mac = turn.slot.mac
        if mac is None or mac[0] >= len(one.channels[b]) or mac[2] >= len(one.filters[a]):
            return Stage(turn, True, adds=adds)
        channel, tap, f = mac
        if one.loads and turn.slot.at == (0, 0):
            self.weights[mac] = self.array.take_weight(one, layer.weight_tag(one, a, b, i, mac), spot)
        weight, pixel = self.weights[mac], self.window[channel][tap * layer.g.dilation_w]
        x = layer.seen(one, turn.slot.at[1])[tap * layer.g.dilation_w]
        need = layer.ifmap_tag(one, turn.slot.at[0], b, channel, layer.ifmap_row(one, i, j), x)
        if pixel is None or pixel.tag != need or weight.tag != layer.weight_tag(one, a, b, i, mac):
            raise Hazard(f"PE {spot} multiplies {pixel} and {weight} instead of {need}")
        seen = self.array.seen
        seen.macs += 1
        seen.zero_ifmap_macs += pixel.value == 0
        seen.zero_ifmap_kept += pixel.value == 0 and (channel, tap) != (0, 0)
        result = self.array.tensors.product(pixel.value, weight.value)
        return Stage(turn, True, result, f, (channel, tap) == (0, 0), adds)

    def open(self, one: Pass | None, spot: Spot) -> None:
        """Begin a pass, or idle through one; filters of a PE that idles stay in its scratchpad."""
        self.at = one
        self.window = {}
        if one is not None:
            span = self.array.layer.span(one)
            self.window = {channel: [None] * span for channel in range(len(one.channels[spot[1]]))}
            if one.loads:
                self.weights = {}

    def enter(self, turn: Turn, spot: Spot, channel: int, x: int) -> None:
        """Shift the next word into a window."""
        one, layer, n = turn.one, self.array.layer, turn.slot.at[0]
        words = self.window[channel]
        need = layer.ifmap_tag(one, n, spot[1], channel, layer.ifmap_row(one, spot[2], spot[3]), x)
        self.array.ifmap_network.wanted(self.ifmap_fifo)
        if not self.ifmap_fifo or self.ifmap_fifo[0].tag != need:
            raise Hazard(f"PE {spot} needs {need} on edge {self.array.seen.edges}, has {list(self.ifmap_fifo)}")
        self.window[channel] = [*words[1:], self.ifmap_fifo.popleft()]

    def write(self, done: Stage, spot: Spot) -> None:
        """The last stage: the psum scratchpad takes the product; sums from below are added and handed on."""
        if done.turn is None:
            return
        one, slot = done.turn.one, done.turn.slot
        if done.turn.opens:
            self.sums = {}
        if done.value is not None:
            if done.starts:
                self.sums[done.one_filter] = done.value
            else:
                self.sums[done.one_filter] += done.value
                self.array.seen.psum_kept += 1
        for f in done.adds:
            tag = self.array.layer.sum_tag(one, spot[0], spot[3], slot.at, f)
            self.sums[f] += self.from_elsewhere(tag, one, spot)
            self.array.hand_on(Word(tag, self.sums[f]), one, spot)

    def from_elsewhere(self, tag: Tag, one: Pass, spot: Spot) -> int:
        """What is added to a sum: that of the PE below or, at the bottom of a chain, the one that comes back."""
        now = f"PE {spot} needs the sum {tag} on edge {self.array.seen.edges}"
        if not self.array.lowest(one, spot):
            if not self.from_below or self.from_below[0].tag != tag:
                raise Hazard(f"{now}, has {list(self.from_below)}")
            return self.from_below.popleft().value
        if not self.array.returns(one):
            return 0
        self.array.want_sum(self.returned)
        if not self.returned or self.returned[0].tag != tag:
            raise Hazard(f"{now}, is given {list(self.returned)}")
        return self.returned.popleft().value

    def check_room(self) -> None:
        """No scratchpad holds more than its size; operands may share one."""
        windows = sum(len(words) for words in self.window.values())
        held = {Operand.IFMAP: windows, Operand.WEIGHT: len(self.weights), Operand.PSUM: len(self.sums)}
        for level in self.array.machine.levels:
            if isinstance(level, RegisterFile) and sum(held.get(o, 0) for o in level.operands) > level.size_words:
                raise Hazard(f"{level.name} holds {held} words on edge {self.array.seen.edges}")
