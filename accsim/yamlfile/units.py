"""Sizes and frequencies written with their unit: ``108 KiB``, ``64 b``, ``0.2 GHz``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, Field

from accsim.errors import suggest

SIZES: Mapping[str, int] = {
    "b": 1,
    "bit": 1,
    "bits": 1,
    "B": 8,
    "byte": 8,
    "bytes": 8,
} | {
    prefix + unit: factor * bits
    for prefix, factor in {
        "k": 10**3,
        "M": 10**6,
        "G": 10**9,
        "Ki": 2**10,
        "Mi": 2**20,
        "Gi": 2**30,
    }.items()
    for unit, bits in (("b", 1), ("B", 8))
}
"""Bits per unit: b is a bit and B a byte; k M G are powers of 1000, Ki Mi Gi of 1024 (IEC 80000-13)."""

FREQUENCIES: Mapping[str, Fraction] = {
    "Hz": Fraction(1, 10**6),
    "kHz": Fraction(1, 1000),
    "MHz": Fraction(1),
    "GHz": Fraction(1000),
}
"""MHz per unit."""

_QUANTITY = re.compile(r"([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?)\s*([^\s0-9].*)?")
_LONGEST = 100


def quantity(text: str, units: Mapping[str, int | Fraction], what: str) -> Fraction:
    """Read ``<number> <unit>`` exactly, in the base unit of ``units``.

    Args:
        text: what the user wrote; a unit is required.
        units: the factor of each unit.
        what: what is expected, for the message: ``"a size such as '108 KiB'"``.

    Raises:
        ValueError: ``must be <what>``, and the nearest unit where there is one.
    """
    match = _QUANTITY.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(f"must be {what}")
    number, unit = match.groups()
    if unit is None:
        raise ValueError(f"must be {what}, got {text!r}, which has no unit")
    if unit not in units:
        near = [known for known in units if known.lower() == unit.lower() and len(unit) > 1]
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else suggest(unit, units)
        raise ValueError(f"must be {what}, got {text!r}{hint}")
    return Fraction(number) * units[unit]


def _size(value: object) -> object:
    what = "a size such as '108 KiB'"
    if isinstance(value, str):
        bits = quantity(value, SIZES, what)
        if bits.denominator != 1:
            raise ValueError(f"must be a whole number of bits, got {value!r}")
        return int(bits)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be {what} or a number of bits")
    return value


def _frequency(value: object) -> object:
    what = "a frequency such as '200 MHz'"
    if isinstance(value, str):
        try:
            return float(quantity(value, FREQUENCIES, what))
        except OverflowError:
            raise ValueError(f"must be {what}, got {value!r}, which is too large") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be {what} or a number of MHz")
    return value


SizeBits = Annotated[int, BeforeValidator(_size), Field(gt=0)]
"""A size in bits, greater than 0: text with a unit (``108 KiB``, ``100 kB``, ``64 b``) or a whole number of bits."""

FrequencyMhz = Annotated[float, BeforeValidator(_frequency), Field(gt=0)]
"""A frequency in MHz, greater than 0: text with a unit (``200 MHz``, ``0.2 GHz``) or a number of MHz."""
