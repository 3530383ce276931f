"""The values that a layer's options take in a network file, each read by one function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from accsim.errors import suggest
from accsim.workload.expression import Mistake, evaluate, shown

Names = Mapping[str, int]


class Required:
    """Stands for the default of an option that must be written."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of an operation: how its value is read, and what it is when it is left out."""

    read: Callable[[object, Names], Any]
    default: Any = Required


def size(value: object, names: Names, least: int = 1) -> int:
    """A whole number of at least ``least``."""
    number = evaluate(value, names)
    if number < least:
        raise Mistake(f"must be at least {least}, got {number}" + (f" ({value})" if isinstance(value, str) else ""))
    return number


def pair(value: object, names: Names) -> tuple[int, int]:
    """One size for both axes, or [height, width]."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        both = size(value, names)
        return both, both
    if len(value) != 2:
        raise Mistake(f"must be one size or [height, width], got {value!r}")
    return size(value[0], names), size(value[1], names)


def padding(value: object, names: Names) -> tuple[int, int, int, int] | None:
    """Zeros around the input as (top, bottom, left, right); ``None`` for ``same``."""
    if value == "same":
        return None
    if not isinstance(value, Sequence) or isinstance(value, str):
        every = size(value, names, 0)
        return every, every, every, every
    sizes = [size(entry, names, 0) for entry in value]
    match sizes:
        case [height, width]:
            return height, height, width, width
        case [top, bottom, left, right]:
            return top, bottom, left, right
        case _:
            raise Mistake(f"must be a size, [height, width], [top, bottom, left, right] or same, got {value!r}")


def flag(value: object, names: Names) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Mistake(f"must be true or false, got {shown(value)}")
    return value


def real(value: object, names: Names) -> float:
    """A number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise Mistake(f"must be a number, got {shown(value)}")
    return float(value)


def order(value: object, names: Names) -> str:
    """Which of a pixel's channels become its neighbours: ``crd`` keeps a colour's together, ``dcr`` a place's."""
    if value not in ("crd", "dcr"):
        raise Mistake(f"must be crd or dcr, got {shown(value)}")
    return str(value)


def axis(value: object, names: Names) -> str:
    """The axis that a slice or a concatenation works on."""
    if value not in ("channels", "tokens"):
        raise Mistake(f"must be channels or tokens, got {shown(value)}{suggest(str(value), ('channels', 'tokens'))}")
    return str(value)


def span(value: object, names: Names) -> tuple[int, int]:
    """[first, end): positions from ``first`` up to, not including, ``end``."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise Mistake(f"must be [first, end], got {shown(value)}")
    first, end = size(value[0], names, 0), size(value[1], names)
    if end <= first:
        raise Mistake(f"must end behind its first position, got [{first}, {end}]")
    return first, end


def matrix(value: object, names: Names) -> tuple[int, int]:
    """[rows, width] of a table."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise Mistake(f"must be [rows, width], got {shown(value)}")
    return size(value[0], names), size(value[1], names)
