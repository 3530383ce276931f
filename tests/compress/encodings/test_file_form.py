"""The file form: damaged, truncated and hostile bytes give a sentence, within bounded memory."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.encodings import Encoded, decode, encode, from_bytes
from accsim.compress.encodings.frame import Frame
from accsim.compress.encodings.registry import parse_encoding
from accsim.compress.encodings.stream import Coding, Stream
from accsim.errors import AccsimError
from tests.compress.encodings.strategies import encodings, tensors


def sealed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def example() -> bytes:
    return encode(np.array([[0, 3, 0], [-1, 0, 2]], np.int8), "relative:2").bytes()


def test_the_layout_is_the_one_that_is_drawn() -> None:
    name = b"relative:2"
    header = b"\x0a" + name + bytes([1, 3, 1, 2]) + struct.pack("<QQ", 2, 3) + b"\x02"
    header += struct.pack("<QBQQ", 3, 0, 6, 0) + struct.pack("<QBQQ", 3, 0, 9, 9)
    begin = struct.pack("<4sHI", b"ACEN", 1, 10 + len(header))
    gaps, codes = 0b01_01_01, 0b010_111_011
    assert example() == sealed(begin + header + bytes([gaps]) + struct.pack("<H", codes))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_truncation_is_found(data: st.DataObject) -> None:
    tensor = data.draw(tensors())
    blob = encode(tensor.array, data.draw(encodings(tensor)), tensor.bits, tensor.signed).bytes()
    cut = blob[: data.draw(st.integers(0, len(blob) - 1))]
    with pytest.raises(AccsimError, match=r"^byte \d+: "):
        from_bytes(cut)
    if len(cut) == len(blob) - 4:  # the checksum alone was lost
        assert sealed(cut) == blob
        return
    with pytest.raises(AccsimError, match=r"^byte \d+: "):
        from_bytes(sealed(cut))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_damaged_byte_is_found(data: st.DataObject) -> None:
    tensor = data.draw(tensors())
    blob = bytearray(encode(tensor.array, data.draw(encodings(tensor)), tensor.bits, tensor.signed).bytes())
    at = data.draw(st.integers(0, len(blob) - 1))
    blob[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(AccsimError, match=r"^byte \d+: "):
        from_bytes(bytes(blob))


def check_forged(data: st.DataObject) -> None:
    """A few bytes changed anywhere: an error or another tensor of the claimed shape, and never anything else."""
    tensor = data.draw(tensors())
    encoding = data.draw(encodings(tensor))
    body = bytearray(encode(tensor.array, encoding, tensor.bits, tensor.signed).bytes()[:-4])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from([0, 255, body[at] ^ 1, body[at] ^ 128])))
    try:
        forged = from_bytes(sealed(bytes(body)), most_words=2**16)
        out = decode(forged)
    except AccsimError as error:
        assert str(error)
    else:
        assert out.shape == forged.shape
        assert out.dtype.name == forged.frame.dtype


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_bytes_with_a_forged_checksum_do_no_harm(data: st.DataObject) -> None:
    check_forged(data)


@pytest.mark.slow
@settings(max_examples=8000, deadline=None)
@given(st.data())
def test_many_bytes_with_a_forged_checksum_do_no_harm(data: st.DataObject) -> None:
    check_forged(data)


def hostile(shape: tuple[int, ...], encoding: str, streams: list[tuple[int, int, int, int]], data: bytes) -> bytes:
    name = encoding.encode()
    body = bytes([len(name)]) + name + bytes([1, 8, 0, len(shape)]) + struct.pack(f"<{len(shape)}Q", *shape)
    body += bytes([len(streams)]) + b"".join(struct.pack("<QBQQ", *stream) for stream in streams)
    return sealed(struct.pack("<4sHI", b"ACEN", 1, 10 + len(body)) + body + data)


TABLE = bytes([0b00000000, 0b00000000])
"""A Huffman table of the single symbol 0 of 8 bits: any number of symbols in 14 bits."""


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "byte 0: 0 bytes are too few for an encoded tensor"),
        (b"PK\x03\x04" + bytes(20), "byte 0: an encoded tensor begins with b'ACEN', got b'PK\\x03\\x04'"),
        (b"ACEN\x02\x00" + bytes(20), "byte 4: version 2 is not known; this reads version 1"),
        (b"ACEN\x01\x00" + bytes(20), "byte 22: the checksum does not match: truncated or damaged"),
        (sealed(b"ACEN\x01\x00\xff\xff\xff\xff"), "byte 6: a header of 4294967295 bytes does not fit in 14"),
        (
            hostile((3_000_000_000,), "dense", [(3_000_000_000, 0, 24_000_000_000, 0)], bytes(900)),
            "byte 20: a tensor of 3000000000 words is claimed by 958 bytes; at most 8388608 are accepted (most_words "
            "raises that)",
        ),
        (
            hostile((2**63, 2**63), "dense", [], b""),
            "byte 28: a tensor of shape (9223372036854775808, 9223372036854775808) cannot be encoded: 1 to "
            "1099511627776 words in at most 16 dimensions",
        ),
        (
            hostile((4,), "nm:2:4", [(3_000_000_000, 1, 14, 0)] * 2, TABLE * 2),
            "byte 30: a stream of 3000000000 symbols is claimed by 88 bytes; at most 8388608 are accepted (most_words "
            "raises that)",
        ),
        (
            hostile((4,), "dense", [(4, 0, 2**63, 0)], bytes(4)),
            "byte 29: a stream of 9223372036854775808 bits from byte 54 on runs past byte 58",
        ),
        (
            hostile((4,), "dense", [(4, 2, 32, 0)], bytes(4)),
            "byte 29: coding 2 with 0 of 32 bits for values is not that of a stream",
        ),
        (hostile((4,), "dense", [(4, 0, 32, 0)], bytes(5)), "byte 58: the streams end here, not at byte 59"),
        (
            hostile((4,), "nm:9:4", [], b""),
            "byte 11: encoding 'nm:9:4': N:M must have 1 <= N <= M <= 64, got 9:4; it is written "
            "nm:N:M[,axis=A][+huffman]",
        ),
        (
            hostile((4,), "block:2x2", [], b""),
            "byte 24: block:2x2: a tensor of shape (4,) has fewer dimensions than the block",
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_is_no_encoded_tensor(blob: bytes, message: str) -> None:
    with pytest.raises(AccsimError) as error:
        from_bytes(blob)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("encoding", "streams", "data", "message"),
    [
        ("dense", [(4, 0, 31, 0)], bytes(4), "stream codes: 4 symbols of 8 bits take 32 bits, not 31"),
        ("dense", [(5, 0, 40, 0)], bytes(5), "codes of 5 symbols belong to no tensor of that shape"),
        ("dense", [], b"", "it has no streams, not codes"),
        ("dense", [(4, 1, 14, 0)], TABLE, "stream codes: it is Huffman coded, which dense does not do"),
        ("best", [(4, 0, 32, 0)], bytes(4),
         "'best' has no streams of its own: it stands for the encoding that it resolves to"),
        ("relative:best", [(0, 0, 0, 0)] * 2, b"", "relative:best: the bits of a gap are not chosen"),
        ("relative:4", [(1, 0, 4, 0), (1, 0, 8, 8)], b"\x07\x01", "gaps: an entry stands at place 7 of 4"),
        ("bitmap", [(4, 0, 4, 0), (1, 0, 8, 8)], b"\x03\x01", "mask: 2 bits are set, for 1 codes"),
        ("csr", [(1, 0, 8, 8), (1, 0, 2, 0), (2, 0, 2, 0)], b"\x01\x00\x01", "row_pointers: do not rise from 0 to 1"),
        ("csr", [(2, 0, 16, 8), (2, 0, 4, 0), (2, 0, 4, 0)], b"\x01\x01\x00\x08", "columns: do not rise within a row"),
        ("csc_count:4", [(1, 0, 8, 8), (1, 0, 4, 0), (5, 0, 5, 0)], b"\x01\x02\x1e",
         "counts: an entry stands in row 2 of 1"),
        ("run_length", [(1, 0, 64, 0)], bytes(8), "stream words: the pairs do not cover 4 words up to the end flag"),
        ("run_length", [(1, 0, 63, 0)], bytes(8), "stream words: 1 words of 64 bits are not 63 bits"),
        ("run_length", [], b"", "it has no streams, not words"),
        ("zero_value", [(4, 0, 8, 0)], b"\xff", "stream words: the 8 bits are not 4 flags and their codes"),
        ("codebook", [(3, 0, 24, 0), (4, 0, 8, 0)], b"\x01\x02\x03\xff", "indices: 3 is not below 3"),
        ("codebook", [(2, 0, 16, 0), (4, 0, 4, 0)], b"\x02\x01\x00", "table: does not rise"),
        ("nm:2:4", [(2, 0, 16, 0), (2, 0, 4, 0)], b"\x01\x01\x05", "places: not 2 rising ones below 4 in every group"),
        ("nm:1:8", [(1, 0, 8, 0), (1, 0, 3, 0)], b"\x01\x05", "codes: not zero past the edge of the tensor"),
        ("block:3", [(3, 0, 24, 0), (1, 0, 1, 0), (2, 0, 2, 0)], b"\x01\x01\x01\x01\x02",
         "codes: not zero past the edge of the tensor"),
        ("dense+huffman", [(4, 1, 13, 0)], TABLE, "stream codes: Huffman table: 13 bits are too few for one"),
        ("dense+huffman", [(4, 1, 15, 0)], TABLE, "stream codes: the 15 bits are not 4 words of its Huffman code"),
    ],
)  # fmt: skip
def test_streams_that_no_encoder_writes(
    encoding: str, streams: list[tuple[int, int, int, int]], data: bytes, message: str
) -> None:
    encoded = from_bytes(hostile((4,), encoding, streams, data))
    with pytest.raises(AccsimError) as error:
        decode(encoded)
    assert str(error.value) == message


def test_a_stream_has_the_bytes_of_its_bits() -> None:
    with pytest.raises(AccsimError) as error:
        Stream(2, Coding.FIXED, 18, 18, b"\x00\x01")
    assert str(error.value) == "a stream of 2 symbols in 18 bits, 18 of them for values, cannot have 2 bytes"


def test_codes_that_the_array_cannot_hold() -> None:
    frame = Frame((2,), "int8", 9, signed=False)
    stream = Stream(2, Coding.FIXED, 18, 18, b"\x00\x01\x00")
    with pytest.raises(AccsimError) as error:
        decode(Encoded(parse_encoding("dense"), frame, (stream,)))
    assert str(error.value) == "codes from 0 to 256 are not all of type int8"


def test_a_claim_of_gigabytes_allocates_nothing() -> None:
    decode(from_bytes(example()))
    blob = hostile((3_000_000_000,), "csr", [(0, 0, 0, 0), (0, 0, 0, 0), (2, 0, 0, 0)], bytes(930))
    tracemalloc.start()
    with pytest.raises(AccsimError, match="a tensor of 3000000000 words is claimed by"):
        from_bytes(blob)
    largest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert largest < 100_000


def test_a_large_tensor_of_zeros_is_read_when_it_is_asked_for() -> None:
    blob = encode(np.zeros(2**24, np.int8), "csr").bytes()
    assert len(blob) < 120
    with pytest.raises(AccsimError, match="at most 8388608 are accepted"):
        from_bytes(blob)
    assert not decode(from_bytes(blob, most_words=2**24)).any()
