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
    for bound in (_by_type, _rough, magnitude):  # the dearer, the closer
        largest = depth * bound(a) * bound(b)
        if largest < 2**31:
            return np.int32
    if largest >= 2**63:
        raise ValueError(f"sums of {depth} products of {a.dtype} and {b.dtype} may leave 64 bits")
    return np.int64


def magnitude(values: NDArray[Any]) -> int:
    """The largest absolute value of integers, 0 if there is none."""
    return max(-int(values.min()), int(values.max())) if values.size else 0


def _by_type(values: NDArray[Any]) -> int:
    info = np.iinfo(values.dtype)
    return max(-int(info.min), int(info.max)) if values.size else 0


def _rough(values: NDArray[Any]) -> int:
    """At most twice the largest, in one pass instead of two."""
    if not values.size or values.dtype == np.uint64:
        return _by_type(values)
    from accsim.kernels import ranges  # noqa: PLC0415

    return int(ranges.largest(np.ascontiguousarray(values).reshape(-1)))
