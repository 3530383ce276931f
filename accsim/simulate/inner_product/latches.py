"""Compiled: what the registers of an inner-product tile take at the start of a step, and where finished sums go."""

from __future__ import annotations

from typing import Any

import numpy as np

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


@kernel
def take_kept(weight: Any, w: Any, picks: Any, rows: Any, blocks: Any, base: Any, per_group: int, n: int) -> None:
    """The weights of filters ``rows`` that blocks keep, and which of the activations brought each one picks.

    Args:
        blocks: [blocks, (c, r, s, words)].
        n: words that a block keeps at most; a place for one that it does not have stays 0.
    """
    for i in range(rows.shape[0]):
        m = base[1] * per_group + rows[i] + base[2]
        place = brought = 0
        for b in range(blocks.shape[0]):
            room = place + min(n, blocks[b, 3])
            for c in range(blocks[b, 3]):
                word = weight[m, blocks[b, 0] + c + base[3], blocks[b, 1] + base[6], blocks[b, 2] + base[7]]
                if word != 0:
                    w[i, place], picks[i, place] = word, brought + c
                    place += 1
            for empty in range(place, room):
                w[i, empty], picks[i, empty] = 0, brought
            place = room
            brought += blocks[b, 3]


@kernel
def take_codes(w: Any, codes: Any, r: int, n: int, table: Any) -> None:
    """The place in the table of each of the weights of ``r`` rows and ``n`` lanes."""
    for i in range(r):
        for k in range(n):
            codes[i, k] = np.searchsorted(table, w[i, k])
