"""A grid of cells, light where a figure is small and dark where it is large; readable in grey and for every eye."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accsim.report import svg
from accsim.report.charts import NARROW
from accsim.report.view import shorten

TOP, RIGHT = 26.0, 24.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        share: how dark, from 0 to 1.
        said: written in it, where there is room.
        tip: what hovering tells.
    """

    share: float
    said: str
    tip: str


def grid(
    key: str,
    title: str,
    description: str,
    down: str,
    across: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[Cell | None]],
    tall: float = 26.0,
) -> str:
    """The grid: ``cells`` are [row][column], ``None`` where there is no figure; ``tall`` is the height of a row."""
    left = 20 + 6.4 * max((len(shorten(row, 18)) for row in rows), default=0)
    wide = min(92.0, (NARROW - left - RIGHT) / max(1, len(columns)))
    body = [svg.text(4, 12, f"↓ {shorten(down, 34)}   → {shorten(across, 34)}", css="unit")]
    top = TOP + 12
    for j, column in enumerate(columns):
        body.append(svg.text(left + wide * (j + 0.5), top - 6, shorten(column, int(wide / 6.2)), "middle", "small"))
    for i, row in enumerate(rows):
        body.append(svg.text(left - 6, top + tall * (i + 0.5) + 4, shorten(row, 18), "end", "small"))
        for j, cell in enumerate(cells[i]):
            x, y = left + wide * j, top + tall * i
            if cell is None:
                body.append(f'<path class="none" d="{svg.box(x, y, wide - 1, tall - 1)}"/>')
                continue
            shape = f'<path style="fill:{shade(cell.share)}" d="{svg.box(x, y, wide - 1, tall - 1)}">'
            body.append(f"{shape}<title>{svg.esc(cell.tip)}</title></path>")
            if wide > 34:
                css = "cell dark" if cell.share > 0.55 else "cell"
                body.append(svg.text(x + wide / 2, y + tall / 2 + 4, cell.said, "middle", css))
    return svg.picture(key, NARROW, top + tall * len(rows) + 10, title, description, body)


def shade(share: float) -> str:
    """From light to dark, the same hue."""
    start, end = (232, 243, 251), (0, 66, 112)
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(start, end, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"
