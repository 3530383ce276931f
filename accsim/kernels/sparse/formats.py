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

    Raises:
        ValueError: arrays that do not describe such a matrix.
    """

    values: NDArray[Any]
    places: NDArray[np.int32]
    starts: NDArray[np.int64]
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        _check_lists(self.values, self.places, self.starts, self.shape[0], self.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Csc:
    """Compressed sparse columns: the same, column after column, with the row of each value as its place."""

    values: NDArray[Any]
    places: NDArray[np.int32]
    starts: NDArray[np.int64]
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        _check_lists(self.values, self.places, self.starts, self.shape[1], self.shape[0])


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

    Raises:
        ValueError: arrays that do not describe such a matrix.
    """

    values: NDArray[Any]
    masks: NDArray[np.uint32]
    starts: NDArray[np.int64]
    shape: tuple[int, int]
    along: int

    def __post_init__(self) -> None:
        if self.along not in (0, 1):
            raise ValueError(f"lines run along axis 0 or 1, got {self.along}")
        lines, length = self.shape if self.along else self.shape[::-1]
        words = -(-length // WORD)
        if self.masks.dtype != np.uint32 or self.masks.shape != (lines, words):
            raise ValueError(
                f"masks are uint32 of shape {(lines, words)}, got {self.masks.dtype} of {self.masks.shape}"
            )
        bits = np.unpackbits(_bytes(self.masks), axis=1, bitorder="little")
        _check_starts(self.values, self.starts, lines)
        if bits[:, length:].any() or (bits.sum(axis=1, dtype=np.int64) != np.diff(self.starts)).any():
            raise ValueError("masks set other bits than there are values")


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
    return np.nonzero(np.unpackbits(_bytes(matrix.masks), axis=1, bitorder="little"))[1]


def _bytes(masks: NDArray[np.uint32]) -> NDArray[np.uint8]:
    little = np.ascontiguousarray(masks).astype("<u4", copy=False)
    return little.view(np.uint8).reshape(masks.shape[0], 4 * masks.shape[1])


def _check_lists(
    values: NDArray[Any], places: NDArray[np.int32], starts: NDArray[np.int64], lines: int, length: int
) -> None:
    _check_starts(values, starts, lines)
    if places.dtype != np.int32 or places.shape != values.shape:
        raise ValueError(f"places are int32, one per value, got {places.dtype} of shape {places.shape}")
    if places.size and not 0 <= int(places.min()) <= int(places.max()) < length:
        raise ValueError(f"places are 0 .. {length - 1}, got {places.min()} .. {places.max()}")


def _check_starts(values: NDArray[Any], starts: NDArray[np.int64], lines: int) -> None:
    if values.ndim != 1:
        raise ValueError(f"values must have 1 dimension, got shape {values.shape}")
    if starts.dtype != np.int64 or starts.shape != (lines + 1,):
        raise ValueError(f"starts are int64, {lines + 1} of them, got {starts.dtype} of shape {starts.shape}")
    if starts[0] != 0 or starts[-1] != values.size or (np.diff(starts) < 0).any():
        raise ValueError(f"starts rise from 0 to the {values.size} values, got {starts[0]} to {starts[-1]}")


def _starts(lines: NDArray[Any], count: int) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.bincount(lines, minlength=count))]).astype(np.int64)


def _check(matrix: NDArray[Any]) -> None:
    if matrix.dtype.kind not in "iuf":
        raise TypeError(f"a sparse matrix holds integers or floating-point numbers, got {matrix.dtype}")
    if matrix.ndim != 2:
        raise ValueError(f"a sparse matrix has 2 dimensions, got shape {matrix.shape}")
