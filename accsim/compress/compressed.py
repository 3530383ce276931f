"""A recipe put on a network: the network that runs, its weights, and how each layer's weights are stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
import numpy.typing as npt

from accsim.compress.codes import Code, Float, Outliers
from accsim.compress.model import Model
from accsim.compress.recipe import PublishedLayer, Recipe
from accsim.compress.storage import BEST, Stored, store, store_published
from accsim.compress.synthetic import MOST_WORDS
from accsim.errors import AccsimError, in_layer
from accsim.workload.layer import Layer, TensorStatistics
from accsim.workload.network import Network

Array = npt.NDArray[np.generic]
FASTER_NOTHING = "codes narrower than the machine's operands: they make nothing faster, and each MAC costs what it did"
"""What is left out on machines whose PEs do not follow the widths of codes."""
NOT_DECODED = (
    "decoding of weights: the machine has no decoder for them, so that dense words of its own width move; the stored "
    "bits are those of the encoding, at rest"
)
NOT_PACKED = "packing of weights: words of the machine's own width move; the stored bits are those at rest"
"""What is left out on machines that take no encoded, or no packed, weights from memory."""
TRAINED_BITS = 32
"""Bits of a weight before compression: single precision, what compression rates are measured against."""


@dataclass(frozen=True, slots=True, eq=False)
class Compressed:
    """A compressed network.

    Attributes:
        recipe: what was done, or what was published.
        network: what runs: layers may have been rewritten, and densities are those of the weights.
        model: the network with its weights; ``None`` where only figures were published.
        stored: by layer with weights.
        trained_bits: the weights before compression, 32 bits each.
        origin: where the weights come from.
        real: whether all of them are trained ones.
        not_modelled: what an estimate of it leaves out.
    """

    recipe: Recipe
    network: Network
    model: Model | None
    stored: Mapping[str, Stored]
    trained_bits: int
    origin: str
    real: bool = False
    not_modelled: tuple[str, ...] = field(default=())

    @property
    def stored_bits(self) -> int | float:
        """All weights, as they are stored."""
        return sum(one.stored_bits for one in self.stored.values())

    @property
    def rate(self) -> float | None:
        """Compression rate of the weights: trained bits over stored bits; ``None`` if nothing is stored."""
        return self.trained_bits / self.stored_bits if self.stored_bits else None

    def notes(self) -> tuple[str, ...]:
        """What the reader must know: where weights come from, and what passes have to say of layers."""
        recipe = self.recipe
        out = [f"weights: {self.origin}"]
        if any(one.expected for one in self.stored.values()):
            out.append("stored bits: expected under independent zeros, as only densities were published")
        if recipe.secondary:
            out.append(f"recipe {recipe.name}: its figures could not be checked against the publication")
        if recipe.incomplete:
            out.append(f"layers without figures are as the network has them: {recipe.incomplete}")
        if self.model is not None:
            out += [f"{a.name}: {layer}: {said}" for a in self.model.applied for layer, said in a.notes]
        return (
            *out,
            *(f"published, not computed here: {a.metric} {a.value_pct:g} % [{a.source}]" for a in recipe.accuracy),
        )

    def nonzero_masks(self, names: Collection[str]) -> dict[str, dict[str, Array]]:
        """Where the weights of some layers are not zero: what zeros are counted from."""
        if self.model is None:
            return {}
        return {layer.name: {"weight": p.values() != 0} for layer, p in self.model.layers() if layer.name in names}

    def integer_weights(self) -> dict[str, dict[str, Array]]:
        """The integers that the hardware multiplies, pruned ones 0, for the layers whose code has them."""
        if self.model is None:
            return {}
        out: dict[str, dict[str, Array]] = {}
        for layer, parameters in self.model.layers():
            integers = getattr(parameters.weight, "integers", None)
            if integers is not None:
                found = integers()
                out[layer.name] = {"weight": found if parameters.kept is None else np.where(parameters.kept, found, 0)}
        return out


def compress(model: Model, recipe: Recipe, encoding: str = BEST) -> Compressed:
    """Apply a recipe's passes to a model, or put its published figures on the model's network.

    Args:
        encoding: of the weights; ``best`` chooses the smallest for each layer.

    Raises:
        AccsimError: the recipe is for another network, a pass cannot be applied, or the encoding cannot hold a layer.
    """
    recipe.require_for(model.network)
    before = TRAINED_BITS * model.network.weight_words
    if recipe.layers:
        return _published(model.network, recipe, before, encoding)
    _require_held(model)
    after = model
    for one in recipe.passes:
        after = one.apply(after)
    stored = {}
    for layer, parameters in after.layers():
        with in_layer(layer.name):
            stored[layer.name] = store(parameters, encoding)
    return _with_weights(recipe, after, stored, before, f"recipe {recipe.name}")


def _require_held(model: Model) -> None:
    """Refuse weights that are one value in many places, held once, and too many to be written out.

    Raises:
        AccsimError: such a layer.
    """
    for layer, parameters in model.layers():
        code = parameters.weight
        if isinstance(code, Float) and code.weights.size > MOST_WORDS and not any(code.weights.strides):
            raise AccsimError(
                f"layer {layer.name!r}: its {code.weights.size} weights are one value repeated; at most {MOST_WORDS} "
                "are compressed"
            )


def as_it_is(model: Model, made_by: Mapping[str, object] | None = None) -> Compressed | None:
    """A model as it is: layers whose weights have codes or are pruned are stored so, the others as the machine has
    them; ``None`` if there are none such.

    Args:
        made_by: the recipe that its archive names, and the bits before it; then all layers are stored as they are.
    """
    said = made_by or {}
    coded = {layer.name: p for layer, p in model.layers() if said or p.weight.name != Float.name or p.kept is not None}
    if not coded:
        return None
    name, bits = str(said.get("name", "")), said.get("trained_bits")
    before = bits if isinstance(bits, int) else TRAINED_BITS * model.network.weight_words
    stored = {}
    for layer_name, parameters in coded.items():
        with in_layer(layer_name):
            stored[layer_name] = store(parameters)
    return _with_weights(Recipe(name), model, stored, before, f"recipe {name}" if name else model.origin)


def _with_weights(recipe: Recipe, model: Model, stored: Mapping[str, Stored], before: int, source: str) -> Compressed:
    layers = tuple(with_codes(layer, model, stored.get(layer.name), source) for layer in model.network.layers)
    network = replace(model.network, layers=layers)
    return Compressed(recipe, network, model, stored, before, model.origin, model.real, _not_modelled(stored))


def with_codes(layer: Layer, model: Model, stored: Stored | None, source: str) -> Layer:
    """The layer with what is known of its weights, and of the codes of its feature maps.

    Args:
        model: whose codes of weights and feature maps those are.
        stored: how its weights are stored; ``None`` for what the network says.
        source: of what is known.
    """
    out = layer
    if stored is not None:
        integers = stored.code not in REALS
        known = TensorStatistics(
            stored.density,
            source,
            stored.bits if integers else None,
            stored.code,
            stored.encoding,
            stored.stored_bits,
            _outliers(model.parameters[layer.name].weight) if layer.name in model.parameters else None,
        )
        out = replace(out, weight_statistics=known, residual=_residual(layer, model))
    ifmap, ofmap = (model.activations.get(name) for name in (*layer.inputs[:1], layer.name))
    if ifmap is not None and ifmap.kind in INTEGERS:
        at = replace(layer.ifmap_statistics, bits=ifmap.bits, code=ifmap.kind)
        out = replace(out, ifmap_statistics=at)
    if ofmap is not None and ofmap.kind in INTEGERS:
        out = replace(out, ofmap_statistics=replace(layer.ofmap_statistics, bits=ofmap.bits, code=ofmap.kind))
    return out


def _outliers(code: Code) -> float | None:
    """The fraction of weights that a code keeps wide."""
    return code.places.size / max(1, prod(code.shape)) if isinstance(code, Outliers) else None


def _residual(layer: Layer, model: Model) -> tuple[tuple[str, int], ...]:
    """Operations beside the MACs that are done to outputs and inputs; what is done to weights is their decoding."""
    words, found = {"output": layer.ofmap_words, "input": layer.ifmap_words, "layer": 1}, dict[str, int]()
    for extra in model.parameters[layer.name].weight.extra if layer.name in model.parameters else ():
        if extra.per in words:
            found[extra.what] = found.get(extra.what, 0) + extra.operations * words[extra.per]
    return tuple(found.items())


REALS = frozenset({"float", "transformed", "published"})
"""Codes of weights that are no integers."""

INTEGERS = frozenset({"uniform", "binary"})
"""Codes of feature maps that are."""


def _published(network: Network, recipe: Recipe, before: int, encoding: str) -> Compressed:
    stored: dict[str, Stored] = {}
    layers: list[Layer] = []
    for layer in network.layers:
        said = recipe.layers.get(layer.name)
        g = layer.geometry
        if g is None or not layer.weight_words or not layer.kind.has_macs:
            layers.append(layer)
            continue
        said = said or PublishedLayer()
        density = said.weight_density(layer.weight_words)
        shape = (g.M, g.channels_per_group, g.R, g.S)
        with in_layer(layer.name):
            stored[layer.name] = store_published(shape, said.weight_bits or TRAINED_BITS, density, encoding)
        layers.append(_with_densities(layer, density, said, recipe))
    origin = f"published figures, no values: {recipe.source}"
    return Compressed(
        recipe, replace(network, layers=tuple(layers)), None, stored, before, origin, False, _not_modelled(stored)
    )


def _with_densities(layer: Layer, density: float | None, said: PublishedLayer, recipe: Recipe) -> Layer:
    def of(value: float | None, old: TensorStatistics, bits: int | None = None) -> TensorStatistics:
        known = old if value is None else TensorStatistics(value, recipe.source)
        narrow = bits is not None and bits < TRAINED_BITS
        return replace(known, bits=bits) if narrow else known

    return replace(
        layer,
        weight_statistics=of(density, layer.weight_statistics, said.weight_bits),
        ifmap_statistics=of(said.ifmap_density, layer.ifmap_statistics, said.activation_bits),
        ofmap_statistics=of(said.ofmap_density, layer.ofmap_statistics),
    )


def _not_modelled(stored: Mapping[str, Stored]) -> tuple[str, ...]:
    packed = any(one.encoding != "dense" for one in stored.values())
    return FASTER_NOTHING, NOT_DECODED if packed else NOT_PACKED


def require_values(compressed: Compressed) -> Model:
    """The model, where there are values.

    Raises:
        AccsimError: only figures were published.
    """
    if compressed.model is None:
        raise AccsimError(
            f"recipe {compressed.recipe.name} holds published figures and no passes: there are no weights to write"
        )
    return compressed.model
