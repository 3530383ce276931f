"""One run inside the page of many: charts, the table of layers and a fold for each, with names of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from accsim.report import charts, layer_table, roofline, sections
from accsim.report.html import safe
from accsim.report.quantities import scale
from accsim.report.roofline import Roof
from accsim.report.view import ResultView


def numbered(seen: ResultView, first: int, key: str) -> ResultView:
    """A run whose layers count from ``first`` and whose levels have classes that begin with ``key``."""
    return replace(
        seen,
        layers=tuple(replace(layer, index=first + i) for i, layer in enumerate(seen.layers)),
        levels=tuple(replace(one, css=f"{key}{one.css}") for one in seen.levels),
    )


def drill(
    seen: ResultView,
    key: str,
    name: str,
    brief: str,
    facts: Sequence[tuple[str, str]],
    most_rows: int,
    machine: Roof | None = None,
    *,
    details: bool = True,
) -> dict[str, Any]:
    """What the macro of the same name shows of a run.

    Args:
        seen: the run, as ``numbered`` gives it.
        key: begins ids; no other run of the page has it.
        brief: beside its name, while it is folded.
        most_rows: activity rows at most.
        machine: for the roofline; none is drawn without it.
        details: whether each layer has a fold.
    """
    columns = layer_table.columns(seen)
    unit = seen.unit.scale(max((layer.energy for layer in seen.layers), default=0.0))
    time = scale(max((layer.latency_ms for layer in seen.layers), default=0.0), 1e-3, "s")
    per_cycle = time.factor / (seen.clock_mhz * 1e3) if seen.clock_mhz else 1.0
    levels = [one for one in seen.levels if seen.by_level.get(one.key, 0.0) > 0]
    stacked, layers = charts.stacked, seen.layers
    drawn = machine is not None and any(layer.macs_per_dram_byte and layer.macs_per_cycle for layer in layers)
    return {
        "key": key,
        "name": name,
        "brief": brief,
        "facts": facts,
        "columns": columns,
        "groups": layer_table.groups(columns),
        "rows": layer_table.rows(seen, columns),
        "details": sections.details(seen, machine, most_rows) if details else [],
        "levels": levels,
        "cycles": seen.cycles,
        "wide": charts.Columns(layers).wide,
        "energy": safe(
            stacked(
                f"{key}-energy",
                f"Energy per layer, {name}",
                layers,
                levels,
                lambda v: v.by_level,
                unit.factor,
                unit.unit,
            )
        ),
        "time": safe(
            stacked(
                f"{key}-time",
                f"Latency per layer, {name}",
                layers,
                seen.cycles,
                lambda v: {part: float(n) for part, n in v.cycles.items()},
                per_cycle,
                time.unit,
            )
        ),
        "roofline": safe(roofline.roofline(f"{key}-roof", f"Roofline, {name}", layers, machine))
        if machine is not None and drawn
        else "",
    }
