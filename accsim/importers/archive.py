"""Models as a network file with an archive of parameters beside it.

Arrays of the archive, by layer:

==========================================  ===========================================================================
``LAYER.weight``                            values [M, C / G, R, S]; a fully connected layer's also [M, inputs]
``LAYER.bias``                              [M]
``LAYER.gamma|beta|mean|variance``          of a batch norm, [channels]
``LAYER.code``, ``.scale``, ``.zero_point``  integer codes with their scales, where the weights have any
``model``                                   JSON as bytes: what the arrays do not say (codes of feature maps, bits,
                                            grains, epsilons, and where the values come from)
==========================================  ===========================================================================

Only weights and norms are needed to read one; ``write_model`` writes all of it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accsim.compress.codes import Binary, Code, Float, Uniform
from accsim.compress.grain import Reals, Scale
from accsim.compress.model import ActivationCode, LayerParameters, Model, NormParameters, Truncation
from accsim.errors import InputError, suggest
from accsim.source import printable
from accsim.workload.layer import Layer, LayerKind
from accsim.workload.network import Network

Array = npt.NDArray[Any]
ABOUT = "model"
NORM = ("gamma", "beta", "mean", "variance")
_PARTS = ("weights", "epsilons", "activations")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def read_parameters(path: str | Path, network: Network) -> Model:
    """Read the parameters of a network from an ``.npz`` archive.

    Raises:
        InputError: every mistake: arrays of no layer, of another shape, or with values that are not finite; layers
            without parameters.
    """
    where = printable(str(path))
    if not Path(path).is_file():
        raise InputError([f"file not found: {where}"])
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, AttributeError, MemoryError, zipfile.BadZipFile):
        raise InputError([f"{where}: not a NumPy .npz archive of plain arrays"]) from None
    return _Reader(where, network, arrays).model()


class _Reader:
    def __init__(self, where: str, network: Network, arrays: Mapping[str, Array]) -> None:
        self.where, self.network = where, network
        self.mistakes: list[str] = []
        self.about = self._about(arrays)
        self.by_layer: dict[str, dict[str, Array]] = {}
        layers = {layer.name: layer for layer in network.layers}
        for key, array in arrays.items():
            if key in (ABOUT, "recipe"):
                continue
            name, dot, what = key.rpartition(".")
            if not dot or name not in layers:
                self._wrong(key, f"{network.name} has no layer {name or key!r}{suggest(name, layers)}")
            elif array.dtype.kind not in "biuf":
                self._wrong(key, f"must hold numbers, got {array.dtype}")
            elif array.dtype.kind == "f" and not bool(np.isfinite(array).all()):
                self._wrong(key, "holds values that are not finite")
            else:
                self.by_layer.setdefault(name, {})[what] = array

    def _wrong(self, key: str, sentence: str) -> None:
        self.mistakes.append(f"{self.where}: {printable(key)}: {sentence}")

    def _about(self, arrays: Mapping[str, Array]) -> dict[str, Any]:
        if ABOUT not in arrays:
            return {}
        try:
            about = json.loads(arrays[ABOUT].astype(np.uint8).tobytes())
            parts = {part: {str(k): v for k, v in about.get(part, {}).items()} for part in _PARTS}
            parts["epsilons"] = {name: float(value) for name, value in parts["epsilons"].items()}
            return {**about, **parts}
        except (ValueError, TypeError, AttributeError):
            self._wrong(ABOUT, "is not the JSON that accsim writes")
            return {}

    def model(self) -> Model:
        parameters, norms = {}, {}
        for layer in self.network.layers:
            if layer.kind in (LayerKind.CONV, LayerKind.FC):
                found = self._weights(layer)
                if found is not None:
                    parameters[layer.name] = found
            elif layer.kind is LayerKind.BATCH_NORM:
                norm = self._norm(layer)
                if norm is not None:
                    norms[layer.name] = norm
        try:
            codes = {name: _activation(held) for name, held in self.about.get("activations", {}).items()}
        except (TypeError, ValueError, AttributeError, KeyError):
            self._wrong(ABOUT, "does not describe feature maps as accsim writes them")
            codes = {}
        if self.mistakes:
            raise InputError(self.mistakes)
        origin = str(self.about.get("origin", f"trained: {self.where}"))
        real = bool(self.about.get("real", True))
        return Model(self.network, parameters, norms, codes, origin=origin, real=real)

    def _array(self, layer: Layer, what: str, shape: tuple[int, ...], flat: bool = False) -> Array | None:
        array = self.by_layer.get(layer.name, {}).get(what)
        if array is None:
            return None
        if array.shape != shape and not (flat and array.shape == (shape[0], shape[1])):
            self._wrong(f"{layer.name}.{what}", f"must have shape {shape}, got {array.shape}")
            return None
        return array.reshape(shape)

    def _weights(self, layer: Layer) -> LayerParameters | None:
        g = layer.geometry
        if g is None:
            return None
        shape = g.M, g.channels_per_group, g.R, g.S
        if "weight" not in self.by_layer.get(layer.name, {}):
            self._wrong(f"{layer.name}.weight", f"is missing; expected an array of shape {shape}")
            return None
        weight = self._array(layer, "weight", shape, flat=layer.kind is LayerKind.FC)
        bias = self._array(layer, "bias", (g.M,))
        if weight is None:
            return None
        values = weight.astype(np.float64)
        held = self.about.get("weights", {}).get(layer.name)
        code: Code = Float(values)
        if held is not None:
            try:
                code = self._code(layer, shape, held)
            except (KeyError, TypeError, ValueError, IndexError):
                self._wrong(f"{layer.name}.code", "codes, scales and their description do not fit each other")
        known = None if bias is None else bias.astype(np.float64)
        return LayerParameters(code, known, trained=values if held is None else None)

    def _code(self, layer: Layer, shape: tuple[int, int, int, int], held: Mapping[str, Any]) -> Code:
        arrays = self.by_layer[layer.name]
        m, c, r, s = (int(step) for step in held["block"])
        scale = Scale(arrays["scale"].astype(np.float64), (m, c, r, s), str(held["grain"]))
        codes = arrays["code"].astype(np.int64)
        if codes.shape != shape or scale.over(shape).shape != shape:
            raise ValueError
        if held["kind"] == "binary":
            return Binary(codes > 0, scale)
        zero = arrays.get("zero_point", np.zeros((1, 1, 1, 1))).astype(np.int64)
        return Uniform(codes, scale, int(held["bits"]), bool(held["signed"]), zero)

    def _norm(self, layer: Layer) -> NormParameters | None:
        channels = (layer.output_shape[0],)
        given = self.by_layer.get(layer.name, {})
        missing = [what for what in NORM if what not in given]
        if missing:
            self._wrong(f"{layer.name}.{missing[0]}", f"is missing; expected an array of shape {channels}")
            return None
        parts = [self._array(layer, what, channels) for what in NORM]
        if any(part is None for part in parts):
            return None
        gamma, beta, mean, variance = (np.asarray(part, np.float64) for part in parts)
        if variance.size and variance.min() < 0:
            self._wrong(f"{layer.name}.variance", "holds values below 0")
        epsilon = float(self.about.get("epsilons", {}).get(layer.name, 1e-5))
        return NormParameters(gamma, beta, mean, variance, epsilon)


def model_bytes(model: Model) -> bytes:
    """The archive of a model: the same bytes for the same model, whenever it is made.

    Weights whose code is neither ``Float``, ``Uniform`` (with zero on a level) nor ``Binary`` are written as values.
    """
    arrays: dict[str, Array] = {}
    weights: dict[str, Any] = {}
    for layer, parameters in model.layers():
        name, code = layer.name, parameters.weight
        arrays[f"{name}.weight"] = _exact(parameters.values())
        if parameters.bias is not None:
            arrays[f"{name}.bias"] = _exact(parameters.bias)
        midrise = isinstance(code, Uniform) and code.midrise
        if parameters.kept is None and isinstance(code, Uniform | Binary) and not midrise:
            held = code.integers() if isinstance(code, Binary) else code.codes
            arrays[f"{name}.code"], arrays[f"{name}.scale"] = _narrowest(held), code.scale.values
            weights[name] = {"kind": code.name, "block": list(code.scale.block), "grain": code.scale.grain}
            if isinstance(code, Uniform):
                weights[name] |= {"bits": code.bits, "signed": code.signed}
                if code.zero_point.any():
                    arrays[f"{name}.zero_point"] = code.zero_point
    for name, norm in model.norms.items():
        for what in NORM:
            arrays[f"{name}.{what}"] = _exact(getattr(norm, what))
    about = {
        "origin": model.origin,
        "real": model.real,
        "weights": weights,
        "epsilons": {name: norm.epsilon for name, norm in model.norms.items()},
        "activations": {name: asdict(code) for name, code in model.activations.items()},
    }
    arrays[ABOUT] = np.frombuffer(json.dumps(about, sort_keys=True).encode(), np.uint8)
    return _zipped(arrays)


def _zipped(arrays: Mapping[str, Array]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            held = io.BytesIO()
            np.lib.format.write_array(held, np.ascontiguousarray(array), allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, held.getvalue())
    return out.getvalue()


def _activation(held: Mapping[str, Any]) -> ActivationCode:
    fields = dict(held)
    if fields.get("limits") is not None:
        low, high = fields["limits"]
        fields["limits"] = (int(low), int(high))
    if fields.get("truncation") is not None:
        fields["truncation"] = Truncation(**fields["truncation"])
    return ActivationCode(**fields)


def _exact(values: Reals) -> Array:
    """In float32 where that loses nothing."""
    short = values.astype(np.float32)
    return short if np.array_equal(short.astype(np.float64), values) else values


def _narrowest(codes: npt.NDArray[np.int64]) -> Array:
    low, high = (int(codes.min()), int(codes.max())) if codes.size else (0, 0)
    kinds = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64)
    return codes.astype(next(k for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max))
