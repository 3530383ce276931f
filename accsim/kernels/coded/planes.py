"""Compiled convolutions that add planes of inputs, or of their inner products, before or instead of multiplying."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel
from accsim.kernels.windows import Window


@kernel
def add_windows(plane: NDArray[Any], factor: Any, r: int, s: int, window: Window, sums: NDArray[Any]) -> None:
    """sums[p, q] += factor * the pixel of ``plane`` [H, W] under tap (r, s) of window (p, q); padding is zero."""
    height, width = plane.shape
    for p in range(window.P):
        row = p * window.stride_h + r * window.dilation_h - window.pad_top
        if 0 <= row < height:
            offset = s * window.dilation_w - window.pad_left
            first = max(-(offset // window.stride_w), 0)
            last = min(window.Q, (width - 1 - offset) // window.stride_w + 1)
            for q in range(first, last):
                sums[p, q] += factor * plane[row, q * window.stride_w + offset]


@kernel
def product_codebook(
    ifmap: NDArray[Any], words: NDArray[Any], indices: NDArray[Any], window: Window, outputs: NDArray[Any]
) -> None:
    """Inner products of every sub-vector of inputs with every codeword, once; then one addition per weight sub-vector.

    ``ifmap`` [N, C, H, W], ``words`` [G, subspaces, K, d], ``indices`` [G, filters, subspaces, R, S], ``outputs``
    [N, G, filters, P, Q], zeros before.
    """
    groups, subspaces, entries, length = words.shape
    table = np.empty((entries, ifmap.shape[2], ifmap.shape[3]), ifmap.dtype)
    one = words.dtype.type(1)
    for n in range(ifmap.shape[0]):
        for g in range(groups):
            for space in range(subspaces):
                table[:] = 0
                for entry in range(entries):
                    for d in range(length):
                        number = words[g, space, entry, d]
                        plane = ifmap[n, (g * subspaces + space) * length + d]
                        for h in range(plane.shape[0]):
                            for w in range(plane.shape[1]):
                                table[entry, h, w] += number * plane[h, w]
                for m in range(indices.shape[1]):
                    for r in range(window.R):
                        for s in range(window.S):
                            add_windows(table[indices[g, m, space, r, s]], one, r, s, window, outputs[n, g, m])


@kernel
def kernel_clusters(
    ifmap: NDArray[Any], centroids: NDArray[Any], indices: NDArray[Any], scales: NDArray[Any], window: Window,
    outputs: NDArray[Any],
) -> None:  # fmt: skip
    """Input planes are scaled and added per cluster; every cluster that occurs is convolved once.

    ``centroids`` [K, R, S], ``indices`` and ``scales`` [G, filters, C / G], ``outputs`` [N, G, filters, P, Q], zeros
    before.
    """
    groups, filters, depth = indices.shape
    entries = centroids.shape[0]
    sums = np.empty((entries, ifmap.shape[2], ifmap.shape[3]), ifmap.dtype)
    for n in range(ifmap.shape[0]):
        for g in range(groups):
            for m in range(filters):
                seen = np.zeros(entries, np.bool_)
                for c in range(depth):
                    entry, plane, scale = indices[g, m, c], ifmap[n, g * depth + c], scales[g, m, c]
                    if not seen[entry]:
                        sums[entry] = 0
                    seen[entry] = True
                    for h in range(plane.shape[0]):
                        for w in range(plane.shape[1]):
                            sums[entry, h, w] += scale * plane[h, w]
                for entry in range(entries):
                    if seen[entry]:
                        for r in range(window.R):
                            for s in range(window.S):
                                add_windows(sums[entry], centroids[entry, r, s], r, s, window, outputs[n, g, m])
