"""ONNX operators on each word: batch norms, activations, softmax, sums and products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from accsim.compress.grain import Reals
from accsim.compress.model import NormParameters
from accsim.importers.onnx_fold import axes
from accsim.importers.onnx_graph import Node
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
        value = node.value()
        return node.graph.emit(node, name, [value], dims=value.dims, **options)

    return read


def leaky_relu(node: Node) -> Result:
    """LeakyRelu."""
    return activation("leaky_relu", slope=float(node.attributes.get("alpha", 0.01)))(node)


def prelu(node: Node) -> Result:
    """PRelu with one slope."""
    slope = node.constant(1)
    if slope is None or (slope.values != slope.values.flat[0]).any():
        raise Unsupported("slopes that differ between channels")
    return activation("leaky_relu", slope=float(slope.values.flat[0]))(node)


def hard_sigmoid(node: Node) -> Result:
    """HardSigmoid."""
    held = node.attributes
    made = activation("hard_sigmoid", slope=float(held.get("alpha", 0.2)), offset=float(held.get("beta", 0.5)))
    return made(node)


def gelu(node: Node) -> Result:
    """Gelu, exact."""
    if node.attributes.get("approximate", "none") != "none":
        raise Unsupported("the tanh form of gelu; only the exact one")
    return activation("gelu")(node)


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
    """Softmax over the channels of a vector or the last axis of a sequence."""
    value = node.value()
    rank = len(value.dims) + 1
    coerced = node.graph.file.opset < 13
    (axis,) = axes([int(node.attributes.get("axis", 1 if coerced else -1))], rank)
    vector = len(value.dims) != 2 and prod(value.dims) == value.dims[0] and axis == 1
    sequence = len(value.dims) == 2 and axis == 2
    if not (vector or sequence):
        raise Unsupported(f"softmax over axis {axis} of {rank}; only of vectors, or the last axis of sequences")
    return node.graph.emit(node, "softmax", [value], dims=value.dims)


def add(node: Node) -> Result:
    """Add, Sub and Sum: of feature maps, or a bias."""
    found = [node[i] for i in range(len(node.inputs))]
    known = [(i, f) for i, f in enumerate(found) if isinstance(f, Constant)]
    if not known:
        if node.operation == "Sub":
            raise Unsupported("a difference of feature maps")
        values = [node.value(i) for i in range(len(found))]
        if len(values) == 1:
            return values[0]
        return node.graph.emit(node, "add", values, dims=values[0].dims)
    if len(found) != 2:
        raise Unsupported("a sum of constants and feature maps")
    position, held = known[0]
    if node.operation == "Sub" and position == 0:
        raise Unsupported("a feature map is subtracted from a constant")
    value = node.value(1 - position)
    shift = _per_channel(held.values, value) * (-1.0 if node.operation == "Sub" else 1.0)
    return _biased(node, value, shift) or _affine(node, value, np.ones_like(shift), shift)


def multiply(node: Node) -> Result:
    """Mul and Div: of feature maps, or by a constant per channel."""
    first, second = node[0], node[1]
    if isinstance(first, Value) and isinstance(second, Value):
        if node.operation == "Div":
            raise Unsupported("a quotient of feature maps")
        a, b = node.value(0), node.value(1)
        if prod(a.dims) < prod(b.dims):
            a, b = b, a
        return node.graph.emit(node, "multiply", [a, b], dims=a.dims)
    if node.operation == "Div" and isinstance(first, Constant):
        raise Unsupported("a constant is divided by a feature map")
    value = node.value(1 if isinstance(first, Constant) else 0)
    held = node.constant(0 if isinstance(first, Constant) else 1)
    factor = _per_channel(np.ones(1) if held is None else held.values, value)
    if node.operation == "Div":
        if not factor.all():
            raise Unsupported("a division by zero")
        factor = 1.0 / factor
    return _affine(node, value, factor, np.zeros_like(factor))


def _per_channel(values: Array, value: Value) -> Reals:
    """A constant as one number per channel: per filter of an image or vector, per entry of a sequence."""
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
    if len(value.dims) == 2:
        raise Unsupported("a factor or shift of a sequence that is not the bias of a layer")
    if layer is not None and layer.kind is LayerKind.BATCH_NORM and value.sole and layer.name not in graph.activations:
        norm = graph.norms[layer.name]
        graph.norms[layer.name] = replace(norm, gamma=norm.gamma * factor, beta=norm.beta * factor + shift)
        return replace(value, sole=True)
    out = graph.emit(node, "batch_norm", [value], dims=value.dims)
    zeros, ones = np.zeros_like(factor), np.ones_like(factor)
    graph.norms[out.layer] = NormParameters(factor, shift, zeros, ones, 0.0)
    return out
