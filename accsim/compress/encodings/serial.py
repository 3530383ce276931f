"""An encoded tensor as a self-describing string of bytes.

Numbers are little endian::

    "ACEN" | version: 2 | header bytes: 4                                    magic, and where the streams begin
    | name length: 1 | name of the encoding, as it is written, ASCII
    | type: 1 | code bits: 1 | signed: 1 | dimensions: 1 | side: 8 ...       the tensor; types as in frame.DTYPES
    | streams: 1 | symbols: 8, coding: 1, bits: 8, value bits: 8 ...         each stream
    | data of the streams, ceil(bits / 8) bytes each                         padding is zero
    | CRC-32 of everything before it: 4

Reading allocates nothing that a header merely claims: the streams must be there, and the tensor, which sparse
encodings may make far larger than the file, is held to a limit.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from accsim.compress.encodings.frame import DTYPES, Frame, frame_mistake
from accsim.compress.encodings.registry import parse_encoding
from accsim.compress.encodings.stream import Coding, Stream
from accsim.errors import AccsimError

if TYPE_CHECKING:
    from accsim.compress.encodings.encoded import Encoded
    from accsim.compress.encodings.encoding import Encoding

MAGIC = b"ACEN"
VERSION = 1
START = struct.Struct("<4sHI")
WORD = struct.Struct("<BBBB")
SIDE = struct.Struct("<Q")
STREAM = struct.Struct("<QBQQ")
CHECKSUM = struct.Struct("<I")

WORDS_PER_BYTE = 1024
LEAST_LIMIT = 2**23
"""A tensor may have this many words, or ``WORDS_PER_BYTE`` for each byte that is read, unless the reader says more."""


def _header(encoded: Encoded) -> bytes:
    name = str(encoded.encoding).encode("ascii")
    frame = encoded.frame
    body = bytes([len(name)]) + name
    body += WORD.pack(DTYPES.index(frame.dtype), frame.bits, frame.signed, len(frame.shape))
    body += b"".join(SIDE.pack(side) for side in frame.shape)
    body += bytes([len(encoded.streams)])
    for stream in encoded.streams:
        body += STREAM.pack(stream.count, stream.coding.value, stream.bits, stream.value_bits)
    return START.pack(MAGIC, VERSION, START.size + len(body)) + body


def header_bytes(encoded: Encoded) -> int:
    """Bytes in front of the streams."""
    return len(_header(encoded))


def to_bytes(encoded: Encoded) -> bytes:
    """Write an encoded tensor."""
    whole = _header(encoded) + b"".join(stream.data for stream in encoded.streams)
    return whole + CHECKSUM.pack(zlib.crc32(whole))


class _Reader:
    """Takes numbers off the header, and knows where the last of them stood."""

    def __init__(self, blob: bytes, end: int) -> None:
        self.blob, self.end, self.at, self.last = blob, end, START.size, START.size

    def fail(self, why: str) -> AccsimError:
        return AccsimError(f"byte {self.last}: {why}")

    def take(self, count: int, what: str) -> bytes:
        self.last = self.at
        if self.at + count > self.end:
            raise self.fail(f"the header ends within {what}")
        self.at += count
        return self.blob[self.at - count : self.at]

    def numbers(self, form: struct.Struct, what: str) -> tuple[int, ...]:
        return form.unpack(self.take(form.size, what))


def from_bytes(blob: bytes, most_words: int | None = None) -> Encoded:
    """Read an encoded tensor; its streams are taken apart only when it is decoded.

    Args:
        blob: what :meth:`Encoded.bytes` wrote.
        most_words: largest tensor to accept; 2^23 words or 1024 for each byte, whichever is more, unless given.

    Raises:
        AccsimError: with the byte and the reason, where this is no encoded tensor, is damaged, or claims more.
    """
    from accsim.compress.encodings.encoded import Encoded  # noqa: PLC0415

    if len(blob) < START.size + CHECKSUM.size:
        raise AccsimError(f"byte 0: {len(blob)} bytes are too few for an encoded tensor")
    magic, version, begin = START.unpack_from(blob)
    if magic != MAGIC:
        raise AccsimError(f"byte 0: an encoded tensor begins with {MAGIC!r}, got {magic!r}")
    if version != VERSION:
        raise AccsimError(f"byte 4: version {version} is not known; this reads version {VERSION}")
    (checksum,) = CHECKSUM.unpack_from(blob, len(blob) - CHECKSUM.size)
    if zlib.crc32(memoryview(blob)[: -CHECKSUM.size]) != checksum:
        raise AccsimError(f"byte {len(blob) - CHECKSUM.size}: the checksum does not match: truncated or damaged")
    if not START.size <= begin <= len(blob) - CHECKSUM.size:
        raise AccsimError(f"byte 6: a header of {begin} bytes does not fit in {len(blob)}")
    reader = _Reader(blob, begin)
    limit = max(LEAST_LIMIT, WORDS_PER_BYTE * len(blob)) if most_words is None else most_words
    encoding = _encoding(reader)
    frame = _frame(reader, limit)
    try:
        encoding.check(frame)
    except AccsimError as error:
        raise reader.fail(str(error)) from None
    return Encoded(encoding, frame, _streams(reader, limit))


def _encoding(reader: _Reader) -> Encoding:
    (length,) = reader.take(1, "the length of a name")
    name = reader.take(length, "the name of the encoding").decode("ascii", "backslashreplace")
    try:
        return parse_encoding(name)
    except AccsimError as error:
        raise reader.fail(str(error)) from None


def _frame(reader: _Reader, limit: int) -> Frame:
    kind, bits, signed, dimensions = reader.numbers(WORD, "the type of the tensor")
    if kind >= len(DTYPES) or signed > 1:
        raise reader.fail(f"type {kind} and sign {signed} are not those of a tensor")
    shape = tuple(reader.numbers(SIDE, "the shape")[0] for _ in range(dimensions))
    frame = Frame(shape, DTYPES[kind], bits, bool(signed))
    mistake = frame_mistake(frame)
    if mistake:
        raise reader.fail(mistake)
    _check_limit(reader, frame.size, f"a tensor of {frame.size} words", limit)
    return frame


def _streams(reader: _Reader, limit: int) -> tuple[Stream, ...]:
    (number,) = reader.take(1, "the number of streams")
    out: list[Stream] = []
    at, end = reader.end, len(reader.blob) - CHECKSUM.size
    for _ in range(number):
        count, coding, bits, value_bits = reader.numbers(STREAM, "a stream")
        _check_limit(reader, count - 1, f"a stream of {count} symbols", limit)
        if coding > 1 or value_bits > bits:
            raise reader.fail(f"coding {coding} with {value_bits} of {bits} bits for values is not that of a stream")
        size = -(-bits // 8)
        if size > end - at:
            raise reader.fail(f"a stream of {bits} bits from byte {at} on runs past byte {end}")
        out.append(Stream(count, Coding(coding), bits, value_bits, reader.blob[at : at + size]))
        at += size
    if reader.at != reader.end:
        raise AccsimError(f"byte {reader.at}: the header ends here, not at byte {reader.end}")
    if at != end:
        raise AccsimError(f"byte {at}: the streams end here, not at byte {end}")
    return tuple(out)


def _check_limit(reader: _Reader, words: int, what: str, limit: int) -> None:
    if words > limit:
        raise reader.fail(
            f"{what} is claimed by {len(reader.blob)} bytes; at most {limit} are accepted (most_words raises that)"
        )
