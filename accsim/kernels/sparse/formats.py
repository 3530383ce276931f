"""Sparse matrices and tensors as the kernels read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

WORD: Final = 32


@dataclass(frozen=True, slots=True, eq=False)
class Csr:
    """Compressed sparse rows.

    Attributes:
        values: what is not zero, row after row, by column within a row.
        places: int32, the column of each value.
        starts: int64 [rows + 1]; row i is ``starts[i] .. starts[i + 1]``.
        shape: (rows, columns).
    """

    values: NDArray[Any]
    places: NDArray[np.int32]
    starts: NDArray[np.int64]
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Csc:
    """Compressed sparse columns: the same, column after column, with the row of each value as its place."""

    values: NDArray[Any]
    places: NDArray[np.int32]
    starts: NDArray[np.int64]
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Bitmap:
    """A bit per element, and the values whose bit is set.

    A *line* is a row if ``along`` is 1, which a left operand needs, and a column if it is 0, which a right one needs.

    Attributes:
        values: what is not zero, line after line.
        masks: uint32 [lines, ceil(length / 32)]. Bit k % 32 of word k // 32, counted from the lowest, is set where
            element k of the line is not zero. Bits past the length are zero.
        starts: int64 [lines + 1]; the values of line i are ``starts[i] .. starts[i + 1]``.
        shape: (rows, columns).
        along: the axis that lines run along.
    """

    values: NDArray[Any]
    masks: NDArray[np.uint32]
    starts: NDArray[np.int64]
    shape: tuple[int, int]
    along: int


Sparse = Csr | Csc | Bitmap


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """A tensor of four dimensions in a sparse matrix.

    Attributes:
        matrix: weights [M, C / groups, R, S] as a matrix [M, C / groups * R * S]; an ifmap [N, C, H, W] as one
            [N * C, H * W].
        shape: that of the tensor.
    """

    matrix: Sparse
    shape: tuple[int, int, int, int]


def csr(matrix: NDArray[Any]) -> Csr:
    """What is not zero in a matrix, by rows.

    Raises:
        TypeError: an array that holds neither integers nor floating-point numbers.
        ValueError: not two dimensions.
    """
    _check(matrix)
    rows, columns = np.nonzero(matrix)
    return Csr(
        np.ascontiguousarray(matrix[rows, columns]), columns.astype(np.int32), _starts(rows, matrix.shape[0]),
        (matrix.shape[0], matrix.shape[1]),
    )  # fmt: skip


def csc(matrix: NDArray[Any]) -> Csc:
    """What is not zero in a matrix, by columns; raises as :func:`csr` does."""
    return _flipped(csr(matrix.T))  # type: ignore[return-value]


def bitmap(matrix: NDArray[Any], along: int = 1) -> Bitmap:
    """Masks and values of a matrix, along its rows (1) or its columns (0); raises as :func:`csr` does."""
    _check(matrix)
    lines = matrix if along else matrix.T
    count, length = lines.shape
    bits = np.zeros((count, -(-length // WORD) * WORD), bool)
    bits[:, :length] = lines != 0
    masks = np.packbits(bits, axis=1, bitorder="little").view("<u4").astype(np.uint32, copy=False)
    kept = np.nonzero(lines)
    return Bitmap(
        np.ascontiguousarray(lines[kept]), masks, _starts(kept[0], count), (matrix.shape[0], matrix.shape[1]), along
    )


def fold_weight(weight: NDArray[Any]) -> Folded:
    """Weights [M, C / groups, R, S] as sparse rows, one per filter."""
    m, c, r, s = weight.shape
    return Folded(csr(weight.reshape(m, c * r * s)), (m, c, r, s))


def fold_ifmap(ifmap: NDArray[Any]) -> Folded:
    """An ifmap [N, C, H, W] as sparse rows, one per channel of an image."""
    n, c, h, w = ifmap.shape
    return Folded(csr(ifmap.reshape(n * c, h * w)), (n, c, h, w))


def dense(matrix: Sparse) -> NDArray[Any]:
    """The matrix that was compressed."""
    out = np.zeros(matrix.shape, matrix.values.dtype)
    compressed = compressed_rows(matrix)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(compressed.starts))
    out[rows, compressed.places] = compressed.values
    return out


def compressed_rows(matrix: Sparse) -> Csr:
    """Any of them as rows."""
    if isinstance(matrix, Csr):
        return matrix
    lines = np.repeat(np.arange(matrix.starts.size - 1), np.diff(matrix.starts))
    places = _set_places(matrix) if isinstance(matrix, Bitmap) else matrix.places
    by_rows = isinstance(matrix, Bitmap) and matrix.along == 1
    rows, columns = (lines, places) if by_rows else (places, lines)
    order = np.lexsort((columns, rows))
    return Csr(matrix.values[order], columns[order].astype(np.int32), _starts(rows, matrix.shape[0]), matrix.shape)


def transposed(matrix: Sparse) -> Sparse:
    """The transpose, of the same arrays."""
    if isinstance(matrix, Bitmap):
        shape = (matrix.shape[1], matrix.shape[0])
        return Bitmap(matrix.values, matrix.masks, matrix.starts, shape, 1 - matrix.along)
    return _flipped(matrix)


def _flipped(matrix: Csr | Csc) -> Csr | Csc:
    kind = Csc if isinstance(matrix, Csr) else Csr
    return kind(matrix.values, matrix.places, matrix.starts, (matrix.shape[1], matrix.shape[0]))


def _set_places(matrix: Bitmap) -> NDArray[np.int64]:
    bits = np.unpackbits(matrix.masks.astype("<u4", copy=False).view(np.uint8), axis=1, bitorder="little")
    return np.nonzero(bits)[1]


def _starts(lines: NDArray[Any], count: int) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.bincount(lines, minlength=count))]).astype(np.int64)


def _check(matrix: NDArray[Any]) -> None:
    if matrix.dtype.kind not in "iuf":
        raise TypeError(f"a sparse matrix holds integers or floating-point numbers, got {matrix.dtype}")
    if matrix.ndim != 2:
        raise ValueError(f"a sparse matrix has 2 dimensions, got shape {matrix.shape}")
