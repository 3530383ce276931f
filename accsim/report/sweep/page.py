"""A sweep as one HTML file that needs nothing else, like the report of a run (``accsim.report.html``)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from accsim.report import bars, sections
from accsim.report.colours import Series, cycle_series, plain_series
from accsim.report.drill import drill, numbered
from accsim.report.html import LARGEST_FILE, environment, safe
from accsim.report.quantities import percent, si, significant
from accsim.report.roofline import roof
from accsim.report.sections import Card
from accsim.report.sweep import charts
from accsim.report.sweep.points import Influence, Metric, SweepPoint, SweepView, influences, value_of
from accsim.report.view import view as result_view

MOST_ROWS = 2_000
"""Rows of the table at most: the fronts, then the points with the least of the first metric."""
FOLDED = 200
"""Rows below which a page that is too large has no folds for the layers of winners."""
ACTIVITY = 300
"""Activity rows of a winner."""
HEAT_MAPS = 4
NAMED_BARS = 20
"""Bars of the breakdown: points of the front, evenly chosen where there are more."""


def render_sweep(view: SweepView) -> str:
    """Render a sweep; the page stays below 2 MB by leaving out rows of the table, which it then says."""
    rows, context, details = MOST_ROWS, _context(view), True
    winners = _drills(view, details=True)
    template = environment().get_template("sweep.html.j2")
    while True:
        page = template.render(_with_winners(context, *winners), **_table(view, context["pairs"], rows))
        if len(page.encode("utf-8", "replace")) <= LARGEST_FILE or rows == 0:
            return page
        rows //= 2
        if details and rows <= FOLDED:
            details, winners = False, _drills(view, details=False)


def _with_winners(context: dict[str, Any], drills: list[dict[str, Any]], levels: list[Series]) -> dict[str, Any]:
    colours = [*context["series"], *levels, *(cycle_series() if drills else ())]
    return context | {"drills": drills, "palette": colours}


def _table(view: SweepView, pairs: Sequence[tuple[Metric, Metric]], most: int) -> dict[str, Any]:
    """The table of points."""
    shown = _table_points(view, pairs, most)
    return {
        "columns": [(m, m.scale(max((p.figures.get(m.key, 0.0) for p in shown), default=0.0))) for m in view.metrics],
        "rows": shown,
    }


def _context(view: SweepView) -> dict[str, Any]:
    """Everything that is there however long the table is."""
    energy = view.metric("energy")
    front = view.chosen()
    pairs = [(a, b) for a, b in combinations(view.metrics, 2) if _both(view, a, b)]
    matters = {m.key: influences(view, m.key) for m in view.metrics}
    series = _levels(view)
    unit = energy.scale(max((sum(p.parts.values()) for p in front), default=0.0))
    return {
        "view": view,
        "pairs": pairs,
        "cards": _cards(view, front),
        "findings": _findings(view, front, matters),
        "scatters": [
            (f"{b.title} against {a.title}", safe(charts.scatter(f"s-{a.key}-{b.key}", view, a, b))) for a, b in pairs
        ],
        "history": [
            (title, safe(charts.history(f"history-{i}", title, steps)))
            for i, (title, steps) in enumerate(view.found.history.items() if view.found else ())
        ],
        "parallel": safe(charts.parallel("parallel", view, view.metrics, front)),
        "heat_maps": _heat_maps(view, matters),
        "influences": [(m, _influence_rows(m, matters[m.key])) for m in view.metrics if matters[m.key]],
        "series": series,
        "breakdown": safe(
            bars.stacked(
                "breakdown",
                "Energy by component",
                [(f"point {p.place}", p.parts) for p in _some(front)],
                series,
                unit.factor,
                unit.unit,
            )
        ),
        "varied": list(view.varied()),
        "on_front": {p.place for p in front},
        "value_of": value_of,
        "number": number,
        "winners": _winners(view),
        "front": front,
    }


def _drills(view: SweepView, *, details: bool) -> tuple[list[dict[str, Any]], list[Series]]:
    """The winners' layers, and the colours of their levels."""
    out, levels, first = list[dict[str, Any]](), list[Series](), 0
    for place, winner in enumerate(view.winners):
        if winner.result is None:
            continue
        seen = numbered(result_view(winner.result), first, f"w{place}")
        first += len(seen.layers)
        levels += seen.levels
        hardware = winner.result.get("hardware_description") or {}
        facts = [*sections.tags(seen), *sections.machine_facts(seen)]
        name = f"{winner.title}: point {winner.point.place}"
        brief = f"{si(seen.latency_ms, 's', 1e-3)}, {seen.unit.show(seen.energy)}"
        found = drill(seen, f"w{place}", name, brief, facts, ACTIVITY, roof(hardware), details=details)
        out.append(found | {"said": winner.said, "command": winner.point.command})
    return out, levels


def _both(view: SweepView, first: Metric, second: Metric) -> bool:
    """Whether two metrics make a chart: both are known, and neither is the product of others or the same everywhere."""
    if "edp" in (first.key, second.key):
        return False
    values = [{p.figures[m.key] for p in view.points if m.key in p.figures} for m in (first, second)]
    return all(len(found) > 1 for found in values)


def _cards(view: SweepView, front: Sequence[SweepPoint]) -> list[Card]:
    done, planned = len(view.points), view.planned
    out = [
        Card(
            "Points with figures",
            f"{done:,}",
            "" if planned is None else f"of {planned:,}",
            ", ".join(
                f"{n:,} {said}"
                for n, said in ((view.infeasible_points, "infeasible"), (view.failed_points, "failed"))
                if n
            ),
        )
    ]
    for metric in view.metrics:
        best = view.best(metric.key)
        if best is not None:
            value, _, unit = metric.show(best.figures[metric.key]).partition(" ")
            out.append(Card(f"Least {metric.title}", value, unit, f"point {best.place}"))
    out.append(Card("On the front", str(len(front)), "", f"no other point is better in {view.goal}"))
    return out


def _findings(
    view: SweepView, front: Sequence[SweepPoint], matters: dict[str, list[Influence]]
) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for metric in view.compared[:2]:
        for one in matters[metric.key][:2]:
            if one.spread > 1.005:
                worst = max(one.by_value, key=lambda value: one.by_value[value])
                out.append(
                    (
                        metric.title,
                        f"{one.name} = {one.best} allows the least; with {worst} the best is "
                        f"{percent(one.spread - 1)} more",
                    )
                )
        idle = [one.name for one in matters[metric.key] if one.spread <= 1.005]
        if idle:
            out.append((metric.title, f"hardly depends on {', '.join(idle)}"))
    if len(front) > 1:
        for metric in view.compared:
            values = [point.figures[metric.key] for point in front]
            said = f"along the front {metric.title} goes from {metric.show(min(values))} to {metric.show(max(values))}"
            out.append(("trade-off", said))
    for what, found in (("infeasible", view.infeasible), ("failed", view.failed)):
        if found:
            out.append((what, f"most often ({found[0][1]:,} times): {found[0][0]}"))
    return out


def _heat_maps(view: SweepView, matters: dict[str, list[Influence]]) -> list[tuple[str, Any]]:
    """Of the first metrics, for the settings that matter most."""
    out: list[tuple[str, Any]] = []
    for metric in view.compared[:2]:
        names = [one.name for one in matters[metric.key]][:3]
        for down, across in list(combinations(names, 2))[: HEAT_MAPS // 2]:
            drawn = charts.heat_map(f"h-{metric.key}-{len(out)}", view, metric, across, down)
            if drawn:
                out.append((f"Least {metric.title} by {across} and {down}", safe(drawn)))
    return out


def _influence_rows(metric: Metric, found: Sequence[Influence]) -> list[tuple[str, str, str, str]]:
    return [
        (
            one.name,
            str(one.best),
            percent(one.spread - 1),
            ", ".join(f"{value}: {metric.show(least)}" for value, least in list(one.by_value.items())[:12]),
        )
        for one in found
    ]


def _levels(view: SweepView) -> list[Series]:
    names = dict.fromkeys(name for point in view.points[:1000] for name in point.parts)
    return plain_series(names, "l")


def _some(front: Sequence[SweepPoint]) -> list[SweepPoint]:
    if len(front) <= NAMED_BARS:
        return list(front)
    return [front[round(i * (len(front) - 1) / (NAMED_BARS - 1))] for i in range(NAMED_BARS)]


def _table_points(view: SweepView, pairs: Sequence[tuple[Metric, Metric]], most: int) -> list[SweepPoint]:
    """Points of every front, and then those with the least of the first metric; in the order of the space."""
    kept = {p.place: p for p in view.chosen()}
    kept |= {p.place: p for a, b in pairs for p in view.front(a.key, b.key)}
    first = view.metrics[0].key
    for point in sorted(view.points, key=lambda p: (p.figures.get(first, float("inf")), p.place)):
        if len(kept) >= most:
            break
        kept.setdefault(point.place, point)
    return [kept[place] for place in sorted(kept)]


def _winners(view: SweepView) -> list[tuple[str, str, str]]:
    """The best of each metric, and the front of a search: title, figures, command."""
    out = []
    for title, point in view.best_points():
        figures = ", ".join(f"{m.title} {m.show(point.figures.get(m.key))}" for m in view.metrics)
        out.append((f"{title}: point {point.place}", figures, point.command))
    told = {command for _, _, command in out}
    for point in _some(view.chosen()) if view.found is not None else ():
        if point.command not in told:
            figures = ", ".join(f"{m.title} {m.show(point.figures.get(m.key))}" for m in view.metrics)
            out.append((f"On the front: point {point.place}", figures, point.command))
    return out


def number(value: float | None, factor: float) -> str:
    """A cell of the table."""
    return "–" if value is None else significant(value * factor, 4)
