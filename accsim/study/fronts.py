"""How fronts of accuracy against a cost are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accsim.report.colours import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from accsim.report.front import front

if TYPE_CHECKING:
    from matplotlib.axes import Axes


COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
MARKERS = "osD^vP"
"""Of machines, in the order in which they are named."""


@dataclass(frozen=True, slots=True)
class Point:
    """One network in a drawing.

    Attributes:
        interval: half the height of its bar; 0 for none.
    """

    name: str
    cost: float
    accuracy: float
    interval: float = 0.0


def draw_points(
    axes: Axes,
    points: Sequence[Point],
    colour: str,
    marker: str,
    label: str,
    *,
    filled: bool = True,
    named: bool = True,
) -> None:
    """Marks, the line through their front, and the names of those on it."""
    if not points:
        return
    axes.errorbar(
        [p.cost for p in points], [p.accuracy for p in points], [p.interval for p in points], fmt=marker, color=colour,
        elinewidth=0.5, markersize=4, markerfacecolor=colour if filled else "white", label=label,
    )  # fmt: skip
    best = front(points, lambda p: p.cost, lambda p: p.accuracy)
    axes.plot([p.cost for p in best], [p.accuracy for p in best], color=colour, linewidth=1)
    for point in best if named else ():
        axes.annotate(
            point.name, (point.cost, point.accuracy), xytext=(-3, 4), textcoords="offset points", fontsize=6,
            ha="right",
        )  # fmt: skip
