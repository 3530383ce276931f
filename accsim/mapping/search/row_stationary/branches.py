"""Compiled: the search of a layer's row-stationary mappings by branch and bound.

A mapping is a *group* (n, e, f: what a pass covers of batch, rows and columns), an option for channels (q, r) and a
choice for filters (p, t, m). What all choices inside a group or an option have at least bounds them together, so most
are never looked at one by one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accsim.kernels.jit import kernel
from accsim.mapping.search.row_stationary.costs import (
    BUSY,
    EDP,
    ENERGY,
    LAST,
    LATENCY,
    LEAST,
    TRAFFIC,
    case_of,
    ceil_div,
    costs,
    filter_waits,
    group_constants,
    trip_tables,
)
from accsim.mapping.search.row_stationary.exact import Exact
from accsim.mapping.search.row_stationary.passes import busy_cycles
from accsim.mapping.search.row_stationary.timeline import makespan
from accsim.mapping.search.row_stationary.transfers import arrive, last_cycles

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

WANTED = (1, 2, 3, 4)
"""For every objective, what it is made of, as ``costs`` counts it."""

STEPS = 20_000
"""Steps of a timeline that are walked before it is given up."""

SAME = 1e-10
"""Bounds this close, as a share, differ by rounding only."""


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
def bounded(
    objective: int, h: Floats, cases: Ints, prices: Floats, timing: Floats,
    n_m: int, n_k: int, sets_t: int, per_p: int, step: int, channel: Ints, taps: int, waits: float, known: Floats,
    leaks: bool,
) -> float:  # fmt: skip
    """The objective's bound; ``leaks``: with the leakage of the time it takes. Other arguments as of ``costs``."""
    wanted = WANTED[objective] | (2 if leaks else 0)
    energy, cycles, traffic, _, _ = costs(
        h, cases, prices, timing, n_m, n_k, sets_t, per_p, step, channel, taps, waits, known, wanted
    )  # fmt: skip
    if objective == ENERGY:
        return energy
    if objective == LATENCY:
        return cycles
    return energy * cycles if objective == EDP else traffic


@kernel
def enough_cycles(objective: int, energy: float, cycles: float, each: float, limit: float) -> float:
    """Cycles from which on the objective is not below ``limit``, if it has this energy at so many cycles."""
    if objective == LATENCY:
        return limit
    if objective == EDP:
        return limit / energy if energy > 0 else np.inf
    return cycles + (limit - energy) / each if each > 0 else np.inf


@kernel
def floor_of(
    h: Floats, cases: Ints, prices: Floats, timing: Floats, channel: Ints, objective: int, filters: int, taps: int,
    p: int, t: int, m: int, paid: bool, known: Floats,
) -> float:  # fmt: skip
    """A bound of all mappings with at most p, t and m: blocks of m are no larger than p*t, or one of them is cut.

    ``paid``: with what cycles cost in energy.
    """
    whole, sets_t, per_p = ceil_div(filters, min(p * t, m)), ceil_div(filters, p), ceil_div(filters, t)
    bound = bounded(
        objective, h, cases, prices, timing, whole, whole, sets_t, per_p, 1, channel, taps, 0.0, known, paid
    )
    n_m = ceil_div(filters, m)
    if p * t < m:
        n_k = max(whole, n_m + 1)
        cut = bounded(objective, h, cases, prices, timing, n_m, n_k, sets_t, per_p, 1, channel, taps, 0.0, known, paid)
        bound = min(bound, cut)
    return bound


@kernel
def bucket_floor(
    h: Floats, cases: Ints, group: Ints, bucket: Ints, parts: Ints, prices: Floats, timing: Floats, objective: int,
    filters: int, taps: int, paid: bool, nothing: Floats, order: Ints, sizes: Ints, x: Exact,
) -> float:  # fmt: skip
    """A bound of all mappings of a group with the options for channels in a bucket; infinite where none fits."""
    if bucket[1] > group[8] or bucket[7] != group[18]:
        return np.inf
    m = most_filters(group, parts, bucket[2], 1, taps, filters)
    if m == 0:
        return np.inf
    t = min(group[8] // bucket[1], filters)
    arrive(
        nothing, group[0], group[2], group[10], bucket[2], 1, 1, order, sizes, x.moves, x.widths, x.dram, x.ring,
        x.rows_at, x.rows, x.cols_at, x.cols,
    )  # fmt: skip
    return floor_of(h, cases, prices, timing, bucket, objective, filters, taps, bucket[8], t, m, paid, nothing)


@kernel
def floors_of(
    groups: Ints, buckets: Ints, parts: Ints, order: Ints, sizes: Ints, prices: Floats, timing: Floats,
    objective: int, buffered: bool, paid: bool, x: Exact,
) -> Floats:  # fmt: skip
    """A bound of all mappings of each group; infinite where none fits. Arguments as of ``search``."""
    filters, taps = sizes[2], sizes[6] * sizes[7]
    out, nothing = np.full(groups.shape[0], np.inf), np.zeros(5)
    for i in range(groups.shape[0]):
        group = groups[i]
        h, cases = group_constants(group, sizes, timing), trip_tables(order, group, sizes, buffered)
        for j in range(buckets.shape[0]):
            floor = bucket_floor(
                h, cases, group, buckets[j], parts, prices, timing, objective, filters, taps, paid, nothing,
                order, sizes, x,
            )  # fmt: skip
            out[i] = min(out[i], floor)
    return out


@kernel
def search(
    groups: Ints, floors: Floats, channels: Ints, buckets: Ints, lows: Ints, parts: Ints, order: Ints, sizes: Ints,
    prices: Floats, timing: Floats, objective: int, buffered: bool, limit: float, only_best: bool, slack: float,
    kept_most: int, paid: bool, looks: int, x: Exact,
) -> tuple[Floats, Ints, int, float, float]:  # fmt: skip
    """Mappings whose bound is below ``limit``, or one alone: none of them is better by more than a share of ``slack``.

    Args:
        groups: rows n, blocks of n, e, strips; sums over the strips of ifmap rows on the network, read from the
            buffer and fetched, and the most rows of a strip; PE sets; rows in the first passes of the strips; f,
            blocks of f; sums over them of ifmap columns on the network and fetched, and the most of a block; runs of
            filter columns, span of the first; columns read; columns of a filter that fit the scratchpads; blocks and
            strips that fetch any ifmap; counted MACs that begin a sum, for each PE set on other channels.
        floors: a bound of all mappings of each group.
        channels: ``channel_options``; the columns of a filter they are meant for; the most p beside them.
        buckets: for neighbours among them, the least of every column, but the most p, and the first and the end; each
            twice, with the least and with the most PE sets.
        lows: columns of a filter that fit the scratchpads, for every p and q.
        parts: rows free bits, bits of a bank, and bits per word, copies included, of tiles of ifmap, weight, and sums
            of m filters and of one pass's.
        order: the loops, outermost first.
        sizes: N, G, M, C, P, Q, R, S; words of the weight and the ofmap, counted MACs, first sums that are not read;
            runs of filter rows, rows of the first; the horizontal stride.
        prices, timing: see ``costs``; cycles per word on the networks (ifmap, psum out, psum in) and on the channel
            (ifmap, weight, psum, ofmap), the channel's latency, which of ifmap, weight and output wait for the array,
            cycles per psum added, per word shifted, and of the pipeline's ramp; cycles per word on the filters'
            network, and what filters come beside (``filter_waits``).
        buffered: whether a buffer holds sums.
        paid: whether bounds of many mappings together count what cycles cost in energy; worth it where that is much.
        looks: how closely to look at cycles: 1 for what can be told of a mapping without a walk, 2 for its timeline.
        x: see ``makespan``.

    Returns:
        bounds [i, (objective, order among equals)], picks [i, (group, channels, p, t, m)], mappings scored, and
        the least bound of them that also holds for mappings with larger n, e, f, q or r and as many blocks; and the
        least bound of those that are not among the ``kept_most`` (or somewhat more) best.
    """
    filters, taps = sizes[2], sizes[6] * sizes[7]
    leaks = prices[0, 12] > 0
    timed = leaks or objective in (LATENCY, EDP)
    bounds, picks = np.empty((2 * kept_most, 2), np.float64), np.empty((2 * kept_most, 5), np.int64)
    n = scored = 0
    mapping, known, nothing = np.empty(8, np.int64), np.zeros(5), np.zeros(5)
    cover = dropped = np.inf
    for i in range(groups.shape[0]):
        if floors[i] >= limit:
            continue
        group = groups[i]
        h, cases = group_constants(group, sizes, timing), trip_tables(order, group, sizes, buffered)
        bucket, above = 0, 0.0
        for j in range(channels.shape[0]):
            channel = channels[j]
            while j >= buckets[bucket, 10]:
                bucket += 1
            if j == buckets[bucket, 9]:
                above = bucket_floor(
                    h, cases, group, buckets[bucket], parts, prices, timing, objective, filters, taps, paid, nothing,
                    order, sizes, x,
                )  # fmt: skip
                if bucket + 1 < buckets.shape[0] and buckets[bucket + 1, 9] == j:
                    other = bucket_floor(
                        h, cases, group, buckets[bucket + 1], parts, prices, timing, objective, filters, taps, paid,
                        nothing, order, sizes, x,
                    )  # fmt: skip
                    above = min(above, other)
            if above >= limit:
                continue
            q, block = channel[0], channel[2]
            if channel[1] > group[8] or channel[7] != group[18]:
                continue
            t_most = min(group[8] // channel[1], filters)
            whole_m = most_filters(group, parts, block, 1, taps, filters)
            if whole_m == 0:
                continue
            arrive(
                nothing, group[0], group[2], group[10], block, 1, 1, order, sizes, x.moves, x.widths, x.dram, x.ring,
                x.rows_at, x.rows, x.cols_at, x.cols,
            )  # fmt: skip
            floor = floor_of(
                h,
                cases,
                prices,
                timing,
                channel,
                objective,
                filters,
                taps,
                channel[8],
                t_most,
                whole_m,
                paid,
                nothing,
            )
            if floor >= limit:
                continue
            for t in range(t_most, 0, -1):
                # A smaller p does as well for so few filters, unless it cuts them otherwise.
                cut = group[18] < sizes[7]
                floor = floor_of(
                    h, cases, prices, timing, channel, objective, filters, taps, channel[8], t, whole_m, paid, nothing
                )  # fmt: skip
                if floor >= limit:
                    break  # and so for every smaller t
                p_most = channel[8] if cut else min(channel[8], ceil_div(filters, t))
                for p in range(p_most, 0, -1):
                    if lows[p, q] != group[18]:
                        continue
                    floor = floor_of(
                        h, cases, prices, timing, channel, objective, filters, taps, p, t, whole_m, paid, nothing
                    )  # fmt: skip
                    if floor >= limit:
                        break  # and so for every smaller p
                    full = p * t
                    m_most = most_blocks(group, parts, block, full, taps, filters)
                    m, too_few = m_most, 0 if cut else (p - 1) * t
                    while m > too_few:
                        floor = floor_of(
                            h, cases, prices, timing, channel, objective, filters, taps, p, t, m, paid, nothing
                        )  # fmt: skip
                        if floor >= limit:
                            break
                        trips = ceil_div(filters, m)
                        last, m = m, ceil_div(filters, trips) - 1
                        for kept in range(max(m, too_few) + 1, last + 1):
                            rest = filters - (trips - 1) * kept
                            n_k = (trips - 1) * ceil_div(kept, full) + ceil_div(rest, full)
                            sets_t = (trips - 1) * dealt(kept, p, t) + dealt(rest, p, t)
                            per_p = (trips - 1) * shared(kept, p, t) + shared(rest, p, t)
                            step, waits = min(full, kept), 0.0
                            scored += 1
                            known[:] = 0.0
                            bound = bounded(
                                objective, h, cases, prices, timing, trips, n_k, sets_t, per_p, step, channel, taps,
                                waits, known, leaks,
                            )  # fmt: skip
                            cover = min(cover, bound)
                            if bound >= limit:
                                continue
                            if timed:
                                sent = cases[case_of(trips, n_k, channel[3]), 2]
                                times = (trips - 1) * (kept // step) + rest // step
                                waits = filter_waits(group, channel, sizes, timing, sent, t, step, times)
                            if looks > 0 and timed and objective != TRAFFIC:
                                mapping[0], mapping[1], mapping[2] = group[0], group[2], group[10]
                                mapping[3], mapping[4], mapping[5], mapping[6] = q, channel[1], p, t
                                mapping[7] = kept
                                arrive(
                                    known, group[0], group[2], group[10], block, step, kept, order, sizes, x.moves,
                                    x.widths, x.dram, x.ring, x.rows_at, x.rows, x.cols_at, x.cols,
                                )  # fmt: skip
                                known[LAST] = last_cycles(mapping, group[18], order, sizes, x.facts, x.moves)
                                energy, cycles, _, _, _ = costs(
                                    h, cases, prices, timing, trips, n_k, sets_t, per_p, step, channel, taps, waits,
                                    known, 3,
                                )  # fmt: skip
                                enough = enough_cycles(objective, energy, cycles, prices[0, 12], limit)
                                if cycles >= enough:
                                    continue
                                known[BUSY] = busy_cycles(mapping, group[18], sizes, x.facts)
                                energy, cycles, _, array, sent_all = costs(
                                    h, cases, prices, timing, trips, n_k, sets_t, per_p, step, channel, taps, waits,
                                    known, 3,
                                )  # fmt: skip
                                if cycles >= enough:
                                    continue
                                if looks > 1:
                                    known[LEAST] = makespan(
                                        mapping, group[18], order, sizes, x.facts, x.moves, x.widths, x.dram, x.ring,
                                        buffered, x.rows_at, x.rows, x.cols_at, x.cols, STEPS, array, sent_all, enough,
                                    )  # fmt: skip
                                    if known[LEAST] >= enough:
                                        continue
                                bound = bounded(
                                    objective, h, cases, prices, timing, trips, n_k, sets_t, per_p, step, channel, taps,
                                    waits, known, leaks,
                                )  # fmt: skip
                                if bound >= limit:
                                    continue
                            energy, cycles, _, _, _ = costs(
                                h, cases, prices, timing, trips, n_k, sets_t, per_p, step, channel, taps, waits,
                                known, 3,
                            )  # fmt: skip
                            second = cycles if objective == ENERGY else energy
                            if only_best:
                                if n and bound > bounds[0, 0] * (1 - SAME) and second >= bounds[0, 1]:
                                    continue
                                limit = bound * (1 - slack if slack > 0 else 1 + SAME)
                                n = 0
                            elif n == bounds.shape[0]:
                                best = np.argsort(bounds[:, 0], kind="mergesort")[: n // 2]
                                bounds[: n // 2], picks[: n // 2] = bounds[best], picks[best]
                                n = n // 2
                                limit = dropped = bounds[n - 1, 0]
                                if bound >= limit:
                                    continue
                            bounds[n, 0], bounds[n, 1] = bound, second
                            picks[n, 0], picks[n, 1], picks[n, 2] = i, j, p
                            picks[n, 3], picks[n, 4] = t, kept
                            n += 1
    return bounds[:n], picks[:n], scored, cover, dropped
