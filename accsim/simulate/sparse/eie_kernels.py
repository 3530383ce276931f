"""EIE compiled: the times at which queues are filled and emptied, and the machine stepped cycle by cycle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel
from accsim.simulate.sparse.csc import encode

CYCLES, MULTIPLIES, FILLERS, EMPTY_COLUMNS, EMPTY_QUEUE, BARRIER, UNMAPPED, BROADCASTS = range(8)


@kernel
def entries(weight: NDArray[np.uint8], pes: int, count_bits: int) -> NDArray[np.int64]:
    """Pairs and non-zero words of every PE and column, [PEs, columns, 2], of a mask [rows, columns]."""
    rows, cols = weight.shape
    out = np.zeros((pes, cols, 2), np.int64)
    run = np.zeros(cols, np.int64)
    for pe in range(pes):
        run[:] = 0
        for row in range(pe, rows, pes):
            for col in range(cols):
                if weight[row, col]:
                    out[pe, col, 0] += 1 + (run[col] >> count_bits)
                    out[pe, col, 1] += 1
                    run[col] = 0
                else:
                    run[col] += 1
    return out


@kernel
def count(vectors: NDArray[np.uint8], stored: NDArray[np.int64], used: int, pes: int, depth: int) -> NDArray[np.int64]:
    """Count the products of a matrix with each of some vectors.

    With b the cycle in which activation j is sent and t that in which a PE takes it from its queue,
    b[j] = max(b[j - 1] + 1, t[j - depth] + 1 of every PE) and t[j] = max(b[j] + 1, t[j - 1] + its work at j - 1).

    Args:
        vectors: masks [vectors, columns].
        stored: what ``entries`` gives.
        used: PEs that have rows.
    """
    out = np.zeros(8, np.int64)
    taken, free = np.zeros((depth, used), np.int64), np.zeros(used, np.int64)
    for v in range(vectors.shape[0]):
        sent, j = -1, 0
        free[:] = 0
        for col in range(vectors.shape[1]):
            if not vectors[v, col]:
                continue
            sent += 1
            if j >= depth:
                for pe in range(used):
                    sent = max(sent, taken[j % depth, pe] + 1)
            for pe in range(used):
                start = max(sent + 1, free[pe])
                taken[j % depth, pe] = start
                out[EMPTY_QUEUE] += start - free[pe]
                work = stored[pe, col, 0]
                out[EMPTY_COLUMNS] += work == 0
                out[MULTIPLIES] += stored[pe, col, 1]
                out[FILLERS] += work - stored[pe, col, 1]
                free[pe] = start + max(1, work)
            j += 1
        cycles = 0
        for pe in range(used):
            cycles = max(cycles, free[pe])
        for pe in range(used):
            out[BARRIER] += cycles - free[pe]
        out[CYCLES] += cycles
        out[UNMAPPED] += cycles * (pes - used)
        out[BROADCASTS] += j
    return out


@kernel
def step(
    vectors: NDArray[np.int64], weight: NDArray[np.int64], used: int, pes: int, depth: int, count_bits: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Run the machine on vectors [vectors, columns] and a matrix [rows, columns]; sums [vectors, rows], counters."""
    out = np.zeros(8, np.int64)
    rows, cols = weight.shape
    most = -(-rows // pes)
    pointer = np.zeros((used, cols + 1), np.int64)
    counts, values = np.empty((used, cols * most), np.int64), np.empty((used, cols * most), np.int64)
    column = np.empty(most, np.int64)
    for pe in range(used):
        for col in range(cols):
            length = 0
            for row in range(pe, rows, pes):
                column[length] = weight[row, col]
                length += 1
            start = pointer[pe, col]
            pointer[pe, col + 1] = start + encode(column, length, count_bits, counts[pe, start:], values[pe, start:])
    sums = np.zeros((vectors.shape[0], rows), np.int64)
    queue = np.empty((used, depth, 2), np.int64)
    for v in range(vectors.shape[0]):
        head, waiting = np.zeros(used, np.int64), np.zeros(used, np.int64)
        at, end, place = np.zeros(used, np.int64), np.zeros(used, np.int64), np.zeros(used, np.int64)
        word, idle = np.zeros(used, np.int64), np.zeros(used, np.int64)
        next_col = 0
        while next_col < cols and vectors[v, next_col] == 0:  # leading non-zero detection
            next_col += 1
        while True:
            busy = next_col < cols
            for pe in range(used):
                busy |= waiting[pe] > 0 or at[pe] < end[pe]
            if not busy:
                break
            out[CYCLES] += 1
            full = False
            for pe in range(used):
                full |= waiting[pe] == depth
            for pe in range(used):
                if at[pe] == end[pe]:
                    if waiting[pe] == 0:
                        idle[pe] += 1
                        continue
                    col, word[pe] = queue[pe, head[pe], 0], queue[pe, head[pe], 1]
                    head[pe], waiting[pe] = (head[pe] + 1) % depth, waiting[pe] - 1
                    at[pe], end[pe], place[pe] = pointer[pe, col], pointer[pe, col + 1], 0
                    out[EMPTY_QUEUE] += idle[pe]
                    idle[pe] = 0
                    if at[pe] == end[pe]:
                        out[EMPTY_COLUMNS] += 1
                        continue
                place[pe] += counts[pe, at[pe]]
                weight_word = values[pe, at[pe]]
                sums[v, place[pe] * pes + pe] += word[pe] * weight_word
                if weight_word != 0:
                    out[MULTIPLIES] += 1
                else:
                    out[FILLERS] += 1
                at[pe], place[pe] = at[pe] + 1, place[pe] + 1
            if next_col < cols and not full:
                for pe in range(used):
                    tail = (head[pe] + waiting[pe]) % depth
                    queue[pe, tail, 0], queue[pe, tail, 1] = next_col, vectors[v, next_col]
                    waiting[pe] += 1
                out[BROADCASTS] += 1
                next_col += 1
                while next_col < cols and vectors[v, next_col] == 0:
                    next_col += 1
            out[UNMAPPED] += pes - used
        for pe in range(used):  # idle with nothing to come
            out[BARRIER] += idle[pe]
    return sums, out
