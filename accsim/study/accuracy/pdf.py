"""The view on paper: the two drawings, the table, and what is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accsim.report.paper import Draw, heading, paper, table_pages, text_pages
from accsim.report.quantities import significant
from accsim.study.accuracy.charts import drawings
from accsim.study.accuracy.view import AccuracyView, energy_of, latency_of
from accsim.study.drawing import Drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEAD = ("recipe", "network", "machine", "front", "row", "top-1 %", "µJ", "ms")


def accuracy_pdf(view: AccuracyView) -> bytes:
    """The PDF file."""
    rows = [
        (
            one.name,
            one.point.network,
            one.point.hardware,
            one.fronts,
            str(one.row),
            f"{one.point.accuracy_pct:g}",
            significant(energy_of(one.point), 4),
            significant(latency_of(one.point), 4),
        )
        for one in view.points
    ]
    left_out = [f"{p.recipe or p.network} cannot run on {p.hardware}: {p.infeasible}" for p in view.cannot]
    left_out += [f"{name}: no accuracy was published" for name in view.unknown]
    pages = [_page(view.title, drawing) for drawing in drawings(view).values()]
    pages += table_pages(view.title, HEAD, rows, left=4) if rows else []
    return paper(view.title, [*pages, *text_pages("Left out", left_out)])


def _page(title: str, drawing: Drawing) -> Draw:
    def draw(figure: Figure) -> None:
        heading(figure, title)
        drawing.draw(figure)

    return draw
