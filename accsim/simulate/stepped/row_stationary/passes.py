"""What the array is told to do, pass by pass: the program of the PEs and the transactions of the networks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, product

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import FilterLoad, InitialPsum, RegisterFile
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.nest import input_extent, window_span
from accsim.mapping.row_stationary import cut_filter
from accsim.simulate.stepped.machine import Step
from accsim.simulate.storage import Place
from accsim.workload.layer import Operand

PLACED = ("step", "starts", "loads", "returns", "n0", "m0", "c0", "w0", "p0", "q0", "r0", "s0")
"""Step of the nest, what the pass begins, whether its sums come back, and where its blocks start: ifmaps, filters of
the layer, channels of the ifmap and of a filter, output rows and columns, filter rows and columns."""

SHAPED = (
    # sizes of the blocks
    "n", "filters", "channels", "rows", "cols", "taps_r", "taps_s",
    # filters and channels in one PE, PE sets on different ones
    "per_p", "per_q", "sets_t", "sets_r",
    # words of a window per channel, new ones per column, those of a row; ifmap rows that PEs take
    "span", "new", "row_words", "ifmap_rows",
    # ifmap words of the first window, and of the pass
    "window", "ifmap",
    # steps of the program, of its first column, and of any other one
    "steps", "first", "column",
    # transactions of the first window and of the filters
    "window_slots", "weight_slots",
    # the first step beside which filters of the next pass may come
    "head",
)  # fmt: skip

FOLLOWED = ("ends", "ahead", "next_slots")
"""Whether the burst ends with the pass, how many ifmap words of the passes after it wait in the FIFOs at its end, and
the transactions of the next pass's filters."""

PASS = np.dtype([(name, np.int64) for name in (*PLACED, *SHAPED, *FOLLOWED)])

Row = tuple[tuple[int, ...], tuple[int, ...]]
Table = npt.NDArray[np.void]
Slots = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Paced:
    """A network or buffer port whose transactions are spread over the steps of a pass.

    Attributes:
        name: of the network or buffer, which a stall is named after.
        operands: those whose words it carries, with the bits of a word.
        width_bits: bits of a transaction.
        port: whether it is a port of a buffer, which padding that is not fetched does not pass.
        inward: whether it carries words to the array.
    """

    name: str
    operands: tuple[tuple[Operand, int], ...]
    width_bits: int
    port: bool
    inward: bool

    def slots(self, words: Mapping[Operand, int]) -> int:
        """Transactions that carry the words of its operands."""
        return transactions(sum(words[operand] * bits for operand, bits in self.operands), self.width_bits)


def transactions(bits: int, width_bits: int | None) -> int:
    """Transactions of ``width_bits`` that carry ``bits``; none where a network keeps up with the array."""
    return 0 if width_bits is None else -(-bits // width_bits)


def pixel(word: int, new: int, stride: int) -> int:
    """Where a word of a PE's row stands in the ifmap row: a stride longer than the window skips pixels."""
    return word // new * stride + word % new if new < stride else word


def _runs(lengths: tuple[int, ...]) -> list[tuple[int, int]]:
    """First index and length of each run."""
    return list(zip(accumulate((0, *lengths[:-1])), lengths, strict=True))


class Passes:
    """The passes of a layer.

    Attributes:
        runs_r, runs_s: first index and length of the runs in which filter rows and columns are worked on.
        paced: networks and ports that may hold the array.
        sums_return: whether any pass adds to sums of an earlier one.
        bursts_add: whether any burst does.
    """

    def __init__(self, place: Place) -> None:
        mapping = place.mapping
        if not isinstance(mapping, RowStationaryMapping):
            raise TypeError(f"a row-stationary array runs row-stationary mappings, not {type(mapping).__name__}")
        self.accelerator, self.mapping, self.nest = place.accelerator, mapping, place.nest
        rows, cols = cut_filter(place.accelerator, place.nest.geometry, mapping.p, mapping.q)
        self.runs_r, self.runs_s = _runs(rows), _runs(cols)
        self._reads_first = place.accelerator.array.initial_psum is InitialPsum.READ
        blocks = place.nest.count("C", len(place.nest.loops)) * len(rows) * len(cols)
        self.sums_return = blocks > 1 or self._reads_first
        outputs_at = place.nest.change_depth(Operand.PSUM, mapping.depth("", Operand.PSUM))
        self.bursts_add = place.nest.count("C", outputs_at) > 1
        self.paced = tuple(self._paced())
        self._shapes: dict[object, Row] = {}
        self._paces: dict[tuple[int, ...], int] = {}

    def _paced(self) -> Iterator[Paced]:
        acc = self.accelerator
        ways = [(Operand.IFMAP, "in"), (Operand.PSUM, "out"), *([(Operand.PSUM, "in")] if self.sums_return else [])]
        for operand, way in ways:
            link = acc.link(operand, way)
            if link is not None and link.width_bits is not None:
                yield Paced(link.name, ((operand, acc.bits(operand)),), link.width_bits, False, way == "in")
        inputs = (Operand.IFMAP, Operand.WEIGHT, *((Operand.PSUM,) if self.sums_return else ()))
        psum = ((Operand.PSUM, acc.bits(Operand.PSUM)),)
        for level in acc.buffers:
            nearest = [o for o in inputs if [lv for lv in acc.buffers if o in lv.operands][-1:] == [level]]
            if level.read_bits_per_cycle and nearest:
                yield Paced(level.name, tuple((o, acc.bits(o)) for o in nearest), level.read_bits_per_cycle, True, True)
            if level.write_bits_per_cycle and [b for b in acc.buffers if Operand.PSUM in b.operands][-1:] == [level]:
                yield Paced(level.name, psum, level.write_bits_per_cycle, True, False)

    def of(self, steps: Iterable[Step]) -> Iterator[Row]:
        """Every pass of the steps, in order: its ``PLACED`` and ``SHAPED`` fields, and the slots of ``paced``."""
        g, nest = self.nest.geometry, self.nest
        for step in steps:
            sizes = step.sizes
            group, w0 = sizes["G"].start, sizes["C"].start
            m0, c0 = group * g.filters_per_group + sizes["M"].start, group * g.channels_per_group + w0
            blocks = sizes["N"].size, sizes["M"].size, sizes["C"].size
            outputs = nest.alike("P", sizes["P"]), nest.alike("Q", sizes["Q"])
            for number, (run_r, run_s) in enumerate(product(self.runs_r, self.runs_s)):
                starts = step.starts and number == 0
                key = (blocks, outputs, step.loads, starts, run_r, run_s)
                if key not in self._shapes:
                    self._shapes[key] = self._shape(step, starts, run_r, run_s)
                shape, slots = self._shapes[key]
                returns = self._reads_first or w0 > 0 or number > 0
                placed = (
                    step.index, starts, step.loads, returns, sizes["N"].start, m0, c0, w0,
                    sizes["P"].start, sizes["Q"].start, run_r[0], run_s[0],
                )  # fmt: skip
                yield (*placed, *shape), slots

    def _spare(self, per_p: int, per_q: int, taps_s: int) -> int:
        """Transactions of the filter network that find empty places in every PE's filter spad during a pass.

        Words go round the rows of PEs; ``rows`` of them take turns at least, whichever pass comes next.
        """
        acc, nest, m = self.accelerator, self.nest, self.mapping
        link = acc.link(Operand.WEIGHT, "in")
        spad = next((lv for lv in acc.levels if isinstance(lv, RegisterFile) and Operand.WEIGHT in lv.operands), None)
        if spad is None or link is None or link.width_bits is None:
            return 0
        empty = spad.size_words - per_p * per_q * taps_s
        empty -= per_q * window_span(taps_s, nest.geometry.dilation_w) if Operand.IFMAP in spad.operands else 0
        empty -= per_p if Operand.PSUM in spad.operands else 0
        rows = min(taps for _, taps in self.runs_r)
        for dim, sets in (("M", m.t), ("C", m.r)):
            blocks = [piece.size for piece, _ in nest.pieces(dim, len(nest.loops))]
            rows *= min(block // -(-block // sets) for block in blocks)
        return max(empty, 0) * rows * acc.bits(Operand.WEIGHT) // link.width_bits

    def ifmap_steps(self, step: Step) -> int:
        """The fewest steps that a pass of ``step`` takes for each of its ifmaps."""
        key = tuple(step.sizes[dim].size for dim in "NMCPQ")
        if key not in self._paces:
            at, runs = SHAPED.index("steps"), product(self.runs_r, self.runs_s)
            self._paces[key] = min(self._shape(step, False, r, s)[0][at] // key[0] for r, s in runs)
        return self._paces[key]

    def kinds(self) -> tuple[Table, Slots]:
        """A pass of every kind, with the slots of ``paced``.

        All passes of a burst that add to each other's sums bring filters; what a burst adds to may be of others.
        """
        rows = []
        for (sizes, _), loads in product(self.nest.blocks(len(self.nest.loops)), {True, not self.bursts_add}):
            step = Step(0, sizes, -1, loads=loads, starts=False)
            for run_r, run_s in product(self.runs_r, self.runs_s):
                fields, slots = self._shape(step, False, run_r, run_s)
                rows.append(((0,) * len(PLACED) + fields + (0,) * len(FOLLOWED), slots))
        table: Table = np.array([fields for fields, _ in rows], PASS)
        return table, np.array([slots for _, slots in rows], np.int64).reshape(len(rows), -1)

    def psum_slots(self, slots: Slots) -> Slots:
        """Those of ``slots`` that are the psum networks'."""
        return slots[:, [one.operands[0][0] is Operand.PSUM and not one.port for one in self.paced]]

    def _shape(self, step: Step, starts: bool, run_r: tuple[int, int], run_s: tuple[int, int]) -> Row:
        """The ``SHAPED`` fields of a pass, and its slots."""
        g, m, pe, sizes = self.nest.geometry, self.mapping, self.accelerator.pe, step.sizes
        taps_r, taps_s = run_r[1], run_s[1]
        n, filters, channels, rows, cols = (sizes[dim].size for dim in "NMCPQ")
        per_p, per_q = -(-filters // m.t), -(-channels // m.r)
        sets_t, sets_r = -(-filters // per_p), -(-channels // per_q)
        span = window_span(taps_s, g.dilation_w)
        new, row_words = min(g.stride_w, span), input_extent(cols, g.stride_w, span)
        taken = {j * g.stride_h + i * g.dilation_h for j, i in product(range(rows), range(taps_r))}
        macs, shift = per_p * per_q * taps_s, per_q * pe.window_shift_cycles
        first, column = (shift * words + macs + per_p * pe.psum_add_cycles for words in (span, new))
        weights = filters * channels * taps_r * taps_s
        words = {
            Operand.IFMAP: n * channels * len(taken) * row_words,
            Operand.WEIGHT: weights if step.loads else 0,
            Operand.PSUM: n * filters * rows * cols,
        }
        columns = [pixel(word, new, g.stride_w) for word in range(row_words)]
        read = {**words, Operand.IFMAP: n * channels * self._fetched(step, run_r[0], run_s[0], taken, columns)}
        slots = tuple(one.slots(read if one.port else words) for one in self.paced)
        weight_slots = self._slots(Operand.WEIGHT, words[Operand.WEIGHT])
        steps = n * (first + (cols - 1) * column)
        head = {
            FilterLoad.FIRST_COLUMN: steps,
            FilterLoad.ADJACENT_COLUMNS: steps - (column if cols > 1 else first) if n * cols > 1 else steps,
            FilterLoad.SPARE_WORDS: max(
                first, steps - (column if cols > 1 else first) - self._spare(per_p, per_q, taps_s)
            ),
            FilterLoad.WHOLE_PASS: first,
        }[pe.filter_load]
        shape = (
            n, filters, channels, rows, cols, taps_r, taps_s, per_p, per_q, sets_t, sets_r, span, new, row_words,
            len(taken), channels * len(taken) * span, words[Operand.IFMAP],
            steps, first, column,
            self._slots(Operand.IFMAP, channels * len(taken) * span) if starts else 0, weight_slots,
            head,
        )  # fmt: skip
        return shape, slots

    def _fetched(self, step: Step, r0: int, s0: int, rows: Collection[int], columns: Collection[int]) -> int:
        """Words of one channel that are read: all, or those that are pixels.

        Args:
            step: the step of the pass.
            r0, s0: its first filter row and column.
            rows, columns: ifmap rows and columns of the words, counted from the first ones.
        """
        g = self.nest.geometry
        if self.nest.fetch_padding:
            return len(rows) * len(columns)
        top = step.sizes["P"].start * g.stride_h - g.pad_top + r0 * g.dilation_h
        left = step.sizes["Q"].start * g.stride_w - g.pad_left + s0 * g.dilation_w
        return sum(0 <= top + y < g.H for y in rows) * sum(0 <= left + x < g.W for x in columns)

    def _slots(self, operand: Operand, words: int) -> int:
        link = self.accelerator.link(operand, "in")
        return transactions(words * self.accelerator.bits(operand), link.width_bits if link else None)
