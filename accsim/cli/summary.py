"""What ``accsim run`` prints: a table per layer, totals, and what the reader must know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from accsim.cli import console
from accsim.cli.console import Block, Column, Line, Table
from accsim.report.quantities import Scale, amount, finite, si, significant
from accsim.report.view import LayerView, ResultView, view

MB_BITS = 8e6
KIND_TITLES = {"sram": "buffers", "noc": "networks", "rf": "PE memories"}
LISTED = 3
"""Layers named in a note that holds for several; the others are counted."""

MOST_NOTES = 20
"""Lines of notes on layers; a deep network has one for every fused activation."""


def summary(result: Mapping[str, Any]) -> list[Block]:
    """The blocks to print for a result (the dictionary ``--json`` writes)."""
    seen = view(result)
    title = f"{result['workload']} on {result['hardware']}, batch {seen.batch}"
    how = f"dataflow {result['dataflow']}, energy table {result['energy_table']['name']}, {seen.clock_mhz:g} MHz"
    if result.get("recipe"):
        title += f", compressed by recipe {result['recipe']}"
    if result.get("engine") == "stepped":
        how += f", stepped with {result['values']} values"
    blocks: list[Block] = [Line(title, "bold"), how, "", *layer_tables(seen, console.width()), ""]
    blocks += totals(seen)
    blocks += scalesim(seen)
    remarks = notes(result)
    return [*blocks, "", *remarks, ""] if remarks else [*blocks, ""]


def layer_tables(seen: ResultView, width: int) -> list[Block]:
    """One table with a row per layer, energy split by level.

    Where that is wider than ``width`` levels of a kind are added up, and where it still is, energy gets a table of its
    own.
    """
    unit = seen.unit.scale(max((layer.energy for layer in seen.layers), default=0.0))
    name, time = _names(seen), _time(seen)
    figures = _figures(seen)
    total = _column("energy", _short(unit), [layer.energy for layer in seen.layers], seen.energy, unit.show)
    for split in (_by_level(seen, unit), _by_kind(seen, unit)):
        whole = Table((*name, *figures, *split, total, time))
        if whole.width <= width:
            return [whole]
    return [Table((*name, *figures, time)), "", Table((name[0], *split, total))]


def totals(seen: ResultView) -> list[Block]:
    """Latency, rate, power, energy and area, a line each."""
    found = seen.raw["totals"]
    processing = sum(amount(layer.raw.get("processing_ms")) for layer in seen.layers)
    batch = f" for {seen.batch} inferences" if seen.batch > 1 else ""
    lines = [
        ("latency", _ms(seen.latency_ms) + batch),
        ("processing time", f"{_ms(processing)}, without waits for off-chip transfers"),
        ("rate", _measure(found.get("fps"), "inferences/s")),
        ("power", _power(found)),
        ("energy", f"{seen.unit.show(seen.energy / seen.batch)} per inference"),
        ("area", _measure(found.get("area_mm2"), "mm2")),
    ]
    return [f"{name:16} {said}" for name, said in lines]


def scalesim(seen: ResultView) -> list[Block]:
    """What SCALE-Sim reports beside accsim's cycles, where that was asked for and SCALE-Sim can express the layer."""
    rows = [
        (
            layer.label,
            f"{layer.total:,}",
            f"{said['total_cycles']:,}",
            f"{said['mapping_efficiency_pct']:.2f} %",
            *(f"{said[key]:,}" for key in ("sram_ifmap_reads", "sram_filter_reads", "sram_ofmap_writes")),
            said["copies"],
        )
        for layer in seen.layers
        if (said := layer.raw.get("scalesim"))
    ]
    if not rows:
        return []
    head = Line("as SCALE-Sim 3.0.0 reports it: SRAM counts in words, for one of the copies (groups)", "bold")
    counted = (
        "cycles",
        "SCALE-Sim cycles",
        "mapping efficiency",
        "ifmap reads",
        "filter reads",
        "ofmap writes",
        "copies",
    )
    return ["", head, console.table(["layer", *counted], rows, left={"layer"})]


def notes(result: Mapping[str, Any]) -> list[Block]:
    """Warnings, notes and what is not modelled; each said once, with the layers it holds for."""
    blocks: list[Block] = []
    for key, label, style in (("warnings", "warning", "yellow"), ("notes", "note", "")):
        everywhere = dict.fromkeys(str(text) for text in result.get(key, ()))
        said: dict[str, list[str]] = {}
        for layer in result["layers"]:
            for text in dict.fromkeys(map(str, layer.get(key, ()))):
                if text not in everywhere:
                    said.setdefault(text, []).append(str(layer["name"]))
        blocks += [Line(f"{label}: {text}", style) for text in everywhere]
        shown = list(said.items())[:MOST_NOTES]
        blocks += [Line(f"{label}: {_where(layers)}: {text}", style) for text, layers in shown]
        if len(said) > MOST_NOTES:
            rest = f"{len(said) - MOST_NOTES} more {key} on layers are in the report and in --json"
            blocks.append(Line(f"{label}: {rest}", style))
    return blocks + [Line(f"not modelled: {text}", "dim") for text in dict.fromkeys(result.get("not_modelled", ()))]


def _where(layers: Sequence[str]) -> str:
    more = len(layers) - LISTED
    return ", ".join(layers[:LISTED]) + (f" and {more} more layer{'s' * (more > 1)}" if more > 0 else "")


def _names(seen: ResultView) -> tuple[Column, Column]:
    labels = tuple(layer.label for layer in seen.layers)
    return (
        Column("layer", labels, total="total", left=True),
        Column("kind", tuple(layer.kind for layer in seen.layers), left=True),
    )


def _figures(seen: ResultView) -> tuple[Column, ...]:
    """Work, time on the array and traffic."""
    pes = tuple(_pes(layer) if layer.macs else "" for layer in seen.layers)
    used = tuple(f"{100 * layer.utilization:.1f}" if layer.macs else "" for layer in seen.layers)
    share = "" if seen.utilization is None else f"{100 * seen.utilization:.1f}"
    expected = [layer.raw.get("expected_compute_cycles") for layer in seen.layers]
    beside: tuple[Column, ...] = ()
    if any(one is not None for one in expected):
        spelt = tuple("" if one is None else f"{one:,.0f}" for one in expected)
        array = tuple(
            "" if one is None else f"{layer.cycles['compute']:,}"
            for one, layer in zip(expected, seen.layers, strict=True)
        )
        beside = Column("array", array, "cycles"), Column("expected", spelt, "cycles")
    return (
        Column("MACs", tuple(f"{layer.macs:,}" if layer.macs else "" for layer in seen.layers), total=f"{seen.macs:,}"),
        Column("cycles", tuple(f"{layer.total:,}" for layer in seen.layers), total=f"{seen.total_cycles['total']:,}"),
        *beside,
        Column("util.", used, "%", share),
        Column("active PEs", pes, "max / avg"),
        _column("DRAM", "MB", [layer.dram_bits / MB_BITS for layer in seen.layers], seen.dram_bits / MB_BITS),
        _column("buffer", "MB", [layer.buffer_bits / MB_BITS for layer in seen.layers], seen.buffer_bits / MB_BITS),
    )


def _pes(layer: LayerView) -> str:
    average = f"{layer.active_average:.1f}".removesuffix(".0")
    return f"{layer.active_max:,} / {average}"


def _time(seen: ResultView) -> Column:
    return _column("time", "ms", [layer.latency_ms for layer in seen.layers], seen.latency_ms)


def _by_level(seen: ResultView, unit: Scale) -> list[Column]:
    """A column per level that takes energy, from the outside in."""
    return [_energy(seen, unit, name, [name]) for name, energy in seen.by_level.items() if energy]


def _by_kind(seen: ResultView, unit: Scale) -> list[Column]:
    """A column per kind of level; the only level of its kind keeps its name."""
    kinds: dict[str, list[str]] = {}
    for name, energy in seen.by_level.items():
        if energy:
            kinds.setdefault(seen.level_kind[name], []).append(name)
    return [
        _energy(seen, unit, levels[0] if len(levels) == 1 else KIND_TITLES.get(kind, kind), levels)
        for kind, levels in kinds.items()
    ]


def _energy(seen: ResultView, unit: Scale, title: str, levels: Sequence[str]) -> Column:
    def of(by_level: Mapping[str, float]) -> float:
        return sum(by_level.get(name, 0.0) for name in levels)

    return _column(title, _short(unit), [of(layer.by_level) for layer in seen.layers], of(seen.by_level), unit.show)


def _short(unit: Scale) -> str:
    """The unit for the head of a column."""
    for words, letter in {"thousand ": "k", "million ": "M", "billion ": "G", "trillion ": "T", "": ""}.items():
        if unit.unit == f"{words}MAC energies":
            return f"{letter} MAC".lstrip()
    return unit.unit


def _column(
    title: str, unit: str, values: Iterable[float], total: float, spell: Callable[[float], str] | None = None
) -> Column:
    write = spell or _decimals
    return Column(title, tuple(map(write, values)), unit, write(total))


def _decimals(value: float) -> str:
    """Three decimals below 10, so that a column lines up; fewer above."""
    if value == 0:
        return "0"
    if value < 0.0005:
        return "<0.001"
    return f"{value:,.{3 if value < 10 else 2 if value < 100 else 1}f}"


def _ms(milliseconds: float) -> str:
    return si(milliseconds, "s", 1e-3) if milliseconds < 1000 else f"{significant(milliseconds / 1000)} s"


def _measure(value: object, unit: str) -> str:
    return "not known" if finite(value) is None else f"{significant(value)} {unit}"


def _power(found: Mapping[str, Any]) -> str:
    if finite(found.get("power_mw")) is None:
        return "not known: the energy table has no absolute unit"
    return f"{si(found['power_mw'], 'W', 1e-3)} on chip, {si(found['system_power_mw'], 'W', 1e-3)} with DRAM"
