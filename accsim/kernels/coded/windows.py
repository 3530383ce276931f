"""Compiled convolutions whose weights are read as they are stored: an index, or the place of a single bit.

``weight`` [G, filters, taps] holds codes, ``outputs`` is [N, G, filters, P * Q]; they share one type.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel
from accsim.kernels.windows import Window, gather

POSITIONS = 128
LOOKUP, BINS, SHIFT = range(3)


@kernel
def look_up(codes: NDArray[Any], book: NDArray[Any], panel: NDArray[Any], sums: NDArray[Any]) -> None:
    """sums[j] = sum over k of book[codes[k]] * panel[k, j]."""
    sums[:] = 0
    for k in range(codes.size):
        number = book[codes[k]]
        for j in range(sums.size):
            sums[j] += number * panel[k, j]


@kernel
def collect(
    codes: NDArray[Any], book: NDArray[Any], panel: NDArray[Any], bins: NDArray[Any], sums: NDArray[Any]
) -> None:
    """The same: inputs are added up per entry of the book, and each entry multiplies once."""
    bins[:] = 0
    for k in range(codes.size):
        entry = codes[k]
        for j in range(sums.size):
            bins[entry, j] += panel[k, j]
    sums[:] = 0
    for entry in range(book.size):
        for j in range(sums.size):
            sums[j] += book[entry] * bins[entry, j]


@kernel
def shift(codes: NDArray[Any], panel: NDArray[Any], sums: NDArray[Any]) -> None:
    """sums[j] = sum over k of panel[k, j] << (|code| - 1), with the code's sign; nothing for a code of 0."""
    sums[:] = 0
    for k in range(codes.size):
        code = codes[k]
        if code > 0:
            for j in range(sums.size):
                sums[j] += panel[k, j] << (code - 1)
        elif code < 0:
            for j in range(sums.size):
                sums[j] -= panel[k, j] << (-code - 1)


@kernel
def over_panels(
    method: int, ifmap: NDArray[Any], weight: NDArray[Any], book: NDArray[Any], window: Window, outputs: NDArray[Any]
) -> None:
    """Gather the inputs under 128 windows, multiply them by every filter."""
    groups, filters, taps = weight.shape
    area = window.P * window.Q
    positions = ifmap.shape[0] * area
    for g in range(groups):
        for first in range(0, positions, POSITIONS):
            width = min(POSITIONS, positions - first)
            panel, sums = np.empty((taps, width), ifmap.dtype), np.empty(width, ifmap.dtype)
            bins = np.empty((book.size, width), ifmap.dtype)
            gather(ifmap, g * (taps // (window.R * window.S)), window, 0, taps, first, panel)
            for m in range(filters):
                if method == LOOKUP:
                    look_up(weight[g, m], book, panel, sums)
                else:
                    collect(weight[g, m], book, panel, bins, sums)
                for j in range(width):
                    n, position = divmod(first + j, area)
                    outputs[n, g, m, position] = sums[j]


@kernel
def shifted_panels(ifmap: NDArray[Any], weight: NDArray[np.int8], window: Window, outputs: NDArray[Any]) -> None:
    """The same for powers of two."""
    groups, filters, taps = weight.shape
    area = window.P * window.Q
    positions = ifmap.shape[0] * area
    for g in range(groups):
        for first in range(0, positions, POSITIONS):
            width = min(POSITIONS, positions - first)
            panel, sums = np.empty((taps, width), ifmap.dtype), np.empty(width, ifmap.dtype)
            gather(ifmap, g * (taps // (window.R * window.S)), window, 0, taps, first, panel)
            for m in range(filters):
                shift(weight[g, m], panel, sums)
                for j in range(width):
                    n, position = divmod(first + j, area)
                    outputs[n, g, m, position] = sums[j]
