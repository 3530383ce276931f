"""The run as a strip: each layer as wide as the time it takes, its height divided by where its cycles went."""

from __future__ import annotations

from collections.abc import Sequence

from accsim.report import svg
from accsim.report.charts import LEFT, RIGHT, WIDE
from accsim.report.colours import Series
from accsim.report.quantities import percent, scale, significant, ticks
from accsim.report.view import LayerView, shorten

TOP, LANE, GAP, MOST_LANES = 8.0, 74.0, 6.0, 6


def lanes(layers: Sequence[LayerView]) -> list[int]:
    """The lane of each layer: the first one free at its start, so that layers that overlap are drawn apart."""
    free: list[int] = []
    out = []
    for layer in layers:
        lane = next((i for i, end in enumerate(free) if end <= layer.start), None)
        if lane is None and len(free) < MOST_LANES:
            free.append(0)
            lane = len(free) - 1
        lane = MOST_LANES - 1 if lane is None else lane
        free[lane] = max(free[lane], layer.start + layer.total)
        out.append(lane)
    return out


def timeline(key: str, title: str, layers: Sequence[LayerView], series: Sequence[Series], clock_mhz: float) -> str:
    """The strip, with time in a unit fit for its length on the axis."""
    end = max((layer.start + layer.total for layer in layers), default=0)
    if not (end and clock_mhz > 0):
        return ""
    unit = scale(end, 1e-6 / clock_mhz, "s")
    marks = ticks(end * unit.factor, 10)
    width = WIDE - LEFT - RIGHT
    per_cycle = width / end
    where = lanes(layers)
    bottom = TOP + (max(where) + 1) * (LANE + GAP)
    drawn: list[list[str]] = [[] for _ in series]
    names, hits = [], []
    for layer, lane in zip(layers, where, strict=True):
        if not layer.total:
            continue
        x, w, y = LEFT + layer.start * per_cycle, layer.total * per_cycle, TOP + lane * (LANE + GAP)
        seam = min(1.0, w * 0.08)
        top = y
        for pieces, s in zip(drawn, series, strict=True):
            height = LANE * layer.cycles[s.key] / layer.total
            if height >= 0.05:
                pieces.append(svg.box(x, top, max(w - seam, 0.1), height))
            top += height
        name = shorten(layer.name, 24)
        if len(name) * 7.4 + 10 < w:
            names.append(svg.text(x + w / 2, y + LANE / 2 + 4, name, "middle", "on halo"))
        hits.append(svg.hit(x, y, max(w, 0.5), LANE, layer.index, _tip(layer, series, unit.factor, unit.unit)))
    axis = [svg.line(LEFT, bottom, LEFT + width, bottom, "axis")]
    for value in marks:
        x = LEFT + value / unit.factor * per_cycle
        if x <= LEFT + width + 0.5:
            axis.append(svg.line(x, bottom, x, bottom + 5, "axis"))
            axis.append(svg.text(x, bottom + 18, significant(value), "middle"))
    axis.append(svg.text(LEFT + width, bottom + 34, f"time, {unit.unit}", "end", "unit"))
    bars = [svg.path(pieces, s.css) for pieces, s in zip(drawn, series, strict=True)]
    longest = max(layers, key=lambda layer: layer.total)
    description = (
        f"{len(layers)} layers from 0 to {significant(end * unit.factor)} {unit.unit}; each is as wide as the time "
        f"it takes and divided by compute, fill, drain and stall. The longest is {longest.label} with "
        f"{percent(longest.total / end)} of the time."
    )
    return svg.picture(key, WIDE, bottom + 40, title, description, [*axis, *bars, *names, *hits])


def _tip(layer: LayerView, series: Sequence[Series], factor: float, unit: str) -> str:
    split = ", ".join(f"{s.key} {percent(layer.cycles[s.key] / layer.total)}" for s in series if layer.cycles[s.key])
    return (
        f"{shorten(layer.name, 60)} ({layer.kind}): {significant(layer.total * factor)} {unit}, "
        f"from cycle {layer.start:,} to {layer.start + layer.total:,}\n{split}"
    )
