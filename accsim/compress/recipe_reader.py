"""Recipes from YAML.

::

    network: resnet18                    # the only network it is for; any if left out
    about: pruned gradually, three levels
    source: "who published the figures below"
    passes:                              # in order; arguments that are left out have their defaults
      - symmetric: {bits: 8, skip: [conv1]}
      - twn: {}
    accuracy:                            # as published, never computed
      - {metric: top-1, value_pct: 69.87, source: "who measured it"}

In the place of ``passes``, ``layers`` gives what was published of each layer with weights, where no values are known::

    layers:
      conv1: {nonzeros: 9408, weight_bits: 8, activation_bits: 8}
      layer1.0.conv1: {density: 0.24}    # or a fraction; ifmap_density and ofmap_density are of feature maps
    incomplete: why layers are missing   # which then are as the network has them
    secondary: true                      # figures that could not be checked against the publication
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from accsim.compress.passes.base import ModelPass
from accsim.compress.passes.registry import PASSES
from accsim.compress.recipe import Accuracy, PublishedLayer, Recipe
from accsim.errors import InputError, suggest
from accsim.library import find
from accsim.yamlfile import Document, Model, bind, load

Share = Field(None, ge=0, le=1)


class AccuracyFile(Model):
    """One published accuracy."""

    metric: str
    value_pct: float = Field(ge=0, le=100)
    source: str


class LayerFile(Model):
    """What was published of one layer."""

    nonzeros: int | None = Field(None, ge=0)
    density: float | None = Share
    weight_bits: int | None = Field(None, ge=1, le=32)
    activation_bits: int | None = Field(None, ge=1, le=32)
    ifmap_density: float | None = Share
    ofmap_density: float | None = Share


class RecipeFile(Model):
    """The whole file; the arguments of a pass are bound to the pass."""

    network: str | None = None
    about: str = ""
    source: str = ""
    secondary: bool = False
    passes: tuple[dict[str, object], ...] = ()
    layers: dict[str, LayerFile] = {}
    incomplete: str = ""
    accuracy: tuple[AccuracyFile, ...] = ()


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a recipe by name or path.

    Raises:
        InputError: it is not found, or has mistakes; all of a kind at once, each with its place.
    """
    document = load(find("recipes", name_or_path))
    file = bind(document, RecipeFile)
    mistakes = [*_mistakes(document, file)]
    passes: list[ModelPass] = []
    for i, one in enumerate(file.passes):
        try:
            passes += [_pass(document, i, name, arguments) for name, arguments in one.items()]
        except InputError as error:
            mistakes += error.mistakes
    if mistakes:
        raise InputError(mistakes)
    return Recipe(
        name=document.source.name,
        network=file.network,
        about=" ".join(file.about.split()),
        source=" ".join(file.source.split()),
        secondary=file.secondary,
        passes=tuple(passes),
        layers={name: PublishedLayer(**layer.model_dump()) for name, layer in file.layers.items()},
        incomplete=" ".join(file.incomplete.split()),
        accuracy=tuple(Accuracy(a.metric, a.value_pct, " ".join(a.source.split())) for a in file.accuracy),
    )


def _pass(document: Document, i: int, name: str, arguments: object) -> ModelPass:
    """One pass with its arguments.

    Raises:
        InputError: there is no such pass, or its arguments are wrong.
    """
    if name not in PASSES:
        place = document.place(("passes", i, name), key=True)
        hint = suggest(name, PASSES) or f"; the passes are {', '.join(PASSES)}"
        raise InputError([f"{place}: passes.{i}: unknown pass {name!r}{hint}"])
    return bind(document, PASSES[name], {} if arguments is None else arguments, ("passes", i, name))


def _mistakes(document: Document, file: RecipeFile) -> Iterator[str]:
    """Mistakes between fields."""
    if file.passes and file.layers:
        yield f"{document.place(('layers',), key=True)}: layers: a recipe has passes or published layers, not both"
    if not file.passes and not file.layers:
        yield f"{document.place()}: the recipe has neither passes nor published layers"
    if file.layers and file.network is None:
        yield f"{document.place(('layers',), key=True)}: layers: say whose they are, as network: NAME"
    if (file.layers or file.accuracy) and not file.source:
        yield f"{document.place()}: source: published figures need one"
    for i, one in enumerate(file.passes):
        if len(one) != 1:
            place = document.place(("passes", i))
            yield f"{place}: passes.{i}: must be one pass and its arguments, such as 'symmetric: {{bits: 8}}'"
    for name, layer in file.layers.items():
        if layer.nonzeros is not None and layer.density is not None:
            place = document.place(("layers", name, "density"))
            yield f"{place}: layers.{name}.density: nonzeros gives it already"
