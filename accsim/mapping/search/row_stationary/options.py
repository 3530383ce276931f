"""Compiled: what the choices of one part of a mapping come to, less those that another choice makes pointless.

A choice is pointless when another one needs no more of any resource and is in no respect dearer. Both are columns, all
to be small, so a row is left out only if an earlier one is no larger in any column.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accsim.kernels.jit import kernel

Rows = npt.NDArray[np.int64]


@kernel
def undominated(rows: Rows) -> Rows:
    """Indices of the rows [i, column], sorted, that have no earlier row no larger in every column."""
    kept = np.empty(rows.shape[0], np.int64)
    n = 0
    for i in range(rows.shape[0]):
        dominated = False
        for k in range(n - 1, -1, -1):
            j = kept[k]
            smaller = True
            for c in range(rows.shape[1]):
                if rows[j, c] > rows[i, c]:
                    smaller = False
                    break
            if smaller:
                dominated = True
                break
        if not dominated:
            kept[n] = i
            n += 1
    return kept[:n]


@kernel
def channel_options(channels: int, q_most: int, r_most: int, cut: bool) -> Rows:
    """Options for ``channels``, with at most ``q_most`` per PE and ``r_most`` sets, one row each.

    Columns: q, r, the largest block, the number of blocks, PE sets and channels per PE summed over the blocks, and the
    PE sets of the largest block. r is never larger than all channels need, which a smaller q gives as well, unless
    filters are ``cut``: then a smaller q may cut them otherwise.
    """
    out = np.empty((min(q_most, channels) * min(r_most, channels), 7), np.int64)
    n = 0
    for q in range(1, min(q_most, channels) + 1):
        for r in range(1, min(r_most, channels if cut else -(-channels // q)) + 1):
            block = min(q * r, channels)
            full, rest = channels // block, channels % block
            per_full = -(-block // r)
            sets_full = -(-block // per_full)
            blocks, sets, each = full, full * sets_full, full * per_full
            if rest:
                per_rest = -(-rest // r)
                blocks += 1
                each += per_rest
                sets += -(-rest // per_rest)
            out[n, 0] = q
            out[n, 1] = r
            out[n, 2] = block
            out[n, 3] = blocks
            out[n, 4] = sets
            out[n, 5] = each
            out[n, 6] = sets_full
            n += 1
    return out[:n]
