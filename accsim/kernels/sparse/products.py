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
WORD = 32


@kernel
def row_strips(
    values: NDArray[Any], places: NDArray[np.int32], first: int, last: int, b: NDArray[Any], at: int, pitch: int,
    out: NDArray[Any], out_at: int, width: int,
) -> None:  # fmt: skip
    """One row times ``width`` >= 16 columns; ``b`` and ``out`` are flat.

    Where 16 do not divide the width, the last vector overlaps the one before: what both hold is worked out twice.
    """
    j = 0
    while j + 8 * LANES <= width:
        STRIP8(values, places, first, last, b, at + j, pitch, out, out_at + j)
        j += 8 * LANES
    if j + 4 * LANES <= width:
        STRIP4(values, places, first, last, b, at + j, pitch, out, out_at + j)
        j += 4 * LANES
    if j + 2 * LANES <= width:
        STRIP2(values, places, first, last, b, at + j, pitch, out, out_at + j)
        j += 2 * LANES
    if j + LANES <= width:
        STRIP1(values, places, first, last, b, at + j, pitch, out, out_at + j)
        j += LANES
    if j < width:
        j = width - LANES
        STRIP1(values, places, first, last, b, at + j, pitch, out, out_at + j)


@kernel
def csr_dense(
    values: NDArray[Any], places: NDArray[np.int32], starts: NDArray[np.int64], first: int, rows: int, b: NDArray[Any],
    panels: bool, out: NDArray[Any],
) -> None:  # fmt: skip
    """``out`` [rows, columns] = sparse rows from ``first`` on times ``b`` [K, columns].

    With ``panels``, 128 columns of ``b`` are copied together first; fewer than 16 always are.
    """
    depth, columns = b.shape
    inside, sums = b.reshape(-1), out.reshape(-1)
    room = np.empty(depth * WIDEST if panels or columns < LANES else 0, b.dtype)
    line = np.empty(WIDEST, b.dtype)
    for j in range(0, columns, WIDEST):
        width = min(WIDEST, columns - j)
        if room.size:
            for k in range(depth):
                for c in range(width):
                    room[k * WIDEST + c] = b[k, j + c]
                for c in range(width, -(-width // LANES) * LANES):
                    room[k * WIDEST + c] = 0
            for i in range(rows):
                t, u = starts[first + i], starts[first + i + 1]
                row_strips(values, places, t, u, room, 0, WIDEST, line, 0, -(-width // LANES) * LANES)
                for c in range(width):
                    out[i, j + c] = line[c]
        else:
            begin = j if width >= LANES else columns - LANES
            for i in range(rows):
                t, u = starts[first + i], starts[first + i + 1]
                row_strips(values, places, t, u, inside, begin, columns, sums, i * columns + begin, columns - begin
                           if width < WIDEST else WIDEST)  # fmt: skip


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
