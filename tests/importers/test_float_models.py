"""Float graphs: every operator beside onnxruntime, layer by layer, and the shapes that come of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accsim.compress.executor import run
from accsim.importers.onnx_model import import_onnx
from accsim.workload.layer import LayerKind
from tests.importers.graphs import Builder, onnxruntime_values, saved

OF_FULL_SCALE = 1e-5
draw = np.random.default_rng(5)


def agrees(b: Builder, out: str, tmp_path: Path, batch: int = 2) -> list[str]:
    """Compare the last layer with onnxruntime; return the kinds of the layers."""
    model = b.model(out)
    x = draw.standard_normal((batch, *b.shape[1:])).astype(np.float32)
    want = onnxruntime_values(model, x)[out]
    imported = import_onnx(saved(model, tmp_path), batch=batch)
    found = run(imported, x.reshape(batch, *imported.network.input_shape))
    last = found.values[imported.network.layers[-1].name]
    assert np.abs(last.reshape(want.shape) - want).max() <= OF_FULL_SCALE * np.abs(want).max()
    return [layer.kind.value for layer in imported.network.layers]


def test_convolutions_with_groups_strides_dilations_and_padding(tmp_path: Path) -> None:
    b = Builder(("n", 4, 9, 11))
    at = b.node(
        "Conv", "x", b.constant(draw.standard_normal((6, 2, 3, 2))), b.constant(draw.standard_normal(6)),
        group=2, strides=[2, 1], dilations=[1, 2], pads=[1, 0, 2, 1],
    )  # fmt: skip
    at = b.node("Conv", at, b.constant(draw.standard_normal((12, 1, 3, 3))), group=6, auto_pad="SAME_LOWER")
    at = b.node("Conv", at, b.constant(draw.standard_normal((5, 12, 2, 2))), auto_pad="SAME_UPPER", strides=[2, 2])
    assert agrees(b, at, tmp_path) == ["conv", "conv", "conv"]


def test_a_constant_behind_a_convolution_is_its_bias_and_behind_a_norm_part_of_it(tmp_path: Path) -> None:
    b = Builder(("n", 3, 5, 5))
    at = b.node("Conv", "x", b.constant(draw.standard_normal((4, 3, 1, 1))))
    at = b.node("Add", at, b.constant(draw.standard_normal((4, 1, 1))))
    stats = [b.constant(np.abs(draw.standard_normal(4)) + 0.1) for _ in range(4)]
    at = b.node("BatchNormalization", at, *stats, epsilon=1e-3)
    at = b.node("Mul", at, b.constant(draw.standard_normal((1, 4, 1, 1))))
    at = b.node("Sub", at, b.constant(draw.standard_normal((4, 1, 1))))
    at = b.node("Relu", at)
    at = b.node("Div", at, b.constant(2.0))
    assert agrees(b, at, tmp_path) == ["conv", "batch_norm", "activation", "batch_norm"]


@pytest.mark.parametrize("counted", [0, 1])
def test_pools(tmp_path: Path, counted: int) -> None:
    b = Builder(("n", 2, 10, 9))
    at = b.node("Pad", "x", b.constant([0, 0, 1, 1, 0, 0, 1, 2], np.int64))
    at = b.node("AveragePool", at, kernel_shape=[3, 3], strides=[2, 1], count_include_pad=1)
    at = b.node("MaxPool", at, kernel_shape=[2, 3], strides=[2, 2], pads=[1, 1, 0, 1], ceil_mode=1)
    at = b.node("AveragePool", at, kernel_shape=[2, 2], pads=[1, 1, 1, 1], count_include_pad=counted)
    at = b.node("GlobalAveragePool", at)
    assert agrees(b, at, tmp_path) == ["pool"] * 4


def test_activations_and_normalisation(tmp_path: Path) -> None:
    b = Builder(("n", 7, 4, 4), opset=20)
    at = b.node("LRN", "x", size=5, alpha=0.3, beta=0.6, bias=1.5)
    for operation, options in (
        ("LeakyRelu", {"alpha": 0.2}), ("Tanh", {}), ("Gelu", {}), ("HardSigmoid", {"alpha": 0.3}), ("HardSwish", {}),
        ("Sigmoid", {}),
    ):  # fmt: skip
        at = b.node(operation, at, **options)
    at = b.node("Clip", at, b.constant(0.45), b.constant(0.65))
    assert agrees(b, at, tmp_path) == ["lrn", *["activation"] * 7]


@pytest.mark.parametrize("shape", [(1,), (3, 1, 1), (1, 3, 1, 1)])
def test_slopes_of_a_prelu(tmp_path: Path, shape: tuple[int, ...]) -> None:
    b = Builder(("n", 3, 4, 4))
    out = b.node("PRelu", "x", b.constant(draw.random(shape)))
    assert agrees(b, out, tmp_path) == ["activation"]
    (layer,) = import_onnx(tmp_path / "m.onnx").network.layers
    assert layer.weight_words == np.prod(shape)


def test_both_forms_of_gelu_and_a_gate(tmp_path: Path) -> None:
    b = Builder(("n", 7), opset=20)
    at = b.node("Gelu", b.node("Gelu", "x", approximate="tanh"))
    out = b.node("Mul", at, b.node("Sigmoid", at))
    assert agrees(b, out, tmp_path) == ["activation"] * 3
    assert [x.operation for x in import_onnx(tmp_path / "m.onnx").network.layers] == ["gelu_tanh", "gelu", "silu"]


def test_a_pattern_that_something_else_reads_is_left_as_it_is(tmp_path: Path) -> None:
    b = Builder(("n", 7))
    gate = b.node("Sigmoid", "x")
    out = b.node("Add", b.node("Mul", "x", gate), gate)
    assert agrees(b, out, tmp_path) == ["activation", "multiply", "add"]


def test_branches_joined_and_words_moved(tmp_path: Path) -> None:
    b = Builder(("n", 8, 4, 4))
    first, second = b.node("Split", "x", b.constant([4, 4], np.int64), outputs=2, axis=1)
    total = b.node("Add", first, b.node("Relu", second))
    gate = b.node("Sigmoid", b.node("GlobalAveragePool", total))
    at = b.node("Concat", b.node("Mul", total, gate), total, axis=1)
    at = b.node("Reshape", at, b.constant([0, 2, 4, 4, 4], np.int64))
    at = b.node("Reshape", b.node("Transpose", at, perm=[0, 2, 1, 3, 4]), b.constant([-1, 8, 4, 4], np.int64))
    at = b.node("DepthToSpace", at, blocksize=2, mode="CRD")
    at = b.node(
        "Resize", at, "", b.constant([1, 1, 2, 3]), mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip
    kinds = agrees(b, at, tmp_path)
    assert kinds.count("shuffle") == 3


def test_fully_connected_layers_and_a_computed_shape(tmp_path: Path) -> None:
    b = Builder(("n", 3, 2, 2))
    size = b.node("Gather", b.node("Shape", "x"), b.constant(0, np.int64))
    shape = b.node("Concat", b.node("Unsqueeze", size, b.constant([0], np.int64)), b.constant([-1], np.int64), axis=0)
    at = b.node("Reshape", "x", shape)
    at = b.node("Gemm", at, b.constant(draw.standard_normal((12, 5))), b.constant(draw.standard_normal(5)), alpha=0.5)
    at = b.node("MatMul", at, b.constant(draw.standard_normal((5, 6))))
    at = b.node("Softmax", b.node("Add", at, b.constant(draw.standard_normal((1, 6)))))
    assert agrees(b, at, tmp_path) == ["reshape", "fc", "fc", "softmax"]


def test_sequences(tmp_path: Path) -> None:
    b = Builder(("n", 5, 6))
    at = b.node("MatMul", "x", b.constant(draw.standard_normal((6, 5))))
    at = b.node("Add", at, b.constant(draw.standard_normal(5)))
    at = b.node("MatMul", at, "x")
    at = b.node("Softmax", at, axis=-1)
    assert agrees(b, at, tmp_path) == ["fc", "matmul", "softmax"]


def test_older_operator_sets_keep_axes_and_bounds_in_attributes(tmp_path: Path) -> None:
    b = Builder(("n", 2, 4, 4), opset=8)
    at = b.node("Clip", "x", min=0.0, max=6.0)
    at = b.node("Unsqueeze", b.node("Squeeze", b.node("GlobalAveragePool", at), axes=[2, 3]), axes=[2, 3])
    at = b.node("Upsample", at, mode="nearest", scales=[1.0, 1.0, 2.0, 2.0])
    b.opset = 7
    assert agrees(b, at, tmp_path) == ["activation", "pool", "shuffle"]


def test_free_sizes_are_bound_by_name(tmp_path: Path) -> None:
    b = Builder(("n", 1, "height", "width"))
    path = saved(b.model(b.node("Relu", "x")), tmp_path)
    network = import_onnx(path, bindings={"height": 6, "width": 7, "n": 3}).network
    assert (network.input_shape, network.batch) == ((1, 6, 7), 3)
    assert network.layers[0].kind is LayerKind.ACTIVATION
