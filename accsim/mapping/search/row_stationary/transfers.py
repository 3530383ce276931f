"""Compiled: transfers over the DRAM channel, and what of them the array has to wait for in any case."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accsim.kernels.jit import kernel
from accsim.mapping.search.row_stationary.costs import FIRST, LOOP_C, LOOP_K, TURNS, ceil_div
from accsim.mapping.search.row_stationary.passes import READS, RUNS_R, TAPS_S, step_cycles

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

WEIGHT, IFMAP, PSUM, OFMAP = range(4)
USES, HOW, BITS, CODE_WORDS, WORDS, UNIT, SLOTS = range(7)
"""Columns of ``moves``: whether the operand uses the channel; how its bits follow from its words (0 so many each, 1 a
share of a whole code, 2 so many expected); bits of a word; words of the code, of the tensor, and bits of a code word;
and tiles that there is room for, 0 where a ring of ifmaps has them."""

LATENCY, BURST, WIDTH, CORE, DRAM = range(5)
RING_BITS, RING_BANK, RING_IFMAP, RING_WEIGHT, RING_KEPT, RING_PASSING, RING_COPIES, RING_TENSORS = range(8)

WEIGHT_LOOPS = (True, True, False, False, False, True, True)
IFMAP_LOOPS = (True, False, True, True, True, True, False)
"""Loops that select a filter tile, and an ifmap tile, in the order of ``LOOP_G`` and so on."""

PARTS = 8
"""Parts of a tile that the timeline tells apart."""


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
    whole = np.array([sizes[1], sizes[2], sizes[0], sizes[4], sizes[5], sizes[3], m])
    each = np.array([1, m, n, e, f, block, step])
    fetched_at = out_at = 0
    for i in range(7):
        loop = order[i]
        if each[loop] >= whole[loop]:
            continue
        if (WEIGHT_LOOPS[loop] and moves[WEIGHT, USES]) or (IFMAP_LOOPS[loop] and moves[IFMAP, USES]):
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
