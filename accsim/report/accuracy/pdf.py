"""Accuracy against cost on paper: summary, a chart for each cost, the table, sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accsim.report.accuracy.page import COSTS, cards, findings, shown, unit_of
from accsim.report.accuracy.view import AccuracyView
from accsim.report.axes import mark_text
from accsim.report.paper import Draw, heading, paper, summary_lines, table_pages, text_pages

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def accuracy_pdf(view: AccuracyView) -> bytes:
    """The PDF file; marks carry the numbers of the table's rows."""
    title = f"Accuracy of {view.network} on {view.hardware}"
    pages = text_pages(title, summary_lines(cards(view), findings(view)))
    pages += [_chart(view, what, name) for what, name in COSTS if view.drawn(what)]
    say = {what: shown(view, what) for what, _ in COSTS}
    rows = [
        [
            f"{i} {p.name}",
            "–" if p.accuracy_pct is None else f"{p.accuracy_pct:g}",
            *(say[what](p.cost(what)) for what, _ in COSTS),
        ]
        for i, p in enumerate(view.points, 1)
    ]
    pages += table_pages("Recipes", ["recipe", f"{view.metric}, %", "energy", "latency"], rows)
    lines = [f"{p.name}: {p.source or p.reason}" for p in view.points if p.source or p.reason]
    return paper(title, [*pages, *text_pages("Sources, and how it was made", [*lines, "", view.command])])


def _chart(view: AccuracyView, what: str, title: str) -> Draw:
    def draw(figure: Figure) -> None:
        from matplotlib.ticker import FuncFormatter  # noqa: PLC0415

        heading(figure, f"Accuracy against {title}; numbers are those of the table")
        axes, unit = figure.subplots(), unit_of(view, what)
        front = view.front(what)
        axes.step(
            [(p.cost(what) or 0.0) * unit.factor for p in front], [p.accuracy_pct or 0.0 for p in front], where="post",
            color="#D55E00",
        )  # fmt: skip
        for number, p in enumerate(view.points, 1):
            if p in view.drawn(what):
                at = ((p.cost(what) or 0.0) * unit.factor, p.accuracy_pct or 0.0)
                axes.plot(*at, "o", color="#D55E00" if p in front else "#0072B2")
                axes.annotate(str(number), at, xytext=(5, 4), textcoords="offset points", fontsize=8)
        axes.set_xscale("log")
        for place in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            place(FuncFormatter(lambda value, _: mark_text(value)))
        axes.tick_params(axis="x", which="minor", labelsize=7)
        axes.set_xlabel(f"{title} per inference, {unit.unit}")
        axes.set_ylabel(f"published {view.metric}, %")
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)

    return draw
