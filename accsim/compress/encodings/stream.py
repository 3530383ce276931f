"""Streams: what an encoding stores is a few sequences of symbols, each packed at a fixed width or Huffman coded.

A stream begins at a whole byte and is padded with zero bits to one. Its size in bits does not count that padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from accsim.compress.encodings.frame import Integers
from accsim.compress.encodings.huffman import QUICK_BITS, build_code, coded_bits, read_table, write_table
from accsim.errors import AccsimError


class Coding(Enum):
    """How the symbols of a stream are written."""

    FIXED = 0
    HUFFMAN = 1


@dataclass(frozen=True, slots=True)
class Field:
    """What one stream of an encoding holds.

    Attributes:
        name: ``codes``, ``gaps`` …
        count: number of symbols.
        width: bits of a symbol before any Huffman coding.
        is_value: the symbols are the tensor's own codes, not metadata.
    """

    name: str
    count: int
    width: int
    is_value: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as it is stored.

    Attributes:
        count: number of symbols; words, where an encoding lays symbols out in words of its own.
        coding: fixed width or Huffman.
        bits: its exact size; with Huffman coding the table is included.
        value_bits: those of them that hold codes of the tensor; a Huffman table is metadata.
        data: the bits, padded with zeros to whole bytes.

    Raises:
        AccsimError: as many bits do not take as many bytes; compiled decoders rely on that.
    """

    count: int
    coding: Coding
    bits: int
    value_bits: int
    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) != -(-self.bits // 8) or self.count < 0 or not 0 <= self.value_bits <= self.bits:
            raise AccsimError(
                f"a stream of {self.count} symbols in {self.bits} bits, {self.value_bits} of them for values, cannot "
                f"have {len(self.data)} bytes"
            )

    @property
    def metadata_bits(self) -> int:
        """Bits that hold no code of the tensor: indices, masks, pointers, tables, unused bits of a word."""
        return self.bits - self.value_bits


@dataclass(frozen=True, slots=True)
class Size:
    """Exact size of an encoded tensor.

    Attributes:
        value_bits: bits that hold codes of the tensor, fillers included.
        metadata_bits: all others: indices, masks, pointers, tables, unused bits of a word.
    """

    value_bits: int
    metadata_bits: int

    @property
    def size_bits(self) -> int:
        """All of them."""
        return self.value_bits + self.metadata_bits

    def __add__(self, other: Size) -> Size:
        return Size(self.value_bits + other.value_bits, self.metadata_bits + other.metadata_bits)


Histogram = tuple[Integers, Integers]
"""Distinct symbols, ascending, and how often each occurs."""

MOST_COUNTED_WIDTH = 20
"""Symbols of up to this width are counted in a table of all of them; wider ones are sorted."""


def histogram(symbols: Integers, width: int) -> Histogram:
    """Distinct symbols and their counts."""
    if width > MOST_COUNTED_WIDTH:
        return np.unique(symbols, return_counts=True)
    return present(np.bincount(symbols, minlength=1))


def present(counts: Integers) -> Histogram:
    """Of counts by symbol, the symbols that occur and how often."""
    symbols = np.flatnonzero(counts)
    return symbols, counts[symbols]


def field_size(field: Field, counted: Histogram | None = None) -> Size:
    """Size of a stream: at fixed width, or Huffman coded where a histogram is given and that is smaller."""
    fixed = field.count * field.width
    bits, value_bits = fixed, fixed
    if counted is not None and fixed:
        table, words = coded_bits(*counted, field.width)
        if table + words < fixed:
            bits, value_bits = table + words, words
    return Size(value_bits, bits - value_bits) if field.is_value else Size(0, bits)


def zero_bytes(bits: int) -> NDArray[np.uint8]:
    """Zeroed bytes for so many bits."""
    return np.zeros(-(-bits // 8), np.uint8)


def write_stream(field: Field, symbols: Integers, huffman: bool) -> Stream:
    """Pack symbols; with ``huffman`` they are Huffman coded where that, its table included, is smaller."""
    from accsim.compress.encodings.bitstream import pack, pack_words  # noqa: PLC0415

    counted = histogram(symbols, field.width) if huffman and symbols.size and field.width else None
    size = field_size(field, counted)
    data = zero_bytes(size.size_bits)
    if counted is None or size.size_bits == field.count * field.width:
        coding = Coding.FIXED
        if field.width:
            pack(symbols, field.width, data)
    else:
        coding = Coding.HUFFMAN
        code = build_code(*counted, field.width)
        at = write_table(code, data)
        order = np.argsort(code.symbols)
        ranks = order[np.searchsorted(code.symbols[order], symbols)]
        pack_words(ranks, code.words, code.lengths, data, at)
    return Stream(field.count, coding, size.size_bits, size.value_bits, data.tobytes())


def read_stream(field: Field, stream: Stream) -> Integers:
    """Symbols of a stream.

    Raises:
        AccsimError: the stream does not hold that many symbols, or its bits are no Huffman code.
    """
    from accsim.compress.encodings.bitstream import unpack, unpack_words  # noqa: PLC0415

    data = np.frombuffer(stream.data, np.uint8)
    if stream.coding is Coding.FIXED:
        if stream.bits != field.count * field.width:
            raise AccsimError(
                f"{field.count} symbols of {field.width} bits take {field.count * field.width} bits, not {stream.bits}"
            )
        symbols = np.zeros(field.count, np.int64)
        if field.width:
            unpack(data, field.width, symbols)
        return symbols
    if field.width == 0 or field.count == 0:
        raise AccsimError("symbols that take no bits are not Huffman coded")
    code = read_table(data, field.width, stream.bits)
    end = code.table_bits
    symbols = np.zeros(field.count, np.int64)
    if code.longest:
        end = unpack_words(
            data, end, stream.bits, code.quick, QUICK_BITS, code.first, code.per_length, code.before, symbols
        )
    if end != stream.bits:
        raise AccsimError(f"the {stream.bits} bits are not {field.count} words of its Huffman code")
    return code.symbols[symbols]
