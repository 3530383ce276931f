"""ONNX operators that move words or only address them."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from accsim.importers.onnx_fold import axes
from accsim.importers.onnx_graph import Node, entry_shape
from accsim.importers.onnx_values import (
    Constant,
    Result,
    Unsupported,
    Value,
)


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
