"""Uniform fixed point (T1)."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from accsim.compress.codes import Uniform
from accsim.compress.grain import Scale, block_of, by_block
from accsim.compress.model import LayerParameters
from accsim.compress.passes.base import LayerPass
from accsim.workload.layer import Layer


class Symmetric(LayerPass):
    """Symmetric fixed point: s = max|W| / (2^(b-1) - 1), q = round(W / s), rounded half to even.

    Codes are in +-(2^(b-1) - 1), so zero is one of them and no weight is clipped. A block of zeros has s = 1. The rule
    is that of Distiller's ``symmetric`` mode with the restricted range (Intel AI Lab, Distiller documentation).
    """

    name: ClassVar[str] = "symmetric"
    bits: int = Field(8, ge=2, le=16, description="bits of a weight")
    grain: str = Field("layer", description="weights that share a scale: layer, filter, kernel, pixel, channels:N")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Round every weight to the nearest multiple of its block's step."""
        del layer
        weights = parameters.values()
        block = block_of(self.grain, weights.shape)
        largest = (1 << (self.bits - 1)) - 1
        peak = np.abs(by_block(weights, block, 0.0)).max(axis=-1, initial=0.0)
        scale = Scale(np.where(peak > 0, peak / largest, 1.0), block, self.grain)
        codes = np.clip(np.rint(weights / scale.over(weights.shape)), -largest, largest).astype(np.int64)
        return replace(parameters, weight=Uniform(codes, scale, self.bits))
