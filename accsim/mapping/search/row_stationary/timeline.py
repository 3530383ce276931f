"""Compiled: the makespan of a row-stationary mapping, step by step, as the exact engine's timeline has it.

The state is when the array, the channel, an output slot and the slots of the inputs are free. Every time is a maximum
of sums of earlier ones, so once two iterations of a loop in a row have put off all that they touch by the same cycles,
all that follow, which do the same, will too: they are skipped in one stride. What they leave alone stays as it is; it
can matter no more, because what is touched only grows.

What ``passes`` leaves out makes the makespan lower than the exact one, never higher.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accsim.kernels.jit import kernel
from accsim.mapping.search.row_stationary.costs import (
    FIRST,
    LOOP_C,
    LOOP_E,
    LOOP_F,
    LOOP_G,
    LOOP_K,
    LOOP_M,
    LOOP_N,
    TURNS,
    ceil_div,
)
from accsim.mapping.search.row_stationary.passes import (
    READS,
    RUNS_R,
    TAPS_R,
    TAPS_S,
    fewest_rows,
    filter_wait,
    pace,
    ramp_cycles,
    step_cycles,
)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

DONE, CHANNEL, SLOT, STREAMS = range(4)
WEIGHT, IFMAP, PSUM, OFMAP = range(4)
USES, HOW, BITS, CODE_WORDS, WORDS, UNIT, SLOTS = range(7)
"""Columns of ``moves``: whether the operand uses the channel; how its bits follow from its words (0 so many each, 1 a
share of a whole code, 2 so many expected); bits of a word; words of the code, of the tensor, and bits of a code word;
and tiles that there is room for, 0 where a ring of ifmaps has them."""

LATENCY, BURST, WIDTH, CORE, DRAM = range(5)
RING_BITS, RING_BANK, RING_IFMAP, RING_WEIGHT, RING_KEPT, RING_PASSING, RING_COPIES, RING_TENSORS = range(8)

PARTS = 8
"""Parts of a tile that the timeline tells apart."""

WIDEST = STREAMS + 2 + 2 * PARTS


@kernel
def transfer(words: int, move: Ints, width: float, dram: Ints) -> int:
    """Core cycles of one transfer."""
    if move[HOW] == 0:
        bits = words * move[BITS]
    elif move[HOW] == 1:
        bits = ceil_div(words * move[CODE_WORDS], move[WORDS]) * move[UNIT]
    else:
        bits = int(np.ceil(words * width / move[UNIT] * (1 - 2.0**-50))) * move[UNIT]
    if bits <= 0:
        return 0
    beats = ceil_div(ceil_div(bits, dram[BURST]) * dram[BURST], dram[WIDTH])
    return int(dram[LATENCY] + ceil_div(beats * dram[CORE], dram[DRAM]))


@kernel
def banked(bits: int, bank: int) -> int:
    """``bits`` rounded up to whole banks."""
    return ceil_div(bits, bank) * bank


@kernel
def ring_slots(
    n: int, e: int, f: int, block: int, step: int, m: int, order: Ints, sizes: Ints, ring: Ints, rows_at: Ints,
    rows: Ints, cols_at: Ints, cols: Ints,
) -> int:  # fmt: skip
    """Places for parts of ifmap tiles in a ring, beside the tiles of the other operands."""
    parts = min(n, PARTS)
    own = parts * ring[RING_COPIES]
    if ring[RING_TENSORS]:
        return int(min(2 * parts, own))
    tallest = widest = 0
    for i in range(rows_at[e], rows_at[e + 1]):
        tallest = max(tallest, rows[i, 1])
    for i in range(cols_at[f], cols_at[f + 1]):
        widest = max(widest, cols[i, 1])
    k_at = last = 0
    for i in range(7):
        if order[i] == LOOP_K:
            k_at = i
        elif order[i] != LOOP_C:
            last = i
    by_step = k_at < last  # the sums that are held are those of one pass
    bank, sums = ring[RING_BANK], n * e * f
    others = banked(step * block * sizes[6] * sizes[7] * ring[RING_WEIGHT], bank)
    others += banked(sums * (step if by_step else m) * ring[RING_KEPT], bank)
    others += banked(sums * step * ring[RING_PASSING], bank)
    tile = n * block * tallest * widest * ring[RING_IFMAP]
    room = (ring[RING_BITS] - others) * n // max(1, tile * ceil_div(n, parts))
    return int(min(2 * parts, max(own, room)))


@kernel
def makespan(
    mapping: Ints, fit: int, order: Ints, sizes: Ints, facts: Ints, moves: Ints, widths: Floats, dram: Ints, ring: Ints,
    buffered: bool, rows_at: Ints, rows: Ints, cols_at: Ints, cols: Ints, steps_most: int,
    array_all: float, channel_all: float, enough: float,
) -> float:  # fmt: skip
    """Cycles from the first fetch to the last write-back, or a lower bound of them that is not below ``enough``.

    After ``steps_most`` steps it is a lower bound, whatever it comes to.

    Args:
        mapping: n, e, f, q, r, p, t, m.
        fit: columns of a filter that fit the scratchpads.
        order, sizes: as of ``search``.
        facts: see ``passes``.
        moves, widths: rows weight, ifmap, psum and ofmap on the channel; expected bits of a word.
        dram: latency, bits of a burst and of a beat, and the ratio of the clocks.
        ring: the ring of ifmaps, its bits and its banks' bits; bits per word, copies included, of the tiles in it, as
            in ``parts``; copies of an ifmap tile; whether whole tensors live there.
        buffered: whether a buffer holds sums.
        rows_at, rows: where the strips of every e stand in rows (output rows, ifmap rows, how many in a row).
        cols_at, cols: likewise of every f.
        array_all, channel_all: cycles that the array and the channel are at work, at least.
    """
    n_most, e, f, q, r, p, t, m = (
        mapping[0], mapping[1], mapping[2], mapping[3], mapping[4], mapping[5], mapping[6], mapping[7],
    )  # fmt: skip
    filters_all, channels_all = sizes[2], sizes[3]
    block, step = min(q * r, channels_all), p * t
    runs_s = ceil_div(facts[TAPS_S], fit)
    cut = facts[RUNS_R] * runs_s > 1
    returns = cut or block < channels_all or facts[READS] == 1
    fewest = fewest_rows(facts, r, t, filters_all, m, step, channels_all, block)

    trips = np.empty(7, np.bool_)
    trips[LOOP_G], trips[LOOP_M], trips[LOOP_N] = sizes[1] > 1, m < filters_all, n_most < sizes[0]
    trips[LOOP_E], trips[LOOP_F] = e < sizes[4], f < sizes[5]
    trips[LOOP_C], trips[LOOP_K] = block < channels_all, step < m
    psum_depth = k_at = 0
    for i in range(7):
        if order[i] == LOOP_K:
            k_at = i
        elif order[i] != LOOP_C:
            psum_depth = i + 1
    out_depth = psum_depth if buffered else 7
    weight_at = ifmap_at = out_at = ramp_at = 0
    for i in range(7):
        loop = order[i]
        if not trips[loop]:
            continue
        if loop == LOOP_G or loop == LOOP_M or loop == LOOP_C or loop == LOOP_K:
            weight_at = i + 1
        if loop != LOOP_M and loop != LOOP_K:
            ifmap_at = i + 1
        if loop != LOOP_C:
            if i < out_depth:
                out_at = i + 1
            if i < psum_depth:
                ramp_at = i + 1
    load_at = 7 if cut else weight_at

    weight_slots, ifmap_slots = moves[WEIGHT, SLOTS], moves[IFMAP, SLOTS]
    by_ifmap = moves[IFMAP, USES] == 1 and ifmap_slots == 0
    if by_ifmap:
        ifmap_slots = ring_slots(
            n_most, e, f, block, min(m, step), m, order, sizes, ring, rows_at, rows, cols_at, cols
        )  # fmt: skip
    if moves[WEIGHT, USES] == 0:
        weight_slots = 0
    if moves[IFMAP, USES] == 0:
        ifmap_slots = 0
    ifmap_from = STREAMS + weight_slots
    width = ifmap_from + ifmap_slots
    out_slots = moves[PSUM, SLOTS]
    ran, sent = width, width + 1  # cycles that the array and the channel have been at work

    v = np.zeros(WIDEST + 2, np.int64)
    pending = 0
    before = np.zeros(4, np.int64)
    # Of every loop: the run of equal pieces it is in, and what it has left of it; its pieces; iterations left.
    run = np.zeros(7, np.int64)
    left = np.zeros(7, np.int64)
    rest = np.zeros(7, np.int64)
    size = np.ones(7, np.int64)
    need = np.ones(7, np.int64)
    seen = np.zeros(7, np.int64)
    first_ = np.ones(7, np.bool_)
    past = np.zeros((7, WIDEST + 2), np.int64)
    moved = np.zeros((7, WIDEST + 2), np.int64)
    due = np.full(7, -1, np.int64)
    earlier = np.zeros((7, 4), np.int64)

    carried, depth, steps = -1, 0, 0
    known_n = known_filters = known_channels = known_rows = known_cols = base = 0
    at_g = at_m = at_n = at_e = at_f = at_c = at_k = 0
    for i in range(7):
        if order[i] == LOOP_G:
            at_g = i
        elif order[i] == LOOP_M:
            at_m = i
        elif order[i] == LOOP_N:
            at_n = i
        elif order[i] == LOOP_E:
            at_e = i
        elif order[i] == LOOP_F:
            at_f = i
        elif order[i] == LOOP_C:
            at_c = i
        else:
            at_k = i
    while True:
        for i in range(depth, 7):  # loops from ``depth`` on begin
            loop = order[i]
            run[i], seen[i], first_[i] = 0, 0, True
            if loop == LOOP_E or loop == LOOP_F:
                at = rows_at[e] if loop == LOOP_E else cols_at[f]
                table = rows if loop == LOOP_E else cols
                size[i], need[i], left[i] = table[at, 0], table[at, 1], table[at, 2]
                rest[i] = ceil_div(sizes[4], e) if loop == LOOP_E else ceil_div(sizes[5], f)
            else:
                if loop == LOOP_G:
                    whole, each = sizes[1], 1
                elif loop == LOOP_M:
                    whole, each = filters_all, m
                elif loop == LOOP_N:
                    whole, each = sizes[0], n_most
                elif loop == LOOP_C:
                    whole, each = channels_all, block
                else:
                    whole, each = size[at_m], step
                size[i] = min(whole, each)
                left[i] = max(1, whole // each)
                rest[i] = ceil_div(whole, each)
        steps += 1
        least = max(v[DONE] + array_all - v[ran], v[CHANNEL] + channel_all - v[sent])
        if least >= enough or steps > steps_most:
            return max(least, 0.0)
        n, filters, channels = size[at_n], size[at_k], size[at_c]
        out_rows, out_cols = size[at_e], size[at_f]

        ready = 0
        if weight_slots and carried < weight_at:
            cycles = transfer(filters * channels * sizes[6] * sizes[7], moves[WEIGHT], widths[WEIGHT], dram)
            if cycles:
                v[CHANNEL] = max(v[CHANNEL], v[STREAMS]) + cycles
                v[sent] += cycles
                ready = v[CHANNEL]
            if weight_slots == 2:
                v[STREAMS], v[STREAMS + 1] = v[STREAMS + 1], v[STREAMS]
        parts, each = 1, 0
        if by_ifmap:
            parts = min(n, PARTS)
            if parts > 1:
                each = n // parts * pace(facts, fit, r, t, filters, channels, out_cols)
        if ifmap_slots and carried < ifmap_at:
            cycles = transfer(n * channels * need[at_e] * need[at_f], moves[IFMAP], widths[IFMAP], dram)
            if cycles:
                share, more = cycles // parts, cycles % parts
                v[sent] += cycles
                for i in range(parts):
                    v[CHANNEL] = max(v[CHANNEL], v[ifmap_from + i]) + share + (1 if i < more else 0)
                    ready = max(ready, v[CHANNEL] - max(0, i - 1) * each)
            if parts < ifmap_slots:
                for _ in range(parts):
                    oldest = v[ifmap_from]
                    for i in range(ifmap_slots - 1):
                        v[ifmap_from + i] = v[ifmap_from + i + 1]
                    v[ifmap_from + ifmap_slots - 1] = oldest
        if carried < out_at:
            free = v[DONE]
            if pending:
                free = v[CHANNEL] = max(v[CHANNEL], v[DONE]) + pending
                v[sent] += pending
            slot = free if out_slots == 1 else v[SLOT]
            v[SLOT] = free
            ready = max(ready, slot)
            reduces = at_c < out_at
            words = n * (filters if k_at < out_depth else size[at_m]) * out_rows * out_cols
            pending = 0
            if reduces and not first_[at_c]:
                back = transfer(words, moves[PSUM], widths[PSUM], dram)
                if back:
                    v[CHANNEL] = max(v[CHANNEL], slot) + back
                    v[sent] += back
                    ready = max(ready, v[CHANNEL])
            if reduces and rest[at_c] > 1:
                pending = transfer(words, moves[PSUM], widths[PSUM], dram)
            elif moves[OFMAP, USES]:
                pending = transfer(words, moves[OFMAP], widths[OFMAP], dram)

        if (
            n != known_n or filters != known_filters or channels != known_channels or out_rows != known_rows
            or out_cols != known_cols
        ):  # fmt: skip
            known_n, known_filters, known_channels, known_rows, known_cols = n, filters, channels, out_rows, out_cols
            base = step_cycles(facts, fit, r, t, returns, n, filters, channels, out_rows, out_cols)
        cycles = base
        if carried < ramp_at:
            cycles += ramp_cycles(facts, fit, r, channels, out_rows)
        if carried < load_at:
            cycles += filter_wait(facts, fit, fewest, r, t, before, n, filters, channels, out_cols)
        before[0], before[1], before[2], before[3] = n, filters, channels, out_cols
        v[DONE] = max(v[DONE], ready) + cycles
        v[ran] += cycles
        if weight_slots:
            v[STREAMS + weight_slots - 1] = v[DONE]
        if ifmap_slots:
            for i in range(parts):
                v[width - parts + i] = v[DONE] - (parts - 1 - i) * each

        depth = 6
        while depth >= 0:  # an iteration of the loop at ``depth`` is over
            left[depth] -= 1
            rest[depth] -= 1
            if left[depth]:
                if left[depth] > 1:
                    ahead = 0
                    same = seen[depth] > 0
                    by = v[DONE] - past[depth, DONE]
                    for i in range(width):
                        change = v[i] - past[depth, i]
                        if change != by and change != 0:
                            same = False
                        if change != moved[depth, i]:
                            same = False
                        moved[depth, i], past[depth, i] = change, v[i]
                    for i in range(width, width + 2):
                        moved[depth, i], past[depth, i] = v[i] - past[depth, i], v[i]
                    if pending != due[depth]:
                        same = False
                    due[depth] = pending
                    for i in range(4):
                        if earlier[depth, i] != before[i]:
                            same = False
                        earlier[depth, i] = before[i]
                    seen[depth] += 1
                    if same and seen[depth] > 2:
                        ahead = left[depth]
                        if order[depth] == LOOP_C and depth < out_at and ahead == rest[depth]:
                            ahead -= 1
                    if ahead > 0:
                        for i in range(width + 2):
                            v[i] += moved[depth, i] * ahead
                        left[depth] -= ahead
                        rest[depth] -= ahead
                if left[depth]:
                    break
            if rest[depth] > 0:  # the next run of pieces
                run[depth] += 1
                seen[depth] = 0
                loop = order[depth]
                if loop == LOOP_E or loop == LOOP_F:
                    at = (rows_at[e] if loop == LOOP_E else cols_at[f]) + run[depth]
                    table = rows if loop == LOOP_E else cols
                    size[depth], need[depth], left[depth] = table[at, 0], table[at, 1], table[at, 2]
                else:
                    if loop == LOOP_M:
                        size[depth] = filters_all % m
                    elif loop == LOOP_N:
                        size[depth] = sizes[0] % n_most
                    elif loop == LOOP_C:
                        size[depth] = channels_all % block
                    else:
                        size[depth] = size[at_m] % step
                    left[depth] = 1
                break
            depth -= 1
        if depth < 0:
            break
        carried = depth
        first_[depth] = False
        depth += 1
    return float(max(v[DONE], v[CHANNEL]) + pending)


@kernel
def arrive(
    known: Floats, n: int, e: int, f: int, block: int, step: int, m: int, order: Ints, sizes: Ints, moves: Ints,
    widths: Floats, dram: Ints, ring: Ints, rows_at: Ints, rows: Ints, cols_at: Ints, cols: Ints,
) -> None:  # fmt: skip
    """Fill in ``TURNS`` and ``FIRST``, which hold for all larger blocks of channels, passes and m, too."""
    known[TURNS] = known[FIRST] = 0.0
    if moves[IFMAP, USES]:
        parts, slots = 1, moves[IFMAP, SLOTS]
        if slots == 0:
            parts = min(n, PARTS)
            slots = ring_slots(n, e, f, block, step, m, order, sizes, ring, rows_at, rows, cols_at, cols)
        words = n * block * rows[rows_at[e], 1] * cols[cols_at[f], 1]
        known[FIRST] = transfer(words, moves[IFMAP], widths[IFMAP], dram) // parts
        known[TURNS] = 1.0 if parts == slots == 1 else 0.0


@kernel
def last_cycles(mapping: Ints, fit: int, order: Ints, sizes: Ints, facts: Ints, moves: Ints) -> int:
    """Cycles of the array between the last fetch and the last write-back, at least; arguments as of ``makespan``."""
    n, e, f, r, t, m = mapping[0], mapping[1], mapping[2], mapping[4], mapping[6], mapping[7]
    block, step = min(mapping[3] * r, sizes[3]), min(m, mapping[5] * t)
    by_ifmap = moves[IFMAP, USES] and moves[IFMAP, SLOTS] == 0
    if moves[PSUM, SLOTS] > 1 or (by_ifmap and n > 1):
        return 0
    # What is fetched last is followed by a step, which is followed by the last write-back: but only where every new
    # output tile comes with an input.
    fetched_at = out_at = 0
    for i in range(7):
        loop = order[i]
        if (
            (loop == LOOP_G and sizes[1] == 1) or (loop == LOOP_M and m == sizes[2]) or (loop == LOOP_N and n == sizes[0])
            or (loop == LOOP_E and e == sizes[4]) or (loop == LOOP_F and f == sizes[5])
            or (loop == LOOP_C and block == sizes[3]) or (loop == LOOP_K and step == m)
        ):  # fmt: skip
            continue
        weighs = loop == LOOP_G or loop == LOOP_M or loop == LOOP_C or loop == LOOP_K
        if (weighs and moves[WEIGHT, USES]) or (loop != LOOP_M and loop != LOOP_K and moves[IFMAP, USES]):
            fetched_at = i + 1
        if loop != LOOP_C:
            out_at = i + 1
    if out_at > fetched_at:
        return 0
    runs = facts[RUNS_R] * ceil_div(facts[TAPS_S], fit)
    returns = runs > 1 or block < sizes[3] or facts[READS] == 1
    filters = (sizes[2] - 1) % m + 1
    return step_cycles(
        facts, fit, r, t, returns, (sizes[0] - 1) % n + 1, (filters - 1) % step + 1, (sizes[3] - 1) % block + 1,
        (sizes[4] - 1) % e + 1, (sizes[5] - 1) % f + 1,
    )  # fmt: skip
