"""An encoded tensor, and the functions that make one, size one and decode one."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.compress.encodings.codes import frame_codes
from accsim.compress.encodings.encoding import Encoding, ExpectedSize
from accsim.compress.encodings.frame import Array, Frame, frame_mistake
from accsim.compress.encodings.registry import parse_encoding
from accsim.compress.encodings.stream import Size, Stream
from accsim.errors import AccsimError


@dataclass(frozen=True, slots=True)
class Encoded:
    """A tensor of integer codes as it is stored.

    Attributes:
        encoding: the encoding with all its parameters.
        frame: shape and word of the tensor.
        streams: what is stored, each stream padded with zero bits to whole bytes.
    """

    encoding: Encoding
    frame: Frame
    streams: tuple[Stream, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return self.frame.shape

    @property
    def bits(self) -> int:
        """Width of a code."""
        return self.frame.bits

    @property
    def value_bits(self) -> int:
        """Bits that hold codes of the tensor, fillers included."""
        return sum(stream.value_bits for stream in self.streams)

    @property
    def metadata_bits(self) -> int:
        """Other bits: indices, masks, pointers, tables, unused bits of a word."""
        return sum(stream.metadata_bits for stream in self.streams)

    @property
    def size_bits(self) -> int:
        """Exact size of the streams: value and metadata bits. The descriptor (encoding and frame) is not in it."""
        return self.value_bits + self.metadata_bits

    @property
    def stored_bits(self) -> int:
        """The same, by its name in a result."""
        return self.size_bits

    @property
    def padding_bits(self) -> int:
        """Zero bits after the streams, up to a whole byte each: less than eight for each."""
        return 8 * self.size_bytes - self.size_bits

    @property
    def size_bytes(self) -> int:
        """Bytes of the streams, padding included."""
        return sum(len(stream.data) for stream in self.streams)

    @property
    def overhead_bytes(self) -> int:
        """Bytes that :meth:`bytes` adds to the streams: header and checksum."""
        from accsim.compress.encodings.serial import header_bytes  # noqa: PLC0415

        return header_bytes(self) + 4

    def bytes(self) -> bytes:
        """The tensor as a self-describing string of ``size_bytes + overhead_bytes`` bytes; ``from_bytes`` reads it."""
        from accsim.compress.encodings.serial import to_bytes  # noqa: PLC0415

        return to_bytes(self)


def encode(array: Array, encoding: str | Encoding, bits: int | None = None, signed: bool | None = None) -> Encoded:
    """Encode an array of integer codes.

    Args:
        array: of any shape. Zeros are what sparse encodings leave out: subtract a zero point first.
        encoding: or its name, as ``relative:4+huffman``; ``best`` for the smallest.
        bits: width of a code, at most 32; the least that holds every value unless given.
        signed: whether codes are two's complement; if not given they are where a value is negative.

    Raises:
        AccsimError: an unknown encoding, or an array it cannot hold.
    """
    codes = frame_codes(array, bits, signed)
    chosen = _encoding(encoding)
    chosen.check(codes.frame)
    chosen = chosen.resolve(codes)
    return Encoded(chosen, codes.frame, chosen.write(codes))


def decode(encoded: Encoded) -> Array:
    """The array that was encoded: the same shape, type and values.

    Raises:
        AccsimError: streams that no encoder writes.
    """
    return encoded.frame.values(encoded.encoding.read(encoded.frame, encoded.streams))


def measure(array: Array, encoding: str | Encoding, bits: int | None = None, signed: bool | None = None) -> Size:
    """Exact size of what :func:`encode` would store, counted without building it.

    Raises:
        AccsimError: as :func:`encode` does.
    """
    codes = frame_codes(array, bits, signed)
    chosen = _encoding(encoding)
    chosen.check(codes.frame)
    return chosen.resolve(codes).measure(codes)


def size_bits(array: Array, encoding: str | Encoding, bits: int | None = None, signed: bool | None = None) -> int:
    """Bits of :func:`measure`, of values and metadata together."""
    return measure(array, encoding, bits, signed).size_bits


def choose(
    array: Array, encoding: str | Encoding = "best", bits: int | None = None, signed: bool | None = None
) -> Encoding:
    """The encoding that :func:`encode` would use, with the parameters that are chosen by the values.

    Raises:
        AccsimError: as :func:`encode` does.
    """
    codes = frame_codes(array, bits, signed)
    chosen = _encoding(encoding)
    chosen.check(codes.frame)
    return chosen.resolve(codes)


def expected_size(shape: tuple[int, ...], bits: int, density: float, encoding: str | Encoding) -> ExpectedSize:
    """Expected size of a tensor of which only the density is known.

    Its words are taken as non-zero independently, each with probability ``density``. Pruned weights are clustered, and
    a real mask can need more fillers than this.

    Raises:
        AccsimError: a density outside [0, 1], a shape or width that cannot be, Huffman coding (which depends on the
            values), or an encoding whose size depends on the distinct values.
    """
    if not 0.0 <= density <= 1.0:
        raise AccsimError(f"a density must be 0 to 1, got {density}")
    frame = Frame(tuple(shape), "int64", bits, signed=False)
    mistake = frame_mistake(frame)
    if mistake:
        raise AccsimError(mistake)
    chosen = _encoding(encoding)
    if chosen.huffman:
        raise AccsimError(
            f"{chosen}: a Huffman code depends on the values; a tensor is needed, a density is not enough"
        )
    chosen.check(frame)
    return chosen.expect(frame, density)


def _encoding(encoding: str | Encoding) -> Encoding:
    return parse_encoding(encoding) if isinstance(encoding, str) else encoding
