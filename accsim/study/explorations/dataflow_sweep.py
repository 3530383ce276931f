"""Array shape, dataflow and buffer over several networks: a design space, estimated point by point.

The space is that of ``accsim sweep`` and is written as its file is; every point is what ``accsim run`` gives.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import Field, field_validator

from accsim.errors import InputError
from accsim.source import Source
from accsim.sweep.evaluate import Evaluator, Status
from accsim.sweep.settings import Settings as PointSettings
from accsim.sweep.space import Space
from accsim.sweep.space_reader import read_space
from accsim.yamlfile import Model as FileModel


class Settings(FileModel):
    """The design space, with the keys of an ``accsim sweep`` file."""

    space: dict[str, Any] = Field(min_length=1)

    @field_validator("space")
    @classmethod
    def _is_one(cls, space: dict[str, Any]) -> dict[str, Any]:
        try:
            space_of(space)
        except InputError as error:
            raise ValueError("; ".join(error.mistakes)) from None
        return space


def space_of(text: dict[str, Any]) -> Space:
    """The design space of a study.

    Raises:
        InputError: its mistakes.
    """
    return read_space(Source("space", "settings.space", yaml.safe_dump(text, sort_keys=False)))


@dataclass(frozen=True, slots=True)
class Point:
    """One machine running one network.

    Attributes:
        energy_uj, latency_ms: of the batch, on and off chip; ``None`` where it does not fit.
    """

    network: str
    dataflow: str
    rows: int
    cols: int
    buffer: str
    energy_uj: float | None
    latency_ms: float | None
    utilization: float | None
    dram_uj: float | None
    infeasible: str

    @property
    def shape(self) -> str:
        """Rows and columns."""
        return f"{self.rows}x{self.cols}"


@dataclass(frozen=True, slots=True)
class Found:
    """Every point, in the order of the space."""

    settings: Settings
    points: tuple[Point, ...]

    def names(self, attribute: str) -> list[Any]:
        """Values of an attribute, in order of appearance."""
        return list(dict.fromkeys(getattr(point, attribute) for point in self.points))

    def least(self, metric: str, **where: Any) -> Point | None:
        """The point with the least of a metric among those with some attributes."""
        chosen = [
            p
            for p in self.points
            if getattr(p, metric) is not None and all(getattr(p, name) == value for name, value in where.items())
        ]
        return min(chosen, key=lambda p: getattr(p, metric), default=None)


def run(settings: Settings) -> Found:
    """Estimate every point of the space."""
    evaluator = Evaluator()
    return Found(settings, tuple(_point(one, evaluator) for _, one in space_of(settings.space).points()))


def _point(one: PointSettings, evaluator: Evaluator) -> Point:
    outcome = evaluator.evaluate(one)
    sets = dict(one.sets)
    totals: dict[str, Any] = {}
    if outcome.status is Status.DONE:
        totals = json.loads(outcome.totals)
    elif outcome.status is Status.FAILED:
        raise RuntimeError(outcome.reason)
    buffer = next((value for key, value in sets.items() if key.endswith(".size")), "")
    return Point(
        network=one.workload,
        dataflow=one.dataflow or "",
        rows=int(sets.get("array.rows", 0)),
        cols=int(sets.get("array.cols", 0)),
        buffer=buffer,
        energy_uj=totals["energy"]["total"] * 1e-6 if totals else None,
        latency_ms=totals["latency_ms"] if totals else None,
        utilization=totals.get("utilization") if totals else None,
        dram_uj=totals["energy"].get("dram", 0.0) * 1e-6 if totals else None,
        infeasible=outcome.reason,
    )
