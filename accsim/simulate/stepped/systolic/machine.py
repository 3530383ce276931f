"""The stepped systolic array: folds of every step, run as waves through the compiled array."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from accsim.errors import AccsimError
from accsim.hardware.accelerator import InitialPsum
from accsim.hardware.datapath import DatapathKind
from accsim.hardware.mac_cycles import parts
from accsim.mapping.dataflow import Axis, Delivery, Drain, Reduction
from accsim.mapping.mapping import SystolicMapping
from accsim.simulate.flows import Flow, Occupancy, SystolicFlows
from accsim.simulate.inner_product.operands import require_powers
from accsim.simulate.stepped.machine import Observed, Operands, Probe, Step
from accsim.simulate.stepped.operands import accumulator_of
from accsim.simulate.stepped.systolic import feeds as f
from accsim.simulate.stepped.systolic.control import Clock, Record
from accsim.simulate.stepped.systolic.serial import BITS, UNARY, WHOLE, Mac
from accsim.simulate.stepped.systolic.sweeps import run_along, run_in_place
from accsim.simulate.stepped.systolic.tables import Addresses, Tensors, axis, tensors
from accsim.simulate.storage import Place
from accsim.simulate.systolic_folds import SystolicFolds
from accsim.workload.layer import Operand

INPUTS = (Operand.IFMAP, Operand.WEIGHT)


NEVER = 2**62
"""A limit that no edge reaches."""


@dataclass(slots=True)
class Room:
    """The array's registers, and counters.

    Attributes:
        buffers: of each streaming operand, over the edges of one fold.
        bits, live: valid bits of a line on each edge, and how many are set.
        held: [lines, lanes], stationary words, or sums that stay in the PEs.
        slots: [edges, lanes], sums that move from line to line.
        moved: [lanes], how many lines complete sums have shifted on their way out.
        fresh, load: [lines, lanes], stationary words at the edge, and on their way.
        held_zeros: zeros in ``held``.
        own: [lines, lanes], what PEs have of a MAC that takes several edges, where sums move.
        count: see ``feeds``.
        load_hops: words handed from PE to PE while they are shifted in.
    """

    buffers: list[npt.NDArray[Any]]
    bits: npt.NDArray[np.uint64]
    live: Addresses
    held: npt.NDArray[Any]
    slots: npt.NDArray[Any]
    moved: Addresses
    fresh: npt.NDArray[Any]
    load: npt.NDArray[Any]
    held_zeros: Addresses
    own: npt.NDArray[np.int64]
    count: Addresses
    load_hops: Addresses


class SteppedSystolic(SystolicFolds):
    """A systolic array that runs one layer edge by edge."""

    def __init__(self, place: Place, operands: Operands) -> None:
        """Lay the layer's words out.

        Args:
            place: the layer on its machine, with a systolic mapping.
            operands: its values; sums of their products must fit 64 bits.

        Raises:
            TypeError: the mapping is for another kind of array.
            AccsimError: a weight is no power of two, and the PEs shift by it.
        """
        mapping = place.mapping
        if not isinstance(mapping, SystolicMapping):
            raise TypeError(f"a systolic array runs systolic mappings, not {type(mapping).__name__}")
        super().__init__(place.accelerator, mapping.dataflow, place.nest)
        self.place = place
        if place.accelerator.pe.datapath.kind is DatapathKind.SHIFT:
            require_powers(operands.weight.astype(np.int64), place.accelerator.name)
        flow, array = self.dataflow, place.accelerator.array
        accumulator = accumulator_of(place.accelerator.pe)
        largest = [max(-int(words.min()), int(words.max())) for words in (operands.ifmap, operands.weight)]
        g = place.nest.geometry
        terms = g.channels_per_group * g.R * g.S
        narrow = max(largest) < 2**15
        fits = accumulator.product_shift == 0 and terms * largest[0] * largest[1] < 2**31
        self.rule, self.lane_type = accumulator.rule, np.int32 if fits and narrow else np.int64
        self.tensors: Tensors = tensors(g, operands, narrow)
        self.in_place = flow.reduction is Reduction.IN_PE
        self.lines = Axis.COLS if not self.in_place and self.reduces(Axis.COLS) else Axis.ROWS
        self.lanes = Axis.ROWS if self.lines is Axis.COLS else Axis.COLS
        skew = {Axis.ROWS: self.row_skew, Axis.COLS: self.col_skew}
        size = {Axis.ROWS: self.rows, Axis.COLS: self.cols}
        self.size = size
        tree = flow.reduction is Reduction.ADDER_TREE
        self.shape = f.Shape(
            skew[self.lines], skew[self.lanes], -1 if array.edge_taps else size[self.lines] - 1,
            tree, flow.drain is Drain.DIRECT and self.in_place, array.stationary_buffers > 1,
        )  # fmt: skip
        self.streaming = [o for o in INPUTS if o is not self.stationary]
        if self.in_place:
            self.streaming = list(INPUTS)

    def feed(self, operand: Operand, step: Step) -> f.Feed:
        """How an operand's words enter for a step."""
        flow, sizes = self.dataflow, step.sizes
        source = self.tensors.ifmap if operand is Operand.IFMAP else self.tensors.weight
        strides = self.tensors.strides[operand]
        return f.Feed(
            source,
            axis(strides, flow.axis(self.lines), sizes),
            axis(strides, flow.axis(self.lanes), sizes),
            axis(strides, flow.stream, sizes),
            bool(self.shape.lane_skew) and not flow.depends(operand, self.lanes),
            flow.depends(operand, self.lines),
            np.ones(self.steps_in(step), np.uint8),
        )

    def _folds(self, step: Step, ends: bool) -> tuple[Addresses, npt.NDArray[np.bool_]]:
        """The table of a step's folds, and which of them open a group."""
        flow, sizes = self.dataflow, step.sizes
        extent = {name: prod(sizes[d].size for d in flow.axis(Axis(name))) for name in ("rows", "cols")}
        counts = [
            -(-extent[name] // (self.rows if name == "rows" else self.cols)) if name in extent else sizes[name].size
            for name in flow.folds
        ]
        total = prod(counts)
        index = np.unravel_index(np.arange(total), counts) if counts else ()
        table = np.zeros((total, 9), np.int64)
        changed = np.full(total, step.loads or self._changes > 0)
        x, y = self.streaming[0], self.streaming[1] if self.in_place else self.stationary
        for place, (name, at) in enumerate(zip(flow.folds, index, strict=True)):
            if name in extent:
                pes = self.rows if name == "rows" else self.cols
                first, many = (f.LINE0, f.LINES) if Axis(name) is self.lines else (f.LANE0, f.LANES)
                table[:, first] = at * pes
                table[:, many] = np.minimum(pes, extent[name] - at * pes)
            else:
                for column, operand in ((f.REST_X, x), (f.REST_Y, y), (f.REST_OUT, Operand.PSUM)):
                    table[:, column] += (sizes[name].start + at) * self.tensors.strides[operand].get(name, 0)
            if place >= self._changes:
                changed &= at == 0
        table[:, f.FIRST] = changed
        table[:-1, f.LAST] = changed[1:]
        table[-1, f.LAST] = ends
        return table, changed

    def room(self, steps: int) -> Room:
        """Registers for streams of up to ``steps``."""
        lines, lanes = self.size[self.lines], self.size[self.lanes]
        edges, kind = steps * self.mac_cycles + lanes, self.tensors.ifmap.dtype
        buffers = []
        for operand in self.streaming:
            own = lines if self.dataflow.depends(operand, self.lines) else 1
            window = self.shape.lane_skew and not self.dataflow.depends(operand, self.lanes)
            buffers.append(np.zeros(own * ((edges + lanes) if window else edges * lanes), kind))
        return Room(
            buffers=buffers,
            bits=np.zeros((edges, -(-lanes // 64)), np.uint64),
            live=np.zeros(edges, np.int64),
            held=np.zeros((lines, lanes), self.lane_type),
            slots=np.zeros((0 if self.in_place else edges, lanes), self.lane_type),
            moved=np.zeros(lanes, np.int64),
            fresh=np.zeros((lines, lanes), self.lane_type),
            load=np.zeros((lines, lanes), self.lane_type),
            held_zeros=np.zeros(1, np.int64),
            own=np.zeros((lines, lanes), np.int64),
            count=np.zeros(9, np.int64),
            load_hops=np.zeros(1, np.int64),
        )

    def out(self, step: Step, scratch: bool = False) -> f.Out:
        """Where the sums of a step go: to the buffer, or to nowhere that matters."""
        strides, flow, t = self.tensors.strides[Operand.PSUM], self.dataflow, self.tensors
        sums, visited = (np.zeros_like(t.sums), np.zeros_like(t.visited)) if scratch else (t.sums, t.visited)
        axes = [axis(strides, dims, step.sizes) for dims in (flow.axis(self.lines), flow.axis(self.lanes), flow.stream)]
        return f.Out(axes[0], axes[1], axes[2], sums, visited)

    def work(self, step: Step, table: Addresses, seen: Addresses, out: f.Out, room: Room, limit: int) -> None:
        """Run folds of a step, up to ``limit`` edges after the start of each."""
        x = self.feed(self.streaming[0], step)
        if self.in_place:
            run_in_place(
                table, x, self.feed(self.streaming[1], step), self.shape, self.rule, out, room.held, room.moved,
                room.buffers[0], room.buffers[1], room.bits, room.live, limit, self.mac, room.count, seen,
            )  # fmt: skip
            return
        preloads = 0
        if self.delivery(self.stationary) is Delivery.PRELOAD:
            preloads = 1 if self.lines is Axis.ROWS else 2
        run_along(
            table, x, self.feed(self.stationary, step), preloads, self.dataflow.depends(self.stationary, Axis.ROWS),
            self.shape, self.rule, out, room.fresh, room.load, room.held, room.slots, room.buffers[0], room.bits,
            room.live, limit, self.mac, room.own, room.count, seen, room.load_hops, room.held_zeros,
        )  # fmt: skip

    def run(self, steps: Iterable[Step], probe: Probe | None = None) -> Observed:
        """Run the steps of one layer, in order.

        Args:
            steps: every step of the layer's nest.
            probe: what to record, filled in.

        Raises:
            AccsimError: a word was lost on its way, which is a fault of the simulator.
        """
        every = list(steps)
        self.tensors.sums[:] = 0
        self.tensors.visited[:] = 0
        recording = probe is not None and probe.asks
        if probe is not None and (probe.cycles or probe.edges) and self.mac_cycles > 1:
            raise AccsimError(
                f"the registers and ports of PEs that take {self.mac_cycles} cycles for a MAC are not recorded; run "
                "without traces, or with a bit_parallel datapath"
            )
        flows, clock = SystolicFlows(), Clock(self, len(every), recording)
        most = slots = busy = 0
        room = self.room(max((self.steps_in(step) for step in every), default=1))
        for number, step in enumerate(every):
            ends = number + 1 == len(every) or every[number + 1].loads
            table, opens = self._folds(step, ends)
            seen = np.zeros((len(table), 4), np.int64)
            self.work(step, table, seen, self.out(step), room, NEVER)
            if not self.in_place:
                self._loaded(flows, table[opens])
            clock.step(step, table, seen)
            pes, stream = table[:, f.LINES] * table[:, f.LANES], self.steps_in(step) * self.mac_cycles
            most, slots, busy = max(most, int(pes.max())), slots + int(pes.sum()) * stream, busy + len(table) * stream
        clock.finish()
        count = room.count
        self._flowed(flows, count, int(room.load_hops[0]))
        if probe is not None and recording:
            from accsim.simulate.stepped.systolic.recorder import Recorder  # noqa: PLC0415

            Recorder(self, clock).fill(probe)
        g, macs = self.nest.geometry, int(count[f.MACS])
        if (macs, flows.psum.edge) < (g.macs, g.ofmap_words):
            raise AccsimError(
                f"the systolic array was seen to do {macs} of {g.macs} MACs and to give {flows.psum.edge} sums for "
                f"{g.ofmap_words} outputs: a word was lost on its way (a fault of the simulator)"
            )
        gates_by_weight = self.accelerator.pe.datapath.kind is DatapathKind.TERNARY
        gating = Operand.WEIGHT if gates_by_weight else Operand.IFMAP
        return Observed(
            phase=clock.phase(),
            runs=clock.runs,
            sums=self.tensors.sums.reshape(g.N, g.M, g.P, g.Q).copy(),
            flows=flows,
            macs=macs,
            zero_ifmap_macs=int(count[f.ZEROS_X if self.streaming[0] is gating else f.ZEROS_Y]),
            register_updates=flows.ifmap.latched + flows.weight.latched + flows.psum.latched,
            occupancy=Occupancy(most, slots, busy),
        )

    @cached_property
    def mac(self) -> Mac:
        """How the PEs take in a MAC."""
        pe = self.accelerator.pe
        mode = UNARY if pe.datapath.kind is DatapathKind.UNARY else BITS
        a_parts, w_parts = parts(pe)
        activation = (mode if a_parts > 1 else WHOLE, a_parts, pe.datapath.serial_bits)
        weight = (BITS if w_parts > 1 else WHOLE, w_parts, 1)
        first, second = (activation, weight) if self.streaming[0] is Operand.IFMAP else (weight, activation)
        return Mac(a_parts * w_parts, *first, *second)

    def steps_in(self, step: Step) -> int:
        """Length of the stream of each fold of a step."""
        return prod(step.sizes[d].size for d in self.dataflow.stream)

    def used(self, fold: Addresses) -> tuple[int, int]:
        """Used rows and columns of a fold."""
        lines, lanes = int(fold[f.LINES]), int(fold[f.LANES])
        return (lines, lanes) if self.lines is Axis.ROWS else (lanes, lines)

    def valid(self, steps: int, lanes: int) -> tuple[Addresses, Addresses]:
        """Valid bits that are set in a line on each edge, and in its first lane."""
        edges = steps + (lanes - 1) * self.shape.lane_skew
        bits, live = np.zeros((edges, -(-lanes // 64)), np.uint64), np.zeros(edges, np.int64)
        f.shift_valid(np.ones(steps, np.uint8), lanes, self.shape.lane_skew, bits, live)
        return live, (bits[:, 0] & np.uint64(1)).astype(np.int64)

    def products(self, x: npt.NDArray[Any], held: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Products as they enter a sum."""
        rule = self.rule
        words: npt.NDArray[np.int64] = x.astype(np.int64) * held
        rounded: npt.NDArray[np.int64] = (words + rule.bias + (rule.even & (words >> rule.shift))) >> rule.shift
        return rounded

    def stationary_words(self, record: Record, fold: int) -> npt.NDArray[np.int64]:
        """Stationary words of a fold, [rows, cols]."""
        row = record.table[fold]
        feed = self.feed(self.stationary, record.step)
        line = feed.line_at[row[f.LINE0] : row[f.LINE0] + row[f.LINES]]
        lane = feed.lane_at[row[f.LANE0] : row[f.LANE0] + row[f.LANES]]
        words: npt.NDArray[np.int64] = feed.source[row[f.REST_Y] + line[:, None] + lane].astype(np.int64)
        return words if self.lines is Axis.ROWS else words.T

    def _loaded(self, flows: SystolicFlows, folds: Addresses) -> None:
        """Add the stationary words of groups that load."""
        operand = self.stationary
        flow, how = self._flow_of(flows, operand), self.delivery(operand)
        size = {self.lines: folds[:, f.LINES], self.lanes: folds[:, f.LANES]}
        each = how is Delivery.UNICAST
        across = {axis: 1 if each or self.dataflow.depends(operand, axis) else size[axis] for axis in size}
        held = size[Axis.ROWS] * size[Axis.COLS]
        words = held // (across[Axis.ROWS] * across[Axis.COLS])
        flow.edge += int(words.sum())
        if how is Delivery.PRELOAD:
            entering = int((words * across[Axis.COLS]).sum())
            flow.delivered += entering
            flow.latched += entering
        elif how is Delivery.HOP:
            flow.delivered += int(words.sum())
            flow.hops += int((held - words).sum())
            flow.latched += int(held.sum())
        else:
            flow.delivered += int(held.sum())
            flow.latched += int(held.sum())

    @staticmethod
    def _flow_of(flows: SystolicFlows, operand: Operand) -> Flow:
        return {Operand.IFMAP: flows.ifmap, Operand.WEIGHT: flows.weight, Operand.PSUM: flows.psum}[operand]

    def _flowed(self, flows: SystolicFlows, count: Addresses, load_hops: int) -> None:
        """Turn what was counted at the first lanes and lines into words by operand."""
        macs = int(count[f.MACS])
        for operand in self.streaming:
            flow, how = self._flow_of(flows, operand), self.delivery(operand)
            along = (self.dataflow.depends(operand, self.lines), self.dataflow.depends(operand, self.lanes))
            at = {(True, False): f.LANE_ENTRIES, (False, True): f.LINE_ENTRIES, (False, False): f.CORNER_ENTRIES}
            entered = macs if how is Delivery.UNICAST else int(count[at.get(along, f.MACS)])
            flow.edge, flow.latched = entered, macs
            flow.delivered = entered if how is Delivery.HOP else macs
            flow.hops = macs - entered if how is Delivery.HOP else 0
        if not self.in_place:
            flow = self._flow_of(flows, self.stationary)
            flow.hops, flow.latched = flow.hops + load_hops, flow.latched + load_hops
        psum, passed = flows.psum, int(count[f.PASSED])
        psum.edge, psum.latched = int(count[f.LEFT]), macs + passed
        if self.dataflow.reduction is Reduction.CHAIN:
            psum.hops = macs - int(count[f.LINE_ENTRIES]) + passed
        else:
            psum.hops = passed
        reads = self.accelerator.array.initial_psum is InitialPsum.READ
        flows.psum_in = psum.edge if reads else int(count[f.RETURNED])
