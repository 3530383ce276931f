"""The slow, obvious twin of the counted row-stationary array: every pass walked, one object per PE.

Nothing here is a formula over a whole layer. The passes are walked in order; in each, every PE is given the filter row,
the ifmap rows, the filters and the channels it works on; buses carry sets of words, one transaction for all PEs that
take the word; the spads count their own accesses. Where the rules come from:

* filter rows travel along the rows of a PE set, ifmap rows along its diagonals, psums up its columns; r sets on
  different channels are stacked, t sets on different filters share the ifmap (Chen et al., ISCA 2016, section V; JSSC
  2017, section IV and Table II);
* a PE keeps one window per channel, shifts the words in that are new, does its MACs, and adds what comes from below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product

from accsim.hardware.accelerator import Accelerator, FilterLoad, InitialPsum, Link
from accsim.mapping.mapping import RowStationaryMapping
from accsim.workload.layer import Geometry, Operand
from tests.naive.row_stationary_returns import Group, Returns, paced

Word = tuple[int, ...]


@dataclass
class ProcessingElement:
    """One PE during one pass.

    Attributes:
        set_t, set_r, row, col: which PE set, and where in it.
        filters, channels: those interleaved in this PE.
        columns: cycles of every output column of every ifmap.
        filter_row, output_row: the filter row it holds and the output row it adds to.
        taps: the filter columns of this run.
    """

    set_t: int
    set_r: int
    row: int
    col: int
    filters: list[int]
    channels: list[int]
    filter_row: int
    output_row: int
    taps: list[int]
    weight_fills: int = 0
    psum_reads: int = 0
    psum_writes: int = 0
    psum_gated: int = 0
    macs: int = 0
    cycles: int = 0
    columns: list[int] = field(default_factory=list)
    received: list[Word] = field(default_factory=list)

    def load_filters(self) -> None:
        """Fill the filter spad: one row of every filter and channel."""
        for _ in product(self.filters, self.channels, self.taps):
            self.weight_fills += 1

    def convolve(
        self, g: Geometry, ifmaps: list[int], columns: list[int], shift: int, add: int, gates: bool = False
    ) -> None:
        """Slide over one row of every ifmap: shift the window, multiply, add the sums of the PE below."""
        row = self.output_row * g.stride_h - g.pad_top + self.filter_row * g.dilation_h
        for n in ifmaps:
            window: set[int] = set()
            for column in columns:
                start = column * g.stride_w - g.pad_left
                seen = set(range(start + self.taps[0] * g.dilation_w, start + self.taps[-1] * g.dilation_w + 1))
                cycles = 0
                for channel in self.channels:
                    for x in sorted(seen - window):
                        self.received.append((n, channel, row, x))
                        cycles += shift
                window = seen
                for _ in self.filters:
                    for k, (_, tap) in enumerate(product(self.channels, self.taps)):
                        self.macs += 1
                        cycles += 1
                        pixel = 0 <= row < g.H and 0 <= start + tap * g.dilation_w < g.W
                        if k > 0 and gates and not pixel:  # nothing is added, and the sum stays as it is
                            self.psum_gated += 1
                        elif k > 0:  # the first product starts the sum, later ones read it and write it back
                            self.psum_reads += 1
                            self.psum_writes += 1
                    cycles += add
                self.cycles += cycles
                self.columns.append(cycles)


@dataclass
class Tally:
    """What a whole layer did, in words; cycles as the schedule attributes them.

    ``tick`` and ``edge`` are those with which the next pass begins, as if nothing were drained at the end of a burst.
    """

    macs: int = 0
    passes: int = 0
    ifmap_read: int = 0
    ifmap_sent: int = 0
    ifmap_delivered: int = 0
    weight_sent: int = 0
    weight_delivered: int = 0
    psum_out: int = 0
    psum_in: int = 0
    psum_hops: int = 0
    psum_reads: int = 0
    psum_writes: int = 0
    psum_gated: int = 0
    most_pes: int = 0
    slots: int = 0
    tick: int = 0
    edge: int = 0
    compute: int = 0
    fill: int = 0
    drain: int = 0
    stalls: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All cycles."""
        return self.compute + self.fill + self.drain + sum(self.stalls.values())


def even(items: list[int], parts: int) -> list[list[int]]:
    """Cut a list into ``parts`` neighbouring runs whose lengths differ by at most one, longest first."""
    out, rest = [], list(items)
    for left in range(parts, 0, -1):
        length = -(-len(rest) // left)
        out.append(rest[:length])
        rest = rest[length:]
    return out


def shares(items: list[int], parts: int) -> list[list[int]]:
    """Deal a block out to ``parts`` PE sets, ceil(len / parts) each; sets that get nothing stay idle."""
    each = -(-len(items) // parts)
    return [items[i : i + each] for i in range(0, len(items), each)]


def filter_runs(machine: Accelerator, g: Geometry, m: RowStationaryMapping) -> tuple[list[list[int]], list[list[int]]]:
    """Runs of filter rows and columns: fewest that fit the array's height and the spads, tried one by one."""
    rows = next(n for n in range(1, g.R + 1) if -(-g.R // n) <= machine.array.rows)
    cols = next(n for n in range(1, g.S + 1) if fits_spads(machine, g, m.p, m.q, -(-g.S // n)))
    return even(list(range(g.R)), rows), even(list(range(g.S)), cols)


def fits_spads(machine: Accelerator, g: Geometry, p: int, q: int, taps: int) -> bool:
    """Whether q windows, p x q filter rows (of two passes if need be) and p sums fit the spads, shared or not."""
    passes = 2 if machine.pe.filter_load is FilterLoad.WHOLE_PASS else 1
    need = {Operand.IFMAP: q * ((taps - 1) * g.dilation_w + 1), Operand.WEIGHT: passes * p * q * taps, Operand.PSUM: p}
    spads = [level for level in machine.levels if level.kind.value == "rf"]
    return all(sum(need[o] for o in need if o in spad.operands) <= spad.size_words for spad in spads)


def tiles(g: Geometry, m: RowStationaryMapping) -> Iterator[dict[str, list[int]]]:
    """The ranges of every dimension, pass by pass, in the dataflow's loop order."""
    steps = {"G": ("G", 1), "m": ("M", m.m), "n": ("N", m.n), "e": ("P", m.e), "f": ("Q", m.f)}
    steps |= {"c": ("C", m.q * m.r), "k": ("M", m.p * m.t)}
    whole = {
        "G": list(range(g.G)),
        "M": list(range(g.filters_per_group)),
        "C": list(range(g.channels_per_group)),
        "N": list(range(g.N)),
        "P": list(range(g.P)),
        "Q": list(range(g.Q)),
    }

    def walk(loops: tuple[str, ...], chosen: dict[str, list[int]]) -> Iterator[dict[str, list[int]]]:
        if not loops:
            yield chosen
            return
        dim, step = steps[loops[0]]
        for start in range(0, len(chosen[dim]), step):
            yield from walk(loops[1:], {**chosen, dim: chosen[dim][start : start + step]})

    yield from walk(m.dataflow.loops, whole)


def place_pes(
    chosen: dict[str, list[int]], m: RowStationaryMapping, rows: list[int], taps: list[int]
) -> list[ProcessingElement]:
    """One object per PE that works in a pass."""
    out = []
    for a, filters in enumerate(shares(chosen["M"], m.t)):
        for b, channels in enumerate(shares(chosen["C"], m.r)):
            for i, filter_row in enumerate(rows):
                for j, output_row in enumerate(chosen["P"]):
                    out.append(ProcessingElement(a, b, i, j, filters, channels, filter_row, output_row, taps))
    return out


def bus_cycles(machine: Accelerator, operand: Operand, direction: str, words: int) -> tuple[int, str]:
    """Whole transactions of the bus's own width."""
    link = machine.link(operand, direction)
    if not isinstance(link, Link) or link.width_bits is None:
        return 0, ""
    cycles = 0
    bits = words * machine.bits(operand)
    while bits > 0:
        bits -= link.width_bits
        cycles += 1
    return cycles, link.name


def port_cycles(machine: Accelerator, read: dict[Operand, int], written: int) -> list[tuple[int, str]]:
    """Cycles the buffers' ports need for what the array takes and gives in one pass."""
    out = []
    for level in machine.buffers:
        nearest = [o for o in read if [b for b in machine.buffers if o in b.operands][-1:] == [level]]
        if level.read_bits_per_cycle:
            bits = sum(read[o] * machine.bits(o) for o in nearest)
            out.append((-(-bits // level.read_bits_per_cycle), level.name))
        if level.write_bits_per_cycle and Operand.PSUM in nearest:
            out.append((-(-written * machine.bits(Operand.PSUM) // level.write_bits_per_cycle), level.name))
    return out


def walk(machine: Accelerator, g: Geometry, m: RowStationaryMapping) -> Tally:
    """Walk every pass of a layer."""
    tally = Tally()
    runs_r, runs_s = filter_runs(machine, g, m)
    cut = len(runs_r) * len(runs_s) > 1
    every = list(tiles(g, m))
    reads_first = machine.array.initial_psum is InitialPsum.READ
    comes_back = reads_first or cut or len({tuple(t["C"]) for t in every}) > 1
    visits: dict[Word, int] = {}
    in_spads: object = None
    in_progress: object = None
    before: list[int] = []
    spare, rows_in_turn = 0, fewest_rows(every, m, runs_r)
    steps_filters, steps_outputs = _stepping(every, m, "GMC"), _stepping(every, m, "GMNPQ", without="k")
    runs = [(chosen, place_pes(chosen, m, *run)) for chosen in every for run in product(runs_r, runs_s)]
    bursts_add = _bursts_add(every, steps_outputs)
    sizes = [
        _sizes(machine, g, chosen, pes, comes_back, loads) for chosen, pes in runs for loads in {True, not bursts_add}
    ]
    tallest = max(len({(pe.set_r, pe.row) for pe in pes}) for _, pes in runs)
    longest = max(-(-edges // steps) for steps, edges, _ in sizes)
    for index, chosen in enumerate(every):
        group = chosen["G"][0]
        new_filters = cut or index == 0 or steps_filters(index) != in_spads
        in_spads = steps_filters(index)
        starts_tile = index == 0 or steps_outputs(index) != in_progress
        in_progress = steps_outputs(index)
        for number, (rows, taps) in enumerate(product(runs_r, runs_s)):
            pes = place_pes(chosen, m, rows, taps)
            tally.passes += 1
            tally.most_pes = max(tally.most_pes, len(pes))
            bursts = starts_tile and number == 0
            sets = len({pe.set_r for pe in pes})
            if bursts:
                returns = Returns(machine, longest, sizes, sets * len(rows), len(rows))
                if bursts_add and index:
                    returns.buffered = returns.empties(tally.edge - 1, tallest)
                elif reads_first:
                    returns.buffered = tally.edge - 1
                tally.edge += _ramp(machine, g, chosen, pes, tally)
            began, there = tally.compute + sum(tally.stalls.values()), tally.psum_in
            _one_pass(machine, g, chosen, group, pes, new_filters, comes_back, visits, tally)
            edges = tally.compute + sum(tally.stalls.values()) - began
            columns = [max(cycles) for cycles in zip(*(pe.columns for pe in pes), strict=True)]
            if new_filters:
                waits = _wait_for_filters(machine, pes, columns, before, spare)
                tally.fill += waits
                tally.tick, tally.edge = tally.tick + waits * (not bursts), tally.edge + waits
            groups = _groups(machine, chosen, pes, columns, edges)
            if comes_back:
                comes = tally.psum_in > there or bursts_add
                tally.drain += (held := returns.wait(groups, sets, len(rows), tally.tick, tally.edge, comes))
                tally.tick, tally.edge = tally.tick + held, tally.edge + held
                returns.leave(groups, sets, len(rows), tally.tick, tally.edge)
            tally.tick, tally.edge = tally.tick + sum(columns), tally.edge + edges
            before, spare = columns, spare_cycles(machine, held_by(pes, g), rows_in_turn)
    return tally


def _groups(
    machine: Accelerator, chosen: dict[str, list[int]], pes: list[ProcessingElement], columns: list[int], edges: int
) -> list[Group]:
    """The sums of a pass, as they leave: of one column and one filter of a PE."""
    out, end, per_pe = [], 0, max(len(pe.filters) for pe in pes)
    for (n, column), cycles in zip(product(chosen["N"], chosen["Q"]), columns, strict=True):
        end += cycles
        for f in range(per_pe):
            sums = len({(pe.set_t, pe.col) for pe in pes if f < len(pe.filters)})
            step = end - 1 - (per_pe - 1 - f) * max(1, machine.pe.psum_add_cycles)
            out.append(Group((n, column, chosen["M"][f]), sums, step, paced(step, sum(columns), edges)))
    return out


def _sizes(
    machine: Accelerator,
    g: Geometry,
    chosen: dict[str, list[int]],
    pes: list[ProcessingElement],
    comes_back: bool,
    loads: bool,
) -> tuple[int, int, list[Group]]:
    """Steps, edges and groups of a pass that brings filters or does not."""
    tally = Tally()
    fresh = [replace(pe, columns=[], received=[], cycles=0) for pe in pes]
    _one_pass(machine, g, chosen, 0, fresh, loads, comes_back, {}, tally)
    edges = tally.compute + sum(tally.stalls.values())
    return tally.compute, edges, _groups(machine, chosen, fresh, fresh[0].columns, edges)


def _bursts_add(every: list[dict[str, list[int]]], steps_outputs: Callable[[int], Word]) -> bool:
    """Whether any burst begins with sums that are there already."""
    seen: set[object] = set()
    for index, chosen in enumerate(every):
        outputs = tuple((dim, *chosen[dim]) for dim in "GNMPQ")
        if index and steps_outputs(index) != steps_outputs(index - 1) and outputs in seen:
            return True
        seen.add(outputs)
    return False


def _stepping(
    every: list[dict[str, list[int]]], m: RowStationaryMapping, dims: str, without: str = ""
) -> Callable[[int], Word]:
    """Identity of what the address generators select: counters of loops up to the innermost relevant one that steps.

    A tile is loaded again whenever that loop, or one outside it, advances: counters are compared, not contents.
    """
    order = m.dataflow.loops
    dim_of = {"G": "G", "m": "M", "n": "N", "e": "P", "f": "Q", "c": "C", "k": "M"}
    sizes = {"G": 1, "m": m.m, "n": m.n, "e": m.e, "f": m.f, "c": m.q * m.r, "k": m.p * m.t}

    def counter(chosen: dict[str, list[int]], name: str) -> int:
        first = chosen[dim_of[name]][0]
        if name == "k":
            return (first % m.m) // sizes["k"]
        return first // sizes[name]

    counters = [tuple(counter(chosen, name) for name in order) for chosen in every]
    relevant = [i for i, name in enumerate(order) if dim_of[name] in dims and name != without]
    deepest = max((i for i in relevant if max(c[i] for c in counters) > 0), default=-1)
    return lambda index: counters[index][: deepest + 1]


def fewest_rows(every: list[dict[str, list[int]]], m: RowStationaryMapping, runs_r: list[list[int]]) -> int:
    """Rows of PEs that filter words go round at least: those of sets with as many filters and channels as any."""

    def full(blocks: list[list[int]]) -> int:
        return sum(len(block) == len(blocks[0]) for block in blocks)

    return min(
        len(rows) * full(shares(chosen["M"], m.t)) * full(shares(chosen["C"], m.r))
        for chosen in every
        for rows in runs_r
    )


def held_by(pes: list[ProcessingElement], g: Geometry) -> dict[Operand, int]:
    """Words that the fullest PE of a pass keeps."""
    fullest = max(pes, key=lambda pe: (len(pe.filters), len(pe.channels)))
    filters, channels, taps = len(fullest.filters), len(fullest.channels), len(fullest.taps)
    span = (taps - 1) * g.dilation_w + 1
    return {Operand.WEIGHT: filters * channels * taps, Operand.IFMAP: channels * span, Operand.PSUM: filters}


def spare_cycles(machine: Accelerator, held: dict[Operand, int], rows: int) -> int:
    """Edges on which filter words find an empty place beside those that a PE holds."""
    spad = next(level for level in machine.levels if level.kind.value == "rf" and Operand.WEIGHT in level.operands)
    empty = max(0, spad.size_words - sum(held[o] for o in held if o in spad.operands))
    link = machine.link(Operand.WEIGHT, "in")
    if link is None or link.width_bits is None:
        return 0
    return empty * rows * machine.bits(Operand.WEIGHT) // link.width_bits


def _ramp(
    machine: Accelerator,
    g: Geometry,
    chosen: dict[str, list[int]],
    pes: list[ProcessingElement],
    tally: Tally,
) -> int:
    """The first window over the bus before the first MAC, the pipeline and the psum chain after the last.

    Returns the cycles of the first window.
    """
    window: set[Word] = set()
    for pe in pes:
        row = pe.output_row * g.stride_h - g.pad_top + pe.filter_row * g.dilation_h
        start = chosen["Q"][0] * g.stride_w - g.pad_left
        for channel in pe.channels:
            for x in range(start + pe.taps[0] * g.dilation_w, start + pe.taps[-1] * g.dilation_w + 1):
                window.add((channel, row, x))
    fill = bus_cycles(machine, Operand.IFMAP, "in", len(window))[0]
    tally.fill += fill
    chain = len({(pe.set_r, pe.row) for pe in pes})
    tally.drain += machine.pe.pipeline_stages - 1 + chain - 1
    return fill


def _one_pass(
    machine: Accelerator,
    g: Geometry,
    chosen: dict[str, list[int]],
    group: int,
    pes: list[ProcessingElement],
    new_filters: bool,
    comes_back: bool,
    visits: dict[Word, int],
    tally: Tally,
) -> None:
    bus: set[Word] = set()
    weights: set[Word] = set()
    for pe in pes:
        if new_filters:
            pe.load_filters()
            weights |= set(product(pe.filters, pe.channels, [pe.filter_row], pe.taps))
        how = machine.pe
        pe.convolve(g, chosen["N"], chosen["Q"], how.window_shift_cycles, how.psum_add_cycles, how.psum_gating)
        bus |= set(pe.received)
        tally.macs += pe.macs
        tally.ifmap_delivered += len(pe.received)
        tally.weight_delivered += pe.weight_fills
        tally.psum_reads += pe.psum_reads
        tally.psum_writes += pe.psum_writes
        tally.psum_gated += pe.psum_gated
    fetched = [w for w in bus if machine.dram.fetch_padding or (0 <= w[2] < g.H and 0 <= w[3] < g.W)]
    tally.ifmap_sent += len(bus)
    tally.ifmap_read += len(fetched)
    tally.weight_sent += len(weights)
    sums = list(product(chosen["N"], chosen["M"], chosen["P"], chosen["Q"]))
    returned = 0
    kept = len(sums) if comes_back else 0  # one schedule for all passes: time for sums is kept in the first one too
    for one in sums:
        key = (group, *one)
        if visits.get(key, 0) or machine.array.initial_psum is InitialPsum.READ:
            returned += 1
        visits[key] = visits.get(key, 0) + 1
    tally.psum_out += len(sums)
    tally.psum_in += returned
    columns: dict[Word, int] = {}
    for pe in pes:  # the sums of one column of PEs pass every PE above the lowest
        columns[pe.set_t, pe.col] = columns.get((pe.set_t, pe.col), 0) + 1
        if columns[pe.set_t, pe.col] > 1:
            tally.psum_hops += len(chosen["N"]) * len(pe.filters) * len(chosen["Q"])
    slowest = max(pe.cycles for pe in pes)
    waits = [
        bus_cycles(machine, Operand.IFMAP, "in", len(bus)),
        bus_cycles(machine, Operand.PSUM, "out", len(sums)),
        bus_cycles(machine, Operand.PSUM, "in", kept),
    ]
    read = {Operand.IFMAP: len(fetched), Operand.WEIGHT: len(weights), Operand.PSUM: kept}
    waits += port_cycles(machine, read, len(sums))
    longest, name = max(waits, key=lambda w: w[0])
    tally.compute += slowest
    tally.slots += len(pes) * slowest
    if longest > slowest:
        tally.stalls[name] = tally.stalls.get(name, 0) + longest - slowest


def _wait_for_filters(
    machine: Accelerator, pes: list[ProcessingElement], columns: list[int], before: list[int], spare: int
) -> int:
    """Filters come beside the first column, and beside columns of the pass before that are not its first."""
    beside = [columns[0]]
    if machine.pe.filter_load is FilterLoad.ADJACENT_COLUMNS:
        beside += before[1:][-1:]
    if machine.pe.filter_load is FilterLoad.SPARE_WORDS:
        beside.append(min(sum(before[1:]), sum(before[1:][-1:]) + spare))
    if machine.pe.filter_load is FilterLoad.WHOLE_PASS:
        beside += before[1:]
    words = {w for pe in pes for w in product(pe.filters, pe.channels, [pe.filter_row], pe.taps)}
    return max(0, bus_cycles(machine, Operand.WEIGHT, "in", len(words))[0] - sum(beside))
