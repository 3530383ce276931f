"""Names beside the marks of a chart, where they cover neither a mark nor each other."""

from __future__ import annotations

from collections.abc import Sequence

from accsim.report import svg
from accsim.report.view import shorten

LETTER, LETTERS = 7.2, 20
"""Width of a letter, and how many a name has at most."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def names(points: Sequence[tuple[str, float, float]], inside: Box, most: int) -> list[str]:
    """Names of the first ``most`` points (name, x, y), each beside its mark if there is such a place.

    Args:
        inside: what names do not leave.
    """
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for _, x, y in points]
    out = []
    for name, x, y in points[:most]:
        text = shorten(name, LETTERS)
        area = next((area for area in _places(x, y, LETTER * len(text)) if _free(area, inside, taken)), None)
        if area is not None:
            taken.append(area)
            out.append(svg.text((area[0] + area[2]) / 2, area[3] - 3, text, "middle", "halo"))
    return out


def _places(x: float, y: float, wide: float) -> list[Box]:
    """Right, left, above and below of a mark."""
    spots = ((x + 9, y + 4), (x - 9 - wide, y + 4), (x - wide / 2, y - 10), (x - wide / 2, y + 18))
    return [(left, base - 10, left + wide, base + 3) for left, base in spots]


def _free(area: Box, inside: Box, taken: Sequence[Box]) -> bool:
    within = area[0] > inside[0] and area[1] > inside[1] and area[2] < inside[2] and area[3] - 3 < inside[3]
    return within and not any(_meet(area, other) for other in taken)


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
