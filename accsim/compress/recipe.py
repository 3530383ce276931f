"""A recipe: what compresses a network, or what was published of a compressed network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from accsim.compress.passes.base import ModelPass
from accsim.errors import InputError, suggest
from accsim.workload.layer import Layer
from accsim.workload.network import Network


@dataclass(frozen=True, slots=True)
class Accuracy:
    """An accuracy that somebody published. It is copied, never computed here.

    Attributes:
        metric: such as ``top-1``.
        value_pct: in per cent.
        source: who published it.
    """

    metric: str
    value_pct: float
    source: str


@dataclass(frozen=True, slots=True)
class PublishedLayer:
    """What was published of one layer; ``None`` where nothing was.

    Attributes:
        nonzeros: weights that are not zero.
        density: fraction of them; the count, where there is one, is exact.
        weight_bits, activation_bits: of a code.
        ifmap_density, ofmap_density: fraction of non-zero words of the feature maps.
    """

    nonzeros: int | None = None
    density: float | None = None
    weight_bits: int | None = None
    activation_bits: int | None = None
    ifmap_density: float | None = None
    ofmap_density: float | None = None

    def weight_density(self, weights: int) -> float | None:
        """The fraction of the weights that are not zero, from the count where there is one."""
        return self.density if self.nonzeros is None else self.nonzeros / max(1, weights)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a recipe's file says.

    Attributes:
        name: of the file.
        network: the only network it is for; ``None`` if it is for any.
        about: what it is, in a line or two.
        source: where the figures come from.
        secondary: whether the figures could not be checked against the publication: to be shown, not to be met.
        passes: in order.
        layers: what was published, by layer.
        incomplete: why some layers with weights are missing from ``layers``; those are as the network has them.
        accuracy: as published, with its citation.
    """

    name: str
    network: str | None = None
    about: str = ""
    source: str = ""
    secondary: bool = False
    passes: tuple[ModelPass, ...] = ()
    layers: Mapping[str, PublishedLayer] = field(default_factory=dict)
    incomplete: str = ""
    accuracy: tuple[Accuracy, ...] = ()

    def require_for(self, network: Network) -> None:
        """Refuse a network that the recipe is not for.

        Raises:
            InputError: another network, a layer that it does not have or that is missing, or more non-zeros than a
                layer has weights.
        """
        if self.network is not None and self.network != network.name:
            raise InputError([f"recipe {self.name} is for the network {self.network}, got {network.name}"])
        known = {layer.name: layer for layer in weighted(network)}
        mistakes = [
            f"recipe {self.name}: {network.name} has no layer {name!r} with weights{suggest(name, known)}"
            for name in self.layers
            if name not in known
        ]
        missing = [name for name in known if name not in self.layers]
        if self.layers and missing and not self.incomplete:
            mistakes.append(
                f"recipe {self.name}: it says nothing of {', '.join(map(repr, missing))}; 'incomplete: WHY' allows that"
            )
        for name, said in self.layers.items():
            if name in known and said.nonzeros is not None and said.nonzeros > known[name].weight_words:
                mistakes.append(
                    f"recipe {self.name}: layer {name!r} has {known[name].weight_words} weights, of which "
                    f"{said.nonzeros} cannot be non-zero"
                )
        if mistakes:
            raise InputError(mistakes)


def weighted(network: Network) -> tuple[Layer, ...]:
    """Layers with trained weights."""
    return tuple(layer for layer in network.mac_layers if layer.weight_words)
