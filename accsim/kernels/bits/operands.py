"""Packed operands of popcount products."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bits.code import PlaneCode, Reading

WORD: Final = 32
PANEL: Final = 64
LINE: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A left operand [rows, depth], packed along its rows.

    Attributes:
        words: uint32 [planes, rows, ceil(depth / 32)]. Bit k % 32 of word k // 32, counted from the lowest, belongs
            to place k of the row. Bits past the depth are zero.
        depth: K, the length of a row.
        code: what the planes stand for.

    Raises:
        ValueError: words of another type or shape.
    """

    words: NDArray[np.uint32]
    depth: int
    code: PlaneCode

    def __post_init__(self) -> None:
        rows = self.words.shape[1] if self.words.ndim > 1 else 0
        _check_words(self.words, (self.code.bits, rows, words_of(self.depth)))

    @property
    def rows(self) -> int:
        """Rows."""
        return int(self.words.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """A right operand [depth, columns], packed along its columns.

    Attributes:
        words: uint32 [planes, ceil(columns / 64), ceil(depth / 32), 64]. Bit k % 32 of word k // 32, lane j % 64 of
            panel j // 64 belongs to place k of column j. Bits past the depth and lanes past the columns are zero.
        depth: K, the length of a column.
        columns: columns.
        code: what the planes stand for.

    Raises:
        ValueError: words of another type or shape.
    """

    words: NDArray[np.uint32]
    depth: int
    columns: int
    code: PlaneCode

    def __post_init__(self) -> None:
        _check_words(self.words, (self.code.bits, -(-self.columns // PANEL), words_of(self.depth), PANEL))


@dataclass(frozen=True, slots=True, eq=False)
class Filters:
    """The weights of a convolution: a packed row per filter.

    Attributes:
        rows: one row of C / groups * R * S places per filter, in that order.
        shape: (M, C / groups, R, S).

    Raises:
        ValueError: rows that do not hold such filters.
    """

    rows: Rows
    shape: tuple[int, int, int, int]

    def __post_init__(self) -> None:
        if (self.rows.rows, self.rows.depth) != (self.shape[0], math.prod(self.shape[1:])):
            raise ValueError(f"{self.rows.rows} rows of {self.rows.depth} places are no filters {self.shape}")


def words_of(depth: int) -> int:
    """Words of 32 bits that hold ``depth`` bits."""
    return -(-depth // WORD)


def pack_rows(values: NDArray[Any], code: PlaneCode) -> Rows:
    """Pack integers [rows, depth]; done once for weights.

    Raises:
        TypeError: an array that does not hold integers.
        ValueError: not two dimensions, or an integer that the code does not have.
    """
    _check_dimensions("values", values, 2)
    bits = code.planes(code.checked("values", values))
    _, rows, depth = bits.shape
    padded = np.zeros((code.bits, rows, words_of(depth) * WORD), bool)
    padded[:, :, :depth] = bits
    return Rows(_words(padded), depth, code)


def unpack_rows(packed: Rows) -> NDArray[np.int64]:
    """The integers that were packed; of signs, -1 and +1."""
    return packed.code.integers(_bits(packed.words)[:, :, : packed.depth])


def pack_columns(values: NDArray[Any], code: PlaneCode) -> Columns:
    """Pack integers [depth, columns], compiled; raises as :func:`pack_rows` does."""
    _check_dimensions("values", values, 2)
    stored = code.checked("values", values)
    depth, columns = stored.shape
    words = room(code, depth, columns)
    if words.size:
        fill(stored, code, 0, columns, words)
    return Columns(words, depth, columns, code)


def fill(stored: NDArray[Any], code: PlaneCode, first: int, columns: int, words: NDArray[np.uint32]) -> None:
    """Pack some columns of an array that ``code`` has checked."""
    from accsim.kernels.bits import panels  # noqa: PLC0415

    panels.pack(
        stored.reshape(-1), stored.shape[1], stored.shape[0], first, columns, places(code),
        code.reading is Reading.TERNARY, words.reshape(-1),
    )  # fmt: skip


def unpack_columns(packed: Columns) -> NDArray[np.int64]:
    """The integers that were packed; of signs, -1 and +1."""
    planes, panels, words, lanes = packed.words.shape
    along = np.ascontiguousarray(packed.words.transpose(0, 1, 3, 2)).reshape(planes, panels * lanes, words)
    return packed.code.integers(_bits(along)[:, : packed.columns, : packed.depth].transpose(0, 2, 1))


def pack_filters(weight: NDArray[Any], code: PlaneCode) -> Filters:
    """Pack weights [M, C / groups, R, S]; raises as :func:`pack_rows` does."""
    _check_dimensions("weight", weight, 4)
    m, c, r, s = weight.shape
    return Filters(pack_rows(weight.reshape(m, c * r * s), code), (m, c, r, s))


def room(code: PlaneCode, depth: int, columns: int) -> NDArray[np.uint32]:
    """Where packed columns go, from an address that is a multiple of 64 bytes on: no vector lies in two cache lines."""
    shape = (code.bits, -(-columns // PANEL), words_of(depth), PANEL)
    count = math.prod(shape)
    words = np.empty(count + LINE, np.uint32)
    first = -(words.__array_interface__["data"][0] // words.itemsize) % LINE
    return words[first : first + count].reshape(shape)


@lru_cache(maxsize=256)
def places(code: PlaneCode) -> NDArray[np.int64]:
    """Which bit of the stored integer each plane is read from; a positive mask is mended afterwards."""
    top = 7 if code.bits <= 8 else 15
    if code.reading is Reading.SIGN:
        return np.array([top])
    return np.array([0, top]) if code.reading is Reading.TERNARY else np.arange(code.bits)


def _check_dimensions(what: str, values: NDArray[Any], dimensions: int) -> None:
    if values.ndim != dimensions:
        raise ValueError(f"{what} must have {dimensions} dimensions, got shape {values.shape}")


def _check_words(words: NDArray[np.uint32], shape: tuple[int, ...]) -> None:
    if words.dtype != np.uint32 or words.shape != shape:
        raise ValueError(f"words are uint32 of shape {shape}, got {words.dtype} of {words.shape}")


def _words(bits: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """[..., 32 n] bits as [..., n] words."""
    packed = np.packbits(bits, axis=-1, bitorder="little")
    return packed.view("<u4").astype(np.uint32, copy=False)


def _bits(words: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """The reverse."""
    little = np.ascontiguousarray(words).astype("<u4", copy=False)
    return np.unpackbits(little.view(np.uint8), axis=-1, bitorder="little").astype(bool)
