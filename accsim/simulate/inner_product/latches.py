"""Compiled: what the registers of an inner-product tile take at the start of a step, and where finished sums go."""

from __future__ import annotations

from typing import Any

from accsim.kernels.jit import kernel


@kernel
def take_activations(
    ifmap: Any, a: Any, cols: Any, lanes: Any, base: Any, stride_h: int, stride_w: int, dilation_h: int,
    dilation_w: int, pad_top: int, pad_left: int, per_group: int,
) -> tuple[int, int]:  # fmt: skip
    """Activations of windows ``cols`` [columns, (n, p, q)] under ``lanes`` [lanes, (c, r, s)], padding as 0.

    Args:
        base: what the folds add: n, g, m, c, p, q, r, s.

    Returns:
        Words that were read, which padding is not, and how many of all words are 0.
    """
    read = zeros = 0
    for j in range(cols.shape[0]):
        n, p, q = cols[j, 0] + base[0], cols[j, 1] + base[4], cols[j, 2] + base[5]
        for k in range(lanes.shape[0]):
            c = base[1] * per_group + lanes[k, 0] + base[3]
            y = p * stride_h + (lanes[k, 1] + base[6]) * dilation_h - pad_top
            x = q * stride_w + (lanes[k, 2] + base[7]) * dilation_w - pad_left
            if 0 <= y < ifmap.shape[2] and 0 <= x < ifmap.shape[3]:
                a[j, k] = ifmap[n, c, y, x]
                read += 1
            else:
                a[j, k] = 0
            zeros += a[j, k] == 0
    return read, zeros


@kernel
def take_weights(weight: Any, w: Any, rows: Any, lanes: Any, base: Any, per_group: int) -> int:
    """Weights of filters ``rows`` [rows] under ``lanes``; how many of them are 0."""
    zeros = 0
    for i in range(rows.shape[0]):
        m = base[1] * per_group + rows[i] + base[2]
        for k in range(lanes.shape[0]):
            w[i, k] = weight[m, lanes[k, 0] + base[3], lanes[k, 1] + base[6], lanes[k, 2] + base[7]]
            zeros += w[i, k] == 0
    return zeros


@kernel
def give_sums(sums: Any, acc: Any, rows: Any, cols: Any, base: Any, per_group: int) -> None:
    """Accumulators are added to the sums ``sums`` [N, M, P, Q] of the layer, and begin at 0 again."""
    for i in range(rows.shape[0]):
        m = base[1] * per_group + rows[i] + base[2]
        for j in range(cols.shape[0]):
            sums[cols[j, 0] + base[0], m, cols[j, 1] + base[4], cols[j, 2] + base[5]] += acc[i, j]
            acc[i, j] = 0
