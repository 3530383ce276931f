"""Compiled: the program of a row of PEs of a row-stationary array.

PEs of a row hold the same filter words and run the same step on the same tick, each with its own ifmap words and its
own sums. So whole output columns are run for all of them together, which puts the words that one filter word is
multiplied with next to each other: a panel of the words under the window's taps, by tap, and then by column and PE. A
column of which only a part is wanted is run step by step. Either way each PE has done exactly the steps asked for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from accsim.kernels.accumulator import Rule
from accsim.kernels.jit import kernel
from accsim.kernels.lanes import shifted

MACS, ZERO_MACS, KEPT, ADDED, HOPPED, ZERO_KEPT = range(6)
"""What is counted: MACs, those whose ifmap word is zero, sums read from and written back to the psum spads, sums added
at the end of a column, those of them that came from a PE, and those that were read and written back for a MAC whose
ifmap word is zero."""


WIDE = 1024
"""Columns times PEs that are run at a time, so that their words stay close."""

NARROW = 8
"""Columns times PEs below which a loop along them costs more than one along the filters."""


class Work(NamedTuple):
    """The work of a row of PEs in a pass.

    Attributes:
        taps, per_p, per_q, n, cols, span, new: as in ``passes.SHAPED``; sizes of the fullest PE.
        sets: sets on different filters; the last of them has ``last_filters`` filters in a PE and all others ``per_p``.
        rows: PEs in the row of a set.
        channels: those that these PEs have.
        first_row: the row of ``Words.rows`` that the first of them takes, as a place in ``row_of``.
        stride: from one PE's place to the next one's.
        dilation: words from one tap to the next.
        shift_cycles, add_cycles: as in ``hardware.accelerator.Pe``.
        bottom: whether the sums they add come from the psum network and not from PEs.
        rule: what becomes of a product.
    """

    taps: int
    per_p: int
    per_q: int
    n: int
    cols: int
    span: int
    new: int
    sets: int
    last_filters: int
    rows: int
    channels: int
    first_row: int
    stride: int
    dilation: int
    shift_cycles: int
    add_cycles: int
    bottom: bool
    rule: Rule


class Spads(NamedTuple):
    """What a row of PEs works with.

    Attributes:
        filters: int32 [sets, per_q * taps * per_p], the filter spads.
        rows: int32 [channels, n, words of a row, ifmap rows], ifmap words as they come out of the FIFOs.
        row_of: number of an ifmap row among those that PEs take, by its distance from the first one.
        panel: int32 [channels * taps, columns * rows], words under the taps.
        chain: int64 [sets, per_p, n * cols * rows], sums from below; each is replaced by the one handed up.
        psum: int64 [sets, per_p, rows], the psum spads.
    """

    filters: NDArray[Any]
    rows: NDArray[Any]
    row_of: NDArray[Any]
    panel: NDArray[Any]
    chain: NDArray[Any]
    psum: NDArray[Any]


@kernel
def filters_of(work: Work, a: int) -> int:
    """Filters in a PE of set ``a``."""
    return work.per_p if a < work.sets - 1 else work.last_filters


@kernel
def run(work: Work, begin: int, end: int, spads: Spads, counts: NDArray[Any]) -> None:
    """Run the program from step ``begin`` to before step ``end``."""
    computing = work.per_p * (work.per_q * work.taps + work.add_cycles)
    columns = work.n * work.cols
    first, first_left = (0, 0) if begin == 0 else place_of(work, begin)
    last, last_left = place_of(work, end)
    if begin > 0 and first_left > -work.per_q * (work.new if first % work.cols else work.span) * work.shift_cycles:
        run_part(work, first, first_left, last_left if last == first else computing, spads, counts)
        first += 1
    most = max(1, WIDE // work.rows)
    for column in range(first, last, most):
        run_columns(work, column, min(column + most, last), spads, counts)
    if first <= last < columns:
        run_part(work, last, 0, last_left, spads, counts)


@kernel
def run_columns(work: Work, first: int, last: int, spads: Spads, counts: NDArray[Any]) -> None:
    """Run the columns from ``first`` to before ``last``, which count through the ifmaps of the pass."""
    width, base = (last - first) * work.rows, first * work.rows
    rows, row_of, panel, chain, psum = spads.rows, spads.row_of, spads.panel, spads.chain, spads.psum
    words = zeros = begun = 0
    for channel in range(work.channels):
        for tap in range(work.taps):
            at = 0
            for column in range(first, last):
                n, x = column // work.cols, column % work.cols * work.new + tap * work.dilation
                row = work.first_row
                for _ in range(work.rows):
                    word = rows[channel, n, x, row_of[row]]
                    panel[words, at] = word
                    zeros += word == 0
                    at += 1
                    row += work.stride
            words += 1
            if words == 1:
                begun = zeros
    filters = 0
    for a in range(work.sets):
        mine = filters_of(work, a)
        if width < NARROW:
            multiply_narrow(work, a, mine, words, base, width, spads)
        else:
            for f in range(mine):
                sums = chain[a, f, base : base + width]
                multiply(spads.filters[a], f, work.per_p, panel, words, width, work.rule, sums)
        for f in range(mine):
            for j in range(work.rows):
                psum[a, f, j] = chain[a, f, base + width - work.rows + j]
        filters += mine
    counts[MACS] += words * width * filters
    counts[ZERO_MACS] += zeros * filters
    counts[KEPT] += (words - 1) * width * filters
    counts[ZERO_KEPT] += (zeros - begun) * filters
    counts[ADDED] += width * filters
    counts[HOPPED] += 0 if work.bottom else width * filters


@kernel
def multiply(
    weight: NDArray[Any], f: int, step: int, panel: NDArray[Any], words: int, width: int, rule: Rule,
    sums: NDArray[Any],
) -> None:  # fmt: skip
    """sums[x] += the products of filter ``f`` with panel[:words, x], for x < width.

    Four words a time, so that a sum is loaded and stored once for four products.
    """
    fours = words - words % 4
    for k in range(0, fours, 4):
        at = k * step + f
        w0, w1, w2, w3 = weight[at], weight[at + step], weight[at + 2 * step], weight[at + 3 * step]
        for x in range(width):
            low = shifted(w0 * panel[k, x], rule) + shifted(w1 * panel[k + 1, x], rule)
            sums[x] += low + shifted(w2 * panel[k + 2, x], rule) + shifted(w3 * panel[k + 3, x], rule)
    for k in range(fours, words):
        w0 = weight[k * step + f]
        for x in range(width):
            sums[x] += shifted(w0 * panel[k, x], rule)


@kernel
def multiply_narrow(work: Work, a: int, filters: int, words: int, base: int, width: int, spads: Spads) -> None:
    """The same for all filters of set ``a``, filter by filter of each word: for few columns and PEs."""
    weight, panel, chain, step, rule = spads.filters, spads.panel, spads.chain, work.per_p, work.rule
    for x in range(width):
        for k in range(words):
            word = panel[k, x]
            for f in range(filters):
                chain[a, f, base + x] += shifted(weight[a, k * step + f] * word, rule)


@kernel
def run_part(work: Work, column: int, begin: int, end: int, spads: Spads, counts: NDArray[Any]) -> None:
    """Run a part of a column, step by step; ``begin`` and ``end`` count from its first MAC."""
    macs = work.per_p * work.per_q * work.taps
    for step in range(max(begin, 0), min(end, macs + work.per_p * work.add_cycles)):
        if step < macs:
            f = step % work.per_p
            multiply_step(work, column, step, spads, counts)
            adds = work.add_cycles == 0 and step >= macs - work.per_p
        else:
            f, rest = divmod(step - macs + 1, work.add_cycles)
            f -= 1
            adds = rest == 0
        if adds:
            for a in range(work.sets):
                for j in range(work.rows if f < filters_of(work, a) else 0):
                    spads.psum[a, f, j] += spads.chain[a, f, column * work.rows + j]
                    spads.chain[a, f, column * work.rows + j] = spads.psum[a, f, j]
                    counts[ADDED] += 1
                    counts[HOPPED] += not work.bottom


@kernel
def multiply_step(work: Work, column: int, step: int, spads: Spads, counts: NDArray[Any]) -> None:
    """One MAC of every PE that has one, ``step`` steps after the column's first."""
    mac, f = divmod(step, work.per_p)
    channel, tap = divmod(mac, work.taps)
    if channel >= work.channels:
        return
    for a in range(work.sets):
        for j in range(work.rows if f < filters_of(work, a) else 0):
            word = word_under(work, column, channel, tap, j, spads)
            product = shifted(spads.filters[a, step] * word, work.rule)
            spads.psum[a, f, j] = product if mac == 0 else spads.psum[a, f, j] + product
            counts[MACS] += 1
            counts[ZERO_MACS] += word == 0
            counts[KEPT] += mac > 0
            counts[ZERO_KEPT] += word == 0 and mac > 0


@kernel
def word_under(work: Work, column: int, channel: int, tap: int, j: int, spads: Spads) -> int:
    """The word under a tap of the window of PE ``j``."""
    n, x = column // work.cols, column % work.cols * work.new + tap * work.dilation
    return int(spads.rows[channel, n, x, spads.row_of[work.first_row + j * work.stride]])


@kernel
def place_of(work: Work, step: int) -> tuple[int, int]:
    """Column, counted through the ifmaps, of a step of the program, and its distance from the column's first MAC.

    The distance is negative while the window is shifted.
    """
    computing = work.per_p * (work.per_q * work.taps + work.add_cycles)
    first, fresh = work.per_q * work.span * work.shift_cycles, work.per_q * work.new * work.shift_cycles
    n, at = divmod(step, first + computing + (work.cols - 1) * (fresh + computing))
    if at < first + computing:
        return n * work.cols, at - first
    column, at = divmod(at - first - computing, fresh + computing)
    return n * work.cols + column + 1, at - fresh
