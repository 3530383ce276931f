"""Models taken apart and put together again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from accsim.compress.graph import Link, assemble, readers, take_apart, with_chains, without
from accsim.compress.model import ActivationCode, Model
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError
from accsim.workload.layer import TensorStatistics
from accsim.workload.network import Network
from accsim.workload.reader import load_network
from accsim.workload.rebuild import rebuilt
from tests.compress.graphs import graphs, network_of

NETWORKS = ("alexnet", "resnet50_v1.5_torchvision", "googlenet_v1_paper", "mobilenet_v2_1.0_224", "shufflenet_v1_1x_g3",
            "squeezenet1_0", "xception_keras_299", "vit_b_16", "gpt2_decode", "lenet5_survey_text")  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_taken_apart_is_put_together_as_it_was(name: str) -> None:
    network = load_network(name, batch=2)
    made = assemble(Model(network, {}), take_apart(Model(network, {})))
    assert made.network == network


@given(graphs())
@settings(max_examples=20, deadline=None)
def test_parameters_stay_with_their_layers(model: Model) -> None:
    made = assemble(model, take_apart(model))
    assert made.network == model.network
    assert made.parameters == dict(model.parameters)
    assert made.norms == dict(model.norms)


def test_a_layer_made_again_has_the_sizes_of_its_new_input() -> None:
    layer = load_network("lenet_caffe").layer("conv1")
    wider = rebuilt(layer, ("input",), ((1, 30, 28),), filters=7)
    assert (wider.output_shape, wider.weight_words) == ((7, 26, 24), 175)
    with pytest.raises(AccsimError) as error:
        rebuilt(layer, ("input",), ((1, 3, 28),))
    assert str(error.value).startswith("layer 'conv1': a window that spans 5 in height does not fit")
    with pytest.raises(AccsimError) as error:
        rebuilt(replace(layer, made_by=("", ())), ("input",), ((1, 30, 28),))
    assert str(error.value) == ("layer 'conv1': it does not say which operation made it, so it cannot be made again")


LAYER = load_network("lenet_caffe").layers[0]


def small() -> Model:
    model = synthetic(network_of("- a: {conv: 4, kernel: 1}\n- r: relu\n- b: {conv: 2, kernel: 1}"))
    return replace(model, activations={"a": ActivationCode(8), "r": ActivationCode(4)}, accumulator_bits={"a": 24})


def links(*sizes: int) -> list[Link]:
    return [Link("conv", {"filters": size, "kernel": (1, 1)}) for size in sizes]


def test_a_chain_takes_a_layers_place() -> None:
    made = with_chains(small(), {"a": links(3, 4)})
    assert [(one.name, one.inputs) for one in made.network.layers] == [
        ("a.a", ("input",)), ("a.b", ("a.a",)), ("r", ("a.b",)), ("b", ("r",)),
    ]  # fmt: skip
    assert made.activations == {"a.b": ActivationCode(8), "r": ActivationCode(4)}
    assert made.accumulator_bits == {"a.a": 24, "a.b": 24}
    assert set(made.parameters) == {"b"}


def test_a_layer_that_is_dropped_leaves_its_readers_what_it_read() -> None:
    made = without(small(), ["r"])
    assert [(one.name, one.inputs) for one in made.network.layers] == [("a", ("input",)), ("b", ("a",))]
    assert made.activations == {"a": ActivationCode(4)}
    image = synthetic(network_of("- p: relu\n- r: relu\n- b: {conv: 2, kernel: 1}"))
    assert [(one.name, one.inputs) for one in without(image, ["p", "r"]).network.layers] == [("b", ("input",))]


def test_statistics_stay_where_a_tensor_keeps_its_shape() -> None:
    model = small()
    known = TensorStatistics(0.5, "measured")
    layers = tuple(
        replace(one, ifmap_statistics=known, weight_statistics=known, ofmap_statistics=known)
        for one in model.network.layers
    )
    model = replace(model, network=replace(model.network, layers=layers), parameters={})
    made = with_chains(model, {"a": links(3, 4)}).network
    assert made.layer("b") == layers[2]
    assert made.layer("a.a").ifmap_statistics == TensorStatistics()
    nodes = [node.having(filters=3) if node.name == "a" else node for node in take_apart(model)]
    narrow = assemble(model, nodes).network
    assert narrow.layer("a").ifmap_statistics == known
    assert narrow.layer("a").ofmap_statistics == TensorStatistics()
    assert narrow.layer("b").weight_statistics == TensorStatistics()


def test_who_reads_what() -> None:
    network = network_of("- a: {conv: 3, kernel: 1}\n- s: {add: [a, input]}\n- t: {add: [a, s]}")
    assert {name: [one.name for one in who] for name, who in readers(network).items()} == {
        "input": ["a", "s"], "a": ["s", "t"], "s": ["t"], "t": [],
    }  # fmt: skip


def _broken(change) -> Model:
    model = small()
    return assemble(model, [change(node) for node in take_apart(model)])


@pytest.mark.parametrize(
    ("do", "sentence"),
    [
        (
            lambda: with_chains(small(), {"a": links(3, 5)}),
            "layer 'b': its weights are [2, 4, 1, 1], but on its inputs they must be [2, 5, 1, 1]",
        ),
        (
            lambda: _broken(lambda n: replace(n, name="a") if n.name == "b" else n),
            "layer 'a': this name is already used by another layer",
        ),
        (
            lambda: _broken(lambda n: replace(n, inputs=("b",)) if n.name == "a" else n),
            "layer 'a': reads 'b', but no earlier layer has this name",
        ),
        (
            lambda: take_apart(Model(load_network("lenet_caffe", layers=["conv2"]), {})),
            "layer 'conv2': reads 'pool1', which is not among the layers; a selection of a network's layers "
            "cannot be rewritten",
        ),
        (
            lambda: take_apart(Model(Network("n", (replace(LAYER, made_by=("", ())),), ()), {})),
            "layer 'conv1': it does not say which operation made it, so it cannot be rewritten",
        ),
        (
            lambda: without(synthetic(network_of("- a: {conv: 3, kernel: 1}\n- s: {add: [a, input]}")), ["s"]),
            "layer 's': it reads 2 layers, so it cannot be dropped",
        ),
    ],
)
def test_what_cannot_be_put_together(do, sentence: str) -> None:
    with pytest.raises(AccsimError) as error:
        do()
    assert str(error.value) == sentence


def test_norms_have_a_value_per_channel() -> None:
    model = synthetic(network_of("- a: {conv: 4, kernel: 1, then: batch_norm}"))
    nodes = [replace(n.having(filters=3), parameters=None) if n.name == "a" else n for n in take_apart(model)]
    with pytest.raises(AccsimError) as error:
        assemble(model, nodes)
    assert str(error.value) == "layer 'a.batch_norm': it has values for 4 channels, but 3 come in"
