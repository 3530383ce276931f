"""The golden kernels against implementations of others: scipy.signal, and NumPy's product of Python integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import correlate

from accsim.kernels import Accumulator, convolve, gemm
from accsim.workload.layer import Geometry
from tests.strategies import conv_geometries

Ints = NDArray[np.int64]


def scipy_convolution(ifmap: Ints, weight: Ints, g: Geometry) -> Ints:
    """Dense correlation with a filter spread by the dilation, of which every stride-th result is kept."""
    padded = np.pad(ifmap, ((0, 0), (0, 0), (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right)))
    spread = np.zeros((g.M, g.C // g.G, g.dilation_h * (g.R - 1) + 1, g.dilation_w * (g.S - 1) + 1), np.int64)
    spread[:, :, :: g.dilation_h, :: g.dilation_w] = weight
    depth, filters = g.C // g.G, g.M // g.G
    planes = [
        correlate(padded[n, m // filters * depth :][:depth], spread[m], mode="valid", method="direct")[0]
        for n in range(g.N)
        for m in range(g.M)
    ]
    dense = np.stack(planes).reshape(g.N, g.M, *planes[0].shape)
    return dense[:, :, :: g.stride_h, :: g.stride_w]


def check(g: Geometry, bits: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    half = 1 << (bits - 1)
    ifmap = generator.integers(-half, half, (g.N, g.C, g.H, g.W))
    weight = generator.integers(-half, half, (g.M, g.C // g.G, g.R, g.S))
    values, overflows = convolve(
        ifmap, weight, Accumulator(62), groups=g.G, stride=(g.stride_h, g.stride_w),
        dilation=(g.dilation_h, g.dilation_w), padding=(g.pad_top, g.pad_bottom, g.pad_left, g.pad_right),
    )  # fmt: skip
    # scipy's integers have 64 bits: the halves of the weights go apart, and together again as Python integers.
    high, low = (scipy_convolution(ifmap, part, g).astype(object) for part in (weight >> 16, weight & 0xFFFF))
    exact = high * 2**16 + low
    bound = 2**61
    np.testing.assert_array_equal(values, (exact + bound) % (2 * bound) - bound)
    assert values.shape == (g.N, g.M, g.P, g.Q)
    assert overflows == np.count_nonzero((exact < -bound) | (exact >= bound))


@given(conv_geometries(largest=12), st.sampled_from([8, 16, 32]), st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_small_convolutions(g: Geometry, bits: int, seed: int) -> None:
    check(g, bits, seed)


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(N=1, G=1, M=1, C=1, P=1, Q=1, R=1, S=1, H=1, W=1),
        Geometry(N=3, G=1, M=5, C=40, P=13, Q=11, R=3, S=3, H=13, W=11, pad_top=1, pad_bottom=1, pad_left=1,
                 pad_right=1),
        Geometry(N=2, G=2, M=6, C=64, P=17, Q=8, R=3, S=3, H=35, W=17, stride_h=2, stride_w=2),
        Geometry(N=2, G=12, M=12, C=12, P=17, Q=17, R=3, S=3, H=17, W=17, pad_top=1, pad_bottom=1, pad_left=1,
                 pad_right=1),
        Geometry(N=1, G=4, M=8, C=4, P=9, Q=3, R=2, S=2, H=26, W=10, stride_h=3, stride_w=4),
        Geometry(N=1, G=1, M=7, C=3, P=20, Q=15, R=3, S=2, H=23, W=16, dilation_h=2, dilation_w=3, pad_bottom=1,
                 pad_left=2),
        Geometry(N=2, G=1, M=3, C=600, P=1, Q=1, R=1, S=1, H=1, W=1),
        Geometry(N=70, G=1, M=3, C=9, P=2, Q=2, R=2, S=2, H=3, W=3),
    ],
    ids=["one MAC", "taps and positions in several blocks", "strided groups", "depthwise", "stride above filter",
         "dilated, uneven padding", "fully connected", "a block of many images"],
)  # fmt: skip
@pytest.mark.parametrize("bits", [8, 32])
def test_convolutions_of_several_blocks(geometry: Geometry, bits: int) -> None:
    """32-bit operands take the lane of two limbs where the sums might leave 64 bits."""
    check(geometry, bits, seed=1)


@pytest.mark.parametrize("bits", [8, 31])
@pytest.mark.parametrize(("rows", "depth", "columns"), [(1, 1, 1), (3, 300, 5), (4, 257, 273), (2, 1000, 16)])
def test_matrix_products_of_python_integers(rows: int, depth: int, columns: int, bits: int) -> None:
    generator = np.random.default_rng(2)
    half = 1 << (bits - 1)
    a, b = generator.integers(-half, half, (rows, depth)), generator.integers(-half, half, (depth, columns))
    exact = a.astype(object) @ b.astype(object)
    bound = 2**39
    values, overflows = gemm(a, b, Accumulator(40))
    np.testing.assert_array_equal(values, (exact + bound) % (2 * bound) - bound)
    assert overflows == np.count_nonzero((exact < -bound) | (exact >= bound))
