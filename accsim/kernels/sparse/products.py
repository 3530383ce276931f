"""Compiled products of sparse matrices; operands and sums are of one type, int32, int64, float32 or float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel
from accsim.kernels.llvm import set_bits
from accsim.kernels.sparse.strips import LANES, strip

STRIP8, STRIP4, STRIP2, STRIP1 = (strip(vectors) for vectors in (8, 4, 2, 1))
WIDEST = 8 * LANES
DEEPEST = 512  # rows of the dense operand in a block: 128 columns of them in 32 bits are half of a 512 KiB cache
WORD = 32


@kernel
def block_strips(
    values: NDArray[Any], places: NDArray[np.int32], cuts: NDArray[np.int64], block: int, b: NDArray[Any], at: int,
    pitch: int, out: NDArray[Any], out_at: int, out_pitch: int, width: int,
) -> None:  # fmt: skip
    """A block of all rows times ``width`` columns, a multiple of 16; ``b`` and ``out`` are flat.

    Row ``i`` has the values from ``cuts[block, i]`` to ``cuts[block + 1, i]``. Blocks after the first add to what is
    there. Rows are the inner loop: a call costs as much as a dozen vectors, for the counts of references that it takes.
    """
    rows, j = cuts.shape[1], 0
    while j + 8 * LANES <= width:
        for i in range(rows):
            t, u = cuts[block, i], cuts[block + 1, i]
            STRIP8(values, places, t, u, b, at + j, pitch, out, out_at + i * out_pitch + j, block > 0)
        j += 8 * LANES
    if j + 4 * LANES <= width:
        for i in range(rows):
            t, u = cuts[block, i], cuts[block + 1, i]
            STRIP4(values, places, t, u, b, at + j, pitch, out, out_at + i * out_pitch + j, block > 0)
        j += 4 * LANES
    if j + 2 * LANES <= width:
        for i in range(rows):
            t, u = cuts[block, i], cuts[block + 1, i]
            STRIP2(values, places, t, u, b, at + j, pitch, out, out_at + i * out_pitch + j, block > 0)
        j += 2 * LANES
    if j < width:
        for i in range(rows):
            t, u = cuts[block, i], cuts[block + 1, i]
            STRIP1(values, places, t, u, b, at + j, pitch, out, out_at + i * out_pitch + j, block > 0)


@kernel
def cut(places: NDArray[np.int32], starts: NDArray[np.int64], first: int, cuts: NDArray[np.int64]) -> None:
    """``cuts[n, i]`` = where values of row ``first + i`` begin that stand in columns from ``512 n`` on, or its end."""
    blocks, rows = cuts.shape[0] - 1, cuts.shape[1]
    for i in range(rows):
        t, last = starts[first + i], starts[first + i + 1]
        cuts[0, i] = t
        for n in range(1, blocks):
            while t < last and places[t] < n * DEEPEST:
                t += 1
            cuts[n, i] = t
        cuts[blocks, i] = last


@kernel
def few_columns(
    values: NDArray[Any], places: NDArray[np.int32], starts: NDArray[np.int64], first: int, b: NDArray[Any],
    out: NDArray[Any],
) -> None:  # fmt: skip
    """``csr_dense`` for fewer than 16 columns, which are filled up with zeros."""
    depth, columns = b.shape
    room, line = np.zeros(depth * LANES, b.dtype), np.empty(LANES, b.dtype)
    for k in range(depth):
        for c in range(columns):
            room[k * LANES + c] = b[k, c]
    for i in range(out.shape[0]):
        t, u = starts[first + i], starts[first + i + 1]
        STRIP1(values, places, t, u, room, 0, LANES, line, 0, False)
        for c in range(columns):
            out[i, c] = line[c]


@kernel
def csr_dense(
    values: NDArray[Any], places: NDArray[np.int32], starts: NDArray[np.int64], first: int, rows: int, b: NDArray[Any],
    panels: bool, out: NDArray[Any],
) -> None:  # fmt: skip
    """``out`` [rows, columns] = sparse rows from ``first`` on times ``b`` [K, columns].

    Blocks of 512 rows and 128 columns of ``b`` are used up by all rows, in ascending order along K; with ``panels`` a
    block is copied together first, from an address that is a multiple of 64 bytes on. Where 16 do not divide the
    columns, a last vector overlaps the one before: what both hold is worked out twice.
    """
    depth, columns = b.shape
    if columns < LANES:
        few_columns(values, places, starts, first, b, out)
        return
    cuts = np.empty((max(1, -(-depth // DEEPEST)) + 1, rows), np.int64)
    cut(places, starts, first, cuts)
    inside, sums, whole = b.reshape(-1), out.reshape(-1), columns - columns % LANES
    room = np.empty(min(depth, DEEPEST) * WIDEST + LANES if panels else 0, b.dtype)
    begin = -(room.ctypes.data // room.itemsize) % LANES
    for j in range(0, whole, WIDEST):
        width = min(WIDEST, whole - j)
        for n in range(cuts.shape[0] - 1):
            if panels:
                low = n * DEEPEST
                for k in range(min(DEEPEST, depth - low)):
                    there = begin + k * WIDEST
                    target, source = room[there : there + width], b[low + k, j : j + width]
                    for c in range(width):  # an assignment of slices takes seconds to compile
                        target[c] = source[c]
                at = begin - low * WIDEST
                block_strips(values, places, cuts, n, room, at, WIDEST, sums, j, columns, width)
            else:
                block_strips(values, places, cuts, n, inside, j, columns, sums, j, columns, width)
    if whole < columns:
        last = columns - LANES
        for i in range(rows):
            t, u = starts[first + i], starts[first + i + 1]
            STRIP1(values, places, t, u, inside, last, columns, sums, i * columns + last, False)


@kernel
def csc_dense(
    values: NDArray[Any], places: NDArray[np.int32], starts: NDArray[np.int64], b: NDArray[Any], out: NDArray[Any]
) -> None:
    """``out`` [rows, columns], zeros before, += sparse columns times ``b``: each row of ``b`` is used up at once."""
    depth, columns = b.shape
    for j in range(0, columns, WIDEST):
        last = min(j + WIDEST, columns)
        for k in range(depth):
            for t in range(starts[k], starts[k + 1]):
                for c in range(j, last):
                    out[places[t], c] += values[t] * b[k, c]


@kernel
def set_places(masks: NDArray[np.uint32], places: NDArray[np.int32]) -> None:
    """Places of the set bits, line after line."""
    t = 0
    for i in range(masks.shape[0]):
        for w in range(masks.shape[1]):
            word = masks[i, w]
            while word:
                below = word & (~word + np.uint32(1))
                places[t] = w * WORD + set_bits(np.uint32(below - np.uint32(1)))
                word = np.uint32(word & (word - np.uint32(1)))
                t += 1


@kernel
def rows_by_rows(
    values: NDArray[Any], places: NDArray[np.int32], starts: NDArray[np.int64], other: NDArray[Any],
    other_places: NDArray[np.int32], other_starts: NDArray[np.int64], out: NDArray[Any],
) -> None:  # fmt: skip
    """Row by row (Gustavson, ACM TOMS 4(3), 1978): each value scales a row of the other matrix; ``out`` is zeros."""
    for i in range(out.shape[0]):
        for t in range(starts[i], starts[i + 1]):
            k = places[t]
            for u in range(other_starts[k], other_starts[k + 1]):
                out[i, other_places[u]] += values[t] * other[u]


@kernel
def columns_by_rows(
    values: NDArray[Any], places: NDArray[np.int32], starts: NDArray[np.int64], other: NDArray[Any],
    other_places: NDArray[np.int32], other_starts: NDArray[np.int64], out: NDArray[Any],
) -> None:  # fmt: skip
    """Outer products: column k times row k, all pairs; ``out`` is zeros."""
    for k in range(starts.size - 1):
        for t in range(starts[k], starts[k + 1]):
            for u in range(other_starts[k], other_starts[k + 1]):
                out[places[t], other_places[u]] += values[t] * other[u]


@kernel
def rows_by_columns(
    values: NDArray[Any], places: NDArray[np.int32], starts: NDArray[np.int64], other: NDArray[Any],
    other_places: NDArray[np.int32], other_starts: NDArray[np.int64], out: NDArray[Any],
) -> None:  # fmt: skip
    """Inner products: two sorted lists of places are merged, pairs that meet are multiplied; ``out`` is zeros."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            t, u = starts[i], other_starts[j]
            while t < starts[i + 1] and u < other_starts[j + 1]:
                x, y = places[t], other_places[u]
                if x == y:
                    out[i, j] += values[t] * other[u]
                t += x <= y
                u += y <= x


@kernel
def masks_by_masks(
    values: NDArray[Any], masks: NDArray[np.uint32], starts: NDArray[np.int64], other: NDArray[Any],
    other_masks: NDArray[np.uint32], other_starts: NDArray[np.int64], out: NDArray[Any],
) -> None:  # fmt: skip
    """Inner products of bitmaps: set bits of both masks, each value found by counting the bits below (Gondimalla et
    al., SparTen, MICRO 2019); ``out`` is zeros.
    """
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            t, u = starts[i], other_starts[j]
            for w in range(masks.shape[1]):
                mine, yours = masks[i, w], other_masks[j, w]
                both = np.uint32(mine & yours)
                while both:
                    below = np.uint32((both & (~both + np.uint32(1))) - np.uint32(1))
                    x, y = t + set_bits(np.uint32(mine & below)), u + set_bits(np.uint32(yours & below))
                    out[i, j] += values[x] * other[y]
                    both = np.uint32(both & (both - np.uint32(1)))
                t += set_bits(mine)
                u += set_bits(yours)
