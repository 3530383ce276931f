"""Bitmap, or significance map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accsim.compress.encodings.codes import Codes
from accsim.compress.encodings.encoding import Encoding, ExpectedSize, expect_stream_counts
from accsim.compress.encodings.frame import Frame, Integers
from accsim.compress.encodings.stream import Field, Histogram, present
from accsim.errors import AccsimError


def expect_flags(frame: Frame, density: float) -> ExpectedSize:
    """A bit per word and a code per non-zero: n + n p b. Below dense, n b, exactly when p < 1 - 1/b."""
    return ExpectedSize(frame.size * density * frame.bits, float(frame.size))


@dataclass(frozen=True, slots=True)
class Bitmap(Encoding):
    """One bit per word that says whether it is non-zero, and the non-zero codes in storage order: n + nnz b bits.

    ::

        mask  | 1 | 0 | 0 | 1 | ...        one bit per word
        codes | c0: b bits | c3 | ...      non-zero words only

    The break-even density with dense is 1 - 1/b.

    Source: Yang, Chen, Sze, "A Method to Estimate the Energy Consumption of Deep Neural Networks", Asilomar 2017
    (significance map: one bit per element and the non-zero values).
    """

    name: ClassVar[str] = "bitmap"
    usage: ClassVar[str] = "bitmap"

    def fields(self, frame: Frame, counts: tuple[int, ...]) -> tuple[Field, ...]:
        """Mask and codes."""
        expect_stream_counts(counts, "mask and codes", len(counts) == 2 and counts[0] == frame.size >= counts[1])
        return (Field("mask", counts[0], 1), Field("codes", counts[1], frame.bits, is_value=True))

    def counts(self, codes: Codes) -> tuple[int, ...]:
        """Words, and those that are not zero."""
        return (codes.frame.size, codes.nonzero)

    def symbols(self, codes: Codes) -> tuple[Integers, ...]:
        """Flags, and the non-zero codes."""
        flags = codes.mask != 0
        return (flags.astype(np.int64), codes.symbols(codes.values.ravel()[flags]))

    def histograms(self, codes: Codes) -> tuple[Histogram, ...]:
        """Counts of flags and of non-zero codes, both from the counts of all codes."""
        return (present(np.array([codes.frame.size - codes.nonzero, codes.nonzero])), codes.stored)

    def restore(self, frame: Frame, symbols: tuple[Integers, ...]) -> Integers:
        """Spread the codes over the flags."""
        flags, stored = symbols
        if int(flags.sum()) != stored.size:
            raise AccsimError(f"mask: {int(flags.sum())} bits are set, for {stored.size} codes")
        out = np.zeros(frame.size, np.int64)
        out[flags != 0] = stored
        return out

    def expect(self, frame: Frame, density: float) -> ExpectedSize:
        """Expected n + n p b bits."""
        return expect_flags(frame, density)
