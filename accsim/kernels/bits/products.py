"""Compiled products of packed rows and packed panels.

A *pair* is one row plane and one column plane with the factors of what is counted in their words. The first pair of a
tile starts its sums at ``start``. Terms of a row or a column, which do not depend on the other operand, come last.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bits.tiles import LANES, PANEL, ROWS, tile
from accsim.kernels.jit import kernel
from accsim.kernels.llvm import set_bits

AND, XOR, TERNARY_COLUMNS, TERNARY_ROWS, TERNARY = range(5)

AND4, AND1 = tile("and", 4), tile("and", 1)
XOR4, XOR1 = tile("xor", 4), tile("xor", 1)
COLUMNS4, COLUMNS1 = tile("ternary columns", 4), tile("ternary columns", 1)
ROWS4, ROWS1 = tile("ternary rows", 4), tile("ternary rows", 1)
TERNARY2, TERNARY1 = tile("ternary", 2), tile("ternary", 1)  # twice as many counts are held


@kernel
def multiply(
    kind: int, vectors: int, a: NDArray[np.uint32], a_at: int, a_row: int, a_plane: int, b: NDArray[np.uint32],
    b_at: int, b_plane: int, words: int, out: NDArray[np.int32], at: int, row: int, adds: bool, start: int,
    scale: int, scale2: int,
) -> None:  # fmt: skip
    """One tile of four rows and 16 columns per vector: see :func:`accsim.kernels.bits.tiles.tile`."""
    s, t = scale, scale2
    if vectors == 4 and kind == XOR:
        XOR4(a, a_at, a_row, a_plane, b, b_at, b_plane, words, out, at, row, adds, start, s, t)
    elif vectors == 4 and kind == AND:
        AND4(a, a_at, a_row, a_plane, b, b_at, b_plane, words, out, at, row, adds, start, s, t)
    elif vectors == 4 and kind == TERNARY_COLUMNS:
        COLUMNS4(a, a_at, a_row, a_plane, b, b_at, b_plane, words, out, at, row, adds, start, s, t)
    elif vectors == 4 and kind == TERNARY_ROWS:
        ROWS4(a, a_at, a_row, a_plane, b, b_at, b_plane, words, out, at, row, adds, start, s, t)
    elif vectors == 4:
        for n in range(0, PANEL, 2 * LANES):
            TERNARY2(a, a_at, a_row, a_plane, b, b_at + n, b_plane, words, out, at + n, row, adds, start, s, t)
    else:
        for n in range(0, vectors * LANES, LANES):
            if kind == XOR:
                XOR1(a, a_at, a_row, a_plane, b, b_at + n, b_plane, words, out, at + n, row, adds, start, s, t)
            elif kind == AND:
                AND1(a, a_at, a_row, a_plane, b, b_at + n, b_plane, words, out, at + n, row, adds, start, s, t)
            elif kind == TERNARY_COLUMNS:
                COLUMNS1(a, a_at, a_row, a_plane, b, b_at + n, b_plane, words, out, at + n, row, adds, start, s, t)
            elif kind == TERNARY_ROWS:
                ROWS1(a, a_at, a_row, a_plane, b, b_at + n, b_plane, words, out, at + n, row, adds, start, s, t)
            else:
                TERNARY1(a, a_at, a_row, a_plane, b, b_at + n, b_plane, words, out, at + n, row, adds, start, s, t)


@kernel
def row_terms(a: NDArray[np.uint32], first: int, factors: NDArray[Any], terms: NDArray[Any]) -> None:
    """terms[i] = sum over planes of factor * set bits of row ``first + i`` of words [planes, rows, words]."""
    terms[:] = 0
    for p in range(factors.size):
        if factors[p] != 0:
            for i in range(terms.size):
                count = 0
                for k in range(a.shape[2]):
                    count += set_bits(a[p, first + i, k])
                terms[i] += factors[p] * count


@kernel
def column_terms(b: NDArray[np.uint32], panel: int, factors: NDArray[Any], terms: NDArray[Any]) -> None:
    """terms[j] = sum over planes of factor * set bits of column ``64 * panel + j``."""
    terms[:] = 0
    counts = np.empty(PANEL, np.int64)
    for p in range(factors.size):
        if factors[p] != 0:
            for first in range(0, terms.size, PANEL):
                counts[:] = 0
                words = b[p, panel + first // PANEL]
                for k in range(words.shape[0]):
                    for j in range(PANEL):
                        counts[j] += set_bits(words[k, j])
                for j in range(min(PANEL, terms.size - first)):
                    terms[first + j] += factors[p] * counts[j]


class Product(NamedTuple):
    """What is to be counted and what counts are worth, for compiled code; T is int64 or float64.

    Attributes:
        kind: ``AND`` .. ``TERNARY``.
        planes: int64 [pairs, 2], a plane of rows and one of columns (the first of two, where a tile reads two).
        scales: int64 [pairs, 2], what the first and the second count of a tile are worth in sums of 32 bits.
        factors: T [pairs], what a count is worth in sums of 64 bits.
        start: T, what is in every sum.
        row_factors: T [row planes], what each set bit of a row adds to its sums.
        column_factors: T [column planes], likewise.
        terms: whether any of these is not zero.
    """

    kind: int
    planes: NDArray[np.int64]
    scales: NDArray[np.int64]
    factors: NDArray[Any]
    start: Any
    row_factors: NDArray[Any]
    column_factors: NDArray[Any]
    terms: bool


@kernel
def products(
    job: Product, a: NDArray[np.uint32], tail: NDArray[np.uint32], first: int, rows: int, b: NDArray[np.uint32],
    panel: int, columns: int, narrow: NDArray[np.int32], sums: NDArray[Any], column: int,
) -> None:  # fmt: skip
    """``sums[i, column + j]`` for ``rows`` rows from ``first`` on and ``columns`` columns from a panel on.

    If ``narrow`` has any room, sums are of 32 bits and go there: tiles write them without a detour. ``a`` [planes, all
    rows, words]; ``tail`` [planes, 4, words] the last rows % 4 of those asked for; ``b`` [planes, panels, words, 64].
    """
    words = a.shape[2]
    fours, rest, lanes, direct = a.reshape(-1), tail.reshape(-1), b.reshape(-1), narrow.reshape(-1)
    counts = np.empty(ROWS * PANEL, np.int32)
    left = np.empty(rows if job.terms else 0, job.factors.dtype)
    right = np.empty(columns if job.terms else 0, job.factors.dtype)
    if job.terms:
        row_terms(a, first, job.row_factors, left)
        column_terms(b, panel, job.column_factors, right)
    for j in range(0, columns, PANEL):
        width = min(PANEL, columns - j)
        for i in range(0, rows, ROWS):
            height = min(ROWS, rows - i)
            source, at, plane = fours, (first + i) * words, a.shape[1] * words
            if height < ROWS:
                source, at, plane = rest, 0, ROWS * words
            through = not narrow.size or height < ROWS or width < PANEL
            target, place, pitch = direct, i * narrow.shape[1] + column + j, narrow.shape[1]
            if through:
                target, place, pitch = counts, 0, PANEL
            if not narrow.size:
                sums[i : i + height, column + j : column + j + width] = job.start
            for t in range(job.planes.shape[0]):
                p, q = job.planes[t]
                scale, scale2, start, adds = job.scales[t, 0], job.scales[t, 1], int(job.start), t > 0
                if not narrow.size:
                    scale, scale2, start, adds = 1, 0, 0, False
                multiply(
                    job.kind, -(-width // LANES), source, at + p * plane, words, plane,
                    lanes, (q * b.shape[1] + panel + j // PANEL) * words * PANEL, b.shape[1] * words * PANEL,
                    words, target, place, pitch, adds, start, scale, scale2,
                )  # fmt: skip
                if not narrow.size:
                    for r in range(height):
                        for c in range(width):
                            sums[i + r, column + j + c] += job.factors[t] * counts[r * PANEL + c]
            if narrow.size and through:
                for r in range(height):
                    for c in range(width):
                        narrow[i + r, column + j + c] = counts[r * PANEL + c]
            if job.terms:
                for r in range(i, i + height):
                    for c in range(j, j + width):
                        if narrow.size:
                            narrow[r, column + c] += int(left[r] + right[c])
                        else:
                            sums[r, column + c] += left[r] + right[c]
