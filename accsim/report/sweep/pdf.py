"""A sweep on paper: a few pages of a PDF file, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from accsim.report.paper import Draw, heading, log_axes, paper, text_pages
from accsim.report.pdf import layer_pages
from accsim.report.quantities import percent
from accsim.report.sweep.points import Metric, SweepPoint, SweepView, influences
from accsim.report.view import view as result_view

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def sweep_pdf(view: SweepView) -> bytes:
    """The PDF file: a summary, the fronts, and history of a search, the points of the front with their commands."""
    front = view.chosen()
    pages = text_pages(view.title, _summary(view, front))
    for first, second in combinations([m for m in view.metrics if m.key != "edp"], 2):
        pages += _scatter(view, first, second)
    if view.found is not None and view.found.history:
        pages.append(lambda figure: _history(figure, view))
    pages += text_pages(f"The front of {view.goal}, the least {view.compared[0].title} first", _front(view, front))
    for winner in view.winners:
        if winner.result is not None:
            pages += layer_pages(result_view(winner.result), f"{winner.title}: point {winner.point.place}")
    return paper(view.title, pages)


def _summary(view: SweepView, front: Sequence[SweepPoint]) -> list[str]:
    planned = "" if view.planned is None else f" of {view.planned:,}"
    lines = [
        f"{len(view.points):,}{planned} points have figures; {view.infeasible_points:,} are infeasible and "
        f"{view.failed_points:,} failed. {len(front)} are on the front of {view.goal}.",
        "",
    ]
    for metric in view.metrics:
        best = view.best(metric.key)
        if best is not None:
            figures = ", ".join(f"{m.title} {m.show(best.figures.get(m.key))}" for m in view.metrics)
            lines += [f"Least {metric.title}: point {best.place}: {figures}", f"    {best.command}", ""]
    for metric in view.compared[:2]:
        for one in influences(view, metric.key)[:4]:
            lines.append(
                f"{metric.title}: {one.name}: best is {one.best}, worst over best {percent(one.spread - 1)} more"
            )
    return lines


def _history(figure: Figure, view: SweepView) -> None:
    found = view.found
    if found is None:
        return
    heading(figure, f"History of the search. {found.how}")
    for axes, (title, steps) in zip(
        figure.subplots(len(found.history), 1, squeeze=False)[:, 0], found.history.items(), strict=True
    ):
        axes.step([at for at, _ in steps], [value for _, value in steps], where="post", color="#D55E00")
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("trials")
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)


def _scatter(view: SweepView, first: Metric, second: Metric) -> list[Draw]:
    """The page of two figures; none if they are the same everywhere."""
    points = [p for p in view.points if p.figures.get(first.key, 0) > 0 and p.figures.get(second.key, 0) > 0]
    if len({p.figures[first.key] for p in points}) < 2 or len({p.figures[second.key] for p in points}) < 2:
        return []
    return [lambda figure: _draw_scatter(figure, view, points, first, second)]


def _draw_scatter(figure: Figure, view: SweepView, points: Sequence[SweepPoint], first: Metric, second: Metric) -> None:
    across = first.scale(max(p.figures[first.key] for p in points))
    up = second.scale(max(p.figures[second.key] for p in points))
    axes = figure.subplots()
    axes.scatter(
        [p.figures[first.key] * across.factor for p in points],
        [p.figures[second.key] * up.factor for p in points],
        s=5, color="#0072B2", alpha=0.5, rasterized=len(points) > 2000, label="points",
    )  # fmt: skip
    front = [p for p in view.front(first.key, second.key) if p.figures[first.key] > 0 and p.figures[second.key] > 0]
    axes.step(
        [p.figures[first.key] * across.factor for p in front],
        [p.figures[second.key] * up.factor for p in front],
        where="post", color="#D55E00", marker="o", markerfacecolor="white", label="front",
    )  # fmt: skip
    log_axes(axes, f"{first.title} [{across.unit}]", f"{second.title} [{up.unit}]")
    axes.legend()


def _front(view: SweepView, front: Sequence[SweepPoint]) -> list[str]:
    lines = []
    for point in front:
        figures = ", ".join(f"{m.title} {m.show(point.figures.get(m.key))}" for m in view.metrics)
        lines += [f"point {point.place}: {figures}", f"    {point.command}"]
    return lines
