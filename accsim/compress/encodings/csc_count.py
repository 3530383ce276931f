"""Compressed sparse columns with counts of zeros in the place of row indices, as EIE and Eyeriss v2 hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from accsim.compress.encodings.codes import Codes, gap_histogram, with_zeros
from accsim.compress.encodings.encoding import Encoding, ExpectedSize, expect_stream_counts, one_integer
from accsim.compress.encodings.expectation import bit_length, runs_at
from accsim.compress.encodings.frame import Frame, Integers
from accsim.compress.encodings.pointers import check_pointers, row_pointers
from accsim.compress.encodings.relative import MOST_GAP_BITS, relative_entries
from accsim.compress.encodings.stream import Field, Histogram, present
from accsim.errors import AccsimError


@dataclass(frozen=True, slots=True)
class CscCount(Encoding):
    """A data vector, a count vector and an address vector, column by column.

    ::

        data      | c0: b bits | c1 | ...                     entries, column by column; code 0 is a filler
        counts    | z0: g bits | z1 | ...                     zeros of the column since the entry before it
        addresses | 0 | entries of column 0 | ... | entries   cols + 1, ceil(log2(entries + 1)) bits each

    Counts begin anew in each column, so a column is read alone; more than 2^g - 1 zeros before an entry take filler
    zeros, as in the relative index. Eyeriss v2 packs an 8-bit value and a 4-bit count in 12 bits.

    Attributes:
        count_bits: width g of a count, 1 to 16.

    Sources: Han et al., "EIE", ISCA 2016, section III-B (vectors v and z of 4 bits each, pointers p, padding zeros);
    Chen, Yang, Emer, Sze, "Eyeriss v2", JETCAS 9(2) 2019 (data, count and address vectors; 12-bit count-data
    pairs).
    """

    name: ClassVar[str] = "csc_count"
    usage: ClassVar[str] = "csc_count[:COUNT_BITS]"

    count_bits: int = 4

    @property
    def arguments(self) -> str:
        """Width of a count."""
        return str(self.count_bits)

    @classmethod
    def parse(cls, arguments: str, huffman: bool) -> Self:
        """``COUNT_BITS``; 4 when it is not given."""
        if not arguments:
            return cls(huffman=huffman)
        return cls(huffman=huffman, count_bits=one_integer(arguments, "the bits of a count", 1, MOST_GAP_BITS))

    def fields(self, frame: Frame, counts: tuple[int, ...]) -> tuple[Field, ...]:
        """Data, counts and addresses."""
        allowed = len(counts) == 3 and counts[0] == counts[1] <= frame.size and counts[2] == frame.cols + 1
        expect_stream_counts(counts, "data, counts and addresses", allowed)
        return (
            Field("data", counts[0], frame.bits, is_value=True),
            Field("counts", counts[0], self.count_bits),
            Field("addresses", counts[2], counts[0].bit_length()),
        )

    def counts(self, codes: Codes) -> tuple[int, ...]:
        """Entries, twice, and the columns and one."""
        from accsim.compress.encodings.scans import fillers_of_columns  # noqa: PLC0415

        mask = codes.mask.reshape(codes.frame.rows, codes.frame.cols)
        entries = codes.nonzero + int(fillers_of_columns(mask, self.count_bits))
        return (entries, entries, codes.frame.cols + 1)

    def histograms(self, codes: Codes) -> tuple[Histogram, ...]:
        """Counts of data, of counts and of addresses, without their order."""
        from accsim.compress.encodings.scans import zero_runs_of_columns  # noqa: PLC0415

        frame = codes.frame
        runs, entries = np.zeros(frame.rows, np.int64), np.zeros(frame.cols, np.int64)
        zero_runs_of_columns(codes.mask.reshape(frame.rows, frame.cols), self.count_bits, runs, entries)
        addresses = row_pointers(entries)
        counts = gap_histogram(*present(runs), self.count_bits)
        data = with_zeros(codes.stored, int(addresses[-1]) - codes.nonzero)
        return (data, counts, np.unique(addresses, return_counts=True))

    def symbols(self, codes: Codes) -> tuple[Integers, ...]:
        """Data, counts and addresses."""
        by_column = codes.symbols(np.ascontiguousarray(codes.matrix.T))
        counts, data, column = relative_entries(by_column, self.count_bits, codes.frame.rows)
        return (data, counts, row_pointers(np.bincount(column, minlength=codes.frame.cols)))

    def restore(self, frame: Frame, symbols: tuple[Integers, ...]) -> Integers:
        """Put each entry after its count in its column."""
        data, counts, addresses = symbols
        check_pointers(addresses, data.size, "addresses")
        along = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts + 1)])
        begin = np.repeat(addresses[:-1], np.diff(addresses))
        rows = along[1:] - along[begin] - 1
        if rows.size and int(rows.max()) >= frame.rows:
            raise AccsimError(f"counts: an entry stands in row {int(rows.max())} of {frame.rows}")
        columns = np.repeat(np.arange(frame.cols), np.diff(addresses))
        out = np.zeros(frame.size, np.int64)
        out[rows * frame.cols + columns] = data
        return out

    def expect(self, frame: Frame, density: float) -> ExpectedSize:
        """Entries (b + g) + (cols + 1) E[bits of an address], entries being cols (rows p + fillers of a column).

        The spread of the entries, which only decides the width of an address, is taken as that of the non-zeros.
        """
        fillers = runs_at(frame.rows, density, 1 << self.count_bits)
        entries = frame.cols * (frame.rows * density + fillers)
        address = bit_length(entries, frame.size * density * (1.0 - density), frame.size)
        return ExpectedSize(entries * frame.bits, entries * self.count_bits + (frame.cols + 1) * address)
