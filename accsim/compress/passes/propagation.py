"""Importance of channels, propagated from a network's outputs back to its input (NISP)."""

from __future__ import annotations

import numpy as np

from accsim.compress.codes import Ints
from accsim.compress.coupling import Coupling, owns_filters
from accsim.compress.grain import Reals
from accsim.compress.graph import INPUT, is_depthwise
from accsim.compress.model import Model


def propagated(model: Model, numbered: Coupling) -> dict[str, Reals]:
    """The importance of every channel of every feature map, by the layer that gives it; of the network's outputs 1.

    What reads a channel hands its own importance on, through the magnitudes of its weights: s = |W|^T s (Yu et al.,
    CVPR 2018, equation 11); a batch normalisation by |gamma| / sigma, as if it were folded; anything else as it is. A
    feature map with several readers has the sum of what they hand on.
    """
    read = {name for layer in model.network.layers for name in layer.inputs}
    found = {name: np.zeros(len(numbers)) for name, numbers in numbered.numbers.items()}
    for layer in reversed(model.network.layers):
        own, numbers, g = found[layer.name], numbered.numbers[layer.name], layer.geometry
        if layer.name not in read:
            own += 1.0
        norm, parameters = model.norms.get(layer.name), model.parameters.get(layer.name)
        if norm is not None:
            own = own * np.abs(norm.gamma) / np.sqrt(norm.variance + norm.epsilon)
        elif parameters is not None and is_depthwise(layer):
            own = own * np.abs(parameters.values()).sum(axis=(1, 2, 3))
        elif parameters is not None and g is not None:
            magnitudes = np.abs(parameters.values()).sum(axis=(2, 3))
            groups = magnitudes.reshape(g.G, g.filters_per_group, g.channels_per_group)
            own = np.einsum("gm,gmc->gc", own.reshape(g.G, -1), groups).reshape(-1)
            numbers = numbered.read[layer.name]
        for name in layer.inputs:
            found[name] += _onto(own, numbers, numbered.numbers[name], numbered.count)
    del found[INPUT]
    return found


def _onto(importance: Reals, numbers: Ints, below: Ints, count: int) -> Reals:
    """What the channels with some numbers hand on to those of a feature map with the same, shared out evenly."""
    total = np.bincount(numbers, weights=importance, minlength=count)
    out: Reals = (total / np.maximum(np.bincount(below, minlength=count), 1))[below]
    return out


def propagated_scores(model: Model, numbered: Coupling) -> Reals:
    """The importance by channel number: of channels that can only be removed together the sum over their filters."""
    found, score = propagated(model, numbered), np.zeros(numbered.count)
    for layer, _ in model.layers():
        if owns_filters(layer):
            np.add.at(score, numbered.numbers[layer.name], found[layer.name])
    return score
