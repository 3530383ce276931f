"""The report of a comparison on paper: summary, tables, totals, speed-ups, layer by layer, rooflines, sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accsim.report.colours import Series, plain_series
from accsim.report.comparison import charts, words
from accsim.report.comparison.page import FIGURES, HEAD, cells, sources
from accsim.report.comparison.view import ComparisonView, Runs, SideView, comparison_view
from accsim.report.paper import Draw, fill, heading, log_axes, paper, summary_lines, table_pages, text_pages
from accsim.report.pdf import layer_pages
from accsim.report.quantities import significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def comparison_pdf(found: Mapping[str, Any], runs: Mapping[str, Runs]) -> bytes:
    """A comparison as a PDF file; arguments as ``render_comparison`` takes them."""
    view = comparison_view(found, runs)
    title = f"{view.title} on {', '.join(machine.name for machine in view.equal.machines)}"
    pages = text_pages(title, summary_lines(words.cards(view), words.findings(view)))
    for side in view.sides:
        head = [name.format(unit=_energy_unit(side)) for name in HEAD]
        pages += table_pages(f"{side.title}: machines", head, cells(side))
    pages += [_totals(view), _speed_ups(view), _maps(view.equal), _rooflines(view)]
    for machine in view.equal.machines:
        pages += layer_pages(machine.seen, f"{machine.name}, at equal node and peak")
    lines = [f"{name}: {text}" for name, texts in sources(view) for text in texts]
    lines += ["", *(f"{side.title}: {side.figures['statement']}" for side in view.sides)]
    lines += [f"note: {text}" for text in view.raw["notes"]]
    lines += ["", str(view.raw.get("command", "")), f"accsim {view.raw.get('accsim', '')}"]
    return paper(title, [*pages, *text_pages("Sources, and how it was made", lines)])


def _energy_unit(side: SideView) -> str:
    unit = charts.unit_of(side, "energy")
    return "" if unit is None else f", {unit.unit}"


def _totals(view: ComparisonView) -> Draw:
    def draw(figure: Figure) -> None:
        heading(figure, "Latency, energy, traffic: dark is compressed, light is dense")
        for row, (what, title) in zip(figure.subplots(3, 2), FIGURES, strict=True):
            for axes, side in zip(row, view.sides, strict=True):
                unit = charts.unit_of(side, what)
                axes.set_title(f"{title}, {side.title.lower()}", loc="left", fontsize=9)
                if unit is None:
                    axes.axis("off")
                    continue
                pairs = [
                    (run, [m.figures[run][what] * unit.factor for m in side.machines])
                    for run in ("compressed", "dense")
                ]
                _bars(axes, side, pairs, ("#0072B2", "#9fb4c4"))
                axes.set_xlabel(unit.unit, fontsize=8)

    return draw


def _bars(axes: Axes, side: SideView, groups: Sequence[tuple[str, Sequence[float]]], hues: Sequence[str]) -> None:
    """Bars side by side for each machine, the first machine on top."""
    thick = 0.8 / len(groups)
    for i, (what, values) in enumerate(groups):
        places = [at + (i + 0.5) * thick - 0.4 for at in range(len(values))]
        drawn = axes.barh(places, values, thick * 0.92, color=hues[i], label=what)
        axes.bar_label(drawn, [significant(value) for value in values], fontsize=6, padding=2)
    axes.set_yticks(range(len(side.machines)), [machine.name for machine in side.machines], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.tick_params(axis="x", labelsize=7)


def _speed_ups(view: ComparisonView) -> Draw:
    kinds = (("with DRAM", "speed_up"), ("on the array alone", "processing_speed_up"), ("ideal", "ideal_speed_up"))

    def draw(figure: Figure) -> None:
        heading(figure, "What arrived of the speed-up over the dense network, and where multiplier slots went")
        grid = figure.add_gridspec(2, 2)
        for i, side in enumerate(view.sides):
            axes = figure.add_subplot(grid[0, i])
            groups = [(said, [m.figures[key] for m in side.machines]) for said, key in kinds]
            _bars(axes, side, groups, ("#0072B2", "#9fb4c4", "#dddddd"))
            axes.set_title(side.title, loc="left", fontsize=9)
            axes.legend(fontsize=7, frameon=False)
        _slots(figure.add_subplot(grid[1, :]), view.equal)

    return draw


def _slots(axes: Axes, side: SideView) -> None:
    series = plain_series(charts.slot_series(side), "s")
    base = [0.0] * len(side.machines)
    for one in series:
        values = [100 * charts.slot_share(machine.figures, one.key) for machine in side.machines]
        axes.barh(range(len(values)), values, 0.6, left=base, label=one.key, **fill(one))
        base = [a + b for a, b in zip(base, values, strict=True)]
    axes.set_yticks(range(len(side.machines)), [machine.name for machine in side.machines], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("% of multiplier slots, at equal node and peak", fontsize=8)
    axes.legend(fontsize=7, frameon=False, ncols=6, loc="upper center", bbox_to_anchor=(0.5, -0.2))


def _maps(side: SideView) -> Draw:
    def draw(figure: Figure) -> None:
        heading(figure, "Layer by layer at equal node and peak: as dark as the machine is far from the best")
        for axes, (what, title) in zip(figure.subplots(1, 2), FIGURES[:2], strict=True):
            _map(axes, side, what, title)

    return draw


def _map(axes: Axes, side: SideView, what: str, title: str) -> None:
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    found = charts.layer_cells(side, what)
    if found is None:
        axes.axis("off")
        return
    layers, unit, rows = found
    shades = [[float("nan") if cell is None else cell.share for cell in row] for row in rows]
    hues = LinearSegmentedColormap.from_list("distance", ["#e8f3fb", "#004270"]).with_extremes(bad="#e4e8ed")
    axes.imshow(shades, cmap=hues, vmin=0, vmax=1, aspect="auto")
    size = 7 if len(layers) < 40 else 4
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            if cell is not None:
                tone = "white" if cell.share > 0.55 else "black"
                axes.text(j, i, cell.said, ha="center", va="center", fontsize=size, color=tone)
    axes.set_xticks(range(len(side.machines)), [machine.name for machine in side.machines], fontsize=8)
    axes.set_yticks(range(len(layers)), layers, fontsize=size)
    axes.set_title(f"{title}, {unit}", loc="left", fontsize=10)


def _rooflines(view: ComparisonView) -> Draw:
    def draw(figure: Figure) -> None:
        heading(figure, "Rooflines: MACs with a zero count too")
        for axes, side in zip(figure.subplots(1, 2), view.sides, strict=True):
            _roofs(axes, side)

    return draw


def _roofs(axes: Axes, side: SideView) -> None:
    points = [
        (machine, at) for machine in side.machines for layer in machine.seen.layers if (at := machine.rate(layer))
    ]
    axes.set_title(side.title, loc="left", fontsize=10)
    if not points:
        axes.axis("off")
        return
    reach = [x for _, (x, _) in points]
    for machine in side.machines:
        ours: list[tuple[float, float]] = [at for other, at in points if other is machine]
        hue: Series = machine.series
        axes.scatter([x for x, _ in ours], [y for _, y in ours], s=20, color=hue.hue, label=machine.name, zorder=3)
        if machine.roof is not None:
            ends = sorted({min(reach) / 1.5, machine.roof.ridge, max(reach) * 1.5})
            same = [other for other in side.machines if other.roof == machine.roof]  # lines on each other take turns
            style = (9.0 * same.index(machine), (9.0, 9.0 * (len(same) - 1))) if len(same) > 1 else "-"
            axes.plot(ends, [machine.roof.at(x) for x in ends], color=hue.hue, linestyle=style)
    log_axes(axes, "MACs per DRAM byte", "GMAC/s")
    axes.legend(fontsize=7)
