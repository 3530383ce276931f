"""Pruning in groups: what every rule promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from accsim.compress.codes import Float
from accsim.compress.coupling import coupling
from accsim.compress.importance import average_fraction_of_zeros
from accsim.compress.model import LayerParameters, Model, NormParameters
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.filters import Filters
from accsim.compress.passes.propagation import propagated
from accsim.compress.passes.registry import PASSES
from accsim.compress.passes.structured import Blocks, Kernels, NofM, Pattern, Vectors
from accsim.compress.passes.uniform import Symmetric
from accsim.compress.passes.unstructured import Level
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError, InputError
from accsim.source import Source
from accsim.workload.reader import load_network
from accsim.yamlfile import bind, load
from tests.compress.graphs import graphs, network_of, ones, whole
from tests.naive.graph_values import values

WEIGHTS = arrays(np.float64, st.tuples(*(st.integers(1, 5) for _ in range(4))), elements=st.integers(-6, 6).map(float))
FRACTION = st.floats(0, 1)
LAYER = load_network("lenet_caffe").mac_layers[0]


def kept(one: LayerPass, weights: np.ndarray) -> np.ndarray:
    return one.project(LAYER, LayerParameters(Float(weights))).kept


@given(WEIGHTS, FRACTION, st.tuples(*(st.integers(1, 6) for _ in range(4))))
@settings(max_examples=100, deadline=None)
def test_blocks_go_whole_and_the_weakest_go(
    weights: np.ndarray, sparsity: float, block: tuple[int, int, int, int]
) -> None:
    mask = kept(Blocks(sparsity=sparsity, block=block), weights)
    means, states = [], []
    for m in range(0, weights.shape[0], block[0]):
        for c in range(0, weights.shape[1], block[1]):
            for r in range(0, weights.shape[2], block[2]):
                for s in range(0, weights.shape[3], block[3]):
                    here = np.s_[m : m + block[0], c : c + block[1], r : r + block[2], s : s + block[3]]
                    assert mask[here].all() or not mask[here].any()
                    means.append(np.abs(weights[here]).mean())
                    states.append(mask[here].all())
    assert abs(states.count(False) - sparsity * len(states)) <= 0.5 + 1e-9
    gone = [mean for mean, state in zip(means, states, strict=True) if not state]
    stay = [mean for mean, state in zip(means, states, strict=True) if state]
    assert not gone or not stay or max(gone) <= min(stay) + 1e-12


@given(WEIGHTS, FRACTION)
@settings(max_examples=60, deadline=None)
def test_blocks_of_one_weight_are_a_level_and_of_a_kernel_kernels(weights: np.ndarray, sparsity: float) -> None:
    single = kept(Blocks(sparsity=sparsity, block=(1, 1, 1, 1)), weights)
    assert (single == kept(Level(sparsity=sparsity), weights)).all()
    kernels = kept(Kernels(sparsity=sparsity), weights)
    assert (kernels == kept(Blocks(sparsity=sparsity, block=(1, 1, 99, 99)), weights)).all()
    flat = kernels.reshape(*weights.shape[:2], -1)
    assert (flat.all(axis=2) == flat.any(axis=2)).all()
    rows = kept(Vectors(sparsity=sparsity), weights)
    assert (rows.all(axis=3) == rows.any(axis=3)).all()
    columns = kept(Vectors(sparsity=sparsity, along="column"), weights)
    assert (columns.all(axis=2) == columns.any(axis=2)).all()


@given(WEIGHTS, st.integers(1, 10))
@settings(max_examples=60, deadline=None)
def test_every_kernel_has_the_pattern(weights: np.ndarray, places: int) -> None:
    mask = kept(Pattern(places=places), weights)
    assert (mask == mask[0, 0]).all()
    assert mask[0, 0].sum() == min(places, mask[0, 0].size)
    sums = np.abs(weights).sum(axis=(0, 1))
    assert sums[mask[0, 0]].sum() == np.sort(sums.reshape(-1))[::-1][:places].sum()


@given(WEIGHTS, st.integers(1, 5), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_n_of_m_keeps_the_n_largest_of_every_group(weights: np.ndarray, n: int, more: int) -> None:
    m = n + more
    mask = kept(NofM(n=n, m=m), weights)
    for start in range(0, weights.shape[1], m):
        group, left = np.abs(weights[:, start : start + m]), mask[:, start : start + m]
        count = min(n, group.shape[1])
        assert (left.sum(axis=1) == count).all()
        assert (np.where(left, group, 0).sum(axis=1) == np.sort(group, axis=1)[:, ::-1][:, :count].sum(axis=1)).all()


@given(WEIGHTS, st.sampled_from([Kernels(sparsity=0.5), Pattern(places=2), NofM(n=1, m=2), Level(sparsity=0.3)]))
@settings(max_examples=60, deadline=None)
def test_what_was_pruned_stays_pruned(weights: np.ndarray, one: LayerPass) -> None:
    first = Level(sparsity=0.4).project(LAYER, LayerParameters(Float(weights)))
    assert not (one.project(LAYER, first).kept & ~first.kept).any()


@given(graphs(), FRACTION, st.sampled_from(["l1", "l2", "channel"]), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_removed_filters_compute_what_masked_ones_do(model: Model, sparsity: float, criterion: str, seed: int) -> None:
    try:
        smaller = Filters(sparsity=sparsity, criterion=criterion).apply(model)
    except AccsimError as error:
        assert "they must keep equally many" in str(error)
        return
    masked = Filters(sparsity=sparsity, criterion=criterion, remove=False).apply(model)
    assert masked.network == model.network
    given = np.random.default_rng(seed).integers(-3, 4, model.network.input_shape)
    last = model.network.layers[-1].name
    np.testing.assert_array_equal(values(smaller, given)[last], values(masked, given)[last])
    assert smaller.network.macs <= model.network.macs


def test_filters_of_the_smallest_norm_go() -> None:
    model = synthetic(load_network("lenet_caffe"), 3)
    smaller = Filters(sparsity=0.5, layers=("conv1",)).apply(model)
    norms = np.abs(model.parameters["conv1"].values()).sum(axis=(1, 2, 3))
    largest = np.sort(np.argsort(norms)[10:])
    np.testing.assert_array_equal(smaller.parameters["conv1"].values(), model.parameters["conv1"].values()[largest])
    np.testing.assert_array_equal(smaller.parameters["conv2"].values(), model.parameters["conv2"].values()[:, largest])
    assert smaller.applied[-1].notes == (("conv1", "10 of 20 filters removed"),)
    assert smaller.network.layer("conv2").macs * 2 == model.network.layer("conv2").macs


def test_every_filter_but_one_can_go_and_none_need() -> None:
    model = synthetic(load_network("lenet_caffe"))
    least = Filters(sparsity=1).apply(model)
    assert [layer.output_shape[0] for layer in least.network.mac_layers] == [1, 1, 1, 10]
    same = Filters(sparsity=0).apply(model)
    assert same.network == model.network


def test_groups_lose_equally_many() -> None:
    smaller = Filters(sparsity=0.25, layers=("conv*",)).apply(ones(load_network("alexnet")))
    sizes = [(layer.geometry.C, layer.geometry.M, layer.geometry.G) for layer in smaller.network.mac_layers[:5]]
    assert sizes == [(3, 72, 1), (72, 192, 2), (192, 288, 1), (288, 288, 2), (288, 192, 2)]


def test_a_layer_that_is_skipped_keeps_its_partners() -> None:
    model = whole(
        network_of("- a: {conv: 4, kernel: 1}\n- b: {conv: 4, kernel: 1}\n- s: {add: [a, b]}\n- c: {fc: 2}"), 0
    )
    assert Filters(sparsity=0.5).apply(model).network.layer("s").output_shape[0] == 2
    assert Filters(sparsity=0.5, layers=("a",)).apply(model).network.layer("b").output_shape[0] == 2
    assert Filters(sparsity=0.5, skip=("a",)).apply(model).network == model.network


def test_quantised_filters_keep_their_scales() -> None:
    model = Symmetric(grain="filter", bits=4).apply(synthetic(load_network("lenet_caffe")))
    smaller = Filters(sparsity=0.5, layers=("conv1",)).apply(model)
    norms = np.abs(model.parameters["conv1"].values()).sum(axis=(1, 2, 3))
    largest = np.sort(np.argsort(norms, kind="stable")[10:])
    np.testing.assert_array_equal(smaller.parameters["conv1"].values(), model.parameters["conv1"].values()[largest])
    np.testing.assert_array_equal(smaller.parameters["conv2"].values(), model.parameters["conv2"].values()[:, largest])
    with pytest.raises(AccsimError) as error:
        Filters(sparsity=0.5, layers=("conv1",)).apply(Symmetric(grain="channels:4").apply(model))
    assert str(error.value) == (
        "layer 'conv2': 4 neighbouring input channels share a scale (channels:4), so single ones cannot be removed; "
        "remove them first and quantise then"
    )


def test_filters_that_are_mostly_zero_go() -> None:
    model = synthetic(network_of("- a: {conv: 3, kernel: 1}\n- r: relu\n- c: {fc: 2}"))
    fractions = average_fraction_of_zeros(np.array([[[[0.0, 1]], [[0, 0]], [[1, 2]]], [[[0, 0]], [[0, 0]], [[1, 0]]]]))
    assert fractions.tolist() == [0.75, 1.0, 0.25]
    smaller = Filters(sparsity=0.34, criterion="apoz", apoz={"a": tuple(fractions)}).apply(model)
    np.testing.assert_array_equal(smaller.parameters["a"].values(), model.parameters["a"].values()[[0, 2]])
    with pytest.raises(InputError) as error:
        Filters(sparsity=0.34, criterion="apoz", apoz={"a": (0.5, 1.5, 0.0)}).apply(model)
    assert str(error.value) == (
        "filters: apoz of 'a' must be 3 numbers from 0 to 1, one per filter, got [0.5, 1.5, 0.0]"
    )


def test_filters_go_by_importance_that_is_given() -> None:
    model = synthetic(network_of("- a: {conv: 3, kernel: 1}\n- r: relu\n- c: {fc: 2}"))
    smaller = Filters(sparsity=0.67, criterion="given", scores={"a": (-1.0, 7.0, 2.0)}).apply(model)
    np.testing.assert_array_equal(smaller.parameters["a"].values(), model.parameters["a"].values()[[1]])
    with pytest.raises(InputError) as error:
        Filters(sparsity=0.34, criterion="given", scores={"a": (1.0, 2.0)}).apply(model)
    assert str(error.value) == "filters: scores of 'a' must be 3 numbers, one per filter, got [1.0, 2.0]"


def test_importance_is_propagated_by_hand() -> None:
    """Convolution a, norm, ReLU, depthwise b, convolution c beside a shortcut, a classifier over 2 x 2 pixels."""
    model = synthetic(
        network_of(
            "- a: {conv: 2, kernel: 1}\n- n: batch_norm\n- r: relu\n- b: {depthwise: 1}\n"
            "- c: {conv: 2, kernel: 1}\n- add: {add: [c, r]}\n- f: {fc: 1}",
            shape="[1, 2, 2]",
        )
    )
    a, b, c = np.array([[5.0], [6.0]]), np.array([[2.0], [-3.0]]), np.array([[1.0, -2.0], [0.5, 4.0]])
    f = np.array([[1.0, -1, 1, 1, 2, 0, 0, -1]])
    weights = {"a": a, "b": b, "c": c, "f": f}
    norm = NormParameters(np.array([-2.0, 3]), np.zeros(2), np.zeros(2), np.array([4.0, 9.0]), 0.0)
    model = replace(
        model, norms={"n": norm},
        parameters={name: LayerParameters(Float(w[:, :, None, None])) for name, w in weights.items()},
    )  # fmt: skip
    found = propagated(model, coupling(model.network))
    assert found["f"].tolist() == [1]
    assert found["add"].tolist() == [4, 3]  # sums of magnitudes over each channel's pixels
    assert found["c"].tolist() == [4, 3]
    assert found["b"].tolist() == [4 * 1 + 3 * 0.5, 4 * 2 + 3 * 4]
    assert found["r"].tolist() == [4 + 2 * 5.5, 3 + 3 * 20]
    assert found["n"].tolist() == found["r"].tolist()
    assert found["a"].tolist() == [15 * 2 / 2, 63 * 3 / 3]


def test_nisp_differs_from_magnitude_where_readers_do_not_care() -> None:
    model = synthetic(network_of("- a: {conv: 2, kernel: 1}\n- c: {conv: 1, kernel: 1}", shape="[1, 2, 2]"))
    large, small = np.array([9.0, 1.0])[:, None, None, None], np.array([0.1, 1.0])[None, :, None, None]
    model = model.with_parameters({"a": LayerParameters(Float(large)), "c": LayerParameters(Float(small))})
    for criterion, kept in (("l1", 9.0), ("nisp", 1.0), ("channel", 1.0)):
        smaller = Filters(sparsity=0.5, criterion=criterion).apply(model)
        assert smaller.parameters["a"].values().ravel().tolist() == [kept]


def test_residual_networks_shrink_everywhere() -> None:
    model = synthetic(load_network("resnet20_cifar10"))
    smaller = Filters(sparsity=0.25, layers=("*",)).apply(model)
    for before, after in zip(model.network.mac_layers[:-1], smaller.network.mac_layers[:-1], strict=True):
        assert after.output_shape[0] == before.output_shape[0] * 3 // 4


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("n_of_m", "{n: 3, m: 2}", "pass.yaml:1:1: n must be at most m, got 3 and 2"),
        (
            "blocks",
            "{sparsity: 0.5, block: [1, 0, 1, 1]}",
            "pass.yaml:1:1: block must have sizes of at least 1, got [1, 0, 1, 1]",
        ),
        (
            "filters",
            "{sparsity: 0.5, criterion: l3}",
            "pass.yaml:1:28: criterion: must be 'l1', 'l2', 'channel', 'apoz', 'nisp' or 'given', got 'l3'",
        ),
    ],
)
def test_a_recipe_with_a_mistake(name: str, text: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        bind(load(Source("pass", "pass.yaml", text + "\n")), PASSES[name])
    assert str(error.value) == sentence
