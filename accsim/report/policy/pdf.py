"""A compression policy on paper: summary, what becomes of each layer, loss against cost, the recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accsim.report.paper import Draw, heading, log_axes, paper, summary_lines, table_pages, text_pages
from accsim.report.policy.page import cards, findings
from accsim.report.policy.view import PolicyView
from accsim.report.quantities import percent, significant, whole
from accsim.report.view import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def policy_pdf(view: PolicyView) -> bytes:
    """The PDF file."""
    pages = text_pages(view.title, summary_lines(cards(view), findings(view)))
    pages += [lambda figure: _layers(figure, view), *_choices(view)]
    head = ["layer", "weights", "bits", "density", f"{view.measure.title} before", "after", "loss"]
    rows = [
        [
            shorten(one.name, 30), whole(one.weights), str(one.bits), percent(one.density),
            view.measure.show(one.before), view.measure.show(one.after), significant(one.loss),
        ]
        for one in view.last.layers
    ]  # fmt: skip
    pages += table_pages("Layers", head, rows)
    lines = [*view.last.recipe.splitlines(), "", f"weights: {view.weights}", view.command]
    return paper(view.title, [*pages, *text_pages(f"Recipe {view.last.path}", lines)])


def _layers(figure: Figure, view: PolicyView) -> None:
    heading(figure, "Bits, density and cost of every layer: light is before, dark is after")
    layers = view.last.layers
    unit = view.measure.scale(max(max(one.before, one.after) for one in layers))
    names = [shorten(one.name, 18) for one in layers]
    every = max(1, -(-len(names) // 60))
    rows = (
        ("bits", [([float(one.bits) for one in layers], "#0072B2")]),
        ("density", [([one.density for one in layers], "#0072B2")]),
        (
            f"{view.measure.title}, {unit.unit}".rstrip(", "),
            [
                ([one.before * unit.factor for one in layers], "#9fb4c4"),
                ([one.after * unit.factor for one in layers], "#0072B2"),
            ],
        ),
    )
    for axes, (title, groups) in zip(figure.subplots(3, 1, sharex=True), rows, strict=True):
        for i, (values, hue) in enumerate(groups):
            thick = 0.8 / len(groups)
            axes.bar([at + (i + 0.5) * thick - 0.4 for at in range(len(values))], values, thick, color=hue)
        axes.set_ylabel(title)
        axes.set_xticks(range(0, len(names), every), names[::every], rotation=60, ha="right", fontsize=7)
        axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.6)


def _choices(view: PolicyView) -> list[Draw]:
    if not any(one.loss > 0 for one in view.uniform):
        return []
    return [lambda figure: _draw_choices(figure, view)]


def _draw_choices(figure: Figure, view: PolicyView) -> None:
    heading(figure, "Against all layers alike")
    unit = view.measure.scale(max(one.cost for one in view.uniform))
    axes = figure.subplots()
    shown = [one for one in view.uniform if one.loss > 0]
    axes.scatter(
        [one.cost * unit.factor for one in shown], [one.loss for one in shown], s=14, color="#0072B2",
        label="all layers alike",
    )  # fmt: skip
    axes.scatter(
        [one.cost * unit.factor for one in view.steps], [one.loss for one in view.steps], s=45, facecolor="white",
        edgecolor="#D55E00", linewidth=2, label="policy", zorder=3,
    )  # fmt: skip
    axes.axvline(view.last.budget * unit.factor, color="black", linestyle="--", linewidth=1, label="budget")
    log_axes(axes, f"{view.measure.title}, {unit.unit}".rstrip(", "), "loss by the proxy")
    axes.legend()
