"""The 25 networks of tests/data/workload_layers.csv: every layer and total, exactly."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from accsim.errors import InputError
from accsim.library import names
from accsim.workload.layer import LayerKind
from accsim.workload.network import Network
from accsim.workload.reader import load_network

DATA = Path(__file__).parents[1] / "data" / "workload_layers.csv"


def reference() -> dict[str, list[dict[str, Any]]]:
    lines = (line for line in DATA.read_text().splitlines() if not line.startswith("#"))
    networks: dict[str, list[dict[str, Any]]] = {}
    for row in csv.DictReader(lines):
        networks.setdefault(row["net"], []).append(
            {key: value if key in ("net", "layer", "type") else int(value) for key, value in row.items()}
        )
    return networks


REFERENCE = reference()


def parameters(network: Network) -> int:
    return sum(layer.weight_words + layer.bias_words for layer in network.layers)


def test_there_are_25() -> None:
    assert len(REFERENCE) == 25


@pytest.mark.parametrize("name", REFERENCE)
def test_every_layer(name: str) -> None:
    network, rows = load_network(name), REFERENCE[name]
    assert [layer.name for layer in network.mac_layers] == [row["layer"] for row in rows]
    for layer, row in zip(network.mac_layers, rows, strict=True):
        g = layer.geometry
        assert g is not None
        obtained = {
            "H": g.H, "W": g.W, "C": g.C, "M": g.M, "R": g.R, "S": g.S, "stride": g.stride_h, "pad": g.pad_top,
            "groups": g.G, "E": g.P, "F": g.Q, "weights": layer.weight_words, "bias": layer.bias_words,
            "macs": layer.macs,
        }  # fmt: skip
        assert obtained == {key: row[key] for key in obtained}, layer.name
        assert layer.kind is (LayerKind.FC if row["type"] == "fc" else LayerKind.CONV)
    assert network.macs == sum(row["macs"] for row in rows)
    assert network.weight_words == sum(row["weights"] for row in rows)
    norms = (layer.weight_words for layer in network.layers if layer.kind is LayerKind.BATCH_NORM)
    assert sum(norms) == sum(row["bn"] for row in rows)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        # torchvision 0.29.2, torchvision/models/*.py, "num_params"
        ("alexnet_owt_torchvision", 61_100_840),
        ("vgg16", 138_357_544),
        ("googlenet_torchvision", 6_624_904),
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50_v1.5_torchvision", 25_557_032),
        ("squeezenet1_0", 1_248_424),
        ("squeezenet1_1", 1_235_496),
        ("mobilenet_v2_1.0_224", 3_504_872),
        # osmr/imgclsmob, README tables
        ("mobilenet_v1_1.0_224", 4_231_976),
        ("mobilenet_v1_0.5_128", 1_331_592),
        ("shufflenet_v1_1x_g1", 1_531_936),
        ("shufflenet_v1_1x_g3", 1_865_728),
        ("shufflenet_v1_1x_g8", 2_434_768),
        # Keras model summary, trainable parameters
        ("xception_keras_299", 22_855_952),
    ],
)
def test_published_parameters(name: str, count: int) -> None:
    assert parameters(load_network(name)) == count


@pytest.mark.parametrize(
    ("name", "macs", "tolerance"),
    [
        ("lenet_caffe", 2.3e6, 0.05e6),  # Sze et al. 2017, Table II
        ("alexnet", 724.4e6, 0.05e6),  # Chen et al., JETCAS 2019 (Eyeriss v2)
        ("overfeat_fast", 2.8e9, 0.05e9),  # Sze et al. 2017, Table II
        ("vgg16", 15.47e9, 0.005e9),  # torchvision 0.29.2, "_ops"
        ("resnet50_v1.5_torchvision", 4.089e9, 0.0005e9),  # torchvision 0.29.2, "_ops"
        ("resnet50_v1_paper", 3.9e9, 0.05e9),  # Sze et al. 2017, Table II
        ("mobilenet_v1_1.0_224", 569e6, 0.5e6),  # Howard et al. 2017, Table 6
        ("mobilenet_v1_0.5_128", 49.2e6, 0.05e6),  # Chen et al., JETCAS 2019 (Eyeriss v2)
    ],
)
def test_published_macs(name: str, macs: float, tolerance: float) -> None:
    assert load_network(name).macs == pytest.approx(macs, abs=tolerance)


@pytest.mark.parametrize("name", names("networks"))
def test_the_graph_joins_up(name: str) -> None:
    network = load_network(name, batch=2)
    shapes = {"input": network.input_shape}
    for layer in network.layers:
        assert layer.input_shapes == tuple(shapes[source] for source in layer.inputs)
        assert layer.name not in shapes
        assert layer.batch == 2
        assert (layer.geometry is not None) == layer.kind.has_macs
        if layer.geometry is not None:
            assert layer.geometry.ofmap_words == layer.ofmap_words
        shapes[layer.name] = layer.output_shape
    read = {source for layer in network.layers for source in layer.inputs}
    unread = [layer.name for layer in network.layers if layer.name not in read]
    assert unread == [network.layers[-1].name]
    assert network.description
    assert network.source


@pytest.mark.parametrize("name", REFERENCE)
def test_batch_multiplies_the_work_and_not_the_weights(name: str) -> None:
    one, four = load_network(name), load_network(name, batch=4)
    assert four.macs == 4 * one.macs
    assert four.weight_words == one.weight_words
    assert [4 * layer.ofmap_words for layer in one.layers] == [layer.ofmap_words for layer in four.layers]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("alexnet", {"conv", "activation", "lrn", "pool", "fc", "softmax"}),
        ("googlenet_v1_paper", {"conv", "activation", "lrn", "pool", "concat", "fc", "softmax"}),
        ("resnet50_v1.5_torchvision", {"conv", "batch_norm", "activation", "pool", "add", "fc"}),
        ("resnet20_cifar10", {"conv", "batch_norm", "activation", "pool", "reshape", "add", "fc", "softmax"}),
        ("squeezenet1_0", {"conv", "activation", "pool", "concat"}),
        (
            "shufflenet_v1_1x_g3",
            {"conv", "batch_norm", "activation", "pool", "shuffle", "add", "concat", "fc", "softmax"},
        ),
    ],
)
def test_layers_without_macs_are_there(name: str, kinds: set[str]) -> None:
    assert {layer.kind.value for layer in load_network(name).layers} == kinds


def test_residual_blocks_add_the_shortcut() -> None:
    network = load_network("resnet50")
    assert network.name == "resnet50_v1.5_torchvision"
    assert network.layer("layer1.0.add").inputs == ("layer1.0.conv3.batch_norm", "layer1.0.down.batch_norm")
    assert network.layer("layer1.1.add").inputs == ("layer1.1.conv3.batch_norm", "layer1.0.add.relu")
    assert sum(layer.kind is LayerKind.ADD for layer in network.layers) == 16


def test_inception_joins_four_branches() -> None:
    joined = load_network("googlenet").layer("inc4e_concat")
    assert joined.inputs == ("inc4e_1x1.relu", "inc4e_3x3.relu", "inc4e_5x5.relu", "inc4e_pool.relu")
    assert joined.output_shape == (832, 14, 14)


def test_shufflenet_concatenates_where_it_halves() -> None:
    network = load_network("shufflenet")
    assert network.layer("s3.0.concat").input_shapes == ((240, 14, 14), (240, 14, 14))
    assert network.layer("s2.1.gc1.shuffle").kind is LayerKind.SHUFFLE


def test_alexnet_carries_the_measured_zeros() -> None:
    """Chen et al., JSSC 2017, Table V: zeros in per cent of the words that are fetched, a frame of padding included."""
    zeros = {"conv1": 0.01, "conv2": 38.7, "conv3": 72.5, "conv4": 79.3, "conv5": 77.6}
    for layer in load_network("alexnet").layers:
        if layer.name in zeros:
            g = layer.geometry
            assert g is not None
            pixels = g.H * g.W / ((g.H + g.pad_top + g.pad_bottom) * (g.W + g.pad_left + g.pad_right))
            assert layer.ifmap_statistics.density == pytest.approx((1 - zeros[layer.name] / 100) / pixels, rel=2e-3)
            assert "JSSC 2017, Table V" in (layer.ifmap_statistics.source or "")
        else:
            assert layer.ifmap_statistics.density is None
        assert layer.weight_statistics.density is None


def test_alexnet_names_the_zeros_of_outputs_that_are_guessed() -> None:
    said = {layer.name: layer.ofmap_statistics for layer in load_network("alexnet").layers}
    known = {name: one for name, one in said.items() if one.density is not None}
    assert all(one.source for one in known.values())
    guessed = {name for name, one in known.items() if (one.source or "").startswith("assumed")}
    assert guessed == {"conv1.relu", "conv2.relu", "conv5.relu"}


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("alexnet_caffe_grouped", "alexnet"),
        ("resnet50", "resnet50_v1.5_torchvision"),
        ("mobilenet_v1", "mobilenet_v1_1.0_224"),
        ("mobilenet", "mobilenet_v1_1.0_224"),
        ("mobilenet_v2", "mobilenet_v2_1.0_224"),
        ("googlenet", "googlenet_v1_paper"),
        ("shufflenet", "shufflenet_v1_1x_g3"),
        ("xception", "xception_keras_299"),
        ("lenet5", "lenet5_survey_text"),
        ("squeezenet", "squeezenet1_0"),
        ("vgg", "vgg16"),
        ("resnet20", "resnet20_cifar10"),
        ("resnet56", "resnet56_cifar10"),
        ("resnet110", "resnet110_cifar10"),
    ],
)
def test_aliases(alias: str, name: str) -> None:
    assert load_network(alias).name == name


def test_a_wrong_name_suggests_the_right_one() -> None:
    with pytest.raises(InputError, match=r"^no network named 'alexnt'; did you mean 'alexnet'"):
        load_network("alexnt")
