"""Dense packed codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from accsim.compress.encodings.codes import Codes
from accsim.compress.encodings.encoding import Encoding, ExpectedSize, expect_stream_counts
from accsim.compress.encodings.frame import Frame, Integers
from accsim.compress.encodings.stream import Field, Histogram


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
        return (codes.histogram,)

    def restore(self, frame: Frame, symbols: tuple[Integers, ...]) -> Integers:
        """The codes as they are."""
        return symbols[0]

    def expect(self, frame: Frame, density: float) -> ExpectedSize:
        """Always n b bits, whatever the density."""
        return ExpectedSize(frame.size * frame.bits, 0.0)
