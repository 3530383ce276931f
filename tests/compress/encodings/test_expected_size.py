"""Expected sizes are the means over tensors of independent words; densities at which an encoding breaks even."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.compress.encodings import expected_size, measure, size_bits
from accsim.compress.encodings.expectation import bit_length, geometric, runs_at
from accsim.compress.encodings.run_length import expected_pairs, pairs_per_word
from accsim.errors import AccsimError

SHAPE = (32, 5, 11)
TRIALS = 300
ENCODINGS = (
    "dense", "relative:1", "relative:3", "relative:4", "csr", "csc", "csc_count:2", "csc_count:4", "bitmap",
    "zero_value", "run_length", "run_length:2,8,4,64", "block:4", "block:3x2x2", "nm:4:4",
)  # fmt: skip


@pytest.mark.parametrize("density", [0.003, 0.06, 0.4, 0.9])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_means_over_random_tensors(encoding: str, density: float) -> None:
    """Within four standard errors of the mean, and a hundredth of a per cent for the approximations that are stated."""
    generator = np.random.default_rng(7)
    sizes = []
    for _ in range(TRIALS):
        mask = (generator.random(SHAPE) < density).astype(np.uint8)
        size = measure(mask, encoding, bits=8)
        sizes.append((size.value_bits, size.metadata_bits))
    mean, error = np.mean(sizes, axis=0), np.std(sizes, axis=0, ddof=1) / math.sqrt(TRIALS)
    expected = expected_size(SHAPE, 8, density, encoding)
    slack = 1e-4 * expected.size_bits
    assert abs(mean[0] - expected.value_bits) <= 4 * error[0] + 1e-9
    assert abs(mean[1] - expected.metadata_bits) <= 4 * error[1] + slack


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if not name.startswith("csc_count")])
@pytest.mark.parametrize("density", [0.0, 1.0])
def test_a_certain_density_is_counted_exactly(encoding: str, density: float) -> None:
    size = expected_size(SHAPE, 8, density, encoding)
    certain = measure(np.full(SHAPE, int(density), np.uint8), encoding, bits=8)
    assert size.value_bits == pytest.approx(certain.value_bits, rel=1e-12)
    assert size.metadata_bits == pytest.approx(certain.metadata_bits, rel=1e-12)


@given(st.integers(1, 12), st.floats(0.01, 0.99), st.integers(1, 3))
def test_fillers_and_pairs_are_exact_for_any_length(n: int, density: float, run_bits: int) -> None:
    """Against the sum over all 2^n masks."""
    fillers = pairs = 0.0
    covered = 1 << run_bits
    for mask in range(1 << n):
        stored = [i for i in range(n) if mask >> i & 1]
        chance = density ** len(stored) * (1 - density) ** (n - len(stored))
        gaps = [b - a - 1 for a, b in zip([-1, *stored], stored, strict=False)]
        between = sum(z // covered for z in gaps)
        closing = -(-(n - 1 - (stored[-1] if stored else -1)) // covered)
        fillers += chance * between
        pairs += chance * (len(stored) + between + closing)
    assert runs_at(n, density, covered) == pytest.approx(fillers, rel=1e-9, abs=1e-12)
    assert expected_pairs(n, run_bits, density) == pytest.approx(pairs, rel=1e-9)


@pytest.mark.parametrize("density", [1e-3, 0.02, 0.3, 0.8])
def test_long_tensors_tend_to_the_rate_of_a_long_run(density: float) -> None:
    """Per non-zero q^R / (1 - q^R) fillers, R = 2^b; the same rate of pairs as run-length coded traffic has."""
    n = 10**8
    for bits in (4, 5):
        cut = (1 - density) ** (1 << bits)
        assert runs_at(n, density, 1 << bits) / (n * density) == pytest.approx(cut / (1 - cut), rel=1e-4)
        assert expected_pairs(n, bits, density) / n == pytest.approx(pairs_per_word(bits, density), rel=1e-4)


@given(st.integers(1, 3000), st.floats(-14, 2))
def test_sums_of_many_terms(last: int, exponent: float) -> None:
    k, decay = np.arange(1, last + 1), 10.0**exponent
    terms = np.exp(-decay * k)
    assert geometric(last, decay) == pytest.approx((terms.sum(), (k * terms).sum()), rel=1e-9)


def test_bits_of_a_pointer() -> None:
    """Whole where the count is certain or far from a power of two."""
    assert [bit_length(n, 0.0, 100) for n in (0, 1, 2, 3, 4, 64, 100)] == [0, 1, 2, 2, 3, 7, 7]
    assert bit_length(1500.0, 700.0, 4096) == pytest.approx(11.0)
    assert bit_length(1023.5, 700.0, 4096) == pytest.approx(10.5)


def crossing(encoding: str, bits: int) -> float:
    """The density at which an encoding takes as much as dense, by bisection on a long tensor."""
    n = 10**8
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if expected_size((n,), bits, middle, encoding).size_bits < n * bits:
            low = middle
        else:
            high = middle
    return low


@pytest.mark.parametrize("bits", [2, 3, 4, 8, 16])
def test_a_bitmap_breaks_even_at_1_minus_1_over_b(bits: int) -> None:
    """n + n p b = n b at p = 1 - 1/b: 0.5 for 2 bits, 0.875 for 8."""
    assert crossing("bitmap", bits) == pytest.approx(1 - 1 / bits, abs=1e-9)
    edge = round(1000 * bits * (1 - 1 / bits))
    words = np.zeros(1000 * bits, np.uint16)
    words[:edge] = 1
    assert size_bits(words, "bitmap", bits) == size_bits(words, "dense", bits)
    words[edge] = 1
    assert size_bits(words, "bitmap", bits) > size_bits(words, "dense", bits)
    words[edge - 1 : edge + 1] = 0
    assert size_bits(words, "bitmap", bits) < size_bits(words, "dense", bits)


def test_a_bitmap_of_one_bit_codes_never_pays() -> None:
    """The edge of 1 - 1/b at b = 1: only a tensor of zeros alone is as small as dense, none is smaller."""
    assert size_bits(np.zeros(64, np.uint8), "bitmap", 1) == size_bits(np.zeros(64, np.uint8), "dense", 1) == 64
    assert size_bits(np.array([0, 0, 1]), "bitmap", 1) == 4


def test_run_length_breaks_even_at_three_quarters() -> None:
    """Three 16-bit levels in 64 bits: a non-zero takes 64 / 3 bits for 16, so dense is met at density 3/4.

    That is with runs under 32 zeros; at this density a longer one has the chance 1/4^32, so the independent
    expectation agrees to nine digits.
    """
    assert crossing("run_length", 16) == pytest.approx(0.75, abs=1e-7)
    words = np.tile(np.array([5, 6, 0, 7], np.int16), 3000)
    assert size_bits(words, "run_length", 16) == size_bits(words, "dense", 16)
    denser, sparser = words.copy(), words.copy()
    denser[2:200:4] = 1
    sparser[:200:4] = 0
    assert size_bits(denser, "run_length", 16) > size_bits(words, "dense", 16) > size_bits(sparser, "run_length", 16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((4,), 8, 1.5, "dense"), "a density must be 0 to 1, got 1.5"),
        (((4,), 8, math.nan, "dense"), "a density must be 0 to 1, got nan"),
        (((4,), 0, 0.5, "dense"), "a code must have 1 to 32 bits, got 0"),
        (
            ((4, 0), 8, 0.5, "dense"),
            "a tensor of shape (4, 0) cannot be encoded: 1 to 1099511627776 words in at most 16 dimensions",
        ),
        (
            ((4,), 8, 0.5, "csr+huffman"),
            "csr+huffman: a Huffman code depends on the values; a tensor is needed, a density is not enough",
        ),
        (
            ((4,), 8, 0.5, "codebook"),
            "codebook: its size depends on the distinct values; a tensor is needed, a density is not enough",
        ),
        (((4,), 20, 0.5, "run_length"), "run_length:5,16,3,64: a level of 16 bits does not hold a code of 20"),
    ],
)
def test_what_has_no_expectation(arguments: tuple[tuple[int, ...], int, float, str], message: str) -> None:
    with pytest.raises(AccsimError) as error:
        expected_size(*arguments)
    assert str(error.value) == message


def test_best_and_best_gaps_expect_the_least() -> None:
    each = [expected_size((1000, 1000), 8, 0.05, f"relative:{g}").size_bits for g in range(1, 17)]
    assert expected_size((1000, 1000), 8, 0.05, "relative:best").size_bits == min(each) == each[5]
    assert expected_size((1000, 1000), 8, 0.05, "best").size_bits == min(each)
    assert expected_size((1000, 1000), 8, 1.0, "best").size_bits == 8_000_000
