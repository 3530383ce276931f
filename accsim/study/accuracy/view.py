"""What the page and the PDF show: points with their row numbers, fronts, and the recipes left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from accsim.report.front import front
from accsim.study.explorations.compression_fronts import Found, Point

PLAIN = "as it is"
"""What the network without a recipe is called."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A point and its row.

    Attributes:
        row: from 1, in the order of the table.
        on_energy, on_latency: whether no other point of its machine is as accurate for less.
    """

    row: int
    point: Point
    on_energy: bool
    on_latency: bool

    @property
    def name(self) -> str:
        """Of the recipe."""
        return self.point.recipe or PLAIN

    @property
    def fronts(self) -> str:
        """E and L for the fronts of accuracy and energy, and latency, that it is on."""
        return "E" * self.on_energy + "L" * self.on_latency


@dataclass(frozen=True, slots=True)
class AccuracyView:
    """The points of some networks on some machines.

    Attributes:
        points: the most accurate first, then machine by machine.
        cannot: points that a machine cannot run, with the reason.
        unknown: recipes without a published accuracy.
    """

    title: str
    hardware: tuple[str, ...]
    batch: int
    points: tuple[Numbered, ...]
    cannot: tuple[Point, ...]
    unknown: tuple[str, ...]

    def of(self, hardware: str) -> list[Numbered]:
        """The points of one machine."""
        return [one for one in self.points if one.point.hardware == hardware]


def energy_of(point: Point) -> float:
    """Microjoules of an inference."""
    return point.energy_uj or 0.0


def latency_of(point: Point) -> float:
    """Milliseconds of an inference."""
    return point.latency_ms or 0.0


def view_of(found: Found, title: str) -> AccuracyView:
    """Number the points and find the fronts of each machine."""
    able = [p for p in found.points if p.energy_uj is not None]
    machines = found.settings.hardware
    able.sort(key=lambda p: (-p.accuracy_pct, p.recipe, machines.index(p.hardware), p.network))
    fronts: dict[str, set[int]] = {"energy": set(), "latency": set()}
    costs: dict[str, Callable[[Point], float]] = {"energy": energy_of, "latency": latency_of}
    for machine in machines:
        ours = [p for p in able if p.hardware == machine]
        for what, cost in costs.items():
            fronts[what] |= {id(p) for p in front(ours, cost, lambda p: p.accuracy_pct)}
    points = tuple(
        Numbered(i, p, id(p) in fronts["energy"], id(p) in fronts["latency"]) for i, p in enumerate(able, start=1)
    )
    cannot = tuple(p for p in found.points if p.energy_uj is None)
    return AccuracyView(title, machines, found.settings.batch, points, cannot, found.unknown)
