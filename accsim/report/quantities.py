"""Numbers as people read them: prefixes, significant digits, a dash for what is not there."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isfinite, log10

MISSING = "–"
_PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_SMALL = ((1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"))


def finite(value: object) -> float | None:
    """``value`` as a float, or ``None`` when it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def amount(value: object) -> float:
    """``value`` as a float; 0 when it is no finite number."""
    return finite(value) or 0.0


def significant(value: object, digits: int = 3) -> str:
    """Plain notation with ``digits`` significant digits and comma-separated thousands: 1234.5 is ``1,234``."""
    number = finite(value)
    if number is None:
        return MISSING
    if number == 0:
        return "0"
    decimals = max(0, digits - 1 - floor(log10(abs(number))))
    if decimals > 6:
        return f"{number:.{digits - 1}e}"
    text = f"{number:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def whole(value: object) -> str:
    """Exact integer with comma-separated thousands; an expectation that is no integer keeps one decimal."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    number = finite(value)
    if number is None:
        return MISSING
    return f"{number:,.0f}" if number.is_integer() else f"{number:,.1f}"


def percent(fraction: object) -> str:
    """``0.716`` is ``71.6 %``."""
    number = finite(fraction)
    if number is None:
        return MISSING
    share = 100 * number
    if share == 0:
        return "0 %"
    if abs(share) < 0.1:
        return "< 0.1 %" if share > 0 else "0 %"
    return f"{share:.1f} %"


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit fit for a whole column: shown value = stored value x ``factor``, in ``unit``."""

    factor: float
    unit: str

    def show(self, value: object) -> str:
        """The number in this unit, without the unit: three decimals below 1, four digits above."""
        number = finite(value)
        if number is None:
            return MISSING
        if number == 0:
            return "0"
        scaled = number * self.factor
        if 0 < abs(scaled) < 5e-4:
            return "<0.001"
        decimals = 3 if abs(scaled) < 1 else max(0, 3 - floor(log10(abs(scaled))))
        return f"{scaled:,.{0 if self.factor == 1 and scaled.is_integer() else decimals}f}"


def scale(largest: object, base: float, unit: str) -> Scale:
    """The prefix for a column whose largest entry is ``largest`` x ``base`` ``unit``; pJ have 1e-12 and ``"J"``."""
    size = abs(amount(largest)) * base
    if size == 0:
        prefix, name = (1.0, "") if base >= 1 else (base, dict(_SMALL).get(base, ""))
    else:
        prefix, name = next((entry for entry in _PREFIXES + _SMALL if size >= entry[0] * 0.9995), _SMALL[-1])
    return Scale(base / prefix, f"{name}{unit}" if unit != "MAC" else _normalised(name))


def _normalised(prefix: str) -> str:
    words = {"": "", "k": "thousand ", "M": "million ", "G": "billion ", "T": "trillion "}
    return words.get(prefix, f"{prefix}×") + "MAC energies"


def si(value: object, unit: str = "", base: float = 1.0, digits: int = 3) -> str:
    """One number with its own prefix: ``si(1.2e9, "J", 1e-12)`` is ``1.2 mJ``."""
    number = finite(value)
    if number is None:
        return MISSING
    chosen = scale(number, base, unit)
    return f"{significant(number * chosen.factor, digits)} {chosen.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class EnergyUnit:
    """How energies of a result are shown: joules for a table in pJ, MAC energies for a normalised one."""

    base: float
    unit: str

    def scale(self, largest: object) -> Scale:
        """The unit of a column or axis."""
        return scale(largest, self.base, self.unit)

    def show(self, value: object) -> str:
        """One energy with its unit."""
        return si(value, self.unit, self.base)


def energy_unit(name: object) -> EnergyUnit:
    """The unit of an energy table (``pJ`` or ``mac``); an unknown one is shown as it is written."""
    match name:
        case "pJ":
            return EnergyUnit(1e-12, "J")
        case "mac":
            return EnergyUnit(1.0, "MAC")
        case _:
            return EnergyUnit(1.0, str(name))


def ticks(largest: float, about: int = 5) -> list[float]:
    """Round axis marks from 0 to at least ``largest``, in steps of 1, 2, 2.5 or 5 times a power of ten."""
    if not largest > 0:
        return [0.0, 1.0]
    power: float = 10.0 ** floor(log10(largest / about))
    step = next(power * m for m in (1, 2, 2.5, 5, 10, 20) if largest / (power * m) <= about)
    marks = [0.0]
    while marks[-1] < largest * (1 - 1e-9):
        marks.append(step * len(marks))
    return marks
