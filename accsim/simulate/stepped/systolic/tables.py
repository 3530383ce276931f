"""Addresses of the words of a layer, and the folds of one step written out.

The address of a word is a sum of one part per loop, so it is a sum of one part per axis of the array: rows, columns,
stream, and what is left over. The ifmap is kept with its padding, which makes every window's address of that kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accsim.mapping.nest import Piece, window_span
from accsim.simulate.stepped.machine import Operands
from accsim.workload.layer import Geometry, Operand

Addresses = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tensors:
    """A layer's words, flat, and the distance from one index of a loop to the next in each of them.

    Attributes:
        ifmap, weight: words, the ifmap with its padding.
        sums: int64 [N * M * P * Q], what has left the array.
        visited: of the same shape, 1 where a sum has left before.
        strides: by operand and loop.
    """

    ifmap: npt.NDArray[Any]
    weight: npt.NDArray[Any]
    sums: Addresses
    visited: npt.NDArray[np.uint8]
    strides: Mapping[Operand, Mapping[str, int]]


def tensors(g: Geometry, operands: Operands, narrow: bool) -> Tensors:
    """Lay out a layer's words; in 16 bits if ``narrow``."""
    height = max(g.pad_top + g.H, (g.P - 1) * g.stride_h + window_span(g.R, g.dilation_h))
    width = max(g.pad_left + g.W, (g.Q - 1) * g.stride_w + window_span(g.S, g.dilation_w))
    kind = np.int16 if narrow else np.int32
    padded = np.zeros((g.N, g.C, height, width), kind)
    padded[:, :, g.pad_top : g.pad_top + g.H, g.pad_left : g.pad_left + g.W] = operands.ifmap
    words, taps = height * width, g.R * g.S
    per_group_c, per_group_m = g.channels_per_group, g.filters_per_group
    strides = {
        Operand.IFMAP: {
            "N": g.C * words, "G": per_group_c * words, "C": words,
            "P": g.stride_h * width, "R": g.dilation_h * width, "Q": g.stride_w, "S": g.dilation_w,
        },
        Operand.WEIGHT: {
            "G": per_group_m * per_group_c * taps, "M": per_group_c * taps, "C": taps, "R": g.S, "S": 1,
        },
        Operand.PSUM: {
            "N": g.M * g.P * g.Q, "G": per_group_m * g.P * g.Q, "M": g.P * g.Q, "P": g.Q, "Q": 1,
        },
    }  # fmt: skip
    outputs = g.N * g.M * g.P * g.Q
    return Tensors(
        padded.reshape(-1),
        operands.weight.astype(kind).reshape(-1),
        np.zeros(outputs, np.int64),
        np.zeros(outputs, np.uint8),
        strides,
    )


def axis(strides: Mapping[str, int], dims: tuple[str, ...], sizes: Mapping[str, Piece]) -> Addresses:
    """Addresses along a flattened axis, outermost loop first, from the piece each loop starts at."""
    at: Addresses = np.zeros(1, np.int64)
    for dim in dims:
        piece, stride = sizes[dim], strides.get(dim, 0)
        at = (at[:, None] + (piece.start + np.arange(piece.size)) * stride).reshape(-1)
    return at
