"""When folds start: the edge's handshakes, and what the array was seen to do in between.

Without shadow registers a fold loads, streams and leaves before the next one loads. With them, folds follow each other
as soon as the feeder is free; a group of folds that brings a new stationary operand starts when its words are loaded,
which begins when the group before has started, and sums follow each other when the drain registers are free.
A port slower than the array holds the array still until it has moved the words of a transfer.

What a fold took while it loaded, worked and left was seen in the array. How far apart groups that overlap start, and
the edges between them, are worked out here by the rules above: no state machine is ticked for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from accsim.mapping.dataflow import Axis, Delivery, Drain
from accsim.simulate.edge_ports import ALL, INPUTS
from accsim.simulate.phase import Phase, Spent
from accsim.simulate.stepped.machine import Step
from accsim.simulate.stepped.systolic import feeds as f
from accsim.simulate.timeline import Run
from accsim.workload.layer import Operand

if TYPE_CHECKING:
    from accsim.simulate.stepped.systolic.machine import SteppedSystolic

Counts = npt.NDArray[np.int64]


@dataclass(slots=True)
class Record:
    """When the folds of one step ran, in edges on which the array's clock was enabled.

    Attributes:
        step: the step.
        table, seen: its folds, and what they were seen to do.
        starts: edge of each fold's first MAC.
        loads: edge on which each fold's first stationary word enters; -1 where none does.
        skewed: whether the words of a column enter one edge after those of the column before it, by fold.
    """

    step: Step
    table: Counts
    seen: Counts
    starts: Counts
    loads: Counts
    skewed: npt.NDArray[np.bool_]


@dataclass(slots=True)
class Stall:
    """Cycles for which the array waits before an enabled edge, and the port it waits for."""

    edge: int
    cycles: int
    cause: str


class Clock:
    """Edges of one layer."""

    def __init__(self, array: SteppedSystolic, recording: bool = False) -> None:
        self.array, self.spent, self.recording = array, Spent(), recording
        self.records: list[Record] = []
        self.stalls: list[Stall] = []
        self.edge = self.group = self.stalled = 0
        self.runs: list[Run] = []
        self.overlaps = array.accelerator.array.stationary_buffers > 1
        self.opened = 0
        self.free = self.idle = self.inside = self.edges = self.macs = self.outputs = self.tile = self.waited = 0
        self.before: Run | None = None

    # words and ports

    def _words(self, operand: Operand, rows: Counts, cols: Counts, steps: int) -> Counts:
        flow = self.array.dataflow
        each = self.array.delivery(operand) is Delivery.UNICAST
        out = np.full(len(rows), steps if flow.depends(operand, Axis.STREAM) else 1, np.int64)
        if each or flow.depends(operand, Axis.ROWS):
            out *= rows
        if each or flow.depends(operand, Axis.COLS):
            out *= cols
        return out

    def _bits(self, operands: frozenset[Operand], rows: Counts, cols: Counts, steps: int) -> Counts:
        out: Counts = np.zeros(len(rows), np.int64)
        for operand in operands:
            out += self._words(operand, rows, cols, steps) * self.array.accelerator.bits(operand)
        return out

    def _held_up(self, edges: Counts, needed: list[Counts]) -> tuple[Counts, Counts]:
        """The longest of some edges and what each port needs, and which port that is (-1: none)."""
        worst, cause = edges.copy(), np.full(len(edges), -1, np.int64)
        for number, cycles in enumerate(needed):
            longer = cycles > worst
            worst[longer], cause[longer] = cycles[longer], number
        return worst, cause

    def step(self, step: Step, table: Counts, seen: Counts, ends: bool) -> None:
        """Account for the folds of one step."""
        array = self.array
        by_line = array.lines is Axis.ROWS
        rows, cols = (table[:, f.LINES], table[:, f.LANES]) if by_line else (table[:, f.LANES], table[:, f.LINES])
        steps = array.extent(Axis.STREAM, {d: p.size for d, p in step.sizes.items()})
        streaming = ALL - {array.stationary}
        per_port = [self._bits(p.operands & streaming, rows, cols, steps) for p in array.ports]
        stream = self._held_up(
            np.full(len(rows), steps, np.int64),
            [-(-bits // p.bits_per_cycle) for bits, p in zip(per_port, array.ports, strict=True)],
        )
        if self.overlaps:
            self._overlap(step, table, seen, rows, cols, steps, per_port, stream)
        else:
            self._alone(step, table, seen, rows, cols, steps, stream)

    def _stall(self, spent: Spent, cause: Counts, cycles: Counts) -> int:
        for number, port in enumerate(self.array.ports):
            spent.stall(port.name, int(cycles[cause == number].sum()))
        return int(cycles[cause >= 0].sum())

    def _out(self, leave: Counts, rows: Counts, cols: Counts, steps: int) -> tuple[Counts, Counts]:
        """Edges until sums kept in the PEs are out, counting the ports."""
        flow, array = self.array.dataflow, self.array
        edges = np.ones_like(rows) if flow.drain is Drain.DIRECT else rows
        needed = []
        for port in array.ports:
            bits = self._bits(port.operands & {Operand.PSUM}, rows, cols, steps)
            free = np.minimum(edges, leave) if port.operands.intersection(INPUTS) else edges
            needed.append(leave - free - (-bits // port.bits_per_cycle))
        return self._held_up(leave, needed)

    def _alone(
        self, step: Step, table: Counts, seen: Counts, rows: Counts, cols: Counts, steps: int,
        stream: tuple[Counts, Counts],
    ) -> None:  # fmt: skip
        array, spent = self.array, self.spent
        load, work, leave = (seen[:, n] for n in (f.LOADING, f.WORKING, f.LEAVING))
        total = int(load.sum() + work.sum())
        waits = np.zeros((3, len(table)), np.int64), np.full((3, len(table)), -1, np.int64)
        waits[0][1], waits[1][1] = stream[0] - steps, stream[1]
        spent.fill += int(load.sum())
        spent.compute += int(work.sum())
        spent.drain += int(leave.sum())
        total += self._stall(spent, stream[1], stream[0] - steps)
        late = 0
        if array.in_place:
            last = table[:, f.LAST] > 0
            out = self._out(leave[last], rows[last], cols[last], steps)
            stalled = np.where(out[1] >= 0, out[0] - leave[last], 0)
            self._stall(spent, out[1], stalled)
            waits[0][2][last], waits[1][2][last] = stalled, out[1]
            spread = leave[last] + stalled
            # the edges on which sums leave belong to the step that began them
            total += int(spread[1:].sum()) if not table[0, f.FIRST] and last.any() else int(spread.sum())
            if not table[0, f.FIRST] and last.any():
                late = int(spread[0])
        else:
            total += int(leave.sum())
            needed = [
                -(-self._bits(p.operands & {array.stationary}, rows, cols, steps) // p.bits_per_cycle)
                for p in array.ports
            ]
            loading = load > 0
            held = self._held_up(load, needed)
            waits[0][0], waits[1][0] = held[0] - load, np.where(loading, held[1], -1)
            total += self._stall(spent, waits[1][0], waits[0][0])
        if self.recording:
            self._record_alone(step, table, seen, *waits)
        if table[:, f.FIRST].any() and table[0, f.FIRST]:
            self.opened = step.index
        self.runs.append(Run.alone(total))
        if late:
            self.runs[self.opened] = Run.alone(self.runs[self.opened].next + late)
        if table[:, f.FIRST].any():
            self.opened = step.index

    def _record_alone(self, step: Step, table: Counts, seen: Counts, waits: Counts, causes: Counts) -> None:
        begins = np.concatenate(([0], np.cumsum(seen[:, : f.LEAVING + 1].reshape(-1)))) + self.edge
        for fold, stage in zip(*np.nonzero(causes.T >= 0), strict=True):
            if waits[stage, fold]:
                port = self.array.ports[causes[stage, fold]]
                self.stalls.append(Stall(int(begins[3 * fold + stage]), int(waits[stage, fold]), port.name))
        loads = np.where(seen[:, f.LOADING] > 0, begins[0:-1:3], -1)
        self.records.append(Record(step, table, seen, begins[1:-1:3], loads, np.zeros(len(table), np.bool_)))
        self.edge = int(begins[-1])

    # folds that overlap

    def _busy(self, before: Counts, after: Counts) -> Counts:
        """Edges from the last MAC of one set of sums to that of the next, so that no drain register holds two."""
        if self.array.dataflow.drain is Drain.DIRECT:
            return np.ones_like(before)
        together = not self.array.row_skew and not self.array.accelerator.array.edge_taps
        return np.maximum(before, after) if together else before

    def _overlap(
        self, step: Step, table: Counts, seen: Counts, rows: Counts, cols: Counts, steps: int, per_port: list[Counts],
        stream: tuple[Counts, Counts],
    ) -> None:  # fmt: skip
        array, ports = self.array, self.array.ports
        opens = table[:, f.FIRST] > 0
        opens[0] = True
        first = np.flatnonzero(opens)
        number = np.diff(np.append(first, len(table)))
        at = (np.arange(len(table)) - np.repeat(first, number)) * steps
        a, b = rows[first], cols[first]
        leave = seen[:, f.LEAVING]
        if array.in_place:
            edge = 1 if array.shape.direct else None
            leave = np.where(
                np.repeat(table[first, f.FIRST] > 0, number),
                edge or (array.shape.exit_line if array.shape.exit_line >= 0 else rows - 1), 0,
            )  # fmt: skip
        macs = np.maximum.reduceat(at + seen[:, f.WORKING], first)
        outputs = np.maximum.reduceat(at + seen[:, f.WORKING] + leave, first)
        streamed = np.add.reduceat(stream[0], first)
        bits = [np.add.reduceat(one, first) for one in per_port]
        moved = [self._bits(p.operands & {array.stationary}, a, b, steps) for p in ports]
        known = np.append(np.flatnonzero(stream[1] >= 0), len(table))
        slow = known[np.searchsorted(known, first)]
        cause = np.where(slow < first + number, np.append(stream[1], -1)[slow], -1)
        if array.in_place:
            edges = self._busy(a[:-1], a[1:])
            taken = [m[:-1] for m in moved]
        else:
            edges = seen[first[1:], f.LOADING]
            taken = [m[1:] for m in moved]
        edges = np.maximum(edges, number[:-1] * steps)
        worst, why = edges.copy(), np.full(len(edges), -1, np.int64)
        longer = streamed[:-1] > worst
        worst[longer], why[longer] = streamed[:-1][longer], cause[:-1][longer]
        for n, port in enumerate(ports):
            needed = -(-(taken[n] + bits[n][:-1]) // port.bits_per_cycle)
            longer = needed > worst
            worst[longer], why[longer] = needed[longer], n
        stalled = Spent()
        inside_stalls = self._stall(stalled, why, worst - edges)
        idle, state_macs, state_outputs = 0, int(macs[0]), int(outputs[0])
        for n, distance in enumerate(edges.tolist()):
            idle += max(0, distance - state_macs)
            state_macs = max(state_macs - distance, int(macs[n + 1]))
            state_outputs = max(state_outputs - distance, int(outputs[n + 1]))
        final = slice(int(first[-1]), len(table))
        stream_stalls = self._stall(stalled, stream[1][final], (stream[0] - steps)[final])
        one_a, one_b = a[-1:], b[-1:]
        port_cycles = 0
        for n, port in enumerate(ports):
            if array.stationary in port.operands:
                need = int(bits[n][-1]) + (int(moved[n][-1]) if array.in_place else 0)
                port_cycles = max(port_cycles, -(-need // port.bits_per_cycle))
        start = int(edges.sum()) + inside_stalls
        uses = bool(step.loads or table[:, f.FIRST].any())
        fold_leave = np.array(
            [1 if array.shape.direct else (array.shape.exit_line if array.shape.exit_line >= 0 else int(one_a[0]) - 1)]
        )
        if array.in_place:
            out = int(self._out(fold_leave, one_a, one_b, steps)[0][0])
            shadow = int(streamed[-1]) + int(self._busy(one_a, np.array([array.rows]))[0])
            first_ends = int(streamed[0])
            load_edges, load, load_cause = 0, 0, -1
        else:
            out = int(leave[first[-1]])
            shadow, first_ends = port_cycles, 0
            load_edges = int(seen[0, f.LOADING])
            needed_load = [-(-int(m[0]) // p.bits_per_cycle) for m, p in zip(moved, ports, strict=True)]
            bound = self._held_up(np.array([load_edges]), [np.array([n]) for n in needed_load])
            load, load_cause = (int(bound[0][0]), int(bound[1][0])) if load_edges else (0, -1)
        drained = max(state_outputs, int(macs[-1]) + out)
        run = Run(
            load=load - first_ends if uses else None,
            last=start + shadow if uses or shadow else None,
            next=start + max(int(number[-1]) * steps, port_cycles if array.in_place else 0) + stream_stalls,
            done=start + max(state_macs, drained) + stream_stalls,
        )
        self.runs.append(run)
        for name, cycles in stalled.stalls.items():
            self.spent.stall(name, cycles)
        self.inside += idle
        macs_end = start + state_macs + stream_stalls
        if self.before is None:
            self.spent.fill += load_edges
            self.tile = load_edges
            if load_cause >= 0:
                self.spent.stall(ports[load_cause].name, load - load_edges)
                self.stalls.append(Stall(0, load - load_edges, ports[load_cause].name))
            self.macs, self.outputs = macs_end, run.done
        else:
            distance = self.before.next
            if run.load is not None:
                distance = max(distance, self.free + run.load)
            if uses:
                self.idle += max(0, distance - self.macs)
            self.macs = max(self.macs - distance, macs_end)
            self.outputs = max(self.outputs - distance, run.done)
            self.edges += distance
            self.tile += distance - self.waited
            self.free -= distance
        if run.last is not None:
            self.free = run.last
        if self.recording:
            waits = np.append(worst - edges, stream_stalls), np.append(why, -1)
            self._record_overlap(step, table, seen, steps, first, number, np.append(0, edges), *waits)
            end = self.tile + int(edges.sum()) + int(number[-1]) * steps
            for n, port in enumerate(ports):
                held = int((stream[0] - steps)[final][stream[1][final] == n].sum())
                if held:
                    self.stalls.append(Stall(end, held, port.name))
        self.before, self.waited = run, inside_stalls + stream_stalls
        self.stalled += inside_stalls + stream_stalls

    def _record_overlap(
        self, step: Step, table: Counts, seen: Counts, steps: int, first: Counts, number: Counts, edges: Counts,
        waits: Counts, causes: Counts,
    ) -> None:  # fmt: skip
        starts = self.tile + np.cumsum(edges)
        for n in np.flatnonzero(causes >= 0):
            if waits[n]:
                self.stalls.append(Stall(int(starts[n + 1]), int(waits[n]), self.array.ports[causes[n]].name))
        within = np.arange(len(table)) - np.repeat(first, number)
        loads = np.full(len(table), -1, np.int64)
        for n in np.flatnonzero(table[first, f.FIRST]):
            loads[first[n]] = self.group
            self.group = int(starts[n])
        skewed = np.full(len(table), bool(self.records))
        skewed[1:] = True
        self.records.append(Record(step, table, seen, np.repeat(starts, number) + within * steps, loads, skewed))

    def phase(self) -> Phase:
        """Edges of the layer by what the array did."""
        seen = self.spent.phase()
        if not self.overlaps:
            return seen
        idle = self.idle + self.inside
        return Phase(
            seen.compute + self.edges + self.macs - idle - self.stalled,
            seen.fill + (0 if self.array.in_place else idle),
            seen.drain + (idle if self.array.in_place else 0) + max(0, self.outputs - self.macs),
            seen.stalls,
        )
