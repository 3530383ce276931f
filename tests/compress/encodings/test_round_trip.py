"""What holds of every encoding: it gives back the tensor, and its size is what was counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.encodings import (
    Encoded,
    choose,
    decode,
    encode,
    from_bytes,
    measure,
    parse_encoding,
    size_bits,
)
from accsim.errors import AccsimError
from tests.compress.encodings.strategies import PLAIN, Tensor, encodings, tensors


def same(one: object, other: object) -> bool:
    a, b = np.asarray(one), np.asarray(other)
    return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())


def check_round_trip(data: st.DataObject) -> None:
    tensor = data.draw(tensors())
    encoding = data.draw(encodings(tensor))
    encoded = encode(tensor.array, encoding, tensor.bits, tensor.signed)
    assert same(decode(encoded), tensor.array)

    counted = measure(tensor.array, encoding, tensor.bits, tensor.signed)
    assert (counted.value_bits, counted.metadata_bits) == (encoded.value_bits, encoded.metadata_bits)
    assert counted.size_bits == encoded.size_bits == encoded.stored_bits == sum(s.bits for s in encoded.streams)
    assert all(len(s.data) == -(-s.bits // 8) for s in encoded.streams)
    assert 8 * encoded.size_bytes == encoded.size_bits + encoded.padding_bits
    assert 0 <= encoded.padding_bits < 8 * len(encoded.streams) + 1

    blob = encoded.bytes()
    assert len(blob) == encoded.size_bytes + encoded.overhead_bytes
    again = from_bytes(blob)
    assert again == encoded
    assert hash(again) == hash(encoded)
    assert same(decode(again), tensor.array)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_round_trip_and_sizes(data: st.DataObject) -> None:
    check_round_trip(data)


@pytest.mark.slow
@settings(max_examples=4000, deadline=None)
@given(st.data())
def test_round_trip_and_sizes_of_many(data: st.DataObject) -> None:
    check_round_trip(data)


@settings(max_examples=50, deadline=None)
@given(tensors(), st.sampled_from(["", "+huffman"]))
def test_best_is_the_smallest_of_its_candidates(tensor: Tensor, huffman: str) -> None:
    array, bits, signed = tensor.array, tensor.bits, tensor.signed
    best = size_bits(array, "best" + huffman, bits, signed)
    assert best <= size_bits(array, "dense", bits, signed)
    for name in PLAIN:
        if not name.startswith(("block", "nm", "run_length", "zero_value:", "csc_count:")):
            assert best <= size_bits(array, name + huffman, bits, signed), name
    assert str(choose(array, "best" + huffman, bits, signed)) == str(
        encode(array, "best" + huffman, bits, signed).encoding
    )


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_huffman_coding_never_makes_a_tensor_larger(data: st.DataObject) -> None:
    tensor = data.draw(tensors())
    encoding = data.draw(encodings(tensor))
    name = str(encoding).removesuffix("+huffman")
    plain = size_bits(tensor.array, name, tensor.bits, tensor.signed)
    assert size_bits(tensor.array, name + "+huffman", tensor.bits, tensor.signed) <= plain


@settings(max_examples=60, deadline=None)
@given(tensors(), st.sampled_from(["", "+huffman"]))
def test_best_gap_width_is_the_best_of_all(tensor: Tensor, huffman: str) -> None:
    sizes = {g: size_bits(tensor.array, f"relative:{g}{huffman}", tensor.bits, tensor.signed) for g in range(1, 17)}
    chosen = str(choose(tensor.array, f"relative:best{huffman}", tensor.bits, tensor.signed))
    least = min(sizes, key=lambda g: sizes[g])
    assert chosen == f"relative:{least}{huffman}"


@settings(max_examples=100, deadline=None)
@given(tensors())
def test_one_word_blocks_are_compressed_rows(tensor: Tensor) -> None:
    block = encode(tensor.array, "block:1", tensor.bits, tensor.signed)
    rows = encode(tensor.array, "csr", tensor.bits, tensor.signed)
    assert block.streams == rows.streams


@settings(max_examples=100, deadline=None)
@given(tensors(least_dims=2))
def test_compressed_columns_are_rows_of_the_transpose(tensor: Tensor) -> None:
    matrix = tensor.array.reshape(tensor.array.shape[0], -1)
    columns = encode(matrix, "csc", tensor.bits, tensor.signed)
    assert columns.streams == encode(np.ascontiguousarray(matrix.T), "csr", tensor.bits, tensor.signed).streams


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_pruned_groups_are_held(data: st.DataObject) -> None:
    n, m = data.draw(st.sampled_from([(1, 2), (2, 4), (1, 4), (4, 8), (3, 7)]))
    shape = tuple(data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    axis = data.draw(st.integers(0, len(shape) - 1))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    array = generator.integers(-8, 8, shape)
    along = np.moveaxis(array, axis, -1)
    for start in range(0, shape[axis], m):
        group = along[..., start : start + m]
        drop = np.argsort(generator.random(group.shape), axis=-1)[..., n:]
        np.put_along_axis(group, drop, 0, axis=-1)
    if len(shape) == 1 and axis == 0:
        axis = 1  # the default, which stands for the only one
    name = f"nm:{n}:{m},axis={axis}" + data.draw(st.sampled_from(["", "+huffman"]))
    encoded = encode(array, name, 4, signed=True)
    assert same(decode(encoded), array)
    assert encoded.size_bits == size_bits(array, name, 4, signed=True)
    assert same(decode(from_bytes(encoded.bytes())), array)


def test_bytes_in_another_order_make_no_difference() -> None:
    array = np.array([0, 1, -300, 0, 7, 7, 0], ">i4")
    for name in ("dense+huffman", "relative:2+huffman", "codebook", "run_length+huffman", "best"):
        encoded = encode(array, name)
        assert encoded == encode(array.astype("<i4"), name)
        assert size_bits(array, name) == encoded.size_bits
        assert decode(encoded).tolist() == array.tolist()


def test_views_are_read_in_their_own_order() -> None:
    array = np.arange(24).reshape(4, 6)[::2, ::3].T
    assert same(decode(encode(array, "csr")), array)


@pytest.mark.parametrize(
    ("array", "bits", "signed", "message"),
    [
        (np.ones(3), None, None, "codes must be integers of up to 64 bits, got float64"),
        (np.zeros((0, 3), np.int8), None, None, None),
        (np.array([9]), 3, None, "9 is not a 3-bit unsigned code; allowed are 0 to 7"),
        (np.array([-9, 3]), 4, None, "-9 is not a 4-bit signed code; allowed are -8 to 7"),
        (np.array([-1]), None, False, "-1 is not a 1-bit unsigned code; allowed are 0 to 1"),
        (np.array([1 << 33]), None, None, "a code must have 1 to 32 bits, got 34"),
    ],
)
def test_what_is_no_tensor_of_codes(
    array: np.ndarray, bits: int | None, signed: bool | None, message: str | None
) -> None:
    if message is None:
        message = "a tensor of shape (0, 3) cannot be encoded: 1 to 1099511627776 words in at most 16 dimensions"
    with pytest.raises(AccsimError) as error:
        encode(array, "dense", bits, signed)
    assert str(error.value) == message


def test_what_an_encoding_cannot_hold() -> None:
    crowded = np.ones((2, 8, 3, 3), np.int8)
    crowded[0, :6] = 0
    with pytest.raises(AccsimError) as error:
        encode(crowded, "nm:2:4")
    assert str(error.value) == (
        "nm:2:4: 4 of the 4 words from (1, 0, 0, 0) on along dimension 1 are not zero; at most 2 may be "
        "(18 such groups)"
    )
    with pytest.raises(AccsimError) as error:
        encode(crowded, "nm:2:4,axis=4")
    assert str(error.value) == "nm:2:4,axis=4: a tensor of shape (2, 8, 3, 3) has no dimension 4"
    with pytest.raises(AccsimError) as error:
        size_bits(np.ones(4, np.int8), "block:2x2")
    assert str(error.value) == "block:2x2: a tensor of shape (4,) has fewer dimensions than the block"
    with pytest.raises(AccsimError) as error:
        encode(crowded, "run_length", bits=17)
    assert str(error.value) == "run_length:5,16,3,64: a level of 16 bits does not hold a code of 17"


def test_among_equals_the_first_candidate_is_best() -> None:
    even = np.array([0, 0, 0, 0, 1, 2, 3, 1])
    assert size_bits(even, "bitmap", 2) == size_bits(even, "dense", 2) == 16
    assert str(choose(even, "best", 2)) == "dense"
    pairs = np.array([0, 0, 90, 91, 0, 0, 92, 93, 0, 0, 94, 95, 0, 0, 96, 97])
    assert [size_bits(pairs, name, 8) for name in ("bitmap", "zero_value", "relative:2", "best")] == [80] * 4
    assert str(choose(pairs, "best+huffman", 8)) == "bitmap"


def test_best_leaves_out_what_cannot_hold_the_codes() -> None:
    assert str(choose(np.array([0, 0, 0, 1 << 30]), "best")) == "relative:2"


def test_the_least_width_is_taken() -> None:
    widths = {(0,): 1, (1,): 1, (-1,): 1, (-1, 1): 2, (-2, 1): 2, (255,): 8, (-128, 3): 8, (-129,): 9, (127, -1): 8}
    for values, bits in widths.items():
        encoded: Encoded = encode(np.array(values), "dense")
        assert (encoded.bits, encoded.frame.signed) == (bits, min(values) < 0)
        assert same(decode(encoded), np.array(values))


def test_an_encoding_that_is_already_chosen_stays() -> None:
    encoding = parse_encoding("relative:3+huffman")
    assert choose(np.arange(9), encoding) is encoding
