"""A recipe: what compresses a network, or what was published of one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from accsim.cli.console import Block, Line, table
from accsim.compress.recipe import PublishedLayer, Recipe


def plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain data; arguments of passes are those that differ from the defaults."""
    return {
        "name": recipe.name,
        "network": recipe.network,
        "description": recipe.about,
        "source": recipe.source,
        "secondary": recipe.secondary,
        "passes": [{one.name: dict(one.record().arguments)} for one in recipe.passes],
        "layers": {name: _known(layer) for name, layer in recipe.layers.items()},
        "incomplete": recipe.incomplete,
        "published_accuracy": [asdict(accuracy) for accuracy in recipe.accuracy],
    }


def blocks(recipe: Recipe) -> list[Block]:
    """What is printed."""
    found: list[Block] = [Line(f"{recipe.name}: {recipe.about}" if recipe.about else recipe.name, "bold")]
    found += [f"source:  {recipe.source}"] if recipe.source else []
    found.append(f"network: {recipe.network or 'any'}")
    if recipe.secondary:
        found.append(Line("its figures could not be checked against the publication", "yellow"))
    if recipe.passes:
        rows = [
            (i, one.name, ", ".join(f"{name} {_spell(value)}" for name, value in one.record().arguments))
            for i, one in enumerate(recipe.passes, 1)
        ]
        found += ["", Line("passes", "bold"), table(("", "pass", "arguments"), rows, left={"pass", "arguments"})]
    if recipe.layers:
        found += ["", Line("published of each layer", "bold"), _layers(recipe)]
    if recipe.incomplete:
        found.append(f"layers that are missing are as the network has them: {recipe.incomplete}")
    if recipe.accuracy:
        found += ["", Line("published accuracy, not computed here", "bold")]
        found += [f"{a.metric}: {a.value_pct:g} % [{a.source}]" for a in recipe.accuracy]
    return found


def _layers(recipe: Recipe) -> Block:
    known = {name: _known(layer) for name, layer in recipe.layers.items()}
    columns = list(dict.fromkeys(column for figures in known.values() for column in figures))
    rows = [(name, *(_figure(figures.get(column)) for column in columns)) for name, figures in known.items()]
    return table(("layer", *(column.replace("_", " ") for column in columns)), rows, left={"layer"})


def _known(layer: PublishedLayer) -> dict[str, int | float]:
    return {name: value for name, value in asdict(layer).items() if value is not None}


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _spell(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
