"""A comparison as one HTML file that needs nothing else, like the report of a run (``accsim.report.html``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accsim.report import sections
from accsim.report.colours import cycle_series, plain_series
from accsim.report.comparison import charts, words
from accsim.report.comparison.view import ComparisonView, MachineView, Runs, SideView, comparison_view
from accsim.report.drill import drill
from accsim.report.html import LARGEST_FILE, environment, safe
from accsim.report.quantities import Scale, percent, significant

FIGURES = (
    ("latency_ms", "Latency"),
    ("energy", "Energy"),
    ("dram_bytes", "DRAM traffic"),
)


def render_comparison(found: Mapping[str, Any], runs: Mapping[str, Runs]) -> str:
    """Render a comparison of machines; the page stays below 2 MB by leaving out activity rows, which it then says.

    Args:
        found: ``Comparison.to_dict()``, with the ``command`` that made it where there is one.
        runs: ``Comparison.runs()``.
    """
    view = comparison_view(found, runs)
    context = _context(view)
    template = environment().get_template("comparison.html.j2")
    rows = max(sum(len(v.raw.get("activity", ())) for v in m.seen.layers) for m in view.equal.machines)
    while True:
        page = template.render(context, drills=[_drill(m, rows) for m in view.equal.machines])
        if len(page.encode("utf-8", "replace")) <= LARGEST_FILE or rows <= 0:
            return page
        rows = rows * 2 // 3 if rows > 20 else 0


def _context(view: ComparisonView) -> dict[str, Any]:
    equal = view.equal
    slot_series = plain_series(charts.slot_series(equal), "s")
    machines = [machine.series for machine in equal.machines]
    levels = [series for machine in equal.machines for series in machine.seen.levels]
    return {
        "view": view,
        "cards": words.cards(view),
        "findings": words.findings(view),
        "palette": [*machines, *levels, *slot_series, *cycle_series()],
        "machine_series": machines,
        "slot_series": slot_series,
        "sides": [_side(side) for side in view.sides],
        "partial": [m.name for m in equal.machines if m.figures["cannot"]],
        "slots": safe(charts.slots(equal, slot_series)),
        "reasons": [(m.name, words.reason(m.figures)) for m in equal.machines],
        "cannot": [(m.name, *one) for m in equal.machines for one in words.cannot(m.figures)],
        "maps": [
            (f"{title} per layer", safe(drawn))
            for what, title in FIGURES[:2]
            if (drawn := charts.layer_map(equal, what, title))
        ],
        "commands": [(m.name, words.alone(view, m)) for m in equal.machines],
        "sources": sources(view),
        "versions": [
            ("accsim", str(view.raw.get("accsim", ""))),
            *((str(k), str(v)) for k, v in (equal.machines[0].seen.raw.get("versions") or {}).items() if k != "accsim"),
        ],
    }


def _side(side: SideView) -> dict[str, Any]:
    unit = charts.unit_of(side, "energy")
    drawn = [(title, charts.totals(side, what, title)) for what, title in FIGURES]
    return {
        "energy_unit": "" if unit is None else f", {unit.unit}",
        "key": side.key,
        "title": side.title,
        "statement": side.figures["statement"],
        "rows": [_row(machine, unit) for machine in side.machines],
        "subsets": [
            (words.layers_of(one), [(name, _both(side, name, both, unit)) for name, both in one.totals.items()])
            for one in side.contests()
        ],
        "bars": [(title, safe(drawing)) for title, drawing in drawn],
        "speed": safe(charts.speed_ups(side)),
        "roofs": safe(charts.rooflines(side)),
    }


HEAD = (
    "machine", "bits", "MHz", "layers", "latency, ms", "dense, ms", "energy{unit}", "dense{unit}", "DRAM, MB",
    "dense, MB", "by (waits)", "speed-up", "on array", "ideal", "arrived", "energy ratio",
)  # fmt: skip
"""Of a table of machines."""


def cells(side: SideView) -> list[list[str]]:
    """The rows of such a table, as text."""
    unit = charts.unit_of(side, "energy")
    return [[machine.name, *(text for text, _ in _row(machine, unit))] for machine in side.machines]


Cells = list[tuple[str, float | str]]
"""Text of a cell and the value it is sorted by."""


def _row(machine: MachineView, unit: Scale | None) -> Cells:
    f = machine.figures
    now, bits = f["compressed"], f["dense_bits"]
    ran, out = len(f["layers"]), len(f["cannot"])
    return [
        (f"{bits['weight']}x{bits['activation']}", bits["weight"] * bits["activation"]),
        (significant(f["clock_mhz"], 4), f["clock_mhz"]),
        (f"{ran} of {ran + out}", ran),
        *_totals(machine, f, unit),
        (f"{now['bound']} ({100 * now['waiting']:.0f} %)", now["waiting"]),
        (f"{f['speed_up']:.2f}", f["speed_up"]),
        (f"{f['processing_speed_up']:.2f}", f["processing_speed_up"]),
        (f"{f['ideal_speed_up']:.2f}", f["ideal_speed_up"]),
        ("–", "") if f["arrived"] is None else (percent(f["arrived"]), f["arrived"]),
        (f"{f['energy_ratio']:.2f}", f["energy_ratio"]),
    ]


def _totals(machine: MachineView, both: Mapping[str, Any], unit: Scale | None) -> Cells:
    """Latency in ms, energy in ``unit`` (or each with its own), traffic in MB: compressed and dense."""
    runs = both["compressed"], both["dense"]

    def energy(value: float) -> str:
        return machine.unit.show(value) if unit is None else significant(value * unit.factor, 4)

    return [
        *((significant(one["latency_ms"], 4), one["latency_ms"]) for one in runs),
        *((energy(one["energy"]), one["energy"]) for one in runs),
        *((significant(one["dram_bytes"] / 1e6, 4), one["dram_bytes"]) for one in runs),
    ]


def _both(side: SideView, name: str, both: Mapping[str, Any], unit: Scale | None) -> Cells:
    machine = next(machine for machine in side.machines if machine.name == name)
    now, before = both["compressed"]["latency_ms"], both["dense"]["latency_ms"]
    faster = before / now if now else 0.0
    return [*_totals(machine, both, unit), (f"{faster:.2f}", faster)]


def _drill(machine: MachineView, rows: int) -> dict[str, Any]:
    """One machine's layers at equal node and peak."""
    seen, figures = machine.seen, machine.figures
    now = figures["compressed"]
    brief = f"{significant(now['latency_ms'], 4)} ms, {machine.unit.show(now['energy'])}, {len(seen.layers)} layers"
    facts = [
        ("speed-up", f"{figures['speed_up']:.2f} of {figures['ideal_speed_up']:.2f}"),
        ("slots", words.reason(figures)),
        *sections.machine_facts(seen),
    ]
    against = [
        (layer.name, f"{before.latency_ms / layer.latency_ms:.2f}" if layer.latency_ms else "–")
        for layer in seen.layers
        if (before := machine.dense.get(layer.name)) is not None
    ]
    return drill(seen, machine.series.css, machine.name, brief, facts, rows) | {"against": against}


def sources(view: ComparisonView) -> list[tuple[str, list[str]]]:
    """Where each machine and each energy table comes from, and what is assumed of it."""
    out: dict[str, list[str]] = {}
    for side in view.sides:
        for machine in side.machines:
            hardware = machine.seen.raw.get("hardware_description") or {}
            said = [f"source: {hardware['source']}"] if hardware.get("source") else []
            out.setdefault(machine.name, said + [f"assumed: {text}" for text in hardware.get("assumed", ())])
            table = machine.seen.raw["energy_table"]
            named = f"energy table {table.get('name')}"
            listed = [str(table["source"])] if table.get("source") else []
            out.setdefault(named, listed + sections.sources(table.get("sources", ())))
    return [(name, texts) for name, texts in out.items() if texts]
