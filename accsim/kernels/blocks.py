"""Compiled drivers of a convolution: gather a panel of inputs that stays in cache, multiply it by every filter, store.

``outputs`` is [N, G, M, P * Q] and ``weight`` [G, M, taps] with M filters per group, ``ifmap`` [N, C, H, W].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.accumulator import Rule
from accsim.kernels.jit import kernel
from accsim.kernels.lanes import accumulate, accumulate_dots, accumulate_limbs, accumulate_shifted
from accsim.kernels.ranges import store, store_limbs
from accsim.kernels.windows import Window, gather

# A panel of 256 taps x 256 positions of 4 bytes fits a second-level cache beside the sums of some hundred filters.
TAPS = 256
POSITIONS = 256
FEW = 16


@kernel
def convolve(
    ifmap: NDArray[np.int32], weight: NDArray[np.int32], window: Window, rule: Rule, outputs: NDArray[np.int64]
) -> int:
    """Every sum fits 64 bits. Returns the number of outputs that overflow the accumulator."""
    groups, filters, depth = weight.shape
    channels = depth // (window.R * window.S)
    positions = ifmap.shape[0] * window.P * window.Q
    scratch = np.empty(TAPS * POSITIONS, ifmap.dtype)
    overflows = 0
    for g in range(groups):
        for first in range(0, positions, POSITIONS):
            width = min(POSITIONS, positions - first)
            panel = scratch[: TAPS * width].reshape((TAPS, width))
            sums = np.zeros((filters, width), np.int64)
            for k0 in range(0, depth, TAPS):
                taps = min(TAPS, depth - k0)
                gather(ifmap, g * channels, window, k0, taps, first, panel)
                if width < FEW:
                    accumulate_dots(weight[g], k0, panel[:taps].T.copy(), rule, sums)
                elif rule.shift:
                    accumulate_shifted(weight[g], k0, panel, taps, width, rule, sums)
                else:
                    accumulate(weight[g], k0, panel, taps, width, sums)
            done = 0
            while done < width:
                n, position = divmod(first + done, window.P * window.Q)
                stop = min(done + window.P * window.Q - position, width)
                overflows += store(sums[:, done:stop], rule, outputs[n, g, :, position : position + stop - done])
                done = stop
    return overflows


@kernel
def convolve_limbs(
    ifmap: NDArray[np.int64], weight: NDArray[np.int64], window: Window, rule: Rule, outputs: NDArray[np.int64]
) -> int:
    """Sums of up to 2**30 products of 32 x 32 bits. Returns the number of outputs that overflow the accumulator."""
    groups, filters, depth = weight.shape
    channels = depth // (window.R * window.S)
    positions = ifmap.shape[0] * window.P * window.Q
    scratch = np.empty(TAPS * POSITIONS, ifmap.dtype)
    overflows = 0
    for g in range(groups):
        for first in range(0, positions, POSITIONS):
            width = min(POSITIONS, positions - first)
            panel = scratch[: TAPS * width].reshape((TAPS, width))
            high, low = np.zeros((filters, width), np.int64), np.zeros((filters, width), np.int64)
            for k0 in range(0, depth, TAPS):
                taps = min(TAPS, depth - k0)
                gather(ifmap, g * channels, window, k0, taps, first, panel)
                accumulate_limbs(weight[g], k0, panel, taps, width, rule, high, low)
            done = 0
            while done < width:
                n, position = divmod(first + done, window.P * window.Q)
                stop = min(done + window.P * window.Q - position, width)
                part = outputs[n, g, :, position : position + stop - done]
                overflows += store_limbs(high[:, done:stop], low[:, done:stop], rule, part)
                done = stop
    return overflows
