"""What a store holds, as a report shows it."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from accsim import __version__
from accsim.errors import InputError
from accsim.report.sweep.points import Metric, SweepPoint, SweepView
from accsim.sweep.evaluate import Status
from accsim.sweep.store import Store, Stored

LATENCY = Metric("latency_ms", "latency", "s", 1e-3)
AREA = Metric("area_mm2", "area", "mm²", prefixed=False)
REASONS = 20


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
    if len(units) > 1:
        raise InputError([f"{store.path}: energies are in {' and in '.join(units)}, which do not compare"])
    unit = next(iter(units), "pJ")
    joules = unit == "pJ"
    energy = Metric("energy", "energy", "J" if joules else "MAC", 1e-12 if joules else 1.0)
    product = Metric("edp", "energy-delay product", "J s" if joules else "MAC s", energy.base * LATENCY.base)
    counts, spaces = store.counts(), store.spaces()
    return SweepView(
        title=title,
        unit=unit,
        metrics=(energy, LATENCY, product, AREA) if any("area_mm2" in p.figures for p in points) else
        (energy, LATENCY, product),
        points=points,
        planned=sum(size for _, _, size in spaces) if spaces else None,
        infeasible=store.reasons(Status.INFEASIBLE.value, REASONS),
        failed=store.reasons(Status.FAILED.value, REASONS),
        infeasible_points=counts.get(Status.INFEASIBLE.value, 0),
        failed_points=counts.get(Status.FAILED.value, 0),
        spaces=store.space_texts(),
        command=command,
        facts=[("accsim", __version__), ("Python", platform.python_version()), ("store", store.path)],
    )  # fmt: skip


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
