"""Compressed sparse columns as sparse machines hold them: pairs of a count of zeros and a word (Han et al., 2016)."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from accsim.kernels.jit import part

Words = NDArray[Any]


@part
def encode(column: Words, length: int, count_bits: int, counts: Words, values: Words) -> int:
    """Write a column's pairs and return how many they are.

    More than 2^count_bits - 1 zeros before a word are cut by fillers, pairs whose word is zero. Zeros after the last
    word are not stored.
    """
    most, run, n, end = (1 << count_bits) - 1, 0, 0, length
    while end > 0 and column[end - 1] == 0:
        end -= 1
    for i in range(end):
        if column[i] != 0 or run == most:
            counts[n], values[n] = run, column[i]
            n, run = n + 1, 0
        else:
            run += 1
    return n
