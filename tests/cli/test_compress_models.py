"""Trained models through ``accsim compress`` and what is written through ``accsim run``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accsim.compress.archive import read_model
from accsim.compress.codes import Codebook, Uniform
from tests.cli.conftest import Accsim

pytest.importorskip("onnx", reason="the onnx package is not installed")

from tests.importers.graphs import QONNX, Builder, saved

PASSES = "passes:\n  - level: {sparsity: 0.5}\n  - symmetric: {bits: 8, grain: filter}\n  - activations: {bits: 8}\n"
RUN = ("--hardware", "hw.yaml", "--no-html", "--json", "-")
draw = np.random.default_rng(7)


@pytest.fixture(autouse=True)
def model(folder: Path) -> Path:
    """A convolution, a norm and a fully connected layer, as ONNX, with a recipe and inputs."""
    b = Builder(("n", 3, 6, 6))
    at = b.node("Conv", "x", b.constant(draw.standard_normal((4, 3, 3, 3))), b.constant(draw.standard_normal(4)))
    stats = [b.constant(np.abs(draw.standard_normal(4)) + 0.1) for _ in range(4)]
    at = b.node("Flatten", b.node("Relu", b.node("BatchNormalization", at, *stats)))
    out = b.node("Gemm", at, b.constant(draw.standard_normal((10, 64))), transB=1)
    (folder / "mine.yaml").write_text(PASSES)
    np.save(folder / "x.npy", draw.standard_normal((1, 3, 6, 6)))
    return saved(b.model(out), folder)


def ran(accsim: Accsim, *arguments: str) -> Any:
    outcome = accsim("run", *arguments, *RUN)
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def test_an_onnx_model_is_compressed_and_its_archive_runs_as_the_recipe_does(accsim: Accsim, folder: Path) -> None:
    outcome = accsim("compress", "m.onnx", "mine.yaml", "-o", "out.npz")
    assert outcome.code == 0, outcome.err
    assert "note: weights: trained: m.onnx" in outcome.out
    found = read_model(folder / "out.npz")
    code = found.parameters["conv0"].weight
    assert isinstance(code, Uniform)
    assert (code.bits, code.scale.values.shape) == (8, (4, 1, 1, 1))
    direct, archived = ran(accsim, "m.onnx", "--compress", "mine.yaml"), ran(accsim, "out.npz")
    assert (direct["recipe"], archived["recipe"]) == ("mine", "mine")
    for key in ("totals", "layers", "values", "not_modelled"):
        assert direct[key] == archived[key], key
    assert direct["layers"][0]["tensors"]["weight"]["bits"] == 8
    assert direct["layers"][0]["tensors"]["weight"]["density"] == pytest.approx(0.5, abs=0.01)


def test_inputs_calibrate_and_say_how_far_feature_maps_are_off(accsim: Accsim, folder: Path) -> None:
    outcome = accsim("compress", "m.onnx", "mine.yaml", "--inputs", "x.npy", "-o", "out.npz", "--json", "-")
    assert outcome.code == 0, outcome.err
    errors = json.loads(outcome.out)["output_error"]
    assert errors["made_up"] is False
    assert next(e["layer"] for e in errors["layers"]) == "input"
    assert 0.05 < errors["output"]["relative_l2"] < 1
    assert errors["output"]["sqnr_db"] == pytest.approx(-20 * np.log10(errors["output"]["relative_l2"]))
    scales = [held.scale for held in read_model(folder / "out.npz").activations.values()]
    assert scales
    assert None not in scales
    printed = accsim("compress", "m.onnx", "mine.yaml", "--inputs", "x.npy").out
    assert "errors of feature maps against the trained model, on the given inputs; not accuracy" in printed


def test_inputs_give_the_compressed_network_its_zeros_in_both_engines(accsim: Accsim, folder: Path) -> None:
    accsim("compress", "m.onnx", "mine.yaml", "--inputs", "x.npy", "-o", "out.npz", "--quiet")
    results = [
        ran(accsim, *arguments, "--inputs", "x.npy", "--set", "pe.activation_bits=16", *engine)
        for arguments in (("m.onnx", "--compress", "mine.yaml"), ("out.npz",))
        for engine in ((), ("--engine", "stepped"))
    ]
    assert {result["values"] for result in results} == {"real"}
    first = results[0]
    for result in results[1:]:
        for one, other in zip(first["layers"], result["layers"], strict=True):
            assert one["effectual_macs"] == other["effectual_macs"]
            assert one["cycles"] == other["cycles"]
    assert first["layers"][0]["effectual_macs"] < first["layers"][0]["macs"]


def test_a_quantised_model_runs_with_its_own_codes(accsim: Accsim, folder: Path) -> None:
    b = Builder(("n", 6), domains=(QONNX,))
    rest = [b.constant(0.5), b.constant(0), b.constant(2)]
    weight = b.node("Quant", b.constant(draw.standard_normal((6, 5))), *rest, domain=QONNX, signed=1, narrow=1)
    saved(b.model(b.node("MatMul", "x", weight)), folder, "q.onnx")
    result = ran(accsim, "q.onnx")
    weight_tensor = result["layers"][0]["tensors"]["weight"]
    assert (result["recipe"], weight_tensor["bits"]) == (None, 2)
    assert weight_tensor["stored_bits"] < 8 * 30
    stepped = ran(accsim, "q.onnx", "--engine", "stepped")
    assert stepped["layers"][0]["tensors"]["weight"] == weight_tensor


def test_every_kind_of_model_is_opened(accsim: Accsim, folder: Path) -> None:
    """A network's name, its YAML, an archive with the YAML beside it, one with its network in it, and ONNX."""
    (folder / "km.yaml").write_text("passes:\n  - kmeans: {bits: 2}\n")
    np.savez(folder / "net.npz", **{"conv1.weight": draw.random((4, 3, 3, 3)), "fc1.weight": draw.random((10, 256))})
    for name in ("lenet_caffe", "net.yaml", "net.npz", "m.onnx"):
        outcome = accsim("compress", name, "km.yaml", "-o", "out.npz", "--quiet")
        assert (outcome.code, outcome.err) == (0, ""), name
        found = read_model(folder / "out.npz")
        assert all(isinstance(held.weight, Codebook) for held in found.parameters.values())
        assert accsim("compress", "out.npz", "km.yaml", "-o", "again.npz", "--quiet").code == 0
        again = read_model(folder / "again.npz")
        assert all(np.array_equal(p.values(), again.parameters[n].values()) for n, p in found.parameters.items())


def test_weights_cannot_come_from_two_places(accsim: Accsim, folder: Path) -> None:
    np.savez(folder / "w.npz", **{"conv0.weight": np.ones((4, 3, 3, 3))})
    outcome = accsim("run", "m.onnx", "--compress", "mine.yaml", "--tensors", "w.npz", "--no-html")
    assert outcome.code == 2
    said = "both trained: m.onnx and w.npz have weights to compress; give either"
    assert outcome.err == f"accsim: error: {said}\n"
