"""What the feature maps that layers read lose in fewer bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from accsim.compress.executor import run
from accsim.compress.model import Model
from accsim.compress.passes.activations import non_negative
from accsim.sweep.policy.choices import LayerChoices

Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float64]


def own_maps(model: Model) -> dict[str, str]:
    """The feature map that each layer with weights reads, by layer, where its code concerns no other layer with MACs.

    Left out are maps that several such layers read, and maps that one of them gives: their width is that of what the
    array of another layer reads or writes.
    """
    macs = {layer.name for layer in model.network.mac_layers}
    readers = Counter(source for layer in model.network.mac_layers for source in layer.inputs)
    return {
        layer.name: layer.inputs[0]
        for layer, _ in model.layers()
        if layer.inputs and readers[layer.inputs[0]] == 1 and layer.inputs[0] not in macs
    }


def map_noise(model: Model, bits: Sequence[int], inputs: Array | None = None) -> tuple[dict[str, Floats], str]:
    """[bits] noise-to-signal ratio of each layer's feature map in codes of these bits, and where its values come from.

    Codes are those of the pass ``activations``, their range that of the values, which the model computes from
    ``inputs``; from standard normal ones, seed 0, where there are none.
    """
    computed, positive = run(model, inputs), non_negative(model.network)
    out = {}
    for layer, name in own_maps(model).items():
        values = np.asarray(computed.values[name], np.float64)
        signal, peak = float((values**2).sum()), float(np.abs(values).max(initial=0.0))
        noise = np.zeros(len(bits))
        for i, width in enumerate(bits):
            signed = name not in positive and width > 1
            largest = (1 << (width - signed)) - 1
            step = peak / largest or 1.0
            errors = np.clip(np.rint(values / step), -largest if signed else 0, largest) * step - values
            noise[i] = float((errors**2).sum()) / signal if signal else 0.0
        out[layer] = noise
    return out, computed.inputs


def with_maps(found: LayerChoices, bits: Sequence[int], noise: Floats | None, reads: str | None) -> LayerChoices:
    """Every choice with every width of the feature map; without ``noise`` the map keeps the machine's width.

    Noise of weights and of activations is independent and small, so the noise-to-signal ratio of their products is
    about the sum of both.
    """
    lost = np.zeros(len(bits)) if noise is None else noise
    choices = tuple(
        choice if noise is None else replace(choice, activation_bits=width)
        for choice in found.choices
        for width in bits
    )
    return LayerChoices(
        found.layer,
        found.weights,
        choices,
        np.repeat(found.nonzeros, len(bits)),
        (found.noise[:, None] + lost[None, :]).ravel(),
        None if noise is None else reads,
    )
