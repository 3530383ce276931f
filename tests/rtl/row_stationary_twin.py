"""A layer on the row-stationary design: its passes, what the networks carry, and what the design did with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, product
from math import prod
from pathlib import Path

import numpy as np

from accsim.hardware.accelerator import FilterLoad, InitialPsum, RegisterFile
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.nest import window_span
from accsim.mapping.row_stationary import cut_filter
from accsim.simulate.stepped.layer import steps_of
from accsim.simulate.stepped.machine import Operands, Step
from accsim.simulate.storage import Place
from accsim.workload.layer import Operand
from tests.naive.row_stationary_returns import Group, Returns, paced
from tests.rtl.twin import (
    FIELD_BITS,
    Design,
    Output,
    Register,
    Seen,
    lanes,
    phases,
    read,
    registers,
    signed,
    unpack,
    written,
)

ROW_STATIONARY = Design("rs_set", "rs_tb", ("rs_pkg",))

ROUTE_BITS = 1 + 4 * FIELD_BITS
"""A word's valid bit, tag, first row, and numbers of rows and columns."""


def ceil_div(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


@dataclass
class Pass:
    """One pass.

    Attributes:
        sizes, starts: lengths of its pieces, and where they start; R and S too.
        loads: it brings new filters.
        begins, ends: it is the first or the last of its burst.
        returns: its sums come back.
        span, fresh: words of a channel's window, and new ones per output column.
        first, column, steps: steps of the first output column of an ifmap, of the others, and of all.
        beside: steps before those beside which filters of the next pass come.
    """

    sizes: dict[str, int]
    starts: dict[str, int]
    loads: bool
    begins: bool
    returns: bool
    span: int
    fresh: int
    first: int
    column: int
    steps: int
    beside: int
    ends: bool = False

    def points(self, dims: str) -> Iterator[dict[str, int]]:
        """The loop over ``dims``, outermost first; other dimensions are at their start."""
        for at in product(*(range(self.starts[d], self.starts[d] + self.sizes[d]) for d in dims)):
            yield {**self.starts, **dict(zip(dims, at, strict=True))}

    @property
    def sums(self) -> int:
        """Sums that enter and leave."""
        return self.sizes["N"] * self.sizes["M"] * self.sizes["P"] * self.sizes["Q"]


class RowStationaryTwin:
    """A layer on one set of PEs: every network has a width, and r and t of the mapping are 1."""

    def __init__(self, place: Place, values: Operands) -> None:
        assert isinstance(place.mapping, RowStationaryMapping)
        self.place, self.mapping, self.values = place, place.mapping, values
        self.g, self.machine = place.nest.geometry, place.accelerator
        self.runs = [
            list(zip(accumulate((0, *runs[:-1])), runs, strict=True))
            for runs in cut_filter(self.machine, self.g, self.mapping.p, self.mapping.q)
        ]
        self.rows, self.cols = self.runs[0][0][1], self.mapping.e
        self.passes = [one for step in steps_of(place) for one in self._passes(step)]
        for one, after in pairwise(self.passes):
            one.ends = after.begins
        self.passes[-1].ends = True

    def _passes(self, step: Step) -> Iterator[Pass]:
        """The passes of one step: one for each run of filter rows and columns."""
        g, pe = self.g, self.machine.pe
        for number, ((first_r, taps_r), (first_s, taps_s)) in enumerate(product(*self.runs)):
            sizes = {dim: piece.size for dim, piece in step.sizes.items()} | {"R": taps_r, "S": taps_s}
            starts = {dim: piece.start for dim, piece in step.sizes.items()} | {"R": first_r, "S": first_s}
            span = window_span(taps_s, g.dilation_w)
            fresh = min(g.stride_w, span)
            macs, adds = sizes["M"] * sizes["C"] * taps_s, sizes["M"] * pe.psum_add_cycles
            first, column = (sizes["C"] * n * pe.window_shift_cycles + macs + adds for n in (span, fresh))
            comes_back = self.machine.array.initial_psum is InitialPsum.READ or starts["C"] > 0 or number > 0
            steps = sizes["N"] * (first + (sizes["Q"] - 1) * column)
            beside = {
                FilterLoad.FIRST_COLUMN: steps,
                FilterLoad.ADJACENT_COLUMNS: steps - (column if sizes["Q"] > 1 else first),
                FilterLoad.SPARE_WORDS: max(first, steps - (column if sizes["Q"] > 1 else first) - self._spare(sizes)),
                FilterLoad.WHOLE_PASS: first,
            }[pe.filter_load]
            alone = sizes["N"] * sizes["Q"] == 1  # its only column is for its own filters
            yield Pass(
                sizes, starts, step.loads, step.starts and number == 0, comes_back, span, fresh, first, column,
                steps, steps if alone else beside,
            )  # fmt: skip

    def _spare(self, sizes: dict[str, int]) -> int:
        """Transactions that fill the places which a pass leaves empty in the filter spads, row of PEs by row."""
        spad = next(lv for lv in self.machine.levels if isinstance(lv, RegisterFile) and Operand.WEIGHT in lv.operands)
        empty = spad.size_words - sizes["M"] * sizes["C"] * sizes["S"]
        return empty * min(taps for _, taps in self.runs[0]) // self._width(Operand.WEIGHT)

    def _slots(self, one: Pass) -> tuple[int, int, int]:
        """Transactions of the networks that hold the pass: ifmap, sums out, sums in."""
        s = one.sizes
        pixels = s["N"] * s["C"] * len(self._diagonals(one)) * (one.span + (s["Q"] - 1) * one.fresh)
        back = ceil_div(one.sums, self._width(Operand.PSUM)) if self._sums_return else 0
        return ceil_div(pixels, self._width(Operand.IFMAP)), ceil_div(one.sums, self._width(Operand.PSUM, "out")), back

    def _groups(self, one: Pass) -> list[Group]:
        """The sums that leave on each tick."""
        s, each, slowest = one.sizes, max(1, self.machine.pe.psum_add_cycles), max(one.steps, *self._slots(one))
        row, out = one.first + (s["Q"] - 1) * one.column, []
        for n, q, m in product(*(range(s[dim]) for dim in "NQM")):
            step = n * row + one.first + q * one.column - 1 - (s["M"] - 1 - m) * each
            name = n, one.starts["Q"] + q, one.starts["M"] + m
            out.append(Group(name, s["P"], step, paced(step, one.steps, slowest)))
        return out

    def _held(self) -> list[int]:
        """Edges that each pass is held until its sums are in time, beyond those on which filters come."""
        kinds = [(one.steps, max(one.steps, *self._slots(one)), self._groups(one)) for one in self.passes]
        longest = max(ceil_div(edges, steps) for steps, edges, _ in kinds)
        tallest = max(one.sizes["R"] for one in self.passes)
        bursts_add = any(one.begins and one.starts["C"] > 0 for one in self.passes)
        out, tick, edge = [], 0, 0
        for before, one in pairwise([None, *self.passes]):
            early = min(self._filter_slots(one), before.steps - before.beside) if before else 0
            filters = max(0, self._filter_slots(one) - early - one.first)
            tick, edge = tick + filters * (not one.begins), edge + filters
            if one.begins or before is None:
                returns = Returns(self.machine, longest, kinds, one.sizes["R"], one.sizes["R"])
                if bursts_add and before:  # the drain at the end of a burst is left out of all edges
                    returns.buffered = returns.empties(edge - filters - 1, tallest)
                elif self.machine.array.initial_psum is InitialPsum.READ:
                    returns.buffered = edge - filters - 1
                edge += self._window_slots(one)
            groups = self._groups(one)
            comes = one.returns or bursts_add
            out.append(returns.wait(groups, 1, one.sizes["R"], tick, edge, comes) if self._sums_return else 0)
            tick, edge = tick + out[-1], edge + out[-1]
            returns.leave(groups, 1, one.sizes["R"], tick, edge)
            tick, edge = tick + one.steps, edge + max(one.steps, *self._slots(one))
        return out

    @property
    def _sums_return(self) -> bool:
        return any(one.returns for one in self.passes)

    def _width(self, operand: Operand, way: str = "in") -> int:
        """Words of one transaction of a network."""
        link = self.machine.link(operand, way)
        assert link is not None
        assert link.width_bits is not None
        return link.width_bits // self.machine.bits(operand)

    def simulate(self, folder: Path, dumps: Sequence[int]) -> Seen:
        """Run the layer; ``dumps`` are the edges after which registers are written."""
        g, m, pe, first = self.g, self.mapping, self.machine.pe, self.passes[0]
        files = {
            "passes": [
                self._command(*pair, held)
                for pair, held in zip(pairwise([*self.passes, None]), self._held(), strict=True)
            ],
            "ifmap": self._ifmap(),
            "filters": self._filters(),
            **self._sums(),
            "dumps": [f"{edge:x}" for edge in dumps],
        }
        sizes = {
            "ROWS": self.rows, "COLS": self.cols, "PIXEL_BITS": pe.activation_bits, "WEIGHT_BITS": pe.weight_bits,
            "SUM_BITS": pe.accumulator_bits, "PRODUCT_SHIFT": pe.product_shift, "STAGES": pe.pipeline_stages,
            "SHIFT_CYCLES": pe.window_shift_cycles, "ADD_CYCLES": pe.psum_add_cycles, "WINDOW_WORDS": m.q * first.span,
            "FILTER_WORDS": m.p * m.q * first.sizes["S"], "SUM_WORDS": m.p,
            "STRIDE": g.stride_h, "DILATION": g.dilation_h, "DILATION_W": g.dilation_w,
            "IFMAP_LANES": self._width(Operand.IFMAP), "FILTER_LANES": self._width(Operand.WEIGHT),
            "SUM_LANES": self._width(Operand.PSUM), "OUT_LANES": self._width(Operand.PSUM, "out"),
            "LEAD": m.p * pe.psum_add_cycles,
            "LEAVES": len(files["leaves"]) // self.cols, "OUTPUTS": g.ofmap_words,
        }  # fmt: skip
        ROW_STATIONARY.run(folder, sizes, files)
        return self._read(folder)

    def _filter_slots(self, one: Pass | None) -> int:
        """Transactions of the filters that a pass brings."""
        if one is None or not one.loads:
            return 0
        return ceil_div(prod(one.sizes[dim] for dim in "MCRS"), self._width(Operand.WEIGHT))

    def _window_slots(self, one: Pass) -> int:
        """Transactions of the first window of a pass."""
        return ceil_div(len(self._diagonals(one)) * one.sizes["C"] * one.span, self._width(Operand.IFMAP))

    def _command(self, one: Pass, after: Pass | None, held: int) -> str:
        """A pass as the controller takes it (``pass_t``, the last field first)."""
        s = one.sizes
        ifmap, out, back = self._slots(one)
        fields = (
            held, one.sums if one.returns else 0, back, out, ifmap,
            self._filter_slots(one),
            self._window_slots(one),
            self._filter_slots(after), one.beside, one.first, one.steps,
            one.fresh, one.span, s["S"], s["Q"], s["P"], s["R"], s["C"], s["M"], s["N"],
            8 * one.begins + 4 * one.ends + 2 * one.loads + one.returns,
        )  # fmt: skip
        return lanes(fields, FIELD_BITS)

    def _diagonals(self, one: Pass) -> list[int]:
        """Ifmap rows that the PEs of a pass take, counted from the first."""
        ways = product(range(one.sizes["P"]), range(one.sizes["R"]))
        return sorted({self.g.stride_h * j + self.g.dilation_h * i for j, i in ways})

    def _routed(self, one: Pass, tag: int, value: int, bits: int, top: int = 0, *, valid: bool = True) -> int:
        """A word on a network: valid, route, value."""
        route = int(lanes((one.sizes["P"], one.sizes["R"], top, tag, valid), FIELD_BITS), 16)
        return route << bits | value & ((1 << bits) - 1)

    def _pixels(self, one: Pass) -> Iterator[int]:
        """The words of a pass on the ifmap network, in the order in which they enter the windows."""
        g, bits = self.g, self.machine.pe.activation_bits
        for at in one.points("NQC"):
            for offset in range(0 if at["Q"] == one.starts["Q"] else one.span - one.fresh, one.span):
                for diagonal in self._diagonals(one):
                    y = at["P"] * g.stride_h + at["R"] * g.dilation_h - g.pad_top + diagonal
                    x = at["Q"] * g.stride_w + at["S"] * g.dilation_w - g.pad_left + offset
                    channel = at["G"] * g.channels_per_group + at["C"]
                    inside = 0 <= y < g.H and 0 <= x < g.W
                    pixel = int(self.values.ifmap[at["N"], channel, y, x]) if inside else 0
                    yield self._routed(one, diagonal, pixel, bits)

    def _ifmap(self) -> list[str]:
        """The ifmap transactions: the first window of a burst, then the slots of its passes.

        The FIFOs hold as many words as that window, and are kept full by the passes to come; slots for which there is
        no word are empty.
        """
        out: list[str] = []
        width, bits = self._width(Operand.IFMAP), ROUTE_BITS + self.machine.pe.activation_bits
        stream: list[int] = []
        for number, one in enumerate(self.passes):
            if one.begins:
                end = next(k for k in range(number, len(self.passes)) if self.passes[k].ends) + 1
                stream = [word for each in self.passes[number:end] for word in self._pixels(each)]
                room = at = len(self._diagonals(one)) * one.sizes["C"] * one.span
                out += _transactions(stream[:at], width, bits)
                used = 0
            needs = sum(1 for _ in self._pixels(one))
            used += needs
            sent = _transactions(stream[at : used + room], width, bits)
            out += sent + ["0"] * (ceil_div(needs, width) - len(sent))
            at = min(used + room, len(stream))
        return out

    def _filters(self) -> list[str]:
        """The filter transactions, words in the order of their first use."""
        bits = self.machine.pe.weight_bits
        out: list[str] = []
        for one in self.passes:
            if one.loads:
                loaded = (
                    self._routed(one, at["R"] - one.starts["R"], read(self.values, self.g, Operand.WEIGHT, at), bits)
                    for at in one.points("CSMR")
                )
                out += _transactions(loaded, self._width(Operand.WEIGHT), ROUTE_BITS + bits)
        return out

    def _outputs(self, one: Pass) -> Iterator[tuple[int, Output]]:
        """Column of the set and output, in the order in which sums enter and leave."""
        for at in one.points("NQMP"):
            filter_ = at["G"] * self.g.filters_per_group + at["M"]
            yield at["P"] - one.starts["P"], (at["N"], filter_, at["P"], at["Q"])

    def _sums(self) -> dict[str, list[str]]:
        """Sums that come back, and where those that leave go.

        Of a sum that comes back: its route, how often the last one of its group was written, where that one is, and
        where it is itself.
        """
        g = self.g
        written: Counter[Output] = Counter()
        sums: list[str] = []
        leaves: list[list[int]] = [[] for _ in range(self.cols)]

        def address(output: Output) -> int:
            return int(np.ravel_multi_index(output, (g.N, g.M, g.P, g.Q)))

        for one in self.passes:
            for j, output in self._outputs(one):
                last = (*output[:2], one.starts["P"] + one.sizes["P"] - 1, output[3])
                where = int(lanes((address(output), address(last), written[output]), FIELD_BITS), 16)
                if one.returns:
                    sums.append(f"{self._routed(one, j, where, 3 * FIELD_BITS, top=one.sizes['R'] - 1, valid=False):x}")
                leaves[j].append(address(output))
            written.update(output for _, output in self._outputs(one))
        most = max(len(column) for column in leaves)
        flat = [one for column in leaves for one in (*column, *[0] * (most - len(column)))]
        return {"sums": sums, "leaves": [f"{one:x}" for one in flat]}

    def _read(self, folder: Path) -> Seen:
        """What the testbench wrote; the last sum of an output that left is the whole of it."""
        g, counts = self.g, phases(folder)
        due: list[Iterator[Output]] = [
            iter([output for one in self.passes for column, output in self._outputs(one) if column == j])
            for j in range(self.cols)
        ]
        sums = np.zeros((g.N, g.M, g.P, g.Q), np.int64)
        leaving, entering = np.zeros((2, sum(counts.values())), np.int64)
        for edge, column, word in written(folder, "outputs.txt"):
            sums[next(due[int(column)])] = signed(int(word, 16), self.machine.pe.accumulator_bits)
            leaving[int(edge)] += 1
        for edge, words in written(folder, "inputs.txt"):
            entering[int(edge)] += int(words)
        assert not any(list(column) for column in due), "not every sum has left the array"
        networks = {"ifmap": (Operand.IFMAP, "in"), "out": (Operand.PSUM, "out"), "in": (Operand.PSUM, "in")}
        names = {key: self.machine.link(*network) for key, network in networks.items()}
        stalls = {link.name: counts[key] for key, link in names.items() if link is not None and counts[key]}
        return Seen(
            counts["compute"], counts["fill"], counts["drain"], stalls, sums, leaving, entering, registers(folder)
        )

    def registers(self, seen: Seen, edge: int) -> dict[str, Register]:
        """The registers after an edge, by the engine's names, in an array of the machine's size, without valid bits."""
        m, pe, first = self.mapping, self.machine.pe, self.passes[0]
        sizes = {
            "ifmap_window": (m.q * first.span, pe.activation_bits),
            "filter_spad": (m.p * m.q * first.sizes["S"], pe.weight_bits),
            "psum_spad": (m.p, pe.accumulator_bits),
            "product": (1, pe.accumulator_bits),
        }
        out = {}
        for name, (words, bits) in sizes.items():
            packed = seen.written[edge][name][1]
            array = np.zeros((self.machine.array.rows, self.machine.array.cols, words), np.int64)
            found = np.array([unpack(pe_words, words, bits) for pe_words in packed], np.int64)
            array[: self.rows, : self.cols] = found.reshape(self.rows, self.cols, words)
            out[name] = Register(array[:, :, 0] if name == "product" else array, None)
        return out


def _transactions(routed: Iterable[int], width: int, bits: int) -> list[str]:
    """Words packed into transactions."""
    every = list(routed)
    return [lanes(every[k : k + width], bits) for k in range(0, len(every), width)]
