"""Weights that are indices into a book of numbers (Han et al., Deep Compression, ICLR 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bounds import sum_type
from accsim.kernels.coded.outputs import check_maps, outputs
from accsim.kernels.shapes import Sliding, check_array, check_depths, slide


@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """Weights in a book.

    Attributes:
        indices: integers of any shape, [rows, K] or [M, C / groups, R, S]; entry ``indices[...]`` of the book is meant.
        book: [entries], integers or floating-point numbers.

    Raises:
        TypeError: indices that are not integers.
        ValueError: an index outside the book, a book of another number of dimensions.
    """

    indices: NDArray[Any]
    book: NDArray[Any]

    def __post_init__(self) -> None:
        check_array("indices", self.indices, self.indices.ndim)
        if self.book.ndim != 1:
            raise ValueError(f"book must have 1 dimension, got shape {self.book.shape}")
        check_indices(self.indices, self.book.size)

    def decode(self) -> NDArray[Any]:
        """The weights."""
        weights: NDArray[Any] = self.book[self.indices]
        return weights


def check_indices(indices: NDArray[Any], entries: int) -> None:
    """Whether all of them are in ``0 .. entries - 1``.

    Raises:
        ValueError: one is not.
    """
    if indices.size:
        least, most = int(indices.min()), int(indices.max())
        if least < 0 or most >= entries:
            raise ValueError(f"index {least if least < 0 else most} is not among the {entries} entries of the book")


def gemm(a: Codebook, b: NDArray[Any], *, bins: bool = False) -> NDArray[Any]:
    """The product of coded rows and a matrix.

    Args:
        a: [rows, K].
        b: [K, columns], integers or floating-point numbers as the book's.
        bins: look each weight up and multiply (the default), or first add the inputs up per entry of the book and then
            multiply once per entry: rows * entries * columns multiplications instead of rows * K * columns.

    Returns:
        [rows, columns]. Integers are exact, int32 if every sum must fit and else int64; floating-point sums are of the
        wider type of the two. Any size may be zero.

    Raises:
        TypeError: integers with floating-point numbers.
        ValueError: shapes that do not match, integer sums that may leave 64 bits.
    """
    for what, operand in (("a", a.indices), ("b", b)):
        if operand.ndim != 2:
            raise ValueError(f"{what} must have 2 dimensions, got shape {operand.shape}")
    (rows, depth), columns = a.indices.shape, b.shape[1]
    check_depths(a.indices.shape, b.shape)
    if not (rows and depth and columns):
        return np.zeros((rows, columns), sum_type(a.book, b, depth))
    out = convolve(b.reshape(1, depth, 1, columns), Codebook(a.indices.reshape(rows, depth, 1, 1), a.book), bins=bins)
    return out.reshape(rows, columns)


def convolve(ifmap: NDArray[Any], weight: Codebook, *, bins: bool = False, **how: Unpack[Sliding]) -> NDArray[Any]:
    """The convolution of :func:`accsim.kernels.convolve` with coded weights [M, C / groups, R, S].

    Args:
        ifmap: [N, C, H, W], integers or floating-point numbers as the book's; N may be zero.
        weight: indices and their book.
        bins: see :func:`gemm`.
        how: see :class:`accsim.kernels.shapes.Sliding`.

    Returns:
        [N, M, P, Q], of the same type and exactness as :func:`gemm` gives.

    Raises:
        TypeError: integers with floating-point numbers.
        ValueError: shapes that do not match, a window larger than the padded input, integer sums that may
            leave 64 bits.
    """
    check_maps("ifmap", ifmap)
    check_maps("weight", weight.indices)
    at = slide(ifmap.shape, weight.indices.shape, how)
    filters, taps = weight.indices.shape[0], int(np.prod(weight.indices.shape[1:]))
    kind = sum_type(weight.book, ifmap, taps)
    codes = np.ascontiguousarray(weight.indices.reshape(at.groups, filters // at.groups, taps), np.int32)

    def compute(inputs: NDArray[Any], window: Any, out: NDArray[Any]) -> None:
        from accsim.kernels.coded import windows  # noqa: PLC0415

        method, book = windows.BINS if bins else windows.LOOKUP, np.ascontiguousarray(weight.book, kind)
        windows.over_panels(method, inputs, codes, book, window, out.reshape(*out.shape[:3], -1))

    return outputs(ifmap, filters, at, kind, compute)
