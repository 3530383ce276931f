"""What the controller at the array's edge is given, and what it saw.

The array's folds run as waves (``sweeps``), and what valid bits and words made of each wave is seen: the edges it took
to load, the edges with a valid bit, the edges until its last sum was out. ``edge`` ticks the controller over what was
seen, cycle by cycle; here words are turned into bits at the ports, and ticks into cycles by cause.
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
from accsim.simulate.stepped.systolic import edge as e
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
    """The edges of one layer."""

    def __init__(self, array: SteppedSystolic, tiles: int, recording: bool = False) -> None:
        self.array, self.recording = array, recording
        self.overlaps = array.accelerator.array.stationary_buffers > 1
        self.records: list[Record] = []
        self.stalls: list[Stall] = []
        ports = array.ports
        taps = array.accelerator.array.edge_taps
        self._ports = e.Ports(
            widths=np.array([port.bits_per_cycle for port in ports], np.int64),
            shared=np.array([array.stationary in port.operands for port in ports], np.bool_),
            inputs=np.array([bool(port.operands & INPUTS) for port in ports], np.bool_),
            in_place=array.in_place,
            direct=array.dataflow.drain is Drain.DIRECT and array.in_place,
            together=not array.row_skew and not taps,
            rows=array.rows,
        )
        self._state = np.zeros(e.STATE, np.int64)
        self._totals = np.zeros(tiles, np.int64)
        self._by_port = np.zeros(len(ports), np.int64)
        self._edges = np.zeros(4, np.int64)
        self._runs: list[Run] = []

    def _notes(self, folds: int) -> e.Notes:
        ports = len(self._by_port)
        return e.Notes(
            starts=np.zeros(folds, np.int64),
            loads=np.full(folds, -1, np.int64),
            stalls=np.zeros((3 * folds + ports + 1 if self.recording else 0, 3), np.int64),
            noted=np.zeros(1, np.int64),
            by_port=self._by_port,
            owed=np.zeros(ports, np.int64),
            edges=self._edges,
            run=np.zeros(4, np.int64),
        )

    def _words(self, operand: Operand, rows: Counts, cols: Counts, steps: int) -> Counts:
        """Words of an operand that cross the array's edge in each fold."""
        flow = self.array.dataflow
        each = self.array.delivery(operand) is Delivery.UNICAST
        out = np.full(len(rows), steps if flow.depends(operand, Axis.STREAM) else 1, np.int64)
        if each or flow.depends(operand, Axis.ROWS):
            out *= rows
        if each or flow.depends(operand, Axis.COLS):
            out *= cols
        return out

    def _bits(self, operands: frozenset[Operand], rows: Counts, cols: Counts, steps: int) -> Counts:
        """Bits of some operands in each fold, [folds, ports]."""
        out = np.zeros((len(rows), len(self.array.ports)), np.int64)
        for number, port in enumerate(self.array.ports):
            for operand in port.operands & operands:
                out[:, number] += self._words(operand, rows, cols, steps) * self.array.accelerator.bits(operand)
        return out

    def step(self, step: Step, table: Counts, seen: Counts) -> None:
        """Tick over the folds of one step."""
        array, folds = self.array, table.copy()
        if array.lines is Axis.COLS:
            folds[:, [f.LINES, f.LANES]] = folds[:, [f.LANES, f.LINES]]
        rows, cols = folds[:, f.LINES], folds[:, f.LANES]
        words = array.steps_in(step)
        steps = words * array.mac_cycles
        streams = self._bits(ALL - {array.stationary}, rows, cols, words)
        kept = self._bits(frozenset({array.stationary}), rows, cols, words)
        notes = self._notes(len(table))
        if self.overlaps:
            e.run_on(folds, seen, self._exits(seen, rows), steps, streams, kept, self._ports, self._state, notes)
            seen_load, last, following, done = (None if n == e.NONE else n for n in notes.run.tolist())
            self._runs.append(Run(seen_load, last, following or 0, done or 0))
        else:
            e.run_alone(folds, seen, steps, streams, kept, step.index, self._ports, self._state, self._totals, notes)
        if self.recording:
            skewed = np.full(len(table), self.overlaps)
            skewed[0] &= bool(self.records)
            self.records.append(Record(step, table, seen, notes.starts, notes.loads, skewed))
            found = notes.stalls[: notes.noted[0]].tolist()
            self.stalls += [Stall(at, cycles, array.ports[port].name) for at, cycles, port in found]

    def _exits(self, seen: Counts, rows: Counts) -> Counts:
        """Edges from the last MAC of each fold to its last sum at the array's edge, if its sums leave."""
        array = self.array
        if not array.in_place:
            return seen[:, f.LEAVING]
        if array.shape.direct:
            return np.ones_like(rows)
        return rows - 1 if array.shape.exit_line < 0 else np.full_like(rows, array.shape.exit_line)

    def finish(self) -> None:
        """Let everything that is under way leave."""
        if self.overlaps:
            e.finish(self._state, self._notes(0))
        else:
            self._runs = [Run.alone(cycles) for cycles in self._totals.tolist()]

    @property
    def runs(self) -> tuple[Run, ...]:
        """How each step overlaps with its neighbours."""
        return tuple(self._runs)

    def phase(self) -> Phase:
        """Edges of the layer by what the array did; with no MAC between tiles it waits for words, or for sums."""
        compute, fill, idle, drain = self._edges.tolist()
        spent = Spent()
        for port, cycles in zip(self.array.ports, self._by_port.tolist(), strict=True):
            spent.stall(port.name, cycles)
        waits = (0, idle) if self.array.in_place else (idle, 0)
        return Phase(compute, fill + waits[0], drain + waits[1], spent.phase().stalls)
