"""Cnvlutin compiled: words left in the bricks of a window, lane by lane; and the lanes stepped cycle by cycle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel, part
from accsim.simulate.sparse.window import Window

CYCLES, DENSE, MULTIPLIES, BARRIER, UNMAPPED, IFMAP_READS = range(6)


@part
def row_of(p: int, r: int, at: Window) -> int:
    """Row of the input without padding under tap row ``r`` of output row ``p``."""
    return p * at.stride_h + r * at.dilation_h - at.top


@part
def col_of(q: int, s: int, at: Window) -> int:
    """Column likewise."""
    return q * at.stride_w + s * at.dilation_w - at.left


@kernel
def count(
    ifmap: NDArray[np.uint8], taps_h: int, taps_w: int, per_group: int, at: Window, lanes: int, brick: int, filters: int
) -> NDArray[np.int64]:
    """Count a layer from the mask of its ifmap [N, C, H, W].

    Args:
        per_group: filters of a group.
        filters: filters that the machine works on at once.
    """
    out = np.zeros(6, np.int64)
    batch, height, width = ifmap.shape[0], ifmap.shape[2], ifmap.shape[3]
    depth = ifmap.shape[1] // at.groups
    bricks, passes = -(-depth // brick), -(-per_group // filters)
    left = np.zeros((height, width, bricks), np.int64)
    lane, dense = np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)
    for n in range(batch):
        for g in range(at.groups):
            left[:] = 0
            for c in range(depth):
                for y in range(height):
                    for x in range(width):
                        left[y, x, c // brick] += ifmap[n, g * depth + c, y, x]
            for p in range(at.p):
                for q in range(at.q):
                    lane[:], dense[:] = 0, 0
                    met = 0
                    for r in range(taps_h):
                        y = row_of(p, r, at)
                        for s in range(taps_w):
                            x = col_of(q, s, at)
                            if 0 <= y < height and 0 <= x < width:
                                first = (r * taps_w + s) * bricks
                                for z in range(bricks):
                                    on = (first + z) % lanes
                                    lane[on] += left[y, x, z]
                                    dense[on] += min(brick, depth - z * brick)
                                    met += left[y, x, z]
                    longest = lane.max()
                    out[CYCLES] += longest * passes
                    out[DENSE] += dense.max() * passes
                    out[MULTIPLIES] += met * per_group
                    out[BARRIER] += (longest * lanes - met) * per_group
                    out[UNMAPPED] += longest * lanes * (passes * filters - per_group)
                    out[IFMAP_READS] += met * passes
    return out


@kernel
def step(
    ifmap: NDArray[np.int64], by_tap: NDArray[np.int64], at: Window, lanes: int, brick: int, filters: int,
    word: NDArray[np.int64], offset: NDArray[np.int64], stored: NDArray[np.int64], result: NDArray[np.int64],
) -> NDArray[np.int64]:  # fmt: skip
    """Run a layer; the counters of ``count``, DENSE left out.

    Args:
        ifmap: [N, C, H, W].
        by_tap: weights [R, S, C / G, M]: a lane reads all its filters.
        word, offset, stored: the zero-free brick format of one group, [H, W, bricks, brick] and [H, W, bricks].
        result: sums [N, M, P, Q], zeros at first.
    """
    out = np.zeros(6, np.int64)
    batch, height, width, per_group = ifmap.shape[0], ifmap.shape[2], ifmap.shape[3], by_tap.shape[3] // at.groups
    depth, taps_h, taps_w = by_tap.shape[2], by_tap.shape[0], by_tap.shape[1]
    bricks = -(-depth // brick)
    place, entry, busy = np.zeros(lanes, np.int64), np.zeros(lanes, np.int64), np.zeros(lanes, np.bool_)
    for n in range(batch):
        for g in range(at.groups):
            for y in range(height):
                for x in range(width):
                    for z in range(bricks):
                        stored[y, x, z] = 0
            for c in range(depth):
                z = c // brick
                for y in range(height):
                    for x in range(width):
                        if ifmap[n, g * depth + c, y, x] != 0:
                            i = stored[y, x, z]
                            word[y, x, z, i], offset[y, x, z, i] = ifmap[n, g * depth + c, y, x], c % brick
                            stored[y, x, z] = i + 1
            for first in range(g * per_group, (g + 1) * per_group, filters):
                last = min(first + filters, (g + 1) * per_group)
                for p in range(at.p):
                    for q in range(at.q):
                        for j in range(lanes):
                            place[j], entry[j] = j, 0
                        while True:
                            working = 0
                            for j in range(lanes):
                                busy[j] = False
                                while place[j] < taps_h * taps_w * bricks:  # bricks without words are passed over
                                    tap, z = place[j] // bricks, place[j] % bricks
                                    y, x = row_of(p, tap // taps_w, at), col_of(q, tap % taps_w, at)
                                    inside = 0 <= y < height and 0 <= x < width
                                    if inside and entry[j] < stored[y, x, z]:
                                        busy[j] = True
                                        break
                                    place[j], entry[j] = place[j] + lanes, 0
                                working += busy[j]
                            if working == 0:
                                break
                            out[CYCLES] += 1
                            out[BARRIER] += (lanes - working) * (last - first)
                            out[UNMAPPED] += lanes * (filters - (last - first))
                            for j in range(lanes):
                                if not busy[j]:
                                    continue
                                tap, z = place[j] // bricks, place[j] % bricks
                                r, s = tap // taps_w, tap % taps_w
                                y, x = row_of(p, r, at), col_of(q, s, at)
                                a, c = word[y, x, z, entry[j]], z * brick + offset[y, x, z, entry[j]]
                                out[IFMAP_READS] += 1
                                for k in range(first, last):
                                    result[n, k, p, q] += a * by_tap[r, s, c, k]
                                out[MULTIPLIES] += last - first
                                entry[j] += 1
    return out
