"""Codebooks of sub-vectors and of kernels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.codes import KernelCodebook, ProductCodebook
from accsim.compress.passes.lloyd import in_space, nearest_in_space, nearest_line
from accsim.compress.passes.product import KernelClustering, ProductQuantisation
from accsim.workload.reader import load_network
from tests.compress.tensors import CONV, FC, code_of, error_of, layers, tensors


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 12), st.integers(1, 4))
@settings(max_examples=80, deadline=None)
def test_turns_in_space(seed: int, count: int, entries: int, dimensions: int) -> None:
    points = np.rint(2 * np.random.default_rng(seed).standard_normal((count, dimensions)))
    errors = []
    for turns in (0, 1, 2, 5, 100):
        centroids, index = in_space(points, entries, np.random.default_rng(seed), turns)
        assert centroids.shape == (entries, dimensions)
        assert index.min() >= 0
        assert index.max() < entries
        errors.append(float(((points - centroids[index]) ** 2).sum()))
        distances = ((points[:, None] - centroids) ** 2).sum(axis=2)
        np.testing.assert_allclose(distances[np.arange(count), index], distances.min(axis=1), atol=1e-9)
    assert all(b <= a + 1e-9 for a, b in pairwise(errors))
    distinct = len(np.unique(points, axis=0))
    assert (errors[-1] == 0) if distinct <= entries else (len(np.unique(index)) > 1 or entries == 1)


@pytest.mark.parametrize("seed", range(10))
def test_the_compiled_search_is_the_plain_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = np.rint(2 * rng.standard_normal((20, 1 + seed % 4)))  # with ties
    others = np.rint(2 * rng.standard_normal((1 + seed, 1 + seed % 4)))
    away = [[sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) for q in others] for p in points]
    along = [[abs(sum(a * b for a, b in zip(p, q, strict=True))) for q in others] for p in points]
    assert nearest_in_space(points, others).tolist() == [row.index(min(row)) for row in away]
    assert nearest_line(points, others).tolist() == [row.index(max(row)) for row in along]


@given(layers(pruned=False), st.integers(1, 6), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_sub_vectors_share_the_codewords_of_their_subspace(parameters: object, length: int, entries: int) -> None:
    rule = ProductQuantisation(length=length, entries=entries)
    code = rule.project(CONV, parameters).weight
    weights = parameters.values()
    assert isinstance(code, ProductCodebook)
    m, c, r, s = weights.shape
    length = min(length, c)
    subspaces = -(-c // length)
    assert code.index.shape == (m, subspaces, r, s)
    assert code.index.max() < entries
    values = code.values()
    for at in np.ndindex(m, subspaces, r, s):
        channels = slice(at[1] * length, min(c, (at[1] + 1) * length))
        word = code.codewords[at[1], code.index[at]][: channels.stop - channels.start]
        np.testing.assert_array_equal(values[at[0], channels, at[2], at[3]], word)
    vectors = [weights[:, i * length : (i + 1) * length].transpose(0, 2, 3, 1) for i in range(subspaces)]
    if all(len(np.unique(v.reshape(-1, v.shape[-1]), axis=0)) <= entries for v in vectors):
        np.testing.assert_array_equal(values, weights)


def test_look_ups_give_the_sums_of_decoded_weights() -> None:
    rng = np.random.default_rng(0)
    code = code_of(ProductQuantisation(length=3, entries=4), rng.standard_normal((5, 7, 2, 2)))
    assert isinstance(code, ProductCodebook)
    window = rng.integers(-8, 8, (7, 2, 2)).astype(float)
    padded = np.pad(window, ((0, 2), (0, 0), (0, 0))).reshape(3, 3, 2, 2)
    # inner products of each place's sub-vectors with all codewords, then one look-up per filter, subspace and place
    table = np.einsum("mdrs,mkd->mkrs", padded, code.codewords)
    for m in range(5):
        found = sum(table[i, code.index[m, i, r, s], r, s] for i, r, s in np.ndindex(3, 2, 2))
        assert found == pytest.approx(float((code.values()[m] * window).sum()))


def test_defaults_by_kind_of_layer() -> None:
    weights = np.random.default_rng(0).standard_normal((200, 16, 1, 1))
    conv = code_of(ProductQuantisation(iterations=1), weights)
    flat = ProductQuantisation(iterations=1).project(FC, _parameters(weights)).weight
    assert isinstance(conv, ProductCodebook)
    assert isinstance(flat, ProductCodebook)
    assert (conv.codewords.shape, conv.index_bits, conv.table_bits) == ((2, 128, 8), 7, 2 * 128 * 8 * 32)
    assert (flat.codewords.shape, flat.index_bits, flat.table_bits) == ((4, 32, 4), 5, 4 * 32 * 4 * 32)


def _parameters(weights: np.ndarray) -> object:
    from accsim.compress.codes import Float
    from accsim.compress.model import LayerParameters

    return LayerParameters(Float(weights))


def test_the_operations_of_q_cnn_alexnet() -> None:
    # Wu et al., CVPR 2016: AlexNet's 724,406,816 MACs become 51,387,776 MACs for tables and 122,912,096 look-ups with
    # an addition, 4.15 times fewer; codebook sizes as in the authors' files (K, d)
    sizes = {"fc6": (32, 4), "fc7": (32, 4), "fc8": (16, 1)}
    network = load_network("alexnet")
    macs = tables = lookups = 0
    for layer in network.mac_layers:
        g = layer.geometry
        assert g is not None
        entries, length = sizes.get(layer.name, (128, 8))
        length = min(length, g.channels_per_group)
        subspaces = g.channels_per_group // length
        index = np.broadcast_to(np.zeros(1, np.int64), (g.M, subspaces, g.R, g.S))
        code = ProductCodebook(index, np.zeros((subspaces, entries, length)), g.channels_per_group)
        count = {one.what: one.operations for one in code.extra}
        macs += g.macs
        tables += count["lookup_table_mac"] * g.G * g.H * g.W
        lookups += count["lookup"] * g.M * g.P * g.Q
    assert (macs, tables, lookups) == (724_406_816, 51_387_776, 122_912_096)
    assert macs / (tables + lookups) == pytest.approx(4.156, abs=1e-3)


@given(tensors(), st.integers(1, 30), st.booleans())
@settings(max_examples=60, deadline=None)
def test_kernels_share_entries(weights: np.ndarray, entries: int, scaled: bool) -> None:
    rule = KernelClustering(entries=entries, scaled=scaled)
    code = code_of(rule, weights)
    assert isinstance(code, KernelCodebook)
    m, c, r, s = weights.shape
    assert code.index.shape == (m, c)
    assert code.index.max() < len(code.kernels) <= entries
    kernels = weights.reshape(m * c, r * s)
    if scaled:
        # what is left of a kernel is orthogonal to its entry
        left = ((weights - code.values()) * code.kernels[code.index]).sum(axis=(2, 3))
        assert np.abs(left).max() <= 1e-9 * max(1.0, np.abs(weights).max())
    if len(np.unique(kernels, axis=0)) <= entries:
        assert error_of(rule, weights) <= 1e-18 * max(1.0, float((weights**2).sum()))
    errors = [error_of(rule.model_copy(update={"iterations": n}), weights) for n in (0, 1, 3, 50)]
    assert all(b <= a * (1 + 1e-9) + 1e-12 for a, b in pairwise(errors))
    assert (code.convolutions() <= min(c, entries)).all()
    assert code.convolutions().tolist() == [len(set(row)) for row in code.index.tolist()]


def test_adding_before_convolving_is_the_same_sum() -> None:
    rng = np.random.default_rng(1)
    code = code_of(KernelClustering(entries=3, scaled=True), rng.standard_normal((4, 9, 3, 3)))
    assert isinstance(code, KernelCodebook)
    assert code.factors is not None
    window = rng.standard_normal((9, 3, 3))
    for m in range(4):
        total = 0.0
        for entry in np.unique(code.index[m]):
            channels = code.index[m] == entry
            added = (code.factors[m, channels, None, None] * window[channels]).sum(axis=0)
            total += float((added * code.kernels[entry]).sum())
        assert total == pytest.approx(float((code.values()[m] * window).sum()))
