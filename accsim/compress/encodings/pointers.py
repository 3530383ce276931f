"""Stored entries by row: an index in its row for each, and where each row begins. CSR, CSC and block rows are this."""

from __future__ import annotations

import numpy as np

from accsim.compress.encodings.frame import Integers, index_bits
from accsim.compress.encodings.stream import Field
from accsim.errors import AccsimError


def pointer_fields(rows: int, cols: int, entries: int, index: str, pointers: str) -> tuple[Field, Field]:
    """Streams of indices, ceil(log2 cols) bits each, and of rows + 1 pointers, ceil(log2(entries + 1)) bits each."""
    return Field(index, entries, index_bits(cols)), Field(pointers, rows + 1, entries.bit_length())


def row_pointers(per_row: Integers) -> Integers:
    """Where each row begins among all entries, and where the last one ends, int64 [rows + 1]."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(per_row)])


def check_pointers(pointers: Integers, entries: int, name: str) -> None:
    """Refuse pointers that do not rise from 0 to the number of entries.

    Raises:
        AccsimError: they do not.
    """
    if pointers[0] != 0 or pointers[-1] != entries or bool((np.diff(pointers) < 0).any()):
        raise AccsimError(f"{name}: do not rise from 0 to {entries}")


def places(index: Integers, pointers: Integers, rows: int, cols: int, names: tuple[str, str]) -> Integers:
    """Place of each entry in the row-major matrix, int64 [entries].

    Raises:
        AccsimError: pointers or indices that no encoder writes.
    """
    check_pointers(pointers, index.size, names[1])
    if index.size and int(index.max()) >= cols:
        raise AccsimError(f"{names[0]}: {int(index.max())} is not below {cols}")
    out = np.repeat(np.arange(rows), np.diff(pointers)) * cols + index
    if bool((np.diff(out) <= 0).any()):
        raise AccsimError(f"{names[0]}: do not rise within a row")
    return out
