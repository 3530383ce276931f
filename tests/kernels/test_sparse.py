"""Products of sparse operands equal the dense kernel, whatever the format and whichever operand is sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accsim.kernels import Accumulator, gemm, sparse
from tests.kernels import cases
from tests.naive import kernels_compressed as naive

densities = st.sampled_from([0.0, 0.1, 0.5, 1.0])
integer_types = st.sampled_from(["int8", "uint8", "int16", "int32", "int64"])
# Sums of 32 bits, and under `slow` mostly of 64: other machine code, which takes seconds to compile.
widths = pytest.mark.parametrize("largest", [127, pytest.param(2**15 - 1, marks=pytest.mark.slow)])


def draw(
    shape: tuple[int, ...], density: float, dtype: str, generator: np.random.Generator, largest: int = 127
) -> NDArray[Any]:
    """Words of up to 16 bits, of which about a share is not zero."""
    info = np.iinfo(dtype)
    low, high = max(info.min, -largest - 1), min(info.max, largest)
    values = generator.integers(low, high, shape, endpoint=True)
    return np.where(generator.random(shape) < density, values, 0).astype(dtype)


def lefts(a: NDArray[Any]) -> list[sparse.Csr | sparse.Csc | sparse.Bitmap]:
    return [sparse.csr(a), sparse.csc(a), sparse.bitmap(a, along=1)]


def rights(b: NDArray[Any]) -> list[sparse.Csr | sparse.Csc | sparse.Bitmap]:
    return [sparse.csr(b), sparse.csc(b), sparse.bitmap(b, along=0)]


def both(a: NDArray[Any], b: NDArray[Any]) -> list[tuple[Any, Any]]:
    return [
        (sparse.csr(a), sparse.csr(b)),
        (sparse.csc(a), sparse.csr(b)),
        (sparse.csr(a), sparse.csc(b)),
        (sparse.bitmap(a, along=1), sparse.bitmap(b, along=0)),
    ]


@widths
@given(
    cases.sizes, cases.depths, st.sampled_from([0, 1, 15, 16, 17, 49, 128, 131, 512]), densities, densities,
    integer_types, integer_types, cases.seeds,
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_products_equal_the_dense_one(
    largest: int, rows: int, depth: int, columns: int, full: float, full2: float, kind: str, kind2: str, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    a = draw((rows, depth), full, kind, generator, largest)
    b = draw((depth, columns), full2, kind2, generator, largest)
    expected = gemm(a, b, Accumulator(64)).values
    for left in lefts(a):
        np.testing.assert_array_equal(sparse.gemm(left, b), expected)
    for right in rights(b):
        np.testing.assert_array_equal(sparse.gemm(a, right), expected)
    for left, right in both(a, b):
        product = sparse.gemm(left, right)
        np.testing.assert_array_equal(product, expected)
        assert product.dtype in (np.int32, np.int64)


@pytest.mark.parametrize("kind", ["int8", pytest.param("float32", marks=pytest.mark.slow)])
@given(
    st.sampled_from([1, 3, 60]), st.sampled_from([511, 512, 513, 1100]), st.sampled_from([5, 16, 33, 130, 512, 520]),
    cases.seeds,
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_products_in_blocks_along_k(kind: str, rows: int, depth: int, columns: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    a, b = draw((rows, depth), 0.6, "int8", generator), draw((depth, columns), 1.0, "int8", generator)
    a, b = (x.astype(kind) * (1 if kind == "int8" else inexact(generator, x.shape)) for x in (a, b))
    product = sparse.gemm(sparse.csr(a), b)
    if kind == "int8":
        np.testing.assert_array_equal(product, a.astype(np.int64) @ b.astype(np.int64))
    else:  # scipy adds rounded products in ascending order too
        np.testing.assert_array_equal(product, scipy.sparse.csr_matrix(a) @ b)


def inexact(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Factors that make products of integers inexact in 24 bits."""
    return (generator.random(shape) / 10).astype(np.float32)


@given(st.integers(0, 4), st.sampled_from([0, 1, 5, 33]), st.integers(0, 4), densities, cases.seeds)
@settings(max_examples=50, deadline=None)
def test_products_equal_their_naive_twin(rows: int, depth: int, columns: int, density: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    a, b = draw((rows, depth), density, "int16", generator), draw((depth, columns), 0.5, "int16", generator)
    entries = [[{k: x for k, x in enumerate(line) if x} for line in lines] for lines in (a.tolist(), b.T.tolist())]
    twin = [[naive.sparse_dot(row, column) for column in entries[1]] for row in entries[0]]
    for left, right in [*((x, b) for x in lefts(a)), *((a, x) for x in rights(b)), *both(a, b)]:
        assert sparse.gemm(left, right).tolist() == twin


@given(cases.sizes, cases.depths, densities, integer_types, cases.seeds)
@settings(max_examples=60, deadline=None)
def test_what_is_compressed_comes_back(rows: int, columns: int, density: float, kind: str, seed: int) -> None:
    matrix = draw((rows, columns), density, kind, np.random.default_rng(seed))
    for packed in (*lefts(matrix), *rights(matrix)):
        np.testing.assert_array_equal(sparse.dense(packed), matrix)
        assert packed.values.dtype == matrix.dtype
        assert packed.values.size == np.count_nonzero(matrix) == packed.starts[-1]
    theirs = scipy.sparse.csr_matrix(matrix)
    ours = sparse.csr(matrix)
    np.testing.assert_array_equal(ours.places, theirs.indices)
    np.testing.assert_array_equal(ours.starts, theirs.indptr)
    np.testing.assert_array_equal(ours.values, theirs.data)


def test_where_a_mask_bit_lies() -> None:
    matrix = np.zeros((2, 70), int)
    matrix[1, 33] = 5
    assert np.argwhere(sparse.bitmap(matrix).masks).tolist() == [[1, 1]]
    assert sparse.bitmap(matrix).masks[1, 1] == 2
    assert np.argwhere(sparse.bitmap(matrix.T, along=0).masks).tolist() == [[1, 1]]


@widths
@given(cases.layers, densities, densities, integer_types, cases.seeds)
@settings(max_examples=100, deadline=None)
def test_convolutions_equal_the_dense_one(
    largest: int, g: Any, full: float, full2: float, kind: str, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    ifmap_shape, weight_shape = cases.shapes(g)
    ifmap = draw(ifmap_shape, full, kind, generator, largest)
    weight = draw(weight_shape, full2, "int16", generator, largest)
    expected = cases.dense(ifmap, weight, g)
    inputs, weights = sparse.fold_ifmap(ifmap), sparse.fold_weight(weight)
    for left, right in ((ifmap, weights), (inputs, weight), (inputs, weights)):
        np.testing.assert_array_equal(sparse.convolve(left, right, **cases.how(g)), expected)
    by_masks = sparse.Folded(sparse.bitmap(weight.reshape(g.M, -1)), weight.shape)
    by_columns = sparse.Folded(sparse.csc(ifmap.reshape(g.N * g.C, -1)), ifmap.shape)
    np.testing.assert_array_equal(sparse.convolve(by_columns, by_masks, **cases.how(g)), expected)


@given(cases.layers, cases.seeds)
@settings(max_examples=30, deadline=None)
def test_convolutions_equal_their_naive_twin(g: Any, seed: int) -> None:
    generator = np.random.default_rng(seed)
    ifmap_shape, weight_shape = cases.shapes(g)
    ifmap, weight = draw(ifmap_shape, 0.5, "int8", generator), draw(weight_shape, 0.4, "int8", generator)
    product = sparse.convolve(sparse.fold_ifmap(ifmap), sparse.fold_weight(weight), **cases.how(g))
    places = naive.windows(ifmap, weight_shape, **cases.how(g))
    assert product.size == len(places)
    for place, inputs in places.items():
        kernel = {tap: x.item() for tap, x in np.ndenumerate(weight[place[1]]) if x}
        assert product[place] == naive.sparse_dot({tap: x for tap, x in inputs.items() if x}, kernel)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("columns", [3, 49, 130])
def test_floating_point_sums_are_added_along_the_depth(kind: str, columns: int) -> None:
    """Each product and each sum rounded once, in order: the same bits on every machine."""
    generator = np.random.default_rng(1)
    a = (generator.normal(size=(9, 80)) * (generator.random((9, 80)) < 0.3)).astype(kind)
    b = generator.normal(size=(80, columns)).astype(kind)
    expected = np.zeros((9, columns), kind)
    for k in range(80):
        expected += a[:, k : k + 1] * b[k]
    for left in lefts(a):
        product = sparse.gemm(left, b)
        assert product.dtype == kind
        np.testing.assert_array_equal(product, expected)


def test_rows_half_a_page_apart_are_copied_together() -> None:
    generator = np.random.default_rng(2)
    for columns in (512, 1024):
        a, b = draw((5, 40), 0.3, "int8", generator), draw((40, columns), 1.0, "int32", generator)
        np.testing.assert_array_equal(sparse.gemm(sparse.csr(a), b), a.astype(np.int64) @ b)


def test_sums_widen_before_they_overflow() -> None:
    for x, y, kind in ((2**15, 2**14, np.int32), (2**15, 2**16, np.int64), (2**31 - 1, -(2**31), np.int64)):
        a, b = np.full((1, 2), x), np.full((2, 1), y)
        product = sparse.gemm(sparse.csr(a), b)
        assert (product.item(), product.dtype) == (2 * x * y, kind)


def test_a_convolution_of_no_images_is_empty() -> None:
    weight = np.ones((4, 2, 2, 2), int)
    none = np.zeros((0, 2, 3, 3), int)
    assert sparse.convolve(none, sparse.fold_weight(weight)).shape == (0, 4, 2, 2)
    assert sparse.convolve(sparse.fold_ifmap(none), weight).shape == (0, 4, 2, 2)


A, B = np.ones((2, 3), int), np.ones((3, 4), int)
PAIRS = "Csr by Csr, Csc by Csr, Csr by Csc, or a Bitmap along rows by one along columns"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sparse.csr(A[0]), ValueError, "a sparse matrix has 2 dimensions, got shape (3,)"),
        (
            lambda: sparse.bitmap(A > 0),
            TypeError,
            "a sparse matrix holds integers or floating-point numbers, got bool",
        ),
        (
            lambda: sparse.Csr(np.ones(2), np.array([0, 3], np.int32), np.array([0, 1, 2]), (2, 3)),
            ValueError,
            "places are 0 .. 2, got 0 .. 3",
        ),
        (
            lambda: sparse.Csc(np.ones(2), np.array([0, 1]), np.array([0, 1, 2]), (3, 2)),
            ValueError,
            "places are int32, one per value, got int64 of shape (2,)",
        ),
        (
            lambda: sparse.Csr(np.ones(2), np.array([0, 1], np.int32), np.array([0, 3, 2]), (2, 3)),
            ValueError,
            "starts rise from 0 to the 2 values, got 0 to 2",
        ),
        (
            lambda: sparse.Csr(np.ones(2), np.array([0, 1], np.int32), np.array([0, 2]), (2, 3)),
            ValueError,
            "starts are int64, 3 of them, got int64 of shape (2,)",
        ),
        (
            lambda: sparse.Bitmap(np.ones(1), np.zeros((1, 1), np.uint32), np.array([0, 1]), (1, 3), 1),
            ValueError,
            "masks set other bits than there are values",
        ),
        (
            lambda: sparse.Bitmap(np.ones(1), np.zeros((1, 2), np.uint32), np.array([0, 1]), (1, 3), 1),
            ValueError,
            "masks are uint32 of shape (1, 1), got uint32 of (1, 2)",
        ),
        (lambda: sparse.gemm(A, B), TypeError, "neither operand is sparse; use accsim.kernels.gemm"),
        (lambda: sparse.gemm(sparse.csr(A), B.T), ValueError, "a has 3 columns and b 4 rows"),
        (lambda: sparse.gemm(sparse.csr(A), B[0]), ValueError, "b must have 2 dimensions, got shape (4,)"),
        (lambda: sparse.gemm(sparse.csr(A), B * 0.5), TypeError, "integers go with integers, got int64 and float64"),
        (lambda: sparse.gemm(sparse.csc(A), sparse.csc(B)), TypeError, f"Csc by Csc is not among {PAIRS}"),
        (
            lambda: sparse.gemm(sparse.bitmap(A, along=0), B),
            TypeError,
            "a bitmap on the left is along rows: make it with bitmap(a, along=1)",
        ),
        (
            lambda: sparse.gemm(sparse.csr(A * 2**32), B * 2**31),
            ValueError,
            "sums of 3 products of int64 and int64 may leave 64 bits",
        ),
        (
            lambda: sparse.convolve(np.ones((1, 2, 3, 3), int), np.ones((1, 2, 1, 1), int)),
            TypeError,
            "neither operand is sparse; use accsim.kernels.convolve",
        ),
        (
            lambda: sparse.convolve(np.ones((1, 3, 3), int), sparse.fold_weight(np.ones((1, 2, 1, 1), int))),
            ValueError,
            "ifmap must have 4 dimensions, got shape (1, 3, 3)",
        ),
        (
            lambda: sparse.convolve(np.ones((1, 3, 3, 3), int), sparse.fold_weight(np.ones((1, 2, 1, 1), int))),
            ValueError,
            "3 channels and 1 filters of 2 channels do not make 1 groups",
        ),
    ],
)
def test_what_cannot_be_multiplied(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message
