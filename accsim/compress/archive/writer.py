"""Models and compressed networks as archives."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from accsim.compress.archive.codes import Array, described
from accsim.compress.codes import Float
from accsim.compress.compressed import Compressed, require_values
from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters, Model
from accsim.compress.parameters import BIAS, LAYER_NORM, NORM, SLOPE, TABLE, WEIGHT
from accsim.npz import archive_bytes
from accsim.workload.writer import network_yaml

NETWORK, ABOUT, MASK = "network", "model", "mask"


def model_bytes(model: Model, *, with_network: bool = False, **more: Any) -> bytes:
    """The archive of a model: the same bytes for the same model, whenever it is made.

    Args:
        with_network: whether the network's file is written into it; else it belongs beside it.
        more: plain data to keep with the description.

    Raises:
        AccsimError: the network cannot be written as a file.
    """
    arrays: dict[str, Array] = {}
    layers: dict[str, Any] = {}
    for layer, parameters in model.layers():
        found, layers[layer.name] = _layer(parameters)
        arrays |= {f"{layer.name}.{what}": array for what, array in found.items()}
    for name, norm in model.norms.items():
        arrays |= {f"{name}.{what}": _exact(getattr(norm, what)) for what in NORM}
    for name, layer_norm in model.layer_norms.items():
        arrays |= {f"{name}.{what}": _exact(getattr(layer_norm, what)) for what in LAYER_NORM}
    arrays |= {f"{name}.{TABLE}": _exact(table) for name, table in model.tables.items()}
    arrays |= {f"{name}.{SLOPE}": _exact(slope) for name, slope in model.slopes.items()}
    about = {
        "origin": model.origin,
        "real": model.real,
        "layers": layers,
        "epsilons": {
            **{name: norm.epsilon for name, norm in model.norms.items()},
            **{name: norm.epsilon for name, norm in model.layer_norms.items()},
        },
        "activations": {name: asdict(code) for name, code in model.activations.items()},
        "accumulator_bits": dict(model.accumulator_bits),
        "passes": [asdict(one) for one in model.applied],
        **more,
    }
    arrays[ABOUT] = _text(json.dumps(about, sort_keys=True))
    if with_network:
        arrays[NETWORK] = _text(network_yaml(model.network))
    return archive_bytes(arrays)


def compressed_bytes(compressed: Compressed) -> bytes:
    """The archive of a compressed network, with its network and what was done to it.

    Raises:
        AccsimError: there are no weights, but only published figures.
    """
    model = require_values(compressed)
    encodings = {name: stored.encoding for name, stored in compressed.stored.items()}
    return model_bytes(
        model, with_network=True, name=model.network.name, encodings=encodings, recipe=_recipe(compressed)
    )


def _recipe(compressed: Compressed) -> dict[str, Any]:
    return {
        "name": compressed.recipe.name,
        "trained_bits": compressed.trained_bits,
        "layers": {
            name: {"code": s.code, "bits": s.bits, "encoding": s.encoding, "stored_bits": s.stored_bits}
            for name, s in compressed.stored.items()
        },
    }


def _layer(parameters: LayerParameters) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays of a layer's parameters, and what they do not say."""
    code, arrays = parameters.weight, dict[str, Array]()
    about: dict[str, Any] = {"grain": parameters.grain, "encoding": parameters.encoding}
    if isinstance(code, Float):
        arrays[WEIGHT] = _exact(code.weights)
        about["code"] = {"kind": code.name, "bits": code.bits}
    else:
        arrays[WEIGHT] = parameters.values().astype(np.float32)
        about["code"] = described(code, "", arrays)
    if parameters.kept is not None:
        arrays[MASK] = parameters.kept
    if parameters.bias is not None:
        arrays[BIAS] = _exact(parameters.bias)
    return arrays, about


def _exact(values: Reals) -> Array:
    """In float32 where that loses nothing."""
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    return short if np.array_equal(short.astype(np.float64), values) else values


def _text(text: str) -> Array:
    return np.frombuffer(text.encode(), np.uint8)
