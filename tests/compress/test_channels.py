"""Removing filters: the smaller network computes what the masked one does, and its neighbours fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.channels import remove_filters
from accsim.compress.coupling import coupling, owns_filters
from accsim.compress.executor import run
from accsim.compress.model import Model
from accsim.compress.passes.filters import Filters
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError
from accsim.workload.reader import load_network
from tests.compress.graphs import BLOCKS, graphs, network_of, ones, whole
from tests.naive.graph_values import values


def check(model: Model, filters: dict[str, list[int]], seed: int) -> None:
    removal = remove_filters(model, filters)
    given = np.random.default_rng(seed).integers(-3, 4, model.network.input_shape)
    masked, smaller = values(removal.masked(), given), values(removal.model, given)
    numbered = coupling(model.network)
    gone = {numbered.numbers[name][place] for name, places in filters.items() for place in places}
    assert removal.notes == ()
    for layer in model.network.layers:
        left = [i for i, number in enumerate(numbered.numbers[layer.name]) if number not in gone]
        axis = 1 if len(layer.output_shape) == 2 else 0
        np.testing.assert_array_equal(masked[layer.name].take(left, axis), smaller[layer.name])
        removed = np.delete(masked[layer.name], left, axis)
        assert not removed.any(), "what is removed is 0 in the masked network"


@given(graphs(), st.data())
@settings(max_examples=60, deadline=None)
def test_the_smaller_network_computes_what_the_masked_one_does(model: Model, data: st.DataObject) -> None:
    owners = [layer for layer in model.network.layers[:-1] if owns_filters(layer)]
    layer = data.draw(st.sampled_from(owners))
    places = data.draw(st.lists(st.integers(0, layer.output_shape[0] - 1), min_size=1, max_size=2, unique=True))
    try:
        check(model, {layer.name: places}, data.draw(st.integers(0, 99)))
    except AccsimError as error:
        assert any(
            part in str(error)
            for part in ("they must keep equally many", "would be left", "they are the network's output")
        ), error


@pytest.mark.parametrize(
    ("kind", "filters"),
    [
        ("plain", {"b": [1, 4]}),
        ("pooled", {"b": [0], "first": [3]}),
        ("residual", {"b_b": [5], "b_a": [0]}),
        ("residual", {"b_0": [0, 2]}),
        ("padded", {"b_b": [1, 6]}),
        ("fire", {"b_s": [2], "b_1": [0], "b_3": [1, 2]}),
        ("depthwise", {"b_e": [0, 5], "b": [1]}),
        ("gated", {"b_h": [2], "b_f": [0]}),
        ("shuffled", {"b_0": [0, 4]}),
        ("shuffled", {"b_a": [1, 2]}),
        ("shuffled", {"b": [1, 7]}),
        ("split", {"b_0": [1, 3], "b_c": [0]}),
        ("grouped", {"b_0": [0, 4], "b": [0, 3]}),
    ],
)
def test_every_kind_of_joint(kind: str, filters: dict[str, list[int]]) -> None:
    first = "- first: {conv: 4, kernel: 3, pad: 1, then: [batch_norm, relu]}\n"
    lines = first + BLOCKS[kind].format(n="b").replace("\n        ", "\n").strip() + "\n- classes: {fc: 3}"
    check(whole(network_of(lines, "[2, 4, 4]"), 7), filters, 1)


@pytest.mark.parametrize("moved", ["upsample: 2", "depth_to_space: 2", "depth_to_space: 2, order: crd"])
def test_channels_that_become_pixels(moved: str) -> None:
    """A filter goes with those that become pixels of the same channel."""
    lines = f"- first: {{conv: 8, kernel: 3, pad: 1}}\n- moved: {{{moved}}}\n- last: {{conv: 3, kernel: 1}}"
    model = synthetic(network_of(lines, "[2, 4, 4]"), 3)
    removal = remove_filters(model, {"first": [1]})
    left = {"upsample: 2": 7, "depth_to_space: 2": 4, "depth_to_space: 2, order: crd": 4}[moved]
    assert removal.model.network.layer("first").output_shape[0] == left
    masked = run(removal.masked(), seed=1)
    smaller = run(removal.model, masked.given)
    np.testing.assert_allclose(masked.values["last"], smaller.values["last"], rtol=0, atol=1e-12)


def test_the_width_of_tokens() -> None:
    lines = """
    - a: {fc: 6, then: relu}
    - b: {fc: 6, then: relu}
    - s: {add: [a, b]}
    - l: {slice: [1, 5]}
    - c: {fc: 3}
    """
    check(whole(network_of(lines, "[4, 5]"), 3), {"a": [0, 2]}, 5)
    vit = Model(load_network("vit_b_16"), {})
    hidden = next(layer for layer in vit.network.mac_layers if layer.output_shape[-1] == 3072)
    smaller = remove_filters(vit, {hidden.name: range(1000)}).model
    assert smaller.network.macs == vit.network.macs - 2 * 1000 * 768 * 197
    with pytest.raises(AccsimError) as error:
        remove_filters(vit, {"patches": [0]})
    assert str(error.value) == (
        "layer 'patches': its output channels cannot be removed: 'class_token' makes them without filters"
    )


def test_partners_lose_the_same_places() -> None:
    model = synthetic(load_network("resnet20_cifar10"))
    first = next(layer for layer in model.network.mac_layers)
    smaller = remove_filters(model, {first.name: [3, 5]}).model
    before = [(one.name, one.output_shape[0]) for one in model.network.layers if one.kind == "add"]
    after = {one.name: one.output_shape[0] for one in smaller.network.layers}
    assert [before_ - after[name] for name, before_ in before] == [2] * len(before)


def test_a_classifier_behind_an_image_loses_a_filters_pixels() -> None:
    model = synthetic(load_network("lenet_caffe"))
    smaller = remove_filters(model, {"conv2": range(12)}).model
    assert smaller.network.layer("ip1").geometry.C == (50 - 12) * 16
    assert smaller.parameters["ip1"].weight.shape == (500, 38 * 16, 1, 1)
    kept = model.parameters["ip1"].values().reshape(500, 50, 16)[:, 12:].reshape(500, -1)
    np.testing.assert_array_equal(smaller.parameters["ip1"].values()[:, :, 0, 0], kept)


def test_what_local_response_normalisation_sees_is_said() -> None:
    model = ones(load_network("alexnet"))
    lrn = next(layer for layer in model.network.layers if layer.kind == "lrn")
    first = model.network.mac_layers[0]
    half = first.output_shape[0] // 2
    removal = remove_filters(model, {first.name: [0, half]})
    assert removal.notes == ((lrn.name, "its window now reaches channels that were further away"),)


LINES = """
- a: {conv: 4, kernel: 1}
- b: {conv: 4, kernel: 1, groups: 2}
- c: {fc: 2}
"""


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ({"c": [0]}, "layer 'c': its output channels cannot be removed: they are the network's output"),
        ({"d": [0]}, "net has no layer 'd' with filters"),
        ({"a": [4]}, "layer 'a': it has filters 0 to 3, so 4 cannot be removed"),
        ({"a": range(4)}, "layer 'a': none of its 4 output channels would be left"),
        ({"a": [0]}, "layer 'b': its 2 groups would be left with 1, 2 input channels; they must keep equally many"),
        ({"b": [0]}, "layer 'b': its 2 groups would be left with 1, 2 filters; they must keep equally many"),
    ],
)
def test_what_cannot_be_removed(filters: dict[str, list[int]], sentence: str) -> None:
    with pytest.raises(AccsimError) as error:
        remove_filters(synthetic(network_of(LINES)), filters)
    assert str(error.value) == sentence


def test_every_published_network_can_lose_filters() -> None:
    for name in ("resnet18", "googlenet_v1_paper", "mobilenet_v2_1.0_224", "shufflenet_v1_1x_g3", "squeezenet1_1"):
        network = load_network(name)
        smaller = Filters(sparsity=0.5).apply(ones(network)).network
        assert 0.25 < smaller.macs / network.macs < 0.4, name  # a half on both sides, but for the first and last layers
