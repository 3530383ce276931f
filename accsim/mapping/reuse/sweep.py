"""The search over all tilings of a layer, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from accsim.kernels.jit import kernel
from accsim.mapping.reuse.kernel import (
    PASS,
    PE,
    TILE,
    UNROLLED,
    C,
    Floats,
    Ints,
    M,
    N,
    P,
    Q,
    R,
    S,
    charge,
    handed_on,
    measure,
    register_words,
    waiting_words,
)


@kernel
def spread(
    rows: Ints,
    dim: int,
    axes: Ints,
    shape: Any,
    before: Ints,
    after: Ints,
) -> Any:
    """PEs per row and column in use with one more dimension unrolled; whether they are there.

    A dimension that may go both ways takes what the others leave, and comes last.
    """
    wanted = rows[dim, UNROLLED]
    after[0], after[1] = before[0], before[1]
    if axes[dim, 0] and axes[dim, 1]:
        return wanted <= (shape[0] // before[0]) * (shape[1] // before[1])
    if axes[dim, 0]:
        after[0] *= wanted
    elif axes[dim, 1]:
        after[1] *= wanted
    return after[0] <= shape[0] and after[1] <= shape[1]


@kernel
def try_all(
    options: Ints,
    starts: Ints,
    windows_h: Ints,
    windows_w: Ints,
    bound: Ints,
    flow: Any,
    axes: Ints,
    strides: Ints,
    steps: Ints,
    machine: Any,
    costs: Any,
    slack: float,
    known: float,
    best: Ints,
    out: Floats,
) -> tuple[float, int, int]:
    """Try every tiling and keep the cheapest; or find how far energies vary among those that need little more.

    Dimensions are chosen in the order R S P Q C N, then M, whose options lie by unrolling, largest tile first. Of one
    unrolling a larger tile moves no word more often than a smaller one, but for what the buffer hands on, so what it
    costs without that is a lower bound for those after it, and the first tile that fits is the cheapest of them. The
    smallest is tried in any case: it is one pass, so it may stream what others must hold, and PEs may keep its weights
    while other loops run.

    Args:
        options: [n, 9] sizes of every dimension, one after the other.
        starts: [8] where each dimension's options begin.
        windows_h, windows_w: [P options, R options, 3] and [Q options, S options, 3], as for ``measure``.
        axes: [7, 2] whether a dimension is unrolled over rows and over columns; M alone may be over both.
        machine: (PE rows, PE columns, words of a register file, words of the buffer).
        costs: as for ``charge``.
        slack: 0 to find the cheapest; else (largest total to consider) / ``known``, less one.
        known: the least total, where it is known; infinite where not.
        best: [7] filled in: rows of ``options`` of the cheapest tiling, -1 if none fits.
        out: [2, 5] filled in: least and greatest energy by level among the tilings within ``slack``.

    Returns:
        The least energy, how many unrollings were tried and how many tilings were measured.
    """
    pe, forward = flow[2], flow[5]
    rows = np.ones((7, 9), dtype=np.int64)
    windows = np.zeros((2, 3), dtype=np.int64)
    room = np.zeros((7, 1), dtype=np.int64), np.zeros(2, dtype=np.int64)
    words = np.zeros((5, 4), dtype=np.int64)
    used = np.ones((8, 2), dtype=np.int64)
    shape = machine[0], machine[1]
    energy = np.zeros(5)
    least, tried, measured = np.inf, 0, 0
    within = known * (1 + slack)
    best[:] = -1
    out[0], out[1] = np.inf, -np.inf
    for r in range(starts[R], starts[R + 1]):
        rows[R] = options[r]
        if not spread(rows, R, axes, shape, used[0], used[1]):
            continue
        for s in range(starts[S], starts[S + 1]):
            rows[S] = options[s]
            if not spread(rows, S, axes, shape, used[1], used[2]):
                continue
            for p in range(starts[P], starts[P + 1]):
                rows[P] = options[p]
                if not spread(rows, P, axes, shape, used[2], used[3]):
                    continue
                windows[0] = windows_h[p - starts[P], r - starts[R]]
                for q in range(starts[Q], starts[Q + 1]):
                    rows[Q] = options[q]
                    if not spread(rows, Q, axes, shape, used[3], used[4]):
                        continue
                    windows[1] = windows_w[q - starts[Q], s - starts[S]]
                    for c in range(starts[C], starts[C + 1]):
                        rows[C] = options[c]
                        if not spread(rows, C, axes, shape, used[4], used[5]):
                            continue
                        for n in range(starts[N], starts[N + 1]):
                            rows[N] = options[n]
                            if not spread(rows, N, axes, shape, used[5], used[6]):
                                continue
                            # Were M one tile, one pass and one PE's, nothing would be moved more often than it is.
                            rows[M] = 1
                            rows[M, TILE] = rows[M, PASS] = bound[M]
                            waits = waiting_words(rows, forward, strides, bound)
                            if register_words(rows, pe, steps, room[0], words[4]) + waits > machine[2]:
                                continue
                            measure(rows, windows, bound, flow, strides, steps, room, words)
                            floor = charge(words, costs, energy) - handed_on(words, costs)
                            if floor > within or (slack == 0 and floor >= least):
                                continue
                            m = starts[M]
                            while m < starts[M + 1]:
                                first = m
                                while (
                                    m < starts[M + 1]
                                    and options[m, PE] == options[first, PE]
                                    and options[m, UNROLLED] == options[first, UNROLLED]
                                ):
                                    m += 1
                                rows[M] = options[first]
                                if not spread(rows, M, axes, shape, used[6], used[7]):
                                    continue
                                if register_words(rows, pe, steps, room[0], words[4]) + waits > machine[2]:
                                    continue
                                tried += 1
                                done = False
                                for i in range(first, m):
                                    if done and i != m - 1:
                                        continue
                                    rows[M] = options[i]
                                    able = measure(rows, windows, bound, flow, strides, steps, room, words)
                                    measured += 1
                                    total = charge(words, costs, energy)
                                    floor = total - handed_on(words, costs)
                                    if floor > within or (slack == 0 and floor >= least):
                                        done = True
                                        continue
                                    if not able or words[3, 0] + words[3, 1] + words[3, 2] > machine[3]:
                                        continue
                                    done = slack == 0
                                    if total < least:
                                        least = total
                                        best[N], best[M], best[C], best[P] = n, i, c, p
                                        best[Q], best[R], best[S] = q, r, s
                                    if total <= within:
                                        for level in range(5):
                                            out[0, level] = min(out[0, level], energy[level])
                                            out[1, level] = max(out[1, level], energy[level])
    return least, tried, measured
