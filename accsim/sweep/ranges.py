"""Ranges of values: ``{from: 8, to: 64, step: 8}`` and ``{from: 32 KiB, to: 1 MiB, factor: 2}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from accsim.yamlfile.units import FREQUENCIES, SIZES

MOST = 100_000
"""Values of a range, at most."""

_KEYS = ("from", "to", "step", "factor")
_NUMBER = re.compile(r"([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?)\s*([^\s0-9].*)?")
_UNITS: Mapping[str, int | Fraction] = {**SIZES, **FREQUENCIES}


def expand(spec: Mapping[str, Any]) -> list[str]:
    """The values of a range as texts; ``to`` is one of them if a step reaches it.

    Values have the unit of ``from``. A step is added, a factor multiplied.

    Raises:
        ValueError: what is wrong, in words.
    """
    unknown = [key for key in spec if key not in _KEYS]
    if unknown:
        raise ValueError(f"a range has the keys from, to and step or factor, got {', '.join(map(repr, unknown))}")
    if "from" not in spec or "to" not in spec or ("step" in spec) == ("factor" in spec):
        raise ValueError("a range needs from, to, and either step or factor")
    start, unit = _read(spec["from"], "from")
    stop = _inside(spec["to"], "to", unit)
    if "step" in spec:
        step = _inside(spec["step"], "step", unit)
        if step <= 0:
            raise ValueError(f"step must be greater than 0, got {spec['step']}")
        count = int((stop - start) / step) + 1 if stop >= start else 0
        values = (start + i * step for i in range(count))
    else:
        factor, of = _read(spec["factor"], "factor")
        if of or factor <= 1:
            raise ValueError(f"factor must be a number greater than 1, got {spec['factor']}")
        if start <= 0:
            raise ValueError(f"from must be greater than 0 where there is a factor, got {spec['from']}")
        count = 0
        while start * factor**count <= stop and count <= MOST:
            count += 1
        values = (start * factor**i for i in range(count))
    if not count:
        raise ValueError(f"holds no value: from {spec['from']} is above to {spec['to']}")
    if count > MOST:
        raise ValueError(f"holds {count} values, more than {MOST}")
    return [_spell(value, unit) for value in values]


def _read(value: Any, name: str) -> tuple[Fraction, str]:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{name} must be a number, or one with a unit such as '32 KiB'")
    match = _NUMBER.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{name} must be a number, or one with a unit such as '32 KiB', got {value!r}")
    number, unit = match.groups()
    if unit and unit not in _UNITS:
        raise ValueError(f"{name} has an unknown unit: {value!r}")
    return Fraction(number), unit or ""


def _inside(value: Any, name: str, unit: str) -> Fraction:
    """A figure in the unit of ``from``."""
    number, own = _read(value, name)
    if own == unit:
        return number
    sizes = own in SIZES and unit in SIZES
    if not (sizes or (own in FREQUENCIES and unit in FREQUENCIES)):
        raise ValueError(f"{name} must have a unit of the same kind as from, got {value!r}")
    return number * Fraction(_UNITS[own]) / Fraction(_UNITS[unit])


def _spell(value: Fraction, unit: str) -> str:
    number = str(value.numerator) if value.denominator == 1 else repr(float(value))
    return f"{number} {unit}" if unit else number
