"""Bringing a table's figures to the sizes and the node of a machine, by the table's own rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

from accsim.energy.table import AREA, Component, EnergyTable, Entry, Form, NodeRule, Rule, Variable
from accsim.simulate.activity import Action

Sizes = Mapping[Variable, float | None]
"""The sizes of a component of a machine; a size the machine leaves open is ``None``."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A value at a machine's sizes.

    Attributes:
        per_access, per_bit: the price of ``accesses`` and ``bits`` moved is per_access x accesses + per_bit x bits.
        notes: the rules that changed a figure.
        warnings: the rules that were used outside the range they were fitted on.
    """

    per_access: float
    per_bit: float
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def log_log(xs: Sequence[float], ys: Sequence[float], x: float, below: float | None, above: float | None) -> float:
    """Interpolate ``ys`` over ``xs`` (increasing) along straight lines on logarithmic axes.

    Beyond the ends the curve continues with the exponents ``below`` and ``above``, or with the end segment's.
    """
    if len(xs) == 1:
        exponent = (below if x < xs[0] else above) or 0.0
        return float(ys[0] * (x / xs[0]) ** exponent)
    if x < xs[0] and below is not None:
        return float(ys[0] * (x / xs[0]) ** below)
    if x > xs[-1] and above is not None:
        return float(ys[-1] * (x / xs[-1]) ** above)
    right = next((i for i in range(1, len(xs)) if x <= xs[i]), len(xs) - 1)
    if x == xs[right]:
        return float(ys[right])
    x0, x1, y0, y1 = xs[right - 1], xs[right], ys[right - 1], ys[right]
    return float(y0 * (x / x0) ** (log(y1 / y0) / log(x1 / x0)))


def scale(
    table: EnergyTable,
    entries: Sequence[Entry],
    value: str,
    sizes: Sizes,
    where: str,
    node_nm: float | None,
    voltage_v: float | None,
) -> Scaled:
    """The sum of ``value`` over ``entries`` (the parts of one component) at ``sizes`` and on the machine's node.

    Args:
        where: how warnings call the component, e.g. ``level 'glb'``.
        node_nm, voltage_v: the machine's; ``None`` when not stated, and then nothing is scaled.
    """
    per_access = per_bit = 0.0
    notes: list[str] = []
    warnings: list[str] = []
    for entry in entries:
        part = _entry(table, entry, value, sizes, where)
        factor, node_notes, node_warnings = _node(table, entry, value, where, node_nm, voltage_v)
        per_access += part.per_access * factor
        per_bit += part.per_bit * factor
        notes += (*part.notes, *node_notes)
        warnings += (*part.warnings, *node_warnings)
    return Scaled(per_access, per_bit, tuple(dict.fromkeys(notes)), tuple(dict.fromkeys(warnings)))


def _entry(table: EnergyTable, entry: Entry, value: str, sizes: Sizes, where: str) -> Scaled:
    points = [p for p in entry.points if p.value(value) is not None]
    values = [p.value(value) or 0.0 for p in points]
    by_bits = False
    notes: list[str] = []
    warnings: list[str] = []
    rules = sorted((table.rule(name) for name in entry.rules), key=lambda r: r.form is Form.LOG_LOG)
    for rule in rules:
        measured = [p.size(rule.variable) for p in points]
        if None in measured:
            continue
        at = [float(x) for x in measured if x is not None]
        size = sizes.get(rule.variable)
        if rule.form is Form.BITS_MOVED or (size is None and rule.variable is Variable.WIDTH):
            values = [y / x for x, y in zip(at, values, strict=True)]
            by_bits = True
            used = any(x not in (size, 1) for x in at)
        elif size is None:
            continue
        elif rule.form is Form.LOG_LOG:
            used = size not in at and any(values)
            values = [_curve(at, values, size, rule)]
            points = points[:1]
        else:
            exponent = {Form.POWER: rule.exponent, Form.SHARED: -1.0}.get(rule.form, 0.0)
            used = any(size != x for x in at) and any(values)
            values = [y * (size / x) ** exponent for x, y in zip(at, values, strict=True)]
        if used:
            notes.append(f"{table.name}: {rule.name}: {rule.statement}")
        warnings += _outside(table, rule, at, size, where) if any(values) else ()
    total = values[0]
    return Scaled(0.0 if by_bits else total, total if by_bits else 0.0, tuple(notes), tuple(warnings))


def _curve(at: Sequence[float], values: Sequence[float], size: float, rule: Rule) -> float:
    if not all(values):
        return values[0]
    pairs = sorted(zip(at, values, strict=True))
    return log_log([x for x, _ in pairs], [y for _, y in pairs], size, rule.below, rule.above)


def _outside(table: EnergyTable, rule: Rule, at: Sequence[float], size: float | None, where: str) -> tuple[str, ...]:
    if size is None:
        return ()
    low, high = rule.low, rule.high
    if rule.form is Form.LOG_LOG:
        low, high = min(at) if low is None else low, max(at) if high is None else high
    if (low is None or size >= low) and (high is None or size <= high):
        return ()
    fitted = " to ".join("any" if x is None else _size(rule.variable, x) for x in (low, high))
    return (
        f"{table.name}: {where}: {rule.variable} {_size(rule.variable, size)} is outside {fitted}, "
        f"where rule {rule.name!r} was fitted",
    )


def _size(variable: Variable, x: float) -> str:
    """``108 KiB`` for capacities that are whole bytes, ``64 b`` otherwise."""
    if variable is Variable.CAPACITY and x % 8 == 0 and x >= 8192 * 0.25:
        return f"{x / 8192:g} KiB" if x < 8192 * 1024 else f"{x / 8192 / 1024:g} MiB"
    return f"{x:g} words" if variable is Variable.DEPTH else f"{x:g} b"


def _node(
    table: EnergyTable, entry: Entry, value: str, where: str, node_nm: float | None, voltage_v: float | None
) -> tuple[float, tuple[str, ...], tuple[str, ...]]:
    if entry.component is Component.DRAM or entry.node_nm is None or node_nm is None or value == Action.LEAK:
        return 1.0, (), ()
    rule = table.node_rule
    if rule is None:
        if entry.node_nm == node_nm:
            return 1.0, (), ()
        return (
            1.0,
            (),
            (
                f"{table.name}: figures for {entry.node_nm:g} nm are used at {node_nm:g} nm: "
                "the table has no rule from node to node",
            ),
        )
    if value == AREA:
        factor = area_factor(rule, node_nm) / area_factor(rule, entry.node_nm)
        supplies: tuple[float, ...] = ()
    else:
        source_v = entry.voltage_v or voltage_v or rule.assumed_v
        target_v = voltage_v or source_v
        factor = energy_factor(rule, node_nm, target_v) / energy_factor(rule, entry.node_nm, source_v)
        supplies = (source_v, target_v)
    if factor == 1.0:
        return 1.0, (), ()
    warnings = [
        f"{table.name}: {where}: node {nm:g} nm is outside {rule.nodes_nm[-1]:g} to {rule.nodes_nm[0]:g} nm, "
        f"where rule {rule.name!r} was fitted"
        for nm in (entry.node_nm, node_nm)
        if not rule.nodes_nm[-1] <= nm <= rule.nodes_nm[0]
    ]
    warnings += [
        f"{table.name}: {where}: supply {v:g} V is outside {rule.low_v:g} to {rule.high_v:g} V, "
        f"where rule {rule.name!r} is used"
        for v in supplies
        if not rule.low_v <= v <= rule.high_v
    ]
    return factor, (f"{table.name}: {rule.name}: {rule.statement}",), tuple(warnings)


def energy_factor(rule: NodeRule, node_nm: float, voltage_v: float) -> float:
    """Relative switching energy at a node and a supply: E(V) = a2 V^2 + a1 V + a0, interpolated between nodes."""
    return _between(rule, node_nm, [a2 * voltage_v**2 + a1 * voltage_v + a0 for a2, a1, a0 in rule.polynomials])


def area_factor(rule: NodeRule, node_nm: float) -> float:
    """Relative area at a node, interpolated between nodes."""
    return _between(rule, node_nm, rule.areas)


def _between(rule: NodeRule, node_nm: float, values: Sequence[float]) -> float:
    return log_log(rule.nodes_nm[::-1], list(values)[::-1], node_nm, None, None)
