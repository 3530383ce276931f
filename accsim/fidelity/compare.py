"""An obtained value beside the published one: error, tolerance, status.

========================  ==========================================================================================
``within``                the error is inside the tolerance
``outside``               it is not, and nothing explains it; or a known gap has become worse or changed its sign
``known_gap``             it is not, the reason is recorded with the error it had, and the error is no larger now
``info``                  no tolerance: shown, never judged
``not_reproducible``      no value, because something that would be needed is not public
========================  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from accsim.fidelity.published import Publication, Published, Value

Obtained = Mapping[str, Any]
"""What a case obtained, nested as the published figures are: numbers, texts and pairs (lowest, highest)."""

ROUNDING = 1e-9
"""Errors are compared with tolerances up to this, as both come from decimal fractions."""


class Status(StrEnum):
    """How a figure stands."""

    WITHIN = "within"
    OUTSIDE = "outside"
    KNOWN_GAP = "known_gap"
    INFO = "info"
    NOT_REPRODUCIBLE = "not_reproducible"


@dataclass(frozen=True, slots=True)
class Row:
    """One published figure and what was obtained for it.

    Attributes:
        error: obtained / published - 1, or obtained - published where the tolerance is absolute or the published value
            is zero. For a published range the distance from its nearer end, and for an obtained range the distance of
            its nearer end; 0 inside. ``None`` for texts and where nothing was obtained.
        note: why a gap is known, what is missing, or what the reader must know.
        stale: a gap is recorded, and the figure is within its tolerance: the record should go.
    """

    case: str
    published: Published
    obtained: Value | None
    error: float | None
    status: Status
    note: str
    stale: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The row as the plain data ``accsim validate --json`` writes."""
        figure = self.published
        return {
            "case": self.case,
            "figure": figure.figure,
            "source": figure.source,
            "published": _plain(figure.value),
            "obtained": _plain(self.obtained),
            "error": self.error,
            "tolerance": figure.tolerance,
            "status": self.status.value,
            "unit": figure.unit,
            "error_kind": "absolute" if is_absolute(figure) else "relative",
            "standing": figure.standing.value,
            "note": self.note,
        }


def compare(publication: Publication, obtained: Obtained) -> tuple[Row, ...]:
    """A row per published figure, in the file's order.

    Raises:
        ValueError: a figure without a value, or a value without a figure: the case's module and its file disagree.
    """
    values = dict(_flat(obtained))
    wanted = {figure.figure for figure in publication.figures if not figure.missing}
    if wanted != values.keys():
        only = [f"figures without a value: {', '.join(sorted(wanted - values.keys()))}"] * bool(wanted - values.keys())
        only += [f"values without a figure: {', '.join(sorted(values.keys() - wanted))}"] * bool(values.keys() - wanted)
        raise ValueError(f"case {publication.case!r}: {'; '.join(only)}")
    return tuple(_row(publication.case, figure, values.get(figure.figure)) for figure in publication.figures)


def is_absolute(figure: Published) -> bool:
    """Whether errors of a figure are differences in its unit."""
    return figure.absolute or figure.value in (0.0, (0.0, 0.0))


def _row(case: str, figure: Published, value: Value | None) -> Row:
    if figure.missing or value is None:
        return Row(case, figure, None, None, Status.NOT_REPRODUCIBLE, figure.missing)
    error = error_of(figure, value)
    if figure.tolerance is None:
        return Row(case, figure, value, error, Status.INFO, figure.note)
    met = value == figure.value if error is None else abs(error) <= figure.tolerance + ROUNDING
    gap = figure.gap
    if met:
        return Row(case, figure, value, error, Status.WITHIN, figure.note, stale=gap is not None)
    known = gap is not None and error is not None and error * gap.error > 0 and abs(error) <= abs(gap.error) + ROUNDING
    if gap is not None and known:
        return Row(case, figure, value, error, Status.KNOWN_GAP, gap.because)
    return Row(case, figure, value, error, Status.OUTSIDE, gap.because if gap else figure.note)


def error_of(figure: Published, value: Value) -> float | None:
    """The error of an obtained value; ``None`` for texts."""
    published = figure.value
    if isinstance(published, str) or isinstance(value, str):
        return None
    low, high = published if isinstance(published, tuple) else (published, published)
    least, most = value if isinstance(value, tuple) else (value, value)
    if least <= high and most >= low:
        return 0.0
    near, end = (least, high) if least > high else (most, low)
    return near - end if is_absolute(figure) else near / end - 1.0


def failing(rows: Iterable[Row]) -> list[Row]:
    """The rows that make ``accsim validate`` fail."""
    return [row for row in rows if row.status is Status.OUTSIDE]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Value]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, str):
        yield name, value
    elif isinstance(value, tuple):
        low, high = value
        yield name, (float(low), float(high))
    else:
        yield name, float(value)


def _plain(value: Value | None) -> Any:
    return list(value) if isinstance(value, tuple) else value
