"""Horizontal bars, one row per thing that is compared: side by side, or stacked from parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from accsim.report import svg
from accsim.report.charts import WIDE
from accsim.report.colours import Series
from accsim.report.quantities import percent, significant
from accsim.report.view import shorten

NAMES, FIGURES = 150.0, 110.0
"""Room for the names on the left and the figures on the right."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        what: it stands for.
        said: its figure as text.
        css: class of the shape.
    """

    what: str
    value: float
    said: str
    css: str


def grouped(key: str, title: str, rows: Sequence[tuple[str, Sequence[Bar]]], width: float) -> str:
    """Bars side by side: some for each row, all on one linear scale from zero; empty if none is above zero."""
    most = max((bar.value for _, bars in rows for bar in bars), default=0.0)
    if not most > 0:
        return ""
    thick, gap, y = 13.0, 9.0, 4.0
    room = width - NAMES - FIGURES
    body = []
    for name, bars in rows:
        body.append(svg.text(NAMES - 8, y + thick * len(bars) / 2 + 4, shorten(name, 22), "end"))
        for bar in bars:
            long = room * max(0.0, bar.value) / most
            tip = f"<title>{svg.esc(f'{name}, {bar.what}: {bar.said}')}</title>"
            body.append(f'<path class="{bar.css}" d="{svg.box(NAMES, y, max(long, 0.6), thick - 2)}">{tip}</path>')
            body.append(svg.text(NAMES + long + 5, y + thick - 3.5, bar.said, css="unit"))
            y += thick
        y += gap
    body.append(svg.line(NAMES, 0, NAMES, y - gap + 2, "axis"))
    told = "; ".join(f"{name}: {', '.join(f'{b.what} {b.said}' for b in bars)}" for name, bars in rows[:8])
    return svg.picture(key, width, y, title, f"{len(rows)} rows. {told}.", body)


def stacked(
    key: str,
    title: str,
    rows: Sequence[tuple[str, Mapping[str, float]]],
    series: Sequence[Series],
    factor: float,
    unit: str,
    width: float = WIDE,
) -> str:
    """Bars stacked from parts; values times ``factor`` are in ``unit``. Empty if nothing is above zero."""
    most = max((sum(parts.values()) for _, parts in rows), default=0.0) * factor
    if not most > 0:
        return ""
    tall, top = 24.0, 8.0
    room = width - NAMES - FIGURES
    drawn: list[list[str]] = [[] for _ in series]
    body = []
    for i, (name, parts) in enumerate(rows):
        y, x = top + tall * i, NAMES
        for place, one in enumerate(series):
            long = room * parts.get(one.key, 0.0) * factor / most
            if long >= 0.05:
                drawn[place].append(svg.box(x, y, long, tall - 5))
            x += long
        total = sum(parts.values())
        tip = "\n".join([name, *(f"{k} {percent(v / total)}" for k, v in parts.items() if total and v > 0)])
        cover = svg.box(NAMES, y, max(1.0, x - NAMES), tall - 5)
        body += [
            svg.text(NAMES - 8, y + 14, shorten(name, 22), "end"),
            svg.text(x + 6, y + 14, f"{significant(total * factor)} {unit}".rstrip(), css="unit"),
            f'<path fill="transparent" d="{cover}"><title>{svg.esc(tip)}</title></path>',
        ]
    bars = [svg.path(pieces, one.css) for pieces, one in zip(drawn, series, strict=True)]
    first = rows[0][1]
    whole = sum(first.values())
    shares = ", ".join(f"{name} {percent(value / whole)}" for name, value in first.items() if whole and value)
    return svg.picture(
        key, width, top + tall * len(rows) + 4, title, f"{len(rows)} rows. Of the first, {shares}.", [*bars, *body]
    )
