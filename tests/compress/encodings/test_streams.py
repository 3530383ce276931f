"""Every stream, bit for bit, equals one that is written word by word."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.encodings import Encoded, encode, parse_encoding
from accsim.compress.encodings.codes import frame_codes
from accsim.compress.encodings.huffman import coded_bits
from accsim.compress.encodings.stream import Coding
from tests.compress.encodings.strategies import Tensor, encodings, tensors
from tests.naive import encodings as naive
from tests.naive import run_length


def streams(encoded: Encoded) -> list[str]:
    return [naive.of_bytes(stream.data, stream.bits) for stream in encoded.streams]


def low_bits(tensor: Tensor) -> list[int]:
    return [int(v) & ((1 << tensor.bits) - 1) for v in tensor.array.ravel()]


def matrix(tensor: Tensor) -> list[list[int]]:
    codes = low_bits(tensor)
    rows = tensor.array.shape[0] if tensor.array.ndim > 1 else 1
    cols = len(codes) // rows
    return [codes[r * cols : (r + 1) * cols] for r in range(rows)]


def stored(tensor: Tensor, name: str) -> list[str]:
    return streams(encode(tensor.array, name, tensor.bits, tensor.signed))


@settings(max_examples=60, deadline=None)
@given(tensors(), st.integers(1, 6), st.integers(1, 40))
def test_flat_encodings(tensor: Tensor, gap: int, group: int) -> None:
    codes, b = low_bits(tensor), tensor.bits
    assert stored(tensor, "dense") == [naive.packed(codes, b)]
    kept = [c for c in codes if c]
    mask = "".join("1" if c else "0" for c in codes)
    assert stored(tensor, "bitmap") == [mask, naive.packed(kept, b)]
    assert stored(tensor, f"zero_value:{group}") == [naive.flagged(codes, b, group)]
    gaps, entries = naive.relative(codes, gap)
    assert stored(tensor, f"relative:{gap}") == [naive.packed(gaps, gap), naive.packed(entries, b)]
    table = sorted(set(codes))
    width = naive.log2(len(table))
    assert stored(tensor, "codebook") == [
        naive.packed(table, b), naive.packed([table.index(c) for c in codes], width),
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(tensors(), st.integers(1, 5), st.integers(1, 4), st.integers(1, 6))
def test_matrix_encodings(tensor: Tensor, count: int, tall: int, wide: int) -> None:
    rows, b = matrix(tensor), tensor.bits
    columns = [list(column) for column in zip(*rows, strict=True)]
    for name, lines in (("csr", rows), ("csc", columns)):
        codes, index, pointers = naive.compressed_rows(lines)
        assert stored(tensor, name) == [
            naive.packed(codes, b),
            naive.packed(index, naive.log2(len(lines[0]))),
            naive.packed(pointers, naive.log2(len(codes) + 1)),
        ]
    data, counts, addresses = naive.count_columns(rows, count)
    assert stored(tensor, f"csc_count:{count}") == [
        naive.packed(data, b), naive.packed(counts, count), naive.packed(addresses, naive.log2(len(data) + 1)),
    ]  # fmt: skip
    as_matrix = Tensor(tensor.array.reshape(len(rows), -1), b, tensor.signed)
    tall, wide = min(tall, len(rows)), min(wide, len(columns))
    codes, index, pointers = naive.blocks(rows, tall, wide)
    assert stored(as_matrix, f"block:{tall}x{wide}") == [
        naive.packed(codes, b),
        naive.packed(index, naive.log2(-(-len(columns) // wide))),
        naive.packed(pointers, naive.log2(len(index) + 1)),
    ]


@settings(max_examples=60, deadline=None)
@given(tensors(), st.integers(1, 6), st.integers(0, 3), st.integers(1, 4), st.integers(0, 70))
def test_run_length_words(tensor: Tensor, run_bits: int, wider: int, per_word: int, unused: int) -> None:
    level_bits = min(32, tensor.bits + wider)
    word_bits = per_word * (run_bits + level_bits) + 1 + unused
    levels = [int(v) & ((1 << level_bits) - 1) for v in tensor.array.ravel()]
    pairs = run_length.encode(levels, run_bits)
    name = f"run_length:{run_bits},{level_bits},{per_word},{word_bits}"
    assert stored(tensor, name) == [naive.words_of_pairs(pairs, run_bits, level_bits, per_word, word_bits)]
    assert len(stored(tensor, name)[0]) == run_length.stored_bits(pairs, per_word, word_bits)
    assert run_length.decode(pairs) == levels


@settings(max_examples=60, deadline=None)
@given(tensors(), st.integers(1, 8))
def test_groups(tensor: Tensor, m: int) -> None:
    rows, b = matrix(tensor), tensor.bits
    n = max(sum(c != 0 for c in row[i : i + m]) for row in rows for i in range(0, len(row), m)) or 1
    as_matrix = Tensor(tensor.array.reshape(len(rows), -1), b, tensor.signed)
    codes, places = [], []
    for row in rows:
        one, other = naive.n_of_m(row, n, m)
        codes += one
        places += other
    expected = [naive.packed(codes, b), naive.packed(places, naive.log2(m))]
    assert stored(as_matrix, f"nm:{n}:{m}") == expected


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_huffman_coded_streams(data: st.DataObject) -> None:
    tensor = data.draw(tensors())
    name = str(data.draw(encodings(tensor))).removesuffix("+huffman") + "+huffman"
    encoded = encode(tensor.array, name, tensor.bits, tensor.signed)
    codes = frame_codes(tensor.array, tensor.bits, tensor.signed)
    symbols = [[int(v) for v in s] for s in encoded.encoding.symbols(codes)]
    fields = encoded.encoding.fields(encoded.frame, tuple(map(len, symbols)))
    if not parse_encoding(str(encoded.encoding)).huffman:
        return  # 'best' may choose an encoding without
    for found, field, stream in zip(symbols, fields, encoded.streams, strict=True):
        counts = [found.count(s) for s in sorted(set(found))]
        fixed = len(found) * field.width
        if stream.coding is Coding.FIXED:
            assert naive.of_bytes(stream.data, stream.bits) == naive.packed(found, field.width)
            assert stream.bits == fixed
            if fixed:
                assert sum(coded_bits(np.unique(found), np.array(counts), field.width)) >= fixed
            continue
        lengths = lengths_of(naive.of_bytes(stream.data, stream.bits), field.width)
        assert sum(lengths[s] * found.count(s) for s in lengths) == naive.huffman_bits(counts)
        assert sorted(lengths) == sorted(set(found))
        expected = naive.huffman_stream(found, lengths, field.width)
        assert naive.of_bytes(stream.data, stream.bits) == expected
        assert len(expected) < fixed
        assert stream.value_bits == (naive.huffman_bits(counts) if field.is_value else 0)


def lengths_of(stream: str, width: int) -> dict[int, int]:
    """Lengths by symbol, from a table read character by character."""

    def number(at: int, width: int) -> int:
        return sum(int(c) << i for i, c in enumerate(stream[at : at + width]))

    longest, at = number(0, 6), 6
    per_length = [(0, 1)] if longest == 0 else []
    for length in range(1, longest + 1):
        per_length.append((length, number(at, width + 1)))
        at += width + 1
    out = {}
    for length, count in per_length:
        for _ in range(count):
            out[number(at, width)] = length
            at += width
    return out
