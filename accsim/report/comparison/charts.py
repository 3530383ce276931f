"""Charts of a comparison as SVG: totals, speed-ups, slots, layers by machine, rooflines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from accsim.report import bars, heat, svg
from accsim.report.axes import LogAxis, log_frame
from accsim.report.charts import NARROW
from accsim.report.colours import Series
from accsim.report.comparison.view import MachineView, SideView
from accsim.report.quantities import Scale, scale, significant
from accsim.report.view import LayerView, shorten

LEFT, RIGHT, TOP, HEIGHT = 70.0, 24.0, 24.0, 300.0
DARKEST = 10.0
"""Times the best of a row from which a cell is as dark as can be."""
FLAT = 30
"""Layers from which the rows of the map are lower."""


def totals(side: SideView, what: str, title: str) -> str:
    """Bars of a figure, compressed and dense; empty if it does not compare."""
    unit = unit_of(side, what)
    if unit is None:
        return ""
    rows = []
    for machine in side.machines:
        name = machine.name + ("*" if machine.figures["cannot"] else "")
        both = (("compressed", "bar-now"), ("dense", "bar-before"))
        rows.append(
            (
                name,
                [
                    bars.Bar(run, v := float(machine.figures[run][what]), f"{unit.show(v)} {unit.unit}", css)
                    for run, css in both
                ],
            )
        )
    return bars.grouped(f"{side.key}-{what}", f"{title}, {side.title.lower()}", rows, NARROW)


def unit_of(side: SideView, what: str) -> Scale | None:
    """The unit of a figure of all machines, compressed and dense; ``None`` if it does not compare."""
    values = [float(m.figures[run][what]) for m in side.machines for run in ("compressed", "dense")]
    return _unit(side, what, max(values, default=0.0))


def _unit(side: SideView, what: str, largest: float) -> Scale | None:
    match what:
        case "latency_ms":
            return scale(largest, 1e-3, "s")
        case "energy":
            return None if side.unit is None else side.unit.scale(largest)
        case _:
            return scale(largest, 1.0, "B")


def speed_ups(side: SideView) -> str:
    """Bars of the speed-up over the dense self, on the array alone, and the one that zeros would allow."""
    kinds = (
        ("with DRAM", "speed_up", "bar-now"),
        ("on the array alone", "processing_speed_up", "bar-before"),
        ("ideal", "ideal_speed_up", "bar-ideal"),
    )
    rows = [
        (one.name, [bars.Bar(what, one.figures[key], f"{one.figures[key]:.2f}", css) for what, key, css in kinds])
        for one in side.machines
    ]
    return bars.grouped(f"{side.key}-speed", f"Speed-up over the dense network, {side.title.lower()}", rows, NARROW)


EFFECTUAL = "products that count"


def slot_series(side: SideView) -> list[str]:
    """What slots went to, over all machines: products that count first, then causes by their largest share."""
    most: dict[str, float] = {}
    for machine in side.machines:
        for cause, share in machine.figures["slots"]["lost"].items():
            most[cause] = max(most.get(cause, 0.0), share)
    return [EFFECTUAL, *(cause.replace("_", " ") for cause in sorted(most, key=lambda c: -most[c]))]


def slots(side: SideView, series: Sequence[Series]) -> str:
    """A bar for each machine: what its multiplier slots went to, in per cent."""
    keys = [one.key for one in series]
    rows = [(m.name, {key: slot_share(m.figures, key) for key in keys}) for m in side.machines]
    return bars.stacked(f"{side.key}-slots", "Where multiplier slots went", rows, series, 100.0, "% of slots")


def slot_share(figures: Mapping[str, Any], key: str) -> float:
    """The share of a machine's multiplier slots that products that count, or a cause, took."""
    if key == EFFECTUAL:
        return float(figures["slots"]["effectual"])
    return sum(float(share) for cause, share in figures["slots"]["lost"].items() if cause.replace("_", " ") == key)


def layer_map(side: SideView, what: str, title: str) -> str:
    """A figure for each layer and machine: dark is far from the best machine of that layer."""
    found = layer_cells(side, what)
    if found is None:
        return ""
    layers, unit, cells = found
    description = (
        f"{title} of {len(layers)} layers on {len(side.machines)} machines, in {unit}. A cell is as dark as the "
        "machine is far from the best one for that layer; an empty one is a layer that the machine cannot run."
    )
    return heat.grid(
        f"{side.key}-map-{what}", f"{title} per layer", description, "layer", f"{title}, {unit}", layers,
        [machine.name for machine in side.machines], cells, 26.0 if len(layers) < FLAT else 18.0,
    )  # fmt: skip


def layer_cells(side: SideView, what: str) -> tuple[list[str], str, list[list[heat.Cell | None]]] | None:
    """Layers, the unit, and [layer][machine] cells; ``None`` if the figures do not compare."""
    layers = side.layers()
    figures = [
        [None if (one := machine.layer(name)) is None else _figure(one, what) for machine in side.machines]
        for name in layers
    ]
    known = [value for row in figures for value in row if value is not None]
    unit = _unit(side, what, max(known, default=0.0))
    if unit is None or not known:
        return None
    cells = []
    for name, row in zip(layers, figures, strict=True):
        best = min((value for value in row if value), default=0.0)
        cells.append(
            [
                None if value is None else _cell(name, machine.name, value, best, unit)
                for value, machine in zip(row, side.machines, strict=True)
            ]
        )
    return layers, unit.unit, cells


def _figure(layer: LayerView, what: str) -> float:
    return layer.latency_ms if what == "latency_ms" else layer.energy


def _cell(layer: str, machine: str, value: float, best: float, unit: Scale) -> heat.Cell:
    times = value / best if best else 1.0
    said = significant(value * unit.factor)
    tip = f"{layer} on {machine}: {said} {unit.unit}, {times:.2f} times the best"
    return heat.Cell(min(1.0, max(0.0, log10(times) / log10(DARKEST))) if times > 0 else 0.0, said, tip)


def rooflines(side: SideView) -> str:
    """A roof and the layers of every machine, in GMAC/s against MACs per DRAM byte; empty if nothing is known."""
    roofs = [(machine, machine.roof) for machine in side.machines if machine.roof is not None]
    points = [
        (machine, layer, *at) for machine, _ in roofs for layer in machine.seen.layers if (at := machine.rate(layer))
    ]
    if not points:
        return ""
    across = LogAxis.over([x for _, _, x, _ in points] + [r.ridge for _, r in roofs], LEFT, NARROW - RIGHT)
    up = LogAxis.over([y for *_, y in points] + [r.peak for _, r in roofs], TOP + HEIGHT, TOP)
    body = log_frame(across, up, "GMAC/s", "MACs per DRAM byte")
    for place, (machine, roof) in enumerate(roofs):
        begin = max(10.0**across.low, 10.0**up.low / roof.link)
        ridge = (across.place(roof.ridge), up.place(roof.peak))
        start = (across.place(begin), up.place(roof.at(begin)))
        tip = f"{machine.name}: peak {significant(roof.peak)} GMAC/s, DRAM {significant(roof.link)} GB/s"
        data = f"M{svg.num(start[0])} {svg.num(start[1])}L{svg.num(ridge[0])} {svg.num(ridge[1])}H{svg.num(across.end)}"
        same = [at for at, (_, other) in enumerate(roofs) if other == roof]
        stroke = f"stroke:{machine.series.hue}{_dashes(same.index(place), len(same))}"
        body.append(f'<path class="roof" style="{stroke}" d="{data}"><title>{svg.esc(tip)}</title></path>')
    body += [_mark(machine, layer, across.place(x), up.place(y), x, y) for machine, layer, x, y in points]
    description = f"{len(points)} layers of {len(roofs)} machines on logarithmic axes. " + "; ".join(
        f"{m.name}: peak {significant(r.peak)} GMAC/s, {significant(r.link)} GB/s" for m, r in roofs
    )
    title = f"Rooflines, {side.title.lower()}"
    return svg.picture(f"{side.key}-roofs", NARROW, TOP + HEIGHT + 42, title, description, body)


def _dashes(turn: int, lines: int) -> str:
    """Lines that lie on each other take turns, so that all their colours are seen."""
    return "" if lines == 1 else f";stroke-dasharray:9 {9 * (lines - 1)};stroke-dashoffset:{-9 * turn}"


def _mark(machine: MachineView, layer: LayerView, px: float, py: float, x: float, y: float) -> str:
    tip = f"{machine.name}, {shorten(layer.name, 60)}\n{significant(x)} MACs per DRAM byte, {significant(y)} GMAC/s"
    circle = (
        f'<circle class="m {machine.series.css}" data-l="{layer.index}" cx="{svg.num(px)}" cy="{svg.num(py)}" r="5">'
    )
    return f"{circle}<title>{svg.esc(tip)}</title></circle>"
