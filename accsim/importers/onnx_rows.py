"""What works on the last axis of a tensor, whatever stands before it: how layers read it, and their results' axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from accsim.importers.onnx_graph import Node
from accsim.importers.onnx_values import Unsupported, Value
from accsim.importers.onnx_views import BATCH, Atom, Axes, Axis, atoms_of, sizes_of, stored_axes


def settled(node: Node, value: Value, axes: Axes) -> Value:
    """A feature map seen under these axes: as it is stored where they say that, else with a layer or a view.

    Pixels behind each other with their channels last are ``tokens``; all words in a row are ``flatten``; the channels
    of groups in turn are a ``shuffle``.
    """
    graph = node.graph
    shape = graph.shapes[value.layer]
    stored = stored_axes(shape, graph.batch)
    dims = sizes_of(axes)[1:]
    plain = replace(value, dims=shape, view=None)
    seen = replace(value, dims=dims, view=axes)
    if not axes or axes[0] != stored[0] or value.factor != 1.0:
        return seen
    if atoms_of(axes) == atoms_of(stored):
        return _in_order(node, plain, shape, dims, seen)
    if len(shape) == 3 and atoms_of(axes) == atoms_of((stored[0], *stored[2:], stored[1])):
        return node.graph.emit(node, "tokens", [plain]) if dims == (shape[1] * shape[2], shape[0]) else seen
    if len(shape) == 3 and dims == shape and axes[2:] == stored[2:] and len(axes[1]) == 2:
        return node.graph.emit(node, "shuffle", [plain], groups=axes[1][1].size)
    return seen


def _in_order(node: Node, plain: Value, shape: tuple[int, ...], dims: tuple[int, ...], seen: Value) -> Value:
    vector = prod(shape) == max(shape)
    if dims == shape:
        return plain
    if vector and (len(dims) == 1 or (len(shape) == 3 and len(dims) == 3 and dims[1:] == (1, 1))):
        return replace(plain, dims=dims)
    if len(dims) == 1:
        return node.graph.emit(node, "flatten", [plain], dims=dims)
    if len(shape) == 3 and shape[0] == 1 and dims == shape[1:] and _is_scores(node, plain):
        return replace(plain, dims=dims)
    return seen


def _is_scores(node: Node, value: Value) -> bool:
    layer = node.graph.layers.get(value.layer)
    return layer is not None and layer.operation == "query_key"


def rows(node: Node, position: int = 0) -> tuple[Value, Axes]:
    """A sequence whose width is the tensor's last axis, with all axes; of pixels with their channels last, tokens.

    Raises:
        Unsupported: the last axis is not the whole width.
    """
    value = node.addressed(position)
    axes = node.graph.axes(value)
    shape = node.graph.shapes[value.layer]
    if value.view is not None and len(shape) == 3 and axes[-1] == _whole(1, shape[0]):
        stored = replace(value, dims=shape, view=None)
        value = node.graph.emit(node, "tokens", [stored])
        axes = tuple(tuple(_of_pixels(atom, shape) for atom in axis) for axis in axes)
        shape = value.dims
    if len(shape) == 2 and axes[-1] != _whole(2, shape[1]):
        raise Unsupported(f"the last axis of [batch, {', '.join(map(str, value.dims))}] is not the width of a sequence")
    return replace(value, view=None), axes


def _whole(source: int, size: int) -> Axis:
    return (Atom(source, size),) if size > 1 else ()


def _of_pixels(atom: Atom, shape: Sequence[int]) -> Atom:
    """An atom of an image as one of its tokens, row by row."""
    match atom.source:
        case 1:
            return replace(atom, source=2)
        case 2:
            return Atom(1, atom.size, atom.step * shape[2])
        case 3:
            return replace(atom, source=1)
        case _:
            return atom


def with_width(axes: Axes, width: int) -> Axes:
    """The axes with another last one."""
    return (*axes[:-1], _whole(2, width))


def is_batch_first(axes: Axes, batch: int) -> bool:
    """Whether the first axis is the batch and nothing else."""
    return bool(axes) and axes[0] == ((Atom(BATCH, batch),) if batch > 1 else ())
