"""What a probe asks of a systolic run: words at the array's edge on every cycle, and all registers after any.

The registers after an edge are those of the compiled array: the folds that were under way then are run again up to that
edge, with the same code, and so are the stationary words on their way in and complete sums on their way out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import InitialPsum
from accsim.mapping.dataflow import Axis, Delivery, Reduction
from accsim.simulate.stepped.machine import Mask, Probe, Registers, Words
from accsim.simulate.stepped.systolic import feeds as f
from accsim.simulate.stepped.systolic.control import Clock, Record
from accsim.simulate.stepped.systolic.sweeps import preload
from accsim.workload.layer import Operand

if TYPE_CHECKING:
    from accsim.simulate.stepped.systolic.machine import Room, SteppedSystolic

Edges = npt.NDArray[np.int64]


@dataclass(slots=True)
class Group:
    """Folds that share a stationary operand or sums: record, and first and end of its folds, for every part.

    Attributes:
        parts: in order; more than one if the group goes on in the next step.
        start: edge of the first MAC.
        load: edge on which the first stationary word enters; -1 if none does.
    """

    parts: list[tuple[Record, int, int]]
    start: int
    load: int
    skewed: bool


def _bits(words: npt.NDArray[np.uint64], lanes: int) -> Mask:
    """Valid bits of the lanes of a line."""
    lane = np.arange(lanes)
    return (words[lane // 64] >> (lane % 64).astype(np.uint64)) & np.uint64(1) > 0


class Recorder:
    """Fills a probe from a finished run."""

    def __init__(self, array: SteppedSystolic, clock: Clock) -> None:
        self.array, self.clock, self.records = array, clock, clock.records
        stalls = sorted(clock.stalls, key=lambda s: s.edge)
        self.positions = np.array([s.edge for s in stalls], np.int64)
        self.lengths = np.array([s.cycles for s in stalls], np.int64)
        self.causes = [s.cause for s in stalls]
        self.before = np.append(0, np.cumsum(self.lengths))
        self.begins = self.positions + self.before[:-1]
        self.total = clock.phase().total
        self.planes: dict[str, tuple[Words, Mask]] = {}
        self.groups = self._groups()
        self.starts = np.array([group.start for group in self.groups], np.int64)

    def fill(self, probe: Probe) -> None:
        """Record what the probe asks for."""
        if probe.edges:
            probe.edge_words.update(self._edge_words())
        if probe.edges or probe.waits:
            probe.stalls += [
                (cause, int(at), int(at + n))
                for cause, at, n in zip(self.causes, self.begins, self.lengths, strict=True)
            ]
        for cycle in probe.cycles:
            if 0 <= cycle < self.total:
                probe.registers.append(self._registers(cycle))

    def _groups(self) -> list[Group]:
        out: list[Group] = []
        for record in self.records:
            opens = np.flatnonzero(record.table[:, f.FIRST])
            bounds = [*([0] if not len(opens) or opens[0] else []), *opens.tolist(), len(record.table)]
            for begin, end in pairwise(bounds):
                if record.table[begin, f.FIRST]:
                    at = int(record.starts[begin]), int(record.loads[begin]), bool(record.skewed[begin])
                    out.append(Group([(record, begin, end)], *at))
                else:
                    out[-1].parts.append((record, begin, end))
        return out

    # cycles and edges

    def _cycles(self, edges: Edges) -> Edges:
        """Cycle of each enabled edge."""
        cycles: Edges = edges + self.before[np.searchsorted(self.positions, edges, side="right")]
        return cycles

    def _edge(self, cycle: int) -> int:
        """The last enabled edge up to a cycle; -1 before the first."""
        n = int(np.searchsorted(self.begins, cycle, side="right"))
        if n and cycle < self.begins[n - 1] + self.lengths[n - 1]:
            return int(self.positions[n - 1]) - 1
        return cycle - int(self.before[n])

    # words at the edge

    def _edge_words(self) -> dict[tuple[Operand, str], npt.NDArray[np.int32]]:
        array = self.array
        at = self.total - int(self.lengths.sum())
        words = {key: np.zeros(at, np.int32) for key in (
            (Operand.IFMAP, "in"), (Operand.WEIGHT, "in"), (Operand.PSUM, "in"), (Operand.PSUM, "out"),
        )}  # fmt: skip
        reads = array.accelerator.array.initial_psum is InitialPsum.READ
        overtaken = not reads and not array.in_place and self.clock.overlaps and array.accelerator.array.edge_taps
        for record in self.records:
            steps = array.steps_in(record.step)
            for n, fold in enumerate(record.table):
                live, entered = array.valid(steps, int(fold[f.LANES]))
                start = int(record.starts[n])
                for operand in array.streaming:
                    self._entering(words[operand, "in"], operand, fold, start, live, entered)
                if record.loads[n] >= 0 and not array.in_place:
                    self._loading(words[array.stationary, "in"], fold, int(record.loads[n]), bool(record.skewed[n]))
                back = reads or bool(record.seen[n, f.BACK])
                for edge, many in self._leaving(record, n, start, steps, live):
                    words[Operand.PSUM, "out"][edge] += many
                    if back and not overtaken:
                        words[Operand.PSUM, "in"][edge] += many
        if overtaken:
            self._returning(words[Operand.PSUM, "in"])
        cycles = self._cycles(np.arange(at))
        out_words = {}
        for key, row in words.items():
            full = np.zeros(self.total, np.int32)
            full[cycles] = row
            out_words[key] = full
        return out_words

    def _entering(
        self, row: npt.NDArray[np.int32], operand: Operand, fold: Edges, start: int, live: Edges, entered: Edges
    ) -> None:
        array = self.array
        unicast = array.delivery(operand) is Delivery.UNICAST
        lines = array.dataflow.depends(operand, array.lines) or unicast
        lanes = array.dataflow.depends(operand, array.lanes) or unicast
        for line in range(fold[f.LINES] if lines else 1):
            at = start + line * array.shape.line_skew
            row[at : at + len(live)] += (live if lanes else entered).astype(np.int32)

    def _loading(self, row: npt.NDArray[np.int32], fold: Edges, begin: int, skewed: bool) -> None:
        array, operand = self.array, self.array.stationary
        rows, cols = array.used(fold)
        how = array.delivery(operand)
        by_row, by_col = (
            array.dataflow.depends(operand, axis) or how is Delivery.UNICAST for axis in Axis if axis is not Axis.STREAM
        )
        for j in range(cols if by_col else 1):
            if how is Delivery.PRELOAD:
                at = begin + (j * array.col_skew if skewed else 0)
                row[at : at + (rows if by_row else 1)] += 1
            else:
                for i in range(rows if by_row else 1):
                    row[begin + i * array.row_skew + j * array.col_skew] += 1

    def _leaving(self, record: Record, n: int, start: int, steps: int, live: Edges) -> list[tuple[int, int]]:
        """Edges on which sums of a fold leave, and how many."""
        array, fold = self.array, record.table[n]
        lines, lanes = int(fold[f.LINES]), int(fold[f.LANES])
        if not array.in_place:
            behind = int(record.seen[n, f.LEAVING]) + (lines - 1) * array.shape.line_skew
            return [(start + behind + u, int(many)) for u, many in enumerate(live) if many]
        if not fold[f.LAST]:
            return []
        out = []
        for line in range(lines):
            for lane in range(lanes):
                out.append((self._left(start, steps, line, lane, lines, lanes), 1))
        return out

    def _returning(self, row: npt.NDArray[np.int32]) -> None:
        """Words read back, where the sums of a short fold may leave before those of a taller one."""
        array, edges, addresses = self.array, [], []
        for record in self.records:
            out, steps = array.out(record.step, scratch=True), array.steps_in(record.step)
            for n, fold in enumerate(record.table):
                lane, step = np.meshgrid(np.arange(fold[f.LANES]), np.arange(steps), indexing="ij")
                behind = int(record.seen[n, f.LEAVING]) + (int(fold[f.LINES]) - 1) * array.shape.line_skew
                edges.append((int(record.starts[n]) + behind + step + lane * array.shape.lane_skew).reshape(-1))
                at = fold[f.REST_OUT] + out.lane_at[fold[f.LANE0] + lane] + out.step_at[step]
                addresses.append(at.reshape(-1))
        left, address = np.concatenate(edges), np.concatenate(addresses)
        order = np.argsort(left, kind="stable")
        _, first = np.unique(address[order], return_index=True)
        again = np.ones(len(left), np.bool_)
        again[first] = False
        np.add.at(row, left[order][again], 1)

    def _done(self, start: int, steps: int, line: int, lane: int) -> int:
        """Edge of a PE's last MAC."""
        return start + steps - 1 + line * self.array.shape.line_skew + lane * self.array.shape.lane_skew

    def _exit(self, lines: int) -> int:
        return self.array.shape.exit_line if self.array.shape.exit_line >= 0 else lines - 1

    def _released(self, start: int, steps: int, lane: int, lines: int, lanes: int) -> int:
        """Edge after which the sums of a column start to move: with shadow registers, that of its own last MAC."""
        return self._done(start, steps, lines - 1, lane if self.clock.overlaps else lanes - 1)

    def _left(self, start: int, steps: int, line: int, lane: int, lines: int, lanes: int) -> int:
        done = self._done(start, steps, line, lane)
        if self.array.shape.direct:
            return (done if self.clock.overlaps else self._released(start, steps, lane, lines, lanes)) + 1
        away = self._exit(lines) - line
        return self._released(start, steps, lane, lines, lanes) + away if away else done

    # registers

    def _registers(self, cycle: int) -> Registers:
        array, edge = self.array, self._edge(cycle)
        names = [o.value for o in array.streaming] + ["psum"]
        size = array.size[array.lines], array.size[array.lanes]
        planes = self.planes = {
            name: (np.zeros(size, np.int64), np.zeros(size, np.bool_))
            for name in (*names, *(["leaving"] if array.in_place else []))
        }
        recent = int(np.searchsorted(self.starts, edge, side="right"))
        reach = sum(size) * 2 + 2
        for number in range(recent - 1, -1, -1):
            group = self.groups[number]
            record, _, end = group.parts[-1]
            if not array.in_place or record.table[end - 1, f.LAST]:
                over = int(record.starts[end - 1]) + array.steps_in(record.step) + reach
                if over < edge:
                    break
            if array.in_place:
                self._sums_in_place(group, edge)
            else:
                self._sums_along(group, edge)
        turned = array.lines is Axis.COLS
        values = {name: plane[0].T.copy() if turned else plane[0] for name, plane in planes.items()}
        valid = {name: plane[1].T.copy() if turned else plane[1] for name, plane in planes.items()}
        if not array.in_place:
            for name, plane in self._stationary(edge).items():
                values[name], valid[name] = plane
        return Registers(cycle, values, valid)

    def _again(self, record: Record, first: int, end: int, edge: int, room: Room) -> list[int]:
        """Run folds of a record again up to an edge; returns those then under way. Their sums go nowhere."""
        array = self.array
        table = record.table[first:end].copy()
        if not array.in_place:
            table[:, f.FIRST] = 1
        out, seen = array.out(record.step, scratch=True), np.zeros((1, 4), np.int64)
        under_way = []
        for n in range(first, end):
            start = int(record.starts[n])
            if start > edge:
                break
            array.work(record.step, table[n - first : n - first + 1], seen, out, room, edge - start + 1)
            if edge - start < seen[0, f.WORKING]:
                under_way.append(n)
                self._streaming(record, n, edge, room)
        return under_way

    def _streaming(self, record: Record, n: int, edge: int, room: Room) -> None:
        """Note the words that stream through a fold's PEs on an edge."""
        array, fold = self.array, record.table[n]
        lines, lanes = int(fold[f.LINES]), int(fold[f.LANES])
        edges = array.steps_in(record.step) + (lanes - 1) * array.shape.lane_skew
        for operand, buffer in zip(array.streaming, room.buffers, strict=True):
            base, per_line, per_edge = f.strides(array.feed(operand, record.step), edges, lanes)
            values, valid = self.planes[operand.value]
            for line in range(lines):
                u = edge - int(record.starts[n]) - line * array.shape.line_skew
                if 0 <= u < edges:
                    at = base + line * per_line + u * per_edge
                    on = _bits(room.bits[u], lanes)
                    values[line, :lanes][on] = buffer[at : at + lanes][on]
                    valid[line, :lanes] |= on

    def _sums_in_place(self, group: Group, edge: int) -> None:
        array = self.array
        record, first, end = group.parts[0]
        lines, lanes = int(record.table[first, f.LINES]), int(record.table[first, f.LANES])
        room = array.room(max(array.steps_in(part.step) for part, _, _ in group.parts))
        for record, first, end in group.parts:
            self._again(record, first, end, edge, room)
        acc = room.held
        steps, last = array.steps_in(record.step), int(record.starts[end - 1])
        ends = bool(record.table[end - 1, f.LAST])
        psum, leaving = self.planes["psum"], self.planes["leaving"]
        for line in range(lines):
            for lane in range(lanes):
                begun = group.start + line * array.shape.line_skew + lane * array.shape.lane_skew
                done = self._done(last, steps, line, lane)
                if begun <= edge and (not ends or edge < done):
                    psum[0][line, lane], psum[1][line, lane] = acc[line, lane], True
                if not ends or edge < done:
                    continue
                at = line
                if array.shape.direct:
                    if edge >= self._left(last, steps, line, lane, lines, lanes):
                        continue
                else:
                    at += int(room.moved[lane])
                    if at > self._exit(lines):
                        continue
                leaving[0][at, lane], leaving[1][at, lane] = acc[line, lane], True

    def _sums_along(self, group: Group, edge: int) -> None:
        array, psum = self.array, self.planes["psum"]
        for record, first, end in group.parts:
            reach = array.steps_in(record.step) + 2 * sum(array.size.values())
            for n in range(first, end):
                start = int(record.starts[n])
                if not start <= edge <= start + reach:
                    continue
                room = array.room(array.steps_in(record.step))
                self._again(record, n, n + 1, edge, room)
                fold = record.table[n]
                lines, lanes = int(fold[f.LINES]), int(fold[f.LANES])
                tree = array.dataflow.reduction is Reduction.ADDER_TREE
                for line in range(lines if tree else max(lines, self._exit(lines) + 1)):
                    u = edge - start - line * array.shape.line_skew
                    if not 0 <= u < array.steps_in(record.step) + (lanes - 1) * array.shape.lane_skew:
                        continue
                    on = _bits(room.bits[u], lanes)
                    if tree:
                        x = self.planes[array.streaming[0].value][0][line, :lanes]
                        words = array.products(x, room.held[line, :lanes])
                    else:
                        words = room.slots[u, :lanes]
                    psum[0][line, :lanes][on] = words[on]
                    psum[1][line, :lanes] |= on

    def _stationary(self, edge: int) -> dict[str, tuple[Words, Mask]]:
        """Stationary words in use and on their way in."""
        array = self.array
        size = array.rows, array.cols
        load, held = ((np.zeros(size, np.int64), np.zeros(size, np.bool_)) for _ in range(2))
        shifted = array.delivery(array.stationary) is Delivery.PRELOAD
        for group in reversed(self.groups):
            if group.load > edge:
                continue
            words = array.stationary_words(group.parts[0][0], group.parts[0][1])
            coming, there = (
                self._loading_words(group, words, edge) if shifted else (words, np.ones(words.shape, np.bool_))
            )
            for i, j in np.ndindex(words.shape):
                late = i * array.row_skew + j * array.col_skew
                if edge >= group.start + late:
                    if not held[1][i, j]:
                        held[0][i, j], held[1][i, j] = words[i, j], True
                elif there[i, j] and (shifted or edge >= group.load + late):
                    load[0][i, j], load[1][i, j] = coming[i, j], True
            if not self.clock.overlaps or held[1].all():
                break
        return {"load": load, "held": held}

    def _loading_words(self, group: Group, words: Words, edge: int) -> tuple[Words, Mask]:
        """Load registers while words are shifted in, column by column, and which of them hold one."""
        differ = self.array.dataflow.depends(self.array.stationary, Axis.ROWS)
        load, there = np.zeros_like(words), np.zeros(words.shape, np.bool_)
        for j in range(words.shape[1]):
            edges = edge - group.load + 1 - (j * self.array.col_skew if group.skewed else 0)
            done = preload(words[:, j : j + 1], load[:, j : j + 1], differ, max(0, edges), np.zeros(1, np.int64))
            there[:done, j] = True
        return load, there
