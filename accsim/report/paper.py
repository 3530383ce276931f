"""Reports on paper: pages of a PDF file, drawn by matplotlib. The same figures give the same bytes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from accsim.report.axes import mark_text
from accsim.report.colours import TEXTURES, Series
from accsim.report.sections import Card

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Draw = Callable[["Figure"], None]
"""Draws a page on an empty figure."""

PAGE = (11.69, 8.27)
"""A4 across, in inches."""
LINES, CUT = 44, 160
"""Lines of a page of text, and letters of a line."""
ROWS = 42
"""Rows of a page of a table."""
WIDEST = 780.0
"""Points that a line of a table may take."""
HATCHES = ("", "///", "---", "|||", "\\\\\\", "xxx", "+++", "ooo")
"""For the textures of ``accsim.report.colours``, in their order."""


def paper(title: str, pages: Iterable[Draw]) -> bytes:
    """The PDF file of some pages."""
    import matplotlib as mpl  # noqa: PLC0415 - heavy, and only a PDF needs it
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.backends.backend_pdf import PdfPages  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    out = BytesIO()
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # names in letters that the font lacks
        mpl.rcdefaults()  # whatever the user's matplotlibrc says
        parameters: Any = mpl.rcParams
        parameters.update({"text.parse_math": False, "hatch.linewidth": 0.5, "axes.axisbelow": True})
        with PdfPages(out, metadata={"Title": title, "Creator": "accsim", "CreationDate": None}) as file:
            for draw in pages:
                figure = Figure(figsize=PAGE)
                figure.set_layout_engine("constrained", rect=(0.03, 0.03, 0.94, 0.94))
                FigureCanvasAgg(figure)
                draw(figure)
                file.savefig(figure)
    return out.getvalue()


def text_pages(title: str, lines: Iterable[str]) -> list[Draw]:
    """Lines of text, the long ones broken, on as many pages as they need."""
    pieces = [piece for line in lines for piece in _wrapped(line)]
    return [_written(title, pieces[at : at + LINES], 9.0, "DejaVu Sans") for at in range(0, len(pieces), LINES)]


def table_pages(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[Draw]:
    """A table in letters of one width; the first ``left`` columns begin at the left, the others end at the right."""
    table = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
    size = min(9.0, WIDEST / (0.603 * max(map(len, lines))))
    out = []
    for at in range(1, len(lines), ROWS) or (1,):
        out.append(_written(title, [lines[0], "", *lines[at : at + ROWS]], size, "DejaVu Sans Mono"))
    return out


def summary_lines(cards: Iterable[Card], findings: Iterable[tuple[str, str]]) -> list[str]:
    """Cards and findings as lines of text."""
    out = []
    for card in cards:
        note = f" ({card.note})" if card.note else ""
        out.append(f"{card.title}: {card.value} {card.unit}".rstrip() + note)
    return [*out, "", *(f"{subject}: {sentence}" for subject, sentence in findings)]


def _wrapped(line: str) -> list[str]:
    return wrap(line, CUT, subsequent_indent="        ", drop_whitespace=False) or [""]


def _written(title: str, lines: Sequence[str], size: float, family: str) -> Draw:
    def draw(figure: Figure) -> None:
        heading(figure, title)
        axes = figure.subplots()
        axes.axis("off")
        axes.text(
            0.0, 1.0, "\n".join(lines), va="top", ha="left", fontsize=size, family=family, transform=axes.transAxes
        )

    return draw


def heading(figure: Figure, title: str) -> None:
    """The title of a page."""
    figure.suptitle(title if len(title) < 90 else title[:88] + "…", fontsize=15, x=0.03, ha="left")


def stacked_columns(
    axes: Axes,
    title: str,
    names: Sequence[str],
    series: Sequence[Series],
    parts: Sequence[Mapping[str, float]],
    factor: float,
    unit: str,
) -> None:
    """Columns of stacked parts; values times ``factor`` are in ``unit``."""
    base = [0.0] * len(names)
    for one in series:
        values = [part.get(one.key, 0.0) * factor for part in parts]
        if any(values):
            axes.bar(range(len(names)), values, bottom=base, label=one.key, **fill(one))
            base = [b + v for b, v in zip(base, values, strict=True)]
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_ylabel(unit)
    every = max(1, -(-len(names) // 60))
    axes.set_xticks(range(0, len(names), every), list(names)[::every], rotation=60, ha="right", fontsize=7)
    axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.6)
    if any(base):
        axes.legend(fontsize=7, frameon=False, ncols=4)


def fill(series: Series) -> dict[str, Any]:
    """How bars of a series are filled."""
    texture = TEXTURES.index(series.texture) if series.texture in TEXTURES else 0
    return {"color": series.hue, "hatch": HATCHES[texture], "edgecolor": "white", "linewidth": 0.3}


def log_axes(axes: Axes, across: str, up: str) -> None:
    """Two logarithmic axes with a grid."""
    from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: PLC0415

    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: mark_text(value)))
        low, high = axis.get_view_interval()
        if high < 10 * low:
            axis.set_minor_formatter(FuncFormatter(lambda value, _: mark_text(value)))
            axis.set_tick_params(which="minor", labelsize=7)
        else:
            axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
