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
from accsim.mapping.search.row_stationary.costs import LOOP_C, LOOP_E, LOOP_F, LOOP_K, LOOP_M, LOOP_N, ceil_div
from accsim.mapping.search.row_stationary.passes import (
    READS,
    RUNS_R,
    TAPS_S,
    fewest_rows,
    filter_wait,
    pace,
    ramp_cycles,
    step_cycles,
)
from accsim.mapping.search.row_stationary.transfers import (
    IFMAP,
    IFMAP_LOOPS,
    OFMAP,
    PARTS,
    PSUM,
    SLOTS,
    USES,
    WEIGHT,
    WEIGHT_LOOPS,
    ring_slots,
    transfer,
)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

DONE, CHANNEL, SLOT, STREAMS = range(4)
WIDEST = STREAMS + 2 + 2 * PARTS


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
    n_most, e, f, r, t, m = mapping[0], mapping[1], mapping[2], mapping[4], mapping[6], mapping[7]
    # Of every loop, as ``LOOP_G`` and so on number them: its length (of a block of m for blocks of filters), a piece's.
    whole = np.array([sizes[1], sizes[2], sizes[0], sizes[4], sizes[5], sizes[3], m])
    each = np.array([1, m, n_most, e, f, mapping[3] * r, mapping[5] * t])
    each[LOOP_C], each[LOOP_K] = min(each[LOOP_C], whole[LOOP_C]), min(each[LOOP_K], m)
    block, step = each[LOOP_C], each[LOOP_K]
    cut = facts[RUNS_R] * ceil_div(facts[TAPS_S], fit) > 1
    returns = cut or block < whole[LOOP_C] or facts[READS] == 1
    fewest = fewest_rows(facts, r, t, whole[LOOP_M], m, step, whole[LOOP_C], block)
    at = np.empty(7, np.int64)
    psum_depth = 0
    for i in range(7):
        at[order[i]] = i
        if order[i] != LOOP_K and order[i] != LOOP_C:
            psum_depth = i + 1
    out_depth = psum_depth if buffered else 7
    # Depths of the innermost loops that change a tile, or begin an output tile.
    weight_at = ifmap_at = out_at = ramp_at = 0
    for i in range(7):
        loop = order[i]
        if each[loop] >= whole[loop]:
            continue
        if WEIGHT_LOOPS[loop]:
            weight_at = i + 1
        if IFMAP_LOOPS[loop]:
            ifmap_at = i + 1
        if loop != LOOP_C:
            out_at = i + 1 if i < out_depth else out_at
            ramp_at = i + 1 if i < psum_depth else ramp_at
    load_at = 7 if cut else weight_at

    weight_slots = moves[WEIGHT, SLOTS] if moves[WEIGHT, USES] else 0
    ifmap_slots = moves[IFMAP, SLOTS] if moves[IFMAP, USES] else 0
    by_ifmap = moves[IFMAP, USES] == 1 and ifmap_slots == 0
    if by_ifmap:
        ifmap_slots = ring_slots(n_most, e, f, block, step, m, order, sizes, ring, rows_at, rows, cols_at, cols)
    ifmap_from = STREAMS + weight_slots
    width = ifmap_from + ifmap_slots
    ran, sent = width, width + 1  # cycles that the array and the channel have been at work

    v, pending, before = np.zeros(WIDEST + 2, np.int64), 0, np.zeros(4, np.int64)
    # Of every depth: the run of equal pieces, the pieces left of it and of the loop, outputs and inputs of a piece.
    run, left, rest = np.zeros(7, np.int64), np.zeros(7, np.int64), np.zeros(7, np.int64)
    size, need, begins = np.ones(7, np.int64), np.ones(7, np.int64), np.ones(7, np.bool_)
    # And what an iteration left behind: the state, by how much it moved it, the write-back due, the last step.
    seen, past, moved = np.zeros(7, np.int64), np.zeros((7, WIDEST + 2), np.int64), np.zeros((7, WIDEST + 2), np.int64)
    due, earlier = np.zeros(7, np.int64), np.zeros((7, 4), np.int64)
    carried, depth, steps, base = -1, 0, 0, 0
    last = np.zeros(5, np.int64)
    while True:
        for i in range(depth, 7):  # loops from ``depth`` on begin
            loop = order[i]
            run[i], seen[i], begins[i] = 0, 0, True
            if loop == LOOP_K:
                whole[LOOP_K] = size[at[LOOP_M]]
            rest[i] = ceil_div(whole[loop], each[loop])
            if loop == LOOP_E:
                size[i], need[i], left[i] = rows[rows_at[e], 0], rows[rows_at[e], 1], rows[rows_at[e], 2]
            elif loop == LOOP_F:
                size[i], need[i], left[i] = cols[cols_at[f], 0], cols[cols_at[f], 1], cols[cols_at[f], 2]
            else:
                size[i], left[i] = min(whole[loop], each[loop]), max(1, whole[loop] // each[loop])
        steps += 1
        least = max(v[DONE] + array_all - v[ran], v[CHANNEL] + channel_all - v[sent])
        if least >= enough or steps > steps_most:
            return float(max(least, 0.0))
        n, filters, channels = size[at[LOOP_N]], size[at[LOOP_K]], size[at[LOOP_C]]
        out_rows, out_cols = size[at[LOOP_E]], size[at[LOOP_F]]

        ready = 0
        if weight_slots and carried < weight_at:
            cycles = transfer(filters * channels * sizes[6] * sizes[7], moves[WEIGHT], widths[WEIGHT], dram)
            if cycles:
                v[sent] += cycles
                v[CHANNEL] = max(v[CHANNEL], v[STREAMS]) + cycles
                ready = v[CHANNEL]
            if weight_slots == 2:
                v[STREAMS], v[STREAMS + 1] = v[STREAMS + 1], v[STREAMS]
        parts, pause = 1, 0
        if by_ifmap:
            parts = min(n, PARTS)
            pause = n // parts * pace(facts, fit, r, t, filters, channels, out_cols) if parts > 1 else 0
        if ifmap_slots and carried < ifmap_at:
            words = n * channels * need[at[LOOP_E]] * need[at[LOOP_F]]
            cycles = transfer(words, moves[IFMAP], widths[IFMAP], dram)
            if cycles:
                v[sent] += cycles
                for i in range(parts):
                    share = cycles // parts + (1 if i < cycles % parts else 0)
                    v[CHANNEL] = max(v[CHANNEL], v[ifmap_from + i]) + share
                    ready = max(ready, v[CHANNEL] - max(0, i - 1) * pause)
            if parts < ifmap_slots:
                for _ in range(parts):
                    oldest = v[ifmap_from]
                    for i in range(ifmap_from, width - 1):
                        v[i] = v[i + 1]
                    v[width - 1] = oldest
        if carried < out_at:
            free = v[DONE]
            if pending:
                v[sent] += pending
                free = v[CHANNEL] = max(v[CHANNEL], v[DONE]) + pending
            slot = free if moves[PSUM, SLOTS] == 1 else v[SLOT]
            v[SLOT] = free
            ready = max(ready, slot)
            reduces = at[LOOP_C] < out_at
            words = n * (filters if at[LOOP_K] < out_depth else size[at[LOOP_M]]) * out_rows * out_cols
            if reduces and not begins[at[LOOP_C]]:
                back = transfer(words, moves[PSUM], widths[PSUM], dram)
                if back:
                    v[sent] += back
                    v[CHANNEL] = max(v[CHANNEL], slot) + back
                    ready = max(ready, v[CHANNEL])
            pending = 0
            if reduces and rest[at[LOOP_C]] > 1:
                pending = transfer(words, moves[PSUM], widths[PSUM], dram)
            elif moves[OFMAP, USES]:
                pending = transfer(words, moves[OFMAP], widths[OFMAP], dram)

        if (
            n != last[0] or filters != last[1] or channels != last[2] or out_rows != last[3] or out_cols != last[4]
        ):  # fmt: skip
            last[0], last[1], last[2], last[3], last[4] = n, filters, channels, out_rows, out_cols
            base = step_cycles(facts, fit, r, t, returns, n, filters, channels, out_rows, out_cols)
        cycles = base
        if carried < ramp_at:
            cycles += ramp_cycles(facts, fit, r, channels, out_rows)
        if carried < load_at:
            cycles += filter_wait(facts, fit, fewest, r, t, before, n, filters, channels, out_cols)
        before[0], before[1], before[2], before[3] = n, filters, channels, out_cols
        v[ran] += cycles
        v[DONE] = max(v[DONE], ready) + cycles
        if weight_slots:
            v[STREAMS + weight_slots - 1] = v[DONE]
        if ifmap_slots:
            for i in range(parts):
                v[width - parts + i] = v[DONE] - (parts - 1 - i) * pause

        depth = 6
        while depth >= 0:  # an iteration of the loop at ``depth`` is over
            loop = order[depth]
            left[depth] -= 1
            rest[depth] -= 1
            if left[depth] > 1:
                same = seen[depth] > 1 and pending == due[depth]
                by = v[DONE] - past[depth, DONE]
                for i in range(width + 2):
                    change = v[i] - past[depth, i]
                    if i < width and (change != moved[depth, i] or (change != by and change)):
                        same = False
                    moved[depth, i], past[depth, i] = change, v[i]
                for i in range(4):
                    same = same and earlier[depth, i] == before[i]
                    earlier[depth, i] = before[i]
                due[depth] = pending
                seen[depth] += 1
                if same:  # all but the last iteration of a loop over sums that go out and back
                    ahead = left[depth]
                    if loop == LOOP_C and depth < out_at and ahead == rest[depth]:
                        ahead -= 1
                    for i in range(width + 2):
                        v[i] += moved[depth, i] * ahead
                    left[depth] -= ahead
                    rest[depth] -= ahead
            if left[depth]:
                break
            if rest[depth]:  # the next run of pieces
                run[depth] += 1
                seen[depth] = 0
                if loop == LOOP_E:
                    k = rows_at[e] + run[depth]
                    size[depth], need[depth], left[depth] = rows[k, 0], rows[k, 1], rows[k, 2]
                elif loop == LOOP_F:
                    k = cols_at[f] + run[depth]
                    size[depth], need[depth], left[depth] = cols[k, 0], cols[k, 1], cols[k, 2]
                else:
                    size[depth], left[depth] = whole[loop] % each[loop], 1
                break
            depth -= 1
        if depth < 0:
            break
        carried = depth
        begins[depth] = False
        depth += 1
    return float(max(v[DONE], v[CHANNEL]) + pending)
