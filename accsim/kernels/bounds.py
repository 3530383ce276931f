"""How wide sums have to be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def sum_type(a: NDArray[Any], b: NDArray[Any], depth: int) -> Any:
    """The type that holds every sum of ``depth`` products of an element of ``a`` and one of ``b``.

    int32 if the largest sum must fit, else int64; of floating-point numbers the wider type of the two.

    Raises:
        TypeError: integers with floating-point numbers, or other things.
        ValueError: integer sums that may leave 64 bits.
    """
    if not {a.dtype.kind, b.dtype.kind} <= set("iuf"):
        raise TypeError(f"operands hold integers or floating-point numbers, got {a.dtype} and {b.dtype}")
    if (a.dtype.kind == "f") != (b.dtype.kind == "f"):
        raise TypeError(f"integers go with integers, got {a.dtype} and {b.dtype}")
    if a.dtype.kind == "f":
        return np.float32 if a.dtype == b.dtype == np.float32 else np.float64
    if not (a.size and b.size and depth):
        return np.int32
    bound = depth * _by_type(a) * _by_type(b)
    if bound >= 2**31:
        bound = depth * bound_of(a) * bound_of(b)
    if bound >= 2**63:
        raise ValueError(f"sums of {depth} products of {a.dtype} and {b.dtype} may leave 64 bits")
    return np.int32 if bound < 2**31 else np.int64


def _by_type(values: NDArray[Any]) -> int:
    info = np.iinfo(values.dtype)
    return max(-int(info.min), int(info.max))


def bound_of(values: NDArray[Any]) -> int:
    """The largest absolute value of integers, or up to twice as much."""
    if not values.size:
        return 0
    if values.dtype == np.uint64 and int(values.max()) >= 2**63:
        return int(values.max())
    from accsim.kernels import ranges  # noqa: PLC0415

    return int(ranges.largest(np.ascontiguousarray(values).reshape(-1)))
