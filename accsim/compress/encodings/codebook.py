"""Codebook: an index per word into a table of the distinct values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accsim.compress.encodings.codes import Codes
from accsim.compress.encodings.encoding import Encoding, ExpectedSize, expect_stream_counts
from accsim.compress.encodings.frame import Frame, Integers, index_bits
from accsim.compress.encodings.stream import Field, Histogram
from accsim.errors import AccsimError


@dataclass(frozen=True, slots=True)
class Codebook(Encoding):
    """The k distinct codes, ascending by their low bits, and for each word which of them it is.

    ::

        table   | v0: b bits | v1 | ... | v(k-1)
        indices | ceil(log2 k) bits each                  n of them

    So n ceil(log2 k) + k b bits; float32 weights shared by clustering are coded as their 32-bit patterns, which gives
    the compression n 32 / (n log2 k + k 32) of the source. With one distinct value indices take no bits.

    Source: Han, Mao, Dally, "Deep Compression", ICLR 2016, section 3 (r = n b / (n log2 k + k b)).
    """

    name: ClassVar[str] = "codebook"
    usage: ClassVar[str] = "codebook"

    def fields(self, frame: Frame, counts: tuple[int, ...]) -> tuple[Field, ...]:
        """Table and indices."""
        allowed = len(counts) == 2 and counts[1] == frame.size >= counts[0] >= 1 and counts[0] <= 1 << frame.bits
        expect_stream_counts(counts, "table and indices", allowed)
        return (
            Field("table", counts[0], frame.bits),
            Field("indices", counts[1], index_bits(counts[0]), is_value=True),
        )

    def counts(self, codes: Codes) -> tuple[int, ...]:
        """Distinct codes, and words."""
        return (int(codes.histogram[0].size), codes.frame.size)

    def symbols(self, codes: Codes) -> tuple[Integers, ...]:
        """Distinct codes, and which each word is."""
        table = codes.histogram[0]
        return (table, np.searchsorted(table, codes.symbols()))

    def histograms(self, codes: Codes) -> tuple[Histogram, ...]:
        """Each distinct code once in the table, and as often as it occurs in the indices."""
        table, counts = codes.histogram
        return ((table, np.ones(table.size, np.int64)), (np.arange(table.size), counts))

    def restore(self, frame: Frame, symbols: tuple[Integers, ...]) -> Integers:
        """Look the indices up."""
        table, indices = symbols
        if int(indices.max()) >= table.size:
            raise AccsimError(f"indices: {int(indices.max())} is not below {table.size}")
        if bool((np.diff(table) <= 0).any()):
            raise AccsimError("table: does not rise")
        out: Integers = table[indices]
        return out

    def expect(self, frame: Frame, density: float) -> ExpectedSize:
        """Not known from a density."""
        raise AccsimError(
            f"{self}: its size depends on the distinct values; a tensor is needed, a density is not enough"
        )
