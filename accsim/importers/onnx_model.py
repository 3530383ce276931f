"""ONNX models: networks with their parameters, norms, and the codes of weights and feature maps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from accsim.compress.model import Model
from accsim.errors import InputError, suggest
from accsim.importers.onnx_file import File, read
from accsim.importers.onnx_graph import INPUT, Graph
from accsim.importers.onnx_nodes import read as read_node
from accsim.importers.onnx_schema import node_name
from accsim.importers.onnx_values import Unsupported, Value
from accsim.source import printable
from accsim.workload.layer import INT64_MAX
from accsim.workload.network import Network


def import_onnx(path: str | Path, *, batch: int = 1, bindings: Mapping[str, int] | None = None) -> Model:
    """Import an ONNX model.

    Every size is inferred anew from the input's shape, for one batch entry; the first axis of the input is the batch.

    Convolutions and fully connected layers have their weights, as integer codes with scales where a quantiser stands
    before them; a constant added behind them is their bias. Batch norms keep their values; a factor or shift per
    channel is a batch norm, or part of the one before it. A quantiser on a feature map is the code of the layer that
    gives it (``Model.activations``). Zero padding before a convolution or average pool becomes part of it.

    Args:
        path: of the model.
        batch: batch entries N, whatever the file says of the input's first axis.
        bindings: values for the names of the input's free sizes; the first axis' name binds the batch.

    Raises:
        InputError: the file cannot be read, a size is not bound, or nodes are not supported (each with its reason).
        AccsimError: the onnx package is not installed.
    """
    file = read(path)
    name, dims, sizes, numbers = _input(file, bindings or {}, batch)
    graph = Graph(file, sizes.get(INPUT, batch))
    shape = dims if len(dims) != 1 else (*dims, 1) if numbers else (*dims, 1, 1)
    graph.shapes[INPUT] = shape
    graph.tensors[name] = Value(INPUT, dims)

    def label(proto: Any) -> str:
        operator = proto.op_type if not proto.domain else f"{proto.domain}.{proto.op_type}"
        return f"{file.place}: node {printable(node_name(proto))!r} ({printable(operator)})"

    mistakes: list[str] = []
    unknown: set[str] = set()
    for proto in graph.nodes():
        if unknown.intersection(proto.input):
            unknown.update(proto.output)  # told already: it reads what a node with a mistake gives
            continue
        try:
            with np.errstate(all="ignore"):  # values that are not finite are refused where they are used
                made = read_node(graph.node(proto))
        except Unsupported as reason:
            mistakes.append(f"{label(proto)}: {reason}")
            unknown.update(proto.output)
            continue
        for output, value in zip(proto.output, made if isinstance(made, list) else [made], strict=False):
            graph.tensors[output] = value
    mistakes += [f"{file.place}: {sentence}" for sentence in graph.left_over()]
    if not mistakes and not graph.layers:
        mistakes.append(f"{file.place}: no layers: nothing is computed from the input")
    if mistakes:
        raise InputError(mistakes)
    network = Network(
        name=Path(path).stem,
        layers=tuple(graph.layers.values()),
        input_shape=shape,
        batch=graph.batch,
        description=_first_line(file.model.doc_string),
        source=f"ONNX model {Path(path).name}, operator set {file.opset}",
        bindings=tuple((bindings or {}).items()),
    )
    return Model(
        network,
        graph.parameters,
        graph.norms,
        graph.activations,
        layer_norms=graph.layer_norms,
        tables=graph.tables,
        slopes=graph.slopes,
        origin=f"trained: {file.place}",
        real=True,
    )


def _input(file: File, bindings: Mapping[str, int], batch: int) -> tuple[str, tuple[int, ...], dict[str, int], bool]:
    """The name and shape of the input, under ``"input"`` the batch, where a binding gives it, and whether it holds
    token numbers.
    """
    graph = file.model.graph
    stored = {proto.name for proto in graph.initializer}
    inputs = [entry for entry in graph.input if entry.name not in stored]
    if len(inputs) != 1:
        names = ", ".join(printable(entry.name) for entry in inputs[:6]) or "none"
        raise InputError([f"{file.place}: a model has one input, but this one has {len(inputs)}: {names}"])
    entry = inputs[0]
    label = f"{file.place}: input {printable(entry.name)!r}"
    axes = list(entry.type.tensor_type.shape.dim)
    if not 2 <= len(axes) <= 4:
        raise InputError([f"{label} has {len(axes)} axes; the batch and 1 to 3 others are expected"])
    free = [axis.dim_param for axis in axes if axis.dim_param]
    wrong = [
        f"{file.place}: has no free size {name!r}"
        f"{suggest(name, free) or ('; it has ' + ', '.join(free) if free else '; all its sizes are fixed')}"
        for name in bindings
        if name not in free
    ]
    dims = [_size(axis, bindings, label, position, wrong) for position, axis in enumerate(axes) if position]
    found = {INPUT: batch}
    if axes[0].dim_param in bindings:
        found[INPUT] = bindings[axes[0].dim_param]
    for size in (*bindings.values(), found[INPUT]):
        if not 1 <= size <= INT64_MAX:
            wrong.append(f"{file.place}: a size must be at least 1, got {size}")
    if wrong:
        raise InputError(wrong)
    return entry.name, tuple(dims), found, entry.type.tensor_type.elem_type in (6, 7)


def _size(axis: Any, bindings: Mapping[str, int], label: str, position: int, wrong: list[str]) -> int:
    if axis.dim_param:
        name = printable(axis.dim_param)
        if axis.dim_param not in bindings:
            wrong.append(f"{label}: size {name!r} is free; give it with --bind {name}=SIZE")
        return bindings.get(axis.dim_param, 1)
    if axis.dim_value < 1:
        wrong.append(f"{label}: its axis {position} has neither a size nor a name")
        return 1
    return int(axis.dim_value)


def _first_line(text: str) -> str:
    return printable(text.strip().splitlines()[0]) if text.strip() else ""
