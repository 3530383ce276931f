"""Accuracy against energy, latency and size, a drawing per network and machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from accsim.fidelity.published import Publication
from accsim.report.front import front
from accsim.study.drawing import Drawing
from accsim.study.explorations.compression_fronts import Found, Point
from accsim.study.fronts import COLOURS, MARKERS, draw_points
from accsim.study.fronts import Point as Mark
from accsim.study.numbers import Rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def tables(found: Found) -> dict[str, Rows]:
    """A row per recipe and machine."""
    rows = [
        {
            "group": p.group,
            "network": p.network,
            "hardware": p.hardware,
            "recipe": p.recipe or "none",
            "top1_pct": p.accuracy_pct,
            "energy_uj": "" if p.energy_uj is None else p.energy_uj,
            "latency_ms": "" if p.latency_ms is None else p.latency_ms,
            "stored_bits": "" if p.stored_bits is None else p.stored_bits,
            "infeasible": p.infeasible,
            "accuracy_source": p.source,
        }
        for p in found.points
    ]
    return {"points": rows}


def drawings(found: Found, publication: Publication) -> dict[str, Drawing]:
    """For each network: accuracy against energy and against latency, all machines in one drawing."""
    del publication
    out = {}
    for group in found.settings.groups:
        name = group.lower().replace(" ", "-")
        for what, label, cost in (
            ("energy", "energy per inference [µJ]", _energy),
            ("latency", "latency per inference [ms]", _latency),
        ):
            out[f"{name}-{what}"] = Drawing(
                f"{group}: published accuracy against {what}, batch {found.settings.batch}. Each line joins the "
                "recipes of a machine that no other beats in both.",
                lambda figure, group=group, label=label, cost=cost: _fronts(figure, found, group, label, cost),  # type: ignore[misc]
                size=(7.5, 4.4),
            )
    return out


def words(found: Found, publication: Publication) -> dict[str, object]:
    """What the page says in numbers."""
    del publication
    groups = {}
    for group in found.settings.groups:
        by_machine = {}
        for machine in found.settings.hardware:
            points = found.of(group, machine)
            plain = max((p for p in points if not p.recipe), key=lambda p: p.accuracy_pct, default=None)
            by_machine[machine] = {"front": front(points, _energy, _accuracy), "plain": plain, "points": points}
        groups[group] = by_machine
    return {
        "groups": groups,
        "settings": found.settings,
        "unknown": found.unknown,
        "infeasible": [p for p in found.points if p.infeasible],
    }


def _energy(point: Point) -> float:
    return point.energy_uj or 0.0


def _latency(point: Point) -> float:
    return point.latency_ms or 0.0


def _accuracy(point: Point) -> float:
    return point.accuracy_pct


def _fronts(figure: Figure, found: Found, group: str, label: str, cost: Callable[[Point], float]) -> None:
    axes = figure.subplots()
    for machine, colour, marker in zip(found.settings.hardware, COLOURS * 2, MARKERS * 2, strict=False):
        marks = [Mark(p.recipe or "as it is", cost(p), p.accuracy_pct) for p in found.of(group, machine)]
        draw_points(axes, marks, colour, marker, machine)
    axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.set_ylabel("top-1, as published [%]")
    axes.legend(loc="lower right")
