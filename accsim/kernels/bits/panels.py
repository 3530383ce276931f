"""Compiled packing of columns into panels of 64: words [planes, panels, ceil(depth / 32), 64]."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bits.transpose import COLUMNS, DEPTH, pack_block
from accsim.kernels.jit import kernel

# Rows of 256 neighbouring values are read together: 64 would be one line of a cache out of every page.
STRIP = 4


@kernel
def pack_group(
    values: NDArray[Any], at: int, pitch: int, depth: int, columns: int, places: NDArray[np.int64],
    scratch: NDArray[Any], words: NDArray[np.uint32], word: int, panel: int,
) -> None:  # fmt: skip
    """One word of each of up to 64 columns of each plane: ``depth`` <= 32 rows of values ``pitch`` apart from ``at``.

    ``scratch`` [32 * 64] takes what does not fill a block and has nothing behind it that may be read.
    """
    inside = depth == DEPTH and (columns == COLUMNS or at + (DEPTH - 1) * pitch + COLUMNS <= values.size)
    if not inside:
        scratch[:] = 0
        for k in range(depth):
            for j in range(columns):
                scratch[k * COLUMNS + j] = values[at + k * pitch + j]
    source, place, step = (values, at, pitch) if inside else (scratch, 0, COLUMNS)
    flat = words.reshape(-1)
    for p in range(places.size):
        there = ((p * words.shape[1] + panel) * words.shape[2] + word) * COLUMNS
        pack_block(source, place, step, places[p], flat, there)
        for j in range(columns, COLUMNS):
            flat[there + j] = 0


@kernel
def positive(words: NDArray[np.uint32], panel: int, word: int) -> None:
    """Of the bits 0 and the signs of ternary numbers, masks of the positive and the negative ones."""
    for j in range(COLUMNS):
        words[0, panel, word, j] &= ~words[1, panel, word, j]


@kernel
def pack_strip(
    values: NDArray[Any], pitch: int, depth: int, first: int, columns: int, places: NDArray[np.int64], ternary: bool,
    scratch: NDArray[Any], words: NDArray[np.uint32], panel: int,
) -> None:  # fmt: skip
    """Columns ``first`` on of a matrix whose rows are ``pitch`` long, into the panels from ``panel`` on."""
    for k in range(0, depth, DEPTH):
        word = k // DEPTH
        for j in range(0, columns, COLUMNS):
            pack_group(
                values, k * pitch + first + j, pitch, min(DEPTH, depth - k), min(COLUMNS, columns - j), places,
                scratch, words, word, panel + j // COLUMNS,
            )  # fmt: skip
            if ternary:
                positive(words, panel + j // COLUMNS, word)


@kernel
def pack(
    values: NDArray[Any], depth: int, columns: int, places: NDArray[np.int64], ternary: bool,
    words: NDArray[np.uint32],
) -> None:  # fmt: skip
    """All columns of a matrix [depth, columns]."""
    scratch = np.empty(DEPTH * COLUMNS, values.dtype)
    for first in range(0, columns, STRIP * COLUMNS):
        width = min(STRIP * COLUMNS, columns - first)
        pack_strip(values, columns, depth, first, width, places, ternary, scratch, words, first // COLUMNS)
