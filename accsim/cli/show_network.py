"""A network, layer by layer."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from accsim.cli.console import Block, Column, Line, Table
from accsim.workload.layer import Geometry, Layer
from accsim.workload.network import Network


def plain(network: Network) -> dict[str, Any]:
    """The network as plain data; sizes are in words."""
    return {
        "name": network.name,
        "description": network.description,
        "source": network.source,
        "input_shape": list(network.input_shape),
        "batch": network.batch,
        "sizes": dict(network.bindings),
        "macs": network.macs,
        "weights": network.weight_words,
        "parameters": _parameters(network),
        "layers": [_layer(layer) for layer in network.layers],
    }


def blocks(network: Network) -> list[Block]:
    """What is printed."""
    sizes = ", ".join(f"{name} = {value}" for name, value in network.bindings)
    return [
        Line(f"{network.name}: {network.description}", "bold"),
        f"source: {network.source}",
        f"input:  {_shape(network.input_shape)}" + (f"; sizes: {sizes} (change with --bind)" if sizes else ""),
        f"layers: {len(network.layers)}, {len(network.mac_layers)} of them with MACs",
        "",
        _table(network),
        *_densities(network),
    ]


def _parameters(network: Network) -> int:
    return sum(layer.weight_words + layer.bias_words for layer in network.layers)


def _layer(layer: Layer) -> dict[str, Any]:
    statistics = {
        "ifmap": layer.ifmap_statistics, "weight": layer.weight_statistics, "ofmap": layer.ofmap_statistics
    }  # fmt: skip
    return {
        "name": layer.name,
        "kind": layer.kind.value,
        "operation": layer.operation,
        "inputs": list(layer.inputs),
        "input_shapes": [list(shape) for shape in layer.input_shapes],
        "output_shape": list(layer.output_shape),
        "macs": layer.macs,
        "weights": layer.weight_words,
        "bias": layer.bias_words,
        "window": list(layer.window),
        "loops": None if layer.geometry is None else asdict(layer.geometry),
        "densities": {
            name: {"density": known.density, "source": known.source}
            for name, known in statistics.items()
            if known.density is not None
        },
    }


def _table(network: Network) -> Block:
    layers, weights = network.layers, tuple(_count(layer.weight_words) for layer in network.layers)
    return Table(
        (
            Column("layer", tuple(layer.name for layer in layers), total="total", left=True),
            Column("kind", tuple(_kind(layer) for layer in layers), left=True),
            Column("input", tuple(" + ".join(map(_shape, layer.input_shapes)) for layer in layers)),
            Column("output", tuple(_shape(layer.output_shape) for layer in layers)),
            Column("window", tuple(_window(layer) for layer in layers)),
            Column("stride", tuple(_pair(layer, "stride_h", "stride_w") for layer in layers)),
            Column("pad", tuple(_padding(layer.geometry) for layer in layers)),
            Column("groups", tuple(str(g.G) if (g := layer.geometry) and g.G > 1 else "" for layer in layers)),
            Column("MACs", tuple(_count(layer.macs) for layer in layers), total=_count(network.macs)),
            Column("weights", weights, total=_count(network.weight_words)),
            Column(
                "parameters",
                tuple(_count(layer.weight_words + layer.bias_words) for layer in layers),
                total=_count(_parameters(network)),
            ),
            Column("reads", tuple(", ".join(layer.inputs) for layer in layers), left=True),
        )
    )


def _densities(network: Network) -> list[Block]:
    lines: dict[str, list[str]] = {}
    for layer in network.layers:
        for name, known in _layer(layer)["densities"].items():
            lines.setdefault(known["source"] or "", []).append(f"{layer.name} {name} {known['density']:g}")
    if not lines:
        return []
    head: list[Block] = ["", Line("densities (fraction of words that are not zero)", "bold")]
    return [*head, *(f"{', '.join(found)}: {source}" for source, found in lines.items())]


def _kind(layer: Layer) -> str:
    return f"{layer.kind.value} {layer.operation}".strip() if layer.operation != layer.kind.value else layer.operation


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "-"


def _window(layer: Layer) -> str:
    if layer.geometry is not None and layer.kind.value == "conv":
        return f"{layer.geometry.R}x{layer.geometry.S}"
    return f"{layer.window[0]}x{layer.window[1]}" if layer.window != (1, 1) else ""


def _pair(layer: Layer, first: str, second: str) -> str:
    if layer.geometry is None or layer.kind.value != "conv":
        return ""
    a, b = getattr(layer.geometry, first), getattr(layer.geometry, second)
    return str(a) if a == b else f"{a}x{b}"


def _padding(geometry: Geometry | None) -> str:
    if geometry is None:
        return ""
    sides = (geometry.pad_top, geometry.pad_bottom, geometry.pad_left, geometry.pad_right)
    if not any(sides):
        return ""
    return str(sides[0]) if len(set(sides)) == 1 else ",".join(map(str, sides))


def _count(words: int) -> str:
    return f"{words:,}" if words else ""
