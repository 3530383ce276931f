"""Networks as YAML files that ``load_network`` reads back: one line per layer, every size a number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from accsim.errors import AccsimError
from accsim.workload.arguments import Option
from accsim.workload.layer import Layer, LayerKind, TensorStatistics
from accsim.workload.network import Network
from accsim.workload.operations import OPERATIONS


def network_yaml(network: Network) -> str:
    """The text of a network file in the form of ``accsim.workload.reader``.

    What is read back has the same layers. Named sizes and blocks have become numbers and single lines; the batch is
    not part of a network file.

    Raises:
        AccsimError: a layer does not say which operation made it, or layers that others read were cut away.
    """
    known = {"input", *(layer.name for layer in network.layers)}
    lines: list[str] = []
    for key, text in (("description", network.description), ("source", network.source)):
        if text:
            lines.append(f"{key}: {_flow(text)}")
    lines += [f"input: {_flow(list(network.input_shape))}", "layers:"]
    previous = "input"
    for layer in network.layers:
        missing = [name for name in layer.inputs if name not in known]
        if missing:
            raise AccsimError(f"layer {layer.name!r} reads {missing[0]!r}, which is not part of the network")
        lines.append(f"  - {_flow(layer.name)}: {_flow(_body(layer, previous))}")
        previous = layer.name
    return "\n".join((*lines, *_densities(network.layers))) + "\n"


def _body(layer: Layer, previous: str) -> dict[str, Any] | str:
    """The operation with the options that differ from their defaults."""
    operation, made = layer.made_by
    if operation not in OPERATIONS:
        raise AccsimError(f"layer {layer.name!r}: it does not say which operation made it, so it cannot be written")
    known, given = OPERATIONS[operation], dict(made)
    body: dict[str, Any] = {operation: None}
    if known.lists_inputs:
        body[operation] = list(layer.inputs)
    elif known.main is not None:
        body[operation] = _written(known.main[0], given[known.main[0]])
    for name, option in known.options.items():
        if name == "bias" and layer.kind in (LayerKind.CONV, LayerKind.FC):
            if not layer.bias_words:
                body["bias"] = False
        elif name in given and _differs(given[name], option):
            body[name] = _written(name, given[name])
    if not known.lists_inputs and layer.inputs and layer.inputs != (previous,):
        body["from"] = layer.inputs[0] if len(layer.inputs) == 1 else list(layer.inputs)
    return operation if body == {operation: None} else body


def _differs(value: object, option: Option) -> bool:
    return bool(value != option.default)


def _written(name: str, value: Any) -> Any:
    if name == "pad" and value is None:
        return "same"
    return list(value) if isinstance(value, tuple) else value


def _densities(layers: Iterable[Layer]) -> list[str]:
    tables: dict[str, dict[str, dict[str, float]]] = {}
    for layer in layers:
        known: tuple[tuple[str, TensorStatistics], ...] = (
            ("ifmap", layer.ifmap_statistics),
            ("weight", layer.weight_statistics),
            ("ofmap", layer.ofmap_statistics),
        )
        for operand, statistics in known:
            if statistics.density is not None:
                table = tables.setdefault(statistics.source or "not stated", {})
                table.setdefault(operand, {})[layer.name] = statistics.density
    if not tables:
        return []
    return ["densities:", *(f"  - {_flow({'source': source, **table})}" for source, table in tables.items())]


def _flow(value: object) -> str:
    """YAML on one line."""
    text = yaml.safe_dump([value], default_flow_style=True, width=10**9, sort_keys=False, allow_unicode=True)
    return text.strip()[1:-1]
