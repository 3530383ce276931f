"""Compiled multiplication by weights that are stored as N places of every M, with the index of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel
from accsim.simulate.sparse.window import Window

CYCLES, MULTIPLIES, PADDING, FRAGMENTATION, UNMAPPED = range(5)


@kernel
def store(weight: NDArray[np.int64], n: int, m: int, words: NDArray[np.int64], index: NDArray[np.int64]) -> int:
    """Store rows [filters, K] as N places per block; returns 1 + filter x K + k of the first word too many, or 0."""
    depth = weight.shape[1]
    for k in range(weight.shape[0]):
        place = 0
        for block in range(0, depth, m):
            end = min(block + m, depth)
            places, used = min(n, end - block), 0
            for i in range(block, end):
                if weight[k, i] != 0:
                    if used == places:
                        return int(1 + k * depth + i)
                    words[k, place + used], index[k, place + used] = weight[k, i], i - block
                    used += 1
            place += places
    return 0


@kernel
def step(
    ifmap: NDArray[np.int64], words: NDArray[np.int64], index: NDArray[np.int64], taps: tuple[int, int], at: Window,
    n: int, m: int, depth: int, units: int, lanes: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
    """Run a layer; sums [N, M, P, Q] and counters.

    Args:
        ifmap: channels last, [N, H, W, C].
        words, index: what ``store`` gives of weights [M, R x S x C / G], channels innermost.
        depth: channels of a group.
    """
    out = np.zeros(5, np.int64)
    batch, height, width = ifmap.shape[0], ifmap.shape[1], ifmap.shape[2]
    per_group, places, total = words.shape[0] // at.groups, words.shape[1], taps[0] * taps[1] * depth
    result = np.zeros((batch, words.shape[0], at.p, at.q), np.int64)
    window = np.empty(total, np.int64)
    for b in range(batch):
        for p in range(at.p):
            for q in range(at.q):
                for g in range(at.groups):
                    for i in range(total):
                        tap, c = i // depth, i % depth
                        y = p * at.stride_h + tap // taps[1] * at.dilation_h - at.top
                        x = q * at.stride_w + tap % taps[1] * at.dilation_w - at.left
                        inside = 0 <= y < height and 0 <= x < width
                        window[i] = ifmap[b, y, x, g * depth + c] if inside else 0
                    for first in range(g * per_group, (g + 1) * per_group, units):
                        last = min(first + units, (g + 1) * per_group)
                        place = 0
                        while place < places:  # a cycle: every unit takes as many places as it has lanes
                            out[CYCLES] += 1
                            out[UNMAPPED] += (units - (last - first)) * lanes
                            for k in range(first, last):
                                for lane in range(lanes):
                                    j = place + lane
                                    if j >= places:
                                        out[FRAGMENTATION] += 1
                                    elif words[k, j] == 0:
                                        out[PADDING] += 1
                                    else:  # the multiplexer picks one of the block's M activations
                                        chosen = window[j // n * m + index[k, j]]
                                        result[b, k, p, q] += words[k, j] * chosen
                                        out[MULTIPLIES] += 1
                            place += lanes
    return result, out
