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
