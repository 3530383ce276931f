"""Compiled counting of SCNN: bricks of products, banks they meet at, and the barrier after every channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel, part
from accsim.simulate.sparse.scnn_vectors import groups_of, vectors_at_banks
from accsim.simulate.sparse.window import Window

CYCLES, DENSE, MULTIPLIES, FRAGMENTATION, CONFLICTS, BARRIER, HALO, IFMAP_READS, WEIGHT_READS = range(9)

Words = NDArray[Any]


@part
def bank(k: int, y: int, x: int, banks: int) -> int:
    """Accumulator bank of output (k, y, x): the hash of the measured simulator (see ``scnn``)."""
    folded = ((k & 4) << 2) ^ ((y & 2) << 3) ^ ((x & 2) << 3)
    return (folded + ((y & 1) << 3) + ((x & 1) << 2) + (k & 3)) % banks


@part
def bank_bits(banks: int) -> Words:
    """A word with the bit of the bank, for the residues of k by 8 and of y and x by 4 that the hash looks at."""
    out = np.zeros(128, np.uint64)
    for i in range(128):
        out[i] = np.uint64(1) << np.uint64(bank(i >> 4, (i >> 2) & 3, i & 3, banks) & 63)
    return out


@part
def list_weights(
    weight: Words, first: int, last: int, c: int, phase_h: int, phase_w: int, at: Window, queue: Words
) -> int:
    """Non-zero weights of channel ``c`` in filters ``first`` to ``last`` whose taps lie in one phase of the stride.

    queue: [words, 3] of (filter in the group of filters, tap row and column in units of the stride), filters
    innermost, as they lie in the weight buffer. Returns how many.
    """
    n = 0
    for r in range(weight.shape[2]):
        row = r * at.dilation_h
        if row % at.stride_h != phase_h:
            continue
        for s in range(weight.shape[3]):
            col = s * at.dilation_w
            if col % at.stride_w != phase_w:
                continue
            for k in range(first, last):
                if weight[k, c, r, s] != 0:
                    queue[n, 0], queue[n, 1], queue[n, 2] = k, row // at.stride_h, col // at.stride_w
                    n += 1
    return n


@part
def taps_in(rows: int, cols: int, phase_h: int, phase_w: int, at: Window) -> int:
    """Taps of a filter in one phase of the stride."""
    found = 0
    for r in range(rows):
        for s in range(cols):
            found += r * at.dilation_h % at.stride_h == phase_h and s * at.dilation_w % at.stride_w == phase_w
    return found


@part
def list_pixels(
    ifmap: Words,
    n: int,
    c: int,
    top: int,
    left: int,
    tile_h: int,
    tile_w: int,
    phase_h: int,
    phase_w: int,
    at: Window,
    queue: Words,
) -> int:
    """Non-zero pixels of a PE's tile in one phase: [words, 2] of (row, column) of the padded input over the stride."""
    found = 0
    height, width = ifmap.shape[2], ifmap.shape[3]
    first_row, first_col = max(top, at.top), max(left, at.left)
    first_row += (phase_h - first_row) % at.stride_h
    first_col += (phase_w - first_col) % at.stride_w
    for row in range(first_row, min(top + tile_h, at.top + height), at.stride_h):
        y, x = row // at.stride_h, first_col // at.stride_w
        for col in range(first_col, min(left + tile_w, at.left + width), at.stride_w):
            if ifmap[n, c, row - at.top, col - at.left] != 0:
                queue[found, 0], queue[found, 1] = y, x
                found += 1
            x += 1
    return found


@part
def pixels(first: int, tile: int, before: int, size: int, stride: int, phase: int) -> int:
    """Rows (or columns) of the input in a tile and phase, padding left out."""
    count = 0
    for i in range(max(first, before), min(first + tile, before + size)):
        count += i % stride == phase
    return count


@part
def bricks(
    pixel: Words, n_pixels: int, tap: Words, n_taps: int, inputs: int, filters: int, at: Window, banks: int,
    bits: Words, hits: Words, out: Words,
) -> int:  # fmt: skip
    """Cycles of all products of two queues on one PE; adds multiplies and idle slots to ``out``.

    Up to three products at a bank are told by bits, one word for the banks that have one, two, three; where a bank of a
    step has more, or there are more banks than bits, the step is counted bank by bank.
    """
    size, cycles, useful = inputs * filters, 0, 0
    for i in range(0, n_pixels, inputs):
        i_end = min(i + inputs, n_pixels)
        for f in range(0, n_taps, filters):
            first = second = third = more = np.uint64(0)
            for ff in range(f, min(f + filters, n_taps)):
                k, r, s = tap[ff, 0], tap[ff, 1], tap[ff, 2]
                for ii in range(i, i_end):
                    y, x = pixel[ii, 0] - r, pixel[ii, 1] - s
                    if 0 <= y < at.p and 0 <= x < at.q:
                        here = bits[((k & 7) << 4) | ((y & 3) << 2) | (x & 3)]
                        again = first & here
                        first |= here
                        more |= third & second & again
                        third |= second & again
                        second |= again
                        useful += 1
            most = 1 + (second != 0) + (third != 0)
            if more != 0 or banks > 64:
                most = worst_bank(pixel, i, i_end, tap, f, min(f + filters, n_taps), at, banks, hits)
            cycles += most
    steps = -(-n_pixels // inputs) * -(-n_taps // filters)
    out[MULTIPLIES] += useful
    out[FRAGMENTATION] += steps * size - useful
    out[CONFLICTS] += (cycles - steps) * size
    return cycles


@part
def worst_bank(
    pixel: Words, i: int, i_end: int, tap: Words, f: int, f_end: int, at: Window, banks: int, hits: Words
) -> int:
    """Most products of a step at one bank; 1 if there are none."""
    for b in range(banks):
        hits[b] = 0
    most = 1
    for ff in range(f, f_end):
        for ii in range(i, i_end):
            y, x = pixel[ii, 0] - tap[ff, 1], pixel[ii, 1] - tap[ff, 2]
            if 0 <= y < at.p and 0 <= x < at.q:
                b = bank(tap[ff, 0], y, x, banks)
                hits[b] += 1
                most = max(most, hits[b])
    return most


@kernel
def count(
    ifmap: NDArray[np.uint8], weight: NDArray[np.uint8], at: Window, rows: int, cols: int, inputs: int, filters: int,
    together: int, banks: int, halo: int,
) -> NDArray[np.int64]:  # fmt: skip
    """Count a layer.

    Args:
        ifmap, weight: masks [N, C, H, W] and [M, C / G, R, S].
        together: filters whose sums are held at once.
        halo: sums of one filter on the busiest link.
    """
    out = np.zeros(9, np.int64)
    batch, per_group = ifmap.shape[0], weight.shape[0] // at.groups
    depth, taps = weight.shape[1], weight.shape[2] * weight.shape[3]
    tile_h, tile_w = -(-at.height // rows), -(-at.width // cols)
    phases, pes, size = at.stride_h * at.stride_w, rows * cols, inputs * filters
    tap = np.empty((phases, min(together, per_group) * taps, 3), np.int64)
    n_taps, all_taps = np.zeros(phases, np.int64), np.zeros(phases, np.int64)
    pixel, hits = np.empty((tile_h * tile_w, 2), np.int64), np.zeros(banks, np.int64)
    bits = bank_bits(banks)
    by_vectors = banks >= 32 and size < 128
    shape = np.array(
        [
            (weight.shape[2] - 1) * at.dilation_h // at.stride_h + 1,
            (weight.shape[3] - 1) * at.dilation_w // at.stride_w + 1,
        ],
        np.int64,
    )
    places = shape[0] * shape[1]
    groups = np.empty((phases, tap.shape[1], 4), np.int64)
    mixed, taps_at = np.empty((phases, tap.shape[1]), np.int64), np.zeros((phases, places), np.int64)
    n_groups, n_mixed = np.zeros(phases, np.int64), np.zeros(phases, np.int64)
    seen = np.zeros((places, filters + 1, filters + 1), np.int64)
    at_banks = np.zeros((places, -(-tile_h * tile_w // inputs)), np.uint64)
    full = np.zeros((pes, phases, 3), np.int64)  # pixels of a PE if none is zero; then what all products take
    for ph in range(phases):
        all_taps[ph] = taps_in(weight.shape[2], weight.shape[3], ph // at.stride_w, ph % at.stride_w, at)
    for g in range(at.groups):
        for first in range(g * per_group, (g + 1) * per_group, together):
            last = min(first + together, (g + 1) * per_group)
            dense = 0
            for row in range(rows):
                for col in range(cols):
                    spent = 0
                    for ph in range(phases):
                        high = pixels(row * tile_h, tile_h, at.top, ifmap.shape[2], at.stride_h, ph // at.stride_w)
                        wide = pixels(col * tile_w, tile_w, at.left, ifmap.shape[3], at.stride_w, ph % at.stride_w)
                        full[row * cols + col, ph, 0], full[row * cols + col, ph, 1] = high * wide, -1
                        spent += -(-(high * wide) // inputs) * -(-(all_taps[ph] * (last - first)) // filters)
                    dense = max(dense, spent)
            for c in range(depth):
                for ph in range(phases):
                    n_taps[ph] = list_weights(weight, first, last, c, ph // at.stride_w, ph % at.stride_w, at, tap[ph])
                    if by_vectors:
                        n_groups[ph], n_mixed[ph] = groups_of(
                            tap[ph], n_taps[ph], filters, shape[1], seen, groups[ph], mixed[ph], taps_at[ph]
                        )
                for n in range(batch):
                    out[DENSE] += dense
                    longest = spent_by_all = 0
                    for row in range(rows):
                        for col in range(cols):
                            spent = 0
                            for ph in range(phases):
                                found = list_pixels(
                                    ifmap, n, g * depth + c, row * tile_h, col * tile_w, tile_h, tile_w,
                                    ph // at.stride_w, ph % at.stride_w, at, pixel,
                                )  # fmt: skip
                                out[IFMAP_READS] += -(-found // inputs) * inputs
                                out[WEIGHT_READS] += -(-n_taps[ph] // filters) * filters
                                if by_vectors:
                                    known = full[row * cols + col, ph]
                                    dense_here = found == known[0] and n_taps[ph] == all_taps[ph] * (last - first)
                                    if dense_here and known[1] >= 0:
                                        cycles, useful = known[1], known[2]
                                    else:
                                        cycles, useful = vectors_at_banks(
                                            pixel, found, tap[ph], n_taps[ph], groups[ph, : n_groups[ph]],
                                            mixed[ph, : n_mixed[ph]], taps_at[ph], inputs, filters, at, shape[1],
                                            at_banks,
                                        )  # fmt: skip
                                    if dense_here:
                                        known[1], known[2] = cycles, useful
                                    steps = -(-found // inputs) * -(-n_taps[ph] // filters)
                                    out[MULTIPLIES] += useful
                                    out[FRAGMENTATION] += steps * size - useful
                                    out[CONFLICTS] += (cycles - steps) * size
                                    spent += cycles
                                else:
                                    spent += bricks(
                                        pixel, found, tap[ph], n_taps[ph], inputs, filters, at, banks, bits, hits, out
                                    )
                            longest = max(longest, spent)
                            spent_by_all += spent
                    out[CYCLES] += longest
                    out[BARRIER] += (longest * pes - spent_by_all) * size
            moved = batch * halo * (last - first)
            out[CYCLES] += moved
            out[DENSE] += moved
            out[HALO] += moved * pes * size
    return out
