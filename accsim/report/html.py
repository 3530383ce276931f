"""A result as one HTML file that needs nothing else: no network, no fonts, no images.

Every text of the result is data: the template engine escapes it, the charts escape it, and the page's content security
policy runs no script but the one whose hash it names.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accsim.report import charts, findings, layer_table, roofline, sections, timeline
from accsim.report.colours import Series
from accsim.report.quantities import percent, scale
from accsim.report.view import LayerView, ResultView, view

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")


LARGEST_FILE = 1_950_000
"""Bytes a report may take; a larger one leaves out the activity rows of its cheapest layers."""


def render_html(result: Mapping[str, Any]) -> str:
    """Render a result (the dictionary ``accsim run --json`` writes) as a report.

    Besides the keys of the result format these are shown where present: ``command``, ``versions``,
    ``hardware_description``, ``area``, ``totals.utilization``, ``energy_table.entries`` and ``energy_table.sources``.

    Raises:
        AccsimError: ``result`` is not a result of schema version 1.
    """
    seen = view(result)
    machine = roofline.roof(_mapping(result.get("hardware_description")))
    columns = layer_table.columns(seen)
    context = {
        "result": result,
        "tags": sections.tags(seen),
        "view": seen,
        "cards": sections.cards(seen),
        "findings": findings.findings(seen),
        "columns": columns,
        "groups": layer_table.groups(columns),
        "rows": layer_table.rows(seen, columns),
        "operand_table": _operand_table(seen),
        **_charts(seen, machine),
        **_description(seen),
    }
    template = environment().get_template("report.html.j2")
    rows = sum(len(layer.raw.get("activity", ())) for layer in seen.layers)
    while True:
        page = template.render(context, details=sections.details(seen, machine, rows)).encode("utf-8", "replace")
        excess = len(page) - LARGEST_FILE
        if excess <= 0 or rows <= 0:
            return page.decode("utf-8")
        rows = max(0, rows - excess // 60 - 1)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


@cache
def environment() -> Environment:
    """The template engine, which escapes every text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals.update(
        script=safe(script),
        script_hash=f"sha256-{digest}",
        style=safe((TEMPLATES / "report.css").read_text(encoding="utf-8")),
    )
    return environment


def safe(markup: str) -> Any:
    """Mark text of our own making (charts, script, style) as markup."""
    from markupsafe import Markup  # noqa: PLC0415

    return Markup(markup)


def _charts(seen: ResultView, machine: roofline.Roof | None) -> dict[str, Any]:
    unit = seen.unit.scale(max((layer.energy for layer in seen.layers), default=0))
    hardware = _mapping(seen.raw.get("hardware_description"))
    missing = roofline.absent(seen.layers, hardware)
    levels = _present(seen.levels, seen.by_level)
    operands = _present(seen.operands, seen.by_operand)
    ms = _time_scale(seen)

    def stack(key: str, title: str, series: list[Series], parts: Callable[[LayerView], Mapping[str, float]]) -> Any:
        return safe(charts.stacked(key, title, seen.layers, series, parts, unit.factor, unit.unit))

    level_title, operand_title = "Energy by component", "Energy by operand"
    return {
        "wide": charts.Columns(seen.layers).wide,
        "palette": [*seen.levels, *seen.operands, *seen.cycles],
        "level_share": _share("e-level", level_title, seen, levels, seen.by_level),
        "operand_share": _share("e-operand", operand_title, seen, operands, seen.by_operand),
        "cycle_share": _share("cycles", "Where the cycles went", seen, seen.cycles, _floats(seen.total_cycles)),
        "level_chart": stack("by-level", f"{level_title}, per layer", levels, lambda layer: layer.by_level),
        "operand_chart": stack("by-operand", f"{operand_title}, per layer", operands, lambda layer: layer.by_operand),
        "levels_shown": levels,
        "operands_shown": operands,
        "cycle_chart": safe(
            charts.stacked("latency", "Latency, per layer", seen.layers, seen.cycles, lambda v: _floats(v.cycles), *ms)
        ),
        "utilization_chart": safe(
            charts.utilization("utilization", "Utilisation, per layer", seen.layers, seen.utilization, _pes(hardware))
        ),
        "has_pes": _pes(hardware) is not None,
        "timeline": safe(timeline.timeline("timeline", "Timeline", seen.layers, seen.cycles, seen.clock_mhz)),
        "roofline_missing": missing,
        "roofline_left_out": roofline.left_out(seen.layers),
        "roofline": ""
        if missing or machine is None
        else safe(roofline.roofline("roofline", "Roofline", seen.layers, machine)),
    }


def _time_scale(seen: ResultView) -> tuple[float, str]:
    longest = max((layer.total for layer in seen.layers), default=0)
    if not seen.clock_mhz > 0:
        return 1.0, "cycles"
    chosen = scale(longest, 1e-6 / seen.clock_mhz, "s")
    return chosen.factor, chosen.unit


def _present(series: Iterable[Series], parts: Mapping[str, float]) -> list[Series]:
    return [s for s in series if parts.get(s.key, 0.0) > 0]


def _floats(values: Mapping[str, int]) -> dict[str, float]:
    return {key: float(value) for key, value in values.items()}


def _share(
    key: str, title: str, seen: ResultView, series: Iterable[Series], parts: Mapping[str, float]
) -> dict[str, Any]:
    """The bar of shares, with the rows of the table beside it."""
    chosen = list(series)
    whole = sum(parts.get(s.key, 0.0) for s in chosen)
    cycles = key == "cycles"
    return {
        "bar": safe(charts.shares(f"share-{key}", title, chosen, parts)),
        "rows": [
            (
                s,
                f"{parts.get(s.key, 0.0):,.0f}" if cycles else seen.unit.show(parts.get(s.key, 0.0)),
                percent(parts.get(s.key, 0.0) / whole if whole else None),
            )
            for s in chosen
        ],
    }


def _operand_table(seen: ResultView) -> dict[str, Any]:
    """Energy per layer and operand: the figures behind the chart by operand."""
    unit = seen.unit.scale(max((layer.energy for layer in seen.layers), default=0) / 10)
    shown = _present(seen.operands, seen.by_operand)
    return {
        "unit": unit.unit,
        "rows": [(layer, [unit.show(layer.by_operand.get(s.key, 0.0)) for s in shown]) for layer in seen.layers],
    }


def _pes(hardware: Mapping[str, Any]) -> float | None:
    array = _mapping(hardware.get("array"))
    rows, cols = array.get("rows"), array.get("cols")
    return float(rows * cols) if isinstance(rows, int) and isinstance(cols, int) and rows * cols > 0 else None


def _description(seen: ResultView) -> dict[str, Any]:
    hardware = _mapping(seen.raw.get("hardware_description"))
    area = _mapping(seen.raw.get("area"))
    table = seen.raw["energy_table"]
    rest = {
        k: v
        for k, v in table.items()
        if k not in ("name", "unit", "transfer_rule", "entries", "sources", "description", "source")
    }
    return {
        "hardware": hardware,
        "assumed": [str(text) for text in hardware.get("assumed", ())],
        "machine_facts": sections.machine_facts(seen),
        "level_rows": sections.level_rows(seen, area),
        "area_notes": [str(text) for text in area.get("notes", ())],
        "entry_table": sections.entry_table(table.get("entries", ())),
        "table_sources": sections.sources(table.get("sources", ())),
        "table_facts": sections.facts(rest),
        "command": sections.command(seen),
        "versions": sections.versions(seen),
    }
