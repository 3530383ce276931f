"""The report of a run on paper: summary, layers, roofline, sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from accsim.report import findings, layer_table, sections
from accsim.report.paper import Draw, heading, log_axes, paper, stacked_columns, summary_lines, table_pages, text_pages
from accsim.report.quantities import scale, significant
from accsim.report.roofline import NAMED, Roof, absent, roof
from accsim.report.view import ResultView, shorten, view

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def run_pdf(result: Mapping[str, Any]) -> bytes:
    """A result (the dictionary ``accsim run --json`` writes) as a PDF file.

    Raises:
        AccsimError: ``result`` is not a result of schema version 1.
    """
    seen = view(result)
    title = f"{result['workload']} on {result['hardware']}"
    tags = ", ".join(f"{name} {value}" for name, value in sections.tags(seen))
    warnings = [f"warning: {text}" for text in result.get("warnings", ())]
    lines = [tags, "", *summary_lines(sections.cards(seen), findings.findings(seen)), "", *warnings]
    pages = text_pages(title, lines)
    if seen.layers:
        pages += [_per_layer(seen), *_roofline(seen), *layer_pages(seen)]
    return paper(title, [*pages, *text_pages("Accelerator, energy table, limits", _sources(seen))])


def _per_layer(seen: ResultView) -> Draw:
    def draw(figure: Figure) -> None:
        heading(figure, "Layers")
        above, below = figure.subplots(2, 1)
        names = [shorten(layer.name, 18) for layer in seen.layers]
        unit = seen.unit.scale(max(layer.energy for layer in seen.layers))
        energies = [layer.by_level for layer in seen.layers]
        stacked_columns(above, "Energy by component", names, seen.levels, energies, unit.factor, unit.unit)
        cycles = [{key: float(n) for key, n in layer.cycles.items()} for layer in seen.layers]
        if seen.clock_mhz > 0:
            time = scale(max(layer.total for layer in seen.layers), 1e-6 / seen.clock_mhz, "s")
            stacked_columns(below, "Latency", names, seen.cycles, cycles, time.factor, time.unit)
        else:
            stacked_columns(below, "Cycles", names, seen.cycles, cycles, 1.0, "cycles")

    return draw


def _roofline(seen: ResultView) -> list[Draw]:
    hardware = seen.raw.get("hardware_description")
    known = hardware if isinstance(hardware, Mapping) else {}
    machine = roof(known)
    if machine is None or absent(seen.layers, known):
        return []
    return [lambda figure: _draw_roof(figure, seen, machine)]


def _draw_roof(figure: Figure, seen: ResultView, machine: Roof) -> None:
    heading(figure, "Roofline")
    axes = figure.subplots()
    points = [(v, x, y) for v in seen.by_time() if (x := v.macs_per_dram_byte) and (y := v.macs_per_cycle)]
    ends = sorted({min(x for _, x, _ in points) / 1.5, machine.ridge, max(x for _, x, _ in points) * 1.5})
    axes.plot(ends, [machine.at(x) for x in ends], color="black")
    axes.scatter([x for _, x, _ in points], [y for *_, y in points], s=22, color="#0072B2", zorder=3)
    for layer, x, y in points[:NAMED]:
        axes.annotate(shorten(layer.name, 20), (x, y), xytext=(5, 4), textcoords="offset points", fontsize=7)
    axes.set_title(
        f"peak {significant(machine.peak)} MACs per cycle, DRAM {significant(machine.link)} bytes per cycle",
        loc="left",
        fontsize=10,
    )
    log_axes(axes, "MACs per DRAM byte", "MACs per cycle")


def layer_pages(seen: ResultView, title: str = "Layers") -> list[Draw]:
    """The table of layers, without the columns of energy by component."""
    columns = layer_table.columns(seen)
    kept = [i for i, column in enumerate(columns) if not column.group.startswith("Energy")]
    total = next(i for i, column in enumerate(columns) if column.group.startswith("Energy"))
    kept.append(total)
    head = ["layer", "kind", *(columns[i].title for i in kept[:-1]), f"{columns[total].group} {columns[total].title}"]
    rows = [
        [shorten(row.layer.name, 30), row.layer.kind, *(row.cells[i][0] for i in kept)]
        for row in layer_table.rows(seen, columns)
    ]
    return table_pages(title, head, [*rows, ["all layers", "", *(columns[i].total for i in kept)]], left=2)


def _sources(seen: ResultView) -> list[str]:
    raw, table = seen.raw, seen.raw["energy_table"]
    hardware = raw.get("hardware_description")
    known = hardware if isinstance(hardware, Mapping) else {}
    lines = [f"{raw['hardware']}: {known.get('description', '')}", f"source: {known.get('source', '')}", ""]
    lines += [f"{name}: {value}" for name, value in sections.machine_facts(seen)]
    lines += [f"assumed: {text}" for text in known.get("assumed", ())]
    lines += ["", f"energy table {table.get('name')}: {table.get('description') or ''}"]
    lines += [f"source: {text}" for text in sections.sources(table.get("sources", table.get("source", ())))]
    lines += ["", *(f"not modelled: {text}" for text in raw.get("not_modelled", ()))]
    lines += [f"note: {text}" for text in raw.get("notes", ())]
    lines += ["", sections.command(seen), ", ".join(f"{k} {v}" for k, v in sections.versions(seen))]
    return lines
