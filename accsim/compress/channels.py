"""Filters removed from a network, and everything that this changes elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from accsim.compress.codes import Float, Ints
from accsim.compress.coupling import Coupling, coupling, owns_filters
from accsim.compress.graph import Node, assemble, is_depthwise, readers, take_apart
from accsim.compress.model import LayerParameters, Model
from accsim.compress.slices import CHANNELS, FILTERS, take_norm, take_parameters
from accsim.errors import AccsimError, in_layer, suggest
from accsim.workload.layer import Layer, LayerKind

Flags = npt.NDArray[np.bool_]

NOT_ZERO_AT_ZERO = ("sigmoid", "hard_sigmoid")
"""Activations that make something else of 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Removal:
    """A network with fewer channels.

    Attributes:
        model: the smaller network.
        notes: by layer: why ``model`` does not compute what ``masked`` does, where it does not.
        before, numbered, removed: what was removed from what.
    """

    model: Model
    notes: tuple[tuple[str, str], ...]
    before: Model
    numbered: Coupling
    removed: Flags

    def masked(self) -> Model:
        """The network of before, with the removed filters, their biases and their norms 0."""
        return mask_channels(self.before, self.numbered, self.removed)


def remove_filters(model: Model, filters: Mapping[str, Iterable[int]]) -> Removal:
    """Remove filters by layer and place, with every filter elsewhere that cannot stay without them.

    Partners in a residual sum lose the same places, a depthwise convolution and a batch normalisation the channels they
    no longer get, and readers the input channels, through concatenations, slices, poolings and flattening.

    Raises:
        AccsimError: there is no such layer or filter, its filters cannot be removed, none would be left, or groups
            would become unequal; says which.
    """
    numbered = coupling(model.network)
    removed = np.zeros(numbered.count, np.bool_)
    owners = {layer.name: layer for layer in model.network.layers if owns_filters(layer)}
    for name, places in filters.items():
        if name not in owners:
            raise AccsimError(f"{model.network.name} has no layer {name!r} with filters{suggest(name, owners)}")
        for place in places:
            count = len(numbered.numbers[name])
            if not 0 <= place < count:
                raise AccsimError(f"layer {name!r}: it has filters 0 to {count - 1}, so {place} cannot be removed")
            removed[numbered.numbers[name][place]] = True
    return remove_channels(model, numbered, removed)


def remove_channels(model: Model, numbered: Coupling, removed: Flags) -> Removal:
    """Remove channels by number.

    Args:
        model: what they are removed from.
        numbered: its coupling.
        removed: bool [numbered.count].

    Raises:
        AccsimError: as ``remove_filters``.
    """
    for number in np.flatnonzero(removed).tolist():
        if number in numbered.fixed:
            name = next(n for n, numbers in numbered.numbers.items() if number in numbers)
            raise AccsimError(f"layer {name!r}: its output channels cannot be removed: {numbered.fixed[number]}")
    kept = {name: np.flatnonzero(~removed[numbers]) for name, numbers in numbered.numbers.items()}
    layers = {layer.name: layer for layer in model.network.layers}
    nodes = [_smaller(node, layers[node.name], numbered, removed, kept) for node in take_apart(model)]
    slopes = {name: held if held.size == 1 else held[kept[name]] for name, held in model.slopes.items()}
    return Removal(
        assemble(replace(model, slopes=slopes), nodes),
        tuple(_inexact(model, numbered, removed)),
        model,
        numbered,
        removed,
    )


def _smaller(node: Node, layer: Layer, numbered: Coupling, removed: Flags, kept: Mapping[str, Ints]) -> Node:
    """One node without the removed channels."""
    left, all_of_it = kept[layer.name], len(numbered.numbers[layer.name])
    if not left.size:
        raise AccsimError(f"layer {layer.name!r}: none of its {all_of_it} output channels would be left")
    if layer.kind in (LayerKind.CONV, LayerKind.FC):
        return _smaller_weights(
            node, layer, ~removed[numbered.read[layer.name]], ~removed[numbered.numbers[layer.name]]
        )
    if node.operation == "batch_norm" and node.norm is not None and left.size < all_of_it:
        return replace(node, norm=take_norm(node.norm, left))
    if node.operation == "slice" and node.arguments["axis"] == "channels":
        first, _ = node.arguments["range"]
        start = int((~removed[numbered.numbers[layer.inputs[0]]])[:first].sum())
        return node.having(range=(start, start + len(left)))
    if node.operation == "prelu" and node.arguments["slopes"] > 1:
        return node.having(slopes=int(left.size))
    if node.operation == "pad_channels":
        return node.having(channels=int(left.size))
    return node


def _smaller_weights(node: Node, layer: Layer, inputs: Flags, outputs: Flags) -> Node:
    g = layer.geometry
    if g is None or (inputs.all() and outputs.all()):
        return node
    parameters = node.parameters
    if is_depthwise(layer):
        groups = {"groups": int(inputs.sum()), "filters": int(outputs.sum())} if node.operation == "conv" else {}
        with in_layer(layer.name):
            weights = None if parameters is None else take_parameters(parameters, FILTERS, np.flatnonzero(outputs))
        return replace(node.having(**groups), parameters=weights)
    by_group = inputs.reshape(g.G, -1)
    _equal(layer, "input channels", by_group)
    _equal(layer, "filters", outputs.reshape(g.G, -1))
    size = {"outputs" if layer.kind is LayerKind.FC else "filters": int(outputs.sum())}
    return replace(node.having(**size), parameters=_sliced(layer, parameters, by_group, outputs))


def _sliced(
    layer: Layer, parameters: LayerParameters | None, by_group: Flags, outputs: Flags
) -> LayerParameters | None:
    """The weights of what is left; each group keeps the input channels that it still reads."""
    if parameters is None:
        return None
    with in_layer(layer.name):
        if not by_group.all():
            same = (by_group == by_group[0]).all()
            parameters = (
                take_parameters(parameters, CHANNELS, np.flatnonzero(by_group[0]))
                if same
                else _uneven(parameters, by_group)
            )
        return parameters if outputs.all() else take_parameters(parameters, FILTERS, np.flatnonzero(outputs))


def _uneven(parameters: LayerParameters, by_group: Flags) -> LayerParameters:
    """Weights whose groups lose input channels at different places."""
    if not isinstance(parameters.weight, Float):
        raise AccsimError(
            f"its {len(by_group)} groups lose input channels at different places, which weights of code "
            f"{parameters.weight.name!r} cannot; remove them before quantising"
        )

    def per_group(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        groups = np.split(values, len(by_group), axis=FILTERS)
        left = [group[:, here] for group, here in zip(groups, by_group, strict=True)]
        return np.concatenate(left, axis=FILTERS)

    return replace(
        parameters,
        weight=replace(parameters.weight, weights=per_group(parameters.weight.weights)),
        kept=None if parameters.kept is None else per_group(parameters.kept),
        trained=None if parameters.trained is None else per_group(parameters.trained),
    )


def _equal(layer: Layer, what: str, by_group: Flags) -> None:
    left = by_group.sum(axis=1)
    if (left != left[0]).any():
        raise AccsimError(
            f"layer {layer.name!r}: its {len(left)} groups would be left with {', '.join(map(str, left))} {what}; "
            "they must keep equally many"
        )


def mask_channels(model: Model, numbered: Coupling, removed: Flags) -> Model:
    """The model with what is removed set to 0 and nothing else changed."""
    parameters, norms = dict(model.parameters), dict(model.norms)
    for layer in model.network.layers:
        gone = removed[numbered.numbers[layer.name]]
        if not gone.any():
            continue
        if layer.name in parameters:
            old = parameters[layer.name]
            shape = old.weight.shape
            before = np.ones(shape, np.bool_) if old.kept is None else old.kept
            kept = before & ~gone[:, None, None, None]
            bias = old.bias if old.bias is None else np.where(gone, 0.0, old.bias)
            parameters[layer.name] = replace(old, kept=kept, bias=bias, grain="filter")
        elif layer.name in norms:
            norm = norms[layer.name]
            gamma, beta = np.where(gone, 0.0, norm.gamma), np.where(gone, 0.0, norm.beta)
            norms[layer.name] = replace(norm, gamma=gamma, beta=beta)
    return replace(model, parameters=parameters, norms=norms)


def _inexact(model: Model, numbered: Coupling, removed: Flags) -> Iterable[tuple[str, str]]:
    """Layers that see the difference between a channel of zeros and no channel."""
    who = readers(model.network)
    for layer in model.network.layers:
        gone = removed[numbered.numbers[layer.name]]
        if not gone.any():
            continue
        if layer.kind is LayerKind.LRN:
            yield layer.name, "its window now reaches channels that were further away"
        elif layer.operation in NOT_ZERO_AT_ZERO and any(r.kind is not LayerKind.MULTIPLY for r in who[layer.name]):
            yield layer.name, f"a {layer.operation} of 0 is 1/2, which its readers no longer get"
