"""Every access of the off-chip channel and of the buffers, as tables in CSV.

``--dram-trace`` has one row per transfer. ``--sram-trace`` has one row per tile that moves between a buffer and another
level, and one per cycle and operand in which words cross the array's edge, to or from the buffer next to it. The words
and bits of a layer, level, operand and action add up to the counter of the result.

Cycles count from the start of the run; ``end_cycle`` is the one after the last. ``array_edge`` is the edge of the
array's clock, as ``--window`` counts them. A tile is named by its first index in each dimension (M and C within the
group); a dimension that does not select it is left empty.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from accsim.hardware.accelerator import Accelerator
from accsim.mapping.dataflow import DIMENSIONS, Dataflow
from accsim.simulate.activity import Action, Activity
from accsim.trace.array_clock import ArrayClock
from accsim.trace.other_layers import events_of, word_bits
from accsim.trace.recorder import Wanted
from accsim.trace.sink import TraceFile
from accsim.trace.transfers import DRAM, with_straight_words
from accsim.workload.layer import LayerKind, Operand
from accsim.workload.network import Network

if TYPE_CHECKING:
    from accsim.simulate.stepped.layer import SteppedLayer
    from accsim.simulate.stepped.pass_timeline import Event

Row = tuple[Any, ...]

EDGES = (
    (Operand.IFMAP, "read", Action.READ),
    (Operand.WEIGHT, "in", Action.READ),
    (Operand.PSUM, "in", Action.READ),
    (Operand.PSUM, "out", Action.WRITE),
)
"""Words at the array's edge, and what the buffer next to it does for them."""


class DramTrace(TraceFile):
    """Writes every off-chip transfer."""

    wanted = Wanted(events=True)

    def begin(self, network: Network, accelerator: Accelerator, dataflow: Dataflow) -> None:
        """Write the heads of the columns."""
        self._layers, self._accelerator = {layer.name: layer for layer in network.layers}, accelerator
        self._write = csv.writer(self.sink, lineterminator="\n").writerow
        self._write(["layer", "start_cycle", "end_cycle", "operand", "direction", "words", "bits", *DIMENSIONS])

    def layer(self, activity: Activity, stepped: SteppedLayer | None) -> None:
        """Write the transfers of one layer."""
        begin = activity.start_cycle
        events = (
            events_of(self._layers[activity.layer], activity, self._accelerator)
            if stepped is None
            else with_straight_words(stepped.events, activity, self._accelerator)
        )
        for event in events:
            if event.track == DRAM:
                what = (event.args[name] for name in ("operand", "direction", "words", "bits"))
                self._write([activity.layer, begin + event.start, begin + event.end, *what, *_tile(event)])


class SramTrace(TraceFile):
    """Writes every access of the shared buffers."""

    wanted = Wanted(events=True, edges=True)

    def begin(self, network: Network, accelerator: Accelerator, dataflow: Dataflow) -> None:
        """Write the heads of the columns."""
        self._layers, self._accelerator = {layer.name: layer for layer in network.layers}, accelerator
        self._order = [level.name for level in accelerator.levels]
        self._buffers = {level.name for level in accelerator.buffers}
        self._write = csv.writer(self.sink, lineterminator="\n").writerow
        self._write([
            "layer", "start_cycle", "end_cycle", "array_edge", "level", "operand", "action", "words", "bits",
            *DIMENSIONS,
        ])  # fmt: skip

    def layer(self, activity: Activity, stepped: SteppedLayer | None) -> None:
        """Write the accesses of one layer, in order of time."""
        rows = self._without_macs(activity)
        if stepped is not None:
            rows = merge(self._tiles(activity, stepped), self._edges(activity, stepped), key=itemgetter(0))
        for start, end, *row in rows:
            self._write([activity.layer, activity.start_cycle + start, activity.start_cycle + end, *row])

    def _tiles(self, activity: Activity, stepped: SteppedLayer) -> Iterator[Row]:
        """Tiles between a buffer and the level outside it."""
        dram = self._accelerator.dram.name
        beside = {
            (count.operand.value, count.action.value): count.peer
            for count in activity.counts
            if count.level == dram and count.peer in self._buffers
        }
        for event in stepped.events:
            match event.track, event.args:
                case "dram", {"operand": operand, "direction": direction} if (operand, direction) in beside:
                    level = beside[operand, direction]
                    action = Action.FILL if direction == Action.READ else Action.READ
                    yield self._tile_row(event, level, action)
                case "moves", {"from": source, "to": target}:
                    if source in self._buffers:
                        yield self._tile_row(event, source, Action.READ)
                    inward = self._order.index(source) < self._order.index(target) if source in self._order else False
                    yield self._tile_row(event, target, Action.FILL if inward else Action.WRITE)

    def _tile_row(self, event: Event, level: str | None, action: Action) -> Row:
        operand, words = Operand(event.args["operand"]), event.args["words"]
        bits = words * self._accelerator.bits(operand)
        return (event.start, event.end, "", level, operand.value, action.value, words, bits, *_tile(event))

    def _edges(self, activity: Activity, stepped: SteppedLayer) -> Iterator[Row]:
        """Words between the array and the buffer next to it."""
        probe = stepped.probe
        if probe is None:
            return
        clock = ArrayClock.of(stepped.events, self._accelerator.dram.name)
        second = Operand.IFMAP2 if self._layers[activity.layer].kind is LayerKind.MATMUL else Operand.WEIGHT
        moved = []
        for operand, direction, action in EDGES:
            name = second if operand is Operand.WEIGHT else operand
            words = probe.edge_words.get((operand, direction), probe.edge_words.get((operand, "in")))
            level = self._next_to_array(activity, name, action)
            if level is not None and words is not None:
                moved.append(_edge_rows(words, clock, (level, name.value, action.value), self._accelerator.bits(name)))
        yield from merge(*moved, key=itemgetter(0))

    def _next_to_array(self, activity: Activity, operand: Operand, action: Action) -> str | None:
        """The buffer that the array reads an operand from, or writes it to; ``None`` if that is DRAM."""
        for count in activity.counts:
            mine = count.level in self._buffers and (count.operand, count.action) == (operand, action)
            if mine and count.peer not in (self._accelerator.dram.name, *self._buffers):
                return count.level
        return None

    def _without_macs(self, activity: Activity) -> Iterator[Row]:
        """Accesses of a layer that the vector unit runs, each over the whole of it."""
        layer = self._layers[activity.layer]
        for count in activity.counts:
            if count.level in self._buffers:
                words = count.bits // word_bits(layer, count.operand, self._accelerator)
                what = (count.level, count.operand.value, count.action.value, words, count.bits)
                yield (0, activity.cycles.total, "", *what, *[""] * len(DIMENSIONS))


def _edge_rows(words: np.ndarray[Any, Any], clock: ArrayClock, what: tuple[str, ...], bits: int) -> Iterator[Row]:
    edges = np.flatnonzero(words)
    blank = [""] * len(DIMENSIONS)
    for edge, cycle, moved in zip(edges.tolist(), clock.cycles(edges).tolist(), words[edges].tolist(), strict=True):
        yield (cycle, cycle + 1, edge, *what, moved, moved * bits, *blank)


def _tile(event: Event) -> Iterator[object]:
    return (event.args.get(dim, "") for dim in DIMENSIONS)
