"""A sweep on paper: a few pages of a PDF file, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from itertools import combinations
from typing import TYPE_CHECKING

from accsim.report.quantities import percent
from accsim.report.sweep.points import Metric, SweepPoint, SweepView, influences

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE = (11.69, 8.27)
"""A4 across, in inches."""
ROWS = 28
CUT = 110


def sweep_pdf(view: SweepView) -> bytes:
    """The PDF file: a summary, the fronts, and the points of the front of energy and latency with their commands."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - heavy, and only a PDF needs it
    from matplotlib.backends.backend_pdf import PdfPages  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    energy, latency = view.metrics[0], view.metrics[1]
    front = view.front(energy.key, latency.key)
    out = BytesIO()
    with PdfPages(out, metadata={"Title": view.title, "Creator": "accsim", "CreationDate": None}) as pages:

        def page() -> Figure:
            figure = Figure(figsize=PAGE, layout="constrained")
            FigureCanvasAgg(figure)
            return figure

        figure = page()
        _summary(figure, view, front)
        pages.savefig(figure)
        for first, second in combinations([m for m in view.metrics if m.key != "edp"], 2):
            figure = page()
            if _scatter(figure, view, first, second):
                pages.savefig(figure)
        for start in range(0, len(front), ROWS):
            figure = page()
            _table(figure, view, front[start : start + ROWS])
            pages.savefig(figure)
    return out.getvalue()


def _summary(figure: Figure, view: SweepView, front: Sequence[SweepPoint]) -> None:
    planned = "" if view.planned is None else f" of {view.planned:,}"
    lines = [
        f"{len(view.points):,}{planned} points have figures; {view.infeasible_points:,} are infeasible and "
        f"{view.failed_points:,} failed. {len(front)} are on the front of energy and latency.",
        "",
    ]
    for metric in view.metrics:
        best = view.best(metric.key)
        if best is not None:
            figures = ", ".join(f"{m.title} {m.show(best.figures.get(m.key))}" for m in view.metrics)
            lines += [f"Least {metric.title}: point {best.place}: {figures}", f"    {best.command}", ""]
    for metric in view.metrics[:2]:
        for one in influences(view, metric.key)[:4]:
            lines.append(
                f"{metric.title}: {one.name}: best is {one.best}, worst over best {percent(one.spread - 1)} more"
            )
    _write(figure, view.title, lines)


def _write(figure: Figure, title: str, lines: Sequence[str]) -> None:
    figure.suptitle(_plain(title), fontsize=16, x=0.03, ha="left")
    axes = figure.subplots()
    axes.axis("off")
    text = "\n".join(_plain(piece) for line in lines for piece in _wrapped(line))
    axes.text(0.0, 1.0, text, va="top", ha="left", fontsize=9, transform=axes.transAxes)


def _wrapped(line: str) -> list[str]:
    from textwrap import wrap  # noqa: PLC0415

    return wrap(line, CUT, subsequent_indent="        ", drop_whitespace=False) or [""]


def _plain(text: str) -> str:
    """Text in which matplotlib sees no formulas."""
    return text.replace("$", r"\$")


def _scatter(figure: Figure, view: SweepView, first: Metric, second: Metric) -> bool:
    points = [p for p in view.points if p.figures.get(first.key, 0) > 0 and p.figures.get(second.key, 0) > 0]
    if len({p.figures[first.key] for p in points}) < 2 or len({p.figures[second.key] for p in points}) < 2:
        return False
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
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(f"{first.title} [{across.unit}]")
    axes.set_ylabel(f"{second.title} [{up.unit}]")
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.legend()
    return True


def _table(figure: Figure, view: SweepView, front: Sequence[SweepPoint]) -> None:
    lines = []
    for point in front:
        figures = ", ".join(f"{m.title} {m.show(point.figures.get(m.key))}" for m in view.metrics)
        lines += [f"point {point.place}: {figures}", f"    {point.command}"]
    _write(figure, "The front of energy and latency, the thriftiest first", lines)
