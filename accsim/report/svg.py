"""Pieces of SVG. Every text passes through ``esc``; every chart has a title, a description and a role."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def esc(text: object) -> str:
    """``text`` safe inside an element or a quoted attribute."""
    return escape(str(text), quote=True)


def num(value: float) -> str:
    """A coordinate: one decimal at most."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def text(x: float, y: float, content: object, anchor: str = "start", css: str = "", turn: float = 0) -> str:
    """One line of text; ``anchor`` is start, middle or end; ``turn`` in degrees about its anchor."""
    attributes = "" if anchor == "start" else f' text-anchor="{anchor}"'
    attributes += f' class="{css}"' if css else ""
    attributes += f' transform="rotate({num(turn)} {num(x)} {num(y)})"' if turn else ""
    return f'<text x="{num(x)}" y="{num(y)}"{attributes}>{esc(content)}</text>'


def box(x: float, y: float, width: float, height: float) -> str:
    """Path data of a rectangle."""
    return f"M{num(x)} {num(y)}h{num(width)}v{num(height)}h{num(-width)}z"


def path(data: Iterable[str], css: str) -> str:
    """One path of many pieces; nothing when there are none."""
    joined = "".join(data)
    return f'<path class="{css}" d="{joined}"/>' if joined else ""


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """A straight line."""
    return f'<path class="{css}" d="M{num(x1)} {num(y1)}L{num(x2)} {num(y2)}"/>'


def hit(x: float, y: float, width: float, height: float, layer: int, tip: str) -> str:
    """An unseen area that shows ``tip`` on hover and leads to a layer on click."""
    return (
        f'<rect class="h" data-l="{layer}" x="{num(x)}" y="{num(y)}" width="{num(width)}" height="{num(height)}">'
        f"<title>{esc(tip)}</title></rect>"
    )


def picture(key: str, width: float, height: float, title: str, description: str, body: Iterable[str]) -> str:
    """A whole chart; ``key`` is unique in the page."""
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {num(width)} {num(height)}" style="min-width:{num(width * 0.8)}px;'
        f'max-width:{num(width * 1.25)}px" aria-labelledby="{key}-t {key}-d">'
        f'<title id="{key}-t">{esc(title)}</title><desc id="{key}-d">{esc(description)}</desc>{"".join(body)}</svg>'
    )
