"""SCNN cycle by cycle: products wait for their banks, PEs for each other, sums for their links."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel, part
from accsim.simulate.sparse.scnn_kernels import (
    BARRIER,
    CONFLICTS,
    CYCLES,
    DENSE,
    FRAGMENTATION,
    HALO,
    IFMAP_READS,
    MULTIPLIES,
    WEIGHT_READS,
    bank,
    list_pixels,
    list_weights,
    pixels,
    taps_in,
)
from accsim.simulate.sparse.window import Window

Words = NDArray[Any]


@part
def run_pe(
    image: Words,
    pixel: Words,
    n_pixels: int,
    weight: Words,
    c: int,
    tap: Words,
    n_taps: int,
    inputs: int,
    filters: int,
    at: Window,
    phase_h: int,
    phase_w: int,
    banks: int,
    top: int,
    left: int,
    first: int,
    sums: Words,
    wait: Words,
    busy: Words,
    out: Words,
) -> int:
    """Advance one PE until its queues are empty; returns the cycles that took.

    sums: [filters, rows, columns] that the PE accumulates, from filter ``first`` and output (top, left) on.
    wait: [I x F, 5]: products of the step that still wait: filter, row, column, bank, value.
    """
    cycles, i, f, pending = 0, 0, 0, 0
    for b in range(banks):
        busy[b] = 0
    issued = True
    while i < n_pixels or pending:
        cycles += 1
        if issued:  # the step before is done: read I pixels and F weights, multiply all by all
            if f == 0:
                out[IFMAP_READS] += inputs
            for ff in range(f, min(f + filters, n_taps)):
                for ii in range(i, min(i + inputs, n_pixels)):
                    y, x = pixel[ii, 0] - tap[ff, 1], pixel[ii, 1] - tap[ff, 2]
                    if 0 <= y < at.p and 0 <= x < at.q:
                        row, col = pixel[ii, 0] * at.stride_h + phase_h, pixel[ii, 1] * at.stride_w + phase_w
                        r = (tap[ff, 1] * at.stride_h + phase_h) // at.dilation_h
                        s = (tap[ff, 2] * at.stride_w + phase_w) // at.dilation_w
                        wait[pending, 0], wait[pending, 1], wait[pending, 2] = tap[ff, 0], y, x
                        wait[pending, 3] = bank(tap[ff, 0], y, x, banks)
                        wait[pending, 4] = image[row - at.top, col - at.left] * weight[tap[ff, 0], c, r, s]
                        pending += 1
            out[MULTIPLIES] += pending
            out[FRAGMENTATION] += inputs * filters - pending
        else:
            out[CONFLICTS] += inputs * filters
        left_over = 0
        for j in range(pending):  # each bank takes the first product that wants it
            b = wait[j, 3]
            if busy[b] == cycles:
                for i_field in range(5):
                    wait[left_over, i_field] = wait[j, i_field]
                left_over += 1
            else:
                busy[b] = cycles
                sums[wait[j, 0] - first, wait[j, 1] - top, wait[j, 2] - left] += wait[j, 4]
        pending = left_over
        issued = pending == 0
        if issued:
            f += filters
            if f >= n_taps:
                i, f = i + inputs, 0
    return cycles


@part
def reached(place: int, tile: int, span: int, stride: int) -> tuple[int, int]:
    """First output along an axis that tile ``place`` adds to, and the one after the last, at most."""
    return -((span - place * tile) // stride), ((place + 1) * tile - 1) // stride + 1


@part
def owned(place: int, tile: int, pad: int, stride: int) -> int:
    """First output along an axis that tile ``place`` owns; the next tile's is the one after the last."""
    return -((pad - place * tile) // stride)


@kernel
def step(
    ifmap: NDArray[np.int64], weight: NDArray[np.int64], at: Window, rows: int, cols: int, inputs: int, filters: int,
    together: int, banks: int, pad_h: int, pad_w: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
    """Run a layer; returns its sums [N, M, P, Q] and the counters of ``scnn_kernels.count``.

    Args:
        pad_h, pad_w: rows and columns by which a tile's own outputs lie before its pixels.
    """
    out = np.zeros(9, np.int64)
    batch, per_group, depth = ifmap.shape[0], weight.shape[0] // at.groups, weight.shape[1]
    span_h, span_w = at.dilation_h * (weight.shape[2] - 1), at.dilation_w * (weight.shape[3] - 1)
    tile_h, tile_w = -(-at.height // rows), -(-at.width // cols)
    phases, pes, size = at.stride_h * at.stride_w, rows * cols, inputs * filters
    high = (tile_h + span_h) // at.stride_h + 2
    wide = (tile_w + span_w) // at.stride_w + 2
    held = min(together, per_group)
    tap = np.empty((phases, held * weight.shape[2] * weight.shape[3], 3), np.int64)
    n_taps, every = np.zeros(phases, np.int64), np.zeros(phases, np.int64)
    busy, sent = np.zeros(banks, np.int64), np.zeros(9, np.int64)
    pixel, wait = np.empty((tile_h * tile_w, 2), np.int64), np.empty((size, 5), np.int64)
    result = np.zeros((batch, weight.shape[0], at.p, at.q), np.int64)
    for ph in range(phases):
        every[ph] = taps_in(weight.shape[2], weight.shape[3], ph // at.stride_w, ph % at.stride_w, at)
    for n in range(batch):
        for g in range(at.groups):
            for first in range(g * per_group, (g + 1) * per_group, together):
                last = min(first + together, (g + 1) * per_group)
                sums = np.zeros((pes, held, high, wide), np.int64)
                dense = 0
                for pe in range(pes):
                    spent = 0
                    for ph in range(phases):
                        down = pixels(
                            pe // cols * tile_h, tile_h, at.top, ifmap.shape[2], at.stride_h, ph // at.stride_w
                        )
                        across = pixels(
                            pe % cols * tile_w, tile_w, at.left, ifmap.shape[3], at.stride_w, ph % at.stride_w
                        )
                        spent += -(-(down * across) // inputs) * -(-(every[ph] * (last - first)) // filters)
                    dense = max(dense, spent)
                for c in range(depth):
                    for ph in range(phases):
                        n_taps[ph] = list_weights(
                            weight, first, last, c, ph // at.stride_w, ph % at.stride_w, at, tap[ph]
                        )
                    longest = spent_by_all = 0
                    for pe in range(pes):
                        row, col, spent = pe // cols, pe % cols, 0
                        for ph in range(phases):
                            phase_h, phase_w = ph // at.stride_w, ph % at.stride_w
                            found = list_pixels(
                                ifmap, n, g * depth + c, row * tile_h, col * tile_w, tile_h, tile_w, phase_h, phase_w,
                                at, pixel,
                            )  # fmt: skip
                            out[WEIGHT_READS] += -(-n_taps[ph] // filters) * filters
                            if n_taps[ph] == 0:  # pixels are read, and find nothing to multiply
                                out[IFMAP_READS] += -(-found // inputs) * inputs
                                continue
                            spent += run_pe(
                                ifmap[n, g * depth + c], pixel, found, weight, c, tap[ph], n_taps[ph], inputs, filters,
                                at, phase_h, phase_w, banks, reached(row, tile_h, span_h, at.stride_h)[0],
                                reached(col, tile_w, span_w, at.stride_w)[0], first, sums[pe], wait, busy, out,
                            )  # fmt: skip
                        longest = max(longest, spent)
                        spent_by_all += spent
                    out[CYCLES] += longest
                    out[DENSE] += dense
                    out[BARRIER] += (longest * pes - spent_by_all) * size
                moved = exchange(
                    sums,
                    result[n],
                    first,
                    last,
                    rows,
                    cols,
                    tile_h,
                    tile_w,
                    span_h,
                    span_w,
                    pad_h,
                    pad_w,
                    at,
                    sent,
                )
                out[CYCLES] += moved
                out[DENSE] += moved
                out[HALO] += moved * pes * size
    return result, out


@part
def exchange(
    sums: Words,
    result: Words,
    first: int,
    last: int,
    rows: int,
    cols: int,
    tile_h: int,
    tile_w: int,
    span_h: int,
    span_w: int,
    pad_h: int,
    pad_w: int,
    at: Window,
    sent: Words,
) -> int:
    """Send sums to the PEs that own them, one per cycle on each link, and add them there; returns the cycles.

    A link's rectangle is sent whole, whatever part of it lies outside the outputs: all PEs follow one schedule. A
    machine of one row (or column) of PEs has no link along that axis.
    """
    cycles = 0
    for row in range(rows):
        top, bottom = reached(row, tile_h, span_h, at.stride_h)
        own_top, own_bottom = owned(row, tile_h, pad_h, at.stride_h), owned(row + 1, tile_h, pad_h, at.stride_h)
        for col in range(cols):
            left, right = reached(col, tile_w, span_w, at.stride_w)
            own_left, own_right = owned(col, tile_w, pad_w, at.stride_w), owned(col + 1, tile_w, pad_w, at.stride_w)
            for i in range(9):
                sent[i] = 0
            for k in range(last - first):
                for y in range(top, bottom):
                    for x in range(left, right):
                        down, across = (y >= own_bottom) - (y < own_top), (x >= own_right) - (x < own_left)
                        linked = (down == 0 or rows > 1) and (across == 0 or cols > 1)
                        if (down != 0 or across != 0) and linked:
                            sent[(down + 1) * 3 + across + 1] += 1
                        if 0 <= y < at.p and 0 <= x < at.q:
                            result[first + k, y, x] += sums[row * cols + col, k, y - top, x - left]
            for i in range(9):
                cycles = max(cycles, sent[i])
    return cycles
