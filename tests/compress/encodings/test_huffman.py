"""Huffman codes: optimal, canonical, decodable, and within a bit of the entropy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.encodings.huffman import QUICK_BITS, HuffmanCode, build_code, code_lengths, coded_bits, read_table
from accsim.compress.encodings.stream import Coding, Field, read_stream, write_stream
from accsim.errors import AccsimError
from tests.naive import encodings as naive

counts = st.lists(st.one_of(st.integers(1, 5), st.integers(1, 10**9)), min_size=1, max_size=60)


def fibonacci(n: int) -> list[int]:
    """Counts that give the longest words: each as frequent as all rarer ones together, and one."""
    out = [1, 1]
    while len(out) < n:
        out.append(out[-1] + out[-2])
    return out


@given(counts)
def test_optimal_and_complete(counts: list[int]) -> None:
    lengths = code_lengths(np.array(counts)).tolist()
    assert sum(n * length for n, length in zip(counts, lengths, strict=True)) == naive.huffman_bits(counts)
    assert sum(2.0**-length for length in lengths) == 1.0


@given(counts)
def test_within_a_bit_of_the_entropy(counts: list[int]) -> None:
    total = sum(counts)
    entropy = -sum(n / total * math.log2(n / total) for n in counts)
    _, words = coded_bits(np.arange(len(counts)), np.array(counts), 6)
    per_symbol = words / total
    if len(counts) == 1:
        assert per_symbol == entropy == 0.0
    else:
        assert entropy - 1e-9 <= per_symbol < entropy + 1.0


@given(counts)
def test_words_are_canonical(counts: list[int]) -> None:
    code = build_code(np.arange(len(counts)), np.array(counts), 6)
    if code.longest == 0:
        return
    lengths = dict(zip(code.symbols.tolist(), code.lengths.tolist(), strict=True))
    expected = naive.canonical_words(lengths)
    for symbol, word, length in zip(code.symbols.tolist(), code.words.tolist(), code.lengths.tolist(), strict=True):
        assert naive.bits(word, length) == expected[symbol]


def test_ties_go_to_the_smaller_symbol_and_to_symbols_before_nodes() -> None:
    assert code_lengths(np.array([1, 1, 1, 1])).tolist() == [2, 2, 2, 2]
    assert code_lengths(np.array([1, 1, 2, 2])).tolist() == [2, 2, 2, 2]  # and not 3, 3, 2, 1, as cheap
    assert code_lengths(np.array([1, 1, 1])).tolist() == [2, 2, 1]
    assert code_lengths(np.array([3, 1, 1, 1, 1])).tolist() == [1, 3, 3, 3, 3]


@pytest.mark.parametrize("symbols", [2, 12, 13, 30, 57])
def test_words_far_longer_than_the_look_up(symbols: int) -> None:
    """57 symbols of Fibonacci counts are 10^12 in all and have words of 56 bits; no length limit is needed."""
    code = build_code(np.arange(symbols), np.array(fibonacci(symbols)), 6)
    assert code.longest == symbols - 1
    assert (code.longest > QUICK_BITS) == (symbols > 12)
    few = np.arange(symbols).repeat(3)
    np.random.default_rng(0).shuffle(few)
    assert decoded_with(code, few) == few.tolist()


def decoded_with(code: HuffmanCode, symbols: np.ndarray) -> list[int]:
    from accsim.compress.encodings.bitstream import pack_words, unpack_words

    place = np.argsort(code.symbols)
    ranks = place[symbols]
    bits = int(code.lengths[ranks].sum())
    data = np.zeros(-(-(bits + 3) // 8), np.uint8)
    assert pack_words(ranks, code.words, code.lengths, data, 3) == bits + 3
    out = np.zeros(symbols.size, np.int64)
    end = unpack_words(data, 3, bits + 3, code.quick, QUICK_BITS, code.first, code.per_length, code.before, out)
    assert end == bits + 3
    return code.symbols[out].tolist()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.data())
def test_streams_come_back(width: int, data: st.DataObject) -> None:
    alphabet = data.draw(st.lists(st.integers(0, 2**width - 1), min_size=1, max_size=30, unique=True))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    weights = generator.random(len(alphabet)) ** data.draw(st.integers(1, 12))
    symbols = generator.choice(np.array(alphabet), data.draw(st.integers(1, 500)), p=weights / weights.sum())
    field = Field("symbols", symbols.size, width)
    stream = write_stream(field, symbols, huffman=True)
    assert read_stream(field, stream).tolist() == symbols.tolist()
    assert stream.bits <= symbols.size * width


def test_one_symbol_takes_a_table_and_no_words() -> None:
    field = Field("codes", 1000, 8, is_value=True)
    stream = write_stream(field, np.full(1000, 200), huffman=True)
    assert (stream.coding, stream.bits, stream.value_bits) == (Coding.HUFFMAN, 6 + 8, 0)
    assert read_stream(field, stream).tolist() == [200] * 1000


@pytest.mark.parametrize(("count", "coding"), [(12, Coding.FIXED), (13, Coding.FIXED), (14, Coding.HUFFMAN)])
def test_fixed_width_is_kept_where_nothing_is_gained(count: int, coding: Coding) -> None:
    """Two symbols of 2 bits: a table of 6 + 3 + 4 bits and a bit each, so 13 symbols take 26 bits either way."""
    symbols = np.arange(count) % 2 * 3
    stream = write_stream(Field("codes", count, 2), symbols, huffman=True)
    assert (stream.coding, stream.bits) == (coding, min(2 * count, 13 + count))


def table(text: str) -> np.ndarray:
    bits = text.replace(" ", "")
    return np.array([int(bits[i : i + 8].ljust(8, "0")[::-1], 2) for i in range(0, len(bits), 8)], np.uint8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("000", "Huffman table: 3 bits are too few for one"),
        ("111111 000", "Huffman table: 63 lengths run past the end of the stream"),
        ("100000 111 00", "Huffman table: 7 symbols run past the end of the stream"),
        ("100000 100 00 00 00", "Huffman table: its words are not a complete prefix code"),
        ("010000 010 000 00 10 00", "Huffman table: its words are not a complete prefix code"),
        ("100000 010 10 00", "Huffman table: its symbols are not in canonical order"),
        ("010000 100 010 10 00 10", "Huffman table: its symbols are not in canonical order"),
    ],
)
def test_what_is_no_table(text: str, message: str) -> None:
    with pytest.raises(AccsimError) as error:
        read_table(table(text), 2, len(text.replace(" ", "")))
    assert str(error.value) == message


def test_a_table_by_hand() -> None:
    """Two lengths (L = 2): one word of 1 bit, two of 2 bits; symbols 3, then 0 and 1."""
    code = read_table(table("010000 100 010 11 00 10"), 2, 18)
    assert code.symbols.tolist() == [3, 0, 1]
    assert code.lengths.tolist() == [1, 2, 2]
    assert code.table_bits == 18
    assert [naive.bits(w, n) for w, n in zip(code.words.tolist(), code.lengths.tolist(), strict=True)] == [
        "0", "10", "11",
    ]  # fmt: skip
