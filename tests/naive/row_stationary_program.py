"""What the PEs of a row-stationary array are to do in every pass, spelled out step by step, for its clocked twin.

Which filters, channels, rows and columns a pass works on comes from the walk in ``row_stationary``. Here a pass becomes
a program, the list of steps of one PE, and the words that its networks carry, in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

from accsim.hardware.accelerator import Accelerator, FilterLoad
from accsim.mapping.mapping import RowStationaryMapping
from accsim.workload.layer import Geometry, Operand
from tests.naive.row_stationary import fewest_rows, filter_runs, shares, spare_cycles, tiles

Tag = tuple[int, ...]
Spot = tuple[int, int, int, int]
"""PE set on filters, PE set on channels, filter row and output row within the pass."""


@dataclass
class Slot:
    """One step of a program.

    Attributes:
        at: ifmap and output column, counted within the pass.
        begins_row: whether the windows start from empty, for the first column of an ifmap.
        enters: words shifted into windows, in order: channel (of a PE) and ifmap column.
        mac: channel, tap and filter (of a PE) of a product.
        adds: filters whose sum from below is added.
    """

    at: tuple[int, int]
    begins_row: bool = False
    enters: list[tuple[int, int]] = field(default_factory=list)
    mac: tuple[int, int, int] | None = None
    adds: list[int] = field(default_factory=list)


@dataclass
class Pass:
    """One pass.

    Attributes:
        number: of the pass in the layer.
        step: which step of the loop nest it belongs to.
        loads: whether it brings new filters.
        bursts: whether it is the first of an output tile.
        visited: passes before it that worked on the same outputs.
        group, ifmaps, out_rows, out_cols: what it works on; rows and columns of the output.
        filters, channels: those of each PE set, within the group.
        rows, taps: filter rows and columns.
        slots: the program of the fullest PE.
        spare: edges on which filter words of the next pass find an empty place in the scratchpads.
    """

    number: int
    step: int
    loads: bool
    bursts: bool
    visited: int
    group: int
    ifmaps: list[int]
    out_rows: list[int]
    out_cols: list[int]
    filters: list[list[int]]
    channels: list[list[int]]
    rows: list[int]
    taps: list[int]
    slots: list[Slot] = field(default_factory=list)
    spare: int = 0

    def spots(self) -> list[Spot]:
        """PEs that work."""
        sets = product(range(len(self.filters)), range(len(self.channels)))
        return [(a, b, i, j) for a, b in sets for i in range(len(self.rows)) for j in range(len(self.out_rows))]

    def first_column(self) -> int:
        """Steps of the first output column."""
        return sum(1 for slot in self.slots if slot.at == (0, 0))

    def is_beside(self, slot: Slot, rule: FilterLoad) -> bool:
        """Whether filters of the next pass may come on a step of this one; its first column has its own to bring."""
        if slot.at == (0, 0) or rule is FilterLoad.FIRST_COLUMN:
            return False
        if rule is FilterLoad.SPARE_WORDS:
            last = sum(1 for other in self.slots if other.at == self.slots[-1].at)
            early = max(0, len(self.slots) - last - self.spare)
            return any(slot is other for other in self.slots[early:])
        return rule is FilterLoad.WHOLE_PASS or slot.at == self.slots[-1].at


class Layer:
    """A layer's addresses, and what becomes of them on one machine."""

    def __init__(self, machine: Accelerator, g: Geometry, m: RowStationaryMapping) -> None:
        self.machine, self.g, self.m = machine, g, m

    def passes(self) -> list[Pass]:
        """Every pass, in order."""
        runs_r, runs_s = filter_runs(self.machine, self.g, self.m)
        runs = list(product(runs_r, runs_s))
        every, order = list(tiles(self.g, self.m)), self.m.dataflow.loops
        inside_tile = order[max(order.index(name) for name in "Gmnef") + 1 :]  # of the sums that the buffer holds
        new_filters = self.steppers(every, [name for name in order if name in "Gmkc"])
        new_outputs = self.steppers(every, [name for name in order if name in "Gmknef" and name not in inside_tile])
        out: list[Pass] = []
        visits: dict[Tag, int] = {}
        rows_in_turn = fewest_rows(every, self.m, runs_r)
        for step, chosen in enumerate(every):
            loads, bursts = len(runs) > 1 or new_filters[step], new_outputs[step]
            key = tuple(chosen[dim][0] for dim in "GNMPQ")
            for number, (rows, taps) in enumerate(runs):
                one = Pass(
                    len(out), step, loads, bursts and number == 0, visits.get(key, 0), chosen["G"][0], chosen["N"],
                    chosen["P"], chosen["Q"], shares(chosen["M"], self.m.t), shares(chosen["C"], self.m.r), rows, taps,
                )  # fmt: skip
                visits[key] = visits.get(key, 0) + 1
                one.slots = self.program(one)
                filters, channels = len(one.filters[0]), len(one.channels[0])
                span = (len(taps) - 1) * self.g.dilation_w + 1
                held = {
                    Operand.WEIGHT: filters * channels * len(taps),
                    Operand.IFMAP: channels * span,
                    Operand.PSUM: filters,
                }
                one.spare = spare_cycles(self.machine, held, rows_in_turn)
                out.append(one)
        return out

    def steppers(self, every: list[dict[str, list[int]]], indexing: list[str]) -> list[bool]:
        """Whether each step brings another tile of an operand, given the loops that index it.

        Address generators step with the loops: a tile is brought again whenever the innermost of these loops that has
        more than one trip, or any loop outside it, moves on. What it is found to hold does not matter.
        """
        order, block = self.m.dataflow.loops, self.m.p * self.m.t
        counters = [
            {
                "G": chosen["G"][0], "m": chosen["M"][0] // self.m.m, "k": chosen["M"][0] % self.m.m // block,
                "n": chosen["N"][0], "e": chosen["P"][0], "f": chosen["Q"][0], "c": chosen["C"][0],
            }
            for chosen in every
        ]  # fmt: skip
        stepping = [name for name in indexing if len({counter[name] for counter in counters}) > 1]
        watched = order[: order.index(stepping[-1]) + 1] if stepping else ()
        at = [[counter[name] for name in watched] for counter in counters]
        return [step == 0 or at[step] != at[step - 1] for step in range(len(every))]

    def program(self, one: Pass) -> list[Slot]:
        """Shift new words in, multiply, add what comes from below; for each ifmap and each output column."""
        pe, slots = self.machine.pe, []
        filters, channels = range(len(one.filters[0])), range(len(one.channels[0]))
        for at in product(range(len(one.ifmaps)), range(len(one.out_cols))):
            begin = len(slots)
            at_once: list[tuple[int, int]] = []
            for word in product(channels, self.new(one, at[1])):
                if pe.window_shift_cycles == 0:
                    at_once.append(word)
                    continue
                slots += [Slot(at) for _ in range(pe.window_shift_cycles - 1)]
                slots.append(Slot(at, enters=[word]))
            for number, (channel, tap, one_filter) in enumerate(product(channels, range(len(one.taps)), filters)):
                enters = at_once if number == 0 else []
                slots.append(Slot(at, enters=enters, mac=(channel, tap, one_filter)))
                last = channel == channels[-1] and tap == len(one.taps) - 1
                if last and pe.psum_add_cycles == 0:
                    slots[-1].adds = [one_filter]
            for one_filter in filters if pe.psum_add_cycles else ():
                slots += [Slot(at) for _ in range(pe.psum_add_cycles - 1)]
                slots.append(Slot(at, adds=[one_filter]))
            slots[begin].begins_row = at[1] == 0
        return slots

    def span(self, one: Pass) -> int:
        """Words of one window."""
        return (one.taps[-1] - one.taps[0]) * self.g.dilation_w + 1

    def seen(self, one: Pass, col: int) -> range:
        """Ifmap columns in the window of an output column of the pass."""
        start = one.out_cols[col] * self.g.stride_w - self.g.pad_left + one.taps[0] * self.g.dilation_w
        return range(start, start + self.span(one))

    def new(self, one: Pass, col: int) -> list[int]:
        """Those of them that were not in the window before."""
        before = set(self.seen(one, col - 1)) if col else set()
        return [x for x in self.seen(one, col) if x not in before]

    def ifmap_row(self, one: Pass, i: int, j: int) -> int:
        """The ifmap row of PE (i, j) of every set."""
        return one.out_rows[j] * self.g.stride_h - self.g.pad_top + one.rows[i] * self.g.dilation_h

    def ifmap_tag(self, one: Pass, n: int, b: int, channel: int, row: int, x: int) -> Tag:
        """Address of an ifmap word; channels are counted in the layer."""
        return one.ifmaps[n], one.group * self.g.channels_per_group + one.channels[b][channel], row, x

    def weight_tag(self, one: Pass, a: int, b: int, i: int, mac: tuple[int, int, int]) -> Tag:
        """Address of a filter word."""
        channel, tap, one_filter = mac
        m = one.group * self.g.filters_per_group + one.filters[a][one_filter]
        return m, one.channels[b][channel], one.rows[i], one.taps[tap]

    def sum_tag(self, one: Pass, a: int, j: int, at: tuple[int, int], one_filter: int) -> Tag:
        """Address of an output."""
        m = one.group * self.g.filters_per_group + one.filters[a][one_filter]
        return one.ifmaps[at[0]], m, one.out_rows[j], one.out_cols[at[1]]

    def ifmap_stream(self, one: Pass) -> list[tuple[Tag, list[Spot]]]:
        """Ifmap words of the pass as they go over the network, each with the PEs that take it."""
        out = []
        for n, col, channel in product(range(len(one.ifmaps)), range(len(one.out_cols)), range(len(one.channels[0]))):
            for x, b in product(self.new(one, col), range(len(one.channels))):
                if channel >= len(one.channels[b]):
                    continue
                takers: dict[int, list[Spot]] = {}
                for spot in one.spots():
                    if spot[1] == b:
                        takers.setdefault(self.ifmap_row(one, spot[2], spot[3]), []).append(spot)
                out += [(self.ifmap_tag(one, n, b, channel, row, x), takers[row]) for row in sorted(takers)]
        return out

    def window_words(self, one: Pass) -> int:
        """Words of the first window of every PE: what is on the network before the first MAC."""
        rows = {self.ifmap_row(one, i, j) for _, _, i, j in one.spots()}
        return sum(len(channels) for channels in one.channels) * len(rows) * self.span(one)

    def weight_stream(self, one: Pass) -> list[tuple[Tag, list[Spot], tuple[int, int, int]]]:
        """Filter words in the order of their use, each with the PEs that take it and its place in their spads."""
        out = []
        used = product(range(len(one.channels[0])), range(len(one.taps)), range(len(one.filters[0])))
        for channel, tap, f in used:
            for a, b, i in product(range(len(one.filters)), range(len(one.channels)), range(len(one.rows))):
                if f < len(one.filters[a]) and channel < len(one.channels[b]):
                    takers = [(a, b, i, j) for j in range(len(one.out_rows))]
                    out.append((self.weight_tag(one, a, b, i, (channel, tap, f)), takers, (channel, tap, f)))
        return out

    def sum_stream(self, one: Pass) -> list[tuple[Tag, Spot]]:
        """Sums that the pass adds to, in the order in which its lowest PEs add them."""
        lowest = len(one.channels) - 1, len(one.rows) - 1
        out = []
        for n, col, f in product(range(len(one.ifmaps)), range(len(one.out_cols)), range(len(one.filters[0]))):
            for a, j in product(range(len(one.filters)), range(len(one.out_rows))):
                if f < len(one.filters[a]):
                    out.append((self.sum_tag(one, a, j, (n, col), f), (a, *lowest, j)))
        return out
