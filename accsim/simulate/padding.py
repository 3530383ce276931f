"""Padding, which is always zero: MACs on it, and its share of a map that is moved with it."""

from __future__ import annotations

from accsim.mapping.nest import Piece
from accsim.workload.layer import Geometry


def valid_taps(geometry: Geometry) -> tuple[list[int], list[int]]:
    """Outputs for which a filter row, and a filter column, lies on pixels and not on padding: one count for each."""

    def outputs_on(outputs: int, offset: int, stride: int, length: int) -> int:
        first = max(0, -(offset // stride))
        last = min(outputs - 1, (length - 1 - offset) // stride)
        return max(0, last - first + 1)

    g = geometry
    return (
        [outputs_on(g.P, r * g.dilation_h - g.pad_top, g.stride_h, g.H) for r in range(g.R)],
        [outputs_on(g.Q, s * g.dilation_w - g.pad_left, g.stride_w, g.W) for s in range(g.S)],
    )


def valid_in(geometry: Geometry, rows: Piece, cols: Piece) -> int:
    """Taps that lie on pixels and not on padding, of all windows of pieces of P and Q, for a channel."""
    g = geometry

    def on_pixels(piece: Piece, offset: int, stride: int, length: int) -> int:
        first = max(piece.start, -(offset // stride))
        last = min(piece.start + piece.size - 1, (length - 1 - offset) // stride)
        return max(0, last - first + 1)

    return sum(on_pixels(rows, r * g.dilation_h - g.pad_top, g.stride_h, g.H) for r in range(g.R)) * sum(
        on_pixels(cols, s * g.dilation_w - g.pad_left, g.stride_w, g.W) for s in range(g.S)
    )


def valid_macs(geometry: Geometry) -> int:
    """MACs whose ifmap word is a pixel and not padding, for the whole batch."""
    g, (rows, cols) = geometry, valid_taps(geometry)
    return g.N * g.M * g.channels_per_group * sum(rows) * sum(cols)


def pixel_share(geometry: Geometry) -> float:
    """The share of an ifmap's words that are pixels, where its padding is stored and moved like them."""
    g = geometry
    rows, cols = g.pad_top + g.H + g.pad_bottom, g.pad_left + g.W + g.pad_right
    return g.H * g.W / (rows * cols)
