"""What is written of compressed weights gives them back."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest

from accsim.compress.archive import archive_bytes
from accsim.compress.compressed import compress
from accsim.compress.model import Model
from accsim.compress.passes.registry import PASSES
from accsim.compress.recipe import Recipe
from accsim.compress.synthetic import synthetic
from accsim.workload.reader import load_network


@pytest.fixture(scope="module")
def model() -> Model:
    return synthetic(load_network("lenet_caffe", layers=["conv1", "conv2"]))


def written(model: Model, name: str, **arguments: object) -> tuple[dict[str, Any], dict[str, Any]]:
    one = Recipe("mine", passes=(PASSES[name].model_validate(arguments),))
    with np.load(io.BytesIO(archive_bytes(compress(model, one)))) as archive:
        arrays = {key: archive[key] for key in archive.files}
    return arrays, json.loads(arrays["recipe"].tobytes())["layers"]["conv2"]


def test_ternary_codes_and_their_two_scales(model: Model) -> None:
    found, about = written(model, "ttq")
    positive, negative = found["conv2.positive"], found["conv2.negative"]
    code = found["conv2.code"]
    again = np.where(code > 0, positive, np.where(code < 0, -negative, 0))
    np.testing.assert_array_equal(again.astype(np.float32), found["conv2.weight"])
    assert about["code"] == "ternary"


def test_powers_of_two_and_their_range(model: Model) -> None:
    found, about = written(model, "inq", bits=5)
    code, lowest = found["conv2.code"].astype(int), about["settings"]["lowest"]
    again = np.sign(code) * np.exp2(lowest + np.abs(code) - 1.0)
    np.testing.assert_array_equal(again.astype(np.float32), found["conv2.weight"])


def test_a_codebook(model: Model) -> None:
    found, _ = written(model, "clip_q", bits=3)
    np.testing.assert_array_equal(found["conv2.table"][found["conv2.code"]].astype(np.float32), found["conv2.weight"])


def test_product_codewords(model: Model) -> None:
    found, _ = written(model, "product_quantisation", entries=16, length=4, iterations=2)
    index, codewords = found["conv2.code"], found["conv2.codewords"]
    m, subspaces, r, s = index.shape
    again = np.zeros((m, subspaces * codewords.shape[2], r, s))
    for i in range(subspaces):
        again[:, i * 4 : i * 4 + 4] = np.moveaxis(codewords[i][index[:, i]], 3, 1)
    np.testing.assert_array_equal(again[:, :20].astype(np.float32), found["conv2.weight"])


def test_affine_codes_with_their_zero_point(model: Model) -> None:
    found, _ = written(model, "affine", bits=4)
    again = (found["conv2.code"].astype(int) - found["conv2.zero_point"]) * found["conv2.scale"]
    np.testing.assert_allclose(again, found["conv2.weight"], rtol=1e-6)


def test_pruned_weights_are_masked(model: Model) -> None:
    found, _ = written(model, "level", sparsity=0.75)
    assert found["conv2.kept"].sum() == found["conv2.kept"].size // 4
    np.testing.assert_array_equal(found["conv2.kept"], found["conv2.weight"] != 0)
