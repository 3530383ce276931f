"""A few weights kept wide, the others narrow."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from accsim.compress.codes import REAL_BITS, Outliers, Uniform
from accsim.compress.grain import Scale
from accsim.compress.model import LayerParameters
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.blocks import step_of
from accsim.workload.layer import Layer


class VQuant(LayerPass):
    """Outliers at 16 bits, all others at b bits with a range that ends at the largest of them.

    The ``ratio`` of the weights that are not pruned, with the largest magnitudes (the first ones of equal magnitude),
    are outliers; each is stored in symmetric fixed point of ``wide_bits`` over the layer's range, with its place. The
    others are symmetric fixed point as in ``symmetric``. With a ratio of 0 the result is that of ``symmetric``; with 1
    every weight is off by at most half a wide step. The narrow step never grows with the ratio. Bits: n b + outliers
    (16 + place).

    Rules: Value-aware Quantization (Park et al., ECCV 2018; arXiv 1804.07802): 1 % for inference. Its fine-tuning, and
    its outliers among activations, are not done.
    """

    name: ClassVar[str] = "v_quant"
    bits: int = Field(4, ge=2, le=16, description="bits of most weights")
    ratio: float = Field(0.01, ge=0, le=1, description="part of the weights that are outliers")
    wide_bits: int = Field(16, ge=2, le=32, description="bits of an outlier's value")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Set the largest weights aside, and round all."""
        del layer
        weights = parameters.values()
        flat, magnitudes = weights.ravel(), np.abs(weights).ravel()
        there = np.arange(flat.size) if parameters.kept is None else np.flatnonzero(parameters.kept)
        order = there[np.argsort(-magnitudes[there], kind="stable")]
        count = round(self.ratio * there.size)
        places = np.sort(order[:count])
        largest = (1 << (self.bits - 1)) - 1
        step = step_of(magnitudes[order[count:]].max(initial=0.0, keepdims=True), largest).reshape(1, 1, 1, 1)
        codes = np.clip(np.rint(weights / step), -largest, largest).astype(np.int64)
        m, c, r, s = weights.shape
        bulk = Uniform(codes, Scale(step, (m, c, r, s), "layer"), self.bits)
        if not count:
            return replace(parameters, weight=bulk)
        wide = step_of(magnitudes.max(initial=0.0, keepdims=True), (1 << (self.wide_bits - 1)) - 1)
        place_bits = max(1, (flat.size - 1).bit_length())
        kept = np.rint(flat[places] / wide) * wide
        code = Outliers(bulk, places, kept, self.wide_bits, place_bits, REAL_BITS)
        return replace(parameters, weight=code)
