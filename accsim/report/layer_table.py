"""The per-layer table: columns of figures with one unit each, and their totals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accsim.report.quantities import MISSING, Scale, percent, scale, significant
from accsim.report.view import LayerView, ResultView

Value = float | int | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        group: heading shared with its neighbours.
        title: heading, with the unit.
        hint: what it means, in a sentence.
        values: one per layer, in stored units; ``None`` is shown as a dash and sorts last.
        show: stored value to text.
        total: text of the whole run.
        factor: for columns that may be summed over chosen rows: shown = stored x factor.
    """

    group: str
    title: str
    hint: str
    values: tuple[Value, ...]
    show: Callable[[Value], str]
    total: str
    factor: float | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A heading over neighbouring columns."""

    title: str
    span: int


@dataclass(frozen=True, slots=True)
class Row:
    """One layer: (text, value to sort by) per column; the value is empty where there is none."""

    layer: LayerView
    cells: tuple[tuple[str, str], ...]


def columns(view: ResultView) -> list[Column]:
    """All columns after the layer's number, name and kind."""
    layers = view.layers
    out = [_counted("Work", "MACs", "Multiply-accumulates, zeros included", [v.macs for v in layers], view.macs)]
    biggest = _unit([v.total for v in layers])
    hints = {
        "total": "Core-clock cycles from start to end",
        "compute": "Cycles in which the array is scheduled to do MACs, or the vector unit operations",
        "fill": "Cycles only spent on filling the array",
        "drain": "Cycles only spent on emptying the array",
        "stall": "Cycles spent waiting",
    }
    for key, hint in hints.items():
        values = [v.cycles[key] for v in layers]
        out.append(_counted("Cycles", key, hint, values, view.total_cycles[key], biggest))
    time = _scaled("Time", "{}", "Time from start to end", [v.latency_ms for v in layers], 1e-3, "s", view.latency_ms)
    out.append(time)
    everything = sum(v.total for v in layers)
    out.append(
        _share("Time", "share", "Share of all layers' cycles", [_part(v.total, everything) for v in layers], 1.0)
    )
    out.append(
        _share(
            "PEs",
            "utilised",
            "MACs / (PEs x total cycles)",
            [_if_macs(v, v.utilization) for v in layers],
            view.utilization,
        )
    )
    out.append(
        _plain("PEs", "most", "Most PEs that work at the same time", [_if_macs(v, v.active_max) for v in layers])
    )
    average = [_if_macs(v, v.active_average) for v in layers]
    out.append(_plain("PEs", "average", "PEs that work, averaged over the passes", average))
    dram, buffer = [v.dram_bits / 8e6 for v in layers], [v.buffer_bits / 8e6 for v in layers]
    out.append(_megabytes("DRAM", "Read from and written to DRAM, 10^6 bytes", dram))
    out.append(_megabytes("buffers", "Read from, written to and filled into shared buffers, 10^6 bytes", buffer))
    return out + _energies(view)


def groups(cols: Sequence[Column]) -> list[Group]:
    """The headings over the columns."""
    out: list[Group] = []
    for col in cols:
        if out and out[-1].title == col.group:
            out[-1] = Group(col.group, out[-1].span + 1)
        else:
            out.append(Group(col.group, 1))
    return out


def rows(view: ResultView, cols: Sequence[Column]) -> list[Row]:
    """One row per layer."""
    return [
        Row(
            layer,
            tuple(
                (col.show(col.values[place]), "" if (v := col.values[place]) is None else f"{v:.6g}") for col in cols
            ),
        )
        for place, layer in enumerate(view.layers)
    ]


def _energies(view: ResultView) -> list[Column]:
    unit = view.unit.scale(max((v.energy for v in view.layers), default=0) / 10)
    group = f"Energy, {unit.unit}"

    def column(title: str, hint: str, values: Sequence[float], total: float) -> Column:
        return Column(group, title, hint, tuple(values), unit.show, unit.show(total), unit.factor)

    out = [column("total", "All levels, DRAM included", [v.energy for v in view.layers], view.energy)]
    for series in view.levels:
        if view.by_level.get(series.key, 0.0) > 0:
            values = [v.by_level.get(series.key, 0.0) for v in view.layers]
            out.append(column(series.key, f"Energy of level {series.key}", values, view.by_level[series.key]))
    return out


def _unit(values: Sequence[float]) -> Scale:
    """Few enough digits to read, enough for the small layers: the largest value has up to five before the point."""
    return scale(max(values, default=0) / 50, 1.0, "")


def _counted(group: str, title: str, hint: str, values: Sequence[int], total: int, unit: Scale | None = None) -> Column:
    unit = unit or _unit(values)
    name = f"{title}, {unit.unit}" if unit.unit else title
    return Column(group, name, hint, tuple(values), unit.show, unit.show(total), unit.factor)


def _scaled(group: str, title: str, hint: str, values: Sequence[float], base: float, unit: str, total: float) -> Column:
    chosen = scale(max(values, default=0), base, unit)
    return Column(group, title.format(chosen.unit), hint, tuple(values), chosen.show, chosen.show(total), chosen.factor)


def _megabytes(title: str, hint: str, values: Sequence[float]) -> Column:
    show = Scale(1.0, "MB").show
    return Column("Traffic, MB", title, hint, tuple(values), show, show(sum(values)), 1.0)


def _share(group: str, title: str, hint: str, values: Sequence[Value], total: Value) -> Column:
    return Column(group, title, hint, tuple(values), percent, percent(total) if values else MISSING)


def _plain(group: str, title: str, hint: str, values: Sequence[Value]) -> Column:
    return Column(group, title, hint, tuple(values), lambda v: significant(v, 4), "")


def _if_macs(layer: LayerView, value: float) -> Value:
    return value if layer.macs else None


def _part(value: float, whole: float) -> Value:
    return value / whole if whole else None
