"""Compiled: lower bounds of what row-stationary mappings cost, and the search of their space by branch and bound.

A mapping is a *group* (n, e, f: what a pass covers of batch, rows and columns), an option for channels (q, r) and a
choice for filters (p, t, m). Words moved follow in closed form from how many blocks each loop makes and how they are
dealt to the PE sets; energy and traffic are affine in the words. Cycles are bounded by what must happen one after the
other: the MACs, or the words on a bus, of all passes; the ramps of all output tiles; the transfers that wait for the
array; or else all that the DRAM channel carries.

Every figure grows with the numbers of blocks, so what all choices inside a group or an option have at least bounds
them together, and most are never looked at one by one.

Names in comments: M, C filters and channels per group; ``*_trips`` whether a loop runs more than once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accsim.kernels.jit import kernel

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ENERGY, LATENCY, EDP, TRAFFIC = range(4)

SAME = 1e-10
"""Bounds this close, as a share, differ by rounding only."""

# Loops, as they stand in ``order``.
LOOP_G, LOOP_M, LOOP_N, LOOP_E, LOOP_F, LOOP_C, LOOP_K = range(7)


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
    out = np.empty(17, np.float64)
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
    return out


@kernel
def costs(
    h: Floats,
    cases: Ints,
    prices: Floats,
    timing: Floats,
    n_m: int,
    n_k: int,
    sets_t: int,
    per_p: int,
    cut: bool,
    step: int,
    block: int,
    n_c: int,
    sets_r: int,
    per_q: int,
    sets_full: int,
    taps: int,
    with_energy: bool,
    with_cycles: bool,
    with_traffic: bool,
) -> tuple[float, float, float]:
    """Energy, cycles and off-chip bits at least; those not asked for are 0.

    Args:
        h, cases: of the group, from ``group_constants`` and ``trip_tables``.
        prices: rows energy and traffic: per word of every flow, per cycle, and what is always there.
        n_m, n_k, sets_t, per_p, cut, step: blocks of m, all blocks of filters, PE sets and filters per PE summed over
            them, whether blocks of m are cut, and the largest block.
        block, n_c, sets_r, per_q, sets_full: likewise for channels; ``sets_full`` are the sets of the largest block.
        taps: taps of a filter, for the size of the first weight tile.
    """
    case = (1 if n_m > 1 else 0) + (2 if cut else 0) + (4 if n_c > 1 else 0)
    kind = cases[case, 0]
    ifmap_times = n_k if kind == 2 else (n_m if kind == 1 else 1)
    visits = n_c if cases[case, 4] else 1
    ifmap_loads = h[0] * ifmap_times
    weight_loads = h[1] * cases[case, 1]
    ifmap_sent = h[4] * n_k
    psum_out = h[2] * n_c * h[6]
    psum_in = psum_out - h[9]
    chains = h[7] * sets_r
    cycles = 0.0
    if with_cycles:
        array = h[10] * per_p * per_q + h[11] * per_p * n_c + h[12] * per_q * n_k
        array = max(array, ifmap_sent * timing[0])
        array = max(array, psum_out * timing[1])
        if n_c * h[6] > 1 or h[9] == 0.0:
            array = max(array, psum_out * timing[2])
        tiles = h[14] * n_m
        array += h[13] * n_m * block + tiles * (timing[13] + h[15] * sets_full - 1)
        latency = timing[7]
        dram_ifmap = ifmap_loads * timing[3]
        if timing[3] > 0:
            dram_ifmap += latency * ifmap_times * h[14] * n_c
        dram_weight = weight_loads * timing[4]
        first_weights = 0.0
        if timing[4] > 0:
            dram_weight += latency * cases[case, 1] * h[16] * n_k * n_c
            first_weights = latency + float(step) * block * taps * timing[4]
        dram_out = h[2] * timing[6] + 2 * (n_c - 1) * cases[case, 5] * h[2] * timing[5]
        if timing[6] > 0:
            dram_out += latency * tiles
        serial = (dram_ifmap if timing[8] else 0.0) + (dram_out if timing[10] else 0.0)
        serial += dram_weight if timing[9] else first_weights
        cycles = max(array + serial, dram_ifmap + dram_weight + dram_out)
    energy = traffic = 0.0
    for row in range(2):
        if (row == 0 and not with_energy) or (row == 1 and not with_traffic):
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
            + prices[row, 11] * (h[8] - chains)
            + prices[row, 12] * cycles
            + prices[row, 13]
        )
        if row == 0:
            energy = spent
        else:
            traffic = spent
    return energy, cycles, traffic


@kernel
def weigh(objective: int, energy: float, cycles: float, traffic: float) -> float:
    """The objective's bound."""
    if objective == ENERGY:
        return energy
    if objective == LATENCY:
        return cycles
    if objective == EDP:
        return energy * cycles
    return traffic


@kernel
def ceil_div(a: int, b: int) -> int:
    """A / b rounded up."""
    return -(-a // b)


@kernel
def demand(sums: int, ifmap: int, weight: int, m: int, step: int, part: Ints) -> int:
    """Bits a part of a buffer needs; ``part`` as in ``search``, the first three in words."""
    bank = part[1]
    bits = ceil_div(ifmap * part[2], bank) + ceil_div(weight * part[3], bank)
    bits += ceil_div(sums * m * part[4], bank) + ceil_div(sums * step * part[5], bank)
    return int(bits * bank)


@kernel
def most_filters(group: Ints, parts: Ints, block: int, step: int, taps: int, filters: int) -> int:
    """The largest m that fits the buffers beside the tiles of one pass of ``step`` filters; 0 if none does."""
    ifmap, sums = group[0] * group[7] * group[14] * block, group[0] * group[2] * group[10]
    most = filters
    for i in range(parts.shape[0]):
        free = parts[i, 0] - demand(sums, ifmap, step * block * taps, 0, step, parts[i])
        if free < 0:
            return 0
        if parts[i, 4] > 0:
            most = min(most, free // parts[i, 1] * parts[i, 1] // (sums * parts[i, 4]))
    return most


@kernel
def most_blocks(group: Ints, parts: Ints, block: int, full: int, taps: int, filters: int) -> int:
    """The largest m that fits where a pass takes ``full`` filters, or all m if they are fewer; 0 if none does."""
    step = min(full, filters)
    most = most_filters(group, parts, block, step, taps, filters)
    if most >= step:
        return most
    low, high = 0, step - 1
    while low < high:
        middle = (low + high + 1) // 2
        if most_filters(group, parts, block, middle, taps, filters) >= middle:
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def dealt(filters: int, p: int, t: int) -> int:
    """PE sets that work on the blocks of p*t that ``filters`` are cut into, summed over the blocks."""
    rest = filters % (p * t)
    return filters // (p * t) * t + (ceil_div(rest, ceil_div(rest, t)) if rest else 0)


@kernel
def shared(filters: int, p: int, t: int) -> int:
    """Filters per PE, summed over the blocks of p*t that ``filters`` are cut into."""
    return filters // (p * t) * p + ceil_div(filters % (p * t), t)


@kernel
def floor_of(
    h: Floats,
    cases: Ints,
    prices: Floats,
    timing: Floats,
    channel: Ints,
    objective: int,
    filters: int,
    taps: int,
    p: int,
    t: int,
    m: int,
) -> float:
    """A bound of all mappings with at most p, t and m: either blocks of m are cut, or they are no larger than p*t."""
    full = p * t
    whole = ceil_div(filters, min(full, m))
    bound = np.inf
    for cut in range(2):
        n_m = ceil_div(filters, m) if cut else whole
        if cut and full >= m:
            break
        energy, cycles, traffic = costs(
            h, cases, prices, timing, n_m, max(whole, n_m), ceil_div(filters, p), ceil_div(filters, t), cut > 0, 1,
            channel[2], channel[3], channel[4], channel[5], channel[6], taps,
            objective in (ENERGY, EDP), objective in (LATENCY, EDP) or prices[0, 12] > 0, objective == TRAFFIC,
        )  # fmt: skip
        bound = min(bound, weigh(objective, energy, cycles, traffic))
    return bound


@kernel
def floors_of(
    groups: Ints,
    channels: Ints,
    parts: Ints,
    order: Ints,
    sizes: Ints,
    prices: Floats,
    timing: Floats,
    objective: int,
    buffered: bool,
) -> Floats:
    """A bound of all mappings of each group; infinite where none fits."""
    filters, taps = sizes[2], sizes[6] * sizes[7]
    out = np.full(groups.shape[0], np.inf)
    for i in range(groups.shape[0]):
        group = groups[i]
        h, cases = group_constants(group, sizes, timing), trip_tables(order, group, sizes, buffered)
        for j in range(channels.shape[0]):
            channel = channels[j]
            if channel[1] > group[8] or channel[7] != group[18]:
                continue
            m = most_filters(group, parts, channel[2], 1, taps, filters)
            if m > 0:
                t = min(group[8] // channel[1], filters)
                floor = floor_of(h, cases, prices, timing, channel, objective, filters, taps, channel[8], t, m)
                out[i] = min(out[i], floor)
    return out


@kernel
def search(
    groups: Ints,
    floors: Floats,
    channels: Ints,
    lows: Ints,
    parts: Ints,
    order: Ints,
    sizes: Ints,
    prices: Floats,
    timing: Floats,
    objective: int,
    buffered: bool,
    least: float,
    limit: float,
    only_best: bool,
) -> tuple[Floats, Ints, int]:
    """Mappings whose bound is at least ``least`` and below ``limit``, or the best of them alone.

    Args:
        groups: rows n, blocks of n, e, strips; sums over the strips of ifmap rows on the network, read from the
            buffer and fetched, and the most rows of a strip; PE sets; rows in the first passes of the strips; f,
            blocks of f; sums over them of ifmap columns on the network and fetched, and the most of a block; runs of
            filter columns, span of the first; columns read; columns of a filter that fit the scratchpads.
        floors: a bound of all mappings of each group.
        channels: ``channel_options``; the columns of a filter they are meant for; the most p beside them.
        lows: columns of a filter that fit the scratchpads, for every p and q.
        parts: rows free bits, bits of a bank, and bits per word, copies included, of tiles of ifmap, weight, and sums
            of m filters and of one pass's.
        order: the loops, outermost first.
        sizes: N, G, M, C, P, Q, R, S; words of the weight and the ofmap, MACs, first sums that are not read; runs of
            filter rows, rows of the first.
        prices, timing: see ``costs``; cycles per word on the networks (ifmap, psum out, psum in) and on the channel
            (ifmap, weight, psum, ofmap), the channel's latency, which of ifmap, weight and output wait for the array,
            cycles per psum added, per word shifted, and of the pipeline's ramp.
        buffered: whether a buffer holds sums.

    Returns:
        bounds [i, (objective, order among equals)], picks [i, (group, channels, p, t, m)], mappings scored.
    """
    filters, taps = sizes[2], sizes[6] * sizes[7]
    timed = objective in (LATENCY, EDP) or prices[0, 12] > 0
    energetic, traffics = objective in (ENERGY, EDP), objective == TRAFFIC
    bounds, picks = np.empty((64, 2), np.float64), np.empty((64, 5), np.int64)
    n = scored = 0
    for i in range(groups.shape[0]):
        if floors[i] >= limit:
            continue
        group = groups[i]
        h, cases = group_constants(group, sizes, timing), trip_tables(order, group, sizes, buffered)
        for j in range(channels.shape[0]):
            channel = channels[j]
            q, block = channel[0], channel[2]
            if channel[1] > group[8] or channel[7] != group[18]:
                continue
            t_most = min(group[8] // channel[1], filters)
            m_most = most_filters(group, parts, block, 1, taps, filters)
            if m_most == 0:
                continue
            floor = floor_of(h, cases, prices, timing, channel, objective, filters, taps, channel[8], t_most, m_most)
            if floor >= limit:
                continue
            for t in range(1, t_most + 1):
                for p in range(1, min(channel[8], ceil_div(filters, t)) + 1):
                    if lows[p, q] != group[18]:
                        continue
                    full = p * t
                    m_most = most_blocks(group, parts, block, full, taps, filters)
                    m = m_most
                    while m > (p - 1) * t:
                        floor = floor_of(h, cases, prices, timing, channel, objective, filters, taps, p, t, m)
                        if floor >= limit:
                            break
                        trips = ceil_div(filters, m)
                        last, m = m, ceil_div(filters, trips) - 1
                        for kept in range(max(m, (p - 1) * t) + 1, last + 1):
                            rest = filters - (trips - 1) * kept
                            n_k = (trips - 1) * ceil_div(kept, full) + ceil_div(rest, full)
                            sets_t = (trips - 1) * dealt(kept, p, t) + dealt(rest, p, t)
                            per_p = (trips - 1) * shared(kept, p, t) + shared(rest, p, t)
                            scored += 1
                            energy, cycles, traffic = costs(
                                h, cases, prices, timing,
                                trips, n_k, sets_t, per_p, n_k > trips, min(full, kept),
                                block, channel[3], channel[4], channel[5], channel[6], taps,
                                energetic, timed, traffics,
                            )  # fmt: skip
                            bound = weigh(objective, energy, cycles, traffic)
                            if bound < least or bound >= limit:
                                continue
                            energy, cycles, traffic = costs(
                                h, cases, prices, timing,
                                trips, n_k, sets_t, per_p, n_k > trips, min(full, kept),
                                block, channel[3], channel[4], channel[5], channel[6], taps,
                                True, True, False,
                            )  # fmt: skip
                            second = cycles if objective == ENERGY else energy
                            if only_best:
                                if n and bound > bounds[0, 0] * (1 - SAME) and second >= bounds[0, 1]:
                                    continue
                                limit = bound * (1 + SAME)
                                n = 0
                            elif n == bounds.shape[0]:
                                bounds = np.concatenate((bounds, np.empty_like(bounds)))
                                picks = np.concatenate((picks, np.empty_like(picks)))
                            bounds[n, 0], bounds[n, 1] = bound, second
                            picks[n, 0], picks[n, 1], picks[n, 2] = i, j, p
                            picks[n, 3], picks[n, 4] = t, kept
                            n += 1
    return bounds[:n], picks[:n], scored
