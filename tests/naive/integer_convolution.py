"""A convolution of integers in NumPy's int64, tap by tap."""

from __future__ import annotations

import numpy as np

from accsim.workload.layer import Geometry


def convolve(ifmap: np.ndarray, weight: np.ndarray, g: Geometry) -> np.ndarray:
    """[N, C, H, W] and [M, C / G, R, S] give [N, M, P, Q]."""
    padded = np.pad(
        ifmap.astype(np.int64), ((0, 0), (0, 0), (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right))
    )  # fmt: skip
    out = np.zeros((g.N, g.M, g.P, g.Q), np.int64)
    for m in range(g.M):
        first = m // g.filters_per_group * g.channels_per_group
        for p in range(g.P):
            for q in range(g.Q):
                rows = p * g.stride_h + np.arange(g.R) * g.dilation_h
                cols = q * g.stride_w + np.arange(g.S) * g.dilation_w
                window = padded[:, first : first + g.channels_per_group][:, :, rows][:, :, :, cols]
                out[:, m, p, q] = (window * weight[m].astype(np.int64)).sum(axis=(1, 2, 3))
    return out
