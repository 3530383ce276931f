"""SparTen compiled: bits that two masks share, chunk by chunk; and the units stepped match by match."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel, part
from accsim.simulate.sparse.window import Window

CYCLES, DENSE, MULTIPLIES, EMPTY_CHUNKS, BARRIER, UNMAPPED, CLUSTERS, CHUNKS = range(8)
WORD = 64

Words = NDArray[Any]


@part
def ones(v: Any) -> Any:
    """Bits set in a 64-bit word (Warren, "Hacker's Delight", section 5-1)."""
    v = v - ((v >> np.uint64(1)) & np.uint64(0x5555555555555555))
    v = (v & np.uint64(0x3333333333333333)) + ((v >> np.uint64(2)) & np.uint64(0x3333333333333333))
    v = (v + (v >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((v * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def pack(masks: NDArray[np.uint8], groups: int, chunk: int) -> NDArray[np.uint64]:
    """Masks [rows, channels, pixels] as bits [rows, groups, pixels, chunks, words], channels along the bits."""
    rows, channels, pixels = masks.shape
    depth = channels // groups
    words = -(-min(chunk, depth) // WORD)
    out = np.zeros((rows, groups, pixels, -(-depth // chunk), words), np.uint64)
    for row in range(rows):
        for c in range(channels):
            g, inside = c // depth, c % depth
            z, bit = inside // chunk, inside % chunk
            for i in range(pixels):
                out[row, g, i, z, bit // WORD] |= np.uint64(masks[row, c, i]) << np.uint64(bit % WORD)
    return out


@kernel
def count(
    ifmap: NDArray[np.uint64], weight: NDArray[np.uint64], depth: int, size: tuple[int, int], taps: tuple[int, int],
    at: Window, pairs: NDArray[np.int64], clusters: int, units: int, chunk: int,
) -> NDArray[np.int64]:  # fmt: skip
    """Count a layer.

    Args:
        ifmap, weight: what ``pack`` gives, [N, G, H x W, chunks, words] and [M, 1, R x S, chunks, words].
        depth: channels of a group.
        size, taps: (H, W) and (R, S).
        pairs: [G, pairs, 2], filters that share a unit; -1 where there is none.
    """
    out = np.zeros(8, np.int64)
    spent, dense_spent = np.zeros(clusters, np.int64), np.zeros(clusters, np.int64)
    batch, chunks = ifmap.shape[0], ifmap.shape[3]
    item = -1
    for n in range(batch):
        for p in range(at.p):
            for q in range(at.q):
                for g in range(at.groups):
                    for first in range(0, pairs.shape[1], units):
                        item += 1
                        used = min(units, pairs.shape[1] - first)
                        for tap in range(taps[0] * taps[1]):
                            y = p * at.stride_h + tap // taps[1] * at.dilation_h - at.top
                            x = q * at.stride_w + tap % taps[1] * at.dilation_w - at.left
                            if not (0 <= y < size[0] and 0 <= x < size[1]):
                                continue
                            for z in range(chunks):
                                words = ifmap[n, g, y * size[1] + x, z]
                                longest = busy = dense = 0
                                for unit in range(first, first + used):
                                    work = filters = 0
                                    for half in range(2):
                                        k = pairs[g, unit, half]
                                        if k < 0:
                                            continue
                                        met = 0
                                        other = weight[k, 0, tap, z]
                                        for i in range(words.shape[0]):
                                            met += ones(words[i] & other[i])
                                        work += max(1, met)
                                        out[MULTIPLIES] += met
                                        out[EMPTY_CHUNKS] += met == 0
                                        out[CHUNKS] += 1
                                        filters += 1
                                    longest, busy = max(longest, work), busy + work
                                    dense = max(dense, filters * min(chunk, depth - z * chunk))
                                out[BARRIER] += longest * used - busy
                                out[UNMAPPED] += longest * (units - used)
                                spent[item % clusters] += longest
                                dense_spent[item % clusters] += dense
    out[CYCLES], out[DENSE] = spent.max(), dense_spent.max()
    out[CLUSTERS] = (out[CYCLES] * clusters - spent.sum()) * units
    return out


@part
def run_chunk(
    pixel: Words, weight: Words, first: int, end: int, pairs: Words, units: int, sums: Words, out: Words
) -> int:
    """Advance the units of a cluster until all are done with one chunk; returns the cycles that took.

    pixel, weight: words [C / G] and [M, C / G]; the chunk is channels ``first`` to ``end``.
    """
    used, cycles = pairs.shape[0], 0
    place, half = np.full(used, first), np.zeros(used, np.int64)
    fresh = np.ones(used, np.bool_)
    while True:
        working = 0
        for u in range(used):
            while half[u] < 2 and pairs[u, half[u]] < 0:
                half[u] += 1
            working += half[u] < 2
        if working == 0:
            return cycles
        cycles += 1
        out[BARRIER] += used - working
        out[UNMAPPED] += units - used
        for u in range(used):
            if half[u] == 2:
                continue
            k = pairs[u, half[u]]
            c = following(pixel, weight[k], place[u], end)  # the priority encoder finds the next match
            out[CHUNKS] += fresh[u]
            if c < end:
                sums[k] += pixel[c] * weight[k, c]
                out[MULTIPLIES] += 1
                place[u] = following(pixel, weight[k], c + 1, end)
            else:
                out[EMPTY_CHUNKS] += 1
                place[u] = end
            fresh[u] = False
            if place[u] == end:
                half[u], place[u], fresh[u] = half[u] + 1, first, True


@part
def following(pixel: Words, weight: Words, c: int, end: int) -> int:
    """The first channel from ``c`` on where neither word is zero; ``end`` if there is none."""
    while c < end and (pixel[c] == 0 or weight[c] == 0):
        c += 1
    return c


@kernel
def step(
    ifmap: NDArray[np.int64], weight: NDArray[np.int64], at: Window, pairs: NDArray[np.int64], clusters: int,
    units: int, chunk: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
    """Run a layer; sums [N, M, P, Q] and the counters of ``count``, DENSE left out.

    ifmap, weight: channels last, [N, H, W, C] and [M, R, S, C / G].
    """
    out = np.zeros(8, np.int64)
    spent = np.zeros(clusters, np.int64)
    depth = weight.shape[3]
    result = np.zeros((ifmap.shape[0], weight.shape[0], at.p, at.q), np.int64)
    item = -1
    for n in range(ifmap.shape[0]):
        for p in range(at.p):
            for q in range(at.q):
                for g in range(at.groups):
                    for first in range(0, pairs.shape[1], units):
                        item += 1
                        used = min(units, pairs.shape[1] - first)
                        for r in range(weight.shape[1]):
                            y = p * at.stride_h + r * at.dilation_h - at.top
                            for s in range(weight.shape[2]):
                                x = q * at.stride_w + s * at.dilation_w - at.left
                                if not (0 <= y < ifmap.shape[1] and 0 <= x < ifmap.shape[2]):
                                    continue
                                for z in range(0, depth, chunk):
                                    spent[item % clusters] += run_chunk(
                                        ifmap[n, y, x, g * depth : (g + 1) * depth], weight[:, r, s], z,
                                        min(z + chunk, depth), pairs[g, first : first + used], units,
                                        result[n, :, p, q], out,
                                    )  # fmt: skip
    out[CYCLES] = spent.max()
    out[CLUSTERS] = (out[CYCLES] * clusters - spent.sum()) * units
    return result, out
