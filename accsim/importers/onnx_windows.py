"""ONNX operators with a window over height and width: convolutions, pools, padding before them, and LRN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from accsim.compress.model import LayerParameters
from accsim.importers.onnx_fold import axes
from accsim.importers.onnx_graph import Node
from accsim.importers.onnx_values import (
    Result,
    Unsupported,
    Value,
    finite,
    reals,
    weight_code,
)


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
    known = None if bias is None else finite(reals(bias.values.reshape(-1)), "bias")
    node.graph.parameters[out.layer] = LayerParameters(code, known, trained=trained)
    return out


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
