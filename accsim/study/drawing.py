"""Drawings as SVG that is the same byte for byte whenever the same matplotlib draws the same figures.

Text is drawn as outlines of matplotlib's own font, so no font has to be installed to draw or to see it; ids are salted
with a fixed word, and no date, version or path is written. Another version of matplotlib may place things otherwise:
the committed drawings are those of ``DRAWN_WITH``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN_WITH = "3.11.2"
"""The version of matplotlib that drew the figures in ``reports/``."""

STYLE: dict[str, Any] = {
    "svg.hashsalt": "accsim",
    "svg.fonttype": "path",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "hatch.linewidth": 0.6,
    "figure.facecolor": "white",
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True, slots=True)
class Drawing:
    """One figure of a study.

    Attributes:
        caption: what the page says under it; also what a reader who cannot see it gets.
        draw: draws it on an empty matplotlib ``Figure`` with constrained layout.
        size: width and height in inches.
    """

    caption: str
    draw: Callable[[Figure], None]
    size: tuple[float, float] = (7.5, 3.6)


def to_svg(drawing: Drawing) -> bytes:
    """A drawing as SVG."""
    return render(drawing, "svg", metadata=_NO_METADATA)


def render(drawing: Drawing, kind: str, **how: Any) -> bytes:
    """A drawing in a format that matplotlib knows (``svg``, ``png``)."""
    import matplotlib as mpl  # noqa: PLC0415 - heavy, and only drawing needs it
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the user's matplotlibrc says
        parameters: Any = mpl.rcParams
        parameters.update(STYLE)
        figure = Figure(figsize=drawing.size, layout="constrained")
        FigureCanvasAgg(figure)
        drawing.draw(figure)
        buffer = BytesIO()
        figure.savefig(buffer, format=kind, **how)
    return buffer.getvalue()


def matplotlib_version() -> str:
    """The version that draws."""
    from importlib.metadata import version  # noqa: PLC0415

    return version("matplotlib")
