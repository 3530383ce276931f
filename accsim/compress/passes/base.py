"""What a pass is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from typing import ClassVar

import numpy as np
from pydantic import Field

from accsim.compress.codes import Transformed
from accsim.compress.model import Applied, LayerParameters, Model
from accsim.errors import AccsimError, InputError, in_layer, suggest
from accsim.workload.layer import Layer
from accsim.yamlfile import Model as FileModel


class ModelPass(FileModel, ABC):
    """A pass over a whole model; its fields are its arguments in a recipe."""

    name: ClassVar[str]

    @abstractmethod
    def apply(self, model: Model) -> Model:
        """The model after the pass, with the pass on record.

        Raises:
            AccsimError: it cannot be applied; says to which layer, and why.
        """

    def record(self, notes: tuple[tuple[str, str], ...] = ()) -> Applied:
        """The pass as it is put on record: arguments that differ from their defaults."""
        return Applied(self.name, tuple(sorted(self.model_dump(mode="json", exclude_defaults=True).items())), notes)


class ChosenLayersPass(ModelPass):
    """A pass that is applied to some of the layers with weights."""

    layers: tuple[str, ...] = Field(("*",), description="names or patterns of the layers it is applied to")
    skip: tuple[str, ...] = Field((), description="names or patterns of layers it leaves alone")

    def chosen(self, model: Model) -> list[tuple[Layer, LayerParameters]]:
        """The layers it is applied to.

        Raises:
            InputError: a pattern matches no layer with weights.
        """
        names = [layer.name for layer, _ in model.layers()]
        lost = [p for p in (*self.layers, *self.skip) if not any(fnmatchcase(name, p) for name in names)]
        if lost and names:
            raise InputError(
                [
                    f"{self.name}: no layer with weights of {model.network.name} matches {p!r}{suggest(p, names)}"
                    for p in lost
                ]
            )
        return [
            (layer, parameters)
            for layer, parameters in model.layers()
            if any(fnmatchcase(layer.name, p) for p in self.layers) and not self.skips(layer.name)
        ]

    def skips(self, name: str) -> bool:
        """Whether a layer is one of those that are left alone by name."""
        return any(fnmatchcase(name, p) for p in self.skip)


class LayerPass(ChosenLayersPass):
    """A pass that projects the weights of one layer at a time, or the coefficients that are stored in their place."""

    @abstractmethod
    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """The layer's parameters after the pass. Pruned weights stay pruned."""

    def notes(self, layer: Layer, before: LayerParameters, after: LayerParameters) -> str:
        """What there is to say about a layer; empty for nothing."""
        del layer, before, after
        return ""

    def apply(self, model: Model) -> Model:
        """Project every chosen layer."""
        changed: dict[str, LayerParameters] = {}
        notes: list[tuple[str, str]] = []
        for layer, parameters in self.chosen(model):
            require_finite(layer, parameters)
            with in_layer(layer.name):
                changed[layer.name] = as_stored(parameters, partial(self.project, layer))
            said = self.notes(layer, parameters, changed[layer.name])
            if said:
                notes.append((layer.name, said))
        return model.with_parameters(changed).after(self.record(tuple(notes)))


def as_stored(parameters: LayerParameters, project: Callable[[LayerParameters], LayerParameters]) -> LayerParameters:
    """Project what is stored of a layer: its weights, or the coefficients of its kernels where these are transformed.

    So codes and masks of coefficients stay with the transform; to project the weights would fill in its zeros.
    """
    code = parameters.weight
    if not isinstance(code, Transformed):
        return project(parameters)
    after = project(replace(parameters, weight=code.coefficients, kept=code.kept, trained=None))
    if isinstance(after.weight, Transformed):
        raise AccsimError("its kernels are stored as coefficients of a transform already")
    kept = replace(code, coefficients=after.weight, kept=after.kept)
    return replace(parameters, weight=kept, encoding=after.encoding)


def require_finite(layer: Layer, parameters: LayerParameters) -> None:
    """Refuse weights that are no numbers.

    Raises:
        AccsimError: some are NaN or infinite; says how many, and where the first is.
    """
    values = parameters.weight.values()
    wrong = ~np.isfinite(values)
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise AccsimError(
            f"layer {layer.name!r}: {int(wrong.sum())} of {values.size} weights are NaN or infinite, the first at "
            f"{first}"
        )
