"""Archives read back: whole models, or values of your own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from accsim.compress.archive.codes import Array, Unfit, restored
from accsim.compress.archive.writer import ABOUT, MASK, NETWORK
from accsim.compress.codes import Code, Float
from accsim.compress.model import ActivationCode, Applied, LayerParameters, Model, Truncation
from accsim.compress.parameters import BIAS, NAMES, WEIGHT, shapes_of, with_parameters
from accsim.compress.rounding import ROUNDINGS
from accsim.errors import InputError
from accsim.npz import Archive, archive
from accsim.source import Source, printable
from accsim.workload.layer import Layer
from accsim.workload.network import Network
from accsim.workload.reader import load_network, read_network

MOST_TEXT = 2**26
"""Bytes of a network or a description."""

MOST_BITS = 64
"""Of a feature map's code."""

MOST_PLANES = 32
"""Words that a code has for each weight, at most: one for each of its planes."""

MOST_TABLE = 2**20
"""Words of a table of a code, at most where the layer has fewer weights than that."""


def read_model(
    path: str | Path,
    network: Network | None = None,
    *,
    batch: int = 1,
    bindings: Mapping[str, int] | None = None,
) -> Model:
    """Read a model.

    Args:
        network: that the archive is of; else the one in it, or in the file beside it.
        batch: batch entries N, of a network that is read.
        bindings: its named sizes.

    Raises:
        InputError: every mistake: no archive, arrays of no layer, of another shape or with values that are not finite,
            layers without weights, codes that do not suit their description.
    """
    with archive(path) as file:
        about = _about(file)
        if network is None:
            network = _network(file, path, about, batch, bindings)
        return _Reader(file, network, about).model()


def holds_network(path: str | Path) -> bool:
    """Whether an archive has its network in it.

    Raises:
        InputError: it is no archive.
    """
    with archive(path) as file:
        return NETWORK in file.members


def read_recipe(path: str | Path) -> dict[str, Any] | None:
    """What an archive says of the recipe that made it: its name, the bits before, and each layer's exact bits."""
    with archive(path) as file:
        found = _about(file).get("recipe")
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        return None
    return found if isinstance(found.get("trained_bits"), int) else None


def _about(file: Archive) -> dict[str, Any]:
    if ABOUT not in file.members:
        return {}
    try:
        about = json.loads(_text(file, ABOUT))
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise InputError([f"{file.where}: {ABOUT}: is not the JSON that accsim writes"])
    return about


def _network(
    file: Archive, path: str | Path, about: Mapping[str, Any], batch: int, bindings: Mapping[str, int] | None
) -> Network:
    if NETWORK in file.members:
        place, name = f"{file.where}: {NETWORK}", about.get("name")
        source = Source(name if isinstance(name, str) else Path(path).stem, place, _text(file, NETWORK))
        return read_network(source, batch=batch, bindings=bindings)
    beside = Path(path).with_suffix(".yaml")
    if not beside.is_file():
        raise InputError([f"{file.where}: its network is expected beside it, in {printable(str(beside))}"])
    return load_network(str(beside), batch=batch, bindings=bindings)


def _text(file: Archive, name: str) -> str:
    held = file.read(name, MOST_TEXT)
    try:
        if held.dtype != np.uint8:
            raise ValueError
        return held.tobytes().decode()
    except ValueError:
        raise InputError([f"{file.where}: {name}: is not text"]) from None


class _Reader:
    def __init__(self, file: Archive, network: Network, about: Mapping[str, Any]) -> None:
        self.file, self.network, self.about = file, network, about
        self.mistakes: list[str] = []
        self.told: set[str] = set()

    def model(self) -> Model:
        layers = {layer.name: layer for layer in self.network.layers}
        held = self._dictionary("layers")
        coded: dict[str, LayerParameters] = {}
        for name, said in held.items():
            if name in layers and isinstance(said, dict):
                found = self._coded(layers[name], said)
                if found is not None:
                    coded[name] = found
        given = self._given(layers, coded)
        epsilons = {k: float(v) for k, v in self._dictionary("epsilons").items() if isinstance(v, int | float)}
        weighted = any(WEIGHT in shapes_of(layer) for layer in self.network.layers)
        if weighted and not any(WEIGHT in arrays for arrays in given.values()) and not coded and not self.mistakes:
            raise InputError([f"{self.file.where}: holds no weights; expected arrays LAYER.weight"])
        try:
            model = with_parameters(
                self.network, given, f"trained: {self.file.where}", coded=coded, epsilons=epsilons, whole=True,
                told=self.told,
            )  # fmt: skip
        except InputError as error:
            self.mistakes += [f"{self.file.where}: {sentence}" for sentence in error.mistakes]
        if self.mistakes:
            raise InputError(self.mistakes)
        return self._described(model)

    def _described(self, model: Model) -> Model:
        """With what no array says."""
        about = self.about
        try:
            return replace(
                model,
                activations={str(k): _activation(v) for k, v in self._dictionary("activations").items()},
                accumulator_bits={str(k): int(v) for k, v in self._dictionary("accumulator_bits").items()},
                applied=tuple(_applied(one) for one in about.get("passes", ())),
                origin=str(about.get("origin", model.origin)),
                real=bool(about.get("real", model.real)),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            where = f"{self.file.where}: {ABOUT}"
            raise InputError([f"{where}: does not describe a model as accsim writes it"]) from None

    def _dictionary(self, name: str) -> dict[str, Any]:
        found = self.about.get(name, {})
        return found if isinstance(found, dict) else {}

    def _given(self, layers: Mapping[str, Layer], coded: Mapping[str, LayerParameters]) -> dict[str, dict[str, Array]]:
        """Arrays by layer and name, but for those of codes and those of other names."""
        out: dict[str, dict[str, Array]] = {}
        for key in self.file.members:
            name, dot, what = key.rpartition(".")
            if not dot or what not in NAMES or (name in coded and what not in (BIAS,)):
                continue
            if name in self._dictionary("layers") and what not in (WEIGHT, BIAS):
                continue  # of a code that is wrong, which is told already
            shape = shapes_of(layers[name]).get(what) if name in layers else None
            most = 0 if shape is None else int(np.prod(shape, dtype=np.int64))
            claimed = self.file.shape(key)
            if shape is not None and claimed not in (shape, shape[:2] if shape[2:] == (1, 1) else shape):
                self.mistakes.append(f"{self.file.where}: {printable(key)}: must have shape {shape}, got {claimed}")
                self.told.add(key)
                continue
            out.setdefault(name, {})[what] = self.file.read(key, most) if most else np.zeros(0)
        return out

    def _coded(self, layer: Layer, said: Mapping[str, Any]) -> LayerParameters | None:
        """A layer's weights with their code, as they were written."""
        shape = shapes_of(layer).get(WEIGHT)
        label = f"{self.file.where}: {layer.name}.{WEIGHT}"
        if shape is None:
            self.mistakes.append(f"{label}: {self.network.name} has no layer {layer.name!r} with weights")
            return None
        most = max(MOST_TABLE, MOST_PLANES * int(np.prod(shape, dtype=np.int64)))
        try:
            about = said["code"]
            values = self._array(layer, WEIGHT, most)
            if values.shape != shape or values.dtype.kind != "f" or not np.isfinite(values).all():
                raise Unfit
            code: Code
            if about["kind"] == Float.name:
                code = Float(values.astype(np.float64), int(about["bits"]))
            else:
                code = restored(about, shape, lambda name: self._array(layer, name, most))
            kept = self._array(layer, MASK, most) if f"{layer.name}.{MASK}" in self.file.members else None
            if kept is not None and (kept.dtype != np.bool_ or kept.shape != shape):
                raise Unfit
            encoding = said.get("encoding") or self._dictionary("encodings").get(layer.name)
            if not isinstance(encoding, str | None):
                raise Unfit
            found = LayerParameters(code, None, kept, str(said.get("grain", "")), encoding=encoding)
            read = found.values()
            if code.name != Float.name and not np.array_equal(read.astype(np.float32), values):
                self.told.add(f"{layer.name}.{WEIGHT}")
                self.mistakes.append(f"{label}: the values are not those of the layer's codes")
                return None
            return replace(found, trained=read)
        except (Unfit, KeyError, TypeError, ValueError):
            self.told.add(f"{layer.name}.{WEIGHT}")
            self.mistakes.append(f"{label}: its codes, their tables and their description do not fit each other")
            return None

    def _array(self, layer: Layer, name: str, most: int) -> Array:
        """An array of a layer, which must be there."""
        return self.file.read(f"{layer.name}.{name}", most)


def _activation(held: Mapping[str, Any]) -> ActivationCode:
    fields = dict(held)
    if fields.get("limits") is not None:
        low, high = fields["limits"]
        fields["limits"] = (int(low), int(high))
    if fields.get("truncation") is not None:
        fields["truncation"] = Truncation(**fields["truncation"])
    code = ActivationCode(**fields)
    plain = (type(code.bits), type(code.signed), type(code.zero_point), type(code.kind)) == (int, bool, int, str)
    step: Any = fields.get("scale")
    stepped = step is None or (isinstance(step, int | float) and step > 0)
    if not plain or not stepped or code.rounding not in ROUNDINGS or not 1 <= code.bits <= MOST_BITS:
        raise ValueError
    return code


def _applied(held: Mapping[str, Any]) -> Applied:
    arguments = tuple((str(name), value) for name, value in held["arguments"])
    return Applied(str(held["name"]), arguments, tuple((str(a), str(b)) for a, b in held["notes"]))
