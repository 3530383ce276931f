"""The roofline (Williams, Waterman and Patterson, CACM 52(4), 2009): MACs per DRAM byte against MACs per cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accsim.report import labels, svg
from accsim.report.axes import LogAxis, log_frame
from accsim.report.charts import WIDE
from accsim.report.quantities import amount, percent, significant
from accsim.report.view import LayerView, shorten

LEFT, RIGHT, TOP, HEIGHT = 70.0, 24.0, 24.0, 330.0
NAMED = 8


@dataclass(frozen=True, slots=True)
class Roof:
    """What the machine can do at best.

    Attributes:
        peak: MACs per core cycle with every PE busy.
        link: bytes the DRAM channel moves per core cycle.
    """

    peak: float
    link: float

    @property
    def ridge(self) -> float:
        """MACs per DRAM byte from which the array, not the link, is the bound."""
        return self.peak / self.link

    def at(self, intensity: float) -> float:
        """Most MACs per cycle at an intensity."""
        return min(self.peak, intensity * self.link)


def roof(hardware: Mapping[str, Any]) -> Roof | None:
    """The roof, if the result says what the machine can do."""
    peak, bits = amount(hardware.get("peak_macs_per_cycle")), amount(hardware.get("dram_bits_per_cycle"))
    return Roof(peak, bits / 8) if peak > 0 and bits > 0 else None


def absent(layers: Sequence[LayerView], hardware: Mapping[str, Any]) -> str:
    """Why there is no roofline; empty when there is one."""
    if roof(hardware) is None:
        return "The result does not say what the array and the DRAM channel can do per cycle."
    if not any(_point(layer) for layer in layers):
        return "No layer has both MACs and off-chip traffic."
    return ""


def left_out(layers: Sequence[LayerView]) -> str:
    """Which layers have no place in the chart."""
    without = sum(1 for layer in layers if not layer.macs)
    on_chip = sum(1 for layer in layers if layer.macs and not layer.dram_bits)
    parts = [f"{_layers(without)} without MACs"] if without else []
    parts += [f"{_layers(on_chip)} with MACs but no off-chip traffic"] if on_chip else []
    return f"Not shown: {' and '.join(parts)}." if parts else ""


def _layers(count: int) -> str:
    return "1 layer" if count == 1 else f"{count} layers"


def roofline(key: str, title: str, layers: Sequence[LayerView], machine: Roof) -> str:
    """The chart, on logarithmic axes; the layers that take the most time carry their name."""
    points = [(layer, *point) for layer in layers if (point := _point(layer)) is not None]
    across = LogAxis.over([x for _, x, _ in points] + [machine.ridge], LEFT, WIDE - RIGHT)
    up = LogAxis.over([y for _, _, y in points] + [machine.peak], TOP + HEIGHT, TOP)
    body = log_frame(across, up, "MACs per cycle", "MACs per DRAM byte")
    body += _roof_lines(machine, across, up)
    drawn = [(layer, across.place(x), up.place(y), x, y) for layer, x, y in sorted(points, key=lambda p: -p[0].total)]
    marks = [_mark(layer, px, py, machine, x, y) for layer, px, py, x, y in drawn]
    below = sum(1 for _, x, _ in points if x < machine.ridge)
    description = (
        f"{len(points)} layers on logarithmic axes. The array does at most {significant(machine.peak)} MACs per cycle "
        f"and the DRAM channel moves {significant(machine.link)} bytes per cycle; {below} layers lie left of the ridge "
        f"at {significant(machine.ridge)} MACs per byte. Each layer's detail holds its figures."
    )
    inside = (LEFT, TOP - 14, WIDE - RIGHT, TOP + HEIGHT)
    names = labels.names([(layer.name, px, py) for layer, px, py, _, _ in drawn], inside, NAMED)
    return svg.picture(key, WIDE, TOP + HEIGHT + 42, title, description, [*body, *marks, *names])


def _point(layer: LayerView) -> tuple[float, float] | None:
    x, y = layer.macs_per_dram_byte, layer.macs_per_cycle
    return (x, y) if x and y else None


def _roof_lines(machine: Roof, across: LogAxis, up: LogAxis) -> list[str]:
    ridge, top = across.place(machine.ridge), up.place(machine.peak)
    begin = max(10.0**across.low, 10.0**up.low / machine.link)
    x, y = across.place(begin), up.place(machine.at(begin))
    middle = begin**0.4 * machine.ridge**0.6
    label = (across.place(middle) - 12, up.place(machine.at(middle)) - 6)
    return [
        f'<path class="roof" d="M{svg.num(x)} {svg.num(y)}L{svg.num(ridge)} {svg.num(top)}H{svg.num(across.end)}"/>',
        svg.line(ridge, top, ridge, TOP + HEIGHT, "ridge"),
        svg.text(across.end, top - 7, f"peak {significant(machine.peak)} MACs per cycle", "end", "halo"),
        svg.text(
            *label, f"DRAM {significant(machine.link)} bytes per cycle", "end" if ridge - x > 260 else "start", "halo"
        ),
    ]


def _mark(layer: LayerView, x: float, y: float, machine: Roof, intensity: float, rate: float) -> str:
    tip = (
        f"{shorten(layer.name, 60)} ({layer.kind})\n{significant(intensity)} MACs per DRAM byte, "
        f"{significant(rate)} MACs per cycle\n{percent(rate / machine.at(intensity))} of what the roof allows"
    )
    a, b = svg.num(x), svg.num(y)
    match layer.kind:
        case "conv":
            shape, css = f"M{svg.num(x - 5)} {b}a5 5 0 1 0 10 0a5 5 0 1 0-10 0z", "conv"
        case "fc":
            shape, css = svg.box(x - 4.5, y - 4.5, 9, 9), "fc"
        case _:
            shape, css = f"M{a} {svg.num(y - 6)}l6 6-6 6-6-6z", "other"
    return f'<path class="m {css}" data-l="{layer.index}" d="{shape}"><title>{svg.esc(tip)}</title></path>'
