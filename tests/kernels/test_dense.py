"""The golden kernels equal exact Python integers, on any shape, width, rounding and overflow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accsim.kernels import NEAREST, NEAREST_EVEN, SATURATE, TRUNCATE, WRAP, Accumulator, convolve, gemm
from tests.naive import kernels as naive
from tests.strategies import conv_geometries

accumulators = st.builds(
    Accumulator,
    bits=st.integers(2, 64),
    product_shift=st.one_of(st.just(0), st.integers(0, 63)),
    rounding=st.sampled_from([TRUNCATE, NEAREST, NEAREST_EVEN]),
    overflow=st.sampled_from([WRAP, SATURATE]),
)


@st.composite
def operands(draw: st.DrawFn, shape: tuple[int, ...]) -> NDArray[Any]:
    """Words of 1 to 32 bits, signed or not, small ones and the extremes more often than chance would give them."""
    bits, signed = draw(st.integers(1, 32)), draw(st.booleans())
    least, most = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = generator.integers(least, most, shape, endpoint=True)
    kind = draw(st.sampled_from(["uniform", "extremes", "constant"]))
    if kind == "extremes":
        values = generator.choice(np.array([least, most, 0, most // 2], np.int64), shape)
    elif kind == "constant":
        values = np.full(shape, draw(st.sampled_from([least, most])), np.int64)
    dtypes = [np.dtype(name) for name in ("int64", "int32", "uint32", "uint64", "int16", "int8", "uint8")]
    fitting = [t for t in dtypes if np.iinfo(t).min <= least and most <= np.iinfo(t).max]
    return values.astype(draw(st.sampled_from(fitting)))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[NDArray[Any], NDArray[Any], dict[str, Any]]:
    g = draw(conv_geometries(largest=6))
    return (
        draw(operands((g.N, g.C, g.H, g.W))),
        draw(operands((g.M, g.C // g.G, g.R, g.S))),
        {
            "groups": g.G,
            "stride": (g.stride_h, g.stride_w),
            "dilation": (g.dilation_h, g.dilation_w),
            "padding": (g.pad_top, g.pad_bottom, g.pad_left, g.pad_right),
        },
    )


@given(convolutions(), accumulators)
@settings(max_examples=150, deadline=None)
def test_a_convolution_equals_its_naive_twin(case: Any, accumulator: Accumulator) -> None:
    ifmap, weight, how = case
    values, overflows = convolve(ifmap, weight, accumulator, **how)
    expected, expected_overflows = naive.convolve(ifmap, weight, accumulator, **how)
    assert {place: int(v) for place, v in np.ndenumerate(values)} == expected
    assert overflows == expected_overflows
    assert values.dtype == np.int64


@st.composite
def products(draw: st.DrawFn) -> tuple[NDArray[Any], NDArray[Any]]:
    rows, depth, columns = draw(st.integers(0, 5)), draw(st.integers(0, 12)), draw(st.sampled_from([0, 1, 2, 5, 17]))
    return draw(operands((rows, depth))), draw(operands((depth, columns)))


@given(products(), accumulators)
@settings(max_examples=150, deadline=None)
def test_a_matrix_product_equals_its_naive_twin(case: Any, accumulator: Accumulator) -> None:
    a, b = case
    values, overflows = gemm(a, b, accumulator)
    expected, expected_overflows = naive.gemm(a.tolist(), b.tolist(), b.shape[1], accumulator)
    assert values.shape == (a.shape[0], b.shape[1])
    assert values.tolist() == expected
    assert overflows == expected_overflows


@pytest.mark.parametrize("overflow", [WRAP, SATURATE])
@pytest.mark.parametrize("bits", [2, 8, 31, 32, 33, 48, 63, 64])
def test_overflow_starts_at_the_first_sum_out_of_range(bits: int, overflow: int) -> None:
    """Sums one outside, at and one inside both bounds: 2**(bits - 1) is written as two products of powers of two."""
    half = 2 ** ((bits - 2) // 2)
    other = 2 ** (bits - 2) // half
    a = np.array([[half, half, -1], [half, half, 0], [-half, -half, 0], [-half, -half, -1], [-half, -half, 1]])
    b = np.array([[other], [other], [1]])
    values, overflows = gemm(a, b, Accumulator(bits, overflow=overflow))
    least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    kept = [most, least, least, most, least + 1] if overflow == WRAP else [most, most, least, least, least + 1]
    assert values[:, 0].tolist() == kept
    assert overflows == 2


def test_a_sum_beyond_64_bits_is_exact() -> None:
    """Unsigned words of 32 bits: the sum of 9 products takes 68 bits, wraps to what exact integers say."""
    a = np.full((1, 9), 2**32 - 1, np.uint32)
    exact = 9 * (2**32 - 1) ** 2
    wrapped = (exact + 2**63) % 2**64 - 2**63
    assert gemm(a, a.T, Accumulator(64)) == (np.array([[wrapped]]), 1)
    assert gemm(a, a.T, Accumulator(64, overflow=SATURATE)) == (np.array([[2**63 - 1]]), 1)
    assert gemm(a, a.T, Accumulator(64, product_shift=5)) == (np.array([[9 * ((2**32 - 1) ** 2 >> 5)]]), 0)


def test_partial_sums_may_leave_the_range_when_the_final_one_does_not() -> None:
    a = np.array([[100, 100, -100]])
    assert gemm(a, np.ones((3, 1), int), Accumulator(8, overflow=SATURATE)) == (np.array([[100]]), 0)


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [(TRUNCATE, [-2, -1, -1, 0, 0, 1]), (NEAREST, [-1, -1, 0, 1, 1, 2]), (NEAREST_EVEN, [-2, -1, 0, 0, 1, 2])],
)
def test_rounding_of_ties(rounding: int, expected: list[int]) -> None:
    """Products -6 -3 -2 2 3 6 shifted by 2 are -1.5 -0.75 -0.5 0.5 0.75 1.5."""
    a = np.array([[-6], [-3], [-2], [2], [3], [6]])
    values, _ = gemm(a, np.ones((1, 1), int), Accumulator(16, product_shift=2, rounding=rounding))
    assert values[:, 0].tolist() == expected


@pytest.mark.parametrize("rounding", [TRUNCATE, NEAREST, NEAREST_EVEN])
@pytest.mark.parametrize("widest", [2**31 - 1, 2**32 - 1], ids=["64-bit sums", "two limbs"])
def test_every_shift_of_products_up_to_64_bits(widest: int, rounding: int) -> None:
    """Signs, ties, odd and even quotients; an unsigned word of 32 bits takes the lane of two limbs."""
    words = [-(2**31), widest, -(2**16) + 1, -5, 0, 3 * 2**29, *(sign * m * 2**k for sign in (1, -1) for m in (1, 3)
             for k in (0, 7, 15, 16, 28))]  # fmt: skip
    column = np.array([words]).T
    for shift in range(64):
        accumulator = Accumulator(64, shift, rounding, SATURATE)
        values, overflows = gemm(column, column.T, accumulator)
        expected, expected_overflows = naive.gemm(column.tolist(), column.T.tolist(), len(words), accumulator)
        assert values.tolist() == expected, shift
        assert overflows == expected_overflows, shift


def test_each_product_is_rounded_and_not_the_sum() -> None:
    ones = np.ones((1, 4), int)
    assert gemm(ones, ones.T, Accumulator(16, product_shift=2)) == (np.array([[0]]), 0)


def test_a_convolution_of_no_images_is_empty() -> None:
    values, overflows = convolve(np.zeros((0, 2, 3, 3), int), np.ones((4, 2, 2, 2), int), Accumulator(8))
    assert (values.shape, overflows) == ((0, 4, 2, 2), 0)


def test_operands_may_lie_in_memory_in_any_order() -> None:
    generator = np.random.default_rng(0)
    ifmap = generator.integers(-9, 9, (7, 6, 4, 2)).transpose(3, 2, 1, 0)[:, ::-1, ::2]
    weight = np.asfortranarray(generator.integers(-9, 9, (5, 4, 2, 3)))
    expected, _ = naive.convolve(ifmap, weight, Accumulator(32))
    values, _ = convolve(ifmap, weight, Accumulator(32))
    assert {place: int(v) for place, v in np.ndenumerate(values)} == expected


STEPS = "groups, strides and dilations are at least 1 and padding at least 0, "
IFMAP, WEIGHT = np.zeros((1, 4, 5, 5), int), np.zeros((6, 2, 3, 3), int)


@pytest.mark.parametrize(
    ("ifmap", "weight", "how", "message"),
    [
        (IFMAP, WEIGHT, {"groups": 3}, "4 channels and 6 filters of 2 channels do not make 3 groups"),
        (IFMAP, WEIGHT[:5], {"groups": 2}, "4 channels and 5 filters of 2 channels do not make 2 groups"),
        (
            IFMAP,
            WEIGHT,
            {"groups": 2, "dilation": (1, 3)},
            "a window that spans 7 in width does not fit the padded input of 5",
        ),
        (
            IFMAP[:, :, :1],
            WEIGHT,
            {"groups": 2, "padding": (1, 0, 0, 0)},
            "a window that spans 3 in height does not fit the padded input of 2",
        ),
        (IFMAP, WEIGHT, {"stride": (0, 1)}, STEPS + "got 1, (0, 1, 1, 1) and (0, 0, 0, 0)"),
        (IFMAP, WEIGHT, {"padding": (0, 0, 0, -1)}, STEPS + "got 1, (1, 1, 1, 1) and (0, 0, 0, -1)"),
        (IFMAP[:, :0], WEIGHT, {}, "only the batch may be zero, got ifmap (1, 0, 5, 5) and weight (6, 2, 3, 3)"),
        (IFMAP[0], WEIGHT, {}, "ifmap must have 4 dimensions, got shape (4, 5, 5)"),
        (IFMAP + 2**32, WEIGHT, {"groups": 2}, "ifmap holds 4294967296, which does not fit 32 bits"),
        (IFMAP, WEIGHT - 2**31 - 1, {"groups": 2}, "weight holds -2147483649, which does not fit 32 bits"),
    ],
)
def test_what_cannot_be_convolved(ifmap: Any, weight: Any, how: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        convolve(ifmap, weight, Accumulator(32), **how)
    assert str(caught.value) == message


def test_what_cannot_be_multiplied() -> None:
    a = np.zeros((2, 3), int)
    with pytest.raises(ValueError, match=r"^a has 3 columns and b 2 rows$"):
        gemm(a, a, Accumulator(32))
    with pytest.raises(TypeError, match=r"^b must hold integers, got float64$"):
        gemm(a, a.T.astype(float), Accumulator(32))
    long = np.broadcast_to(np.int8(1), (1, 2**30))
    with pytest.raises(ValueError, match=r"^a sum of 1073741824 products; at most 1073741823 are exact$"):
        gemm(long, long.T, Accumulator(32))
