"""Zero-value coding: a flag bit in front of each word, or of each group of words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from accsim.compress.encodings.bitmap import Bitmap, expect_flags
from accsim.compress.encodings.codes import Codes
from accsim.compress.encodings.encoding import Encoding, ExpectedSize, expect_stream_counts, one_integer
from accsim.compress.encodings.frame import Frame, Integers
from accsim.compress.encodings.stream import Coding, Field, Histogram, Size, Stream, zero_bytes
from accsim.errors import AccsimError

MOST_GROUP = 1024


@dataclass(frozen=True, slots=True)
class ZeroValue(Encoding):
    """A flag per word, followed by the code when it is not zero: n + nnz b bits in one stream.

    ::

        words, group 1 | 1 | c0: b bits | 0 | 0 | 1 | c3 | ...
        words, group 4 | 1 0 0 1 | c0 | c3 | ...              flags of a group, then its codes

    Grouped by 32 words this is the layout of zero-value compression, where a line of words begins with their mask. The
    last group has flags for the words there are. With Huffman coding flags and codes are two streams, since a
    code word of variable length is no field of fixed place.

    Attributes:
        group: words whose flags stand together, 1 to 1024.

    Source: Rhu et al., "Compressing DMA Engine", HPCA 2018 (zero-value compression: the mask of a line, then
    its non-zero words).
    """

    name: ClassVar[str] = "zero_value"
    usage: ClassVar[str] = "zero_value[:GROUP]"

    group: int = 1

    @property
    def arguments(self) -> str:
        """The group, unless it is one word."""
        return "" if self.group == 1 else str(self.group)

    @classmethod
    def parse(cls, arguments: str, huffman: bool) -> Self:
        """``GROUP``, or nothing for flags of their own."""
        group = one_integer(arguments, "the words of a group", 1, MOST_GROUP) if arguments else 1
        return cls(huffman=huffman, group=group)

    def fields(self, frame: Frame, counts: tuple[int, ...]) -> tuple[Field, ...]:
        """Flags and codes; written apart only with Huffman coding."""
        expect_stream_counts(counts, "flags and codes", len(counts) == 2 and counts[0] == frame.size >= counts[1])
        return (Field("flags", counts[0], 1), Field("codes", counts[1], frame.bits, is_value=True))

    def counts(self, codes: Codes) -> tuple[int, ...]:
        """Words, and those that are not zero."""
        return (codes.frame.size, codes.nonzero)

    def symbols(self, codes: Codes) -> tuple[Integers, ...]:
        """Flags, and the non-zero codes."""
        return Bitmap().symbols(codes)

    def histograms(self, codes: Codes) -> tuple[Histogram, ...]:
        """Counts of flags and of non-zero codes."""
        return Bitmap().histograms(codes)

    def restore(self, frame: Frame, symbols: tuple[Integers, ...]) -> Integers:
        """Spread the codes over the flags."""
        return Bitmap().restore(frame, symbols)

    def write(self, codes: Codes) -> tuple[Stream, ...]:
        """One stream of flags and codes in turn."""
        if self.huffman:
            return Encoding.write(self, codes)
        from accsim.compress.encodings.bitstream import pack_flagged  # noqa: PLC0415

        size: Size = self.measure(codes)
        data = zero_bytes(size.size_bits)
        pack_flagged(codes.symbols(), codes.frame.bits, self.group, data)
        return (Stream(codes.frame.size, Coding.FIXED, size.size_bits, size.value_bits, data.tobytes()),)

    def read(self, frame: Frame, streams: tuple[Stream, ...]) -> Integers:
        """Undo :meth:`write`."""
        if self.huffman:
            return Encoding.read(self, frame, streams)
        from accsim.compress.encodings.bitstream import unpack_flagged  # noqa: PLC0415

        expect_stream_counts(tuple(s.count for s in streams), "words", [s.count for s in streams] == [frame.size])
        (stream,) = streams
        out = np.zeros(frame.size, np.int64)
        data = np.frombuffer(stream.data, np.uint8)
        if unpack_flagged(data, stream.bits, frame.bits, self.group, out) != stream.bits:
            raise AccsimError(f"stream words: the {stream.bits} bits are not {frame.size} flags and their codes")
        return out

    def expect(self, frame: Frame, density: float) -> ExpectedSize:
        """Expected n + n p b bits."""
        return expect_flags(frame, density)
