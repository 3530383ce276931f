"""Expected sizes of run-length coded feature maps against streams that are really encoded."""

from __future__ import annotations

import random
from math import ceil, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.off_chip import RunLength
from accsim.simulate.coding import coded_bits_per_word, pairs_per_word, whole_words
from accsim.simulate.values import run_length_pairs
from accsim.workload.layer import Operand
from tests.naive.run_length import decode, encode, stored_bits

EYERISS = RunLength(run_bits=5, pairs_per_word=3, word_bits=64, operands=(Operand.IFMAP, Operand.OFMAP))
"""Three pairs of a 5-bit run and a 16-bit level, and one flag, in 64 bits (Chen et al., JSSC 2017, section III-C)."""

streams = st.lists(st.one_of(st.just(0), st.just(0), st.just(0), st.integers(-3, 3)), max_size=200)


@given(values=streams, run_bits=st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_the_naive_encoder_loses_nothing(values: list[int], run_bits: int) -> None:
    pairs = encode(values, run_bits)
    padded = decode(pairs)
    assert padded == values
    assert all(zeros < 2**run_bits for zeros, _ in pairs)


@given(values=streams, run_bits=st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_pairs_of_real_values_are_those_of_the_encoder(values: list[int], run_bits: int) -> None:
    assert run_length_pairs(np.array(values, dtype=np.int64), run_bits) == len(encode(values, run_bits))


@pytest.mark.parametrize("run_bits", [1, 2, 4, 5])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.1, 0.35, 0.5, 0.8, 0.97, 1.0])
def test_expected_pairs_are_those_of_a_long_random_stream(density: float, run_bits: int) -> None:
    """Each word starts a pair or does not, so the number of pairs is within five deviations of at most sqrt(words)."""
    words = 32_000
    source = random.Random(f"{density} {run_bits}")
    pairs = encode((1 if source.random() < density else 0 for _ in range(words)), run_bits)
    expected = pairs_per_word(run_bits, density) * words
    if density in (0.0, 1.0):
        assert len(pairs) == expected
    else:
        assert abs(len(pairs) - expected) <= 5 * sqrt(words) * min(1.0, 2 * sqrt(density * (1 - density)))


@pytest.mark.parametrize("words", [1, 2, 3, 4, 31, 32, 33, 95, 96, 97, 1000, 10**6])
@pytest.mark.parametrize("density", [0.0, 1.0])
def test_streams_without_chance_are_exact(words: int, density: float) -> None:
    """All zeros: one pair for 32 words. No zeros: one pair each, 64 bits for every three words of 16."""
    if words <= 1000:
        coded = stored_bits(encode([int(density)] * words, 5), 3, 64)
    else:
        coded = ceil(ceil(words / (32 if density == 0 else 1)) / 3) * 64
    assert whole_words(EYERISS, words * coded_bits_per_word(EYERISS, density)) == coded


def test_dense_data_grow_by_a_third() -> None:
    """64 bits carry three 16-bit words: 4/3 of the plain size, the price of the format."""
    assert coded_bits_per_word(EYERISS, 1.0) / 16 == pytest.approx(4 / 3)


@given(run_bits=st.integers(1, 8), one=st.floats(0, 1), other=st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_fewer_zeros_never_need_fewer_pairs(run_bits: int, one: float, other: float) -> None:
    low, high = sorted((pairs_per_word(run_bits, one), pairs_per_word(run_bits, other)))
    assert (2.0**-run_bits) * (1 - 1e-9) <= low <= high <= 1
    if one < other:
        assert pairs_per_word(run_bits, one) <= pairs_per_word(run_bits, other) * (1 + 1e-9)


@given(code_words=st.integers(1, 10**9), words=st.integers(1, 10**9))
@settings(max_examples=300, deadline=None)
def test_a_whole_tensor_is_stored_in_the_words_it_was_measured_in(code_words: int, words: int) -> None:
    """Bits per word times words is not exact in floating point; the rounding must not become one more code word."""
    per_word = code_words * EYERISS.word_bits / words
    assert whole_words(EYERISS, words * per_word) == code_words * EYERISS.word_bits
