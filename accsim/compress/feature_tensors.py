"""What a run says of each layer's operands, in the form in which an estimate takes tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from accsim.compress.executor import Run, integer_weights
from accsim.compress.model import Model
from accsim.workload.layer import Layer, LayerKind
from accsim.workload.network import Network

Array = npt.NDArray[Any]


def tensors_of(model: Model, run: Run) -> dict[str, dict[str, Array]]:
    """Values by layer and operand: ``ifmap``, ``weight`` (``ifmap2`` of a product of two activations), ``ofmap``.

    Feature maps and weights that have codes are integers (code less zero point), so that 0 is 0; the others are
    float32. An output is taken as it is stored: behind the batch norms and activations that read the layer alone.
    """
    network, out = model.network, {}
    for layer in network.mac_layers:
        held = {"ifmap": _map(run, layer.inputs[0])}
        if layer.kind is LayerKind.MATMUL:
            held["ifmap2"] = _map(run, layer.inputs[1])
        elif layer.name in model.parameters:
            parts = integer_weights(model.parameters[layer.name])
            weights = model.parameters[layer.name].values() if parts is None else parts[0]
            held["weight"] = _narrow(weights)
        held["ofmap"] = _map(run, _stored(network, layer))
        out[layer.name] = held
    return out


def _stored(network: Network, layer: Layer) -> str:
    """The last of the layers that rewrite a layer's output on its way to storage."""
    at = layer.name
    while True:
        readers = [other for other in network.layers if at in other.inputs]
        if len(readers) != 1 or readers[0].kind not in (LayerKind.BATCH_NORM, LayerKind.ACTIVATION):
            return at
        at = readers[0].name


def _map(run: Run, name: str) -> Array:
    coded = run.codes.get(name)
    return _narrow(run.values[name] if coded is None else coded.codes - coded.code.zero_point)


def _narrow(values: Array) -> Array:
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    fits = not values.size or max(abs(int(values.min())), abs(int(values.max()))) < 2**31
    return values.astype(np.int32) if fits else values
