"""Nodes of an ONNX graph whose inputs are all known: shapes that are computed, weights that are moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from accsim.importers.onnx_values import Array, Constant, Unsupported
from accsim.workload.layer import INT64_MAX

LARGEST_RESULT = 2**28
"""Elements that arithmetic on constants may give; weights that are only moved are not bound by it."""

_DTYPES = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
    10: np.float16,
    11: np.float64,
}
_ELEMENTWISE: Mapping[str, Callable[..., Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Sqrt": np.sqrt, "Neg": np.negative, "Floor": np.floor,
    "Exp": np.exp, "Abs": np.abs, "Pow": np.power, "Equal": np.equal, "Less": np.less, "Greater": np.greater,
    "LessOrEqual": np.less_equal, "GreaterOrEqual": np.greater_equal, "Not": np.logical_not, "And": np.logical_and,
    "Or": np.logical_or, "Where": np.where, "Min": np.minimum, "Max": np.maximum, "Mod": np.mod,
}  # fmt: skip


def constant_of_shape(shape: Array, fill: Array | None) -> Array:
    """One value in every place, held once in memory."""
    sizes = [int(size) for size in shape.reshape(-1)]
    if any(size < 0 for size in sizes) or 8 * prod(sizes) > INT64_MAX:
        raise Unsupported(f"it makes a tensor of shape {sizes}")
    one = np.zeros((), np.float32) if fill is None else fill.reshape(-1)[0]
    return np.broadcast_to(one, sizes)


def reshaped(values: Array, shape: Sequence[int]) -> Array:
    """A constant in another shape; one repeated value stays one value in memory."""
    sizes = [values.shape[i] if size == 0 else size for i, size in enumerate(shape)]
    if sizes.count(-1) == 1:
        rest = prod(size for size in sizes if size != -1)
        sizes[sizes.index(-1)] = values.size // rest if rest else 0
    if prod(sizes) != values.size:
        raise Unsupported(f"a constant of shape {list(values.shape)} cannot take the shape {list(shape)}")
    if values.size > 1 and not any(values.strides):
        return np.broadcast_to(values.flat[0], sizes)
    return values.reshape(sizes)


def axes(values: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front."""
    if any(not -rank <= axis < rank for axis in values):
        raise Unsupported(f"an axis of {list(values)} is outside the tensor's {rank}")
    return tuple(axis % rank for axis in values)


def fold(operation: str, constants: Sequence[Constant | None], attributes: Mapping[str, Any]) -> Constant:
    """The result of a node on constants.

    Raises:
        Unsupported: the operation is not done on constants here, or not on constants of these shapes.
    """
    try:
        return _folded(operation, constants, attributes)
    except (
        ValueError,
        IndexError,
        TypeError,
        ZeroDivisionError,
        OverflowError,
    ):  # NumPy's, of operands that do not suit
        shapes = ", ".join(str(list(one.values.shape)) for one in constants if one is not None)
        raise Unsupported(f"its constants, of shapes {shapes}, do not suit {operation}") from None


def _folded(operation: str, constants: Sequence[Constant | None], attributes: Mapping[str, Any]) -> Constant:
    given = [constant for constant in constants if constant is not None]
    first = given[0]
    arrays = [constant.values for constant in given]

    def ints(name: str, position: int) -> list[int] | None:
        if name in attributes:
            return [int(v) for v in np.atleast_1d(attributes[name])]
        return [int(v) for v in arrays[position].reshape(-1)] if len(arrays) > position else None

    match operation:
        case "Identity" | "Dropout":
            return first
        case "Reshape":
            return first.moved(lambda a: reshaped(a, ints("shape", 1) or []))
        case "Transpose":
            order = attributes.get("perm") or list(range(first.values.ndim))[::-1]
            return first.moved(lambda a: a.transpose(order))
        case "Unsqueeze":
            wanted = ints("axes", 1) or []
            places = axes(wanted, first.values.ndim + len(wanted))
            return first.moved(lambda a: np.expand_dims(a, places))
        case "Squeeze":
            wanted = ints("axes", 1) or [i for i, size in enumerate(first.values.shape) if size == 1]
            places = axes(wanted, first.values.ndim)
            return first.moved(lambda a: np.squeeze(a, places))
        case "Flatten":
            axis = attributes.get("axis", 1)
            shape = [prod(first.values.shape[:axis]), -1]
            return first.moved(lambda a: reshaped(a, shape))
        case "Cast" if attributes.get("to") in _DTYPES:
            require_small(first.values.size)
            return Constant(first.values.astype(_DTYPES[attributes["to"]]))
        case "Gather":
            index = arrays[1].astype(np.int64)
            require_small(first.values.size * max(1, index.size))
            return Constant(np.take(first.values, index, axis=attributes.get("axis", 0)))
        case "Concat":
            require_small(sum(a.size for a in arrays))
            return Constant(np.concatenate(arrays, axis=attributes.get("axis", 0)))
        case "Expand":
            shape = [int(v) for v in arrays[1].reshape(-1)]
            sizes = np.broadcast_shapes(first.values.shape, tuple(shape))
            require_small(first.values.size if first.values.size == 1 else prod(sizes))
            return Constant(np.broadcast_to(first.values, sizes))
        case "Range":
            first_, end, step = (a.reshape(-1)[0] for a in arrays)
            require_small(int(max(0, -(-(end - first_) // step))) if step else LARGEST_RESULT + 1)
            return Constant(np.arange(first_, end, step, dtype=arrays[0].dtype))
        case "Trilu":
            require_small(first.values.size)
            keep = np.triu if attributes.get("upper", 1) else np.tril
            return Constant(keep(first.values, int(arrays[1].reshape(-1)[0]) if len(arrays) > 1 else 0))
        case "Slice":
            return Constant(_sliced(arrays, attributes))
        case "Div":
            require_small(prod(np.broadcast_shapes(arrays[0].shape, arrays[1].shape)))
            whole = arrays[0].dtype.kind in "iu"
            return Constant(arrays[0] // arrays[1] if whole else arrays[0] / arrays[1])
        case _ if operation in _ELEMENTWISE:
            require_small(prod(np.broadcast_shapes(*(a.shape for a in arrays))))
            return Constant(_ELEMENTWISE[operation](*arrays))
        case _:
            raise Unsupported(f"{operation} of constants is not worked out; fold constants before the export")


def require_small(size: int) -> None:
    """Refuse to work out a constant of more than ``LARGEST_RESULT`` values.

    Raises:
        Unsupported: it has more.
    """
    if size > LARGEST_RESULT:
        raise Unsupported(f"it makes a constant of {size} values; at most {LARGEST_RESULT} are worked out")


def _sliced(arrays: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    data = arrays[0]
    if "starts" in attributes:
        starts, ends = attributes["starts"], attributes["ends"]
        along, steps = attributes.get("axes"), None
    else:
        starts, ends = arrays[1].reshape(-1), arrays[2].reshape(-1)
        along = arrays[3].reshape(-1) if len(arrays) > 3 else None
        steps = arrays[4].reshape(-1) if len(arrays) > 4 else None
    chosen = [slice(None)] * data.ndim
    places = axes([int(a) for a in (range(len(starts)) if along is None else along)], data.ndim)
    for i, axis in enumerate(places):
        chosen[axis] = slice(int(starts[i]), int(ends[i]), 1 if steps is None else int(steps[i]))
    return data[tuple(chosen)]
