"""Published size formulas, and counts that other parts of accsim make of the same tensors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.compress.encodings import encode, measure, size_bits
from accsim.simulate.values import run_length_pairs
from tests.compress.encodings.strategies import Tensor, tensors


def log2(count: int) -> int:
    return math.ceil(math.log2(count))


@given(tensors(least_dims=2))
def test_the_formulas(tensor: Tensor) -> None:
    array, b = tensor.array, tensor.bits
    n, nonzero, rows = array.size, int(np.count_nonzero(array)), array.shape[0]
    cols = n // rows

    def size(encoding: str) -> tuple[int, int]:
        found = measure(array, encoding, b, tensor.signed)
        return found.value_bits, found.metadata_bits

    assert size("dense") == (n * b, 0)
    assert size("bitmap") == size("zero_value") == size("zero_value:32") == (nonzero * b, n)
    assert size("csr") == (nonzero * b, nonzero * log2(cols) + (rows + 1) * log2(nonzero + 1))
    assert size("csc") == (nonzero * b, nonzero * log2(rows) + (cols + 1) * log2(nonzero + 1))
    kinds = np.unique(array).size
    assert size("codebook") == (n * log2(kinds), kinds * b)


@given(tensors(), st.integers(1, 16))
def test_entries_are_non_zeros_and_fillers(tensor: Tensor, gap: int) -> None:
    """Fillers = sum floor((d - 1) / 2^b), d the distance to the non-zero before: Han et al., ICLR 2016, Fig. 2."""
    at = np.flatnonzero(tensor.array)
    distances = np.diff(at, prepend=-1)
    fillers = sum((int(d) - 1) // 2**gap for d in distances)
    gaps, codes = encode(tensor.array, f"relative:{gap}", tensor.bits, tensor.signed).streams
    assert gaps.count == codes.count == at.size + fillers


@given(tensors(), st.integers(1, 12), st.integers(1, 4))
def test_run_length_words_are_those_of_coded_traffic(tensor: Tensor, run_bits: int, per_word: int) -> None:
    pairs = run_length_pairs(tensor.array.ravel(), run_bits)
    word_bits = per_word * (run_bits + 32) + 1
    size = measure(tensor.array, f"run_length:{run_bits},32,{per_word},{word_bits}", tensor.bits, tensor.signed)
    assert size.size_bits == -(-pairs // per_word) * word_bits
    assert size.value_bits == pairs * 32
    coded = encode(tensor.array, f"run_length:{run_bits},32,{per_word},{word_bits}+huffman", tensor.bits, tensor.signed)
    assert [stream.count for stream in coded.streams] == [pairs, pairs]


def test_long_runs_are_counted_too() -> None:
    """Runs past 2^16 zeros, which are counted one by one."""
    array = np.zeros(1_000_000, np.int8)
    array[[0, 65_536, 65_537, 400_000, 999_000]] = 1
    zeros = [0, 65_535, 0, 334_462, 598_999]
    for gap in (1, 4, 10, 16):
        entries = 5 + sum(z >> gap for z in zeros)
        assert size_bits(array, f"relative:{gap}", 8) == entries * (8 + gap)
        assert encode(array, f"relative:{gap}", 8).size_bits == entries * (8 + gap)
        stored = encode(array, f"relative:{gap}+huffman", 8)
        assert stored.size_bits == size_bits(array, f"relative:{gap}+huffman", 8)
    assert size_bits(array, "run_length", 8) == 64 * -(-(5 + sum(z >> 5 for z in zeros) + -(-999 // 32)) // 3)


@pytest.mark.parametrize(("bits", "share"), [(16, 0.5625), (8, 0.625), (4, 0.75)])
def test_two_of_four(bits: int, share: float) -> None:
    """K N / M (b + 2) bits: 56.25, 62.5 and 75 % of dense for 16, 8 and 4-bit codes (Mishra et al. 2021, 2:4)."""
    array = np.tile(np.array([0, 1, 0, 1], np.int8), (64, 32))
    assert size_bits(array, "nm:2:4", bits) == share * size_bits(array, "dense", bits)


def test_shared_weights() -> None:
    """r = n b / (n log2 k + k b): 3.2 for 16 weights and 4 clusters (Han et al., ICLR 2016, section 3, Fig. 3)."""
    weights = np.array(
        [[2.09, -0.98, 1.48, 0.09], [0.05, -0.14, -1.08, 2.12], [-0.91, 1.92, 0, -1.03], [1.87, 0, 1.53, 1.49]]
    )
    centroids = np.array([-1.0, 0.0, 1.5, 2.0], np.float32)
    shared = centroids[np.abs(weights[..., None] - centroids).argmin(-1)]
    patterns = shared.view(np.uint32)
    assert size_bits(patterns, "codebook", 32) == 16 * 2 + 4 * 32
    assert size_bits(patterns, "dense", 32) / size_bits(patterns, "codebook", 32) == 3.2


@pytest.mark.parametrize("grain", [(4, 4), (1, 8), (3, 5)])
def test_blocks(grain: tuple[int, int]) -> None:
    """Kept blocks (grain b + block index) and the row pointers."""
    array = np.zeros((30, 40), np.int8)
    array[7, 9] = array[8, 8] = array[29, 39] = 1
    kept = len({(r // grain[0], c // grain[1]) for r, c in ((7, 9), (8, 8), (29, 39))})
    rows, cols = -(-30 // grain[0]), -(-40 // grain[1])
    size = measure(array, f"block:{grain[0]}x{grain[1]}", 8)
    assert size.value_bits == kept * grain[0] * grain[1] * 8
    assert size.metadata_bits == kept * log2(cols) + (rows + 1) * log2(kept + 1)


def test_count_data_pairs_of_eyeriss_v2() -> None:
    """8-bit data and 4-bit counts are 12 bits a pair (Chen et al., JETCAS 9(2) 2019)."""
    array = np.eye(24, dtype=np.int8) * 100
    entries = 24 + sum(r // 16 for r in range(24))
    size = measure(array, "csc_count:4", 8)
    assert size.size_bits == entries * 12 + 25 * log2(entries + 1)
