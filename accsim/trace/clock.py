"""Cycles of the machine's clock as times, exactly: a sum of rounded periods would drift."""

from __future__ import annotations

from fractions import Fraction
from math import nextafter

NS_PER_S, FS_PER_S = 10**9, 10**15
SCALES = tuple((f"{figure} {unit}", figure * fs) for unit, fs in (("us", 10**9), ("ns", 10**6), ("ps", 1000), ("fs", 1))
               for figure in (100, 10, 1))  # fmt: skip
"""VCD time scales and their femtoseconds, coarsest first (IEEE 1364-2005, section 18.2.3.6)."""


def hertz(clock_mhz: float) -> Fraction:
    """The clock's rate as the decimal figure it was written as."""
    return Fraction(str(clock_mhz)) * 10**6


class Nanoseconds:
    """Times of cycles in whole nanoseconds, which is all that Perfetto keeps."""

    def __init__(self, clock_mhz: float) -> None:
        period = NS_PER_S / hertz(clock_mhz)
        self._up, self._down = period.numerator, period.denominator

    def at(self, cycle: int) -> int:
        """Nanoseconds at the start of ``cycle``, rounded down."""
        return cycle * self._up // self._down


def microseconds(nanoseconds: int) -> str:
    """A time as the trace-event format wants it.

    Perfetto reads a double, multiplies by 1000 and cuts the rest off, which would move 1.001 to 1000 ns and make
    neighbours overlap. So the double written is one that comes back as the same nanosecond.
    """
    time = nanoseconds / 1000
    return repr(time if int(time * 1000) == nanoseconds else nextafter(time, float("inf")))


def scale(clock_mhz: float) -> tuple[str, Fraction]:
    """The coarsest VCD time scale in which half a period is a whole number, and the period in it.

    Returns:
        The scale, such as ``100 ps``, and units per period; where no scale is fine enough, the finest one.
    """
    period = FS_PER_S / hertz(clock_mhz)
    for name, femtoseconds in SCALES:
        if (period / (2 * femtoseconds)).denominator == 1:
            return name, period / femtoseconds
    return SCALES[-1][0], period
