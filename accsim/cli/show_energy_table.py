"""An energy table: every figure with its source, and the rules that scale it."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from typing import Any

from accsim.cli.console import Block, Line, table
from accsim.energy.table import AREA, EnergyTable, Entry, NodeRule, Point


def plain(prices: EnergyTable) -> dict[str, Any]:
    """The table as plain data: energies in ``unit`` per access, leakage in mW, areas in um2, sizes in bits."""
    return {
        "name": prices.name,
        "description": _line(prices.description),
        "unit": prices.unit.value,
        "transfer_rule": prices.transfer_rule.value,
        "node_nm": prices.node_nm,
        "voltage_v": prices.voltage_v,
        "calibration": None if prices.calibration is None else asdict(prices.calibration),
        "entries": [_entry(entry) for entry in prices.entries],
        "rules": [{key: _value(value) for key, value in asdict(rule).items()} for rule in prices.rules],
        "node_rule": None if prices.node_rule is None else asdict(prices.node_rule),
        "sources": dict(prices.sources),
    }


def blocks(prices: EnergyTable) -> list[Block]:
    """What is printed."""
    unit = "pJ" if prices.unit.value == "pJ" else "energies of one MAC"
    both = prices.transfer_rule.value == "both_ends"
    found: list[Block] = [
        Line(prices.name, "bold"),
        _line(prices.description),
        f"unit:      {unit} per access; leakage in mW, area in um2",
        f"transfers: {'charged at both ends' if both else 'charged once, at the dearer level'}",
        f"node:      {_node(prices.node_nm, prices.voltage_v)}",
    ]
    if prices.calibration is not None:
        found.append(f"calibrated: {prices.calibration.pj_per_mac:g} pJ per MAC; {_line(prices.calibration.label)}")
    found += ["", Line("entries", "bold"), _entries(prices)]
    found += ["", Line("rules", "bold"), *(f"{r.name}: {_line(r.statement)} [{r.source}]" for r in prices.rules)]
    if prices.node_rule is not None:
        found.append(_node_rule(prices.node_rule))
    noted = [entry for entry in prices.entries if entry.note]
    if noted:
        found += ["", Line("notes", "bold"), *(f"{entry.name}: {_line(entry.note)}" for entry in noted)]
    return [*found, "", Line("sources", "bold"), *(f"[{key}] {_line(cited)}" for key, cited in prices.sources)]


def _entries(prices: EnergyTable) -> Block:
    rows = [
        (
            f"{entry.component.value} {entry.variant or ''}".strip(),
            entry.part,
            " ".join(f"{name}={_size(size)}" for name, size in point.sizes),
            ", ".join(f"{_name(name)} {value:g}" for name, value in point.values),
            ", ".join(entry.rules),
            entry.source,
        )
        for entry in prices.entries
        for point in entry.points
    ]
    titles = ("component", "part", "at", "figures", "scaled by", "source")
    return table(titles, rows, left=titles)


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "component": entry.component.value,
        "variant": entry.variant,
        "part": entry.part,
        "points": [_point(point) for point in entry.points],
        "rules": list(entry.rules),
        "node_nm": entry.node_nm,
        "voltage_v": entry.voltage_v,
        "source": entry.source,
        "note": _line(entry.note),
    }


def _point(point: Point) -> dict[str, Any]:
    sizes = {name.value: size for name, size in point.sizes}
    return {"sizes": sizes, "values": {("leak_mw" if k == "leak" else k): v for k, v in point.values}}


def _name(value: str) -> str:
    return {AREA: "area", "leak": "leakage"}.get(value, value)


def _size(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _node_rule(rule: NodeRule) -> str:
    return f"{rule.name}: {_line(rule.statement)} [{rule.source}]"


def _node(node_nm: float | None, voltage_v: float | None) -> str:
    if node_nm is None:
        return "not stated"
    return f"{node_nm:g} nm" + (f", {voltage_v:g} V" if voltage_v is not None else "")


def _line(text: str) -> str:
    return " ".join(text.split())


def _value(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
