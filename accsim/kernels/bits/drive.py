"""Compiled drivers: pack a strip of columns, which stays in cache, and multiply it by every row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bits.panels import STRIP, pack_group, pack_strip
from accsim.kernels.bits.products import Product, products
from accsim.kernels.bits.transpose import COLUMNS, DEPTH
from accsim.kernels.jit import kernel
from accsim.kernels.windows import Window, gather

LINE = 16


@kernel
def aligned(count: int) -> NDArray[np.uint32]:
    """Room for words, from an address that is a multiple of 64 bytes on: no vector lies in two lines of a cache."""
    room = np.empty(count + LINE, np.uint32)
    first = -(room.ctypes.data // 4) % LINE
    return room[first : first + count]


@kernel
def multiply_packed(
    job: Product, a: NDArray[np.uint32], rows: int, b: NDArray[np.uint32], columns: int, narrow: NDArray[np.int32],
    sums: NDArray[Any],
) -> None:  # fmt: skip
    """``a`` [planes, rows, words], flat, with three rows behind it, times ``b`` [planes, panels, words, 64]."""
    products(job, a, rows, 0, rows, b, 0, columns, narrow, sums, 0)


@kernel
def multiply_values(
    job: Product, a: NDArray[np.uint32], rows: int, values: NDArray[Any], depth: int, columns: int,
    places: NDArray[np.int64], ternary: bool, narrow: NDArray[np.int32], sums: NDArray[Any],
) -> None:  # fmt: skip
    """The same, of ``values`` [depth * columns] that are packed on the way."""
    scratch = np.empty(DEPTH * COLUMNS, values.dtype)
    shape = (places.size, STRIP, -(-depth // DEPTH), COLUMNS)
    packed, plane = aligned(shape[0] * shape[1] * shape[2] * shape[3]), shape[1] * shape[2] * shape[3]
    b = packed.reshape(shape)
    for first in range(0, columns, STRIP * COLUMNS):
        width = min(STRIP * COLUMNS, columns - first)
        pack_strip(values, columns, depth, first, width, places, ternary, scratch, packed, 0, plane)
        products(job, a, rows, 0, rows, b, 0, width, narrow, sums, first)


@kernel
def convolve(
    job: Product, a: NDArray[np.uint32], ifmap: NDArray[Any], window: Window, groups: int,
    depth: int, places: NDArray[np.int64], ternary: bool, narrow: bool, outputs: NDArray[Any],
) -> None:  # fmt: skip
    """``outputs`` [N, G, filters, P * Q]; ``a`` [planes, G * filters, words], flat, and three rows; ``ifmap`` [N, C, H, W]."""
    filters = outputs.shape[2]
    area = window.P * window.Q
    positions = ifmap.shape[0] * area
    scratch = np.empty(DEPTH * COLUMNS, ifmap.dtype)
    rows = np.empty(DEPTH * STRIP * COLUMNS, ifmap.dtype)
    shape = (places.size, STRIP, -(-depth // DEPTH), COLUMNS)
    packed, plane = aligned(shape[0] * shape[1] * shape[2] * shape[3]), shape[1] * shape[2] * shape[3]
    b = packed.reshape(shape)
    for g in range(groups):
        for first in range(0, positions, STRIP * COLUMNS):
            width = min(STRIP * COLUMNS, positions - first)
            for k in range(0, depth, DEPTH):
                taps = min(DEPTH, depth - k)
                flat = rows[: taps * width]
                gather(ifmap, g * (depth // (window.R * window.S)), window, k, taps, first, flat.reshape((taps, width)))
                for j in range(0, width, COLUMNS):
                    there = (j // COLUMNS * shape[2] + k // DEPTH) * COLUMNS
                    pack_group(
                        flat, j, width, taps, min(COLUMNS, width - j), places, ternary, scratch, packed, there, plane
                    )
            thin = np.empty((filters, width) if narrow else (0, 0), np.int32)
            sums = np.empty((0, 0) if narrow else (filters, width), job.factors.dtype)
            products(job, a, groups * filters, g * filters, filters, b, 0, width, thin, sums, 0)
            done = 0
            while done < width:
                n, position = divmod(first + done, area)
                stop = min(done + area - position, width)
                for m in range(filters):
                    for j in range(done, stop):
                        outputs[n, g, m, position + j - done] = thin[m, j] if narrow else sums[m, j]
                done = stop
