"""Compiled: cycles of the passes of a row-stationary array, as the exact engine counts them.

Left out are the ports of buffers, and waits for sums that come back: with either, the exact figure may be larger.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accsim.kernels.jit import kernel
from accsim.mapping.search.row_stationary.costs import ceil_div

Ints = npt.NDArray[np.int64]

# What the machine and the layer are, as they stand in ``facts``.
STRIDE, DILATION, STEP_H, BACK_H, TAPS_R, TAPS_S, RUNS_R = range(7)
ADD, SHIFT, STAGES, LOAD, SPAD, SHARES_IFMAP, SHARES_PSUM, READS = range(7, 15)
IFMAP_BITS, WEIGHT_BITS, PSUM_BITS, IFMAP_BUS, WEIGHT_BUS, OUT_BUS, IN_BUS = range(15, 22)
FIRST_COLUMN, ADJACENT_COLUMNS, SPARE_WORDS, WHOLE_PASS = range(4)


@kernel
def extent(size: int, stride: int, span: int) -> int:
    """Input columns that neighbouring outputs need."""
    return (size - 1) * min(stride, span) + span


@kernel
def transactions(words: int, bits: int, width: int) -> int:
    """Transactions of a bus of ``width`` bits; none on one that keeps up (0)."""
    return ceil_div(words * bits, width) if width else 0


@kernel
def diagonals(facts: Ints, rows: int, taps: int) -> int:
    """Ifmap rows on the diagonals of a PE set."""
    again_i, again_j = taps - facts[STEP_H], rows - facts[BACK_H]
    return int(rows * taps - max(0, again_i) * max(0, again_j))


@kernel
def column(facts: Ints, per_p: int, per_q: int, taps_s: int, shifted: int) -> int:
    """Cycles of one output column, for which ``shifted`` words of every channel come into the window."""
    return int(per_p * per_q * taps_s + per_p * facts[ADD] + per_q * shifted * facts[SHIFT])


@kernel
def computed(facts: Ints, n: int, per_p: int, per_q: int, cols: int, taps_s: int) -> int:
    """Cycles of the PEs for one pass."""
    span = (taps_s - 1) * facts[DILATION] + 1
    words = extent(cols, facts[STRIDE], span)
    return int(n * (cols * column(facts, per_p, per_q, taps_s, 0) + per_q * words * facts[SHIFT]))


@kernel
def pace(facts: Ints, fit: int, r: int, t: int, filters: int, channels: int, cols: int) -> int:
    """Cycles that every pass of a step takes at least for each of its ifmaps."""
    runs = ceil_div(facts[TAPS_S], fit)
    return int(computed(facts, 1, ceil_div(filters, t), ceil_div(channels, r), cols, facts[TAPS_S] // runs))


@kernel
def step_cycles(
    facts: Ints, fit: int, r: int, t: int, returns: bool, n: int, filters: int, channels: int, rows: int, cols: int
) -> int:
    """Cycles of the passes of one step, as long as the slowest of MACs and buses each."""
    per_p, per_q = ceil_div(filters, t), ceil_div(channels, r)
    psums = n * filters * rows * cols
    slowest = transactions(psums, facts[PSUM_BITS], facts[OUT_BUS])
    if returns:
        slowest = max(slowest, transactions(psums, facts[PSUM_BITS], facts[IN_BUS]))
    runs_r, runs_s = facts[RUNS_R], ceil_div(facts[TAPS_S], fit)
    long_r, long_s = facts[TAPS_R] % runs_r, facts[TAPS_S] % runs_s
    total = 0
    for i in range(2):
        taps_s, times_s = facts[TAPS_S] // runs_s + 1 - i, long_s if i == 0 else runs_s - long_s
        if times_s == 0:
            continue
        span = (taps_s - 1) * facts[DILATION] + 1
        macs = computed(facts, n, per_p, per_q, cols, taps_s)
        for j in range(2):
            taps_r, times_r = facts[TAPS_R] // runs_r + 1 - j, long_r if j == 0 else runs_r - long_r
            if times_r == 0:
                continue
            words = n * channels * diagonals(facts, rows, taps_r) * extent(cols, facts[STRIDE], span)
            sent = transactions(words, facts[IFMAP_BITS], facts[IFMAP_BUS])
            total += times_s * times_r * max(macs, sent, slowest)
    return total


@kernel
def ramp_cycles(facts: Ints, fit: int, r: int, channels: int, rows: int) -> int:
    """The first window of an output tile, and the pipeline and the chain of sums at its end."""
    runs_r, runs_s = facts[RUNS_R], ceil_div(facts[TAPS_S], fit)
    taps_r, taps_s = ceil_div(facts[TAPS_R], runs_r), ceil_div(facts[TAPS_S], runs_s)
    window = diagonals(facts, rows, taps_r) * channels * ((taps_s - 1) * facts[DILATION] + 1)
    chain = taps_r * ceil_div(channels, ceil_div(channels, r))
    return int(transactions(window, facts[IFMAP_BITS], facts[IFMAP_BUS]) + facts[STAGES] + chain - 1)


@kernel
def beside_cycles(
    facts: Ints, fewest: int, r: int, t: int, n: int, filters: int, channels: int, cols: int, taps_s: int
) -> int:
    """Cycles of a pass beside which the filters of the next one are loaded; ``fewest`` rows of PEs hold most."""
    if n * cols == 1 or facts[LOAD] == FIRST_COLUMN:
        return 0
    per_p, per_q = ceil_div(filters, t), ceil_div(channels, r)
    span = (taps_s - 1) * facts[DILATION] + 1
    first = column(facts, per_p, per_q, taps_s, span)
    whole = computed(facts, n, per_p, per_q, cols, taps_s)
    if facts[LOAD] == WHOLE_PASS:
        return whole - first
    last = column(facts, per_p, per_q, taps_s, min(facts[STRIDE], span)) if cols > 1 else first
    if facts[LOAD] == ADJACENT_COLUMNS:
        return last
    spare = 0
    if facts[WEIGHT_BUS] and facts[SPAD]:
        spare = facts[SPAD] - per_p * per_q * taps_s
        spare -= (per_q * span if facts[SHARES_IFMAP] else 0) + (per_p if facts[SHARES_PSUM] else 0)
        spare = max(0, spare) * fewest * facts[WEIGHT_BITS] // facts[WEIGHT_BUS]
    return int(min(last + spare, whole - first))


@kernel
def fewest_rows(facts: Ints, r: int, t: int, filters: int, m: int, step: int, channels: int, block: int) -> int:
    """The fewest rows of PEs with a full share of filters and channels, of any pass."""
    rest_m, rest_c = filters % m, channels % block
    by_filters = min(filters, m, step)
    most_t = by_filters // ceil_div(by_filters, t)
    for size in (m % step, min(rest_m, step), rest_m % step):
        if size:
            most_t = min(most_t, size // ceil_div(size, t))
    by_channels = min(channels, block)
    most_r = by_channels // ceil_div(by_channels, r)
    if rest_c:
        most_r = min(most_r, rest_c // ceil_div(rest_c, r))
    return int(facts[TAPS_R] // facts[RUNS_R] * most_t * most_r)


@kernel
def filter_wait(
    facts: Ints, fit: int, fewest: int, r: int, t: int, before: Ints, n: int, filters: int, channels: int, cols: int
) -> int:
    """Cycles a step waits for its filters; ``before``: the one before, or 0."""
    if not facts[WEIGHT_BUS]:
        return 0
    runs_r, runs_s = facts[RUNS_R], ceil_div(facts[TAPS_S], fit)
    base_r, long_r, base_s, long_s = (
        facts[TAPS_R] // runs_r, facts[TAPS_R] % runs_r, facts[TAPS_S] // runs_s, facts[TAPS_S] % runs_s
    )  # fmt: skip
    beside = 0
    if before[0]:
        beside = beside_cycles(facts, fewest, r, t, before[0], before[1], before[2], before[3], base_s)
    per_p, per_q, total = ceil_div(filters, t), ceil_div(channels, r), 0
    for i in range(runs_r):
        taps_r = base_r + (1 if i < long_r else 0)
        for j in range(runs_s):
            taps_s = base_s + (1 if j < long_s else 0)
            first = column(facts, per_p, per_q, taps_s, (taps_s - 1) * facts[DILATION] + 1)
            sent = transactions(filters * channels * taps_r * taps_s, facts[WEIGHT_BITS], facts[WEIGHT_BUS])
            total += max(0, sent - first - beside)
            if runs_r * runs_s > 1:
                beside = beside_cycles(facts, fewest, r, t, n, filters, channels, cols, taps_s)
    return total


@kernel
def busy_cycles(mapping: Ints, fit: int, sizes: Ints, facts: Ints) -> int:
    """Cycles of all passes of a layer; ``mapping`` and ``sizes`` as of ``timeline.makespan``."""
    n, e, f, q, r, p, t, m = (
        mapping[0], mapping[1], mapping[2], mapping[3], mapping[4], mapping[5], mapping[6], mapping[7],
    )  # fmt: skip
    block, step, filters = min(q * r, sizes[3]), p * t, sizes[2]
    runs = facts[RUNS_R] * ceil_div(facts[TAPS_S], fit)
    returns = runs > 1 or block < sizes[3] or facts[READS] == 1
    step = min(step, m)
    blocks, rest = filters // m, filters % m
    of_m = (step, m % step, rest % step)
    times_m = (blocks * (m // step) + rest // step, blocks if m % step else 0, 1 if rest % step else 0)
    total = 0
    for i in range(3):
        if times_m[i] == 0:
            continue
        for c, times_c in ((block, sizes[3] // block), (sizes[3] % block, 1)):
            if c == 0:
                continue
            for ifmaps, times_n in ((n, sizes[0] // n), (sizes[0] % n, 1)):
                if ifmaps == 0:
                    continue
                for rows, times_e in ((e, sizes[4] // e), (sizes[4] % e, 1)):
                    if rows == 0:
                        continue
                    for cols, times_f in ((f, sizes[5] // f), (sizes[5] % f, 1)):
                        if cols == 0:
                            continue
                        times = times_m[i] * times_c * times_n * times_e * times_f
                        total += times * step_cycles(facts, fit, r, t, returns, ifmaps, of_m[i], c, rows, cols)
    return int(total * sizes[1])
