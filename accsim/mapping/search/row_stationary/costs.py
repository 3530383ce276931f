"""Compiled: lower bounds of what row-stationary mappings cost.

Words moved follow in closed form from how many blocks each loop makes and how they are dealt to the PE sets; energy and
traffic are affine in the words. Cycles are bounded by what must happen one after the other: the MACs, or the words on a
bus, of all passes; the ramps of all output tiles; waits for filters; the transfers that wait for the array; or else all
that the DRAM channel carries.

Every figure but the waits grows with the numbers of blocks, of sets and of filters and channels per PE.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accsim.kernels.jit import kernel

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ENERGY, LATENCY, EDP, TRAFFIC = range(4)

# Loops, as they stand in ``order``.
LOOP_G, LOOP_M, LOOP_N, LOOP_E, LOOP_F, LOOP_C, LOOP_K = range(7)

BUSY, TURNS, FIRST, LAST, LEAST = range(5)
"""What may be known of one mapping, all 0 if nothing is: cycles of all passes; whether ifmap tiles and the array take
turns in the one place there is; cycles until the first ifmaps are there; cycles of the array after the last fetch; and
cycles of the layer; all at least."""


@kernel
def ceil_div(a: int, b: int) -> int:
    """A / b rounded up."""
    return -(-a // b)


@kernel
def trip_tables(order: Ints, group: Ints, sizes: Ints, buffered: bool) -> Ints:
    """How often operands move, for each of the 8 cases of m, k and c running more than once (bits 1, 2, 4).

    Columns: ifmap loads per M: 0 once, 1 per block of m, 2 per block; weight loads; weights sent to the array; rows
    they are sent to, summed; whether each block of channels visits the output tile, in the buffer (0, 1) and for the
    channel, which sees every pass where no buffer holds sums.
    """
    g, p_all = sizes[1], sizes[4]
    n_n, e, n_p, n_q = group[1], group[2], group[3], group[11]
    cut = sizes[12] * group[15] > 1
    place = np.empty(7, np.int64)
    for i in range(7):
        place[order[i]] = i
    psum_depth = max(place[LOOP_G], place[LOOP_M], place[LOOP_N], place[LOOP_E], place[LOOP_F]) + 1
    out = np.empty((8, 6), np.int64)
    trips = np.empty(7, np.bool_)
    trips[LOOP_G], trips[LOOP_N], trips[LOOP_E], trips[LOOP_F] = g > 1, n_n > 1, n_p > 1, n_q > 1
    for case in range(8):
        trips[LOOP_M], trips[LOOP_K], trips[LOOP_C] = case & 1 > 0, case & 2 > 0, case & 4 > 0
        ifmap_at = weight_at = psum_at = channel_at = -1
        for i in range(7):
            loop = order[i]
            if not trips[loop]:
                continue
            if loop not in (LOOP_M, LOOP_K):
                ifmap_at = i
            if loop in (LOOP_G, LOOP_M, LOOP_C, LOOP_K):
                weight_at = i
            if loop != LOOP_C:
                channel_at = i
                if i < psum_depth:
                    psum_at = i
        if place[LOOP_K] <= ifmap_at:
            out[case, 0] = 2
        else:
            out[case, 0] = 1 if place[LOOP_M] <= ifmap_at else 0
        batches = n_n if place[LOOP_N] <= weight_at else 1
        widths = n_q if place[LOOP_F] <= weight_at else 1
        strips = place[LOOP_E] <= weight_at
        out[case, 1] = batches * widths * (n_p if strips else 1)
        if cut:
            out[case, 2] = n_n * n_q * n_p
            out[case, 3] = n_n * n_q * p_all
        else:
            out[case, 2] = out[case, 1]
            out[case, 3] = batches * widths * (p_all if strips else e)
        out[case, 4] = 1 if place[LOOP_C] <= psum_at else 0
        out[case, 5] = out[case, 4] if buffered else (1 if place[LOOP_C] <= channel_at else 0)
    return out


@kernel
def group_constants(group: Ints, sizes: Ints, timing: Floats) -> Floats:
    """What the words and cycles of a group have in common; see ``costs``."""
    n, g, c, p, q, r, s = sizes[0], sizes[1], sizes[3], sizes[4], sizes[5], sizes[6], sizes[7]
    n_n, n_p, n_q = group[1], group[3], group[11]
    sent_q, runs_s, span = group[12], group[15], group[16]
    runs_r = sizes[12]
    out = np.empty(19, np.float64)
    pixels = float(n) * g * c
    out[0] = pixels * group[6] * group[13]
    out[1] = sizes[8]
    out[2] = sizes[9]
    out[3] = pixels * group[5] * group[17]
    out[4] = pixels * group[4] * sent_q
    out[5] = pixels * r * p * sent_q
    out[6] = runs_r * runs_s
    out[7] = float(sizes[9]) * runs_s * r
    out[8] = sizes[10]
    out[9] = sizes[11]
    passes = float(g) * n * n_p * runs_r
    out[10] = passes * q * s
    out[11] = passes * q * runs_s * timing[11]
    out[12] = passes * sent_q * timing[12]
    tiles = float(g) * n_n * n_q
    out[13] = tiles * group[9] * span * timing[0]
    out[14] = tiles * n_p
    out[15] = sizes[13]
    out[16] = g
    out[17] = float(g) * n_n * group[19] * group[20]
    out[18] = group[21]
    return out


@kernel
def case_of(n_m: int, n_k: int, n_c: int) -> int:
    """Which loops over filters and channels run more than once, as ``trip_tables`` numbers the cases."""
    return (1 if n_m > 1 else 0) + (2 if n_k > n_m else 0) + (4 if n_c > 1 else 0)


@kernel
def costs(
    h: Floats, cases: Ints, prices: Floats, timing: Floats,
    n_m: int, n_k: int, sets_t: int, per_p: int, step: int, channel: Ints, taps: int, waits: float, known: Floats,
    wanted: int,
) -> tuple[float, float, float, float, float]:  # fmt: skip
    """Energy, cycles and off-chip bits at least, and cycles of the array and the channel; those not wanted are 0.

    Args:
        h, cases: of the group, from ``group_constants`` and ``trip_tables``.
        prices: rows energy and traffic: per word of every flow, per cycle, and what is always there.
        timing: see ``search``.
        n_m, n_k, sets_t, per_p, step: blocks of m, all blocks of filters, PE sets and filters per PE summed over
            them, and the largest block.
        channel: a row of ``channel_options``.
        taps: taps of a filter, for the size of the first weight tile.
        waits: cycles the array waits for filters.
        known: what is known of the mapping besides, see ``BUSY``.
        wanted: 1 for energy, 2 for cycles, 4 for traffic, added up.
    """
    block, n_c, sets_r, per_q, sets_full = channel[2], channel[3], channel[4], channel[5], channel[6]
    case = case_of(n_m, n_k, n_c)
    kind = cases[case, 0]
    ifmap_times = n_k if kind == 2 else (n_m if kind == 1 else 1)
    visits = n_c if cases[case, 4] else 1
    ifmap_loads = h[0] * ifmap_times
    weight_loads = h[1] * cases[case, 1]
    ifmap_sent = h[4] * n_k
    psum_out = h[2] * n_c * h[6]
    psum_in = psum_out - h[9]
    chains = h[7] * sets_r
    cycles = array = channel_all = 0.0
    if wanted & 2:
        array = h[10] * per_p * per_q + h[11] * per_p * n_c + h[12] * per_q * n_k
        array = max(array, ifmap_sent * timing[0])
        array = max(array, psum_out * timing[1])
        if n_c * h[6] > 1 or h[9] == 0.0:
            array = max(array, psum_out * timing[2])
        array = max(array, known[BUSY])
        tiles = h[14] * n_m
        array += h[13] * n_m * block + tiles * (timing[13] + h[15] * sets_full - 1) + waits
        latency = timing[7]
        dram_ifmap = ifmap_loads * timing[3]
        if timing[3] > 0:
            dram_ifmap += latency * ifmap_times * h[17] * n_c
        dram_weight = weight_loads * timing[4]
        first_weights = 0.0
        if timing[4] > 0:
            dram_weight += latency * cases[case, 1] * h[16] * n_k * n_c
            first_weights = latency + float(step) * block * taps * timing[4]
        dram_out = h[2] * timing[6] + 2 * (n_c - 1) * cases[case, 5] * h[2] * timing[5]
        if timing[6] > 0:
            dram_out += latency * tiles
        serial = (dram_ifmap if timing[8] or known[TURNS] else known[FIRST]) + (dram_out if timing[10] else 0.0)
        serial += dram_weight if timing[9] else first_weights
        channel_all = dram_ifmap + dram_weight + dram_out
        cycles = max(known[LEAST], array + serial, channel_all + known[LAST])
    energy = traffic = 0.0
    for row in range(2):
        if not wanted & (1 if row == 0 else 4):
            continue
        spent = (
            prices[row, 0] * ifmap_loads
            + prices[row, 1] * weight_loads
            + prices[row, 2] * h[2] * (visits - 1)
            + prices[row, 3] * h[3] * n_k
            + prices[row, 4] * ifmap_sent
            + prices[row, 5] * h[5] * sets_t
            + prices[row, 6] * h[1] * cases[case, 2]
            + prices[row, 7] * h[1] * cases[case, 3]
            + prices[row, 8] * psum_out
            + prices[row, 9] * psum_in
            + prices[row, 10] * (chains - psum_out)
            + prices[row, 11] * (h[8] - h[18] * sets_r)
            + prices[row, 12] * cycles
            + prices[row, 13]
        )
        if row == 0:
            energy = spent
        else:
            traffic = spent
    return energy, cycles, traffic, array, channel_all


@kernel
def filter_waits(
    group: Ints, channel: Ints, sizes: Ints, timing: Floats, sent: int, t: int, filters: int, times: int
) -> float:
    """Cycles for which the array waits for filters, in the steps with the largest blocks alone.

    Filters come beside the first output column of their pass, and, if the machine can, beside the last of the pass
    before, or more (``timing[15]`` 0, 1, 2 or 3): all of it but its first column at most. A pass before of smaller
    blocks only leaves less time.

    Args:
        sent: how often each block of filters and channels is sent.
        t, filters: PE sets, and filters of the largest block.
        times: blocks of filters of that size.
    """
    if sizes[12] * group[15] > 1 or timing[14] == 0.0:
        return 0.0
    add, shift, span = timing[11], timing[12], group[16]
    block, per_p = channel[2], ceil_div(filters, t)
    per_q = ceil_div(block, channel[1])
    column = float(per_p) * per_q * sizes[7] + per_p * add
    first = column + per_q * span * shift
    n, f = group[0], group[10]
    beside = 0.0
    if n * f > 1 and timing[15] == 1.0:
        new = span if f == 1 or sizes[5] % f == 1 else min(sizes[14], span)
        beside = column + per_q * new * shift
    elif n * f > 1 and timing[15] >= 2.0:
        words = (f - 1) * min(sizes[14], span) + span
        beside = n * (f * column + per_q * words * shift) - first
    wait = float(filters) * block * sizes[6] * sizes[7] * timing[14] - first - beside
    return float(max(0.0, wait) * sent * sizes[1] * times * (sizes[3] // block))
