"""Transformers from ONNX: attention as the layers of the shipped networks, every value beside onnxruntime."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from accsim.cli.dispatch import main
from accsim.compress.archive import model_bytes
from accsim.compress.executor import run
from accsim.importers.onnx_model import import_onnx
from accsim.importers.opening import open_model
from accsim.workload.layer import LayerKind
from accsim.workload.writer import network_yaml
from tests.importers.graphs import QONNX, Builder, onnxruntime_values, saved
from tests.importers.transformers import (
    DEPTH,
    HEADS,
    TOKENS,
    WIDTH,
    bert,
    gpt,
    heads,
    joined,
    linear,
    tokens_first,
    vit,
)

OF_FULL_SCALE = 1e-5
draw = np.random.default_rng(23)
CASES = {
    "bert": bert,
    "gpt, masked by where": lambda: gpt("where"),
    "gpt, masked by a sum": lambda: gpt("add"),
    "vit, gathered": lambda: vit("gather"),
    "vit, split": lambda: vit("split"),
    "tokens first": tokens_first,
}
ONLY = {"tokens first": (2,)}
"""Batches that a graph's shapes are written for; the others suit any."""


def given(b: Builder, batch: int) -> np.ndarray:
    shape = (batch, *b.shape[1:])
    return draw.integers(0, 11, shape) if len(b.shape) == 2 else draw.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("name", "batch"), [(name, n) for name in CASES for n in (1, 2) if n in ONLY.get(name, (n,))])
def test_outputs_beside_onnxruntime(name: str, batch: int, tmp_path: Path) -> None:
    b, out = CASES[name]()
    model = b.model(out)
    x = given(b, batch)
    want = onnxruntime_values(model, x)[out]
    found = import_onnx(saved(model, tmp_path), batch=batch)
    done = run(found, x.reshape(batch, *found.network.input_shape))
    last = done.values[found.network.layers[-1].name]
    assert np.abs(last.reshape(want.shape) - want).max() <= OF_FULL_SCALE * np.abs(want).max()
    assert not done.made_up
    (tmp_path / "again.npz").write_bytes(model_bytes(found, with_network=True))
    again = run(open_model(tmp_path / "again.npz", batch=batch), done.given)
    assert all(np.array_equal(values, again.values[key]) for key, values in done.values.items())


def test_attention_is_that_of_the_shipped_networks(tmp_path: Path) -> None:
    b, out = bert()
    network = import_onnx(saved(b.model(out), tmp_path), batch=3).network
    operations = Counter(layer.made_by[0] for layer in network.layers)
    assert operations == {
        "embedding": 1, "parameter": 1, "add": 5, "layer_norm": 5, "fc": 13, "query_key": 2, "softmax": 2,
        "attention_value": 2, "gelu": 2, "slice": 1, "tanh": 1,
    }  # fmt: skip
    scores = next(layer for layer in network.layers if layer.made_by[0] == "query_key")
    assert scores.output_shape == (HEADS, TOKENS, TOKENS)
    assert scores.macs == 3 * HEADS * TOKENS * TOKENS * DEPTH
    assert dict(scores.made_by[1])["scale"] == pytest.approx(DEPTH**-0.5)
    values = next(layer for layer in network.layers if layer.made_by[0] == "attention_value")
    assert (values.output_shape, values.macs) == ((TOKENS, WIDTH), 3 * HEADS * TOKENS * TOKENS * DEPTH)
    assert network_yaml(network).count("query_key: [") == 2


def test_a_causal_mask_is_part_of_the_scores(tmp_path: Path) -> None:
    b, out = gpt("where")
    network = import_onnx(saved(b.model(out), tmp_path)).network
    (scores,) = (layer for layer in network.layers if layer.made_by[0] == "query_key")
    assert dict(scores.made_by[1])["causal"] is True
    assert [layer.kind for layer in network.layers].count(LayerKind.LAYER_NORM) == 3
    assert [layer.operation for layer in network.layers].count("gelu_tanh") == 1


def test_quantised_attention_keeps_its_codes(tmp_path: Path) -> None:
    """Quantisers on heads, on scores and on shares: they are the codes of the layers' feature maps."""
    b = Builder(("n", TOKENS, WIDTH), domains=(QONNX,))

    def quant(at: str, scale: float, *, signed: int = 1) -> str:
        rest = b.constant(scale), b.constant(0), b.constant(8)
        return str(b.node("Quant", at, *rest, domain=QONNX, signed=signed, narrow=0, rounding_mode="ROUND"))

    at = quant("x", 0.05)
    query, key, value = (linear(b, at, WIDTH, WIDTH) for _ in range(3))
    query, value = quant(heads(b, query, [0, 2, 1, 3]), 0.05), quant(heads(b, value, [0, 2, 1, 3]), 0.05)
    key = quant(heads(b, key, [0, 2, 3, 1]), 0.05)
    shares = quant(b.node("Softmax", quant(b.node("MatMul", query, key), 0.2)), 1 / 255, signed=0)
    out = joined(b, b.node("MatMul", shares, value))
    model = import_onnx(saved(b.model(out), tmp_path))
    operations = {layer.name: layer.made_by[0] for layer in model.network.layers}
    assert sorted(operations[name] for name in model.activations if name != "input") == [
        "fc", "fc", "fc", "query_key", "softmax",
    ]  # fmt: skip
    codes = run(model, seed=1).codes
    assert all(np.abs(codes[name].codes).max() <= 255 for name in model.activations)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda b: b.node("Softmax", b.node("MatMul", "x", b.node("Transpose", "x", perm=[0, 2, 1])), axis=1),
            "node 'softmax2' (Softmax): softmax over axis 1 of 3; only of vectors, or the last axis of sequences and"
            " scores",
        ),
        (
            lambda b: b.node("Relu", b.node("Mul", "x", b.constant(0.5))),
            "node 'relu1' (Relu): it reads a sequence multiplied by 0.5, which is only known of queries, keys and"
            " scores",
        ),
        (
            lambda b: b.node("Mul", "x", b.constant(0.5)),
            "output 'mul0_0': it reads a sequence multiplied by 0.5, which is only known of queries, keys and scores",
        ),
        (
            lambda b: b.node("MatMul", b.node("Reshape", "x", b.constant([0, 20, 2], np.int64)), b.constant(np.eye(2))),
            "node 'matmul1' (MatMul): the last axis of [batch, 20, 2] is not the width of a sequence",
        ),
        (
            lambda b: b.node(
                "Add", b.node("MatMul", "x", b.node("Transpose", "x", perm=[0, 2, 1])), b.constant(np.eye(5))
            ),
            "node 'add2' (Add): a mask of scores that is not causal",
        ),
        (
            lambda b: b.node("LayerNormalization", "x", b.constant(np.ones((5, 8))), axis=1),
            "node 'layernormalization0' (LayerNormalization): a normalisation over axis 1 of 3; only over the last"
            " axis of sequences",
        ),
        (
            lambda b: b.node("Gather", "x", b.constant([0, 2], np.int64), axis=1),
            "node 'gather0' (Gather): it picks places that do not follow one another",
        ),
        (
            lambda b: b.node("Add", "x", b.node("Transpose", b.node("Transpose", "x", perm=[1, 0, 2]), perm=[0, 1, 2])),
            "node 'add2' (Add): its feature maps have their words in different orders",
        ),
    ],
)  # fmt: skip
def test_what_is_no_layer_is_named(make: object, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    b = Builder(("n", TOKENS, WIDTH))
    path = saved(b.model(make(b)), tmp_path)  # type: ignore[operator]
    assert main(["run", str(path), "--no-html", "--batch", "2"]) == 2
    assert capsys.readouterr().err == f"accsim: error: {path}: {sentence}\n"
