"""Compiled: how many terms every word has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel


@kernel
def term_counts(words: NDArray[np.int64], booth: bool) -> NDArray[np.uint8]:
    """Terms of the magnitudes of integers of at most 32 bits, as ``groups.terms`` counts them.

    Bits are counted as in Warren, "Hacker's Delight", section 5-1.
    """
    out = np.empty(words.size, np.uint8)
    flat = words.reshape(-1)
    for i in range(words.size):
        v = np.uint64(abs(np.int64(flat[i])))
        if booth:
            v = v ^ (np.uint64(3) * v)
        v = v - ((v >> np.uint64(1)) & np.uint64(0x5555555555555555))
        v = (v & np.uint64(0x3333333333333333)) + ((v >> np.uint64(2)) & np.uint64(0x3333333333333333))
        v = (v + (v >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        out[i] = (v * np.uint64(0x0101010101010101)) >> np.uint64(56)
    return out.reshape(words.shape)


@kernel
def over_windows(a: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Terms, and words that have some, under each place of a filter, over all windows of a tile.

    Args:
        a: [N, G, C, P, Q, R, S].

    Returns:
        Two arrays [G C R S].
    """
    batch, groups, channels, rows, cols, high, wide = a.shape
    of, some = np.zeros(groups * channels * high * wide, np.int64), np.zeros(groups * channels * high * wide, np.int64)
    k = 0
    for g in range(groups):
        for c in range(channels):
            for r in range(high):
                for s in range(wide):
                    for n in range(batch):
                        for p in range(rows):
                            for q in range(cols):
                                found = a[n, g, c, p, q, r, s]
                                of[k] += found
                                some[k] += found > 0
                    k += 1
    return of, some


@kernel
def over_filters(w: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Terms, and words that have some, under each place of a filter, over all filters of a tile.

    Args:
        w: contiguous, [G, M, C R S].

    Returns:
        Two arrays [G C R S].
    """
    groups, filters, places = w.shape
    of, some = np.zeros(groups * places, np.int64), np.zeros(groups * places, np.int64)
    of_one, some_one = np.zeros(places, np.int32), np.zeros(places, np.int32)
    for g in range(groups):
        of_one[:] = 0
        some_one[:] = 0
        for m in range(filters):
            line = w[g, m]
            for k in range(places):
                of_one[k] += line[k]
                some_one[k] += line[k] > 0
        of[g * places : (g + 1) * places] = of_one
        some[g * places : (g + 1) * places] = some_one
    return of, some
