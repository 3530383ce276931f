"""Charts of a sweep as SVG: points and fronts, parallel coordinates, heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log10

from accsim.report import heat, svg
from accsim.report.axes import LogAxis, log_frame
from accsim.report.charts import NARROW, WIDE
from accsim.report.quantities import significant, ticks
from accsim.report.sweep.points import Metric, SweepPoint, SweepView, Value, least_by, value_of
from accsim.report.view import shorten

LEFT, RIGHT, TOP, HEIGHT = 74.0, 24.0, 26.0, 320.0
LINES = 600
"""Most lines of points that are not on the front in parallel coordinates."""
CELLS = 24
"""Most values of a setting in a heat map."""


def scatter(key: str, view: SweepView, first: Metric, second: Metric) -> str:
    """All points on logarithmic axes, with the front as a line; marks of the front lead to the table."""
    points = [
        (p, p.figures[first.key], p.figures[second.key])
        for p in view.points
        if p.figures.get(first.key, 0) > 0 and p.figures.get(second.key, 0) > 0
    ]
    if not points:
        return ""
    x_unit = first.scale(max(x for _, x, _ in points))
    y_unit = second.scale(max(y for _, _, y in points))
    across = LogAxis.over([x * x_unit.factor for _, x, _ in points], LEFT, NARROW - RIGHT)
    up = LogAxis.over([y * y_unit.factor for _, _, y in points], TOP + HEIGHT, TOP)
    body = log_frame(across, up, f"{second.title}, {y_unit.unit}", f"{first.title}, {x_unit.unit}")
    places = {(svg.num(across.place(x * x_unit.factor)), svg.num(up.place(y * y_unit.factor))) for _, x, y in points}
    body.append(svg.path([f"M{x} {y}h0" for x, y in sorted(places)], "cloud"))
    front = [p for p in view.front(first.key, second.key) if p.figures[first.key] > 0 and p.figures[second.key] > 0]
    ends = [
        (across.place(p.figures[first.key] * x_unit.factor), up.place(p.figures[second.key] * y_unit.factor))
        for p in front
    ]
    steps = [f"M{svg.num(ends[0][0])} {svg.num(ends[0][1])}"]
    steps += [f"H{svg.num(b[0])}V{svg.num(b[1])}" for _, b in pairwise(ends)]
    body.append(svg.path(steps, "front"))
    for point, (x, y) in zip(front, ends, strict=True):
        tip = "\n".join(
            [
                f"point {point.place}",
                f"{first.title} {significant(point.figures[first.key] * x_unit.factor)} {x_unit.unit}",
                f"{second.title} {significant(point.figures[second.key] * y_unit.factor)} {y_unit.unit}",
                *(f"{name} {shorten(str(value_of(point, name)), 40)}" for name in view.varied()),
            ]
        )
        circle = f'<circle class="best" cx="{svg.num(x)}" cy="{svg.num(y)}" r="5"><title>{svg.esc(tip)}</title>'
        body.append(f'<a href="#P{point.place}" aria-label="point {point.place}">{circle}</circle></a>')
    description = (
        f"{len(points)} points on logarithmic axes, of which no other point beats {len(front)} in both. The table "
        "holds their figures."
    )
    return svg.picture(key, NARROW, TOP + HEIGHT + 44, f"{second.title} against {first.title}", description, body)


def parallel(key: str, view: SweepView, metrics: Sequence[Metric], front: Sequence[SweepPoint]) -> str:
    """One line per point through its settings and its figures; those on the front stand out."""
    names = list(view.varied())
    varied = view.varied()
    axes = len(names) + len(metrics)
    if not view.points or axes < 2:
        return ""
    step = (WIDE - 2 * LEFT) / (axes - 1)
    ranges = {}
    for metric in metrics:
        found = [p.figures[metric.key] for p in view.points if p.figures.get(metric.key, 0) > 0]
        if not found:
            return ""
        ranges[metric.key] = (log10(min(found)), log10(max(found)))

    def height(point: SweepPoint, axis: int) -> float:
        if axis < len(names):
            values = varied[names[axis]]
            share = values.index(value_of(point, names[axis])) / max(1, len(values) - 1)
        else:
            low, high = ranges[metrics[axis - len(names)].key]
            value = point.figures.get(metrics[axis - len(names)].key, 0)
            share = (log10(value) - low) / (high - low) if high > low and value > 0 else 0.0
        return TOP + 18 + HEIGHT * (1 - share)

    def line(point: SweepPoint) -> str:
        return "M" + "L".join(f"{svg.num(LEFT + step * i)} {svg.num(height(point, i))}" for i in range(axes))

    kept = {p.place for p in front}
    others = [p for p in view.points if p.place not in kept]
    every = -(-len(others) // LINES) or 1
    body = [svg.path(sorted({line(p) for p in others[::every]}), "faint"), svg.path(map(line, front), "strong")]
    for i, name in enumerate([*names, *(m.title for m in metrics)]):
        x = LEFT + step * i
        body += [
            svg.line(x, TOP + 18, x, TOP + 18 + HEIGHT, "axis"),
            svg.text(x, TOP + (0 if i % 2 == 0 else 12), shorten(name, int(step / 3.2)), "middle", "unit"),
        ]
        if i < len(names):
            values = varied[name]
            for at in range(0, len(values), -(-len(values) // 12)):
                y = TOP + 18 + HEIGHT * (1 - at / max(1, len(values) - 1))
                body.append(svg.text(x + 5, y + 4, shorten(str(values[at]), 18), css="halo small"))
        else:
            metric = metrics[i - len(names)]
            for end, y in zip(ranges[metric.key], (TOP + 18 + HEIGHT, TOP + 18), strict=True):
                said = metric.show(10**end)
                last = i == axes - 1
                body.append(svg.text(x - 5 if last else x + 5, y + 4, said, "end" if last else "start", "halo small"))
    drawn = len(others[::every])
    shown = "" if every == 1 else f"; of the other {len(others)} points every {every}th is drawn"
    description = f"{len(front)} points on the front and {drawn} others as lines through {axes} axes{shown}."
    return svg.picture(key, WIDE, TOP + HEIGHT + 34, "Settings and figures of the points", description, body)


def heat_map(key: str, view: SweepView, metric: Metric, across: str, down: str) -> str:
    """The least of a metric for each pair of values of two settings; light is good."""
    varied = view.varied()
    columns, rows = varied[across][:CELLS], varied[down][:CELLS]
    least = least_by(view.points, metric.key, lambda p: (value_of(p, across), value_of(p, down)))
    least = {pair: value for pair, value in least.items() if value > 0}
    if not least:
        return ""
    low, high = log10(min(least.values())), log10(max(least.values()))
    unit = metric.scale(max(least.values()))

    def cell(row: Value, column: Value) -> heat.Cell | None:
        value = least.get((column, row))
        if value is None:
            return None
        said = f"{down} {row}, {across} {column}: {significant(value * unit.factor)} {unit.unit}"
        share = (log10(value) - low) / (high - low) if high > low else 0.0
        return heat.Cell(share, significant(value * unit.factor), said)

    description = (
        f"The least {metric.title} in {unit.unit} for every pair of values; empty where no point has figures. It runs "
        f"from {significant(min(least.values()) * unit.factor)} to {significant(max(least.values()) * unit.factor)}."
    )
    return heat.grid(
        key, f"Least {metric.title} by {across} and {down}", description, down, across, [str(row) for row in rows],
        [str(column) for column in columns], [[cell(row, column) for column in columns] for row in rows],
    )  # fmt: skip


def history(key: str, title: str, steps: Sequence[tuple[int, float]]) -> str:
    """How a figure of a search went on, trial by trial, as steps."""
    if not steps:
        return ""
    marks, times = ticks(max(value for _, value in steps)), ticks(max(at for at, _ in steps))
    height, right = 200.0, NARROW - RIGHT

    def place(at: float, value: float) -> tuple[float, float]:
        return LEFT + (right - LEFT) * at / times[-1], TOP + height * (1 - value / marks[-1])

    body = [svg.text(right, TOP + height + 36, "trials", "end", "unit")]
    for value in marks:
        _, y = place(0, value)
        body += [svg.line(LEFT, y, right, y, "grid"), svg.text(LEFT - 7, y + 4, significant(value), "end")]
    for at in times:
        x, _ = place(at, 0)
        body.append(svg.text(x, TOP + height + 17, significant(at), "middle"))
    ends = [place(at, value) for at, value in steps]
    data = f"M{svg.num(ends[0][0])} {svg.num(ends[0][1])}"
    data += "".join(f"H{svg.num(x)}V{svg.num(y)}" for x, y in ends[1:])
    body.append(svg.path([data], "strong"))
    description = (
        f"From {significant(steps[0][1])} after {steps[0][0]} trials to {significant(steps[-1][1])} after "
        f"{steps[-1][0]}."
    )
    return svg.picture(key, NARROW, TOP + height + 44, title, description, body)
