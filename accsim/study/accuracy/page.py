"""The page: drawings, a table that sorts and filters, and what is missing from it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from accsim.report.html import environment, safe
from accsim.report.quantities import significant
from accsim.report.sections import Card
from accsim.study.accuracy.charts import drawings
from accsim.study.accuracy.view import AccuracyView, Numbered, energy_of, latency_of
from accsim.study.drawing import to_svg

_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)


def render_accuracy(view: AccuracyView, command: str, versions: Sequence[tuple[str, str]]) -> str:
    """Render the view as one HTML file."""
    charts = []
    for what, drawing in drawings(view).items():
        svg = _PROLOGUE.sub("", to_svg(drawing).decode("utf-8"))
        svg = svg.replace("<svg ", f'<svg role="img" aria-label="Accuracy against {what}" style="background:#fff" ', 1)
        charts.append((f"Accuracy against {what}", drawing.caption, safe(svg)))
    return environment().get_template("accuracy.html.j2").render(
        view=view, palette=[], cards=_cards(view), charts=charts, rows=[_row(one) for one in view.points],
        command=command, versions=versions,
    )  # fmt: skip


def _row(one: Numbered) -> dict[str, object]:
    point = one.point
    return {
        "number": one.row,
        "name": one.name,
        "network": point.network,
        "hardware": point.hardware,
        "accuracy": point.accuracy_pct,
        "energy": (energy_of(point), significant(energy_of(point), 4)),
        "latency": (latency_of(point), significant(latency_of(point), 4)),
        "stored": None if point.stored_bits is None else (point.stored_bits / 8e6, f"{point.stored_bits / 8e6:.3f}"),
        "front": one.fronts,
        "source": point.source,
    }


def _cards(view: AccuracyView) -> list[Card]:
    out = [Card("Points", str(len(view.points)), "", f"{len(view.hardware)} machines, batch {view.batch}")]
    if not view.points:
        return out
    best = view.points[0]
    out.append(Card("Most accurate", f"{best.point.accuracy_pct:g}", "%", f"{best.name}, row {best.row}"))
    for what, cost, unit in (("energy", energy_of, "µJ"), ("latency", latency_of, "ms")):
        least = min(view.points, key=lambda one: cost(one.point))
        note = f"{least.name} on {least.point.hardware}, {least.point.accuracy_pct:g} %, row {least.row}"
        out.append(Card(f"Least {what}", significant(cost(least.point)), unit, note))
    return out
