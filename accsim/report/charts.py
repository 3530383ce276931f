"""Charts with one column per layer, and the bar of shares of a whole, as SVG text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from accsim.report import svg
from accsim.report.colours import Series
from accsim.report.quantities import percent, significant, ticks
from accsim.report.view import LayerView, shorten

NARROW, WIDE = 570.0, 1170.0
LEFT, RIGHT, TOP = 62.0, 14.0, 22.0
LABEL_SPACE = 13.0
"""Least distance between two slanted labels; where layers are closer, labels are skipped."""

TOLD = 0.005
"""Parts below this share of a column are drawn but not told in its tooltip."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The horizontal axis of a chart with one column per layer."""

    layers: Sequence[LayerView]
    height: float = 190.0

    @property
    def wide(self) -> bool:
        """Whether the chart takes the whole width of the page."""
        return len(self.layers) > 16

    @property
    def pitch(self) -> float:
        """Distance from one layer to the next; with very many layers the chart grows wider than the page."""
        width = (WIDE if self.wide else NARROW) - LEFT - RIGHT
        return max(6.0, width / max(1, len(self.layers)))

    @property
    def bar(self) -> float:
        """Width of a column."""
        return min(44.0, self.pitch * 0.76)

    @property
    def right(self) -> float:
        """Right end of the axis."""
        return LEFT + self.pitch * max(1, len(self.layers))

    @property
    def bottom(self) -> float:
        """Where the axis lies."""
        return TOP + self.height

    def x(self, index: int) -> float:
        """Left edge of a column."""
        return LEFT + self.pitch * index + (self.pitch - self.bar) / 2

    def labels(self) -> tuple[str, float]:
        """Names under the axis and the height they need."""
        every = max(1, -(-int(LABEL_SPACE * 10) // int(self.pitch * 10)))
        names = [shorten(layer.name, 18) for layer in self.layers]
        flat = max((len(name) for name in names), default=0) * 6.2 < self.pitch
        parts = []
        for index in range(0, len(names), every):
            x = self.x(index) + self.bar / 2
            parts.append(
                svg.text(x, self.bottom + 15, names[index], "middle")
                if flat
                else svg.text(x + 3, self.bottom + 11, names[index], "end", turn=-62)
            )
        longest = max((len(name) for name in names[::every]), default=0)
        return "".join(parts), 26 if flat else 18 + longest * 5.7

    def frame(self, top_value: float, unit: str, mark: Callable[[float], str]) -> tuple[str, Callable[[float], float]]:
        """The vertical axis with its grid, and the function from a value to a height in the picture."""
        marks = ticks(top_value)

        def y(value: float) -> float:
            return self.bottom - self.height * value / marks[-1]

        parts = [svg.text(4, 12, unit, css="unit")]
        for value in marks:
            parts.append(svg.line(LEFT, y(value), self.right, y(value), "grid" if value else "axis"))
            parts.append(svg.text(LEFT - 6, y(value) + 4, mark(value), "end"))
        return "".join(parts), y

    def picture(self, key: str, title: str, description: str, body: Sequence[str]) -> str:
        """Columns, labels and frame together."""
        labels, space = self.labels()
        return svg.picture(key, self.right + RIGHT, self.bottom + space, title, description, [*body, labels])


def stacked(
    key: str,
    title: str,
    layers: Sequence[LayerView],
    series: Sequence[Series],
    parts: Callable[[LayerView], Mapping[str, float]],
    factor: float,
    unit: str,
) -> str:
    """Columns of stacked parts per layer; values are multiplied by ``factor`` to be in ``unit``."""
    columns = Columns(layers)
    values = [[max(0.0, parts(layer).get(s.key, 0.0)) * factor for s in series] for layer in layers]
    sums = [sum(row) for row in values]
    frame, y = columns.frame(max(sums, default=0.0), unit, significant)
    drawn: list[list[str]] = [[] for _ in series]
    hits = []
    for index, layer in enumerate(layers):
        base = 0.0
        x = columns.x(index)
        for place, value in enumerate(values[index]):
            top = y(base + value)
            if y(base) - top >= 0.05:
                drawn[place].append(svg.box(x, top, columns.bar, y(base) - top))
            base += value
        tip = [f"{shorten(layer.name, 60)}: {significant(sums[index])} {unit}"]
        tip += [
            f"{s.key} {significant(v)} ({percent(v / sums[index])})"
            for s, v in zip(series, values[index], strict=True)
            if v > TOLD * sums[index]
        ]
        hits.append(
            svg.hit(LEFT + columns.pitch * index, TOP, columns.pitch, columns.height, layer.index, "\n".join(tip))
        )
    bars = [svg.path(pieces, s.css) for pieces, s in zip(drawn, series, strict=True)]
    description = _describe(layers, sums, unit, series)
    return columns.picture(key, title, description, [frame, *bars, *hits])


def utilization(key: str, title: str, layers: Sequence[LayerView], average: float | None, pes: float | None) -> str:
    """Columns of MACs / (PEs x cycles) per layer, the whole run's as a line, PEs at work as dots where known."""
    columns = Columns(layers)
    frame, y = columns.frame(1.0, "% of PE slots", lambda v: f"{100 * v:g}")
    bars, dots, hits = [], [], []
    for index, layer in enumerate(layers):
        x, share = columns.x(index), min(1.0, max(0.0, layer.utilization))
        if share > 0:
            bars.append(svg.box(x, y(share), columns.bar, columns.bottom - y(share)))
        tip = f"{shorten(layer.name, 60)}: {percent(share)} of PE slots do a MAC"
        if pes and layer.macs:
            at_work = min(1.0, layer.active_average / pes)
            dots.append(
                f'<circle class="dot" cx="{svg.num(x + columns.bar / 2)}" cy="{svg.num(y(at_work))}" '
                f'r="{svg.num(min(3.5, columns.pitch * 0.3))}"/>'
            )
            tip += f"\n{significant(layer.active_average, 4)} of {pes:,.0f} PEs at work on average"
        hits.append(svg.hit(LEFT + columns.pitch * index, TOP, columns.pitch, columns.height, layer.index, tip))
    body = [frame, svg.path(bars, "ccompute"), *dots]
    if average is not None:
        body.append(svg.line(LEFT, y(average), columns.right, y(average), "average"))
        body.append(svg.text(columns.right, y(average) - 5, f"whole run {percent(average)}", "end", "halo"))
    description = _describe(layers, [100 * layer.utilization for layer in layers], "%", ())
    return columns.picture(key, title, description, [*body, *hits])


def shares(key: str, title: str, series: Sequence[Series], parts: Mapping[str, float]) -> str:
    """One horizontal bar of the shares of a whole; the table beside it holds the same figures."""
    whole = sum(max(0.0, parts.get(s.key, 0.0)) for s in series)
    width, height, x = WIDE, 40.0, 0.0
    body = []
    for s in series:
        share = max(0.0, parts.get(s.key, 0.0)) / whole if whole > 0 else 0.0
        if share <= 0:
            continue
        step = share * width
        body.append(
            f"<g><title>{svg.esc(f'{s.key}: {percent(share)}')}</title>{svg.path([svg.box(x, 0, step, height)], s.css)}"
        )
        if len(s.key) * 8 + 62 < step:
            body.append(svg.text(x + step / 2, 25, f"{shorten(s.key, 30)} {percent(share)}", "middle", "on halo"))
        body.append("</g>")
        x += step
    if not body:
        body.append(svg.text(0, 25, "nothing to show: every part is zero"))
    text = "; ".join(f"{s.key} {percent(parts.get(s.key, 0.0) / whole)}" for s in series if whole > 0)
    return svg.picture(key, width, height, title, text or "Every part is zero.", body)


def _describe(layers: Sequence[LayerView], sums: Sequence[float], unit: str, series: Sequence[Series]) -> str:
    if not layers:
        return "There are no layers."
    most = max(range(len(layers)), key=lambda index: sums[index])
    stack = f", each stacked from {', '.join(s.key for s in series)}" if series else ""
    return (
        f"{len(layers)} columns, one per layer in order of execution{stack}. The highest is "
        f"{layers[most].label} with {significant(sums[most])} {unit}. The layer table holds the figures."
    )
