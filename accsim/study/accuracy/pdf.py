"""The view on paper: the two drawings, and the table."""

from __future__ import annotations

from io import BytesIO

from accsim.report.quantities import significant
from accsim.study.accuracy.charts import drawings
from accsim.study.accuracy.view import AccuracyView, energy_of, latency_of

PAGE = (11.69, 8.27)
"""A4 across, in inches."""
ROWS = 42


def accuracy_pdf(view: AccuracyView) -> bytes:
    """The PDF file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - heavy, and only a PDF needs it
    from matplotlib.backends.backend_pdf import PdfPages  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    out = BytesIO()
    with PdfPages(out, metadata={"Title": view.title, "Creator": "accsim", "CreationDate": None}) as pages:
        for drawing in drawings(view).values():
            figure = Figure(figsize=PAGE, layout="constrained")
            FigureCanvasAgg(figure)
            drawing.draw(figure)
            figure.suptitle(view.title, fontsize=14, x=0.03, ha="left")
            pages.savefig(figure)
        lines = [f"{'row':>4}  {'top-1 %':>8}  {'µJ':>11}  {'ms':>10}  {'front':5}  recipe, network, machine"]
        for one in view.points:
            front = "".join(mark for mark, on in (("E", one.on_energy), ("L", one.on_latency)) if on)
            costs = f"{significant(energy_of(one.point), 4):>11}  {significant(latency_of(one.point), 4):>10}"
            where = f"{one.name}, {one.point.network}, {one.point.hardware}"
            lines.append(f"{one.row:>4}  {one.point.accuracy_pct:>8g}  {costs}  {front:5}  {where}")
        lines += [f"cannot run: {p.recipe or p.network} on {p.hardware}" for p in view.cannot]
        lines += [f"no accuracy published: {name}" for name in view.unknown]
        for start in range(0, len(lines), ROWS):
            figure = Figure(figsize=PAGE)
            FigureCanvasAgg(figure)
            text = "\n".join(lines[start : start + ROWS]).replace("$", r"\$")
            figure.text(0.04, 0.95, text, va="top", family="monospace", fontsize=8)
            pages.savefig(figure)
    return out.getvalue()
