"""Relative index: the distance from each stored entry to the next, with filler zeros where it is too long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from accsim.compress.encodings.codes import Codes, gap_histogram, with_zeros
from accsim.compress.encodings.encoding import Encoding, ExpectedSize, expect_stream_counts, one_integer
from accsim.compress.encodings.expectation import runs_at
from accsim.compress.encodings.frame import Frame, Integers
from accsim.compress.encodings.stream import Field, Histogram
from accsim.errors import AccsimError

MOST_GAP_BITS = 16
BEST = 0


@dataclass(frozen=True, slots=True)
class Relative(Encoding):
    """Non-zero codes in storage order, each with the number of zeros since the entry before it.

    ::

        gaps  | z0: g bits | z1 | ...      zeros skipped, 0 to 2^g - 1
        codes | c0: b bits | c1 | ...      the entry after them; code 0 is a filler

    An entry that is d = z + 1 places after the last one has floor((d - 1) / 2^g) fillers before it, zeros that are
    stored with z = 2^g - 1. So entries = nnz + fillers. Zeros after the last non-zero code are not stored. Fillers are
    told from a tensor's own codes by their value: those are never 0.

    Attributes:
        gap_bits: width g of a gap, 1 to 16; ``BEST`` (written ``best``) for the one with the smallest result, the
            narrower of equals.

    Source: Han, Mao, Dally, "Deep Compression", ICLR 2016, section 2 and Fig. 2 (relative index with filler zeros).
    """

    name: ClassVar[str] = "relative"
    usage: ClassVar[str] = "relative[:GAP_BITS|:best]"

    gap_bits: int = 4

    @property
    def arguments(self) -> str:
        """Width of a gap."""
        return "best" if self.gap_bits == BEST else str(self.gap_bits)

    @classmethod
    def parse(cls, arguments: str, huffman: bool) -> Self:
        """``GAP_BITS`` or ``best``; 4 when it is not given."""
        if arguments == "best":
            return cls(huffman=huffman, gap_bits=BEST)
        if not arguments:
            return cls(huffman=huffman)
        return cls(huffman=huffman, gap_bits=one_integer(arguments, "'best' or the bits of a gap", 1, MOST_GAP_BITS))

    def resolve(self, codes: Codes) -> Encoding:
        """Put in the width of a gap that gives the smallest result."""
        if self.gap_bits != BEST:
            return self
        tried = [Relative(huffman=self.huffman, gap_bits=g) for g in range(1, MOST_GAP_BITS + 1)]
        return min(tried, key=lambda encoding: encoding.measure(codes).size_bits)

    def fields(self, frame: Frame, counts: tuple[int, ...]) -> tuple[Field, ...]:
        """Gaps and codes."""
        if self.gap_bits == BEST:
            raise AccsimError(f"{self}: the bits of a gap are not chosen")
        allowed = len(counts) == 2 and counts[0] == counts[1] <= frame.size
        expect_stream_counts(counts, "gaps and codes", allowed)
        return (Field("gaps", counts[0], self.gap_bits), Field("codes", counts[1], frame.bits, is_value=True))

    def counts(self, codes: Codes) -> tuple[int, ...]:
        """Entries, twice."""
        entries = codes.nonzero + codes.fillers(self.gap_bits)
        return (entries, entries)

    def symbols(self, codes: Codes) -> tuple[Integers, ...]:
        """Gaps, and codes with fillers."""
        return relative_entries(codes.symbols(), self.gap_bits, codes.frame.size)[:2]

    def histograms(self, codes: Codes) -> tuple[Histogram, ...]:
        """Counts of gaps and of codes, without their order."""
        lengths, counts, _ = codes.zero_runs
        return (
            gap_histogram(lengths, counts, self.gap_bits),
            with_zeros(codes.stored, codes.fillers(self.gap_bits)),
        )

    def restore(self, frame: Frame, symbols: tuple[Integers, ...]) -> Integers:
        """Put each entry after its gap."""
        gaps, stored = symbols
        places = np.cumsum(gaps + 1) - 1
        if places.size and places[-1] >= frame.size:
            raise AccsimError(f"gaps: an entry stands at place {int(places[-1])} of {frame.size}")
        out = np.zeros(frame.size, np.int64)
        out[places] = stored
        return out

    def expect(self, frame: Frame, density: float) -> ExpectedSize:
        """(n p + f) (b + g), f = p sum_k (n - k R)^+ q^(k R) fillers, R = 2^g; with ``best``, the least over g."""
        if self.gap_bits == BEST:
            tried = [Relative(gap_bits=g).expect(frame, density) for g in range(1, MOST_GAP_BITS + 1)]
            return min(tried, key=lambda size: size.size_bits)
        entries = frame.size * density + runs_at(frame.size, density, 1 << self.gap_bits)
        return ExpectedSize(entries * frame.bits, entries * self.gap_bits)


def relative_entries(symbols: Integers, gap_bits: int, period: int) -> tuple[Integers, Integers, Integers]:
    """Gaps and codes of entries, fillers included, and which period each falls into.

    Args:
        symbols: codes in the order in which they are walked, int64 [n].
        gap_bits: width of a gap.
        period: distances begin anew every so many codes.
    """
    at = np.flatnonzero(symbols)
    part = at // period
    begins = np.diff(part, prepend=-1) != 0
    zeros = np.where(begins, at % period, np.diff(at, prepend=-1) - 1)
    fillers = zeros >> gap_bits
    last = np.cumsum(fillers + 1) - 1
    entries = int(last[-1]) + 1 if last.size else 0
    gaps = np.full(entries, (1 << gap_bits) - 1, np.int64)
    stored = np.zeros(entries, np.int64)
    gaps[last] = zeros & ((1 << gap_bits) - 1)
    stored[last] = symbols[at]
    return gaps, stored, np.repeat(part, fillers + 1)
