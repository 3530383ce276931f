"""Files that cannot be imported: what is said, and that nothing is read or held that should not be."""

from __future__ import annotations

import contextlib
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.cli.dispatch import main
from accsim.errors import AccsimError, InputError
from accsim.importers.onnx_model import import_onnx
from tests.importers.graphs import QONNX, Builder, saved

from onnx import TensorProto, helper  # isort: skip


def said(path: Path, **options: Any) -> list[str]:
    with pytest.raises(InputError) as error:
        import_onnx(path, **options)
    return [sentence.replace(f"{path}: ", "") for sentence in error.value.mistakes]


def within_a_megabyte(work: Callable[[], Any]) -> Any:
    """Do something that must not hold much, NumPy's arrays included."""
    tracemalloc.start()
    try:
        result = work()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20
    return result


def conv_of(weights: Any) -> Any:
    b = Builder(("n", 3, 8, 8))
    return b.model(b.node("Conv", "x", b.constant(weights)))


def external(location: str, **more: str) -> Any:
    proto = TensorProto(data_type=TensorProto.FLOAT, dims=[4, 3, 3, 3], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **more}.items():
        proto.external_data.add(key=key, value=value)
    return proto


def test_a_missing_a_truncated_and_a_foreign_file(tmp_path: Path) -> None:
    assert said(tmp_path / "none.onnx") == [f"file not found: {tmp_path / 'none.onnx'}"]
    whole = saved(conv_of(np.ones((4, 3, 3, 3))), tmp_path).read_bytes()
    short = tmp_path / "short.onnx"
    for size in range(0, len(whole), 37):
        short.write_bytes(whole[:size])
        (sentence,) = said(short)
        assert sentence.startswith(
            ("not an ONNX model", "not a whole ONNX model", "a model has one input", "does not say")
        )
    short.write_bytes(b"\x89PNG\r\n" + bytes(100))
    assert said(short) == ["not an ONNX model, or not all of one"]


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("../../etc/passwd", "must be a path inside the model's folder"),
        ("/etc/passwd", "must be a path inside the model's folder"),
        ("C:\\secret", "must be a path inside the model's folder"),
        ("inner/../../secret", "must be a path inside the model's folder"),
        ("", "must be a path inside the model's folder"),
        ("link", "leads out of the model's folder"),
        ("folder", "there is no such file in the model's folder"),
    ],
)
def test_external_data_outside_the_models_folder(tmp_path: Path, location: str, reason: str) -> None:
    folder = tmp_path / "model"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(bytes(432))
    (folder / "link").symlink_to(tmp_path / "secret")
    path = saved(conv_of(external(location)), folder)
    (sentence,) = said(path)
    assert sentence.startswith("node 'conv0' (Conv): tensor 'c0': external data ")
    assert sentence.endswith(reason)


def test_external_data_that_is_short_and_that_is_there(tmp_path: Path) -> None:
    values = np.arange(108, dtype=np.float32).reshape(4, 3, 3, 3)
    (tmp_path / "w.bin").write_bytes(bytes(8) + values.tobytes())
    model = import_onnx(saved(conv_of(external("w.bin", offset="8", length="432")), tmp_path))
    assert np.array_equal(model.parameters["conv0"].values(), values)
    wrong = "node 'conv0' (Conv): tensor 'c0': external data 'w.bin' has 440 bytes, but 432 from byte 9 are asked for"
    assert said(saved(conv_of(external("w.bin", offset="9")), tmp_path)) == [wrong]
    numbers = "node 'conv0' (Conv): tensor 'c0': external data 'w.bin': offset and length must be numbers"
    assert said(saved(conv_of(external("w.bin", offset="x")), tmp_path)) == [numbers]


def test_three_gigabytes_claimed_in_a_small_file(tmp_path: Path) -> None:
    huge = TensorProto(data_type=TensorProto.FLOAT, dims=[750_000_000], raw_data=bytes(64))
    b = Builder(("n", 3, 8, 8))
    shape = b.constant([4, 3, 3, 3], np.int64)
    path = saved(b.model(b.node("Conv", "x", b.node("Reshape", b.constant(huge), shape))), tmp_path)
    assert path.stat().st_size < 1024
    wrong = "node 'reshape0' (Reshape): tensor 'c1' of shape [750000000] needs 3000000000 bytes, but the file holds 64"
    assert within_a_megabyte(lambda: said(path)) == [wrong]


def test_a_huge_constant_of_one_value_is_held_once(tmp_path: Path) -> None:
    b = Builder(("n", 30_000))
    fill = helper.make_tensor("v", TensorProto.FLOAT, [1], [0.5])
    weights = b.node("ConstantOfShape", b.constant([30_000, 30_000], np.int64), value=fill)
    path = saved(b.model(b.node("Gemm", "x", weights, transB=1)), tmp_path)
    model = within_a_megabyte(lambda: import_onnx(path))
    assert model.network.weight_words == 900_000_000
    b = Builder(("n", 2**20))
    weights = b.node("ConstantOfShape", b.constant([2**20, 2**20], np.int64), value=fill)
    grown = b.node("Add", weights, b.constant(1.0))
    path = saved(b.model(b.node("Gemm", "x", grown, transB=1)), tmp_path)
    (sentence,) = within_a_megabyte(lambda: said(path))
    assert sentence.startswith("node 'add1' (Add): it makes a constant of 1099511627776 values; at most ")


def test_every_node_that_is_not_supported_is_named_with_the_reason(tmp_path: Path) -> None:
    domains = (QONNX, "my.own")
    b = Builder(("n", 2, 4, 4), domains=domains)
    b.node("FloatQuant", "x", b.constant(1.0), domain="onnx.brevitas")
    b.node("MultiThreshold", "x", b.constant(np.ones((1, 3))), domain=QONNX)
    b.node("Wonder", "x", domain="my.own")
    b.node("ConvTranspose", "x", b.constant(np.ones((2, 2, 2, 2))))
    b.node("MXQuantize", "x", domain=QONNX)
    b.node("Frobnicate", "x")
    b.node("MaxPool", b.node("Transpose", "x", perm=[0, 2, 3, 1]), kernel_shape=[2, 2])
    b.node("Relu", "floatquant0_0")
    b.node(
        "Quant", "x", b.constant(np.ones((1, 2, 1, 1)) * [[[[1]], [[2]]]]), b.constant(0), b.constant(4), domain=QONNX
    )
    fp8 = b.constant(helper.make_tensor("z", TensorProto.FLOAT8E4M3FN, [], [0.0]))
    out = b.node("QuantizeLinear", "x", b.constant(1.0), fp8)
    assert said(saved(b.model(out), tmp_path)) == [
        "node 'floatquant0' (onnx.brevitas.FloatQuant): minifloat codes have no integers; this project quantises to"
        " integers",
        f"node 'multithreshold1' ({QONNX}.MultiThreshold): thresholds of a streamlined graph; export the graph before"
        " streamlining, with Quant nodes",
        "node 'wonder2' (my.own.Wonder): operators of the domain 'my.own' are not known",
        "node 'convtranspose3' (ConvTranspose): transposed convolutions are no layer of this project",
        f"node 'mxquantize4' ({QONNX}.MXQuantize): block floating point (MX) has no integer codes with a real scale",
        "node 'frobnicate5' (Frobnicate): this operator is not supported",
        "node 'maxpool7' (MaxPool): it reads a feature map reshaped to [batch, 4, 4, 2], of which no layer is known",
        f"node 'quant9' ({QONNX}.Quant): a feature map has one scale, but it has 2",
        "node 'quantizelinear10' (QuantizeLinear): tensor 'c6' holds FLOAT8E4M3FN values, which are not supported",
    ]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_bytes_that_were_changed_give_an_error_or_a_model(data: st.DataObject, tmp_path_factory: Any) -> None:
    """Never anything else, whatever byte is another one."""
    b = Builder(("n", 2, 4, 4), domains=(QONNX,))
    at = b.node("Quant", "x", b.constant(0.5), b.constant(0), b.constant(4), domain=QONNX, signed=1, narrow=0)
    at = b.node("Conv", at, b.constant(np.ones((3, 2, 3, 3))), pads=[1, 1, 1, 1])
    at = b.node("Reshape", b.node("MaxPool", at, kernel_shape=[2, 2]), b.constant([0, -1], np.int64))
    raw = bytearray(b.model(at).SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "changed.onnx"
    path.write_bytes(raw)
    with contextlib.suppress(AccsimError):
        assert import_onnx(path).network.layers


def test_attributes_of_another_kind(tmp_path: Path) -> None:
    b = Builder(("n", 4, 4, 4))
    out = b.node("DepthToSpace", "x", blocksize="two")
    assert said(saved(b.model(out), tmp_path)) == [
        "node 'depthtospace0' (DepthToSpace): its attribute 'blocksize' must be int, got string"
    ]


def test_sizes_that_are_free_unknown_or_wrong(tmp_path: Path) -> None:
    b = Builder(("n", 1, "height", 4))
    path = saved(b.model(b.node("Relu", "x")), tmp_path)
    assert said(path) == ["input 'x': size 'height' is free; give it with --bind height=SIZE"]
    assert said(path, bindings={"hieght": 3})[0] == "has no free size 'hieght'; did you mean 'height'?"
    assert said(path, bindings={"height": 0}) == ["a size must be at least 1, got 0"]


def test_weights_that_are_not_finite_or_do_not_fit(tmp_path: Path) -> None:
    bad = np.ones((4, 3, 3, 3))
    bad[0, 0, 0, 0] = np.nan
    assert said(saved(conv_of(bad), tmp_path)) == [
        "node 'conv0' (Conv): its weights hold values that are not finite"
    ]  # fmt: skip
    assert said(saved(conv_of(np.ones((4, 2, 3, 3))), tmp_path)) == [
        "node 'conv0' (Conv): weights of 2 channels in 1 groups do not suit a map of 3 channels"
    ]
    assert said(saved(conv_of(np.ones((4, 3, 9, 9))), tmp_path))[0].startswith(
        "node 'conv0' (Conv): a window that spans 9 in height does not fit the padded input of 8"
    )


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(conv_of(np.ones((4, 3, 3, 3))), tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(AccsimError) as error:
        import_onnx(path)
    assert str(error.value) == "reading ONNX models needs the onnx package: pip install 'accsim[onnx]'"


def test_nothing_is_written_of_a_model_that_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    b = Builder(("n", 2))
    path = saved(b.model(b.node("Frobnicate", "x")), tmp_path)
    assert main(["import", str(path), "-o", str(tmp_path / "out.npz")]) == 2
    assert capsys.readouterr().err == (
        f"accsim: error: {path}: node 'frobnicate0' (Frobnicate): this operator is not supported\n"
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.onnx"]
