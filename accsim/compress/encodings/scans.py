"""Compiled passes over a tensor that count what an encoding would store, without building it.

Shapes: ``values`` uint8 [n] or [rows, cols]: zero where the words of a tensor are. :func:`histogram` alone takes the
words. Where it costs most, whether a word is zero is made no jump, which would be mispredicted at middle densities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel

Words = NDArray[Any]
Mask = NDArray[np.uint8]
Flags = NDArray[np.bool_]

CHUNK = 4096
"""Words of which the non-zero ones are listed at a time."""
Integers = NDArray[np.int64]


@kernel
def histogram(values: Words, mask: int, counts: Integers) -> None:
    """Add one to ``counts[i mod tables, value & mask]`` for every word i.

    Args:
        values: the words as unsigned integers [n].
        counts: int64 [tables, mask + 1], tables a power of two: words in a row are often equal, and adding to one
            place waits for the sum before.
    """
    spread = counts.shape[0] - 1
    for i in range(values.size):
        counts[i & spread, np.int64(values[i]) & mask] += 1


@kernel
def zero_runs(values: Mask, counts: Integers, long: Integers) -> tuple[int, int]:
    """Runs of zeros before a non-zero word: ``counts[z]`` of those that are short, longer ones one by one.

    Args:
        counts: int64 [shortest long run].
        long: int64, room for the words divided by the shortest long run.

    Returns:
        How many long runs there are, and the zeros after the last non-zero word.
    """
    last, found, limit = -1, 0, counts.size
    at = np.empty(CHUNK, np.int64)
    for start in range(0, values.size, CHUNK):
        stored = 0
        for i in range(start, min(start + CHUNK, values.size)):
            at[stored] = i
            stored += values[i] != 0
        for j in range(stored):
            zeros = at[j] - last - 1
            last = at[j]
            if zeros < limit:
                counts[zeros] += 1
            else:
                long[found] = zeros
                found += 1
    return found, values.size - 1 - last


@kernel
def zero_runs_of_columns(values: Mask, width: int, counts: Integers, entries: Integers) -> None:
    """Add one to ``counts[z]`` for each run of z zeros of a column before a non-zero word of it.

    The rows are walked in storage order, with the last non-zero row of every column at hand.

    Args:
        width: a run takes floor(z / 2^width) fillers.
        counts: int64 [rows].
        entries: int64 [cols]; the non-zero words of each column and their fillers are added.
    """
    rows, cols = values.shape
    last = np.full(cols, -1, np.int64)
    for r in range(rows):
        for c in range(cols):
            if values[r, c] != 0:
                counts[r - last[c] - 1] += 1
                entries[c] += 1 + ((r - last[c] - 1) >> width)
                last[c] = r


@kernel
def fillers_of_columns(values: Mask, width: int) -> int:
    """Sum over the columns of floor(z / 2^width), z the zeros of the column between two non-zero words of it."""
    rows, cols = values.shape
    last = np.full(cols, -1, np.int64)
    fillers = 0
    for r in range(rows):
        for c in range(cols):
            if values[r, c] != 0:
                fillers += (r - last[c] - 1) >> width
                last[c] = r
    return fillers


@kernel
def line_counts(values: Mask, rows: Integers, cols: Integers) -> None:
    """Add the non-zero words of each row and column to ``rows`` and ``cols``."""
    for r in range(values.shape[0]):
        for c in range(values.shape[1]):
            stored = np.int64(values[r, c] != 0)
            rows[r] += stored
            cols[c] += stored


@kernel
def mark_blocks(values: Mask, base: Integers, side: int, kept: Flags) -> None:
    """Mark the blocks that hold a non-zero word.

    Args:
        values: [outer, last], the tensor with all dimensions but the last as one.
        base: int64 [outer], number of the first block that each line meets.
        side: words of a block along the last dimension.
        kept: bool [blocks].
    """
    for line in range(values.shape[0]):
        at = base[line]
        for start in range(0, values.shape[1], side):
            stored = False
            for i in range(start, min(start + side, values.shape[1])):
                stored |= values[line, i] != 0
            kept[at] |= stored
            at += 1


@kernel
def crowded_groups(values: Mask, n: int, m: int) -> tuple[int, int, int, int, int]:
    """Groups of ``m`` words along the middle dimension with more than ``n`` that are not zero.

    Returns:
        How many, and of the first: its place in the first, middle and last dimension, and its non-zero words.
    """
    wrong, first, middle, last, found = 0, 0, 0, 0, 0
    for a in range(values.shape[0]):
        for start in range(0, values.shape[1], m):
            stop = min(start + m, values.shape[1])
            for c in range(values.shape[2]):
                stored = 0
                for b in range(start, stop):
                    stored += values[a, b, c] != 0
                if stored > n:
                    if wrong == 0:
                        first, middle, last, found = a, start, c, stored
                    wrong += 1
    return wrong, first, middle, last, found
