"""Products of coded weights equal the dense kernel on the decoded ones, and plain loops over the codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accsim.kernels import Accumulator, gemm
from accsim.kernels.coded import Clusters, Codebook, Powers, ProductCodebook, clusters, codebook, product, shift
from tests.kernels import cases
from tests.naive import kernels_compressed as naive

columns_ = st.sampled_from([0, 1, 2, 17, 128, 130])
bins_ = st.booleans()
# Sums of 32 bits, and under `slow` mostly of 64: other machine code, which takes seconds to compile.
widths = pytest.mark.parametrize("largest", [127, pytest.param(2**24, marks=pytest.mark.slow)])


def words(shape: tuple[int, ...], largest: int, generator: np.random.Generator) -> NDArray[np.int64]:
    return generator.integers(-largest, largest, shape, endpoint=True)


@widths
@given(cases.sizes, cases.depths, columns_, st.integers(1, 300), bins_, cases.seeds)
@settings(max_examples=60, deadline=None)
def test_a_codebook_product_equals_the_dense_one_and_its_naive_twins(
    largest: int, rows: int, depth: int, columns: int, entries: int, bins: bool, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    a = Codebook(generator.integers(0, entries, (rows, depth)).astype(np.uint16), words((entries,), largest, generator))
    b = words((depth, columns), largest, generator)
    counted = codebook.gemm(a, b, bins=bins)
    np.testing.assert_array_equal(counted, gemm(a.decode(), b, Accumulator(64)).values)
    few, book = b[:, :2].T.tolist(), a.book.tolist()
    for dot in (naive.lookup_dot, naive.binned_dot):
        twin = naive.gemm(a.indices[:3].tolist(), few, lambda row, column, dot=dot: dot(row, book, column))
        assert counted[:3, :2].tolist() == twin


@widths
@given(cases.layers, st.integers(1, 20), bins_, cases.seeds)
@settings(max_examples=60, deadline=None)
def test_a_codebook_convolution_equals_the_dense_one(largest: int, g: Any, entries: int, bins: bool, seed: int) -> None:
    generator = np.random.default_rng(seed)
    ifmap_shape, weight_shape = cases.shapes(g)
    ifmap = words(ifmap_shape, largest, generator)
    weight = Codebook(generator.integers(0, entries, weight_shape), words((entries,), largest, generator))
    expected = cases.dense(ifmap, weight.decode(), g)
    np.testing.assert_array_equal(codebook.convolve(ifmap, weight, bins=bins, **cases.how(g)), expected)


def powers(shape: tuple[int, ...], most: int, generator: np.random.Generator) -> Powers:
    return Powers(generator.integers(-most, most, shape, endpoint=True).astype(np.int8))


@widths
@given(cases.sizes, cases.depths, columns_, st.sampled_from([0, 1, 3, 9, 31]), cases.seeds)
@settings(max_examples=60, deadline=None)
def test_a_product_of_shifts_equals_the_dense_one_and_its_naive_twin(
    largest: int, rows: int, depth: int, columns: int, most: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    a, b = powers((rows, depth), most, generator), words((depth, columns), largest, generator)
    shifted = shift.gemm(a, b)
    np.testing.assert_array_equal(shifted, gemm(a.decode(), b, Accumulator(64)).values)
    twin = naive.gemm(a.codes[:3].tolist(), b[:, :2].T.tolist(), naive.shifted_dot)
    assert shifted[:3, :2].tolist() == twin


@widths
@given(cases.layers, st.sampled_from([1, 3, 9, 31]), cases.seeds)
@settings(max_examples=40, deadline=None)
def test_a_convolution_of_shifts_equals_the_dense_one(largest: int, g: Any, most: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    ifmap_shape, weight_shape = cases.shapes(g)
    ifmap, weight = words(ifmap_shape, largest, generator), powers(weight_shape, most, generator)
    expected = cases.dense(ifmap, weight.decode(), g)
    np.testing.assert_array_equal(shift.convolve(ifmap, weight, **cases.how(g)), expected)


@given(st.lists(st.tuples(st.sampled_from([-1, 0, 1]), st.integers(0, 62))))
def test_powers_of_two_come_back(parts: list[tuple[int, int]]) -> None:
    values = np.array([sign << exponent if sign >= 0 else -(1 << exponent) for sign, exponent in parts], np.int64)
    coded = shift.encode(values)
    np.testing.assert_array_equal(coded.decode(), values)
    assert coded.codes.tolist() == [sign * (exponent + 1) for sign, exponent in parts]


def product_codebook(g: Any, largest: int, generator: np.random.Generator) -> ProductCodebook:
    depth = g.C // g.G
    length = generator.choice([d for d in range(1, depth + 1) if depth % d == 0])
    entries = int(generator.integers(1, 9))
    book = words((g.G, depth // length, entries, length), largest, generator)
    return ProductCodebook(book, generator.integers(0, entries, (g.M, depth // length, g.R, g.S)))


@widths
@given(cases.layers, cases.seeds)
@settings(max_examples=60, deadline=None)
def test_a_product_codebook_convolution_equals_the_dense_one(largest: int, g: Any, seed: int) -> None:
    generator = np.random.default_rng(seed)
    ifmap, weight = words(cases.shapes(g)[0], largest, generator), product_codebook(g, largest, generator)
    assert weight.decode().shape == weight.shape == cases.shapes(g)[1]
    expected = cases.dense(ifmap, weight.decode(), g)
    np.testing.assert_array_equal(product.convolve(ifmap, weight, **cases.how(g)), expected)


@given(cases.layers, cases.seeds)
@settings(max_examples=25, deadline=None)
def test_a_product_codebook_convolution_equals_its_naive_twin(g: Any, seed: int) -> None:
    generator = np.random.default_rng(seed)
    ifmap, weight = words(cases.shapes(g)[0], 99, generator), product_codebook(g, 99, generator)
    how = {name: value for name, value in cases.how(g).items() if name != "groups"}
    looked_up = product.convolve(ifmap, weight, **how)
    twin = naive.product_codebook(ifmap, weight.words, weight.indices, **how)
    assert {place: int(x) for place, x in np.ndenumerate(looked_up)} == twin


def test_enough_codewords_are_exact() -> None:
    """As many codewords as there are different sub-vectors give the weights back, and so the layer."""
    generator = np.random.default_rng(4)
    weight, ifmap = words((8, 6, 3, 3), 2, generator), words((1, 6, 7, 7), 50, generator)
    split = weight.reshape(8, 3, 2, 3, 3).transpose(1, 0, 3, 4, 2).reshape(3, 72, 2)
    books = [np.unique(part, axis=0, return_inverse=True) for part in split]
    entries = max(len(book) for book, _ in books)
    book = np.stack([np.pad(book, ((0, entries - len(book)), (0, 0))) for book, _ in books])[None]
    indices = np.stack([places.reshape(8, 3, 3) for _, places in books], axis=1)
    coded = ProductCodebook(book, indices)
    np.testing.assert_array_equal(coded.decode(), weight)
    dense = codebook.convolve(ifmap, Codebook(weight + 2, np.arange(-2, 3)))
    np.testing.assert_array_equal(product.convolve(ifmap, coded), dense)


@pytest.mark.parametrize(("rows", "depth", "columns"), [(0, 4, 3), (2, 4, 0), (1, 1, 1), (5, 12, 33)])
def test_a_product_codebook_product_equals_the_dense_one(rows: int, depth: int, columns: int) -> None:
    generator = np.random.default_rng(5)
    length = 2 if depth % 2 == 0 else 1
    coded = ProductCodebook(
        words((1, depth // length, 7, length), 9, generator), generator.integers(0, 7, (rows, depth // length, 1, 1))
    )
    b = words((depth, columns), 9, generator)
    expected = gemm(coded.decode().reshape(rows, depth), b, Accumulator(64)).values
    np.testing.assert_array_equal(product.gemm(coded, b), expected)


def clustered(g: Any, largest: int, generator: np.random.Generator) -> Clusters:
    entries = int(generator.integers(1, 6))
    pairs = (g.M, g.C // g.G)
    return Clusters(
        words((entries, g.R, g.S), largest, generator), generator.integers(0, entries, pairs),
        words(pairs, 5, generator),
    )  # fmt: skip


@widths
@given(cases.layers, cases.seeds)
@settings(max_examples=60, deadline=None)
def test_a_clustered_convolution_equals_the_dense_one(largest: int, g: Any, seed: int) -> None:
    generator = np.random.default_rng(seed)
    ifmap, weight = words(cases.shapes(g)[0], largest, generator), clustered(g, largest, generator)
    expected = cases.dense(ifmap, weight.decode(), g)
    np.testing.assert_array_equal(clusters.convolve(ifmap, weight, **cases.how(g)), expected)


@given(cases.layers, cases.seeds)
@settings(max_examples=25, deadline=None)
def test_a_clustered_convolution_equals_its_naive_twin(g: Any, seed: int) -> None:
    generator = np.random.default_rng(seed)
    ifmap, weight = words(cases.shapes(g)[0], 99, generator), clustered(g, 99, generator)
    counted = clusters.convolve(ifmap, weight, **cases.how(g))
    twin = naive.kernel_clusters(ifmap, weight.centroids, weight.indices, weight.scales, **cases.how(g))
    assert {place: int(x) for place, x in np.ndenumerate(counted)} == twin


@pytest.mark.slow
def test_books_of_real_numbers() -> None:
    generator = np.random.default_rng(6)
    ifmap = generator.normal(size=(1, 4, 6, 6))
    coded = Codebook(generator.integers(0, 16, (3, 4, 3, 3)), generator.normal(size=16))
    looked_up, binned = codebook.convolve(ifmap, coded), codebook.convolve(ifmap, coded, bins=True)
    windows = np.lib.stride_tricks.sliding_window_view(ifmap[0], (3, 3), axis=(1, 2))
    expected = np.einsum("chwrs,mcrs->mhw", windows, coded.decode())
    np.testing.assert_allclose(looked_up[0], expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(binned[0], expected, rtol=1e-12, atol=1e-12)


B = np.ones((3, 4), int)
BOOK = np.array([1, 2])
IFMAP = np.ones((1, 2, 4, 4), int)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Codebook(B + 1, BOOK), ValueError, "index 2 is not among the 2 entries of the book"),
        (lambda: Codebook(-B, BOOK), ValueError, "index -1 is not among the 2 entries of the book"),
        (lambda: Codebook(B * 0.5, BOOK), TypeError, "indices must hold integers, got float64"),
        (lambda: Codebook(B, BOOK[None]), ValueError, "book must have 1 dimension, got shape (1, 2)"),
        (lambda: codebook.gemm(Codebook(B, BOOK), B), ValueError, "a has 4 columns and b 3 rows"),
        (
            lambda: codebook.gemm(Codebook(B.T, BOOK), B * 0.5),
            TypeError,
            "integers go with integers, got int64 and float64",
        ),
        (
            lambda: codebook.gemm(Codebook(B.T, BOOK << 40), B << 40),
            ValueError,
            "sums of 3 products of int64 and int64 may leave 64 bits",
        ),
        (
            lambda: codebook.convolve(IFMAP, Codebook(B, BOOK)),
            ValueError,
            "weight must have 4 dimensions, got shape (3, 4)",
        ),
        (lambda: Powers(B), ValueError, "codes are int8, got int64"),
        (lambda: Powers(np.array([64], np.int8)), ValueError, "codes are -63 .. 63, got 64 .. 64"),
        (
            lambda: shift.encode(np.array([4, -6])),
            ValueError,
            "-6 is neither zero nor plus or minus a power of two up to 2**62",
        ),
        (
            lambda: shift.encode(np.array([-(2**63)])),
            ValueError,
            "-9223372036854775808 is neither zero nor plus or minus a power of two up to 2**62",
        ),
        (
            lambda: shift.gemm(shift.encode(B.T << 61), B << 1),
            ValueError,
            "sums of 3 products with 2**61 may leave 64 bits",
        ),
        (
            lambda: ProductCodebook(np.ones((1, 2, 3, 1), int), np.ones((2, 3, 1, 1), int)),
            ValueError,
            "indices (2, 3, 1, 1) and words (1, 2, 3, 1) differ in subspaces, or filters do not make 1 groups",
        ),
        (
            lambda: product.convolve(
                IFMAP, ProductCodebook(np.ones((1, 2, 3, 1), int), np.ones((2, 2, 1, 1), int)), groups=2
            ),
            ValueError,
            "the codewords are of 1 groups, not 2",
        ),
        (
            lambda: product.gemm(ProductCodebook(np.ones((2, 2, 3, 1), int), np.ones((2, 2, 1, 1), int)), B),
            ValueError,
            "rows have one tap and one group, got indices (2, 2, 1, 1) and words (2, 2, 3, 1)",
        ),
        (
            lambda: Clusters(np.ones((1, 3, 3), int), B, B),
            ValueError,
            "index 1 is not among the 1 entries of the book",
        ),
        (
            lambda: Clusters(np.ones((2, 3, 3), int), B, B.T),
            ValueError,
            "scales (4, 3) and indices (3, 4) differ in shape",
        ),
        (
            lambda: clusters.convolve(IFMAP << 25, Clusters(np.full((2, 3, 3), 2**25), B[:, :2], B[:, :2] << 10)),
            ValueError,
            "sums of 18 products with scaled centroids may leave 64 bits",
        ),
    ],
)
def test_what_cannot_be_coded_or_multiplied(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message
