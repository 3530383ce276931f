"""Published accuracy beside estimated energy: every recipe of a network, on dense machines and on others.

Accuracies are those that travel with the recipes, each with its citation; nothing is trained or classified here. A
network without compression stands for itself, where a recipe says what its authors' float network reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import Field

from accsim import library
from accsim.compress.recipe import Recipe
from accsim.compress.recipe_reader import load_recipe
from accsim.energy.table import EnergyUnit
from accsim.errors import AccsimError, MappingError
from accsim.pipeline import estimate
from accsim.result import Result
from accsim.yamlfile import Model as FileModel

METRIC, OF_THE_FLOAT = "top-1", "top-1 of the float network"


class Settings(FileModel):
    """Which networks run on which machines.

    ``groups`` are drawn together: definitions of one network that recipes refer to.
    """

    groups: dict[str, tuple[str, ...]] = Field(min_length=1)
    hardware: tuple[str, ...] = Field(min_length=1)
    batch: int = Field(1, ge=1)


@dataclass(frozen=True, slots=True)
class Point:
    """A recipe on a machine.

    Attributes:
        recipe: its name; empty for the network as it is.
        accuracy_pct: as published.
        source: who published it.
        energy_uj, latency_ms: per inference, on and off chip, in a batch of the study's size; ``None`` where the
            machine cannot run it.
        stored_bits: of all weights, as they are stored; ``None`` for the network as it is.
        infeasible: why the machine cannot run it.
    """

    group: str
    network: str
    hardware: str
    recipe: str
    accuracy_pct: float
    source: str
    energy_uj: float | None
    latency_ms: float | None
    stored_bits: float | None
    infeasible: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What the study found.

    Attributes:
        unknown: recipes of these networks whose accuracy nobody published.
    """

    settings: Settings
    points: tuple[Point, ...]
    unknown: tuple[str, ...]

    def of(self, group: str, hardware: str) -> list[Point]:
        """Points of one drawing that the machine can run."""
        return [p for p in self.points if (p.group, p.hardware) == (group, hardware) and p.energy_uj is not None]


def run(settings: Settings, watch: Callable[[int, int, str], None] | None = None) -> Found:
    """Estimate every recipe on every machine.

    Args:
        watch: told how many networks are done on how many machines, and what is at work.
    """
    pairs = sum(map(len, settings.groups.values())) * len(settings.hardware)
    done = 0
    recipes = [load_recipe(name) for name in library.names("recipes")]
    points: list[Point] = []
    unknown: list[str] = []
    for group, networks in settings.groups.items():
        for network in networks:
            ours = [recipe for recipe in recipes if recipe.network == network]
            unknown += [recipe.name for recipe in ours if published(recipe, METRIC) is None]
            for machine in settings.hardware:
                if watch is not None:
                    watch(done, pairs, f"{network} on {machine}")
                done += 1
                points += _points(group, network, machine, ours, settings.batch)
    return Found(settings, tuple(points), tuple(unknown))


def published(recipe: Recipe, metric: str) -> tuple[float, str] | None:
    """An accuracy that was published of a recipe, in per cent, and its source."""
    return next(((a.value_pct, a.source) for a in recipe.accuracy if a.metric == metric), None)


def _points(group: str, network: str, machine: str, recipes: list[Recipe], batch: int) -> Iterator[Point]:
    best = max((p for r in recipes if (p := published(r, OF_THE_FLOAT))), default=None)
    if best is not None:
        yield _point(group, network, machine, None, best, batch)
    for recipe in recipes:
        known = published(recipe, METRIC)
        if known is not None:
            yield _point(group, network, machine, recipe, known, batch)


def _point(
    group: str, network: str, machine: str, recipe: Recipe | None, known: tuple[float, str], batch: int
) -> Point:
    name = "" if recipe is None else recipe.name
    try:
        result = estimate(network, machine, compress=recipe, batch=batch)
    except MappingError as error:
        return Point(group, network, machine, name, *known, None, None, None, str(error))
    return Point(
        group, network, machine, name, *known, _microjoules(result) / batch, result.latency_ms / batch,
        None if result.compressed is None else float(result.compressed.stored_bits),
    )  # fmt: skip


def _microjoules(result: Result) -> float:
    if result.table.unit is not EnergyUnit.PJ:
        raise AccsimError(f"{result.accelerator.name}: its energy table has no joules; machines would not compare")
    return result.energy * 1e-6
