"""What is written of a model is read back: every code that there is, exactly."""

from __future__ import annotations

import io
import json
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accsim.compress.archive import compressed_bytes, model_bytes, read_model, read_recipe
from accsim.compress.archive.codes import CODES
from accsim.compress.codes import Float
from accsim.compress.compressed import compress
from accsim.compress.executor import run
from accsim.compress.model import LayerParameters, Model
from accsim.compress.passes.base import LayerPass, ModelPass
from accsim.compress.passes.registry import PASSES
from accsim.compress.recipe import Recipe
from accsim.compress.storage import stored_symbols
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError, InputError
from accsim.npz import archive, archive_bytes
from accsim.source import Source
from accsim.workload.network import Network
from accsim.workload.reader import read_network
from tests.compress.tensors import layers

SMALL = """\
input: [4, 9, 9]
layers:
  - first: {conv: 8, kernel: 3, pad: 1, then: [batch_norm, relu]}
  - left: {conv: 4, kernel: 1, then: relu}
  - right: {conv: 4, kernel: 3, pad: 1, from: first, then: batch_norm}
  - bent: {prelu: , slopes: 4}
  - joined: {concat: [left, bent]}
  - deep: {depthwise: 3, pad: 1}
  - last: {conv: 8, kernel: 3, stride: 2}
  - fc: {fc: 10}
"""


def small() -> Network:
    return read_network(Source("small", "small.yaml", SMALL))


def equal(first: Any, second: Any, where: str = "") -> None:
    """Two values of the same classes are equal down to every array's type and elements."""
    assert type(first) is type(second), where
    if isinstance(first, np.ndarray):
        assert first.dtype == second.dtype, where
        np.testing.assert_array_equal(first, second, where)
    elif is_dataclass(first):
        for field in fields(first):
            if field.name not in ("trained", "encoding"):
                equal(getattr(first, field.name), getattr(second, field.name), f"{where}.{field.name}")
    elif isinstance(first, tuple):
        assert len(first) == len(second), where
        for a, b in zip(first, second, strict=True):
            equal(a, b, where)
    elif isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for key, value in first.items():
            equal(value, second[key], f"{where}.{key}")
    else:
        assert first == second, where


def again(model: Model, path: Path) -> Model:
    path.write_bytes(model_bytes(model, with_network=True, name=model.network.name))
    found = read_model(path)
    assert found.network.layers == model.network.layers
    for part in ("parameters", "norms", "layer_norms", "slopes", "activations", "accumulator_bits"):
        equal(dict(getattr(found, part)), dict(getattr(model, part)), part)
    assert (found.origin, found.real) == (model.origin, model.real)
    assert json.dumps([str(a) for a in found.applied]) == json.dumps([str(a) for a in _plain(model)])
    assert model_bytes(found, with_network=True, name=model.network.name) == path.read_bytes()
    return found


def _plain(model: Model) -> list[Any]:
    """Passes on record, as JSON spells their arguments."""
    return [replace(a, arguments=tuple((k, json.loads(json.dumps(v))) for k, v in a.arguments)) for a in model.applied]


REQUIRED: dict[str, dict[str, Any]] = {
    **{name: {"sparsity": 0.5} for name in ("level", "energy_aware", "filters", "kernels", "vectors", "dct")},
    "gradual": {"final": 0.5},
    "cp": {"fraction": 0.5, "rounds": 2},
    "largest": {"density": 0.5},
    "blocks": {"sparsity": 0.5, "block": (2, 2, 1, 1)},
    **{name: {"fraction": 0.5} for name in ("fc_svd", "channel_svd", "spatial_svd", "tucker", "depthwise_separable")},
}


@pytest.mark.parametrize("name", PASSES)
def test_what_every_pass_gives(name: str, tmp_path: Path) -> None:
    """All of the registry on one network: whatever it makes of weights, shapes and feature maps is read back."""
    model = synthetic(small(), seed=4)
    made = _applied(PASSES[name], model)
    found = again(made, tmp_path / "m.npz")
    for layer, parameters in made.layers():
        symbols, bits = stored_symbols(parameters)
        same, same_bits = stored_symbols(found.parameters[layer.name])
        np.testing.assert_array_equal(symbols, same)
        assert bits == same_bits


def _applied(kind: type[ModelPass], model: Model) -> Model:
    """The pass on the layers that it can be put on."""
    for names in (("*",), ("last", "fc"), ("last",), ("fc",), ("first",)):
        try:
            extra = {"layers": names} if "layers" in kind.model_fields else {}
            return kind.model_validate({**REQUIRED.get(kind.name, {}), **extra}).apply(model)
        except (AccsimError, ValueError):
            continue
    raise AssertionError(f"{kind.name} suits no layer here")


@given(parameters=layers(), name=st.sampled_from([n for n, p in PASSES.items() if issubclass(p, LayerPass)]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_codes_of_any_weights(parameters: LayerParameters, name: str, tmp_path: Path) -> None:
    """Pruned layers, layers of one weight, of zeros, of weights that differ by orders of magnitude."""
    m, c, r, s = parameters.weight.shape
    text = f"input: [{c}, {r}, {s}]\nlayers:\n  - a: {{conv: {m}, kernel: [{r}, {s}], bias: false}}\n"
    network = read_network(Source("one", "one.yaml", text))
    try:
        made = PASSES[name].model_validate(REQUIRED.get(name, {})).apply(Model(network, {"a": parameters}, real=True))
    except AccsimError:
        return
    again(made, tmp_path / "m.npz")


def test_every_code_is_known_to_archives() -> None:
    from accsim.compress import codes

    named = {getattr(codes, name) for name in codes.__all__}
    kinds = {kind for kind in named if isinstance(kind, type) and "values" in vars(kind)}
    assert kinds - {codes.Code} == set(CODES.values())


def test_what_was_compressed_computes_the_same_and_knows_its_recipe(tmp_path: Path) -> None:
    passes = (PASSES["level"].model_validate({"sparsity": 0.5}), PASSES["symmetric"].model_validate({"bits": 4}))
    done = compress(synthetic(small(), seed=1), Recipe("mine", passes=passes))
    assert done.model is not None
    (tmp_path / "m.npz").write_bytes(compressed_bytes(done))
    found = read_model(tmp_path / "m.npz")
    first, second = run(done.model, seed=3), run(found, seed=3)
    assert all(np.array_equal(values, second.values[name]) for name, values in first.values.items())
    said = read_recipe(tmp_path / "m.npz")
    assert said is not None
    assert (said["name"], said["trained_bits"]) == ("mine", done.trained_bits)
    assert said["layers"]["fc"]["stored_bits"] == done.stored["fc"].stored_bits


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """An archive of codebooks and its arrays."""
    model = PASSES["clip_q"].model_validate({"bits": 3, "layers": ("last",)}).apply(synthetic(small()))
    path = tmp_path / "m.npz"
    path.write_bytes(model_bytes(model, with_network=True))
    with np.load(path) as found:
        return path, dict(found)


UNFIT = "last.weight: its codes, their tables and their description do not fit each other"


@pytest.mark.parametrize(
    ("key", "change", "sentence"),
    [
        ("last.index", lambda a: a[:1], UNFIT),
        ("last.index", lambda a: a + 100, UNFIT),
        ("last.index", lambda a: a.astype(float), UNFIT),
        ("last.table", lambda a: a * np.nan, UNFIT),
        ("last.table", lambda a: a * 2, "last.weight: the values are not those of the layer's codes"),
        ("last.weight", lambda a: a * 2, "last.weight: the values are not those of the layer's codes"),
        ("model", lambda a: a[:-3], "model: is not the JSON that accsim writes"),
        ("network", lambda a: a[:5] * 0 + 200, "network: is not text"),
        ("fc.weight", lambda a: a[:-1], UNFIT.replace("last", "fc")),
    ],
)
def test_parts_that_do_not_belong_together(
    written: tuple[Path, dict[str, np.ndarray]], key: str, change: Any, sentence: str
) -> None:
    path, arrays = written
    path.write_bytes(archive_bytes({**arrays, key: change(arrays[key])}))
    with pytest.raises(InputError) as error:
        read_model(path)
    assert f"{path}: {sentence}" in error.value.mistakes


def test_a_part_that_is_missing(written: tuple[Path, dict[str, np.ndarray]]) -> None:
    path, arrays = written
    path.write_bytes(archive_bytes({name: array for name, array in arrays.items() if name != "last.table"}))
    with pytest.raises(InputError) as error:
        read_model(path)
    assert error.value.mistakes == (f"{path}: {UNFIT}",)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_that_were_changed_give_an_error_or_the_model(
    data: st.DataObject, written: tuple[Path, dict[str, np.ndarray]]
) -> None:
    path, arrays = written
    raw = bytearray(archive_bytes(arrays))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    changed = path.with_name("changed.npz")
    changed.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw), len(raw) // 2]))])
    try:
        model = read_model(changed)
    except AccsimError as error:
        assert str(changed) in str(error)
    else:
        assert isinstance(model.parameters["fc"].weight, Float)
        assert np.array_equal(model.parameters["last"].values(), arrays["last.table"][arrays["last.index"]])


def test_arrays_are_as_their_headers_say(written: tuple[Path, dict[str, np.ndarray]]) -> None:
    path, arrays = written
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.savez(path, whole=fortran, none=np.zeros((0, 3)), one=np.float32(2), **arrays)
    with archive(path) as file:
        np.testing.assert_array_equal(file.read("whole"), fortran)
        assert (file.read("none").shape, file.read("one").shape) == ((0, 3), ())
        with pytest.raises(InputError, match=r"whole: has shape \(2, 3\): more words than the 5 that it can need"):
            file.read("whole", 5)


@cache
def _written(name: str) -> bytes:
    return model_bytes(_applied(PASSES[name], synthetic(small())), with_network=True)


def _arrays(name: str) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(_written(name))) as found:
        return dict(found)


WRONG = (None, True, 0, -1, 10**9, 1.5, "x", [], {}, {"kind": "scale"}, {"array": "codes"}, {"same": ""})


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from(["affine", "ttq", "inq", "lq_nets", "v_quant", "product_quantisation"]))
def test_descriptions_that_were_changed_give_an_error_or_a_model(
    data: st.DataObject, name: str, tmp_path: Path
) -> None:
    """Whatever stands in the place of one part of the description."""
    path = tmp_path / "m.npz"
    arrays = _arrays(name)
    about = json.loads(arrays["model"].tobytes())
    at, keys = about, ("layers", "last", "code")
    for key in keys[: data.draw(st.integers(0, 3))]:
        at = at[key]
    at[data.draw(st.sampled_from(sorted(at)))] = data.draw(st.sampled_from(WRONG))
    arrays["model"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    path.write_bytes(archive_bytes(arrays))
    try:
        model = read_model(path)
    except AccsimError as error:
        assert str(path) in str(error)
    else:
        assert all(np.isfinite(held.values()).all() for held in model.parameters.values())
