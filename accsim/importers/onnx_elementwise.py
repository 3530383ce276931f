"""ONNX operators on each word: batch norms, activations, softmax, sums and products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from accsim.compress.grain import Reals
from accsim.compress.model import LayerNormParameters, NormParameters
from accsim.importers.onnx_attention import masked, scaled
from accsim.importers.onnx_fold import axes
from accsim.importers.onnx_graph import Node
from accsim.importers.onnx_moves import parameter
from accsim.importers.onnx_rows import rows, settled
from accsim.importers.onnx_values import (
    Array,
    Constant,
    Pending,
    Result,
    Unsupported,
    Value,
    finite,
    reals,
    width_of,
)
from accsim.importers.onnx_views import Atom, Axes
from accsim.workload.layer import LayerKind


def batch_norm(node: Node) -> Result:
    """BatchNormalization at inference."""
    if node.attributes.get("training_mode", 0) or node.attributes.get("spatial", 1) == 0:
        raise Unsupported("only the inference form with one scale per channel is supported")
    value = node.value()
    if len(value.dims) == 2:
        raise Unsupported("it normalises a sequence; only images and vectors")
    channels = value.dims[0]
    parts = []
    for position, what in enumerate(("scale", "shift", "mean", "variance"), 1):
        known = node.constant(position)
        if known is None or known.values.size != channels:
            raise Unsupported(f"its {what} must be a constant of {channels} values")
        parts.append(finite(reals(known.values.reshape(-1)), what))
    if parts[3].min() < 0:
        raise Unsupported("its variance is negative")
    out = node.graph.emit(node, "batch_norm", [value], dims=value.dims)
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    node.graph.norms[out.layer] = NormParameters(parts[0], parts[1], parts[2], parts[3], epsilon)
    return out


def activation(name: str, **options: Any) -> Callable[[Node], Result]:
    """An activation whose constants are ``options``."""

    def read(node: Node) -> Result:
        value = node.addressed()
        return replace(node.graph.emit(node, name, [_stored(value)], **options), dims=value.dims, view=value.view)

    return read


def _stored(value: Value) -> Value:
    return replace(value, view=None)


def leaky_relu(node: Node) -> Result:
    """LeakyRelu."""
    return activation("leaky_relu", slope=float(node.attributes.get("alpha", 0.01)))(node)


def prelu(node: Node) -> Result:
    """PRelu with one slope, or one per channel."""
    slope, value = node.constant(1), node.value()
    if slope is None:
        raise Unsupported("its slopes are missing")
    held = finite(reals(slope.values), "slopes", "hold")
    slopes = held.reshape(-1)[:1] if held.size == 1 else _per_channel(held, value)
    out = node.graph.emit(node, "prelu", [value], dims=value.dims, slopes=slopes.size)
    node.graph.slopes[out.layer] = slopes.copy()
    return out


def hard_sigmoid(node: Node) -> Result:
    """HardSigmoid."""
    held = node.attributes
    made = activation("hard_sigmoid", slope=float(held.get("alpha", 0.2)), offset=float(held.get("beta", 0.5)))
    return made(node)


def gelu(node: Node) -> Result:
    """Gelu, exact or in its tanh form."""
    form = node.attributes.get("approximate", "none")
    if form not in ("none", "tanh"):
        raise Unsupported(f"approximate {form!r}")
    return activation("gelu" if form == "none" else "gelu_tanh")(node)


def clip(node: Node) -> Result:
    """Clip: of a feature map, or of codes between QuantizeLinear and DequantizeLinear."""
    low, high = (_bound(node, name, i) for i, name in enumerate(("min", "max"), 1))
    found = node[0]
    if found.pending is not None:
        p = found.pending
        low_code, high_code = max(p.low, int(max(low, -(2**40)))), min(p.high, int(min(high, 2**40)))
        if low_code >= high_code:
            raise Unsupported(f"it leaves no codes: {low:g} to {high:g}")
        narrowed = replace(p, low=low_code, high=high_code)
        if isinstance(found, Constant):
            held = np.clip(found.values, low_code, high_code)
            return Constant(held, None, found.width, narrowed)
        return replace(found, pending=narrowed, sole=node.graph.sole(node.inputs[0]))
    if isinstance(found, Constant):
        if found.width is not None:  # stored codes, of fewer bits than their type has
            return _narrowed(found, low, high)
        return Constant(np.clip(found.values, low, high))
    if (low, high) == (0.0, 6.0):
        return activation("relu6")(node)
    if (low, high) == (0.0, np.inf):
        return activation("relu")(node)
    if np.isinf(low) or np.isinf(high):
        raise Unsupported(f"it clips on one side: {low:g} to {high:g}")
    return activation("clip", low=low, high=high)(node)


def _narrowed(found: Constant, low: float, high: float) -> Constant:
    if np.isinf(low) or np.isinf(high):
        raise Unsupported("codes are clipped on one side")
    bits, signed, _ = width_of(int(low), int(high))
    one = np.zeros((), np.int64)
    held = np.clip(found.values, int(low), int(high))
    return Constant(held, None, (bits, signed), Pending(one, one, int(low), int(high)))


def _bound(node: Node, name: str, position: int) -> float:
    side = -np.inf if name == "min" else np.inf
    if name in node.attributes:
        held = float(node.attributes[name])
        return float(np.copysign(np.inf, held)) if abs(held) > 3.4e38 else held
    known = node.constant(position)
    if known is None:
        return side
    held = float(known.values.reshape(-1)[0])
    return float(np.copysign(np.inf, held)) if abs(held) > 3.4e38 else held


def softmax(node: Node) -> Result:
    """Softmax over the channels of a vector, or the last axis of a sequence or of attention scores."""
    value = node.addressed()
    graph = node.graph
    now, shape = graph.axes(value), graph.shapes[value.layer]
    coerced = graph.file.opset < 13
    (axis,) = axes([int(node.attributes.get("axis", 1 if coerced else -1))], len(now))
    vector = value.view is None and len(value.dims) != 2 and prod(value.dims) == value.dims[0] and axis == 1
    last = (Atom(len(shape), shape[-1]),) if shape[-1] > 1 else ()
    sequence = axis == len(now) - 1 and now[-1] == last and (len(shape) == 2 or _is_scores(node, value))
    if not (vector or sequence):
        raise Unsupported(
            f"softmax over axis {axis} of {len(now)}; only of vectors, or the last axis of sequences and scores"
        )
    return replace(graph.emit(node, "softmax", [_stored(value)]), dims=value.dims, view=value.view)


def _is_scores(node: Node, value: Value) -> bool:
    layer = node.graph.layers.get(value.layer)
    while layer is not None and layer.kind in (LayerKind.ACTIVATION, LayerKind.ADD, LayerKind.MULTIPLY):
        layer = node.graph.layers.get(layer.inputs[0])
    return layer is not None and layer.operation == "query_key"


def layer_norm(node: Node) -> Result:
    """LayerNormalization over the last axis."""
    value, now = rows(node)
    graph = node.graph
    (axis,) = axes([int(node.attributes.get("axis", -1))], len(now))
    if axis != len(now) - 1 or len(graph.shapes[value.layer]) != 2:
        raise Unsupported(f"a normalisation over axis {axis} of {len(now)}; only over the last axis of sequences")
    width = graph.shapes[value.layer][1]
    parts = []
    for position, (what, missing) in enumerate((("scale", 1.0), ("shift", 0.0)), 1):
        known = node.constant(position)
        if known is not None and known.values.size not in (1, width):
            raise Unsupported(f"its {what} must be a constant of {width} values")
        held = np.full(1, missing) if known is None else finite(reals(known.values.reshape(-1)), what)
        parts.append(np.broadcast_to(held, (width,)).copy())
    out = graph.emit(node, "layer_norm", [value])
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    graph.layer_norms[out.layer] = LayerNormParameters(parts[0], parts[1], epsilon)
    return settled(node, out, now)


def add(node: Node) -> Result:
    """Add, Sub and Sum: of feature maps, a bias, rows that depend on nothing, or a causal mask of scores."""
    found = [node[i] for i in range(len(node.inputs))]
    known = [(i, f) for i, f in enumerate(found) if isinstance(f, Constant)]
    if not known:
        if node.operation == "Sub":
            raise Unsupported("a difference of feature maps")
        values = [node.addressed(i) for i in range(len(found))]
        if len(values) == 1:
            return values[0]
        values = _alike(node, values)
        out = node.graph.emit(node, "add", [_stored(value) for value in values])
        return replace(out, dims=values[0].dims, view=values[0].view)
    if len(found) != 2:
        raise Unsupported("a sum of constants and feature maps")
    position, held = known[0]
    if node.operation == "Sub" and position == 0:
        raise Unsupported("a feature map is subtracted from a constant")
    value = node.addressed(1 - position)
    sign = -1.0 if node.operation == "Sub" else 1.0
    hidden = masked(node, value, held.values * sign)
    if hidden is not None:
        return hidden
    if _is_rows(held.values, value):
        learned = parameter(node, Constant(held.values * sign), 2)
        return node.graph.emit(node, "add", [value, learned], dims=value.dims)
    shift = _per_channel(held.values, value, node.graph.shapes[value.layer]) * sign
    return _biased(node, value, shift) or _affine(node, value, np.ones_like(shift), shift)


def _is_rows(values: Array, value: Value) -> bool:
    """Whether a constant has a row of its own for each token of a sequence that is stored as it is addressed."""
    held = values.shape[-2:]
    return value.view is None and len(value.dims) == 2 and value.dims[0] > 1 and held == value.dims


def _alike(node: Node, values: list[Value]) -> list[Value]:
    """Feature maps whose words lie in the same order: one that is seen otherwise is seen as it is stored."""
    seen = {node.graph.axes(value) for value in values}
    if len(seen) > 1:
        raise Unsupported("its feature maps have their words in different orders")
    return values


def where(node: Node) -> Result:
    """Where, of scores whose hidden ones are replaced by a large negative number: a causal mask."""
    value, seen, instead = node.addressed(1), node.constant(0), node.constant(2)
    if seen is None or instead is None or seen.values.dtype != np.bool_ or instead.values.size != 1:
        raise Unsupported("only scores of attention are picked by a constant mask")
    hidden = masked(node, value, np.where(seen.values, 0.0, min(float(instead.values.reshape(-1)[0]), 0.0)))
    if hidden is None:
        raise Unsupported("only scores of attention are picked by a constant mask")
    return hidden


def multiply(node: Node) -> Result:
    """Mul and Div: of feature maps, or by a constant per channel."""
    first, second = node[0], node[1]
    if isinstance(first, Value) and isinstance(second, Value):
        if node.operation == "Div":
            raise Unsupported("a quotient of feature maps")
        a, b = node.addressed(0), node.addressed(1)
        if prod(a.dims) < prod(b.dims):
            a, b = b, a
        if prod(a.dims) == prod(b.dims):
            a, b = _alike(node, [a, b])
        out = node.graph.emit(node, "multiply", [_stored(a), _stored(b)])
        return replace(out, dims=a.dims, view=a.view)
    if node.operation == "Div" and isinstance(first, Constant):
        raise Unsupported("a constant is divided by a feature map")
    position = 1 if isinstance(first, Constant) else 0
    value = node.addressed(position, scaled=True)
    held = node.constant(1 - position)
    shape = node.graph.shapes[value.layer]
    constant = np.ones(1) if held is None else held.values
    if node.operation == "Div" and not constant.all():
        raise Unsupported("a division by zero")
    if (
        constant.size == 1
        and value.layer not in node.graph.layer_norms
        and (len(shape) == 2 or _is_scores(node, value))
    ):
        factor = float(finite(reals(constant.reshape(-1)), "constant")[0])
        return scaled(node, value, 1.0 / factor if node.operation == "Div" else factor)
    factors = _per_channel(constant, node.addressed(position), shape)
    if node.operation == "Div":
        factors = 1.0 / factors
    return _affine(node, value, factors, np.zeros_like(factors))


def _per_channel(values: Array, value: Value, shape: tuple[int, ...] = ()) -> Reals:
    """A constant as one number per channel: per filter of an image or vector, per entry of a sequence."""
    if value.view is not None:
        if len(shape) == 2 and values.size == shape[1] == values.shape[-1] and _keeps_width(value.view, shape[1]):
            return finite(reals(values.reshape(-1)), "constant")
        raise Unsupported("a constant on axes that are no layer's")
    rank = len(value.dims)
    sizes = (*(1 for _ in range(rank - values.ndim)), *values.shape)
    if len(sizes) > rank:
        if any(size != 1 for size in sizes[: len(sizes) - rank]):
            raise Unsupported("a constant that differs between batch entries")
        sizes = sizes[len(sizes) - rank :]
    axis = rank - 1 if rank == 2 else 0
    if any(size != 1 for i, size in enumerate(sizes) if i != axis) or sizes[axis] not in (1, value.dims[axis]):
        raise Unsupported(f"a constant of shape {list(values.shape)}: only one number per channel is supported")
    return np.broadcast_to(finite(reals(values).reshape(-1), "constant"), (value.dims[axis],)).copy()


def _keeps_width(view: Axes, width: int) -> bool:
    return view[-1] == ((Atom(2, width),) if width > 1 else ())


def _biased(node: Node, value: Value, shift: Reals) -> Value | None:
    """A constant added to what a convolution or fully connected layer gives, as its bias."""
    graph = node.graph
    layer = graph.layers.get(value.layer)
    free = value.sole and value.layer not in graph.activations
    if layer is None or not free or layer.kind not in (LayerKind.CONV, LayerKind.FC):
        return None
    held = graph.parameters[layer.name]
    graph.parameters[layer.name] = replace(held, bias=shift if held.bias is None else held.bias + shift)
    if not layer.bias_words:
        graph.remake(layer.name, bias=True)
    return replace(value, sole=True)


def _affine(node: Node, value: Value, factor: Reals, shift: Reals) -> Value:
    """A factor and a shift per channel: part of the batch norm before it, or a batch norm of its own."""
    graph = node.graph
    layer = graph.layers.get(value.layer)
    if layer is not None and layer.name in graph.layer_norms and value.sole and layer.name not in graph.activations:
        held = graph.layer_norms[layer.name]
        changed = replace(held, gamma=held.gamma * factor, beta=held.beta * factor + shift)
        graph.layer_norms[layer.name] = changed
        return replace(value, sole=True)
    if len(graph.shapes[value.layer]) == 2:
        raise Unsupported("a factor or shift of a sequence that is not the bias of a layer")
    if layer is not None and layer.kind is LayerKind.BATCH_NORM and value.sole and layer.name not in graph.activations:
        norm = graph.norms[layer.name]
        graph.norms[layer.name] = replace(norm, gamma=norm.gamma * factor, beta=norm.beta * factor + shift)
        return replace(value, sole=True)
    if not value.plain:
        raise Unsupported("a factor or shift on axes that are no layer's")
    out = graph.emit(node, "batch_norm", [value], dims=value.dims)
    zeros, ones = np.zeros_like(factor), np.ones_like(factor)
    graph.norms[out.layer] = NormParameters(factor, shift, zeros, ones, 0.0)
    return out
