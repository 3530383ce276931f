"""Accuracy against a cost, every point with the number of its row in the table, so that names never overlap."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from accsim.report.front import front
from accsim.study.accuracy.view import AccuracyView, Numbered, energy_of, latency_of
from accsim.study.drawing import Drawing
from accsim.study.explorations.compression_fronts import METRIC, Point
from accsim.study.fronts import COLOURS, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

PLACES = ((0, 6), (7, 0), (-7, 0), (0, -7), (7, 6), (-7, 6), (7, -7), (-7, -7), (0, 13), (13, 0), (-13, 0), (0, -14))
"""Where a number may stand, in points from its mark, the best place first."""


def drawings(view: AccuracyView) -> dict[str, Drawing]:
    """Accuracy against energy and against latency."""
    if not view.points:
        return {}
    return {
        what: Drawing(
            f"{view.title}: published {METRIC} against {what} per inference, batch {view.batch}. Numbers are rows of "
            "the table; a line joins the points of a machine that no other beats in both.",
            lambda figure, cost=cost, label=label: _draw(figure, view, cost, label),  # type: ignore[misc]
            size=(8.0, 4.8),
        )
        for what, cost, label in (
            ("energy", energy_of, "energy per inference [µJ]"),
            ("latency", latency_of, "latency per inference [ms]"),
        )
    }


def _draw(figure: Figure, view: AccuracyView, cost: Callable[[Point], float], label: str) -> None:
    axes = figure.subplots()
    for machine, colour, marker in zip(view.hardware, COLOURS * 4, MARKERS * 4, strict=False):
        ours = view.of(machine)
        if not ours:
            continue
        best = front([one.point for one in ours], cost, lambda p: p.accuracy_pct)
        axes.plot(
            [cost(one.point) for one in ours], [one.point.accuracy_pct for one in ours], marker, color=colour,
            markersize=4.5, label=machine,
        )  # fmt: skip
        axes.plot([cost(p) for p in best], [p.accuracy_pct for p in best], color=colour, linewidth=1)
    axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.set_ylabel(f"{METRIC}, as published [%]")
    axes.margins(0.08, 0.1)
    axes.legend(loc="best")
    figure.canvas.draw()  # lays the axes out, so that places are known
    _number(axes, [(one, cost(one.point)) for one in view.points])


def _number(axes: Axes, marks: list[tuple[Numbered, float]]) -> None:
    """Write each number where it covers no mark and no other number, or where it covers least."""
    figure = axes.get_figure(root=True)
    renderer = figure.canvas.get_renderer()  # type: ignore[union-attr]
    at = [axes.transData.transform((cost, one.point.accuracy_pct)) for one, cost in marks]
    taken: list[Bbox] = []
    for one, cost in marks:
        text = axes.annotate(
            str(one.row), (cost, one.point.accuracy_pct), xytext=PLACES[0], textcoords="offset points", fontsize=6.5,
            ha="center", va="center",
        )  # fmt: skip
        found = []
        for place in PLACES:
            text.xyann = place
            box = text.get_window_extent(renderer)
            covered = sum(box.overlaps(other) for other in taken) * 3 + sum(
                bool(box.x0 - 3 <= x <= box.x1 + 3 and box.y0 - 3 <= y <= box.y1 + 3) for x, y in at
            )
            found.append((covered, place, box))
            if not covered:
                break
        _, text.xyann, box = min(found, key=lambda each: each[0])
        taken.append(box)
