"""A layer's windows as integers that compiled code takes, and its operands as masks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accsim.workload.layer import Geometry


class Window(NamedTuple):
    """How windows slide over a layer's padded input, as in ``workload.layer.Geometry``.

    Attributes:
        groups: G.
        p, q: output rows and columns.
        stride_h, stride_w, dilation_h, dilation_w: in pixels.
        top, left: rows and columns of padding before the first pixel.
        height, width: of the input with its padding.
    """

    groups: int
    p: int
    q: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    top: int
    left: int
    height: int
    width: int

    @classmethod
    def of(cls, g: Geometry) -> Window:
        """The windows of a layer."""
        return cls(
            g.G, g.P, g.Q, g.stride_h, g.stride_w, g.dilation_h, g.dilation_w, g.pad_top, g.pad_left,
            g.H + g.pad_top + g.pad_bottom, g.W + g.pad_left + g.pad_right,
        )  # fmt: skip


def masks(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Which words of a layer's operands are not zero: (N, C, H, W) and (M, C / G, R, S), contiguous.

    Raises:
        ValueError: shapes that are not the geometry's.
    """
    check_shapes(g, ifmap, weight)
    return mask(ifmap), mask(weight)


def mask(words: NDArray[Any]) -> NDArray[np.uint8]:
    """Which words are not zero, contiguous."""
    return np.ascontiguousarray(words if words.dtype == np.bool_ else np.not_equal(words, 0)).view(np.uint8)


def words(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A layer's operands as 64-bit integers, contiguous.

    Raises:
        ValueError: shapes that are not the geometry's.
    """
    check_shapes(g, ifmap, weight)
    return np.ascontiguousarray(ifmap, np.int64), np.ascontiguousarray(weight, np.int64)


def check_shapes(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any]) -> None:
    """Whether operands have the shapes of a layer.

    Raises:
        ValueError: they have not.
    """
    wanted = (g.N, g.C, g.H, g.W), (g.M, g.channels_per_group, g.R, g.S)
    if (ifmap.shape, weight.shape) != wanted:
        raise ValueError(f"ifmap and weight must have shapes {wanted}, got {(ifmap.shape, weight.shape)}")
