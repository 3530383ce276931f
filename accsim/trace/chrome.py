"""A run as a Chrome trace, for https://ui.perfetto.dev (or chrome://tracing).

The format is the trace-event one (Google, "Trace Event Format", 2016): one ``X`` event per thing that took time, ``C``
events for counters, ``M`` events that name the tracks. A process is a part of the machine and its threads are what can
happen there at the same time::

    layers         one slice per layer, with its cycles and where they went
    stalls         one thread per cause
    array          steps of the loop nest; steps that overlap lie on lanes of their own
    dram           one thread per operand, one slice per transfer
    <level>        one thread per operand and slot of a buffer, one slice per tile; a counter of the words that it holds
    vector         layers without MACs

Times are those of the machine's clock in microseconds; the exact cycles stand in ``args``. Slices of one thread never
overlap. Summed over a layer, the bits of the transfers, the cycles of the stalls and the edges of the steps are the
figures of its result.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from json import dumps
from typing import TYPE_CHECKING

import numpy as np

from accsim.hardware.accelerator import Accelerator
from accsim.mapping.dataflow import Dataflow
from accsim.simulate.activity import Activity
from accsim.simulate.stepped.pass_timeline import BUFFER
from accsim.trace.array_clock import ArrayClock
from accsim.trace.clock import Nanoseconds, microseconds
from accsim.trace.other_layers import events_of
from accsim.trace.recorder import Wanted
from accsim.trace.sink import TraceFile
from accsim.trace.transfers import with_straight_words
from accsim.workload.layer import Layer
from accsim.workload.network import Network

if TYPE_CHECKING:
    from accsim.simulate.stepped.layer import SteppedLayer
    from accsim.simulate.stepped.pass_timeline import Event

LAYERS, STALLS, ARRAY, DRAM, VECTOR = "layers", "stalls", "array", "dram", "vector"


class Lanes:
    """Threads of one process: slices that would overlap get a lane each."""

    def __init__(self) -> None:
        self._ends: dict[str, list[tuple[int, int]]] = {}
        self._count = 0

    def place(self, name: str, start: int, end: int) -> tuple[int, str | None]:
        """The thread for a slice, and the thread's name if it is a new one."""
        lanes = self._ends.setdefault(name, [])
        for i, (thread, busy_until) in enumerate(lanes):
            if busy_until <= start:
                lanes[i] = (thread, end)
                return thread, None
        self._count += 1
        lanes.append((self._count, end))
        return self._count, name if len(lanes) == 1 else f"{name} ({len(lanes)})"


class Held:
    """Words that a buffer holds over one layer, by operand."""

    def __init__(self) -> None:
        self._operands: list[str] = []
        self._at, self._words, self._whose = array("q"), array("q"), array("q")

    def add(self, operand: str, words: int, start: int, end: int) -> None:
        """Count a tile."""
        if operand not in self._operands:
            self._operands.append(operand)
        self._at.extend((start, end))
        self._words.extend((words, -words))
        self._whose.extend((self._operands.index(operand),) * 2)

    def changes(self) -> Iterator[tuple[int, dict[str, int]]]:
        """Cycle and words by operand, each time that they change."""
        at, words, whose = (np.frombuffer(column, dtype=np.int64) for column in (self._at, self._words, self._whose))
        cycles, order = np.unique(at, return_inverse=True)
        held = np.zeros((len(self._operands), len(cycles)), dtype=np.int64)
        np.add.at(held, (whose, order), words)
        for cycle, now in zip(cycles, held.cumsum(axis=1).T, strict=True):
            yield int(cycle), dict(zip(self._operands, map(int, now), strict=True))


class ChromeTrace(TraceFile):
    """Writes the trace."""

    wanted = Wanted(events=True, waits=True)
    tail = "\n]}\n"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._layers: Mapping[str, Layer] = {}
        self._processes: dict[str, int] = {}
        self._lanes: dict[str, Lanes] = {}

    def begin(self, network: Network, accelerator: Accelerator, dataflow: Dataflow) -> None:
        """Write the head of the trace and name the parts of the machine."""
        self._accelerator, self._time = accelerator, Nanoseconds(accelerator.clock_mhz)
        self._layers = {layer.name: layer for layer in network.layers}
        shape = accelerator.array
        titles = {
            LAYERS: f"layers of {network.name}",
            STALLS: "stalls",
            ARRAY: f"array: {shape.rows} x {shape.cols} PEs",
            DRAM: "dram",
            **{BUFFER + level.name: f"{level.name}: {level.size_bits} bits" for level in accelerator.buffers},
            VECTOR: "vector unit",
        }
        about = {"workload": network.name, "hardware": accelerator.name, "batch": network.batch}
        about["clock_mhz"] = accelerator.clock_mhz
        self.sink.write(f'{{"displayTimeUnit":"ns","otherData":{_json(about)},"traceEvents":[\n')
        first = True
        for number, (name, title) in enumerate(titles.items(), 1):
            self._processes[name], self._lanes[name] = number, Lanes()
            for event in (("process_name", {"name": title}), ("process_sort_index", {"sort_index": number})):
                self.sink.write(("" if first else ",\n") + _metadata(event[0], number, 0, event[1]))
                first = False

    def layer(self, activity: Activity, stepped: SteppedLayer | None) -> None:
        """Write one layer."""
        cycles, begin = activity.cycles, activity.start_cycle
        self._slice(LAYERS, LAYERS, activity.layer, begin, begin + cycles.total, {
            "macs": activity.macs, "compute": cycles.compute, "fill": cycles.fill, "drain": cycles.drain,
            "stalls": dict(cycles.stalls), "processing": activity.processing_cycles,
        })  # fmt: skip
        if stepped is not None:
            self._events(with_straight_words(stepped.events, activity, self._accelerator), begin)
            self._port_stalls(stepped, begin)
        else:
            self._events(events_of(self._layers[activity.layer], activity, self._accelerator), begin)

    def _events(self, events: Iterable[Event], begin: int) -> None:
        held: dict[str, Held] = {}
        for event in events:
            if event.track not in self._processes:
                continue
            start, end = begin + event.start, begin + event.end
            absolute = {name: begin + event.args[name] for name in ("ready", "done") if name in event.args}
            self._slice(event.track, _thread(event), event.name, start, end, {**event.args, **absolute})
            if "slot" in event.args:
                held.setdefault(event.track, Held()).add(event.args["operand"], event.args["words"], start, end)
        for track, words in held.items():
            name = dumps(f"{track.removeprefix(BUFFER)} words")
            for cycle, now in words.changes():
                time = microseconds(self._time.at(cycle))
                self.sink.write(
                    f',\n{{"ph":"C","name":{name},"ts":{time},"pid":{self._processes[track]},"args":{_json(now)}}}'
                )

    def _port_stalls(self, stepped: SteppedLayer, begin: int) -> None:
        """Stalls of the array itself, placed among the waits for DRAM."""
        if stepped.probe is None or not stepped.probe.stalls:
            return
        clock = ArrayClock.of(stepped.events, self._accelerator.dram.name)
        for cause, first, end in stepped.probe.stalls:
            for start, stop in clock.spans(first, end):
                edges = {"array_edge": first}
                self._slice(STALLS, cause, cause, begin + start, begin + stop, edges)

    def _slice(self, process: str, thread: str, name: str, start: int, end: int, args: Mapping[str, object]) -> None:
        number, title = self._lanes[process].place(thread, start, end)
        pid = self._processes[process]
        if title is not None:
            self.sink.write(",\n" + _metadata("thread_name", pid, number, {"name": title}))
            self.sink.write(",\n" + _metadata("thread_sort_index", pid, number, {"sort_index": number}))
        began, ended = self._time.at(start), self._time.at(end)
        what = _json({"start_cycle": start, "cycles": end - start, **args})
        self.sink.write(
            f',\n{{"ph":"X","name":{dumps(name)},"cat":"{_category(process)}","ts":{microseconds(began)},'
            f'"dur":{microseconds(ended - began)},"pid":{pid},"tid":{number},"args":{what}}}'
        )


def _thread(event: Event) -> str:
    """What a slice lies beside: the operand, the slot, the cause."""
    match event.track, event.args:
        case "stalls", _:
            return event.name
        case "array", _:
            return "steps"
        case "dram", {"operand": operand}:
            return str(operand)
        case _, {"operand": operand, "slot": slot}:
            return f"{operand} slot {slot}"
        case track, _:
            return track


def _category(process: str) -> str:
    return process if process in (LAYERS, STALLS, ARRAY, DRAM, VECTOR) else "buffer"


def _metadata(name: str, pid: int, tid: int, args: Mapping[str, object]) -> str:
    return f'{{"ph":"M","name":"{name}","pid":{pid},"tid":{tid},"args":{_json(args)}}}'


def _json(value: object) -> str:
    return dumps(value, separators=(",", ":"), allow_nan=False)
