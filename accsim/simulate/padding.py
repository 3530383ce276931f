"""Padding, which is always zero: MACs on it, and its share of a map that is moved with it."""

from __future__ import annotations

from accsim.workload.layer import Geometry


def valid_macs(geometry: Geometry) -> int:
    """MACs whose ifmap word is a pixel and not padding, for the whole batch."""

    def pairs(outputs: int, taps: int, stride: int, dilation: int, before: int, length: int) -> int:
        total = 0
        for tap in range(taps):
            offset = tap * dilation - before
            first = max(0, -(offset // stride))
            last = min(outputs - 1, (length - 1 - offset) // stride)
            total += max(0, last - first + 1)
        return total

    g = geometry
    rows = pairs(g.P, g.R, g.stride_h, g.dilation_h, g.pad_top, g.H)
    cols = pairs(g.Q, g.S, g.stride_w, g.dilation_w, g.pad_left, g.W)
    return g.N * g.M * g.channels_per_group * rows * cols


def pixel_share(geometry: Geometry) -> float:
    """The share of an ifmap's words that are pixels, where its padding is stored and moved like them."""
    g = geometry
    rows, cols = g.pad_top + g.H + g.pad_bottom, g.pad_left + g.W + g.pad_right
    return g.H * g.W / (rows * cols)
