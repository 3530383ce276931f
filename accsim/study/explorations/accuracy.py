"""Every recipe of one network on one machine: published accuracy beside estimated energy and latency."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Callable

from accsim import __version__, library
from accsim.compress.recipe import Recipe
from accsim.compress.recipe_reader import load_recipe
from accsim.errors import AccsimError, InputError, suggest
from accsim.pipeline import estimate
from accsim.report.accuracy.view import AS_IT_IS, AccuracyView, Point, view_points
from accsim.report.quantities import energy_unit
from accsim.study.explorations.compression_fronts import published

Watch = Callable[[int, int, str], None]


def accuracy_view(
    network: str, hardware: str, *, metric: str = "top-1", batch: int = 1, command: str = "", watch: Watch | None = None
) -> AccuracyView:
    """Estimate the network as it is and by each of its recipes.

    Args:
        network: a name that recipes are for.
        metric: of the accuracies; the uncompressed network has that of the float network, the best of those published.
        watch: told how many of how many are done.

    Raises:
        AccsimError: no recipe is for the network, none states the metric, or the machine can run none of them.
    """
    every = [load_recipe(name) for name in library.names("recipes")]
    recipes = [recipe for recipe in every if recipe.network == network]
    if not recipes:
        known = sorted({recipe.network for recipe in every if recipe.network})
        hint = suggest(network, known) or f"; there are some for {', '.join(known)}"
        raise InputError([f"no recipe is for a network {network!r}{hint}"])
    metrics = sorted({a.metric for recipe in recipes for a in recipe.accuracy if " of the " not in a.metric})
    if metrics and metric not in metrics:
        raise InputError([f"--metric: no recipe of {network} states {metric!r}: they state {', '.join(metrics)}"])
    points, units = list[Point](), set[str]()
    runs: list[Recipe | None] = [None, *recipes]
    for done, recipe in enumerate(runs):
        if watch is not None:
            watch(done, len(runs), recipe.name if recipe else AS_IT_IS)
        points.append(_point(network, hardware, recipe, _known(recipe, recipes, metric), batch, units))
    if not units:
        raise AccsimError(f"{hardware} can run {network} by none of its recipes: {points[0].reason}")
    return AccuracyView(
        network, hardware, batch, metric, energy_unit(units.pop()), view_points(points), command,
        [("accsim", __version__), ("Python", platform.python_version())],
    )  # fmt: skip


def _known(recipe: Recipe | None, recipes: list[Recipe], metric: str) -> tuple[float, str] | None:
    if recipe is not None:
        return published(recipe, metric)
    whole = f"{metric} of the float network"
    return max((known for one in recipes if (known := published(one, whole))), default=None)


def _point(
    network: str, hardware: str, recipe: Recipe | None, known: tuple[float, str] | None, batch: int, units: set[str]
) -> Point:
    accuracy, source = known or (None, "")
    name = AS_IT_IS if recipe is None else recipe.name
    words = ["accsim", "run", network, "--hardware", hardware]
    words += [] if recipe is None else ["--compress", recipe.name]
    words += [] if batch == 1 else ["--batch", str(batch)]
    try:
        result = estimate(network, hardware, compress=recipe, batch=batch)
    except InputError:
        raise
    except AccsimError as error:
        return Point(name, accuracy, source, None, None, None, str(error), shlex.join(words))
    units.add(result.table.unit.value)
    stored = None if result.compressed is None else float(result.compressed.stored_bits)
    return Point(
        name, accuracy, source, result.energy / batch, result.latency_ms / batch, stored, "", shlex.join(words)
    )
