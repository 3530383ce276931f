"""ONNX operators that move words or only address them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accsim.importers.onnx_fold import axes as counted
from accsim.importers.onnx_graph import Node
from accsim.importers.onnx_rows import settled
from accsim.importers.onnx_values import (
    Constant,
    Result,
    Unsupported,
    Value,
    finite,
    reals,
)
from accsim.importers.onnx_views import BATCH, Atom, Axes, regrouped, reshaped_sizes, size_of, sizes_of


def concat(node: Node) -> Result:
    """Concat along channels or tokens; constant rows become rows that read nothing."""
    found = [node[i] for i in range(len(node.inputs))]
    first = next(value for value in found if isinstance(value, Value))
    rank = len(first.dims)
    (axis,) = counted([int(node.attributes.get("axis", 1))], rank + 1)
    values = [parameter(node, one, rank) if isinstance(one, Constant) else node.value(i) for i, one in enumerate(found)]
    if any(len(v.dims) != rank for v in values) or (axis != 1 and not (rank == 2 and axis == 2)):
        raise Unsupported(f"a concatenation along axis {axis} of {rank + 1}; only along channels or tokens")
    along = "tokens" if rank == 2 and axis == 1 else "channels"
    joined = sum(v.dims[axis - 1] for v in values)
    dims = (*values[0].dims[: axis - 1], joined, *values[0].dims[axis:])
    if len(values) == 1:
        return values[0]
    return node.graph.emit(node, "concat", values, dims=dims, axis=along)


def parameter(node: Node, constant: Constant, rank: int) -> Value:
    """Constant rows [rows, width], or the same for every batch entry, as a layer that reads nothing."""
    held = constant.values
    if rank != 2 or held.ndim not in (2, 3):
        raise Unsupported(f"a constant of shape {list(held.shape)}, where a sequence is expected")
    if held.ndim == 3:
        if len(held) not in (1, node.graph.batch) or (held != held[:1]).any():
            raise Unsupported("a constant that differs between batch entries")
        held = held[0]
    out = node.graph.emit(node, "parameter", [], shape=tuple(int(size) for size in held.shape))
    node.graph.tables[out.layer] = finite(reals(held), "constant")
    return out


def reshape(node: Node) -> Result:
    """Reshape, Flatten, Squeeze and Unsqueeze of feature maps."""
    value = node.addressed(scaled=True)
    now = node.graph.axes(value)
    rank = len(now)
    match node.operation:
        case "Flatten":
            if counted([int(node.attributes.get("axis", 1))], rank + 1) != (1,):
                raise Unsupported("it flattens the batch too")
            found: Axes | None = regrouped(now, (size_of(now[0]), -(-_words(now) // size_of(now[0]))))
        case "Squeeze":
            over = node.ints("axes", 1)
            gone = counted(over, rank) if over else tuple(i for i in range(1, rank) if not now[i])
            if any(now[i] for i in gone) or (0 in gone and value.view is None and node.graph.batch > 1):
                raise Unsupported(f"it takes axes {list(gone)} away")
            found = tuple(axis for i, axis in enumerate(now) if i not in gone)
        case "Unsqueeze":
            wanted = node.ints("axes", 1) or []
            places = counted(wanted, rank + len(wanted))
            rest = iter(now)
            found = tuple(() if i in places else next(rest) for i in range(rank + len(wanted)))
        case _:
            asked = node.ints("shape", 1) or []
            sizes = reshaped_sizes(now, asked, node.graph.batch)
            if not asked or sizes is None:
                words = _words(now) // node.graph.batch
                raise Unsupported(f"shape {asked} mixes the batch with the {words} words of each entry")
            found = regrouped(now, sizes)
    if found is None:
        raise Unsupported(f"it cuts the axes {list(sizes_of(now))} at no whole factor")
    return settled(node, value, found)


def _words(axes: Axes) -> int:
    out = 1
    for axis in axes:
        out *= size_of(axis)
    return out


def transpose(node: Node) -> Result:
    """Transpose: the same words in another order of axes, which a layer behind it may know."""
    value = node.addressed(scaled=True)
    now = node.graph.axes(value)
    order = [int(i) for i in node.attributes.get("perm") or range(len(now))[::-1]]
    if sorted(order) != list(range(len(now))):
        raise Unsupported(f"perm {order} is no order of {len(now)} axes")
    return settled(node, value, tuple(now[i] for i in order))


def identity(node: Node) -> Result:
    """Identity, Dropout at inference, Cast of reals to reals."""
    found = node[0]
    if isinstance(found, Constant):
        return found
    integers = len(node.graph.shapes[found.layer]) == 2 and node.graph.shapes[found.layer][1] == 1
    reals_or_numbers = (1, 10, 11, 16, 6, 7) if integers else (1, 10, 11, 16)
    if node.operation == "Cast" and node.attributes.get("to") not in reals_or_numbers:
        raise Unsupported("it makes integers of a feature map")
    return replace(found, sole=node.graph.sole(node.inputs[0]))


def split(node: Node) -> list[Result]:
    """Split along channels or tokens, or along a factor of them: one slice for each output."""
    value = node.addressed()
    now = node.graph.axes(value)
    (axis,) = counted([int(node.attributes.get("axis", 0))], len(now))
    whole = size_of(now[axis])
    sizes = node.ints("split", 1)
    if sizes is None:
        step = -(-whole // len(node.outputs))
        sizes = [min(step, whole - i * step) for i in range(len(node.outputs))]
    if sum(sizes) != whole or min(sizes) < 1:
        raise Unsupported(f"parts of {sizes} do not make {whole}")
    ends = np.cumsum(sizes)
    return [_cut(node, value, axis, int(end) - size, int(end)) for size, end in zip(sizes, ends, strict=True)]


def slice_(node: Node) -> Result:
    """Slice along channels or tokens."""
    value = node.addressed()
    now = node.graph.axes(value)
    starts, ends = node.ints("starts", 1) or [], node.ints("ends", 2) or []
    along = counted(node.ints("axes", 3) or list(range(len(starts))), len(now))
    if not len(starts) == len(ends) == len(along):
        raise Unsupported(f"{len(starts)} starts, {len(ends)} ends and {len(along)} axes")
    if any(step != 1 for step in node.ints("steps", 4) or []):
        raise Unsupported("a slice with steps")
    for axis, start, end in zip(along, starts, ends, strict=True):
        whole = size_of(node.graph.axes(value)[axis])
        first, last, _ = slice(start, end).indices(whole)
        if (first, last) != (0, whole):
            value = _cut(node, value, axis, first, last)
    return value


def gather(node: Node) -> Result:
    """Gather: rows of a table by token numbers, or places one behind the other of a feature map."""
    found = node[0]
    if isinstance(found, Constant):
        return _looked_up(node, found)
    value, index = node.addressed(), node.constant(1)
    now = node.graph.axes(value)
    (axis,) = counted([int(node.attributes.get("axis", 0))], len(now))
    places = [] if index is None else [int(i) for i in index.values.reshape(-1)]
    whole = size_of(now[axis])
    places = [place + whole if place < 0 else place for place in places]
    if index is None or not places or places != list(range(places[0], places[0] + len(places))) or places[-1] >= whole:
        raise Unsupported("it picks places that do not follow one another")
    out = value if len(places) == whole else _cut(node, value, axis, places[0], places[-1] + 1)
    if index.values.ndim == 1:
        return out
    left = node.graph.axes(out)
    return settled(node, out, tuple(one for i, one in enumerate(left) if i != axis))


def _looked_up(node: Node, table: Constant) -> Value:
    value = node.value(1)
    shape = node.graph.shapes[value.layer]
    if table.values.ndim != 2 or int(node.attributes.get("axis", 0)) != 0:
        raise Unsupported(f"it looks up in a table of shape {list(table.values.shape)}; tables have rows and a width")
    if len(shape) != 2 or shape[1] != 1:
        raise Unsupported("its indices must be one number per token")
    entries, width = (int(size) for size in table.values.shape)
    tokens = value.dims if len(value.dims) == 1 else value.dims[:1]
    out = node.graph.emit(node, "embedding", [value], dims=(*tokens, width), entries=entries, width=width)
    node.graph.tables[out.layer] = finite(reals(table.values), "table")
    return out


def _cut(node: Node, value: Value, axis: int, first: int, last: int) -> Value:
    """Some places of one axis, which must be the outer factor of what a layer stores."""
    graph = node.graph
    now, shape = graph.axes(value), graph.shapes[value.layer]
    one = now[axis][0] if len(now[axis]) == 1 else Atom(BATCH, 1)
    sliced = one.source == 1 or (one.source == 2 and len(shape) == 2)
    if first >= last or not sliced or one.size * one.step != shape[one.source - 1]:
        raise Unsupported(f"a slice along axis {axis}; only along channels or tokens")
    along = "tokens" if len(shape) == 2 and one.source == 1 else "channels"
    stored = replace(value, view=None)
    out = graph.emit(node, "slice", [stored], range=(first * one.step, last * one.step), axis=along)
    left = (Atom(one.source, last - first, one.step),) if last - first > 1 else ()
    return settled(node, out, (*now[:axis], left, *now[axis + 1 :]))


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
        if not factors and sizes is not None and sizes.values.size == 4:
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
