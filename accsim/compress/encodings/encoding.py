"""What every encoding can do: write and read its streams, count them without building them, expect their size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

from accsim.compress.encodings.codes import Codes
from accsim.compress.encodings.frame import Frame, Integers
from accsim.compress.encodings.stream import (
    Coding,
    Field,
    Histogram,
    Size,
    Stream,
    field_size,
    histogram,
    read_stream,
    write_stream,
)
from accsim.errors import AccsimError


@dataclass(frozen=True, slots=True)
class ExpectedSize:
    """Expectation of a size over tensors whose words are non-zero independently, with one probability.

    Attributes:
        value_bits: expected bits that hold codes of the tensor, fillers included.
        metadata_bits: expected other bits.
    """

    value_bits: float
    metadata_bits: float

    @property
    def size_bits(self) -> float:
        """All of them."""
        return self.value_bits + self.metadata_bits


@dataclass(frozen=True, slots=True)
class Encoding(ABC):
    """A way to store a tensor of integer codes.

    Encodings are written ``name``, ``name:arguments``, and with ``+huffman`` after either. Shape, code width and the
    parameters are known to a decoder (a layer's descriptor holds them); everything else is in the streams and counted.

    Attributes:
        huffman: each stream is Huffman coded where that, its table included, takes fewer bits than fixed width.
    """

    name: ClassVar[str]
    usage: ClassVar[str]
    """How it is written, with its arguments."""

    huffman: bool = False

    @property
    def arguments(self) -> str:
        """The arguments, as they are written."""
        return ""

    def __str__(self) -> str:
        arguments = f":{self.arguments}" if self.arguments else ""
        return f"{self.name}{arguments}{'+huffman' if self.huffman else ''}"

    @classmethod
    def parse(cls, arguments: str, huffman: bool) -> Self:
        """The encoding with arguments as they are written.

        Raises:
            AccsimError: arguments it does not take.
        """
        if arguments:
            raise AccsimError(f"it takes no arguments, got {arguments!r}")
        return cls(huffman=huffman)

    def resolve(self, codes: Codes) -> Encoding:
        """The encoding with every parameter that is chosen by the tensor (``best``) put in."""
        return self

    def check(self, frame: Frame) -> None:
        """Refuse tensors the encoding cannot hold, by what is known without values.

        Raises:
            AccsimError: why it cannot.
        """
        return

    @abstractmethod
    def fields(self, frame: Frame, counts: tuple[int, ...]) -> tuple[Field, ...]:
        """The streams, given how many symbols each holds.

        Raises:
            AccsimError: numbers of symbols that no tensor of that frame has.
        """

    @abstractmethod
    def counts(self, codes: Codes) -> tuple[int, ...]:
        """How many symbols each stream holds.

        Raises:
            AccsimError: values the encoding cannot hold.
        """

    @abstractmethod
    def symbols(self, codes: Codes) -> tuple[Integers, ...]:
        """The symbols of each stream.

        Raises:
            AccsimError: values the encoding cannot hold.
        """

    @abstractmethod
    def restore(self, frame: Frame, symbols: tuple[Integers, ...]) -> Integers:
        """Low bits of every code of the tensor, in storage order, from the symbols of each stream.

        Raises:
            AccsimError: symbols that no encoder writes.
        """

    @abstractmethod
    def expect(self, frame: Frame, density: float) -> ExpectedSize:
        """Expected size at fixed width, for words that are non-zero independently with probability ``density``.

        Raises:
            AccsimError: the size depends on more of the values than their density.
        """

    def histograms(self, codes: Codes) -> tuple[Histogram, ...]:
        """Distinct symbols of each stream and their counts."""
        found = self.symbols(codes)
        fields = self.fields(codes.frame, tuple(int(s.size) for s in found))
        return tuple(histogram(s, field.width) for s, field in zip(found, fields, strict=True))

    def measure(self, codes: Codes) -> Size:
        """Exact size, without building the streams."""
        total = Size(0, 0)
        if self.huffman:
            found = self.histograms(codes)
            counts = tuple(int(number.sum()) for _, number in found)
            for field, counted in zip(self.fields(codes.frame, counts), found, strict=True):
                total += field_size(field, counted if field.count else None)
            return total
        for field in self.fields(codes.frame, self.counts(codes)):
            total += field_size(field)
        return total

    def write(self, codes: Codes) -> tuple[Stream, ...]:
        """The streams of a tensor."""
        found = self.symbols(codes)
        fields = self.fields(codes.frame, tuple(int(s.size) for s in found))
        return tuple(write_stream(field, s, self.huffman) for field, s in zip(fields, found, strict=True))

    def read(self, frame: Frame, streams: tuple[Stream, ...]) -> Integers:
        """Low bits of every code of the tensor, in storage order.

        Raises:
            AccsimError: streams that no encoder writes.
        """
        fields = self.fields(frame, tuple(s.count for s in streams))
        out = []
        for field, stream in zip(fields, streams, strict=True):
            try:
                if stream.coding is Coding.HUFFMAN and not self.huffman:
                    raise AccsimError(f"it is Huffman coded, which {self} does not do")
                out.append(read_stream(field, stream))
            except AccsimError as error:
                raise AccsimError(f"stream {field.name}: {error}") from None
        return self.restore(frame, tuple(out))


def expect_stream_counts(counts: tuple[int, ...], names: str, allowed: bool) -> None:
    """Refuse numbers of symbols that no encoder writes."""
    if not counts:
        raise AccsimError(f"it has no streams, not {names}")
    if not allowed:
        raise AccsimError(f"{names} of {', '.join(map(str, counts))} symbols belong to no tensor of that shape")


def one_integer(arguments: str, what: str, least: int, most: int) -> int:
    """An argument that is one integer.

    Raises:
        AccsimError: anything else.
    """
    if not (arguments.isascii() and arguments.isdigit() and len(arguments) < 10 and least <= int(arguments) <= most):
        raise AccsimError(f"{what} must be {least} to {most}, got {arguments!r}")
    return int(arguments)
