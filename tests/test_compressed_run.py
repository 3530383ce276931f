"""Estimates of compressed networks: what their weights store, which zeros count, and what does not change."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import accsim
from accsim.compress.passes.registry import PASSES
from accsim.compress.recipe import PublishedLayer, Recipe
from accsim.errors import InputError
from accsim.report.schema import result_schema
from accsim.workload.network import Network

NETWORK = """\
description: three layers
source: made up for a test
input: [3, 8, 8]
layers:
  - conv1: {conv: 4, kernel: 3, pad: 1, then: relu}
  - conv2: {conv: 6, kernel: 3, then: relu}
  - fc1: {fc: 10}
"""
MACHINE = "edge_8x8"


@pytest.fixture
def network(tmp_path: Path) -> Network:
    path = tmp_path / "net.yaml"
    path.write_text(NETWORK)
    return accsim.load_network(str(path))


def recipe(name: str, **arguments: object) -> Recipe:
    return Recipe("mine", passes=(PASSES[name].model_validate(arguments),))


def test_weights_are_reported_as_stored_and_their_zeros_leave_macs_out(network: Network) -> None:
    plain = accsim.estimate(network, MACHINE).to_dict()
    result = accsim.estimate(network, MACHINE, compress=recipe("twn")).to_dict()
    assert (plain["recipe"], result["recipe"]) == (None, "mine")
    for before, after in zip(plain["layers"], result["layers"], strict=True):
        if "weight" not in after["tensors"]:
            continue
        weight = after["tensors"]["weight"]
        words = {"conv1": 108, "conv2": 216, "fc1": 2160}[after["name"]]
        assert weight["bits"] == 2
        assert 0.3 < weight["density"] < 0.8
        assert weight["stored_bits"] <= 2 * words + 32
        assert weight["metadata_bits"] >= 32
        assert after["effectual_macs"] == pytest.approx(before["effectual_macs"] * weight["density"])
        # this machine decodes no weights and gains nothing from few bits: traffic, cycles and energy are those of dense
        # words, but for the scale of each output
        scales = [row for row in after["activity"] if (row["level"], row["action"]) == ("vector", "op")]
        assert [row for row in after["activity"] if row not in scales] == before["activity"]
        outputs = next(layer.ofmap_words for layer in network.layers if layer.name == after["name"])
        assert [row["accesses"] for row in scales] in ([outputs], [2 * outputs])
        assert after["cycles"] == before["cycles"]
        spent = sum(row["energy"] for row in scales)
        assert after["energy"]["total"] == pytest.approx(before["energy"]["total"] + spent)
    assert any(said.startswith("codes narrower than the machine's operands") for said in result["not_modelled"])
    assert result["notes"][0].startswith("weights: made up: normal with variance 2 / fan-in")


def test_published_densities_are_what_runs(network: Network) -> None:
    layers = {
        "conv1": PublishedLayer(nonzeros=27, weight_bits=8, ifmap_density=0.5),
        "conv2": PublishedLayer(density=0.5, weight_bits=4),
        "fc1": PublishedLayer(density=0.0),
    }
    found = Recipe("published", "net", source="me", layers=layers)
    result = accsim.estimate(network, MACHINE, compress=found).to_dict()
    by_name = {layer["name"]: layer for layer in result["layers"]}
    plain = {layer["name"]: layer for layer in accsim.estimate(network, MACHINE).to_dict()["layers"]}
    assert by_name["conv1"]["tensors"]["weight"]["density"] == 0.25
    assert by_name["conv1"]["effectual_macs"] == pytest.approx(0.125 * plain["conv1"]["effectual_macs"])
    assert by_name["conv2"]["tensors"]["weight"]["bits"] == 4
    assert by_name["fc1"]["effectual_macs"] == 0
    assert "stored bits: expected under independent zeros, as only densities were published" in result["notes"]


def test_given_weights_are_what_the_recipe_compresses(network: Network, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    shapes = {"conv1": (4, 3, 3, 3), "conv2": (6, 4, 3, 3), "fc1": (10, 216, 1, 1)}
    arrays = {f"{name}.weight": draw.standard_normal(shape) for name, shape in shapes.items()}
    ifmap = draw.random((3, 8, 8)) < 0.5
    np.savez(tmp_path / "w.npz", **arrays, **{"conv1.ifmap": ifmap})
    result = accsim.estimate(network, MACHINE, compress=recipe("twn"), tensors=tmp_path / "w.npz")
    weights = arrays["conv1.weight"]
    kept = np.abs(weights) > 0.7 * np.abs(weights).mean()  # Li et al., 2016: the threshold of ternary weights
    padded = np.pad(ifmap, ((0, 0), (1, 1), (1, 1)))
    effectual = sum(
        int(padded[c, r : r + 8, s : s + 8].sum()) * int(kept[:, c, r, s].sum())
        for c in range(3) for r in range(3) for s in range(3)
    )  # fmt: skip
    assert result.estimates[0].activity.effectual_macs == effectual
    assert result.to_dict()["notes"][0] == f"weights: {tmp_path / 'w.npz'}"


def test_the_stepped_engine_multiplies_the_codes(network: Network) -> None:
    compress = recipe("symmetric", bits=8)
    counted = accsim.estimate(network, MACHINE, compress=compress, layers=["conv1"]).to_dict()
    stepped = accsim.estimate(network, MACHINE, compress=compress, layers=["conv1"], engine="stepped").to_dict()
    assert stepped["values"] == "synthetic"
    assert stepped["layers"][0]["cycles"] == counted["layers"][0]["cycles"]
    assert stepped["layers"][0]["tensors"]["weight"] == counted["layers"][0]["tensors"]["weight"]


@pytest.mark.parametrize("name", ["hashed", "kmeans", "product_quantisation", "lq_nets", "v_quant", "inq"])
def test_a_result_keeps_to_the_schema_whatever_the_code(network: Network, name: str) -> None:
    jsonschema.validate(accsim.estimate(network, MACHINE, compress=recipe(name)).to_dict(), result_schema())


def test_filters_that_are_removed_do_not_run(network: Network) -> None:
    plain = accsim.estimate(network, MACHINE)
    found = accsim.estimate(network, MACHINE, compress=recipe("filters", sparsity=0.5))
    conv1, conv2, fc1 = found.network.mac_layers
    # half of 4 and of 6 filters go, and what reads them; the classifier's ten outputs stay
    assert [layer.weight_words for layer in (conv1, conv2, fc1)] == [2 * 3 * 9, 3 * 2 * 9, 10 * 3 * 36]
    assert found.network.macs == 2 * 3 * 9 * 64 + 3 * 2 * 9 * 36 + 10 * 108
    assert found.cycles < plain.cycles
    assert found.energy < plain.energy


def test_a_rerun_is_the_same_to_the_letter(network: Network) -> None:
    runs = [json.dumps(accsim.estimate(network, MACHINE, compress=recipe("twn")).to_dict()) for _ in range(2)]
    assert runs[0] == runs[1]


def test_what_does_not_suit_is_refused(network: Network, tmp_path: Path) -> None:
    with pytest.raises(InputError) as found:
        accsim.estimate(network, MACHINE, compress="resnet18-agp")
    assert str(found.value) == "recipe resnet18-agp is for the network resnet18, got net"
    published = Recipe("published", "net", source="me", layers={"fc1": PublishedLayer(density=0.5)}, incomplete="me")
    with pytest.raises(InputError) as found:
        accsim.estimate(network, MACHINE, compress=published, tensors={"fc1": {"weight": np.ones((10, 216, 1, 1))}})
    assert str(found.value) == (
        "recipe published holds published figures and no passes: the given weights cannot be compressed"
    )
    with pytest.raises(InputError) as found:
        accsim.estimate(network, MACHINE, compress=recipe("twn", layers=("conv3",)))
    assert str(found.value) == "twn: no layer with weights of net matches 'conv3'; did you mean 'conv2' or 'conv1'?"
