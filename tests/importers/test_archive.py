"""Archives of parameters beside a network file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from accsim.cli.dispatch import main
from accsim.compress.archive import model_bytes, read_model
from accsim.compress.executor import run
from accsim.compress.synthetic import synthetic
from accsim.errors import InputError
from accsim.importers.opening import open_model, open_network
from accsim.workload.reader import load_network
from accsim.workload.writer import network_yaml

NETWORK = """\
input: [2, 6, 6]
layers:
  - conv: {conv: 3, kernel: 3, then: [batch_norm, relu]}
  - fc: {fc: 4}
"""
draw = np.random.default_rng(2)
ARRAYS = {
    "conv.weight": draw.standard_normal((3, 2, 3, 3)),
    **{f"conv.batch_norm.{what}": draw.random(3) for what in ("gamma", "beta", "mean", "variance")},
    "fc.weight": draw.standard_normal((4, 48)),
    "fc.bias": draw.standard_normal(4),
}


def written(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    (folder / "net.yaml").write_text(NETWORK)
    np.savez(folder / "net.npz", **arrays)
    return folder / "net.npz"


def test_arrays_by_name_are_the_parameters(tmp_path: Path) -> None:
    model = open_model(written(tmp_path, ARRAYS))
    assert model.real
    assert np.array_equal(model.parameters["conv"].values(), ARRAYS["conv.weight"])
    assert np.array_equal(model.parameters["fc"].values()[:, :, 0, 0], ARRAYS["fc.weight"])
    x = draw.standard_normal((1, 2, 6, 6))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    conv = np.einsum("ncpqrs,mcrs->nmpq", windows, ARRAYS["conv.weight"])
    gamma, beta, mean, variance = (
        ARRAYS[f"conv.batch_norm.{w}"][:, None, None] for w in ("gamma", "beta", "mean", "variance")
    )
    relu = np.maximum(gamma * (conv - mean) / np.sqrt(variance + 1e-5) + beta, 0)
    want = relu.reshape(-1) @ ARRAYS["fc.weight"].T + ARRAYS["fc.bias"]
    assert np.allclose(run(model, x).values["fc"].reshape(-1), want, rtol=1e-12)


def test_what_is_missing_or_wrong_is_said_at_once(tmp_path: Path) -> None:
    arrays = {k: v for k, v in ARRAYS.items() if k not in ("fc.bias", "conv.batch_norm.mean")}
    arrays |= {"conv.weight": np.ones((3, 2, 3, 2)), "cnov.weight": np.ones(1), "fc.bias": np.array([1, 2, np.inf, 3])}
    path = written(tmp_path, arrays)
    with pytest.raises(InputError) as error:
        open_model(path)
    assert error.value.mistakes == (
        f"{path}: conv.weight: must have shape (3, 2, 3, 3), got (3, 2, 3, 2)",
        f"{path}: conv.batch_norm.mean: is missing; expected an array of shape (3,)",
        f"{path}: fc.bias: holds values that are not finite",
        f"{path}: cnov.weight: net has no layer 'cnov' with weights; did you mean 'conv'?",
    )


def test_an_archive_without_its_network_and_a_broken_one(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    with pytest.raises(InputError, match=f"file not found: {path}"):
        open_model(path)
    np.savez(path, **ARRAYS)
    with pytest.raises(InputError, match="its network is expected beside it, in "):
        open_network(path)
    path.write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "net.yaml").write_text(NETWORK)
    with pytest.raises(InputError, match=r"not a NumPy \.npz archive of plain arrays"):
        open_model(path)


def test_a_network_by_name_has_made_up_parameters(tmp_path: Path) -> None:
    model = open_model("lenet_caffe", seed=3)
    assert not model.real
    assert "made up" in model.origin
    path = tmp_path / "lenet_caffe.npz"
    path.write_bytes(model_bytes(model))
    path.with_suffix(".yaml").write_text(network_yaml(model.network))
    again = open_model(path)
    assert (again.real, again.origin) == (False, model.origin)
    assert all(np.array_equal(p.values(), again.parameters[name].values()) for name, p in model.parameters.items())
    assert model_bytes(again) == path.read_bytes()
    assert model_bytes(read_model(path, load_network("lenet_caffe"))) == model_bytes(
        synthetic(load_network("lenet_caffe"), 3)
    )


def test_inputs_give_an_estimate_its_zeros(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, ARRAYS)
    np.save(tmp_path / "x.npy", np.maximum(draw.standard_normal((1, 2, 6, 6)), 0))
    assert main(["run", str(path), "--inputs", str(tmp_path / "x.npy"), "--no-html", "--json", "-"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["values"] == "real"
    np.save(tmp_path / "x.npy", np.ones((2, 6, 5)))
    assert main(["run", str(path), "--inputs", str(tmp_path / "x.npy"), "--no-html"]) == 2
    said = capsys.readouterr().err
    assert said == f"accsim: error: {tmp_path / 'x.npy'}: inputs must have shape (1, 2, 6, 6), got (2, 6, 5)\n"
    assert main(["run", "lenet_caffe", "--inputs", str(tmp_path / "x.npy"), "--no-html"]) == 2
    assert "those of lenet_caffe would be made up" in capsys.readouterr().err
