"""Products of two feature maps: attention scores, attended values, and plain products of sequences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accsim.importers.onnx_graph import Node
from accsim.importers.onnx_rows import settled
from accsim.importers.onnx_values import Array, Unsupported, Value
from accsim.importers.onnx_views import BATCH, Atom, Axes, size_of

MASKED = -1e4
"""What masks of exporters put before the softmax of a key that is not seen, or less: exp(-1e4) is 0 in float64."""


def product(node: Node) -> Value:
    """MatMul of two feature maps.

    Queries [batch, heads, tokens, d] times keys [batch, heads, d, tokens] are ``query_key``, its result times values
    [batch, heads, tokens, d] ``attention_value``; leading axes may be merged. Other products are of sequences
    [batch, rows, columns].
    """
    first, second = node.addressed(0, scaled=True), node.addressed(1, scaled=True)
    graph = node.graph
    a, b = graph.axes(first), graph.axes(second)
    shapes = graph.shapes[first.layer], graph.shapes[second.layer]
    if len(a) == len(b) >= 3 and _is_scores(node, first) and len(shapes[1]) == 2:
        return _attended(node, first, second)
    if len(a) == len(b) >= 3 and len(shapes[0]) == len(shapes[1]) == 2 and a[-1] == b[-2]:
        heads = _heads(a, shapes[0][1])
        same = shapes[0][1] == shapes[1][1] and a[:-2] == b[:-2]
        tokens = a[-2] == _tokens(shapes[0]) and b[-1] == _tokens(shapes[1])
        keyed = b[-2] != _tokens(shapes[1]) or shapes[1][0] == 1
        if heads is not None and same and tokens and keyed:
            return _scores(node, first, second, heads, a)
    first, second = node.value(), node.value(1)
    if len(first.dims) != 2 or len(second.dims) != 2:
        raise Unsupported("a product of two feature maps that are not [batch, rows, columns]")
    return graph.emit(node, "matmul", [first, second])


def _is_scores(node: Node, value: Value) -> bool:
    """Whether a feature map has the shape of scores and comes from them."""
    layer = node.graph.layers.get(value.layer)
    while layer is not None and layer.kind.value in ("softmax", "activation", "reshape") and layer.inputs:
        layer = node.graph.layers.get(layer.inputs[0])
    return layer is not None and layer.operation == "query_key"


def _tokens(shape: tuple[int, ...]) -> tuple[Atom, ...]:
    return (Atom(1, shape[0]),) if shape[0] > 1 else ()


def _heads(axes: Axes, width: int) -> int | None:
    """How many heads the leading axes have; ``None`` if they hold anything but the batch and the heads."""
    leading = [atom for axis in axes[:-2] for atom in axis if atom.source != BATCH]
    depth = size_of(axes[-1])
    if width % depth:
        return None
    heads = width // depth
    return heads if leading == ([Atom(2, heads, depth)] if heads > 1 else []) else None


def _scores(node: Node, first: Value, second: Value, heads: int, axes: Axes) -> Value:
    stored = [replace(value, view=None, factor=1.0) for value in (first, second)]
    out = node.graph.emit(node, "query_key", stored, heads=heads, scale=first.factor * second.factor)
    _, queries, keys = out.dims
    leading = tuple(tuple(a if a.source == BATCH else Atom(1, heads) for a in axis) for axis in axes[:-2])
    last = tuple((Atom(i, size),) if size > 1 else () for i, size in ((2, queries), (3, keys)))
    return settled(node, out, (*leading, *last))


def _attended(node: Node, first: Value, second: Value) -> Value:
    graph = node.graph
    a, b = graph.axes(first), graph.axes(second)
    (heads, queries, keys), (tokens, width) = graph.shapes[first.layer], graph.shapes[second.layer]
    of_scores = tuple((Atom(i, size),) if size > 1 else () for i, size in ((2, queries), (3, keys)))
    if first.factor != 1.0 or second.factor != 1.0:
        raise Unsupported("attended values that are multiplied by a constant")
    depth = width // heads
    lead = tuple(tuple(x if x.source == BATCH else Atom(2, heads, depth) for x in axis) for axis in a[:-2])
    fits = a[-2:] == of_scores and lead == b[:-2] and b[-2] == ((Atom(1, tokens),) if tokens > 1 else ())
    if not fits or width % heads or tokens != keys or _heads(b, width) != heads:
        raise Unsupported("a product of attention scores with something other than their values, head by head")
    out = graph.emit(node, "attention_value", [replace(v, view=None) for v in (first, second)], heads=heads)
    last = ((Atom(1, queries),) if queries > 1 else ()), ((Atom(2, depth),) if depth > 1 else ())
    return settled(node, out, (*lead, *last))


def scaled(node: Node, value: Value, factor: float) -> Value:
    """A feature map multiplied by one number, which the layer that gives it takes over, or one behind it will."""
    graph = node.graph
    layer = graph.layers.get(value.layer)
    if layer is not None and layer.operation == "query_key" and value.sole and value.layer not in graph.activations:
        graph.remake(layer.name, scale=dict(layer.made_by[1])["scale"] * factor)
        return replace(value, sole=True)
    if layer is not None and layer.name in graph.tables and value.sole and value.layer not in graph.activations:
        graph.tables[layer.name] = graph.tables[layer.name] * factor
        return replace(value, sole=True)
    return replace(value, factor=value.factor * factor)


def masked(node: Node, value: Value, mask: Array) -> Value | None:
    """Scores with a constant added: nothing where all of it is 0, ``causal`` where it hides what is to come.

    Returns:
        ``None`` if these are no scores.

    Raises:
        Unsupported: another mask.
    """
    graph = node.graph
    layer = graph.layers.get(value.layer)
    if layer is None or layer.operation != "query_key":
        return None
    _, queries, keys = graph.shapes[value.layer]
    if not mask.any():
        return value
    if mask.ndim < 2 or mask.shape[-2:] != (queries, keys) or any(size != 1 for size in mask.shape[:-2]):
        raise Unsupported(f"a mask of shape {list(mask.shape)} on scores of {queries} queries and {keys} keys")
    seen = np.tri(queries, keys, keys - queries, dtype=np.bool_)
    hidden = mask.reshape(queries, keys)
    if hidden[seen].any() or (hidden[~seen] > MASKED).any():
        raise Unsupported("a mask of scores that is not causal")
    if not value.sole or value.layer in graph.activations:
        raise Unsupported("a mask of scores that are also read without it")
    graph.remake(layer.name, causal=True)
    return replace(value, sole=True)
