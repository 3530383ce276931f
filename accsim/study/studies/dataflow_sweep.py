"""The study of shapes, dataflows and buffers: energy against the buffer, and latency by shape and dataflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accsim.fidelity.published import Publication
from accsim.report.colours import BLUE, GREEN, VERMILION
from accsim.study.drawing import Drawing
from accsim.study.explorations.dataflow_sweep import Found, Point
from accsim.study.numbers import Rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (BLUE, VERMILION, GREEN)
MARKERS = "osD"
METRICS = ("energy_uj", "latency_ms")


def tables(found: Found) -> dict[str, Rows]:
    """Every point, and the best machine of each network beside the best for all."""
    points = [
        {
            "network": p.network,
            "dataflow": p.dataflow,
            "rows": p.rows,
            "cols": p.cols,
            "buffer": p.buffer,
            "energy_uj": _or_empty(p.energy_uj),
            "dram_uj": _or_empty(p.dram_uj),
            "latency_ms": _or_empty(p.latency_ms),
            "infeasible": p.infeasible,
        }
        for p in found.points
    ]
    return {"points": points, "best": [row for metric in METRICS for row in _best(found, metric)]}


def drawings(found: Found, publication: Publication) -> dict[str, Drawing]:
    """Small multiples, one for each network."""
    del publication
    return {
        "buffers": Drawing(
            "Energy of one inference by buffer, for each dataflow with its best array shape.",
            lambda figure: _multiples(figure, found, "buffer", "energy_uj", "energy [µJ]", "buffer"),
            size=(9.0, 5.2),
        ),
        "shapes": Drawing(
            "Latency of one inference by array shape (rows x columns), for each dataflow with its best buffer.",
            lambda figure: _multiples(figure, found, "shape", "latency_ms", "latency [ms]", "array"),
            size=(9.0, 5.2),
        ),
    }


def words(found: Found, publication: Publication) -> dict[str, object]:
    """What the page says in numbers."""
    del publication
    spreads = {
        network: {
            name: _spread(found, network, name, metric)
            for name, metric in (("dataflow", "energy_uj"), ("shape", "latency_ms"), ("buffer", "energy_uj"))
        }
        for network in found.names("network")
    }
    return {
        "settings": found.settings,
        "points": found.points,
        "best": {metric: _best(found, metric) for metric in METRICS},
        "common": {metric: _common(found, metric) for metric in METRICS},
        "spreads": spreads,
        "infeasible": sum(1 for p in found.points if p.infeasible),
    }


def _machine(point: Point) -> tuple[str, str, str]:
    return point.dataflow, point.shape, point.buffer


def _value(point: Point, metric: str) -> float | None:
    value: float | None = getattr(point, metric)
    return value


def _common(found: Found, metric: str) -> tuple[str, str, str] | None:
    """The machine whose figure is the smallest multiple of each network's best, in the geometric mean; fits all."""
    networks = found.names("network")
    least = {n: _value(best, metric) for n in networks if (best := found.least(metric, network=n))}
    scores: dict[tuple[str, str, str], float] = {}
    counts: dict[tuple[str, str, str], int] = {}
    for point in found.points:
        value, bound = _value(point, metric), least.get(point.network)
        if value and bound:
            machine = _machine(point)
            scores[machine] = scores.get(machine, 1.0) * value / bound
            counts[machine] = counts.get(machine, 0) + 1
    whole = {machine: score for machine, score in scores.items() if counts[machine] == len(networks)}
    return min(whole, key=lambda machine: whole[machine], default=None)


def _best(found: Found, metric: str) -> list[dict[str, Any]]:
    common = _common(found, metric)
    rows = []
    for network in found.names("network"):
        best = found.least(metric, network=network)
        if best is None:
            continue
        same = next((p for p in found.points if p.network == network and _machine(p) == common), None)
        value = _value(best, metric)
        shared = None if same is None else _value(same, metric)
        rows.append(
            {
                "metric": metric,
                "network": network,
                "dataflow": best.dataflow,
                "shape": best.shape,
                "buffer": best.buffer,
                "value": value,
                "with_common_machine": "" if shared is None else shared,
                "lost": "" if shared is None or not value else shared / value - 1,
            }
        )
    return rows


def _spread(found: Found, network: str, name: str, metric: str) -> float:
    """The worst over the best of the least figures with each value of a choice, less 1."""
    least = [
        value
        for choice in found.names(name)
        if (best := found.least(metric, network=network, **{name: choice})) and (value := _value(best, metric))
    ]
    return max(least) / min(least) - 1 if least else 0.0


def _or_empty(value: float | None) -> float | str:
    return "" if value is None else value


def _multiples(figure: Figure, found: Found, along: str, metric: str, label: str, axis: str) -> None:
    networks, values = found.names("network"), found.names(along)
    columns = 3
    grid = figure.subplots(-(-len(networks) // columns), columns, squeeze=False)
    for place, network in enumerate(networks):
        axes = grid[place // columns][place % columns]
        for dataflow, colour, marker in zip(found.names("dataflow"), COLOURS, MARKERS, strict=False):
            best = [found.least(metric, network=network, dataflow=dataflow, **{along: value}) for value in values]
            at = [i for i, point in enumerate(best) if point is not None]
            heights = [_value(point, metric) for point in best if point is not None]
            axes.plot(
                at, heights, color=colour, marker=marker, markersize=4, linewidth=1.2, label=dataflow.replace("_", " ")
            )
        axes.set_title(network)
        axes.set_xticks(range(len(values)), values, fontsize=7)
        axes.set_ylim(bottom=0)
        if place % columns == 0:
            axes.set_ylabel(label)
        if place >= len(networks) - columns:
            axes.set_xlabel(axis)
    for empty in range(len(networks), grid.size):
        grid[empty // columns][empty % columns].axis("off")
    handles, names = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3)
