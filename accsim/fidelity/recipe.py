"""The recipe of a study: what is run.

::

    study: isca16-dataflows         # whose computation and drawing; usually the folder's name
    title: Dataflows under equal storage area
    about: one paragraph for the reader
    settings: {...}                 # the case's own, described by its class Settings
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from accsim.errors import InputError
from accsim.source import Source, printable
from accsim.yamlfile import Model, bind, load

RECIPE = "recipe.yaml"

COMPUTATIONS = ("accsim.fidelity.cases", "accsim.study.explorations")
"""Where the computation of a study is: a case, if there are published figures, else an exploration."""


class RecipeFile(Model):
    """The whole file."""

    study: str
    title: str
    about: str
    settings: dict[str, object] = {}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a study runs.

    Attributes:
        study: the name of its case.
        settings: an instance of the case's ``Settings``.
    """

    study: str
    title: str
    about: str
    settings: Any


def load_recipe(source: Source) -> Recipe:
    """Read a recipe.

    Raises:
        InputError: the file's mistakes, or a study that accsim does not know.
    """
    document = load(source)
    file = bind(document, RecipeFile)
    computed = computation(file.study)
    if computed is None:
        place = document.place(("study",))
        raise InputError([f"{place}: study: no study {printable(file.study)!r}; 'accsim report' lists those there are"])
    settings = bind(document, computed.Settings, data=file.settings, at=("settings",))
    return Recipe(file.study, " ".join(file.title.split()), " ".join(file.about.split()), settings)


def computation(study: str) -> ModuleType | None:
    """The module that computes a study; ``None`` if there is no such study."""
    name = study.replace("-", "_")
    found = (f"{package}.{name}" for package in COMPUTATIONS if name.isidentifier())
    return next((import_module(full) for full in found if find_spec(full) is not None), None)
