"""Compiled products of packed rows and packed panels.

A *pair* is one row plane and one column plane with the factors of what is counted in their words. The first pair of a
tile starts its sums at ``start``. Terms of a row or a column, which do not depend on the other operand, come last.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bits.tiles import LANES, PANEL, ROWS, tile, weighted_tile
from accsim.kernels.jit import kernel
from accsim.kernels.llvm import set_bits

AND, XOR, TERNARY_COLUMNS, TERNARY_ROWS, TERNARY = range(5)

# Words along K of a block: 64 columns of 128 words are 32 KiB, which a first-level cache holds beside four rows.
BLOCK = 128
FEWEST = 32
CHUNK = 64  # rows of sums that are set aside where a panel is not full
SHORT = 16  # words of rows for which all pairs of planes are counted at once

WEIGHTED4, WEIGHTED1 = weighted_tile(4), weighted_tile(1)
AND4, AND1 = tile("and", 4), tile("and", 1)
XOR4, XOR1 = tile("xor", 4), tile("xor", 1)
COLUMNS4, COLUMNS1 = tile("ternary columns", 4), tile("ternary columns", 1)
ROWS4, ROWS1 = tile("ternary rows", 4), tile("ternary rows", 1)
TERNARY2, TERNARY1 = tile("ternary", 2), tile("ternary", 1)  # twice as many counts are held


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
def multiply(
    kind: int, planes: NDArray[np.int64], scales: NDArray[np.int64], begin: int, first_pair: int, last_pair: int,
    a: NDArray[np.uint32], row: int, a_plane: int, words: int, tiles: int, b: NDArray[np.uint32], b_at: int,
    b_plane: int, vectors: int, out: NDArray[np.int32], at: int, pitch: int, wide: bool,
) -> None:  # fmt: skip
    """Tiles of four rows, from ``row`` on, times one panel; see :func:`accsim.kernels.bits.tiles.tile`.

    If ``wide``, counts come out as they are.
    """
    block = max(FEWEST, BLOCK // (b.size // b_plane))
    if kind == AND and last_pair - first_pair > 1 and words <= SHORT:
        for n_tile in range(tiles):
            o, x = at + n_tile * ROWS * pitch, (row + n_tile * ROWS) * words
            if vectors == 4:
                WEIGHTED4(
                    a,
                    x,
                    words,
                    a_plane,
                    b,
                    b_at,
                    b_plane,
                    words,
                    planes,
                    scales,
                    last_pair,
                    out,
                    o,
                    pitch,
                    False,
                    begin,
                )
            else:
                for v in range(0, vectors * LANES, LANES):
                    WEIGHTED1(
                        a, x, words, a_plane, b, b_at + v, b_plane, words, planes, scales, last_pair, out, o + v, pitch,
                        False, begin,
                    )  # fmt: skip
        return
    for k in range(0, words, block):
        n = min(block, words - k)
        for n_tile in range(tiles):
            o = at + n_tile * ROWS * pitch
            for pair in range(first_pair, last_pair):
                x = planes[pair, 0] * a_plane + (row + n_tile * ROWS) * words + k
                y = b_at + planes[pair, 1] * b_plane + k * PANEL
                adds = pair > first_pair or k > 0
                u, s, t = (0, 1, 0) if wide else (begin, scales[pair, 0], scales[pair, 1])
                if vectors == 4 and kind == XOR:
                    XOR4(a, x, words, a_plane, b, y, b_plane, n, out, o, pitch, adds, u, s, t)
                elif vectors == 4 and kind == AND:
                    AND4(a, x, words, a_plane, b, y, b_plane, n, out, o, pitch, adds, u, s, t)
                elif vectors == 4 and kind == TERNARY_COLUMNS:
                    COLUMNS4(a, x, words, a_plane, b, y, b_plane, n, out, o, pitch, adds, u, s, t)
                elif vectors == 4 and kind == TERNARY_ROWS:
                    ROWS4(a, x, words, a_plane, b, y, b_plane, n, out, o, pitch, adds, u, s, t)
                elif vectors == 4:
                    for v in range(0, PANEL, 2 * LANES):
                        TERNARY2(a, x, words, a_plane, b, y + v, b_plane, n, out, o + v, pitch, adds, u, s, t)
                else:
                    for v in range(0, vectors * LANES, LANES):
                        if kind == XOR:
                            XOR1(a, x, words, a_plane, b, y + v, b_plane, n, out, o + v, pitch, adds, u, s, t)
                        elif kind == AND:
                            AND1(a, x, words, a_plane, b, y + v, b_plane, n, out, o + v, pitch, adds, u, s, t)
                        elif kind == TERNARY_COLUMNS:
                            COLUMNS1(a, x, words, a_plane, b, y + v, b_plane, n, out, o + v, pitch, adds, u, s, t)
                        elif kind == TERNARY_ROWS:
                            ROWS1(a, x, words, a_plane, b, y + v, b_plane, n, out, o + v, pitch, adds, u, s, t)
                        else:
                            TERNARY1(a, x, words, a_plane, b, y + v, b_plane, n, out, o + v, pitch, adds, u, s, t)


@kernel
def row_terms(
    a: NDArray[np.uint32], first: int, plane: int, words: int, factors: NDArray[Any], terms: NDArray[Any]
) -> None:
    """terms[i] = sum over planes of factor * set bits of row ``first + i``; planes are ``plane`` words apart."""
    terms[:] = 0
    for p in range(factors.size):
        if factors[p] != 0:
            for i in range(terms.size):
                count = 0
                for k in range(words):
                    count += set_bits(a[p * plane + (first + i) * words + k])
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


@kernel
def products(
    job: Product, a: NDArray[np.uint32], all_rows: int, first: int, rows: int, b: NDArray[np.uint32], panel: int,
    columns: int, narrow: NDArray[np.int32], sums: NDArray[Any], column: int,
) -> None:  # fmt: skip
    """``sums[i, column + j]`` for ``rows`` rows from ``first`` on and ``columns`` columns from a panel on.

    If ``narrow`` has any room, sums are of 32 bits and go there. ``a`` is flat, [planes, ``all_rows``, words], and
    three rows behind those asked for can be read; ``b`` [planes, panels, words, 64].
    """
    words = b.shape[2]
    plane, lanes, direct = all_rows * words, b.reshape(-1), narrow.reshape(-1)
    b_plane = b.shape[1] * words * PANEL
    pairs, fours, start = job.planes.shape[0], rows // ROWS, int(job.start)
    counts = np.empty((CHUNK, PANEL), np.int32)
    scratch, pitch = counts.reshape(-1), counts.shape[1]
    # no literals: ``multiply`` would be compiled anew for each combination of them
    wide, zero = narrow.size == 0, columns - columns
    left = np.empty(rows if job.terms else 0, job.factors.dtype)
    right = np.empty(columns if job.terms else 0, job.factors.dtype)
    if job.terms:
        row_terms(a, first, plane, words, job.row_factors, left)
        column_terms(b, panel, job.column_factors, right)
    for j in range(0, columns, PANEL):
        width = min(PANEL, columns - j)
        vectors, at = -(-width // LANES), (panel + j // PANEL) * words * PANEL
        done = 0
        if narrow.size and width == PANEL:
            done = fours * ROWS
            multiply(
                job.kind, job.planes, job.scales, start, zero, pairs, a, first, plane, words, fours, lanes, at, b_plane,
                vectors, direct, column + j, narrow.shape[1], wide,
            )  # fmt: skip
        for i in range(done, rows, CHUNK):
            height = min(CHUNK, rows - i)
            tiles = -(-height // ROWS)
            if narrow.size:
                multiply(
                    job.kind, job.planes, job.scales, start, zero, pairs, a, first + i, plane, words, tiles, lanes, at,
                    b_plane, vectors, scratch, zero, pitch, wide,
                )  # fmt: skip
                for r in range(height):
                    for c in range(width):
                        narrow[i + r, column + j + c] = counts[r, c]
            else:
                for r in range(height):
                    for c in range(width):
                        sums[i + r, column + j + c] = job.start
                for pair in range(pairs):
                    multiply(
                        job.kind, job.planes, job.scales, zero, pair, pair + 1, a, first + i, plane, words, tiles,
                        lanes, at, b_plane, vectors, scratch, zero, pitch, wide,
                    )  # fmt: skip
                    for r in range(height):
                        for c in range(width):
                            sums[i + r, column + j + c] += job.factors[pair] * counts[r, c]
        if job.terms:
            for r in range(rows):
                for c in range(j, j + width):
                    if narrow.size:
                        narrow[r, column + c] += int(left[r] + right[c])
                    else:
                        sums[r, column + c] += left[r] + right[c]
