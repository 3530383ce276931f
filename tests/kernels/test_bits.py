"""Products of packed planes equal the dense kernel on what the planes stand for, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accsim.kernels import Accumulator, bits, convolve, gemm
from accsim.kernels.bits import PlaneCode, binary, choices, signed, signs, ternary, unsigned
from accsim.kernels.bits.code import Reading
from tests.kernels import cases
from tests.naive import kernels_compressed as naive

whole_codes = st.one_of(
    st.just(binary()),
    st.just(ternary()),
    st.builds(signed, st.integers(1, 16)),
    st.builds(unsigned, st.integers(1, 16)),
    st.builds(ternary, st.integers(1, 9), st.integers(1, 9)),
    st.builds(signs, st.lists(st.integers(-99, 99), min_size=1, max_size=4)),
    st.builds(choices, st.lists(st.integers(-99, 99), min_size=1, max_size=4)),
)


def draw(code: PlaneCode, shape: tuple[int, ...], generator: np.random.Generator) -> NDArray[Any]:
    """Integers of a code, in a type that holds them; now and then only the extremes."""
    low, high = (-1, 1) if code.reading is Reading.SIGN else (code.low, code.high)
    values = generator.integers(low, high, shape, endpoint=True)
    if generator.integers(4) == 0:
        values = generator.choice(np.array([low, high]), shape)
    if code.reading is Reading.SIGN:
        values[values == 0] = 1
    names = ["int64", "int32", "int16", "int8", "uint8", "uint16"]
    return values.astype(generator.choice([n for n in names if np.iinfo(n).min <= low and high <= np.iinfo(n).max]))


@given(
    whole_codes, whole_codes, cases.sizes, cases.depths, st.sampled_from([0, 1, 5, 16, 63, 64, 65, 300]), cases.seeds
)
@settings(max_examples=150, deadline=None)
def test_a_product_equals_the_dense_one(
    a_code: PlaneCode, b_code: PlaneCode, rows: int, depth: int, columns: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    a, b = draw(a_code, (rows, depth), generator), draw(b_code, (depth, columns), generator)
    packed = bits.pack_rows(a, a_code)
    expected = gemm(a_code.decode(a), b_code.decode(b), Accumulator(64)).values
    counted = bits.gemm(packed, b, b_code)
    np.testing.assert_array_equal(counted, expected)
    np.testing.assert_array_equal(bits.gemm(packed, bits.pack_columns(b, b_code)), expected)
    assert counted.dtype in (np.int32, np.int64)


@given(whole_codes, whole_codes, st.integers(0, 3), st.sampled_from([0, 1, 33, 64]), st.integers(0, 3), cases.seeds)
@settings(max_examples=60, deadline=None)
def test_a_product_equals_its_naive_twin(
    a_code: PlaneCode, b_code: PlaneCode, rows: int, depth: int, columns: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    a, b = draw(a_code, (rows, depth), generator), draw(b_code, (depth, columns), generator)
    counted = bits.gemm(bits.pack_rows(a, a_code), b, b_code)
    assert a_code.decode(a).tolist() == [[naive.stands_for(x, a_code) for x in row] for row in a.tolist()]

    def dot(row: Any, column: Any) -> Any:
        return naive.planes_dot(row, column, a_code, b_code)

    assert counted.tolist() == naive.gemm(a.tolist(), b.T.tolist(), dot)


@given(st.integers(1, 9), st.sampled_from([1, 31, 32, 33, 64, 65, 127, 130, 4200]), st.integers(1, 70), cases.seeds)
@settings(max_examples=40, deadline=None)
def test_xnor_and_ternary_products_equal_their_naive_twins(rows: int, depth: int, columns: int, seed: int) -> None:
    """The depth need not fill a word; more than 4,096 are counted in blocks."""
    generator = np.random.default_rng(seed)
    columns = columns if depth < 1000 else min(columns, 3)
    a, b = generator.integers(-1, 2, (rows, depth)), generator.integers(-1, 2, (depth, columns))
    twin = naive.gemm(a.tolist(), b.T.tolist(), naive.xnor_dot)
    assert bits.gemm(bits.pack_rows(a, binary()), b, binary()).tolist() == twin  # 0 counts as +1
    twin = naive.gemm(a.tolist(), b.T.tolist(), naive.ternary_dot)
    assert bits.gemm(bits.pack_rows(a, ternary()), b, ternary()).tolist() == twin


@given(whole_codes, st.integers(0, 40), st.integers(0, 140), cases.seeds)
@settings(max_examples=100, deadline=None)
def test_what_is_packed_comes_back(code: PlaneCode, depth: int, count: int, seed: int) -> None:
    values = draw(code, (depth, count), np.random.default_rng(seed))
    rows, columns = bits.pack_rows(values.T, code), bits.pack_columns(values, code)
    np.testing.assert_array_equal(bits.unpack_rows(rows), values.T)
    np.testing.assert_array_equal(bits.unpack_columns(columns), values)
    assert rows.words.shape == (code.bits, count, -(-depth // 32))
    assert columns.words.shape == (code.bits, -(-count // 64), -(-depth // 32), 64)
    set_bits = int(code.planes(values).sum())  # so no padding bit is set
    for words in (rows.words, columns.words):
        assert int(np.unpackbits(np.ascontiguousarray(words).view(np.uint8)).sum()) == set_bits


def test_where_a_bit_lies() -> None:
    values = np.zeros((70, 130), np.int8)
    values[33, 67] = 1
    words = bits.pack_columns(values, unsigned(2)).words
    assert np.argwhere(words).tolist() == [[0, 1, 1, 3]]
    assert words[0, 1, 1, 3] == 2
    words = bits.pack_rows(values, signed(3)).words
    assert np.argwhere(words).tolist() == [[0, 33, 2]]
    assert words[0, 33, 2] == 8


@given(whole_codes, whole_codes, cases.layers, cases.seeds)
@settings(max_examples=100, deadline=None)
def test_a_convolution_equals_the_dense_one(a_code: PlaneCode, b_code: PlaneCode, g: Any, seed: int) -> None:
    generator = np.random.default_rng(seed)
    ifmap_shape, weight_shape = cases.shapes(g)
    ifmap, weight = draw(b_code, ifmap_shape, generator), draw(a_code, weight_shape, generator)
    pad = None
    numbers = cases.padded(b_code.decode(ifmap), g, 0)
    if (b_code.reading is Reading.BITS and b_code.offset) or generator.integers(2):
        pad = int(draw(b_code, (), generator))
        numbers = cases.padded(b_code.decode(ifmap), g, b_code.decode(np.array(pad)))
    inside = {name: value for name, value in cases.how(g).items() if name != "padding"}
    expected = convolve(numbers, a_code.decode(weight), Accumulator(64), **inside).values
    counted = bits.convolve(ifmap, bits.pack_filters(weight, a_code), b_code, pad=pad, **cases.how(g))
    np.testing.assert_array_equal(counted, expected)


@given(cases.layers, cases.seeds)
@settings(max_examples=30, deadline=None)
def test_a_binary_convolution_equals_its_naive_twin(g: Any, seed: int) -> None:
    """Zero padding is no -1 and no +1: it is left out of the sum."""
    generator = np.random.default_rng(seed)
    ifmap_shape, weight_shape = cases.shapes(g)
    ifmap, weight = draw(binary(), ifmap_shape, generator), draw(binary(), weight_shape, generator)
    counted = bits.convolve(ifmap, bits.pack_filters(weight, binary()), binary(), **cases.how(g))
    for place, inputs in naive.windows(ifmap, weight_shape, **cases.how(g)).items():
        taps = [weight[place[1]][tap].item() for tap in inputs]
        assert counted[place] == naive.xnor_dot(taps, list(inputs.values()))
    assert counted.size == len(naive.windows(ifmap, weight_shape, **cases.how(g)))


# Sums in floating point are other machine code, which takes seconds to compile.
real_bases = st.lists(st.floats(-4, 4, allow_subnormal=False), min_size=1, max_size=4)


@pytest.mark.slow
@given(real_bases, real_bases, cases.sizes, cases.depths, cases.sizes, cases.seeds)
@settings(max_examples=60, deadline=None)
def test_real_bases_weigh_the_same_counts(
    a_bases: list[float], b_bases: list[float], rows: int, depth: int, columns: int, seed: int
) -> None:
    """LQ-Nets: weights of signs, activations of choices, equal to the product of the decoded numbers up to rounding."""
    generator = np.random.default_rng(seed)
    a_code, b_code = signs(a_bases), choices(b_bases)
    a, b = draw(a_code, (rows, depth), generator), draw(b_code, (depth, columns), generator)
    counted = bits.gemm(bits.pack_rows(a, a_code), b, b_code)
    assert counted.dtype == np.float64
    scale = 1e-14 * (depth + 1) * (sum(map(abs, a_bases)) * sum(map(abs, b_bases)) + 1)
    np.testing.assert_allclose(counted, a_code.decode(a) @ b_code.decode(b), rtol=0, atol=scale)
    np.testing.assert_allclose(bits.gemm(bits.pack_rows(a, a_code), bits.pack_columns(b, b_code)), counted, rtol=0)
    ifmap = bits.convolve(
        b.reshape(1, depth, columns, 1), bits.pack_filters(a.reshape(rows, depth, 1, 1), a_code), b_code
    ) if rows and depth and columns else counted  # fmt: skip
    np.testing.assert_array_equal(ifmap.reshape(counted.shape), counted)


@pytest.mark.slow
@given(st.integers(1, 8), st.floats(0.01, 9), cases.seeds)
@settings(max_examples=30, deadline=None)
def test_bases_that_double_are_the_uniform_code(width: int, step: float, seed: int) -> None:
    """Multi-base planes with v_i = 2**i v_0 reduce to fixed point."""
    generator = np.random.default_rng(seed)
    code = unsigned(width)
    a, b = draw(code, (5, 37), generator), draw(code, (37, 9), generator)
    scaled = bits.gemm(bits.pack_rows(a, choices([step * 2**p for p in range(width)])), b, code)
    np.testing.assert_allclose(scaled, step * bits.gemm(bits.pack_rows(a, code), b, code), rtol=1e-12)


@pytest.mark.parametrize(
    "code", [binary(), ternary(), signed(4), unsigned(1), signed(12)], ids=["binary", "ternary", "4", "1", "12"]
)
def test_many_strips_and_tiles(code: PlaneCode) -> None:
    """More columns than a strip takes, rows that four do not divide, words of several blocks."""
    generator = np.random.default_rng(3)
    a, b = draw(code, (7, 8200), generator), draw(code, (8200, 600), generator)
    expected = code.decode(a).astype(np.float64) @ code.decode(b).astype(np.float64)  # all below 2**53
    np.testing.assert_array_equal(bits.gemm(bits.pack_rows(a, code), b, code), expected)


@pytest.mark.parametrize("width", [1, 2, 8, 15, 16])
def test_sums_of_extremes_fit(width: int) -> None:
    a = np.full((2, 300), -(1 << (width - 1)))
    product = bits.gemm(bits.pack_rows(a, signed(width)), a.T, signed(width))
    assert (product == 300 << (2 * width - 2)).all()
    b = np.full((2, 300), (1 << width) - 1)
    product = bits.gemm(bits.pack_rows(b, unsigned(width)), b.T, unsigned(width))
    assert (product == 300 * ((1 << width) - 1) ** 2).all()


def test_sums_of_32_bits_end_at_their_largest() -> None:
    """3 * 2**29 is below 2**31, 3 * 2**30 is not, and 3 * 2**62 leaves 64 bits."""
    ones = np.ones((1, 3), int)
    for base, kind in ((2**29, np.int32), (2**30, np.int64)):
        product = bits.gemm(bits.pack_rows(ones, choices([base])), ones.T, unsigned(1))
        assert (product.item(), product.dtype) == (3 * base, kind)
    with pytest.raises(ValueError, match=r"^sums of 3 products of 1 by 1 planes may leave 64 bits$"):
        bits.gemm(bits.pack_rows(ones, choices([2**62])), ones.T, unsigned(1))


def test_operands_may_lie_in_memory_in_any_order() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.integers(-8, 8, (40, 6)).T, generator.integers(-8, 8, (80, 18)).astype(np.int8)[::2, ::2]
    np.testing.assert_array_equal(bits.gemm(bits.pack_rows(a, signed(4)), b, signed(4)), a @ b)
    packed = bits.pack_rows(np.asfortranarray(a), signed(4))
    np.testing.assert_array_equal(bits.gemm(packed, np.asfortranarray(b), signed(4)), a @ b)


def test_a_convolution_of_no_images_is_empty() -> None:
    filters = bits.pack_filters(np.ones((4, 2, 2, 2), int), signed(2))
    assert bits.convolve(np.zeros((0, 2, 3, 3), int), filters, signed(2)).shape == (0, 4, 2, 2)


A = bits.pack_rows(np.ones((2, 3), int), signed(2))
B = np.zeros((3, 4), int)
FILTERS = bits.pack_filters(np.ones((2, 1, 2, 2), int), signed(2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: signed(0), ValueError, "a code has 1 to 16 planes, got 0"),
        (lambda: unsigned(17), ValueError, "a code has 1 to 16 planes, got 17"),
        (lambda: signs([]), ValueError, "a code has 1 to 16 planes, got 0"),
        (
            lambda: choices([1.0, float("nan")]),
            ValueError,
            "bases and offset are finite, got (1.0, nan) and 0",
        ),
        (lambda: bits.pack_rows(B + 4, signed(3)), ValueError, "values holds 4; this code has -4 to 3"),
        (lambda: bits.pack_rows(B[0], signed(3)), ValueError, "values must have 2 dimensions, got shape (4,)"),
        (lambda: bits.pack_columns(B - 2, ternary()), ValueError, "values holds -2; this code has -1 to 1"),
        (lambda: bits.pack_columns(B * 0.5, binary()), TypeError, "values must hold integers, got float64"),
        (lambda: bits.pack_filters(B, signed(3)), ValueError, "weight must have 4 dimensions, got shape (3, 4)"),
        (lambda: bits.gemm(A, B.T, signed(2)), ValueError, "a has 3 columns and b 4 rows"),
        (lambda: bits.gemm(A, B[0], signed(2)), ValueError, "b must have 2 dimensions, got shape (4,)"),
        (lambda: bits.gemm(A, B), TypeError, "code says what the integers of b stand for; it is missing"),
        (
            lambda: bits.gemm(A, bits.pack_columns(B, signed(2)), signed(2)),
            TypeError,
            "packed columns have a code; leave code out",
        ),
        (lambda: bits.gemm(A, B - 1, unsigned(2)), ValueError, "b holds -1; this code has 0 to 3"),
        (
            lambda: bits.Rows(A.words, 33, signed(2)),
            ValueError,
            "words are uint32 of shape (2, 2, 2), got uint32 of (2, 2, 1)",
        ),
        (
            lambda: bits.Columns(np.zeros((2, 1, 1, 64), int), 3, 4, signed(2)),
            ValueError,
            "words are uint32 of shape (2, 1, 1, 64), got int64 of (2, 1, 1, 64)",
        ),
        (lambda: bits.Filters(A, (2, 1, 2, 2)), ValueError, "2 rows of 3 places are no filters (2, 1, 2, 2)"),
        (
            lambda: bits.convolve(np.zeros((1, 3, 4, 4), int), FILTERS, signed(2)),
            ValueError,
            "3 channels and 2 filters of 1 channels do not make 1 groups",
        ),
        (
            lambda: bits.convolve(np.zeros((1, 1, 4, 4), int), FILTERS, signs([1, 2]), padding=(1, 1, 1, 1)),
            ValueError,
            "padding adds nothing to a sum only where 0 stands for zero; say with pad what it holds",
        ),
        (
            lambda: bits.convolve(np.zeros((1, 1, 4, 4), int), FILTERS, signed(2), padding=(1, 1, 1, 1), pad=2),
            ValueError,
            "pad holds 2; this code has -2 to 1",
        ),
        (
            lambda: bits.convolve(np.zeros((1, 4, 4), int), FILTERS, signed(2)),
            ValueError,
            "ifmap must have 4 dimensions, got shape (1, 4, 4)",
        ),
    ],
)
def test_what_cannot_be_packed_or_multiplied(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.slow
def test_whole_numbers_given_as_reals_give_reals() -> None:
    """Codes of 1 and of 1.0 are told apart, also by what is remembered of a product's plan."""
    ones = np.ones((2, 2), int)
    for bases, kind in (([1, 2], np.int32), ([1.0, 2.0], np.float64), ([1, 2], np.int32)):
        product = bits.gemm(bits.pack_rows(ones, choices(bases)), ones, unsigned(1))
        assert (product.dtype, product.tolist()) == (kind, [[2, 2], [2, 2]])
