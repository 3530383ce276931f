"""Codes of weights as arrays and a description, and back: the parts of any code by the names of its attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from accsim.compress.codes import (
    Binary,
    Code,
    Codebook,
    Float,
    KernelCodebook,
    Outliers,
    Planes,
    PowerOfTwo,
    ProductCodebook,
    Ternary,
    Transformed,
    Uniform,
)
from accsim.compress.grain import Scale

Array = npt.NDArray[Any]
SCALE = "scale"
CODES: Mapping[str, type[Any]] = {
    kind.name: kind
    for kind in (
        Float, Uniform, Binary, Ternary, PowerOfTwo, Planes, Codebook, ProductCodebook, KernelCodebook, Outliers,
        Transformed,
    )
}  # fmt: skip
"""Every code by its name."""

LARGEST = 4096
"""Of any width or exponent that a code has; those of the smallest float64 are within it."""


class Unfit(Exception):
    """A description does not suit its arrays."""


def described(value: Any, name: str, arrays: dict[str, Array], seen: dict[int, str] | None = None) -> Any:
    """A code as plain data; its arrays are added to ``arrays`` under the names of its attributes.

    What is shared by two attributes (the scale of both signs) is written once.

    Args:
        name: of the attribute; empty for the code itself.
    """
    seen = {} if seen is None else seen
    match value:
        case np.ndarray():
            arrays[name] = narrowest(value)
            return {"array": name}
        case tuple():
            return [described(one, f"{name}.{i}", arrays, seen) for i, one in enumerate(value)]
        case _ if is_dataclass(value) and not isinstance(value, type):
            if id(value) in seen:
                return {"same": seen[id(value)]}
            seen[id(value)] = name
            kind = SCALE if isinstance(value, Scale) else value.name  # type: ignore[attr-defined]
            parts = {f.name: getattr(value, f.name) for f in fields(value)}
            if isinstance(value, Scale):
                arrays[name] = value.values
                return {
                    "kind": kind,
                    "array": name,
                    "block": list(value.block),
                    "grain": value.grain,
                    "bits": value.bits,
                }
            return {
                "kind": kind,
                **{n: described(p, f"{name}.{n}".lstrip("."), arrays, seen) for n, p in parts.items()},
            }
        case _:
            return value


def restored(about: Any, shape: tuple[int, ...], array: Callable[[str], Array]) -> Code:
    """The code that was described.

    Args:
        shape: of the weights.
        array: an array by the attribute's name.

    Raises:
        Unfit: the description and the arrays do not belong together, or not to weights of this shape.
    """
    try:
        found: Code = _object(about, shape, array, {}, "")
        if found.shape != shape or not np.isfinite(found.values()).all():
            raise Unfit
        symbols = found.symbols()
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Unfit from error  # raised by NumPy, and by constructors, of arrays that do not suit each other
    if symbols.size and found.values().shape != shape:
        raise Unfit
    return found


def _object(about: Any, shape: tuple[int, ...], array: Callable[[str], Array], made: dict[str, Any], name: str) -> Any:
    if not isinstance(about, dict) or not isinstance(about.get("kind"), str):
        raise Unfit
    if about["kind"] == SCALE:
        made[name] = _scale(about, shape, array)
        return made[name]
    kind = CODES.get(about["kind"])
    if kind is None or about.keys() - {"kind"} != {f.name for f in fields(kind)}:
        raise Unfit
    hints = get_type_hints(kind)
    parts: dict[str, Any] = {}
    for field in fields(kind):
        held, at = about[field.name], f"{name}.{field.name}".lstrip(".")
        parts[field.name] = _part(held, hints[field.name], shape, array, made, at)
    made[name] = kind(**parts)
    return made[name]


def _part(
    held: Any, hint: Any, shape: tuple[int, ...], array: Callable[[str], Array], made: dict[str, Any], name: str
) -> Any:
    """One attribute, of the type that the code says it has."""
    options = get_args(hint)
    if type(None) in options:
        if held is None:
            return None
        hint = next(option for option in options if option is not type(None))
    if hint in (bool, int, float, str):
        if type(held) is not hint or (hint is int and not -LARGEST <= held <= max(LARGEST, *shape)):
            raise Unfit
        return held
    found: Any
    if isinstance(held, dict) and held.keys() == {"array"}:
        found = _widened(array(name), hint)
    elif isinstance(held, dict) and held.keys() == {"same"}:
        found = made[held["same"]]
    elif isinstance(held, list):
        found = tuple(_object(one, shape, array, made, f"{name}.{i}") for i, one in enumerate(held))
    else:
        found = _object(held, shape, array, made, name)
    wanted = get_origin(hint) or hint
    if not isinstance(found, tuple(CODES.values()) if wanted is Code else wanted):
        raise Unfit
    if isinstance(found, tuple) and not all(isinstance(one, Scale) for one in found):
        raise Unfit
    return found


def _widened(values: Array, hint: Any) -> Array:
    """An array in the type that codes hold it in."""
    if get_origin(hint) is not np.ndarray:
        raise Unfit
    wanted = np.dtype(get_args(get_args(hint)[1])[0])
    if values.dtype.kind not in {"b": "b", "i": "iu", "f": "f"}[wanted.kind]:
        raise Unfit
    return values.astype(wanted)


def _scale(about: Mapping[str, Any], shape: tuple[int, ...], array: Callable[[str], Array]) -> Scale:
    m, c, r, s = (int(step) for step in about["block"])
    values = array(str(about["array"]))
    fits = all(1 <= step <= max(1, size) for step, size in zip((m, c, r, s), shape, strict=True))
    if not fits or values.dtype.kind != "f" or not 0 <= int(about["bits"]) <= LARGEST:
        raise Unfit
    return Scale(values.astype(np.float64), (m, c, r, s), str(about["grain"]), int(about["bits"]))


def narrowest(values: Array) -> Array:
    """Integers in the narrowest type that holds them; other arrays as they are."""
    if values.dtype.kind not in "iu":
        return values
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    kinds = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64)
    return values.astype(next(k for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max))
