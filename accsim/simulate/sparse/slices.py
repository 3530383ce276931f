"""The part of a layer that a tile is: a smaller layer, and its operands."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from accsim.mapping.nest import Piece
from accsim.simulate.tiled.run import Sizes
from accsim.workload.layer import Geometry

Kind = TypeVar("Kind", bound=np.generic)


def part_of(
    g: Geometry, ifmap: npt.NDArray[Kind], weight: npt.NDArray[Kind], sizes: Sizes
) -> tuple[Geometry, npt.NDArray[Kind], npt.NDArray[Kind]]:
    """The layer of a tile, its ifmap [N, C, H, W] and its weights [M, C / G, R, S].

    Rows and columns that only padding would fill stay padding; a tile whose windows lie on padding alone gets one row
    (or column) of zeros.
    """
    part, rows, cols = shape_of(g, sizes)
    n, groups, m, c = (slice(sizes[dim].start, sizes[dim].start + sizes[dim].size) for dim in "NGMC")
    by_group = ifmap.reshape(g.N, g.G, g.channels_per_group, g.H, g.W)[n, groups, c]
    pixels = _taken(_taken(by_group, rows, 3, g.H), cols, 4, g.W)
    taps = weight.reshape(g.G, g.filters_per_group, g.channels_per_group, g.R, g.S)[groups, m, c]
    return (
        part,
        np.ascontiguousarray(pixels).reshape(part.N, part.C, part.H, part.W),
        np.ascontiguousarray(taps).reshape(part.M, part.channels_per_group, g.R, g.S),
    )


def shape_of(g: Geometry, sizes: Sizes) -> tuple[Geometry, range, range]:
    """The layer of a tile, and the rows and columns of the input that it has."""
    top, rows, bottom = _rows(sizes["P"], g.stride_h, g.dilation_h * (g.R - 1), g.pad_top, g.H)
    left, cols, right = _rows(sizes["Q"], g.stride_w, g.dilation_w * (g.S - 1), g.pad_left, g.W)
    part = replace(
        g, N=sizes["N"].size, G=sizes["G"].size, M=sizes["G"].size * sizes["M"].size,
        C=sizes["G"].size * sizes["C"].size, P=sizes["P"].size, Q=sizes["Q"].size, H=len(rows), W=len(cols),
        pad_top=top, pad_bottom=bottom, pad_left=left, pad_right=right,
    )  # fmt: skip
    return part, rows, cols


def _rows(piece: Piece, stride: int, span: int, pad: int, length: int) -> tuple[int, range, int]:
    """Rows of padding before, rows of the input, and rows of padding after, of the windows of a piece."""
    first = piece.start * stride - pad
    last = (piece.start + piece.size - 1) * stride - pad + span
    start, end = max(first, 0), min(last, length - 1)
    if start > end:
        start = end = max(first, 0) if first >= length else first
        return 0, range(start, start + 1), last - first
    return start - first, range(start, end + 1), last - end


def _taken(array: npt.NDArray[Kind], rows: range, axis: int, length: int) -> npt.NDArray[Kind]:
    """Rows of an array along an axis; zeros for one that lies outside."""
    if rows.start < 0 or rows.stop > length:
        shape = list(array.shape)
        shape[axis] = 1
        return np.zeros(shape, array.dtype)
    return array[(slice(None),) * axis + (slice(rows.start, rows.stop),)]
