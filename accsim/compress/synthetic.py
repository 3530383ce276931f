"""Parameters that are made up where there are no trained ones, from a stated distribution and seed."""

from __future__ import annotations

from math import sqrt
from zlib import crc32

import numpy as np

from accsim.compress.codes import Float
from accsim.compress.model import LayerParameters, Model, NormParameters
from accsim.workload.layer import LayerKind
from accsim.workload.network import Network

DISTRIBUTION = "normal with variance 2 / fan-in (He et al., ICCV 2015), biases 0, norms of mean 0 and variance 1"


def synthetic(network: Network, seed: int = 0) -> Model:
    """The network with made-up parameters.

    A layer's weights depend on the seed and on its name, not on the other layers: NumPy's PCG64, seeded by both.
    """
    parameters, norms = {}, {}
    for layer in network.layers:
        g = layer.geometry
        if g is not None and layer.kind in (LayerKind.CONV, LayerKind.FC):
            shape = (g.M, g.channels_per_group, g.R, g.S)
            draw = np.random.Generator(np.random.PCG64([seed, crc32(layer.name.encode())]))
            fan_in = max(1, g.channels_per_group * g.R * g.S)
            weights = draw.standard_normal(shape) * sqrt(2 / fan_in)
            bias = np.zeros(g.M) if layer.bias_words else None
            parameters[layer.name] = LayerParameters(Float(weights), bias, trained=weights)
        elif layer.kind is LayerKind.BATCH_NORM:
            channels = layer.output_shape[0]
            ones, zeros = np.ones(channels), np.zeros(channels)
            norms[layer.name] = NormParameters(ones, zeros, zeros, ones)
    origin = f"made up: {DISTRIBUTION}; seed {seed}"
    return Model(network, parameters, norms, origin=origin)
