"""Compiled packing of columns into panels of 64: words [planes, panels, ceil(depth / 32), 64]."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bits.transpose import COLUMNS, DEPTH, pack_block
from accsim.kernels.jit import kernel
from accsim.kernels.windows import Window, gather

# Rows of 256 neighbouring values are read together: 64 would be one line of a cache out of every page.
STRIP = 4


@kernel
def pack_planes(
    values: NDArray[Any], at: int, pitch: int, depth: int, places: NDArray[np.int64], words: NDArray[np.uint32],
    there: int, plane: int,
) -> None:  # fmt: skip
    """A block of ``depth`` x 64 values: 64 words of each plane, ``plane`` words apart."""
    for p in range(places.size):
        pack_block(values, at, pitch, depth - 1, places[p], words, there + p * plane)


@kernel
def pack_group(
    values: NDArray[Any], at: int, pitch: int, depth: int, columns: int, places: NDArray[np.int64], ternary: bool,
    scratch: NDArray[Any], words: NDArray[np.uint32], there: int, plane: int,
) -> None:  # fmt: skip
    """One word of each of up to 64 columns of each plane: ``depth`` <= 32 rows of values ``pitch`` apart from ``at``.

    Words are flat. ``scratch`` [32 * 64] takes what does not fill a block and has nothing behind it that may be read.
    """
    if columns == COLUMNS or at + (depth - 1) * pitch + COLUMNS <= values.size:
        pack_planes(values, at, pitch, depth, places, words, there, plane)
        for p in range(places.size):
            for j in range(columns, COLUMNS):
                words[there + p * plane + j] = 0
    else:
        scratch[:] = 0
        for k in range(depth):
            for j in range(columns):
                scratch[k * COLUMNS + j] = values[at + k * pitch + j]
        pack_planes(scratch, 0, COLUMNS, depth, places, words, there, plane)
    if ternary:  # bit 0 and the sign become masks of positive and of negative numbers
        for j in range(columns):
            words[there + j] &= ~words[there + plane + j]


@kernel
def pack(
    values: NDArray[Any], pitch: int, depth: int, start: int, columns: int, places: NDArray[np.int64], ternary: bool,
    words: NDArray[np.uint32],
) -> None:  # fmt: skip
    """``columns`` from ``start`` on of a matrix whose rows are ``pitch`` long; ``values`` and ``words`` are flat."""
    scratch = np.empty(DEPTH * COLUMNS, values.dtype)
    length, plane = -(-depth // DEPTH), words.size // places.size
    for first in range(0, columns, STRIP * COLUMNS):
        width = min(STRIP * COLUMNS, columns - first)
        whole = 0 if ternary else width - width % COLUMNS
        for k in range(length):
            at, there = k * DEPTH * pitch + start + first, (first // COLUMNS * length + k) * COLUMNS
            rows = min(DEPTH, depth - k * DEPTH)
            for j in range(0, whole, COLUMNS):
                for p in range(places.size):
                    pack_block(values, at + j, pitch, rows - 1, places[p], words, there + j * length + p * plane)
            for j in range(whole, width, COLUMNS):
                pack_group(
                    values, at + j, pitch, rows, min(COLUMNS, width - j), places, ternary,
                    scratch, words, there + j * length, plane,
                )  # fmt: skip


@kernel
def pack_windows(
    ifmap: NDArray[Any], channel: int, window: Window, depth: int, places: NDArray[np.int64], ternary: bool,
    words: NDArray[np.uint32],
) -> None:  # fmt: skip
    """The inputs under every window, ``depth`` taps from a channel on, a column per position, into ``words``, flat."""
    positions = ifmap.shape[0] * window.P * window.Q
    length, plane = -(-depth // DEPTH), words.size // places.size
    scratch, rows = np.empty(DEPTH * COLUMNS, ifmap.dtype), np.empty(DEPTH * STRIP * COLUMNS, ifmap.dtype)
    for first in range(0, positions, STRIP * COLUMNS):
        width = min(STRIP * COLUMNS, positions - first)
        for k in range(length):
            taps = min(DEPTH, depth - k * DEPTH)
            flat = rows[: taps * width]
            gather(ifmap, channel, window, k * DEPTH, taps, first, flat.reshape((taps, width)))
            for j in range(0, width, COLUMNS):
                there = ((first + j) // COLUMNS * length + k) * COLUMNS
                pack_group(flat, j, width, taps, min(COLUMNS, width - j), places, ternary, scratch, words, there, plane)
