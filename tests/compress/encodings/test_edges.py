"""Every encoding, with Huffman codes and without, on the tensors at which streams begin, end or overflow."""

from __future__ import annotations

import numpy as np
import pytest

from accsim.compress.encodings import ENCODINGS, decode, encode, from_bytes, measure
from accsim.errors import AccsimError

WRITTEN = [
    "dense", "relative:1", "relative:4", "relative:best", "csr", "csc", "csc_count:1", "csc_count:4", "bitmap",
    "zero_value", "run_length", "block:3", "block:2x3", "nm:2:4", "codebook", "best",
]  # fmt: skip
assert {name.partition(":")[0] for name in WRITTEN} == {*ENCODINGS, "best"}


def last(length: int, value: int = 1) -> np.ndarray:
    """Zeros, and one value at the end: a run of length - 1."""
    out = np.zeros(length, np.int16)
    out[-1] = value
    return out


EDGES = {
    "one zero": np.zeros(1, np.int8),
    "one value": np.array([-7], np.int8),
    "one bit": np.array([True]),
    "a widest code": np.array([[2**31 - 1, -(2**31)]], np.int64),
    "all unsigned bits": np.array([2**32 - 1, 0, 2**32 - 1], np.uint32),
    **{f"{n} zeros": np.zeros(n, np.int16) for n in (2, 31, 32, 33, 63, 64, 65, 128, 1000)},
    **{f"{n} equal": np.full(n, -3, np.int16) for n in (2, 31, 32, 33, 63, 64, 65, 128, 1000)},
    # runs of 2^5 - 1 and 2^4 - 1 zeros are the longest of a run-length pair and of a 4-bit gap; of 1 bit, 1
    **{f"run of {n}": last(n + 1) for n in (1, 2, 3, 14, 15, 16, 17, 30, 31, 32, 33, 47, 48, 63, 64, 95, 96, 97, 992)},
    "runs of the longest": np.concatenate([last(32), last(32), last(33), last(64), last(65), np.zeros(40, np.int16)]),
    "zeros at both ends": np.concatenate([np.zeros(70, np.int16), [5], np.zeros(70, np.int16)]).astype(np.int16),
    "empty rows": np.array([[0, 0, 0], [1, 0, 2], [0, 0, 0], [0, 0, 0]], np.int8),
    "empty columns": np.array([[0, 1, 0, 0], [0, -2, 0, 0]], np.int8),
    "one row": np.arange(-32, 33, dtype=np.int8).reshape(1, 65),
    "one column": np.arange(-32, 33, dtype=np.int8).reshape(65, 1),
    "four dimensions": (np.arange(2 * 3 * 3 * 4) % 5 - 2).astype(np.int8).reshape(2, 3, 3, 4),
    "two of four": np.tile(np.array([0, 3, 0, -1], np.int8), 17),
    "64 of 65 bits": np.array([1] * 64 + [0], np.uint8),
}


@pytest.mark.parametrize("huffman", ["", "+huffman"])
@pytest.mark.parametrize("written", WRITTEN)
def test_what_is_encoded_comes_back_in_the_counted_bytes(written: str, huffman: str) -> None:
    held = 0
    for name, edge in EDGES.items():
        array = np.atleast_2d(edge) if written == "block:2x3" else edge
        try:
            encoded = encode(array, written + huffman)
        except AccsimError:
            assert written.startswith(("nm", "run_length")), name  # too dense a group, too wide a level
            continue
        held += 1
        back = decode(encoded)
        assert (back.dtype, back.shape) == (array.dtype, array.shape), name
        assert np.array_equal(back, array), name
        assert measure(array, written + huffman).size_bits == encoded.size_bits == sum(s.bits for s in encoded.streams)
        assert encoded.size_bytes == sum(-(-s.bits // 8) for s in encoded.streams), name
        blob = encoded.bytes()
        assert len(blob) == encoded.size_bytes + encoded.overhead_bytes, name
        assert np.array_equal(decode(from_bytes(blob)), array), name
    assert held > len(EDGES) / 2


@pytest.mark.parametrize("written", WRITTEN)
def test_no_cut_and_no_flipped_bit_is_taken_for_the_tensor(written: str) -> None:
    array = np.tile(np.array([0, 3, 0, -1, 0, 0, 0, 0], np.int8), (4, 5))
    blob = encode(array, written + "+huffman").bytes()
    for cut in range(len(blob)):
        with pytest.raises(AccsimError):
            decode(from_bytes(blob[:cut]))
    for place in range(8 * len(blob)):
        wrong = bytearray(blob)
        wrong[place // 8] ^= 1 << place % 8
        with pytest.raises(AccsimError):
            decode(from_bytes(bytes(wrong)))
    with pytest.raises(AccsimError):
        from_bytes(blob + b"\0")


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 4)])
@pytest.mark.parametrize("written", WRITTEN)
def test_an_empty_tensor_is_refused(written: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(AccsimError) as error:
        encode(np.zeros(shape, np.int8), written)
    assert str(error.value).startswith(f"a tensor of shape {shape} cannot be encoded: 1 to ")
