"""Quantised graphs: codes beside onnxruntime, accumulators beside an int64 twin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accsim.compress.archive import model_bytes
from accsim.compress.codes import Binary, Uniform
from accsim.compress.executor import Run, run
from accsim.compress.feature_codes import encode
from accsim.compress.model import ActivationCode, Model
from accsim.importers.onnx_model import import_onnx
from accsim.importers.opening import open_model
from accsim.workload.operands import as_map
from accsim.workload.writer import network_yaml
from tests.importers.graphs import QONNX, Builder, onnxruntime_values, saved
from tests.importers.lowering import DOMAINS, lowered
from tests.naive.integer_convolution import convolve

OF_A_TIE = 1e-4
draw = np.random.default_rng(9)


def imported(b: Builder, out: str, folder: Path, batch: int = 2) -> tuple[Model, Run, dict[str, np.ndarray]]:
    """The model, its run on random inputs, and onnxruntime's values on the same."""
    model = b.model(out)
    x = draw.standard_normal((batch, *b.shape[1:])).astype(np.float32)
    want = onnxruntime_values(lowered(model), x)
    found = import_onnx(saved(model, folder), batch=batch)
    done = run(found, x.reshape(batch, *found.network.input_shape))
    written_and_read_back(found, done, folder / "again.npz")
    return found, done, want


def written_and_read_back(model: Model, done: Run, path: Path) -> None:
    """An archive with its network beside it holds all of a model: it computes the same codes and sums."""
    path.write_bytes(model_bytes(model))
    path.with_suffix(".yaml").write_text(network_yaml(model.network))
    again = open_model(path, batch=model.network.batch)
    assert (again.network.layers, again.activations) == (model.network.layers, model.activations)
    repeated = run(again, done.given)
    assert all(np.array_equal(sums, repeated.sums[name]) for name, sums in done.sums.items())
    assert all(np.array_equal(values, repeated.values[name]) for name, values in done.values.items())


def same_codes(code: ActivationCode, found: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    """Codes equal those behind onnxruntime's values, except where its values before lie at a rounding tie."""
    there = np.rint(after.astype(np.float64) / code.scale + code.zero_point).astype(np.int64)
    differ = found.reshape(there.shape) != there
    exact = before.astype(np.float64).reshape(there.shape) / code.scale + code.zero_point
    assert (np.abs(np.abs(exact - np.floor(exact)) - 0.5)[differ] < OF_A_TIE).all()
    assert differ.mean() < 0.01


def exact_sums(model: Model, done: Run) -> None:
    """Every accumulator equals the twin's."""
    assert done.sums
    for name, sums in done.sums.items():
        layer, code = model.network.layer(name), model.parameters[name].weight
        coded = done.codes[layer.inputs[0]]
        assert layer.geometry is not None
        assert isinstance(code, Uniform | Binary)
        codes = as_map(layer, coded.codes - coded.code.zero_point)
        assert np.array_equal(sums, convolve(codes, code.integers(), layer.geometry))


def quant(b: Builder, at: str, scale: Any, zero: float, bits: float, domain: str = QONNX, **options: int) -> str:
    options = {"signed": 1, "narrow": 0, **options}
    made = [b.constant(scale), b.constant(zero), b.constant(bits)]
    return str(b.node("Quant", at, *made, domain=domain, rounding_mode="ROUND", **options))


@pytest.mark.parametrize("domain", DOMAINS)
def test_qonnx_in_each_of_its_domains(tmp_path: Path, domain: str) -> None:
    b = Builder(("n", 3, 6, 6), domains=(domain,))
    at = quant(b, "x", 0.05, 0, 6, domain)
    weights = quant(
        b, b.constant(draw.standard_normal((4, 3, 3, 3))), np.full((4, 1, 1, 1), 0.1), 0, 4, domain, narrow=1
    )
    at = b.node("Conv", at, weights, b.constant(draw.standard_normal(4)), pads=[1, 1, 1, 1], strides=[2, 1])
    before = b.node("Relu", at)
    out = quant(b, before, 0.11, 0, 4, domain, signed=0)
    model, done, want = imported(b, out, tmp_path)
    code = model.parameters[model.network.mac_layers[0].name].weight
    assert isinstance(code, Uniform)
    assert (code.bits, code.scale.grain, int(code.codes.min())) == (4, "layer", -7)
    assert model.activations["input"] == ActivationCode(6, True, float(np.float32(0.05)))
    relu = model.network.layers[-1].name
    same_codes(model.activations[relu], done.codes[relu].codes, want[before], want[out])
    exact_sums(model, done)


@pytest.mark.parametrize("domain", DOMAINS)
def test_intquant_with_zero_points_and_scales_per_filter(tmp_path: Path, domain: str) -> None:
    b = Builder(("n", 10), domains=(domain,))
    at = b.node("IntQuant", "x", b.constant(0.03), b.constant(7), b.constant(5), domain=domain, signed=0, narrow=0)
    scales = np.abs(draw.standard_normal((1, 6))) * 0.2 + 0.05
    weights = quant(b, b.constant(draw.standard_normal((10, 6))), scales, 1, 3, domain)
    before = b.node("MatMul", at, weights)
    out = quant(b, before, 0.07, -3, 8, domain)
    model, done, want = imported(b, out, tmp_path)
    fc = model.network.layers[-1].name
    code = model.parameters[fc].weight
    assert isinstance(code, Uniform)
    assert (code.scale.grain, code.scale.values.shape, code.zero_point.item()) == ("filter", (6, 1, 1, 1), 1)
    same_codes(model.activations[fc], done.codes[fc].codes, want[before], want[out])
    exact_sums(model, done)


def test_signs(tmp_path: Path) -> None:
    b = Builder(("n", 4, 5, 5), domains=(QONNX,))
    at = b.node("BipolarQuant", "x", b.constant(0.5), domain=QONNX)
    weights = b.node("BipolarQuant", b.constant(draw.standard_normal((3, 4, 2, 2))), b.constant(0.25), domain=QONNX)
    out = b.node("Conv", at, weights)
    model, done, want = imported(b, out, tmp_path)
    (layer,) = model.network.mac_layers
    assert isinstance(model.parameters[layer.name].weight, Binary)
    assert model.activations["input"].kind == "binary"
    assert np.allclose(done.values[layer.name], want[out], rtol=0, atol=1e-6)
    exact_sums(model, done)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("later", [False, True])
def test_both_versions_of_trunc_in_each_domain(tmp_path: Path, later: bool, domain: str) -> None:
    b = Builder(("n", 2, 4, 4), domains=(domain,))
    at = quant(b, "x", 0.0625, 0, 8, domain, signed=0)
    at = b.node("GlobalAveragePool", at)
    summed = b.node("Mul", at, b.constant(16.0))
    inputs = [b.constant(0.0625), b.constant(0), b.constant(12)]
    inputs += [b.constant(1.0), b.constant(5)] if later else [b.constant(8)]
    more = {"signed": 0, "narrow": 0} if later else {}
    out = b.node("Trunc", summed, *inputs, domain=domain, rounding_mode="FLOOR", **more)
    model, done, want = imported(b, out, tmp_path)
    assert np.array_equal(done.values[model.network.layers[-1].name].reshape(want[out].shape), want[out])


@pytest.mark.parametrize("clipped", [False, True])
def test_the_standards_quantisers(tmp_path: Path, clipped: bool) -> None:
    """QDQ, and with a Clip between QCDQ: int8 tensors that hold 4 bits."""
    b = Builder(("n", 3, 5, 5))

    def coded(at: str, scale: Any, zero: int, kind: Any, low: int, high: int, **axis: int) -> str:
        held = b.constant(scale), b.constant(np.full(np.shape(scale), zero), kind)
        at = b.node("QuantizeLinear", at, *held, **axis)
        if clipped:
            at = b.node("Clip", at, b.constant(low, kind), b.constant(high, kind))
        return str(b.node("DequantizeLinear", at, *held, **axis))

    at = coded("x", 0.02, 128, np.uint8, 120, 135)
    weights = coded(b.constant(draw.standard_normal((4, 3, 3, 3))), np.full(4, 0.3), 0, np.int8, -8, 7, axis=0)
    before = b.node("Conv", at, weights)
    out = coded(before, 0.25, 0, np.int8, -8, 7)
    model, done, want = imported(b, out, tmp_path)
    conv = model.network.layers[-1].name
    code = model.parameters[conv].weight
    assert isinstance(code, Uniform)
    assert code.bits == (4 if clipped else 8)
    assert model.activations[conv].bits == (4 if clipped else 8)
    assert model.activations["input"].limits == ((120, 135) if clipped else None)
    same_codes(model.activations[conv], done.codes[conv].codes, want[before], want[out])
    exact_sums(model, done)


def test_four_bits_in_groups_of_channels(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    b = Builder(("n", 12), opset=21)
    codes = draw.integers(-8, 8, (5, 12))
    scales = np.abs(draw.standard_normal((5, 3))) + 0.1
    stored = b.constant(helper.make_tensor("w", TensorProto.INT4, codes.shape, codes.reshape(-1)))
    weights = b.node("DequantizeLinear", stored, b.constant(scales), axis=1, block_size=4)
    at = quant(b, "x", 0.01, 0, 8)
    out = b.node("Gemm", at, weights, transB=1)
    b.domains = (QONNX,)
    model, done, want = imported(b, out, tmp_path)
    (layer,) = model.network.mac_layers
    code = model.parameters[layer.name].weight
    assert isinstance(code, Uniform)
    assert (code.bits, code.scale.grain) == (4, "channels:4")
    assert np.array_equal(code.codes[:, :, 0, 0], codes)
    assert done.sums[layer.name].shape == (3, 2, 5, 1, 1)
    assert np.allclose(done.values[layer.name][..., 0, 0], want[out], rtol=0, atol=1e-5 * np.abs(want[out]).max())


def test_four_bits_in_groups_of_rows_with_zero_points(tmp_path: Path) -> None:
    """Weights [inputs, outputs] of a MatMul on a sequence, blocks along the inputs."""
    from onnx import TensorProto, helper

    b = Builder(("n", 3, 12), opset=21)
    codes, points = draw.integers(0, 16, (12, 5)), draw.integers(3, 12, (3, 5))
    scales = np.abs(draw.standard_normal((3, 5))) + 0.1
    stored = b.constant(helper.make_tensor("w", TensorProto.UINT4, codes.shape, codes.reshape(-1)))
    zero = b.constant(helper.make_tensor("z", TensorProto.UINT4, points.shape, points.reshape(-1)))
    out = b.node("MatMul", "x", b.node("DequantizeLinear", stored, b.constant(scales), zero, axis=0, block_size=4))
    model, done, want = imported(b, out, tmp_path)
    (layer,) = model.network.mac_layers
    code = model.parameters[layer.name].weight
    assert isinstance(code, Uniform)
    assert (code.bits, code.signed, code.scale.grain) == (4, False, "channels:4")
    assert np.array_equal(code.zero_point[:, :, 0, 0], points.T)
    assert np.allclose(done.values[layer.name], want[out], rtol=0, atol=1e-5 * np.abs(want[out]).max())


def test_a_map_that_is_read_as_it_was_and_quantised_has_a_layer_for_its_codes(tmp_path: Path) -> None:
    b = Builder(("n", 2, 3, 3), domains=(QONNX,))
    relu = b.node("Relu", "x")
    out = b.node("Add", relu, quant(b, relu, 0.3, 0, 3))
    model, done, want = imported(b, out, tmp_path)
    assert [layer.made_by[0] for layer in model.network.layers] == ["relu", "slice", "add"]
    assert list(model.activations) == ["quant1"]
    assert np.allclose(done.values[model.network.layers[-1].name], want[out], rtol=0, atol=1e-6)


def test_codes_pass_through_layers_that_only_move_words(tmp_path: Path) -> None:
    b = Builder(("n", 2, 4, 4), domains=(QONNX,))
    at = b.node("MaxPool", quant(b, "x", 0.3, 0, 4), kernel_shape=[2, 2], strides=[2, 2])
    out = b.node("Flatten", at)
    model, done, _ = imported(b, out, tmp_path)
    for layer in model.network.layers:
        coded = done.codes[layer.name]
        assert np.array_equal(coded.codes, encode(done.values[layer.name], coded.code))


def test_a_narrow_accumulator_wraps_and_is_counted(tmp_path: Path) -> None:
    b = Builder(("n", 8), domains=(QONNX,))
    weights = quant(b, b.constant(draw.standard_normal((8, 3))), 0.05, 0, 8)
    out = b.node("MatMul", quant(b, "x", 0.02, 0, 8), weights)
    model, done, _ = imported(b, out, tmp_path)
    (name,) = done.sums
    narrow = run(replace(model, accumulator_bits={name: 10}), done.given)
    outside = (done.sums[name] < -512) | (done.sums[name] > 511)
    assert narrow.overflows[name] == outside.sum() > 0
    assert np.array_equal(narrow.sums[name], (done.sums[name] + 512) % 1024 - 512)
