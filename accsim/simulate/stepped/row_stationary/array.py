"""Compiled: one pass on the PEs of a row-stationary array, with real words."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.accumulator import Rule
from accsim.kernels.jit import kernel
from accsim.simulate.stepped.row_stationary import dumps, pe

READ, DELIVERED, WEIGHTS, WEIGHTS_IN, SUMS_OUT, SUMS_IN, MOST, SLOTS, STEPS = range(6, 15)
"""What the array counts beside its PEs: ifmap words fetched and delivered; filter words sent and delivered; sums out
and in; most PEs at work, PE slots and steps of ``flows.Occupancy``."""

COUNTS = 15


class Layout(NamedTuple):
    """Of the layer and of the machine, what is the same in all passes.

    Attributes:
        stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left: of the window.
        fetch_padding: whether padding is fetched like any pixel.
        reads_first: whether the first sums are read.
        shift_cycles, add_cycles: as in ``hardware.accelerator.Pe``.
        rule: what becomes of a product.
        r, e: of the mapping.
        rows, cols: of the array.
        height: filter rows of the longest run.
    """

    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_left: int
    fetch_padding: bool
    reads_first: bool
    shift_cycles: int
    add_cycles: int
    rule: Rule
    r: int
    e: int
    rows: int
    cols: int
    height: int


class Tensors(NamedTuple):
    """The layer's tensors.

    Attributes:
        ifmap, weight: int32 [N, C, H, W] and [M, C / G, R, S].
        sums: int64 [N, M, P, Q], exact.
        visited: bool of the same shape, outputs that have left the array before.
    """

    ifmap: NDArray[Any]
    weight: NDArray[Any]
    sums: NDArray[Any]
    visited: NDArray[Any]


class Memory(NamedTuple):
    """What the PEs hold, and the words on their way; large enough for the largest pass. See ``pe.Spads``.

    Attributes:
        filters: int32 [r, height, t, words].
        rows: int32 [channels, n, words of a row, ifmap rows].
        panel, chain, psum: of one row of PEs.
    """

    filters: NDArray[Any]
    rows: NDArray[Any]
    panel: NDArray[Any]
    chain: NDArray[Any]
    psum: NDArray[Any]


class Following(NamedTuple):
    """The first pass of the burst, or the pass of the same burst, that comes next.

    Attributes:
        begin: tick of its first step.
        sets_t, sets_r, taps_r, rows: PEs for which its skew counts; others stop on that tick.
    """

    begin: int
    sets_t: int
    sets_r: int
    taps_r: int
    rows: int


@kernel
def run_passes(
    table: NDArray[Any], begins: NDArray[Any], layout: Layout, tensors: Tensors, memory: Memory, counts: NDArray[Any],
    first: NDArray[Any], following: Following, dump: dumps.Dump,
) -> None:  # fmt: skip
    """Run passes in order.

    Args:
        table: the passes, records of ``passes.PASS``.
        begins: tick of the first step of each.
        layout, tensors, memory: see there.
        counts: see ``READ`` and ``pe.MACS`` and the others.
        first: sets and filter rows of the first pass of the burst.
        following: the burst that comes after the last of them.
        dump: registers asked for.
    """
    for number in range(table.size):
        one = table[number]
        if one.starts:
            first[0], first[1] = one.sets_r, one.taps_r
        row_of = place_rows(one, layout)
        take_ifmap(one, layout, tensors, memory, row_of, counts)
        if one.loads:
            load_filters(one, tensors, memory, counts)
        take_sums(one, layout, tensors, memory, counts)
        after = Following(begins[number + 1], one.sets_t, first[0], first[1], one.rows)
        if number + 1 == table.size:
            after = following
        run_pes(one, layout, memory, row_of, counts, first, begins[number], after, dump)
        give_sums(one, tensors, memory, counts)
        pes = one.taps_r * one.rows * one.sets_r * one.sets_t
        counts[MOST] = max(counts[MOST], pes)
        counts[SLOTS] += pes * one.steps
        counts[STEPS] += one.steps


@kernel
def place_rows(one: Any, layout: Layout) -> NDArray[Any]:
    """For every ifmap row below the pass's first one, its number among those that PEs take, or -1."""
    row_of = np.full((one.rows - 1) * layout.stride_h + (one.taps_r - 1) * layout.dilation_h + 1, -1, np.int64)
    for j in range(one.rows):
        for i in range(one.taps_r):
            row_of[j * layout.stride_h + i * layout.dilation_h] = 0
    number = 0
    for row in range(row_of.size):
        if row_of[row] == 0:
            row_of[row] = number
            number += 1
    return row_of


@kernel
def take_ifmap(
    one: Any, layout: Layout, tensors: Tensors, memory: Memory, row_of: NDArray[Any], counts: NDArray[Any]
) -> None:
    """Put the ifmap words of a pass on their network, padding as zeros."""
    top = one.p0 * layout.stride_h - layout.pad_top + one.r0 * layout.dilation_h
    left = one.q0 * layout.stride_w - layout.pad_left + one.s0 * layout.dilation_w
    height, width = tensors.ifmap.shape[2], tensors.ifmap.shape[3]
    skip = max(layout.stride_w - one.new, 0)
    for channel in range(one.channels):
        for n in range(one.n):
            words = memory.rows[channel, n]
            pixels = tensors.ifmap[one.n0 + n, one.c0 + channel]
            for below in range(row_of.size):
                row, y = row_of[below], top + below
                if row < 0:
                    continue
                inside, read, x, left_over = 0 <= y < height, 0, left, one.new
                for word in range(one.row_words):
                    pixel = inside and 0 <= x < width
                    words[word, row] = pixels[y, x] if pixel else 0
                    read += pixel
                    x += 1
                    left_over -= 1
                    if left_over == 0:
                        x += skip
                        left_over = one.new
                counts[READ] += one.row_words if layout.fetch_padding else read


@kernel
def load_filters(one: Any, tensors: Tensors, memory: Memory, counts: NDArray[Any]) -> None:
    """Fill the filter spads."""
    taps, per_p = one.taps_s, one.per_p
    weight, spads = tensors.weight, memory.filters
    for m in range(one.filters):
        a, f = m // per_p, m % per_p
        b = channel = 0
        for c in range(one.channels):
            for i in range(one.taps_r):
                for s in range(taps):
                    word = weight[one.m0 + m, one.w0 + c, one.r0 + i, one.s0 + s]
                    spads[b, i, a, (channel * taps + s) * per_p + f] = word
            channel += 1
            if channel == one.per_q:
                b, channel = b + 1, 0
    sent = one.filters * one.channels * one.taps_r * taps
    counts[WEIGHTS] += sent
    counts[WEIGHTS_IN] += sent * one.rows


@kernel
def take_sums(one: Any, layout: Layout, tensors: Tensors, memory: Memory, counts: NDArray[Any]) -> None:
    """Bring sums that come back to the bottom of the chains; the others start from zero."""
    sums, visited, chain = tensors.sums, tensors.visited, memory.chain
    for m in range(one.filters):
        a, f = divmod(m, one.per_p)
        for n in range(one.n):
            for j in range(one.rows):
                for column in range(one.cols):
                    at = one.n0 + n, one.m0 + m, one.p0 + j, one.q0 + column
                    back = layout.reads_first or visited[at]
                    chain[a, f, (n * one.cols + column) * one.rows + j] = sums[at] if back else 0
                    counts[SUMS_IN] += back


@kernel
def give_sums(one: Any, tensors: Tensors, memory: Memory, counts: NDArray[Any]) -> None:
    """Take the sums that the top PEs have handed out."""
    sums, visited, chain = tensors.sums, tensors.visited, memory.chain
    for m in range(one.filters):
        a, f = divmod(m, one.per_p)
        for n in range(one.n):
            for j in range(one.rows):
                for column in range(one.cols):
                    at = one.n0 + n, one.m0 + m, one.p0 + j, one.q0 + column
                    sums[at] = chain[a, f, (n * one.cols + column) * one.rows + j]
                    visited[at] = True
    counts[SUMS_OUT] += one.filters * one.n * one.rows * one.cols


@kernel
def run_pes(
    one: Any, layout: Layout, memory: Memory, row_of: NDArray[Any], counts: NDArray[Any], first: NDArray[Any],
    begin: int, after: Following, dump: dumps.Dump,
) -> None:  # fmt: skip
    """Run the program of every row of PEs, from the bottom of the chains to the top."""
    for b in range(one.sets_r - 1, -1, -1):
        channels = min(one.per_q, one.channels - b * one.per_q)
        rows = memory.rows[b * one.per_q : b * one.per_q + channels]
        for i in range(one.taps_r - 1, -1, -1):
            spads = pe.Spads(memory.filters[b, i], rows, row_of, memory.panel, memory.chain, memory.psum)
            bottom = b == one.sets_r - 1 and i == one.taps_r - 1
            work = pe.Work(
                one.taps_s, one.per_p, one.per_q, one.n, one.cols, one.span, one.new, one.sets_t,
                one.filters - (one.sets_t - 1) * one.per_p, one.rows, channels, i * layout.dilation_h, layout.stride_h,
                layout.dilation_w, layout.shift_cycles, layout.add_cycles, bottom, layout.rule,
            )  # fmt: skip
            counts[DELIVERED] += channels * one.n * one.row_words * one.rows * one.sets_t
            step = 0
            if dump.ticks.size:
                skew = (first[0] - 1 - b) * first[1] + first[1] - 1 - i
                stay = stay_of(one, layout, b, i, begin + skew, after)
                step = dumps.copy(work, stay, spads, counts, dump)
            pe.run(work, step, one.steps, spads, counts)


@kernel
def stay_of(one: Any, layout: Layout, b: int, i: int, begin: int, after: Following) -> dumps.Stay:
    """When row ``i`` of the sets on channel block ``b`` is at a pass, and where it is."""
    ends, places = np.empty((one.sets_t, one.rows), np.int64), np.empty((one.sets_t, one.rows, 2), np.int64)
    for a in range(one.sets_t):
        for j in range(one.rows):
            ends[a, j] = next_step(after, a, b, i, j)
            places[a, j, 0], places[a, j, 1] = place(layout, a, b, i, j)
    return dumps.Stay(begin, one.steps, one.loads, ends, places)


@kernel
def place(layout: Layout, a: int, b: int, i: int, j: int) -> tuple[int, int]:
    """Row and column of PE (i, j) of the set on filter block ``a`` and channel block ``b``."""
    strips, stacked = -(-layout.e // layout.cols), layout.rows // layout.height
    strip, col = divmod(j, layout.cols)
    block, level = divmod((a * strips + strip) * layout.r + b, stacked)
    return level * layout.height + i, block * layout.e + col


@kernel
def next_step(after: Following, a: int, b: int, i: int, j: int) -> int:
    """Tick on which a PE begins what follows."""
    if a < after.sets_t and b < after.sets_r and i < after.taps_r and j < after.rows:
        return after.begin + (after.sets_r - 1 - b) * after.taps_r + after.taps_r - 1 - i
    return after.begin


@kernel
def list_fetched(table: NDArray[Any], layout: Layout, height: int, width: int, fetched: NDArray[Any]) -> None:
    """List for each ifmap word of a burst, in the order of its network, whether it lies inside the ifmap."""
    at = 0
    for number in range(table.size):
        one = table[number]
        top = one.p0 * layout.stride_h - layout.pad_top + one.r0 * layout.dilation_h
        left = one.q0 * layout.stride_w - layout.pad_left + one.s0 * layout.dilation_w
        row_of = place_rows(one, layout)
        for _ in range(one.n):
            word = 0
            for column in range(one.cols):
                fresh = one.new if column else one.span
                for channel in range(one.per_q):
                    sets = one.sets_r if channel < one.channels - (one.sets_r - 1) * one.per_q else one.sets_r - 1
                    for x in range(word, word + fresh):
                        col = left + (x // one.new * layout.stride_w + x % one.new if one.new < layout.stride_w else x)
                        for _ in range(sets):
                            for row in range(row_of.size):
                                if row_of[row] >= 0:
                                    fetched[at] = 0 <= top + row < height and 0 <= col < width
                                    at += 1
                word += fresh
