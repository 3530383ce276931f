"""The roofline (Williams, Waterman and Patterson, CACM 52(4), 2009): MACs per DRAM byte against MACs per cycle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

from accsim.report import svg
from accsim.report.charts import WIDE
from accsim.report.numbers import amount, percent, significant
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
        return "The result does not say how many MACs per cycle the array and how many bits per cycle the DRAM channel can do."
    if not any(_point(layer) for layer in layers):
        return "No layer has both MACs and off-chip traffic."
    return ""


def left_out(layers: Sequence[LayerView]) -> str:
    """Which layers have no place in the chart."""
    without = sum(1 for layer in layers if not layer.macs)
    on_chip = sum(1 for layer in layers if layer.macs and not layer.dram_bits)
    parts = [f"{without} without MACs"] if without else []
    parts += [f"{on_chip} with MACs but no off-chip traffic"] if on_chip else []
    return f"Not shown: layers {' and '.join(parts)}." if parts else ""


def roofline(key: str, title: str, layers: Sequence[LayerView], machine: Roof) -> str:
    """The chart, on logarithmic axes; the layers that take the most time carry their name."""
    points = [(layer, *point) for layer in layers if (point := _point(layer)) is not None]
    span_x = _decades([x for _, x, _ in points] + [machine.ridge])
    span_y = _decades([y for _, _, y in points] + [machine.peak])
    width = WIDE - LEFT - RIGHT
    bottom = TOP + HEIGHT

    def px(value: float) -> float:
        return LEFT + width * (log10(value) - span_x[0]) / (span_x[1] - span_x[0])

    def py(value: float) -> float:
        return bottom - HEIGHT * (log10(value) - span_y[0]) / (span_y[1] - span_y[0])

    body = [svg.text(4, 12, "MACs per cycle", css="unit")]
    for power in range(span_x[0], span_x[1] + 1):
        x = px(10.0**power)
        body += [svg.line(x, TOP, x, bottom, "grid"), svg.text(x, bottom + 17, _power(power), "middle")]
    for power in range(span_y[0], span_y[1] + 1):
        y = py(10.0**power)
        body += [svg.line(LEFT, y, LEFT + width, y, "grid"), svg.text(LEFT - 7, y + 4, _power(power), "end")]
    body.append(svg.text(LEFT + width, bottom + 35, "MACs per DRAM byte", "end", "unit"))
    body += _roof_lines(machine, span_x, span_y, px, py)
    slow = {layer.index for layer, _, _ in sorted(points, key=lambda p: -p[0].total)[:NAMED]}
    marks, names, taken = [], [], []
    for layer, x, y in sorted(points, key=lambda p: -p[0].total):
        marks.append(_mark(layer, px(x), py(y), machine, x, y))
        if layer.index in slow and all(abs(px(x) - a) > 90 or abs(py(y) - b) > 13 for a, b in taken):
            taken.append((px(x), py(y)))
            end = px(x) > LEFT + width - 110
            names.append(
                svg.text(px(x) + (-9 if end else 9), py(y) + 4, shorten(layer.name, 20), "end" if end else "start", "halo")
            )
    below = sum(1 for _, x, _ in points if x < machine.ridge)
    description = (
        f"{len(points)} layers on logarithmic axes. The array does at most {significant(machine.peak)} MACs per cycle and the "
        f"DRAM channel moves {significant(machine.link)} bytes per cycle; {below} layers lie left of the ridge at "
        f"{significant(machine.ridge)} MACs per byte. Each layer's detail holds its figures."
    )
    return svg.picture(key, WIDE, bottom + 42, title, description, [*body, *marks, *names])


def _point(layer: LayerView) -> tuple[float, float] | None:
    x, y = layer.macs_per_dram_byte, layer.macs_per_cycle
    return (x, y) if x and y else None


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = floor(log10(min(values))), ceil(log10(max(values) * 1.05))
    return low, max(high, low + 1)


def _power(power: int) -> str:
    return significant(10.0**power) if -3 <= power <= 5 else "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _roof_lines(
    machine: Roof,
    span_x: tuple[int, int],
    span_y: tuple[int, int],
    px: Callable[[float], float],
    py: Callable[[float], float],
) -> list[str]:
    start = max(10.0 ** span_x[0], 10.0 ** span_y[0] / machine.link)
    end = 10.0 ** span_x[1]
    slope = (
        f"{svg.num(px(start))} {svg.num(py(start * machine.link))}L{svg.num(px(machine.ridge))} {svg.num(py(machine.peak))}"
        if start < machine.ridge
        else f"{svg.num(px(start))} {svg.num(py(machine.peak))}"
    )
    peak = f"peak {significant(machine.peak)} MACs per cycle"
    link = f"DRAM {significant(machine.link)} bytes per cycle"
    return [
        f'<path class="roof" d="M{slope}L{svg.num(px(end))} {svg.num(py(machine.peak))}"/>',
        svg.line(px(machine.ridge), py(machine.peak), px(machine.ridge), TOP + HEIGHT, "ridge"),
        svg.text(px(end), py(machine.peak) - 7, peak, "end", "halo"),
        svg.text(px(start) + 10, py(start * machine.link) - 10, link, "start", "halo") if start < machine.ridge else "",
    ]


def _mark(layer: LayerView, x: float, y: float, machine: Roof, intensity: float, rate: float) -> str:
    tip = (
        f"{shorten(layer.name, 60)} ({layer.kind})\n{significant(intensity)} MACs per DRAM byte, {significant(rate)} MACs per cycle\n"
        f"{percent(rate / machine.at(intensity))} of what the roof allows"
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
