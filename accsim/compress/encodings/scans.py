"""Compiled passes over a tensor that count what an encoding would store, without building it.

Shapes: ``values`` unsigned [n] or [rows, cols]: the words of a tensor, viewed as unsigned integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel

Words = NDArray[Any]
Integers = NDArray[np.int64]


@kernel
def histogram(values: Words, mask: int, counts: Integers) -> None:
    """Add one to ``counts[value & mask]`` for every word."""
    for value in values:
        counts[np.int64(value) & mask] += 1


@kernel
def fillers_of_rows(values: Words, fillers: Integers) -> int:
    """Add to ``fillers[k]`` floor(z / 2^k) for each run of z zeros before a non-zero word; zeros after the last one.

    Args:
        fillers: int64 [64].
    """
    zeros = 0
    for value in values:
        if value == 0:
            zeros += 1
            continue
        k = 0
        while zeros:
            fillers[k] += zeros
            zeros >>= 1
            k += 1
    return zeros


@kernel
def fillers_of_columns(values: Words, width: int) -> int:
    """Sum over the columns of floor(z / 2^width), z the zeros of the column between two non-zero words of it.

    The rows are walked in storage order, with the last non-zero row of every column at hand.
    """
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
def gap_histogram(values: Words, width: int, counts: Integers) -> None:
    """Count the gap fields of a relative index: z mod 2^width before each non-zero, 2^width - 1 of each filler."""
    zeros, longest = 0, (1 << width) - 1
    for value in values:
        if value == 0:
            zeros += 1
            continue
        counts[longest] += zeros >> width
        counts[zeros & longest] += 1
        zeros = 0
