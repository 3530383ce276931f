"""Shapes and arrays for the kernels of compressed operands."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from accsim.kernels import Accumulator, convolve
from accsim.workload.layer import Geometry
from tests.strategies import conv_geometries

sizes = st.sampled_from([0, 1, 2, 3, 5, 8, 17])
depths = st.sampled_from([0, 1, 2, 7, 31, 32, 33, 63, 64, 65, 100])
seeds = st.integers(0, 2**32 - 1)
layers = conv_geometries(largest=6)


def how(g: Geometry) -> dict[str, Any]:
    return {
        "groups": g.G,
        "stride": (g.stride_h, g.stride_w),
        "dilation": (g.dilation_h, g.dilation_w),
        "padding": (g.pad_top, g.pad_bottom, g.pad_left, g.pad_right),
    }


def shapes(g: Geometry) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of the ifmap and the weights."""
    return (g.N, g.C, g.H, g.W), (g.M, g.C // g.G, g.R, g.S)


def dense(ifmap: NDArray[Any], weight: NDArray[Any], g: Geometry) -> NDArray[np.int64]:
    """The golden convolution of integers."""
    sums = convolve(ifmap.astype(np.int64), weight.astype(np.int64), Accumulator(64), **how(g))
    assert not sums.overflows
    return sums.values


def padded(ifmap: NDArray[Any], g: Geometry, value: Any) -> NDArray[Any]:
    edges = ((0, 0), (0, 0), (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right))
    return np.pad(ifmap, edges, constant_values=value)
