"""Compressed sparse rows and columns, of the tensor as a matrix: its first dimension by all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accsim.compress.encodings.codes import Codes
from accsim.compress.encodings.encoding import Encoding, ExpectedSize, expect_stream_counts
from accsim.compress.encodings.expectation import bit_length
from accsim.compress.encodings.frame import Array, Frame, Integers, index_bits
from accsim.compress.encodings.pointers import places, pointer_fields, row_pointers
from accsim.compress.encodings.stream import Field, Histogram, present


@dataclass(frozen=True, slots=True)
class _Compressed(Encoding):
    """Either; ``lines`` are the rows of CSR and the columns of CSC."""

    names: ClassVar[tuple[str, str]]
    by_row: ClassVar[bool]

    def lines(self, frame: Frame) -> tuple[int, int]:
        """Lines of the matrix, and words of a line."""
        return (frame.rows, frame.cols) if self.by_row else (frame.cols, frame.rows)

    def by_line(self, matrix: Array) -> Array:
        """The matrix with its lines as rows; the same once more undoes it."""
        return matrix if self.by_row else matrix.T

    def fields(self, frame: Frame, counts: tuple[int, ...]) -> tuple[Field, ...]:
        """Codes, indices and pointers."""
        lines, length = self.lines(frame)
        allowed = len(counts) == 3 and counts[0] == counts[1] <= frame.size and counts[2] == lines + 1
        expect_stream_counts(counts, "codes, indices and pointers", allowed)
        index, pointers = pointer_fields(lines, length, counts[0], *self.names)
        return (Field("codes", counts[0], frame.bits, is_value=True), index, pointers)

    def counts(self, codes: Codes) -> tuple[int, ...]:
        """Non-zero words, twice, and the lines and one."""
        nonzero = codes.nonzero
        return (nonzero, nonzero, self.lines(codes.frame)[0] + 1)

    def symbols(self, codes: Codes) -> tuple[Integers, ...]:
        """Codes, index within the line, and pointers."""
        matrix = np.ascontiguousarray(self.by_line(codes.matrix))
        at = np.flatnonzero(matrix)
        lines, length = matrix.shape
        pointers = row_pointers(np.bincount(at // length, minlength=lines))
        return (codes.symbols(matrix.ravel()[at]), at % length, pointers)

    def histograms(self, codes: Codes) -> tuple[Histogram, ...]:
        """Counts of codes, and of non-zero words by their place in a line and by line."""
        lines, within = codes.line_counts if self.by_row else codes.line_counts[::-1]
        return (codes.stored, present(within), np.unique(row_pointers(lines), return_counts=True))

    def restore(self, frame: Frame, symbols: tuple[Integers, ...]) -> Integers:
        """Put the codes at their places."""
        stored, index, pointers = symbols
        lines, length = self.lines(frame)
        out = np.zeros(frame.size, np.int64)
        out[places(index, pointers, lines, length, self.names)] = stored
        shape = (lines, length)
        return np.ascontiguousarray(self.by_line(out.reshape(shape))).ravel()

    def expect(self, frame: Frame, density: float) -> ExpectedSize:
        """Expected n p (b + index) + (lines + 1) E[bits of a pointer] bits; non-zeros are binomial."""
        lines, length = self.lines(frame)
        mean = frame.size * density
        pointer = bit_length(mean, mean * (1.0 - density), frame.size)
        return ExpectedSize(mean * frame.bits, mean * index_bits(length) + (lines + 1) * pointer)


@dataclass(frozen=True, slots=True)
class Csr(_Compressed):
    """Non-zero codes row by row, with the column of each and where each row begins.

    ::

        codes        | c0: b bits | c1 | ...                            nnz of them
        columns      | ceil(log2 cols) bits each                        nnz of them
        row_pointers | 0 | nnz of row 0 | ... | nnz                     rows + 1, ceil(log2(nnz + 1)) bits each

    A row is a filter: the first dimension against all others. A vector is one row.

    Source: Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed. 2003, section 3.4 (compressed sparse row).
    """

    name: ClassVar[str] = "csr"
    usage: ClassVar[str] = "csr"
    names: ClassVar[tuple[str, str]] = ("columns", "row_pointers")
    by_row: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Csc(_Compressed):
    """Non-zero codes column by column, with the row of each and where each column begins.

    ::

        codes           | c0: b bits | c1 | ...                         nnz of them
        rows            | ceil(log2 rows) bits each                     nnz of them
        column_pointers | 0 | nnz of column 0 | ... | nnz               cols + 1, ceil(log2(nnz + 1)) bits each

    Source: Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed. 2003, section 3.4 (compressed sparse column).
    """

    name: ClassVar[str] = "csc"
    usage: ClassVar[str] = "csc"
    names: ClassVar[tuple[str, str]] = ("rows", "column_pointers")
    by_row: ClassVar[bool] = False
