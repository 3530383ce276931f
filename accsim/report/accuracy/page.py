"""Accuracy against energy and latency of all recipes of a network, as one HTML file and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

from accsim.report import labels, svg
from accsim.report.accuracy.view import AS_IT_IS, AccuracyView, Point
from accsim.report.axes import LogAxis, mark_text
from accsim.report.charts import WIDE
from accsim.report.html import environment, safe
from accsim.report.quantities import Scale, scale, si, significant, ticks
from accsim.report.sections import Card

LEFT, RIGHT, TOP, HEIGHT = 66.0, 24.0, 26.0, 430.0
COSTS = (("energy", "energy"), ("latency_ms", "latency"))


def render_accuracy(view: AccuracyView) -> str:
    """Render the page."""
    fronts = {what: {point.name for point in view.front(what)} for what, _ in COSTS}
    context = {
        "view": view,
        "palette": (),
        "cards": cards(view),
        "findings": findings(view),
        "charts": [(title, safe(chart(view, what, title))) for what, title in COSTS if view.drawn(what)],
        "fronts": fronts,
        "units": {what: unit_of(view, what) for what, _ in COSTS},
        "number": significant,
        "si": si,
        "costs": COSTS,
        "sources": [(p.name, p.source) for p in view.points if p.source],
        "failed": [p for p in view.points if p.reason],
    }
    return environment().get_template("accuracy.html.j2").render(context)


def unit_of(view: AccuracyView, what: str) -> Scale:
    """The unit of a cost."""
    most = max((p.cost(what) or 0.0 for p in view.points), default=0.0)
    return view.unit.scale(most) if what == "energy" else scale(most, 1e-3, "s")


def shown(view: AccuracyView, what: str) -> Callable[[float | None], str]:
    """How a cost is written."""
    unit = unit_of(view, what)
    return lambda value: "–" if value is None else f"{significant(value * unit.factor, 4)} {unit.unit}"


def cards(view: AccuracyView) -> list[Card]:
    """The summary: most accurate, cheapest, and how many recipes say nothing."""
    known = [p for p in view.points if p.accuracy_pct is not None]
    out = []
    if known:
        out.append(Card(f"Highest {view.metric}", f"{known[0].accuracy_pct:g}", "%", known[0].name))
    for what, title in COSTS:
        best = min((p for p in view.points if p.cost(what)), key=lambda p: p.cost(what) or 0.0, default=None)
        if best is not None:
            value, _, unit = shown(view, what)(best.cost(what)).partition(" ")
            out.append(Card(f"Least {title}", value, unit, best.name))
    out.append(Card("Recipes", str(sum(p.name != AS_IT_IS for p in view.points)), "", f"of {view.network}"))
    out.append(Card(f"Without published {view.metric}", str(len(view.unknown())), "", "in the table alone"))
    return out


def findings(view: AccuracyView) -> list[tuple[str, str]]:
    """(subject, sentence) pairs."""
    out = []
    plain = next((p for p in view.points if p.name == AS_IT_IS), None)
    for what, title in COSTS:
        chosen, say = view.front(what), shown(view, what)
        if chosen:
            steps = ", ".join(f"{p.name} ({p.accuracy_pct:g} %, {say(p.cost(what))})" for p in chosen)
            out.append((f"Front, {title}", steps))
        if plain is None or plain.accuracy_pct is None or not plain.cost(what):
            continue
        near = [p for p in view.drawn(what) if (p.accuracy_pct or 0.0) >= plain.accuracy_pct - 1 and p is not plain]
        best = min(near, key=lambda p: p.cost(what) or 0.0, default=None)
        if best is not None:
            times = (plain.cost(what) or 0.0) / (best.cost(what) or 1.0)
            said = f"{best.name}: the uncompressed network takes {times:.2f} times as much"
            if times < 1.005:
                said = "no recipe that loses at most 1 % takes less than the uncompressed network"
            out.append((f"Within 1 %, {title}", said))
    if view.unknown():
        out.append(("Unknown", f"nobody published a {view.metric} of {', '.join(view.unknown())}"))
    return out


def chart(view: AccuracyView, what: str, title: str) -> str:
    """Accuracy against a cost on a logarithmic axis; the front as steps, every point with its name."""
    points, unit = view.drawn(what), unit_of(view, what)
    costs = [(p.cost(what) or 0.0) * unit.factor for p in points]
    bottom, right = TOP + HEIGHT, WIDE - RIGHT
    across = LogAxis.over(costs, LEFT, right)
    values = [p.accuracy_pct or 0.0 for p in points]
    low, high = min(values), max(values)
    room = max(0.5, (high - low) * 0.12)
    low, high = max(0.0, low - room), min(100.0, high + room)

    def up(value: float) -> float:
        return bottom - HEIGHT * (value - low) / (high - low)

    body = [svg.text(4, 12, f"published {view.metric}, %", css="unit")]
    step = ticks(high - low)[1]
    first = int(low / step) + 1
    for mark in (step * i for i in range(first, int(high / step) + 1)):
        y = up(mark)
        body += [svg.line(LEFT, y, right, y, "grid"), svg.text(LEFT - 7, y + 4, significant(mark, 4), "end")]
    for value in across.marks():
        x = across.place(value)
        body += [svg.line(x, TOP, x, bottom, "grid"), svg.text(x, bottom + 17, mark_text(value), "middle")]
    body.append(svg.text(right, bottom + 36, f"{title} per inference, {unit.unit}", "end", "unit"))
    places = {p.name: (across.place(c), up(v)) for p, c, v in zip(points, costs, values, strict=True)}
    front = view.front(what)
    ends = [places[p.name] for p in front]
    data = f"M{svg.num(ends[0][0])} {svg.num(ends[0][1])}"
    body.append(svg.path([data + "".join(f"H{svg.num(x)}V{svg.num(y)}" for x, y in ends[1:])], "front"))
    body += [_mark(view, p, places[p.name], what, on=p in front) for p in points]
    ordered = [*front, *(p for p in points if p not in front)]
    named = [(p.name, *places[p.name]) for p in ordered]
    body += labels.names(named, (LEFT, TOP, right, bottom), len(named), far=8, length=34)
    description = f"{len(points)} points, of which {len(front)} are on the front. The table holds their figures."
    return svg.picture(f"accuracy-{what}", WIDE, bottom + 44, f"Accuracy against {title}", description, body)


def _mark(view: AccuracyView, point: Point, place: tuple[float, float], what: str, *, on: bool) -> str:
    tip = f"{point.name}\n{view.metric} {point.accuracy_pct:g} %, {shown(view, what)(point.cost(what))}"
    css = "best" if on else "m fc" if point.name == AS_IT_IS else "m conv"
    circle = f'<circle class="{css}" cx="{svg.num(place[0])}" cy="{svg.num(place[1])}" r="5">'
    return f"{circle}<title>{svg.esc(tip)}</title></circle>"


def accuracy_csv(view: AccuracyView) -> str:
    """One row per point, units in the column names."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    unit = "pj" if view.unit.unit == "J" else view.unit.unit.lower()
    writer.writerow(
        [
            "recipe", f"{view.metric.replace('-', '')}_pct", f"energy_{unit}", "latency_ms", "stored_bits",
            "front_energy", "front_latency", "reason", "source",
        ]
    )  # fmt: skip
    fronts = {what: {p.name for p in view.front(what)} for what, _ in COSTS}
    for p in view.points:
        cells: list[Any] = [p.name, p.accuracy_pct, p.energy, p.latency_ms, p.stored_bits]
        on = [int(p.name in fronts[what]) for what, _ in COSTS]
        writer.writerow(["" if cell is None else cell for cell in [*cells, *on, p.reason, p.source]])
    return out.getvalue()
