"""One colour per level, operand and part of the latency, the same in every chart of a report.

The hues are those of Okabe and Ito (Color Universal Design, 2008), which stay apart for every common kind of colour
blindness. A level takes the hue of its kind; the second, third ... level of a kind has the same hue with a texture.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#8C8C8C"

KIND = {"dram": VERMILION, "sram": BLUE, "rf": GREEN, "noc": PURPLE, "pe": ORANGE, "vector": SKY}
OPERAND = {
    "ifmap": SKY,
    "weight": ORANGE,
    "psum": GREEN,
    "ofmap": BLUE,
    "ifmap2": PURPLE,
    "metadata": YELLOW,
    "compute": GREY,
}
CYCLES = {"compute": BLUE, "fill": SKY, "drain": GREEN, "stall": VERMILION}
TEXTURES = (
    "",
    "M-2 2L2 -2M0 8L8 0M6 10L10 6",
    "M0 2H8M0 6H8",
    "M2 0V8M6 0V8",
    "M-2 6L2 10M0 0L8 8M6 -2L10 2",
    "M0 0L8 8M0 8L8 0",
    "M0 4H8M4 0V8",
    "M3 3H5V5H3z",
)


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a legend.

    Attributes:
        key: the key of the figures it stands for.
        css: class that fills a shape with it.
        hue: its colour.
        texture: path of the lines drawn over the hue in an 8 x 8 tile; empty for a plain fill.
    """

    key: str
    css: str
    hue: str
    texture: str = ""


def level_series(levels: Iterable[tuple[str, str]]) -> list[Series]:
    """A series per (name, kind), in the order given."""
    used: dict[str, int] = {}
    series = []
    for index, (name, kind) in enumerate(levels):
        hue = KIND.get(kind, GREY)
        turn = used.get(hue, 0)
        used[hue] = turn + 1
        series.append(Series(name, f"l{index}", hue, TEXTURES[turn % len(TEXTURES)]))
    return series


def operand_series(operands: Iterable[str]) -> list[Series]:
    """A series per operand present, in the usual order."""
    present = list(dict.fromkeys(operands))
    known = [name for name in OPERAND if name in present]
    other = [name for name in present if name not in OPERAND]
    plain = [Series(name, f"o{index}", OPERAND[name]) for index, name in enumerate(known)]
    return plain + [Series(name, f"x{i}", GREY, TEXTURES[1 + i % (len(TEXTURES) - 1)]) for i, name in enumerate(other)]


def cycle_series() -> list[Series]:
    """Compute, fill, drain, stall."""
    return [Series(name, f"c{name}", hue) for name, hue in CYCLES.items()]


HUES = (VERMILION, BLUE, GREEN, ORANGE, PURPLE, SKY, YELLOW, GREY)


def plain_series(names: Iterable[str], prefix: str) -> list[Series]:
    """A series per name, in the order given; the ninth has the hue of the first, with a texture."""
    return [
        Series(name, f"{prefix}{i}", HUES[i % len(HUES)], TEXTURES[i // len(HUES) % len(TEXTURES)])
        for i, name in enumerate(names)
    ]
