"""What a store holds, as a report shows it."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np

from accsim import __version__
from accsim.errors import AccsimError, InputError
from accsim.report.sweep.points import Found, Metric, SweepPoint, SweepView, Winner
from accsim.sweep.evaluate import Status
from accsim.sweep.optimise import Front
from accsim.sweep.pareto import hypervolume
from accsim.sweep.settings import Settings
from accsim.sweep.store import Store, Stored

LATENCY = Metric("latency_ms", "latency", "s", 1e-3)
AREA = Metric("area_mm2", "area", "mm²", prefixed=False)
CYCLES = Metric("cycles", "cycles", "", prefixed=False)
Watch = Callable[[int, int, str], None]
REASONS = 20
STEPS = 200
"""Most steps of a history of the front."""


def view_of(store: Store, title: str, command: str = "") -> SweepView:
    """The sweep in an open store.

    Args:
        title: of the report.
        command: that made it.

    Raises:
        InputError: points were priced with tables of different units, so that energies do not compare.
    """
    units: dict[str, None] = {}
    points = list(_points(store, units))
    unit = _unit(store, units)
    counts, spaces = store.counts(), store.spaces()
    return SweepView(
        title=title,
        unit=unit,
        metrics=_metrics(unit, points),
        points=points,
        planned=sum(size for _, _, size in spaces) if spaces else None,
        infeasible=store.reasons(Status.INFEASIBLE.value, REASONS),
        failed=store.reasons(Status.FAILED.value, REASONS),
        infeasible_points=counts.get(Status.INFEASIBLE.value, 0),
        failed_points=counts.get(Status.FAILED.value, 0),
        spaces=store.space_texts(),
        command=command,
        facts=_facts(store),
    )


def search_view_of(
    store: Store, found: Front, objectives: Sequence[str], how: str, title: str, command: str = ""
) -> SweepView:
    """The points that a search asked for, in that order, and what it found.

    Args:
        objectives: that were minimised.
        how: it was searched, in a sentence.

    Raises:
        InputError: as ``view_of``.
    """
    units: dict[str, None] = {}
    points, places = list[SweepPoint](), dict[str, int]()
    for number, row in enumerate(found.trials):
        if row.status == Status.DONE.value:
            units.setdefault(row.unit)
            points.append(_point(row, number))
            if "cycles" in objectives:
                points[-1] = replace(points[-1], figures={**points[-1].figures, "cycles": row.figure("cycles") or 0.0})
            places[row.key] = number
    unit = _unit(store, units)
    metrics = {metric.key: metric for metric in (*_metrics(unit, points), CYCLES, AREA)}
    order = [*objectives, *(metric.key for metric in _metrics(unit, points) if metric.key not in objectives)]
    reasons = {
        status: Counter(row.reason for row in found.trials if row.status == status.value)
        for status in (Status.INFEASIBLE, Status.FAILED)
    }
    titles = {key: metrics[key].title for key in objectives}
    return SweepView(
        title=title,
        unit=unit,
        metrics=tuple(metrics[key] for key in order),
        points=points,
        planned=found.asked,
        infeasible=reasons[Status.INFEASIBLE].most_common(REASONS),
        failed=reasons[Status.FAILED].most_common(REASONS),
        infeasible_points=reasons[Status.INFEASIBLE].total(),
        failed_points=reasons[Status.FAILED].total(),
        spaces=store.space_texts(),
        command=command,
        facts=_facts(store),
        found=Found(tuple(objectives), tuple(places[row.key] for row in found.points), how, history(points, titles)),
    )


def with_winners(view: SweepView, settings: Callable[[set[int]], Mapping[int, Settings]], watch: Watch) -> SweepView:
    """The same sweep with its best points estimated again, layer by layer.

    Args:
        settings: those of the points at some places.
        watch: told how many of how many are done.
    """
    best = view.best_points()
    known = settings({point.place for _, point in best})
    winners = []
    for number, (title, point) in enumerate(best):
        watch(number, len(best), f"estimating winners again, point {point.place}")
        winners.append(_winner(title, point, known[point.place]))
    return replace(view, winners=winners)


def _winner(title: str, point: SweepPoint, settings: Settings) -> Winner:
    try:
        found = run_of(settings)
    except AccsimError as error:
        return Winner(point, title, None, f"cannot be estimated again: {error}")
    same = found["totals"]["energy"]["total"] == point.figures.get("energy")
    differs = "" if same else "gives another energy now than the one that is stored: accsim or a file has changed."
    return Winner(point, title, found, differs)


def run_of(settings: Settings) -> dict[str, Any]:
    """The result of a point, as ``accsim run --json`` has it.

    Raises:
        AccsimError: there is none.
    """
    from accsim.pipeline import estimate  # noqa: PLC0415

    return estimate(
        settings.workload, settings.hardware, dataflow=settings.dataflow, energy_table=settings.energy_table,
        batch=settings.batch, bindings=settings.bindings, layers=settings.layers or None, objective=settings.objective,
        search=settings.search, overrides=settings.overrides, energy_overrides=settings.energy_overrides,
        search_table=settings.search_table, effort=settings.effort, compress=settings.compress,
        command=settings.command(),
    ).to_dict()  # fmt: skip


def settings_of(store: Store) -> Callable[[set[int]], Mapping[int, Settings]]:
    """What ``with_winners`` asks of the view of a store."""

    def find(places: set[int]) -> dict[int, Settings]:
        rows = enumerate(store.rows(Status.DONE.value))
        return {number: row.settings for number, row in rows if number in places}

    return find


def settings_of_trials(found: Front) -> Callable[[set[int]], Mapping[int, Settings]]:
    """What ``with_winners`` asks of the view of a search."""
    return lambda places: {place: found.trials[place].settings for place in places}


def history(points: Sequence[SweepPoint], titles: Mapping[str, str]) -> dict[str, list[tuple[int, float]]]:
    """How a search went on, as ``Found.history`` has it.

    Args:
        points: in the order in which they were asked for.
        titles: of the objectives, by key.
    """
    known = [p for p in points if all(key in p.figures for key in titles)]
    out: dict[str, list[tuple[int, float]]] = {}
    for key, title in titles.items():
        values = [(point.place + 1, point.figures[key]) for point in known]
        least = min((value for _, value in values), default=0.0)
        if least > 0:
            best = accumulate((value for _, value in values), min)
            out[f"{title}: least so far over the least found"] = [
                (at, value / least) for (at, _), value in zip(values, best, strict=True)
            ]
    if len(titles) == 2 and known:
        costs = np.array([[point.figures[key] for key in titles] for point in known])
        worst = costs.max(axis=0) * 1.001
        whole = hypervolume(costs, worst)
        every = -(-len(known) // STEPS)
        counts = sorted({*range(1, len(known) + 1, every), len(known)})
        if whole > 0:
            out["front so far: area that it dominates, over that of the final front"] = [
                (known[n - 1].place + 1, hypervolume(costs[:n], worst) / whole) for n in counts
            ]
    return out


def _unit(store: Store, units: Mapping[str, None]) -> str:
    if len(units) > 1:
        raise InputError([f"{store.path}: energies are in {' and in '.join(units)}, which do not compare"])
    return next(iter(units), "pJ")


def _metrics(unit: str, points: Sequence[SweepPoint]) -> tuple[Metric, ...]:
    joules = unit == "pJ"
    energy = Metric("energy", "energy", "J" if joules else "MAC", 1e-12 if joules else 1.0)
    product = Metric("edp", "energy-delay product", "J s" if joules else "MAC s", energy.base * LATENCY.base)
    known = any("area_mm2" in point.figures for point in points)
    return (energy, LATENCY, product, AREA) if known else (energy, LATENCY, product)


def _facts(store: Store) -> list[tuple[str, str]]:
    return [("accsim", __version__), ("Python", platform.python_version()), ("store", store.path)]


def _points(store: Store, units: dict[str, None]) -> Iterator[SweepPoint]:
    for number, row in enumerate(store.rows(Status.DONE.value)):
        units.setdefault(row.unit)
        yield _point(row, number)


def _point(row: Stored, number: int) -> SweepPoint:
    figures = {key: value for key in ("energy", "latency_ms", "area_mm2") if (value := row.figure(key)) is not None}
    if "energy" in figures and "latency_ms" in figures:
        figures["edp"] = figures["energy"] * figures["latency_ms"]
    parts = {level: float(value) for level, value in row.totals["energy"].items() if level != "total"}
    return SweepPoint(number, row.settings.values(), figures, parts, row.settings.command())
