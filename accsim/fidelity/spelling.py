"""Published figures in words, the same on the terminal and on a study's page."""

from __future__ import annotations

from collections.abc import Iterable

from accsim.fidelity.compare import Row, Status, is_absolute
from accsim.fidelity.published import Published, Value
from accsim.report.quantities import significant


def spell_value(value: Value, digits: int = 4) -> str:
    """A number with so many significant digits (whole numbers below 10^7 in full), a range, or a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return " to ".join(spell_value(end, digits) for end in value)
    if value.is_integer() and abs(value) < 1e7:
        return f"{value:,.0f}"
    return f"{value:.{digits - 1}e}" if abs(value) >= 1e7 else significant(value, digits)


def spell_error(row: Row) -> str:
    """The error with its sign: ``-2.5 %``, or a difference with its unit."""
    if row.error is None:
        return "" if row.obtained is None else "same" if row.obtained == row.published.value else "differs"
    if is_absolute(row.published):
        return f"{'+' if row.error > 0 else ''}{significant(row.error)} {row.published.unit}".strip()
    share = 100 * row.error
    return f"{share:+.{1 if abs(share) >= 0.1 else 2}f} %" if share else "0 %"


def spell_tolerance(figure: Published) -> str:
    """The tolerance: ``10 %``, ``exact``, a difference with its unit, or nothing."""
    if figure.tolerance is None:
        return ""
    if figure.tolerance == 0 or isinstance(figure.value, str):
        return "exact"
    if is_absolute(figure):
        return f"{significant(figure.tolerance)} {figure.unit}".strip()
    return f"{100 * figure.tolerance:.3g} %"


def spell_counts(rows: Iterable[Row]) -> str:
    """How many figures there are, and how they stand: ``12 published figures: 10 within, 2 known gaps``."""
    statuses = [row.status for row in rows]
    words = {
        Status.WITHIN: "within tolerance",
        Status.OUTSIDE: "outside",
        Status.KNOWN_GAP: "outside with a recorded reason",
        Status.INFO: "for information",
        Status.NOT_REPRODUCIBLE: "not reproducible from what is public",
    }
    said = [f"{statuses.count(status)} {word}" for status, word in words.items() if status in statuses]
    return f"{len(statuses)} published figure{'s' * (len(statuses) != 1)}: {', '.join(said)}"
