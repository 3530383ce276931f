"""Logarithmic axes of charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from accsim.report import svg
from accsim.report.quantities import significant


@dataclass(frozen=True, slots=True)
class LogAxis:
    """A logarithmic axis from 10^low to 10^high, between two coordinates."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> LogAxis:
        """An axis with some room around the values."""
        low, high = log10(min(values)) - 0.15, log10(max(values)) + 0.15
        return cls(low, max(high, low + 1), start, end)

    def place(self, value: float) -> float:
        """The coordinate of a value above 0."""
        return self.start + (self.end - self.start) * (log10(value) - self.low) / (self.high - self.low)

    def marks(self) -> list[float]:
        """1, 2 and 5 per decade, or fewer where there are many decades."""
        decades = self.high - self.low
        steps = (1, 2, 5) if decades <= 4 else (1,)
        powers = range(floor(self.low), ceil(self.high), 1 if decades <= 12 else 2)
        values = [step * 10.0**power for power in powers for step in steps]
        return [value for value in values if self.low <= log10(value) <= self.high]


def mark_text(value: float) -> str:
    """A mark's text; a power of ten where digits would be many."""
    power = round(log10(value))
    if -3 <= power <= 6:
        return significant(value)
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def log_frame(across: LogAxis, up: LogAxis, up_title: str, across_title: str) -> list[str]:
    """Grid, marks and titles of two logarithmic axes; ``up`` runs from the bottom of the picture to its top."""
    bottom, top = up.start, up.end
    body = [svg.text(4, 12, up_title, css="unit")]
    for value in across.marks():
        x = across.place(value)
        body += [svg.line(x, top, x, bottom, "grid"), svg.text(x, bottom + 17, mark_text(value), "middle")]
    for value in up.marks():
        y = up.place(value)
        body += [
            svg.line(across.start, y, across.end, y, "grid"),
            svg.text(across.start - 7, y + 4, mark_text(value), "end"),
        ]
    return [*body, svg.text(across.end, bottom + 36, across_title, "end", "unit")]
