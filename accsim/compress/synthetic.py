"""Parameters that are made up where there are no trained ones, from a stated distribution and seed."""

from __future__ import annotations

from collections.abc import Container
from math import sqrt
from zlib import crc32

import numpy as np

from accsim.compress.codes import Float
from accsim.compress.grain import Reals
from accsim.compress.model import LayerNormParameters, LayerParameters, Model, NormParameters
from accsim.errors import AccsimError
from accsim.workload.layer import Layer, LayerKind
from accsim.workload.network import Network

DISTRIBUTION = "normal with variance 2 / fan-in (He et al., ICCV 2015), biases 0, norms of mean 0 and variance 1"
MOST_WORDS = 2**29
"""Weights that are made up, or feature maps that are computed: 4 GiB in float64."""
SLOPE = 0.25
"""Of a PReLU before training (He et al., ICCV 2015, section 2.1)."""


def synthetic(network: Network, seed: int = 0, only: Container[str] | None = None) -> Model:
    """The network with made-up parameters.

    A layer's weights depend on the seed and on its name, not on the other layers: NumPy's PCG64, seeded by both.

    Args:
        only: names of the layers that get parameters; ``None`` for all.

    Raises:
        AccsimError: more weights than ``MOST_WORDS``.
    """
    parameters, norms, layer_norms, slopes = {}, {}, {}, {}
    words = sum(layer.weight_words for layer in network.mac_layers if only is None or layer.name in only)
    if words > MOST_WORDS:
        raise AccsimError(f"{network.name} has {words} weights; at most {MOST_WORDS} are made up")
    for layer in network.layers:
        g = layer.geometry
        if only is not None and layer.name not in only:
            continue
        if g is not None and layer.kind in (LayerKind.CONV, LayerKind.FC):
            shape = (g.M, g.channels_per_group, g.R, g.S)
            fan_in = max(1, g.channels_per_group * g.R * g.S)
            weights = _draw(layer, seed).standard_normal(shape) * sqrt(2 / fan_in)
            bias = np.zeros(g.M) if layer.bias_words else None
            parameters[layer.name] = LayerParameters(Float(weights), bias, trained=weights)
        elif layer.kind is LayerKind.BATCH_NORM:
            channels = layer.output_shape[0]
            ones, zeros = np.ones(channels), np.zeros(channels)
            norms[layer.name] = NormParameters(ones, zeros, zeros, ones)
        elif layer.kind is LayerKind.LAYER_NORM:
            width = layer.output_shape[-1]
            layer_norms[layer.name] = LayerNormParameters(np.ones(width), np.zeros(width))
        elif layer.operation == "prelu":
            slopes[layer.name] = np.full(max(1, layer.weight_words), SLOPE)
    origin = f"made up: {DISTRIBUTION}; seed {seed}"
    return Model(network, parameters, norms, layer_norms=layer_norms, slopes=slopes, origin=origin)


def synthetic_table(layer: Layer, seed: int = 0) -> Reals:
    """Made-up rows of an embedding, or of a layer that reads nothing: standard normal, [entries, width]."""
    width = layer.output_shape[-1]
    return _draw(layer, seed).standard_normal((layer.weight_words // width, width))


def _draw(layer: Layer, seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, crc32(layer.name.encode())]))
