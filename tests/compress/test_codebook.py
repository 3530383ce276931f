"""Shared weights: Lloyd's algorithm on the line, CLIP-Q, mixtures and hashing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.codes import Codebook, Float
from accsim.compress.measures import entropy_bits, relative_l2
from accsim.compress.model import LayerParameters
from accsim.compress.passes.codebook import ClipQ, Hashed, KMeans, SoftSharing, hash_places
from accsim.compress.passes.lloyd import nearest_on_a_line, on_a_line
from tests.compress.tensors import CONV, FC, code_of, error_of, layers, tensors

VALUES = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=30)


def plain_lloyd(values: list[float], begin: list[float], turns: int) -> list[float]:
    """Lloyd's algorithm point by point; a cluster that becomes empty is not handled."""
    centroids = sorted(begin)
    for _ in range(turns):
        clusters: list[list[float]] = [[] for _ in centroids]
        for value in values:
            clusters[min(range(len(centroids)), key=lambda i: (abs(value - centroids[i]), i))].append(value)
        assert all(clusters), "what is compared must keep every cluster in use"
        centroids = [sum(c) / len(c) for c in clusters]
    return centroids


def squared(values: list[float], centroids: np.ndarray) -> float:
    found = centroids[nearest_on_a_line(np.array(values), centroids)]
    return float(((np.array(values) - found) ** 2).sum())


@given(VALUES, st.integers(1, 8), st.integers(0, 6))
@settings(max_examples=150, deadline=None)
def test_turns_on_the_line(values: list[float], count: int, turns: int) -> None:
    begin = np.linspace(min(values), max(values), count)
    errors = [squared(values, on_a_line(np.array(values), begin, n)) for n in range(turns + 2)]
    assert all(b <= a + 1e-9 for a, b in pairwise(errors))
    final = on_a_line(np.array(values), begin, 1000)
    assert (np.diff(final) > 0).all()
    if count >= len(set(values)):
        assert squared(values, final) == 0
        assert final.tolist() == sorted(set(values))
    else:
        assert len(final) == count  # none is wasted


def test_a_crowd_gets_the_centroids_that_nobody_needs() -> None:
    # evenly spaced centroids leave eight values to one of ten, and only two ends can be reseeded in a turn
    values = np.concatenate([[-100.0, 100.0], np.linspace(1, 2, 8)])
    assert on_a_line(values, np.linspace(-100, 100, 10), 1000).tolist() == sorted(values.tolist())


@pytest.mark.parametrize("seed", range(5))
def test_a_turn_is_that_of_the_plain_algorithm(seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal(200)
    begin = np.linspace(values.min(), values.max(), 6)
    for turns in (1, 2, 10):
        np.testing.assert_allclose(on_a_line(values, begin, turns), plain_lloyd(values.tolist(), begin.tolist(), turns))


@given(layers(), st.integers(1, 6))
@settings(max_examples=80, deadline=None)
def test_kmeans_shares_the_surviving_weights(parameters: LayerParameters, bits: int) -> None:
    after = KMeans(bits=bits).project(CONV, parameters)
    code = after.weight
    assert isinstance(code, Codebook)
    there = np.ones(code.shape, bool) if parameters.kept is None else parameters.kept
    survivors = parameters.values()[there]
    distinct = len(np.unique(survivors))
    assert code.table.size <= 1 << bits
    assert len(np.unique(after.values()[there])) <= 1 << bits
    if distinct <= 1 << bits:
        np.testing.assert_array_equal(after.values(), parameters.values())
    elif survivors.size:
        assert code.bits == bits
        # each entry is the mean of what it stands for
        for entry in range(code.table.size):
            assert code.table[entry] == pytest.approx(survivors[code.index[there] == entry].mean())
    n, k = code.index.size, code.table.size
    assert n * code.bits + code.table_bits == n * max(1, int(np.ceil(np.log2(max(2, k))))) + 32 * k


def test_the_bits_of_deep_compression() -> None:
    weights = np.random.default_rng(0).standard_normal((8, 16, 5, 5))
    parameters = LayerParameters(Float(weights))
    assert KMeans().project(CONV, parameters).weight.bits == 8
    assert KMeans().project(FC, parameters).weight.bits == 5


@given(layers(), st.integers(2, 6), st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_clip_q_clips_each_sign_and_averages_intervals(parameters: LayerParameters, bits: int, clip: float) -> None:
    after = ClipQ(bits=bits, clip=clip).project(CONV, parameters)
    code = after.weight
    assert isinstance(code, Codebook)
    assert code.table.size <= 1 << bits
    assert code.table[0] == 0
    weights, values = parameters.values(), after.values()
    for sign in (-1, 1):
        side = weights * sign > 0
        clipped = side & (values == 0)
        assert clipped.sum() == int(clip * side.sum())
        if clipped.any() and (side & ~clipped).any():
            assert np.abs(weights[clipped]).max() <= np.abs(weights[side & ~clipped]).min()
    assert (values * weights >= 0).all()
    for entry in range(1, code.table.size):
        assert code.table[entry] == pytest.approx(weights[code.index == entry].mean())


def test_clip_q_by_hand() -> None:
    weights = np.array([-4.0, -1.0, 0.5, 1.0, 2.0, 3.0, 7.0, 0.0]).reshape(1, 1, 2, 4)
    # a fifth of each side is clipped: none of two, one of five; left are lengths 3 and 6, so 1 and 2 of 3 intervals
    code = code_of(ClipQ(bits=2, clip=0.2), weights)
    assert code.values().ravel().tolist() == [-2.5, -2.5, 0, 2, 2, 2, 7, 0]


@given(layers())
@settings(max_examples=40, deadline=None)
def test_a_mixture_gives_the_means_of_its_components(parameters: LayerParameters) -> None:
    code = SoftSharing(iterations=20).project(CONV, parameters).weight
    assert isinstance(code, Codebook)
    assert code.table.size <= 17


def test_a_mixture_finds_separate_clusters_and_the_zeros() -> None:
    rng = np.random.default_rng(0)
    centres = np.repeat([0.0, -1.0, 0.8], [6000, 2000, 2000])
    weights = (centres + 0.02 * rng.standard_normal(10_000)).reshape(1, 1, 100, 100)
    after = SoftSharing(components=3).project(CONV, LayerParameters(Float(weights)))
    code = after.weight
    assert isinstance(code, Codebook)
    np.testing.assert_allclose(np.sort(code.table), [-1, 0, 0.8], atol=0.005)
    assert 1 - after.density == pytest.approx(0.6, abs=0.001)
    np.testing.assert_allclose(code.values().ravel(), centres, atol=0.005)


@given(layers(), st.floats(0.01, 1), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_hashed_weights_are_reproducible_least_squares(parameters: LayerParameters, part: float, seed: int) -> None:
    after = Hashed(buckets_per_weight=part, seed=seed).project(CONV, parameters)
    code = after.weight
    assert isinstance(code, Codebook)
    assert code.signs is not None
    assert (code.bits, code.symbols().size) == (0, 0)
    counts = np.bincount(code.index.ravel(), minlength=code.table.size)
    assert counts.sum() == code.index.size
    assert code.table.size == max(1, round(part * code.index.size))
    again = Hashed(buckets_per_weight=part, seed=seed).project(CONV, parameters).weight
    np.testing.assert_array_equal(again.values(), code.values())
    # the error of each bucket is orthogonal to what may vary in it
    there = np.ones(code.shape, bool) if parameters.kept is None else parameters.kept
    left = np.where(there, parameters.values() - after.values(), 0.0) * code.signs
    assert np.abs(np.bincount(code.index.ravel(), weights=left.ravel())).max() <= 1e-9 * (1 + np.abs(left).sum())


def test_what_hashing_leaves_of_normal_weights() -> None:
    weights = np.random.default_rng(0).standard_normal((1, 1, 100, 1000))
    code = code_of(Hashed(buckets_per_weight=0.125), weights)
    # K = n / 8 buckets fit K directions of n: K / n of the energy, less the few buckets without a weight (e^-8 of them)
    assert relative_l2(weights, code.values()) ** 2 == pytest.approx(1 - 1 / 8, abs=0.005)


def test_the_hash_is_splitmix64() -> None:
    # the first outputs of the generator with seed 1234567, as in the tests of several published implementations
    assert hash_places(5, 1234567).tolist() == [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
    ]  # fmt: skip


@given(tensors())
@settings(max_examples=40, deadline=None)
def test_more_bits_of_a_codebook_end_at_no_error(weights: np.ndarray) -> None:
    assert error_of(KMeans(bits=8), weights) <= 1e-20 or len(np.unique(weights)) > 256


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
@settings(deadline=None)
def test_entropy_bounds_a_huffman_code(symbols: list[int]) -> None:
    counts = sorted(np.unique(symbols, return_counts=True)[1].tolist())
    bits, total = 0, len(symbols)
    while len(counts) > 1:
        merged = counts[0] + counts[1]
        bits += merged
        counts = sorted([merged, *counts[2:]])
    entropy = entropy_bits(np.array(symbols, np.int64))
    assert entropy <= bits / total + 1e-12 or len(set(symbols)) == 1
    assert len(set(symbols)) == 1 or bits / total < entropy + 1
    assert len(set(symbols)) > 1 or entropy == 0
