"""Matrix products with one or two sparse operands: what is asked, checked, and called."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bounds import sum_type
from accsim.kernels.shapes import check_depths
from accsim.kernels.sparse.formats import Bitmap, Csc, Csr, Sparse, transposed

OFTEN = 32
PAIRS = "Csr by Csr, Csc by Csr, Csr by Csc, or a Bitmap along rows by one along columns"


def gemm(a: Sparse | NDArray[Any], b: Sparse | NDArray[Any]) -> NDArray[Any]:
    """The matrix product ``a`` @ ``b`` of which one operand is sparse, or both; every format by its own algorithm.

    Args:
        a: [rows, K], integers or floating-point numbers: ``Csr``, ``Csc``, a ``Bitmap`` along rows, or dense.
        b: [K, columns], likewise, of the same sort of numbers; a ``Bitmap`` along columns. Of two sparse operands:
            ``Csr`` by ``Csr`` (Gustavson), ``Csc`` by ``Csr`` (outer products), ``Csr`` by ``Csc`` (merged lists),
            ``Bitmap`` by ``Bitmap`` (masks).

    Returns:
        [rows, columns]. Integers are exact, int32 if every sum must fit and else int64. Floating-point sums are of the
        wider type of the two, added in ascending order along K, each product rounded. Any size may be zero.

    Raises:
        TypeError: no operand is sparse, formats that do not go together, integers with floating-point numbers.
        ValueError: shapes that do not match, integer sums that may leave 64 bits.
    """
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        raise TypeError("neither operand is sparse; use accsim.kernels.gemm")
    for what, operand in (("a", a), ("b", b)):
        if isinstance(operand, np.ndarray) and operand.ndim != 2:
            raise ValueError(f"{what} must have 2 dimensions, got shape {operand.shape}")
    check_depths(a.shape, b.shape)
    if isinstance(a, np.ndarray):
        return np.ascontiguousarray(gemm(transposed(b), a.T).T)  # type: ignore[arg-type]
    if isinstance(a, Bitmap) and a.along != 1:
        raise TypeError("a bitmap on the left is along rows: make it with bitmap(a, along=1)")
    values = b if isinstance(b, np.ndarray) else b.values
    kind = sum_type(a.values, values, a.shape[1])
    by_rows = isinstance(a, Csr | Bitmap) and isinstance(b, np.ndarray)  # writes every sum once
    out = (np.empty if by_rows and a.values.size else np.zeros)((a.shape[0], b.shape[1]), kind)
    if not (out.size and a.values.size and values.size):
        return out
    left, right = a.values.astype(kind, copy=False), np.ascontiguousarray(values, kind)

    from accsim.kernels.sparse import products  # noqa: PLC0415

    match a, b:
        case Csr(), np.ndarray():
            products.csr_dense(left, a.places, a.starts, 0, a.shape[0], right, panels(right, left.size), out)
        case Bitmap(), np.ndarray():
            places = np.empty(left.size, np.int32)
            products.set_places(a.masks, places)
            products.csr_dense(left, places, a.starts, 0, a.shape[0], right, panels(right, left.size), out)
        case Csc(), np.ndarray():
            products.csc_dense(left, a.places, a.starts, right, out)
        case Csr(), Csr():
            products.rows_by_rows(left, a.places, a.starts, right, b.places, b.starts, out)
        case Csc(), Csr():
            products.columns_by_rows(left, a.places, a.starts, right, b.places, b.starts, out)
        case Csr(), Csc():
            products.rows_by_columns(left, a.places, a.starts, right, b.places, b.starts, out)
        case Bitmap(), Bitmap(along=0):
            products.masks_by_masks(left, a.masks, a.starts, right, b.masks, b.starts, out)
        case _:
            raise TypeError(f"{type(a).__name__} by {type(b).__name__} is not among {PAIRS}")
    return out


def panels(matrix: NDArray[Any], values: int) -> bool:
    """Whether columns of a dense operand are copied together before they are used.

    They are where its rows are a multiple of half a page apart, so that they share the same few sets of a cache, and
    where the values of the sparse operand use each row often enough, so that a copy is a small part of the work.
    """
    return matrix.strides[0] % 2048 == 0 and values >= OFTEN * matrix.shape[0]
