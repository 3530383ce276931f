"""What each ONNX operator becomes: one function per operator, from a node to what is known of its output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters, NormParameters
from accsim.importers.onnx_fold import axes, constant_of_shape, fold
from accsim.importers.onnx_graph import Node, entry_shape
from accsim.importers.onnx_values import Array, Constant, Unsupported, Value, reals, weight_code
from accsim.workload.layer import LayerKind

Result = Value | Constant


def constant(node: Node) -> Result:
    """Constant."""
    held = node.attributes
    if "value" in held:
        return node.graph.decoded(held["value"])
    for name, kind in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64),
                       ("value_ints", np.int64)):  # fmt: skip
        if name in held:
            return Constant(np.asarray(held[name], kind))
    raise Unsupported("it holds no numbers")


def filled(node: Node) -> Result:
    """ConstantOfShape."""
    shape = node.constant(0)
    if shape is None:
        raise Unsupported("its shape is missing")
    fill = node.graph.decoded(node.attributes["value"]).values if "value" in node.attributes else None
    return Constant(constant_of_shape(shape.values, fill))


def shape_of(node: Node) -> Result:
    """Shape, of a feature map with the batch that is bound."""
    found = node[0]
    sizes = (node.graph.batch, *found.dims) if isinstance(found, Value) else found.values.shape
    end = node.attributes.get("end", len(sizes))
    return Constant(np.asarray(sizes[node.attributes.get("start", 0) : end], np.int64))


def conv(node: Node) -> Result:
    """Conv: padding of a Pad node before it is folded in."""
    found, weight, bias = node[0], node.constant(1), node.constant(2)
    if not isinstance(found, Value) or weight is None:
        raise Unsupported("it must read a feature map and constant weights")
    pads = found.pads or (0, 0, 0, 0)
    value = replace(found, pads=None)
    if not value.plain:
        return node.value()
    if len(value.dims) != 3 or weight.values.ndim != 4:
        raise Unsupported(f"a convolution over {weight.values.ndim - 2} axes; only height and width are supported")
    filters, depth, r, s = (int(size) for size in weight.values.shape)
    groups = int(node.attributes.get("group", 1))
    if groups < 1 or value.dims[0] != groups * depth:
        raise Unsupported(
            f"weights of {depth} channels in {groups} groups do not suit a map of {value.dims[0]} channels"
        )
    if tuple(node.ints("kernel_shape") or (r, s)) != (r, s):
        raise Unsupported(f"kernel_shape {node.ints('kernel_shape')} does not suit weights of {r} x {s}")
    stride, dilation = _pair(node, "strides"), _pair(node, "dilations")
    pad = _padding(node, value.dims, (r, s), stride, dilation)
    if found.pads is not None:
        pad = tuple(a + b for a, b in zip(pad or (0, 0, 0, 0), pads, strict=True)) if pad is not None else None
        if pad is None:
            raise Unsupported("auto_pad behind a Pad node")
    depthwise = groups == value.dims[0] and groups > 1
    options: dict[str, Any] = {"kernel": (r, s), "stride": stride, "pad": pad, "dilation": dilation}
    options["bias"] = bias is not None
    options |= {"multiplier": filters // groups} if depthwise else {"filters": filters, "groups": groups}
    code, trained = weight_code(weight, lambda a: a)
    out = node.graph.emit(node, "depthwise" if depthwise else "conv", [value], **options)
    known = None if bias is None else _finite(reals(bias.values.reshape(-1)), "bias")
    node.graph.parameters[out.layer] = LayerParameters(code, known, trained=trained)
    return out


def gemm(node: Node) -> Result:
    """Gemm with constant weights: a fully connected layer."""
    if node.attributes.get("transA", 0):
        raise Unsupported("transA: the feature map is transposed")
    weight, bias = node.constant(1), node.constant(2)
    if weight is None or weight.values.ndim != 2:
        raise Unsupported("its weights must be a constant of 2 axes")
    weight = weight if node.attributes.get("transB", 0) else weight.moved(lambda a: a.T)
    alpha, beta = float(node.attributes.get("alpha", 1.0)), float(node.attributes.get("beta", 1.0))
    if alpha != 1.0:
        if weight.codes is not None:
            raise Unsupported(f"alpha {alpha:g} on quantised weights")
        weight = Constant(reals(weight.values) * alpha)
    shift = None
    if bias is not None:
        outputs = weight.values.shape[0]
        if bias.values.size not in (1, outputs) or bias.values.shape[-1:] not in ((), (1,), (outputs,)):
            raise Unsupported(f"a bias of shape {list(bias.values.shape)} for {outputs} outputs")
        shift = np.broadcast_to(reals(bias.values.reshape(-1)) * beta, (outputs,))
    return _fully_connected(node, weight, shift)


def matmul(node: Node) -> Result:
    """MatMul with constant weights, or of two sequences."""
    second = node[1]
    if isinstance(second, Value):
        first, second = node.value(), node.value(1)
        if len(first.dims) != 2 or len(second.dims) != 2:
            raise Unsupported("a product of two feature maps that are not [batch, rows, columns]")
        return node.graph.emit(node, "matmul", [first, second])
    if second.values.ndim != 2:
        raise Unsupported(f"weights of {second.values.ndim} axes; they have 2")
    return _fully_connected(node, second.moved(lambda a: a.T), None)


def _fully_connected(node: Node, weight: Constant, bias: Reals | None) -> Result:
    """``weight`` is [outputs, inputs]."""
    value = node.value()
    outputs, width = (int(size) for size in weight.values.shape)
    if len(value.dims) > 2:
        raise Unsupported(f"it reads [batch, {', '.join(map(str, value.dims))}]; only vectors and sequences")
    if value.dims[-1] != width:
        raise Unsupported(f"weights of {width} inputs do not suit a map of {value.dims[-1]}")
    code, trained = weight_code(weight, lambda a: a[:, :, None, None])
    dims = (*value.dims[:-1], outputs)
    out = node.graph.emit(node, "fc", [value], dims=dims, outputs=outputs, bias=bias is not None)
    known = None if bias is None else _finite(bias, "bias")
    node.graph.parameters[out.layer] = LayerParameters(code, known, trained=trained)
    return out


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
        parts.append(_finite(reals(known.values.reshape(-1)), what))
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
    from accsim.importers.onnx_values import Pending, width_of  # noqa: PLC0415

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


def pool(kind: str) -> Callable[[Node], Result]:
    """MaxPool and AveragePool."""

    def read(node: Node) -> Result:
        found = node[0]
        before = found.pads if isinstance(found, Value) else None
        counted = bool(node.attributes.get("count_include_pad", 0))
        if before is not None and kind == "average" and isinstance(found, Value):
            value = replace(found, pads=None)
        else:
            before, value = None, node.image()
        window = node.ints("kernel_shape") or []
        if len(window) != 2 or len(value.dims) != 3:
            raise Unsupported(f"a window over {len(window)} axes; only height and width are supported")
        if _pair(node, "dilations") != (1, 1):
            raise Unsupported("a window with holes (dilations)")
        if node.attributes.get("storage_order", 0) or (len(node.outputs) > 1 and node.graph.uses[node.outputs[1]]):
            raise Unsupported("the places of the maxima are asked for")
        stride, taps = _pair(node, "strides"), (window[0], window[1])
        pad = _padding(node, value.dims, taps, stride, (1, 1))
        if before is not None:
            if pad is None or (any(pad) and not counted):
                raise Unsupported("padding that counts behind padding that does not")
            pad, counted = tuple(a + b for a, b in zip(pad, before, strict=True)), True
        options: dict[str, Any] = {"window": taps, "stride": stride, "pad": pad}
        options["ceil"] = bool(node.attributes.get("ceil_mode", 0))
        if kind == "average":
            options["count_pad"] = counted
        return node.graph.emit(node, f"{kind}_pool", [value], **options)

    return read


def global_average(node: Node) -> Result:
    """GlobalAveragePool, and ReduceMean over height and width."""
    value = node.image()
    keep = True
    if node.operation == "ReduceMean":
        over = axes(node.ints("axes", 1) or [], 4)
        if sorted(over) != [2, 3]:
            raise Unsupported(f"a mean over axes {list(over)}; only over height and width")
        keep = bool(node.attributes.get("keepdims", 1))
    out = node.graph.emit(node, "global_average_pool", [value])
    return out if keep else replace(out, dims=out.dims[:1])


def global_max(node: Node) -> Result:
    """GlobalMaxPool."""
    value = node.image()
    return node.graph.emit(node, "max_pool", [value], window=value.dims[1:])


def lrn(node: Node) -> Result:
    """LRN."""
    held, size = node.attributes, int(node.attributes.get("size", 0))
    alpha, beta, bias = (float(held.get(n, d)) for n, d in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))
    return node.graph.emit(node, "lrn", [node.image()], window=size, alpha=alpha, beta=beta, bias=bias)


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
    return np.broadcast_to(_finite(reals(values).reshape(-1), "constant"), (value.dims[axis],)).copy()


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


def concat(node: Node) -> Result:
    """Concat along channels or tokens."""
    values = [node.value(i) for i in range(len(node.inputs))]
    rank = len(values[0].dims)
    (axis,) = axes([int(node.attributes.get("axis", 1))], rank + 1)
    if any(len(v.dims) != rank for v in values) or (axis != 1 and not (rank == 2 and axis == 2)):
        raise Unsupported(f"a concatenation along axis {axis} of {rank + 1}; only along channels or tokens")
    along = "tokens" if rank == 2 and axis == 1 else "channels"
    joined = sum(v.dims[axis - 1] for v in values)
    dims = (*values[0].dims[: axis - 1], joined, *values[0].dims[axis:])
    if len(values) == 1:
        return values[0]
    return node.graph.emit(node, "concat", values, dims=dims, axis=along)


def reshape(node: Node) -> Result:
    """Reshape, Flatten, Squeeze and Unsqueeze of feature maps."""
    found = node[0]
    if isinstance(found, Value) and found.turned is not None:
        return _untangled(node, found)
    value = node.value()
    rank = len(value.dims) + 1
    match node.operation:
        case "Flatten":
            if axes([int(node.attributes.get("axis", 1))], rank + 1) != (1,):
                raise Unsupported("it flattens the batch too")
            dims: tuple[int, ...] = (prod(value.dims),)
        case "Squeeze":
            over = node.ints("axes", 1)
            gone = axes(over, rank) if over else tuple(i for i in range(1, rank) if value.dims[i - 1] == 1)
            if 0 in gone or any(value.dims[i - 1] != 1 for i in gone):
                raise Unsupported(f"it takes axes {list(gone)} away")
            dims = tuple(size for i, size in enumerate(value.dims, 1) if i not in gone)
        case "Unsqueeze":
            wanted = node.ints("axes", 1) or []
            places = axes(wanted, rank + len(wanted))
            if 0 in places:
                raise Unsupported("it puts an axis before the batch")
            rest = iter(value.dims)
            dims = tuple(1 if i in places else next(rest) for i in range(1, rank + len(wanted)))
        case _:
            dims = entry_shape(value, node.ints("shape", 1) or [], node.graph.batch)
    return _shaped(node, value, dims)


def _shaped(node: Node, value: Value, dims: tuple[int, ...]) -> Value:
    if dims == value.dims:
        return value
    stored = node.graph.shapes[value.layer]
    vector = len(stored) == 3 and stored[1:] == (1, 1)
    if len(dims) == 1:
        return replace(value, dims=dims) if vector else node.graph.emit(node, "flatten", [value], dims=dims)
    if vector and len(dims) == 3 and dims[1:] == (1, 1):
        return replace(value, dims=dims)
    return replace(value, dims=dims, turned=tuple(range(len(dims))))


def _untangled(node: Node, found: Value) -> Value:
    """The last of Reshape, Transpose, Reshape: a channel shuffle."""
    stored = node.graph.shapes[found.layer]
    dims = entry_shape(found, node.ints("shape", 1) or [], node.graph.batch)
    plain = replace(found, dims=stored, turned=None, sole=node.graph.sole(node.inputs[0]))
    if found.turned == tuple(range(len(found.dims))):
        return _shaped(node, plain, dims)
    if len(stored) == 3 and dims == stored and found.turned == (1, 0, 2, 3) and found.dims[2:] == stored[1:]:
        return node.graph.emit(node, "shuffle", [plain], groups=found.dims[1])
    raise Unsupported(f"a transposition that is no channel shuffle, from {list(found.dims)} to {list(dims)}")


def transpose(node: Node) -> Result:
    """Transpose: nothing where only axes of size 1 move, tokens of an image, or part of a channel shuffle."""
    found = node[0]
    if not isinstance(found, Value) or found.pads is not None or found.pending is not None:
        return node.value()
    order = node.attributes.get("perm") or list(range(len(found.dims) + 1))[::-1]
    if order[0] != 0:
        raise Unsupported("it moves the batch")
    inner = tuple(int(i) - 1 for i in order[1:])
    dims = tuple(found.dims[i] for i in inner)
    sole = node.graph.sole(node.inputs[0])
    stored = node.graph.shapes[found.layer]
    if found.turned is None:
        if [i for i in inner if found.dims[i] != 1] == [i for i in range(len(inner)) if found.dims[i] != 1]:
            return _shaped(node, replace(found, sole=sole), dims)
        raise Unsupported("it moves the words of a feature map to another order of axes")
    if found.turned != tuple(range(len(found.dims))):
        raise Unsupported("it transposes twice")
    if inner == (1, 0) and len(stored) == 3 and found.dims == (stored[0], stored[1] * stored[2]):
        return node.graph.emit(node, "tokens", [replace(found, dims=stored, turned=None, sole=sole)])
    return replace(found, dims=dims, turned=inner, sole=sole)


def identity(node: Node) -> Result:
    """Identity, Dropout at inference, Cast of reals to reals."""
    found = node[0]
    if isinstance(found, Constant):
        return found
    if node.operation == "Cast" and node.attributes.get("to") not in (1, 10, 11, 16):
        raise Unsupported("it makes integers of a feature map")
    return replace(found, sole=node.graph.sole(node.inputs[0]))


def pad(node: Node) -> Result:
    """Pad with zeros around height and width; the layer behind it takes it over."""
    value = node.image()
    sizes = node.ints("pads" if "pads" in node.attributes else "paddings", 1) or []
    fill = node.constant(2)
    level = float(node.attributes.get("value", 0.0)) if fill is None else float(fill.values.reshape(-1)[0])
    if node.attributes.get("mode", "constant") != "constant" or level:
        raise Unsupported("padding with something other than zeros")
    if node.constant(3) is not None or len(sizes) != 8:
        raise Unsupported(f"padding of {len(sizes) // 2} axes; only an image's 4 are known")
    if any(sizes[i] for i in (0, 1, 4, 5)) or min(sizes) < 0:
        raise Unsupported("padding of batch or channels, or less than none")
    return replace(value, pads=(sizes[2], sizes[6], sizes[3], sizes[7])) if any(sizes) else value


def split(node: Node) -> list[Result]:
    """Split along channels or tokens: one slice for each output."""
    value = node.value()
    (axis,) = axes([int(node.attributes.get("axis", 0))], len(value.dims) + 1)
    if axis not in (1, 2) or (axis == 2 and len(value.dims) != 2):
        raise Unsupported(f"a split along axis {axis}; only along channels or tokens")
    whole = value.dims[axis - 1]
    sizes = node.ints("split", 1)
    if sizes is None:
        step = -(-whole // len(node.outputs))
        sizes = [min(step, whole - i * step) for i in range(len(node.outputs))]
    if sum(sizes) != whole or min(sizes) < 1:
        raise Unsupported(f"parts of {sizes} do not make {whole}")
    out: list[Result] = []
    at = 0
    for size in sizes:
        out.append(_cut(node, value, axis, at, at + size))
        at += size
    return out


def slice_(node: Node) -> Result:
    """Slice along channels or tokens."""
    value = node.value()
    starts, ends = node.ints("starts", 1) or [], node.ints("ends", 2) or []
    along = axes(node.ints("axes", 3) or list(range(len(starts))), len(value.dims) + 1)
    if any(step != 1 for step in node.ints("steps", 4) or []):
        raise Unsupported("a slice with steps")
    for axis, start, end in zip(along, starts, ends, strict=True):
        whole = value.dims[axis - 1] if axis else node.graph.batch
        first, last, _ = slice(start, end).indices(whole)
        if (first, last) == (0, whole):
            continue
        if axis not in (1, 2) or (axis == 2 and len(value.dims) != 2):
            raise Unsupported(f"a slice along axis {axis}; only along channels or tokens")
        value = _cut(node, value, axis, first, last)
    return value


def _cut(node: Node, value: Value, axis: int, first: int, last: int) -> Value:
    along = "tokens" if len(value.dims) == 2 and axis == 1 else "channels"
    dims = (*value.dims[: axis - 1], last - first, *value.dims[axis:])
    return node.graph.emit(node, "slice", [value], dims=dims, range=(first, last), axis=along)


def depth_to_space(node: Node) -> Result:
    """DepthToSpace."""
    order = node.attributes.get("mode", "DCR").lower()
    return node.graph.emit(node, "depth_to_space", [node.image()], block=int(node.attributes["blocksize"]), order=order)


def resize(node: Node) -> Result:
    """Resize and Upsample to a whole multiple by the nearest neighbour."""
    value = node.image()
    if node.attributes.get("mode", "nearest") != "nearest":
        raise Unsupported(f"interpolation {node.attributes.get('mode')!r}; only the nearest neighbour")
    late = node.operation == "Resize" and node.graph.file.opset > 10
    if "scales" in node.attributes:
        factors = [float(v) for v in node.attributes["scales"]]
    else:
        known, sizes = node.constant(2 if late else 1), node.constant(3) if late else None
        factors = [] if known is None else [float(v) for v in known.values.reshape(-1)]
        if not factors and sizes is not None:
            factors = [1.0, *(float(b) / a for a, b in zip(value.dims, sizes.values.reshape(-1)[1:], strict=True))]
    if len(factors) != 4 or factors[:2] != [1.0, 1.0] or any(f % 1 or f < 1 for f in factors):
        raise Unsupported(f"scales {factors}; only whole multiples of height and width")
    where = node.attributes.get("coordinate_transformation_mode", "half_pixel" if late else "asymmetric")
    nearest = node.attributes.get("nearest_mode", "round_prefer_floor" if late else "floor")
    if (where, nearest) != ("asymmetric", "floor") and where not in ("half_pixel", "pytorch_half_pixel"):
        raise Unsupported(f"coordinates {where!r} rounded by {nearest!r}")
    if where != "asymmetric" and not nearest.startswith("round"):
        raise Unsupported(f"coordinates {where!r} rounded by {nearest!r}")
    return node.graph.emit(node, "upsample", [value], factor=(int(factors[2]), int(factors[3])))


def folded(node: Node) -> Result:
    """A node on constants."""
    return fold(node.operation, [node.constant(i) for i in range(len(node.inputs))], node.attributes)


def _pair(node: Node, name: str) -> tuple[int, int]:
    sizes = node.ints(name) or [1, 1]
    if len(sizes) != 2 or min(sizes) < 1:
        raise Unsupported(f"{name} {sizes}; two sizes of at least 1 are expected")
    return sizes[0], sizes[1]


def _padding(
    node: Node, dims: tuple[int, ...], kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, ...] | None:
    """Zeros (top, bottom, left, right); ``None`` for SAME_UPPER, which is a network file's ``same``."""
    match node.attributes.get("auto_pad", "NOTSET"):
        case "SAME_UPPER":
            return None
        case "SAME_LOWER":
            sides: list[int] = []
            for size, taps, step, hole in zip(dims[1:], kernel, stride, dilation, strict=True):
                zeros = max((-(-size // step) - 1) * step + hole * (taps - 1) + 1 - size, 0)
                sides += [zeros - zeros // 2, zeros // 2]
            return tuple(sides)
        case "VALID":
            return 0, 0, 0, 0
        case "NOTSET":
            sizes = node.ints("pads") or [0, 0, 0, 0]
            if len(sizes) != 4 or min(sizes) < 0:
                raise Unsupported(f"pads {sizes}; four sizes of at least 0 are expected")
            return sizes[0], sizes[2], sizes[1], sizes[3]
        case other:
            raise Unsupported(f"auto_pad {other!r}")


def _finite(values: Reals, what: str) -> Reals:
    if not np.isfinite(values).all():
        raise Unsupported(f"its {what} holds values that are not finite")
    return values
