"""Dense packed codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accsim.compress.encodings.encoding import Encoding, ExpectedSize, expect_stream_counts
from accsim.compress.encodings.frame import Codes, Frame, Integers
from accsim.compress.encodings.stream import MOST_COUNTED_WIDTH, Field, Histogram, histogram, present


@dataclass(frozen=True, slots=True)
class Dense(Encoding):
    """Every code at its own width, in storage order: n b bits, zeros or not.

    ::

        codes | c0: b bits | c1 | c2 | ...

    Source: none is needed; it is the size every other encoding is compared with.
    """

    name: ClassVar[str] = "dense"
    usage: ClassVar[str] = "dense"

    def fields(self, frame: Frame, counts: tuple[int, ...]) -> tuple[Field, ...]:
        """One stream of codes."""
        expect_stream_counts(counts, "codes", counts == (frame.size,))
        return (Field("codes", frame.size, frame.bits, is_value=True),)

    def counts(self, codes: Codes) -> tuple[int, ...]:
        """Every word."""
        return (codes.frame.size,)

    def symbols(self, codes: Codes) -> tuple[Integers, ...]:
        """Every word."""
        return (codes.symbols(),)

    def histograms(self, codes: Codes) -> tuple[Histogram, ...]:
        """Counts of all codes, taken from the words themselves."""
        return (code_histogram(codes),)

    def restore(self, frame: Frame, symbols: tuple[Integers, ...]) -> Integers:
        """The codes as they are."""
        return symbols[0]

    def expect(self, frame: Frame, density: float) -> ExpectedSize:
        """Always n b bits, whatever the density."""
        return ExpectedSize(frame.size * frame.bits, 0.0)


def code_histogram(codes: Codes) -> Histogram:
    """Distinct codes of a tensor, as their low bits, and how often each occurs; zero included."""
    from accsim.compress.encodings.scans import histogram as count  # noqa: PLC0415

    if codes.frame.bits > MOST_COUNTED_WIDTH:
        return histogram(codes.symbols(), codes.frame.bits)
    counts = np.zeros(1 << codes.frame.bits, np.int64)
    count(codes.words, counts.size - 1, counts)
    return present(counts)


def without_zero(counted: Histogram) -> Histogram:
    """Of a histogram, what is not the symbol zero."""
    symbols, counts = counted
    return symbols[symbols != 0], counts[symbols != 0]


def with_zeros(counted: Histogram, zeros: int) -> Histogram:
    """A histogram with so many zeros for its own."""
    symbols, counts = without_zero(counted)
    if not zeros:
        return symbols, counts
    return np.concatenate([[0], symbols]), np.concatenate([[zeros], counts])
