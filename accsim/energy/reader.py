"""Energy tables from YAML: bound to the schema, checked as a whole, and turned into an EnergyTable.

::

    name: mine
    unit: pJ                       # or mac: energies relative to one 16-bit MAC
    transfer_rule: both_ends       # or dearer_level: a transfer is charged once
    node_nm: 45                    # what the entries hold for, unless they say otherwise
    sources: {me: "where the figures are from"}
    rules:                         # how a figure is brought to another size
      by_width: {form: power, variable: width, exponent: 1, statement: "in proportion to the width", source: me}
    entries:
      - component: dram            # dram | sram | rf | noc | pe | vector | codec
        standard: lpddr4           # of a dram; cell: register | sram of an rf; both may be left out
        points: [{width_bits: 64, read: 512, write: 512}]
        rules: [by_width]
        source: me

A point states sizes (capacity, width_bits, depth, product_bits, operand_bits, accumulator_bits, register_bits,
match_bits, lanes), each of which a rule must cover, and values: energy per access of an action (read, write, fill, mac,
gated_mac, gated_read, step, accumulate, send, deliver, hop, encode, decode, op, clock), ``leak_mw`` and ``area_um2``.
``copies: {fill: write}`` gives an action the values of another; entries with a ``part`` are added up. Forms of rules
are constant, power, log_log (through the points), bits_moved and shared. ``accsim show horowitz_45nm --yaml`` prints a
complete file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from accsim.energy.schema import EntryFile, NodeRuleFile, PointFile, TableFile
from accsim.energy.table import (
    AREA,
    Calibration,
    Component,
    EnergyTable,
    EnergyUnit,
    Entry,
    Form,
    NodeRule,
    Point,
    Rule,
    Variable,
)
from accsim.errors import InputError, suggest
from accsim.library import find
from accsim.simulate.activity import Action
from accsim.yamlfile import Document, bind, load, override

_PLAIN = {
    Variable.CAPACITY: "capacity",
    Variable.DEPTH: "depth",
    Variable.REGISTERS: "register_bits",
    Variable.LANES: "lanes",
}
_SIZES = {v: _PLAIN.get(v, f"{v}_bits") for v in Variable}
_VALUES = {str(a): "leak_mw" if a is Action.LEAK else str(a) for a in Action} | {AREA: AREA}


def entry_label(entry: Mapping[str, Any]) -> str:
    """What an entry is called in an assignment: ``dram/LPDDR4``, ``pe/multiplier``; of equals it is the first."""
    parts = (entry.get("component"), entry.get("standard") or entry.get("cell"), entry.get("part"))
    return "/".join(str(part) for part in parts if part is not None)


def load_table(name_or_path: str | Path, overrides: Sequence[str] = ()) -> EnergyTable:
    """Read an energy table by name or path.

    Args:
        overrides: assignments such as ``entries.pe/multiplier.points.0.mac=0.3``, applied in order.

    Raises:
        InputError: it is not found, or has mistakes; all mistakes of the fields at once, then all between them.
    """
    document = override(load(find("energy tables", name_or_path)), overrides, entry_label, "--set-energy")
    file = bind(document, TableFile)
    mistakes = [*_mistakes(document, file)]
    if mistakes:
        raise InputError(mistakes)
    return _table(file)


def _table(file: TableFile) -> EnergyTable:
    factor = file.calibration.pj_per_mac if file.calibration else 1.0
    return EnergyTable(
        name=file.name,
        description=file.description,
        unit=file.unit,
        transfer_rule=file.transfer_rule,
        node_nm=file.node_nm,
        voltage_v=file.voltage_v,
        sources=tuple(file.sources.items()),
        calibration=Calibration(factor, file.calibration.label) if file.calibration else None,
        node_rule=_node_rule(file.node_rule) if file.node_rule else None,
        rules=tuple(
            Rule(name, r.form, r.variable, r.statement, r.source, 1.0 if r.exponent is None else r.exponent,
                 r.below, r.above, r.low, r.high)
            for name, r in file.rules.items()
        ),
        entries=tuple(_entry(file, entry, factor) for entry in file.entries),
    )  # fmt: skip


def _node_rule(file: NodeRuleFile) -> NodeRule:
    return NodeRule(
        name=file.name,
        statement=file.statement,
        source=file.source,
        nodes_nm=tuple(n.node_nm for n in file.nodes),
        polynomials=tuple(n.energy for n in file.nodes),
        areas=tuple(n.area for n in file.nodes),
        low_v=file.low_v,
        high_v=file.high_v,
        assumed_v=file.assumed_v,
    )


def _entry(file: TableFile, entry: EntryFile, factor: float) -> Entry:
    on_chip = entry.component is not Component.DRAM
    node = entry.node_nm or (file.node_nm if on_chip else None)
    return Entry(
        component=entry.component,
        variant=_variant(entry),
        part=entry.part or "",
        rules=entry.rules,
        source=entry.source,
        note=entry.note,
        node_nm=node,
        voltage_v=entry.voltage_v or (file.voltage_v if on_chip and node == file.node_nm else None),
        points=tuple(_point(p, entry, factor) for p in entry.points),
    )


def _variant(entry: EntryFile) -> str | None:
    return entry.standard or entry.cell or entry.datapath


def _point(point: PointFile, entry: EntryFile, factor: float) -> Point:
    sizes = tuple((v, x) for v in Variable if (x := getattr(point, _SIZES[v])) is not None)
    values = _values(point)
    for copy, original in entry.copies.items():
        if str(original) in values:
            values[str(copy)] = values[str(original)]
    scaled = tuple((k, y if k in (AREA, Action.LEAK) else y * factor) for k, y in values.items())
    return Point(sizes, scaled)


def _values(point: PointFile) -> dict[str, float]:
    return {name: y for name, key in _VALUES.items() if (y := getattr(point, key)) is not None}


def _mistakes(document: Document, file: TableFile) -> Iterator[str]:
    """Mistakes between fields, each with its place."""
    if file.calibration and file.unit is not EnergyUnit.PJ:
        yield f"{document.place(('calibration',))}: calibration: only a table with unit pJ can be calibrated"
    for name, rule in file.rules.items():
        if rule.source not in file.sources:
            yield _unknown(document, ("rules", name, "source"), "source", rule.source, file.sources)
        if rule.low is not None and rule.high is not None and rule.low >= rule.high:
            yield f"{document.place(('rules', name, 'low'))}: rules.{name}.low: must be less than high"
        if not any(name in entry.rules for entry in file.entries):
            yield f"{document.place(('rules', name), key=True)}: rules.{name}: no entry uses it"
    if file.node_rule:
        if file.node_rule.source not in file.sources:
            yield _unknown(document, ("node_rule", "source"), "source", file.node_rule.source, file.sources)
        nodes = [n.node_nm for n in file.node_rule.nodes]
        if any(a <= b for a, b in pairwise(nodes)):
            place = document.place(("node_rule", "nodes"))
            yield f"{place}: node_rule.nodes: must run from the largest node to the smallest"
        if len(nodes) < 2:
            place = document.place(("node_rule", "nodes"))
            yield f"{place}: node_rule.nodes: needs two nodes or more, got {len(nodes)}"
    if not file.entries:
        yield f"{document.place(('entries',))}: entries: the table holds no entry"
    priced: dict[tuple[str, ...], int] = {}
    for i, entry in enumerate(file.entries):
        yield from _entry_mistakes(document, file, i, entry)
        for value in dict.fromkeys(name for p in entry.points for name in _values(p)):
            key = (entry.component, _variant(entry) or "", entry.part or "", value)
            if priced.setdefault(key, i) != i:
                place = document.place(("entries", i))
                yield f"{place}: entries.{i}: {value} is already given by entries.{priced[key]}; name a part of each"


def _entry_mistakes(document: Document, file: TableFile, i: int, entry: EntryFile) -> Iterator[str]:
    place, said = document.place(("entries", i)), f"entries.{i}"
    if entry.source not in file.sources:
        yield _unknown(document, ("entries", i, "source"), "source", entry.source, file.sources)
    for key, component in (("standard", Component.DRAM), ("cell", Component.RF), ("datapath", Component.PE)):
        if getattr(entry, key) and entry.component is not component:
            yield f"{document.place(('entries', i, key))}: {said}.{key}: only a {component} entry has a {key}"
    if not entry.points:
        yield f"{document.place(('entries', i, 'points'))}: {said}.points: the entry holds no point"
    for j, name in enumerate(entry.rules):
        if name not in file.rules:
            yield _unknown(document, ("entries", i, "rules", j), "rule", name, file.rules)
    rules = [file.rules[name] for name in entry.rules if name in file.rules]
    scaled = [r.variable for r in rules]
    sizes = {v for p in entry.points for v in Variable if getattr(p, _SIZES[v]) is not None}
    if len(set(scaled)) < len(scaled):
        yield f"{place}: {said}: two of its rules are over the same size"
    for variable in sorted(sizes - set(scaled)):
        if len(rules) == len(entry.rules):
            yield f"{place}: {said}: it is given at a {variable}, but no rule says how it changes with {variable}"
    for variable in sorted(set(scaled) - sizes):
        yield f"{place}: {said}: it has a rule over {variable}, but its points do not say at which {variable} they hold"
    for j, point in enumerate(entry.points):
        values = _values(point)
        at = document.place(("entries", i, "points", j))
        if not values:
            yield f"{at}: {said}.points.{j}: it holds no value"
        if file.unit is EnergyUnit.MAC and Action.LEAK in values:
            yield f"{at}: {said}.points.{j}.leak_mw: a table with unit mac cannot hold a power"
        if missing := sorted(_SIZES[v] for v in sizes if getattr(point, _SIZES[v]) is None):
            yield f"{at}: {said}.points.{j}: other points of the entry give {' and '.join(missing)}, this one does not"
    for copy, original in entry.copies.items():
        if not any(str(original) in _values(p) for p in entry.points):
            where = document.place(("entries", i, "copies", str(copy)))
            yield f"{where}: {said}.copies.{copy}: no point of the entry gives {original}"
    yield from _curve_mistakes(place, said, file, entry)


def _curve_mistakes(place: str, said: str, file: TableFile, entry: EntryFile) -> Iterator[str]:
    """Several points need one log_log rule, distinct sizes, and values that have a logarithm."""
    if len(entry.points) <= 1:
        return
    curves = [file.rules[n] for n in entry.rules if n in file.rules and file.rules[n].form is Form.LOG_LOG]
    if len(curves) != 1:
        yield f"{place}: {said}: several points need exactly one rule of form log_log between them, got {len(curves)}"
        return
    at = [getattr(p, _SIZES[curves[0].variable]) for p in entry.points]
    if len(set(at)) < len(at):
        yield f"{place}: {said}: two of its points have the same {curves[0].variable}"
    for value in dict.fromkeys(name for p in entry.points for name in _values(p)):
        given = [_values(p).get(value) for p in entry.points]
        if any(given) and not all(y is None or y > 0 for y in given):
            yield f"{place}: {said}: {value} must be greater than 0 at every point, or 0 at all of them"


def _unknown(
    document: Document, path: tuple[str | int, ...], what: str, name: str, known: dict[str, object] | object
) -> str:
    names = list(known) if isinstance(known, dict) else []
    where = document.spell(path)
    hint = suggest(name, names) or (f"; it has {', '.join(names)}" if names else "")
    return f"{document.place(path)}: {where}: no {what} {name!r} in the table{hint}"
