"""Operands whose zeros are drawn, where nothing but a density is known of a layer."""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

import numpy as np

from accsim.simulate.mac_task import Densities
from accsim.simulate.values import Array
from accsim.workload.layer import Layer
from accsim.workload.operands import names_of, shape_of


def completed(
    layer: Layer, densities: Densities, given: Mapping[str, Array]
) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Both operands of a layer, and the names of those that were drawn.

    A word is zero independently of all others, as often as the density says; where no density is known none is. The
    draw depends on the layer's name alone, so that a layer is the same on every machine.
    """
    first, second, _ = names_of(layer)
    out, drawn = dict(given), []
    for name, density in ((first, densities.ifmap), (second, densities.weight)):
        if name in out:
            continue
        shape = shape_of(layer, name)
        drawn.append(name)
        if density is None or density >= 1:
            out[name] = np.ones(shape, np.bool_)
            continue
        rng = np.random.default_rng(crc32(f"{layer.name}.{name}".encode()))
        out[name] = rng.random(shape, dtype=np.float32) < density
    return out, tuple(drawn)
