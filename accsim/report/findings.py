"""The biggest contributors, one sentence each, computed from the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from accsim.report.quantities import amount, percent, significant
from accsim.report.view import LayerView, ResultView, shorten

MARKED = 0.8
"""Layers are named until they make up this share of the whole."""


def findings(view: ResultView) -> list[tuple[str, str]]:
    """(subject, sentence) pairs; only what the figures can say."""
    makers = (_time, _cycles, _roof, _levels, _dram, _energy_layers, _utilization)
    return [sentence for make in makers if (sentence := make(view)) is not None]


def _largest(parts: Mapping[str, float]) -> tuple[str, float] | None:
    key = max(parts, key=lambda k: parts[k], default=None)
    return None if key is None or not parts[key] > 0 else (key, parts[key])


def _leading(layers: Sequence[LayerView], shares: Sequence[float]) -> str:
    """``conv2 (31.0 %), conv3 (20.1 %) and conv1 (18.0 %)``: at most three, fewer when they make up most of it."""
    named: list[str] = []
    seen = 0.0
    for layer, share in zip(layers[:3], shares, strict=False):
        if share <= 0:
            break
        named.append(f"{shorten(layer.name, 40)} ({percent(share)})")
        seen += share
        if seen >= MARKED:
            break
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def _needed(shares: Sequence[float]) -> int:
    seen = 0.0
    for count, share in enumerate(shares, 1):
        seen += share
        if seen >= MARKED - 1e-12:
            return count
    return len(shares)


def _time(view: ResultView) -> tuple[str, str] | None:
    layers = view.by_time()
    everything = sum(layer.total for layer in layers)
    if not everything:
        return None
    shares = [layer.total / everything for layer in layers]
    text = f"Most time goes to {_leading(layers, shares)}"
    if len(layers) > 3:
        text += f"; {_needed(shares)} of the {len(layers)} layers make up {100 * MARKED:.0f} % of it"
    return "Time", text + "."


def _cycles(view: ResultView) -> tuple[str, str] | None:
    total = view.total_cycles["total"]
    if not total:
        return None
    parts = {k: v for k, v in view.total_cycles.items() if k != "total"}
    compute = f"{percent(parts['compute'] / total)} of the cycles compute"
    overhead = (parts["fill"] + parts["drain"]) / total
    text = f"{compute}, {percent(overhead)} fill and drain the array"
    if not parts["stall"]:
        return "Stalls", text + ", and none are stalls."
    text += f", and {percent(parts['stall'] / total)} are stalls"
    cause = _largest({k: float(v) for k, v in view.total_stalls.items()})
    if cause is not None:
        worst = max(view.layers, key=lambda layer: layer.stalls.get(cause[0], 0))
        share = cause[1] / sum(view.total_stalls.values())
        text += (
            f": {percent(share)} of them wait for {cause[0]}, "
            f"{percent(worst.stalls[cause[0]] / cause[1])} of those in {shorten(worst.name, 40)}"
        )
    return "Stalls", text + "."


def _roof(view: ResultView) -> tuple[str, str] | None:
    hardware = view.raw.get("hardware_description") or {}
    peak, link = amount(hardware.get("peak_macs_per_cycle")), amount(hardware.get("dram_bits_per_cycle"))
    points = [layer for layer in view.layers if layer.macs_per_dram_byte and layer.total]
    if not (peak and link and points):
        return None
    ridge = peak / (link / 8)
    below = [layer for layer in points if amount(layer.macs_per_dram_byte) < ridge]
    which = f"the {len(points)} layers with MACs and off-chip traffic"
    if not below:
        return "Off-chip link", (
            f"All of {which} do at least {significant(ridge)} MACs per DRAM byte, so the array bounds their speed."
        )
    return "Off-chip link", (
        f"{len(below)} of {which} do fewer than {significant(ridge)} MACs per DRAM byte, "
        "so the off-chip link, not the array, bounds their speed."
    )


def _levels(view: ResultView) -> tuple[str, str] | None:
    top = _largest(view.by_level)
    if top is None or not view.energy > 0:
        return None
    level, energy = top
    parts: dict[str, float] = {}
    for layer in view.layers:
        for row in layer.raw.get("activity", ()):
            if row["level"] == level:
                parts[row["operand"]] = parts.get(row["operand"], 0.0) + amount(row.get("energy"))
    text = (
        f"{level} takes the largest part of the energy, {percent(energy / view.energy)} "
        f"({view.unit.show(energy)} of {view.unit.show(view.energy)})"
    )
    operand = _largest(parts)
    if operand is not None and len(parts) > 1:
        text += f", {percent(operand[1] / sum(parts.values()))} of it for {operand[0]}"
    return "Energy", text + "."


def _dram(view: ResultView) -> tuple[str, str] | None:
    top = _largest(view.dram_by_operand)
    if top is None:
        return None
    worst = max(view.layers, key=lambda layer: layer.dram_bits)
    return "DRAM", (
        f"{significant(view.dram_bits / 8e6)} MB cross the chip's edge; {percent(top[1] / view.dram_bits)} are "
        f"{top[0]}, and {shorten(worst.name, 40)} alone moves {percent(worst.dram_bits / view.dram_bits)}."
    )


def _energy_layers(view: ResultView) -> tuple[str, str] | None:
    layers = view.by_energy()
    everything = sum(layer.energy for layer in layers)
    if not everything > 0:
        return None
    shares = [layer.energy / everything for layer in layers]
    named = _leading(layers, shares)
    text = f"The dearest layers are {named}" if " and " in named else f"The dearest layer is {named}"
    if len(layers) > 3:
        text += f"; {_needed(shares)} of the {len(layers)} layers make up {100 * MARKED:.0f} % of the energy"
    return "Dear layers", text + "."


def _utilization(view: ResultView) -> tuple[str, str] | None:
    if view.utilization is None or not view.macs:
        return None
    text = f"{percent(view.utilization)} of all PE slots do a MAC"
    idle = _largest(view.idle)
    if idle is not None:
        named = idle[0].replace("_", " ")
        share = percent(idle[1] / sum(view.idle.values()))
        text += f"; the most common reason for an empty slot is “{named}”, {share} of them"
    return "Utilisation", text + "."
