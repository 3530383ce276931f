"""What a report shows of a sweep, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from accsim.report.front import front
from accsim.report.quantities import MISSING, Scale, scale, significant

K = TypeVar("K")
Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that points are compared by; less is better.

    Attributes:
        unit, base: the figure times ``base`` is in ``unit``.
        prefixed: whether the unit takes prefixes (µJ); mm² does not.
    """

    key: str
    title: str
    unit: str
    base: float = 1.0
    prefixed: bool = True

    def scale(self, largest: float) -> Scale:
        """The unit of a column or axis whose largest entry is ``largest``."""
        return scale(largest, self.base, self.unit) if self.prefixed else Scale(self.base, self.unit)

    def show(self, value: float | None) -> str:
        """One figure with its unit."""
        if value is None:
            return MISSING
        unit = self.scale(value)
        return f"{significant(value * unit.factor)} {unit.unit}"


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One point that has figures.

    Attributes:
        place: in the space.
        values: of its settings, by name.
        figures: of the metrics, by key; one that is missing is not known.
        parts: energy by level.
        command: that estimates it alone.
    """

    place: int
    values: Mapping[str, Value]
    figures: Mapping[str, float]
    parts: Mapping[str, float]
    command: str


@dataclass(frozen=True, slots=True)
class Winner:
    """A point that was estimated again when the report was made, for its layers.

    Attributes:
        title: what it is the best in.
        result: as ``accsim run --json`` has it; ``None`` where there is none.
        said: what went wrong, or differs from what is stored.
    """

    point: SweepPoint
    title: str
    result: Mapping[str, Any] | None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search of a space found.

    Attributes:
        objectives: keys of the metrics that were minimised.
        front: places of the points that no other beats in all objectives, by the first one.
        how: it was searched, in a sentence.
        history: by title, (trials so far, figure): the least so far of each objective over the least found, and of two
            objectives the area below the worst figures that the front so far dominates, as a share of the final one.
    """

    objectives: tuple[str, ...]
    front: tuple[int, ...]
    how: str
    history: Mapping[str, Sequence[tuple[int, float]]]


@dataclass(frozen=True, slots=True)
class SweepView:
    """A sweep, or the points of a search.

    Attributes:
        unit: of energies, as the energy table says: ``pJ`` or ``mac``.
        points: those that have figures, in the order of the space.
        planned: points of the space; ``None`` if that is not known.
        infeasible, failed: reasons and how often each was met, the most frequent first, and how many points in all.
        spaces: names and texts of the files that the points came from.
        facts: versions and the like, for the end of the page.
        found: what a search found; ``None`` for a sweep.
        winners: layer by layer; none unless they were estimated again.
    """

    title: str
    unit: str
    metrics: tuple[Metric, ...]
    points: Sequence[SweepPoint]
    planned: int | None = None
    infeasible: Sequence[tuple[str, int]] = ()
    failed: Sequence[tuple[str, int]] = ()
    infeasible_points: int = 0
    failed_points: int = 0
    spaces: Sequence[tuple[str, str]] = ()
    command: str = ""
    facts: Sequence[tuple[str, str]] = field(default_factory=tuple)
    found: Found | None = None
    winners: Sequence[Winner] = ()

    @property
    def compared(self) -> tuple[Metric, ...]:
        """What the chosen points are the best in: a search's objectives, or energy and latency."""
        if self.found is None:
            return self.metrics[:2]
        return tuple(self.metric(key) for key in self.found.objectives)

    @property
    def goal(self) -> str:
        """The same in words."""
        titles = [metric.title for metric in self.compared]
        return " and ".join([", ".join(titles[:-1]), titles[-1]] if len(titles) > 1 else titles)

    def chosen(self) -> list[SweepPoint]:
        """The points that no other beats in those figures, the least of the first one first."""
        if self.found is None:
            return self.front(self.metrics[0].key, self.metrics[1].key)
        by_place = {point.place: point for point in self.points}
        return [by_place[place] for place in self.found.front]

    def varied(self) -> dict[str, list[Value]]:
        """Settings that differ between points, with their values in order; one that is left out has its default."""
        names: dict[str, None] = {}
        for point in self.points:
            names.update(dict.fromkeys(point.values))
        out = {}
        for name in names:
            found = {value_of(point, name) for point in self.points}
            if len(found) > 1:
                out[name] = sorted(found, key=order)
        return out

    def front(self, first: str, second: str) -> list[SweepPoint]:
        """Points that no other beats in two metrics, the least of ``first`` first; of equal points the first."""
        known = [p for p in self.points if first in p.figures and second in p.figures]
        return front(known, lambda p: p.figures[first], lambda p: -p.figures[second])

    def best(self, metric: str) -> SweepPoint | None:
        """The point with the least of a metric."""
        known = [p for p in self.points if metric in p.figures]
        return min(known, key=lambda p: (p.figures[metric], p.place), default=None)

    def best_points(self) -> list[tuple[str, SweepPoint]]:
        """The best of each metric, each point once, with what it is the best in."""
        titles: dict[int, list[str]] = {}
        points: dict[int, SweepPoint] = {}
        for metric in self.metrics:
            best = self.best(metric.key)
            if best is not None:
                titles.setdefault(best.place, []).append(metric.title)
                points[best.place] = best
        return [(f"Least {' and '.join(titles[place])}", point) for place, point in points.items()]

    def metric(self, key: str) -> Metric:
        """A metric by its key."""
        return next(m for m in self.metrics if m.key == key)


DEFAULT = "default"


def value_of(point: SweepPoint, name: str) -> Value:
    """A setting of a point."""
    return point.values.get(name, DEFAULT)


def order(value: Value) -> tuple[int, float, str]:
    """Sorting key of settings: numbers by size (``16 KiB`` too), then texts."""
    if isinstance(value, bool):
        return 1, 0.0, str(value)
    if isinstance(value, int | float):
        return 0, float(value), ""
    number, _, unit = value.partition(" ")
    try:
        return 0, float(number) * _UNITS.get(unit, 1.0), unit
    except ValueError:
        return 1, 0.0, value


_UNITS = {
    "b": 1.0, "B": 8.0, "kB": 8e3, "MB": 8e6, "GB": 8e9, "KiB": 8.0 * 2**10, "MiB": 8.0 * 2**20, "GiB": 8.0 * 2**30,
    "kHz": 1e3, "MHz": 1e6, "GHz": 1e9,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Influence:
    """How much a setting matters for a metric.

    Attributes:
        best: the value with which the metric can be least.
        spread: the least metric with the worst of the values, over that with the best.
        by_value: the least metric with each value.
    """

    name: str
    best: Value
    spread: float
    by_value: Mapping[Value, float]


def influences(view: SweepView, metric: str) -> list[Influence]:
    """Settings by how much the least of a metric depends on them, the most first."""
    out = []
    for name in view.varied():
        least = least_by(view.points, metric, lambda p, name=name: value_of(p, name))  # type: ignore[misc]
        if len(least) > 1:
            ordered = dict(sorted(least.items(), key=lambda item: order(item[0])))
            best = min(ordered, key=lambda value: ordered[value])
            low, high = ordered[best], max(ordered.values())
            out.append(Influence(name, best, high / low if low else 1.0, ordered))
    return sorted(out, key=lambda i: (-i.spread, i.name))


def least_by(points: Sequence[SweepPoint], metric: str, key: Callable[[SweepPoint], K]) -> dict[K, float]:
    """The least of a metric among the points with each key."""
    out: dict[K, float] = {}
    for point in points:
        if metric in point.figures:
            value, at = point.figures[metric], key(point)
            if at not in out or value < out[at]:
                out[at] = value
    return out
