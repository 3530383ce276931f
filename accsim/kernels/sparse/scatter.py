"""Compiled sparse convolutions: sparse weights over gathered windows, sparse inputs scattered to what they reach."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel
from accsim.kernels.sparse.products import csr_dense
from accsim.kernels.windows import Window, gather

POSITIONS = 128


@kernel
def sparse_weights(
    values: NDArray[Any], places: NDArray[np.int32], starts: NDArray[np.int64], ifmap: NDArray[Any], window: Window,
    taps: int, outputs: NDArray[Any],
) -> None:  # fmt: skip
    """Sparse filters times the inputs under 128 windows; ``outputs`` [N, G, filters, P * Q]."""
    _, groups, filters, area = outputs.shape
    positions = ifmap.shape[0] * area
    for g in range(groups):
        for first in range(0, positions, POSITIONS):
            width = min(POSITIONS, positions - first)
            panel, sums = np.empty((taps, width), ifmap.dtype), np.empty((filters, width), ifmap.dtype)
            gather(ifmap, g * (taps // (window.R * window.S)), window, 0, taps, first, panel)
            never = width < 0  # a literal would have ``csr_dense`` compiled anew
            csr_dense(values, places, starts, g * filters, filters, panel, never, sums)
            for j in range(width):
                n, position = divmod(first + j, area)
                for m in range(filters):
                    outputs[n, g, m, position] = sums[m, j]


@kernel
def reach(row: int, tap: int, pad: int, stride: int, dilation: int, outputs: int) -> int:
    """The window along one axis that meets ``row`` with ``tap``, or -1."""
    start = row + pad - tap * dilation
    if start < 0 or start % stride or start // stride >= outputs:
        return -1
    return start // stride


@kernel
def sparse_inputs(
    values: NDArray[Any], places: NDArray[np.int32], starts: NDArray[np.int64], shape: tuple[int, int, int, int],
    weight: NDArray[Any], window: Window, outputs: NDArray[Any],
) -> None:  # fmt: skip
    """Every input that is not zero times the weights it meets; ``weight`` [G, C / G, R, S, filters], ``outputs`` [N, P,
    Q, G, filters], zeros before.
    """
    depth = weight.shape[1]
    for line in range(shape[0] * shape[1]):
        n, channel = divmod(line, shape[1])
        g, c = divmod(channel, depth)
        for t in range(starts[line], starts[line + 1]):
            row, column = divmod(places[t], shape[3])
            for r in range(window.R):
                p = reach(row, r, window.pad_top, window.stride_h, window.dilation_h, window.P)
                if p >= 0:
                    for s in range(window.S):
                        q = reach(column, s, window.pad_left, window.stride_w, window.dilation_w, window.Q)
                        if q >= 0:
                            for m in range(outputs.shape[4]):
                                outputs[n, p, q, g, m] += values[t] * weight[g, c, r, s, m]


@kernel
def sparse_both(
    values: NDArray[Any], places: NDArray[np.int32], starts: NDArray[np.int64], shape: tuple[int, int, int, int],
    weights: NDArray[Any], filters: NDArray[np.int64], taps: NDArray[np.int64], channels: NDArray[np.int64],
    window: Window, outputs: NDArray[Any],
) -> None:  # fmt: skip
    """All pairs of an input and a weight of the same channel (Parashar et al., SCNN, ISCA 2017, as one PE).

    ``weights``, their filters and taps r * S + s lie channel after channel of the whole layer: channel c is
    ``channels[c] .. channels[c + 1]``. ``outputs`` [N, P, Q, M], zeros before.
    """
    for line in range(shape[0] * shape[1]):
        n, channel = divmod(line, shape[1])
        for t in range(starts[line], starts[line + 1]):
            row, column = divmod(places[t], shape[3])
            for u in range(channels[channel], channels[channel + 1]):
                r, s = divmod(taps[u], window.S)
                p = reach(row, r, window.pad_top, window.stride_h, window.dilation_h, window.P)
                q = reach(column, s, window.pad_left, window.stride_w, window.dilation_w, window.Q)
                if p >= 0 and q >= 0:
                    outputs[n, p, q, filters[u]] += values[t] * weights[u]
