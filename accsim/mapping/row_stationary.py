"""Legality of row-stationary mappings: what fits the array, the scratchpads and the buffers."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, product
from math import ceil, gcd

from accsim.hardware.accelerator import Accelerator, FilterLoad, RegisterFile
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.nest import Nest, Piece, covered, input_extent, window_span
from accsim.workload.layer import Geometry, Operand


def even_runs(length: int, most: int) -> tuple[int, ...]:
    """Cut ``length`` into the fewest runs of at most ``most``, as equal as possible, longest first."""
    runs = -(-length // most)
    base, more = divmod(length, runs)
    return (base + 1,) * more + (base,) * (runs - more)


def starts(runs: tuple[int, ...]) -> list[tuple[int, int]]:
    """First index and length of each run."""
    return list(zip(accumulate((0, *runs[:-1])), runs, strict=True))


def distinct_rows(rows: int, taps: int, stride: int, dilation: int) -> int:
    """Ifmap rows on the diagonals of a PE set: the different values of stride * j + dilation * i, j < rows, i < taps.

    A value is met again wherever i grows by the stride and j shrinks by the dilation, both over their common divisor.
    """
    common = gcd(stride, dilation)
    again_i, again_j = taps - stride // common, rows - dilation // common
    return rows * taps - max(0, again_i) * max(0, again_j)


def rows_read(nest: Nest, piece: Piece, first_tap: int, taps: int) -> int:
    """Ifmap rows that a pass over a piece of P and a run of filter rows reads: those on its diagonals, less padding."""
    g = nest.geometry
    if not nest.clipped("P", piece):
        return distinct_rows(piece.size, taps, g.stride_h, g.dilation_h)
    first = piece.start * g.stride_h - g.pad_top + first_tap * g.dilation_h
    if g.dilation_h == 1:
        return covered(first, piece.size, g.stride_h, taps, g.H)
    taken = {first + j * g.stride_h + i * g.dilation_h for j, i in product(range(piece.size), range(taps))}
    return sum(1 for row in taken if 0 <= row < g.H)


def cols_read(nest: Nest, piece: Piece, first_tap: int, taps: int) -> int:
    """Ifmap columns that a pass over a piece of Q and a run of filter columns reads: those shifted in, less padding."""
    g = nest.geometry
    span = window_span(taps, g.dilation_w)
    if not nest.clipped("Q", piece):
        return input_extent(piece.size, g.stride_w, span)
    first = piece.start * g.stride_w - g.pad_left + first_tap * g.dilation_w
    return covered(first, piece.size, g.stride_w, span, g.W)


def spad_words(accelerator: Accelerator) -> dict[Operand, RegisterFile]:
    """The PE's scratchpad for each operand."""
    return {
        operand: level
        for level in accelerator.levels
        if isinstance(level, RegisterFile)
        for operand in level.operands
        if operand in (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM)
    }


def spad_demand(accelerator: Accelerator, geometry: Geometry, p: int, q: int, taps_s: int) -> dict[Operand, int]:
    """Words one PE keeps of each operand: q windows of the ifmap, p*q filter rows, p psums (JSSC 2017, section IV).

    Filters that are loaded beside a whole pass need room beside those of that pass.
    """
    passes = 2 if accelerator.pe.filter_load is FilterLoad.WHOLE_PASS else 1
    return {
        Operand.IFMAP: q * window_span(taps_s, geometry.dilation_w),
        Operand.WEIGHT: passes * p * q * taps_s,
        Operand.PSUM: p,
    }


def spads_hold(accelerator: Accelerator, geometry: Geometry, p: int, q: int, taps_s: int) -> bool:
    """Whether the scratchpads hold p filters of q channels and ``taps_s`` columns; operands may share a scratchpad."""
    demand, used = spad_demand(accelerator, geometry, p, q, taps_s), dict[str, int]()
    for operand, level in spad_words(accelerator).items():
        used[level.name] = used.get(level.name, 0) + demand[operand]
        if used[level.name] > level.size_words:
            return False
    return True


def cut_filter(accelerator: Accelerator, geometry: Geometry, p: int, q: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Runs of filter rows and columns: rows by the array's height, columns by the scratchpads.

    Returns an empty second tuple when even one column does not fit.
    """
    rows = even_runs(geometry.R, accelerator.array.rows)
    low, high = 0, geometry.S
    while low < high:
        middle = (low + high + 1) // 2
        if spads_hold(accelerator, geometry, p, q, middle):
            low = middle
        else:
            high = middle - 1
    return rows, even_runs(geometry.S, low) if low else ()


def sets_on_array(accelerator: Accelerator, geometry: Geometry, e: int) -> int:
    """How many PE sets of R x e fit the array; a set wider than the array is cut into strips stacked on its rows.

    The rule of folding and replication of the row-stationary array (JSSC 2017, section IV-A; ISCA 2016, section V-B).
    """
    array = accelerator.array
    stacked = array.rows // even_runs(geometry.R, array.rows)[0]
    if e <= array.cols:
        return stacked * (array.cols // e)
    return stacked // -(-e // array.cols)


def fifo_demand(accelerator: Accelerator, geometry: Geometry, mapping: RowStationaryMapping) -> int:
    """Words that suffice for the FIFO before a PE's ifmap spad, whatever the PE: an upper bound of how full one gets.

    Count *groups*: the words of one channel of a PE and one ifmap column, for all PE sets and ifmap rows, which follow
    each other on the network. No PE takes more than one word of a group, and PEs take groups in the order of the
    network. So a FIFO holds at most the groups begun on the network less those that its PE has passed in its program.

    * A PE starts an ifmap row with a whole window and shifts words in at the start of a column: after k of the C steps
      of a pass it has passed more than k*G/C - 1 of the G groups, G/C being the *pace* of the pass.
    * The words of a pass are spread evenly over its steps, and the network may be a step ahead: when step k is issued
      (counted from 0), less than (k + 2)*W/C + 2*T of its W words have come, T being the words of a transaction (one T
      as the last transaction may be partly empty, one as the pace is rounded up). Before these words, the first window
      of the burst has come. The first groups of a column have the most words, as sets lack channels only at the end: so
      w words have begun less than 1 + w/A groups, with A = W/G words on average.
    * A PE is fewer ticks behind the bottom of the chain than there are PEs in a chain, and in none of these ticks more
      than one step is issued; in passes of different kinds each counts with its own pace.

    A network without a width brings words as the bottom PEs take them: what these have taken is ahead of an even pace
    by less than the largest window.
    """
    runs_r, runs_s = cut_filter(accelerator, geometry, mapping.p, mapping.q)
    nest, pe = mapping.nest(geometry, accelerator.dram.fetch_padding), accelerator.pe
    filters, channels, rows, columns = ([p.size for p, _ in nest.pieces(dim, len(nest.loops))] for dim in "MCPQ")
    in_pe = -(-channels[0] // mapping.r)
    chain = -(-channels[0] // in_pe) * runs_r[0]
    pace = Fraction(0)
    for m, c, cols, taps in product(set(filters), set(channels), set(columns), set(runs_s)):
        p, q, span = -(-m // mapping.t), -(-c // mapping.r), window_span(taps, geometry.dilation_w)
        groups = q * input_extent(cols, geometry.stride_w, span)
        pace = max(pace, Fraction(groups, groups * pe.window_shift_cycles + cols * p * (q * taps + pe.psum_add_cycles)))
    window = window_span(runs_s[0], geometry.dilation_w)
    link = accelerator.link(Operand.IFMAP, "in")
    if link is None or link.width_bits is None:
        return ceil(in_pe * window + chain * pace + 1) - 1
    transaction = Fraction(link.width_bits, accelerator.bits(Operand.IFMAP))
    ahead = Fraction(0)
    for e in set(rows):
        heights = [distinct_rows(e, taps, geometry.stride_h, geometry.dilation_h) for taps in set(runs_r)]
        words = min(Fraction(c * min(heights), -(-c // mapping.r)) for c in set(channels))
        ahead = max(ahead, (channels[0] * max(heights) * window + 2 * transaction) / words)
    return ceil(2 + (chain + 1) * pace + ahead) - 1


def array_violations(accelerator: Accelerator, geometry: Geometry, mapping: RowStationaryMapping) -> list[str]:
    """Sentences on what does not fit the array or the scratchpads; empty for a legal mapping."""
    g, m = geometry, mapping
    out: list[str] = []
    bounds = {"m": g.filters_per_group, "n": g.N, "e": g.P, "f": g.Q}
    for name, bound in bounds.items():
        value = getattr(m, name)
        if not 1 <= value <= bound:
            out.append(f"{name} = {value} must be from 1 to {bound}")
    for name in ("p", "q", "r", "t"):
        if getattr(m, name) < 1:
            out.append(f"{name} = {getattr(m, name)} must be at least 1")
    if out:
        return out
    sets = sets_on_array(accelerator, g, m.e)
    if m.r * m.t > sets:
        out.append(
            f"r*t = {m.r * m.t} PE sets of {g.R} x {m.e} do not fit the {accelerator.array.rows} x "
            f"{accelerator.array.cols} array, which holds {sets}; use a smaller e, r or t"
        )
    if not spads_hold(accelerator, g, m.p, m.q, 1):
        demand = spad_demand(accelerator, g, m.p, m.q, 1)
        spads = spad_words(accelerator)
        sizes = ", ".join(f"{o} {demand[o]} of {spads[o].size_words} words in {spads[o].name}" for o in spads)
        out.append(
            f"p = {m.p} filters of q = {m.q} channels do not fit the scratchpads ({sizes}); use a smaller p or q"
        )
    depth = accelerator.pe.fifo_depth
    if depth is not None and not out and (words := fifo_demand(accelerator, g, m)) > depth:
        out.append(
            f"the FIFO before the ifmap scratchpad may have to hold {words} words, and pe.fifo_depth is {depth}; use a "
            "smaller q or r, or more filters p"
        )
    return out
