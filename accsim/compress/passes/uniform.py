"""Uniform fixed point."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal
from zlib import crc32

import numpy as np
from pydantic import Field

from accsim.compress.codes import Uniform
from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters
from accsim.compress.passes.arguments import GRAIN, Grain
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.blocks import blocks_of, ratio, step_of
from accsim.compress.passes.scaled_levels import sign_code
from accsim.workload.layer import Layer

EXPONENT_BITS = 8
"""Bits of a scale that is a power of two."""


class Symmetric(LayerPass):
    """Symmetric fixed point: q = round(W / s), rounded half to even.

    Weights are projected onto the multiples of a step: +-(2^(b-1) - 1) of them, with s = max|W| / (2^(b-1) - 1), so
    that no weight is clipped; or, with ``full_range``, -2^(b-1) to 2^(b-1) - 1 of them with s = max|W| / ((2^b - 1) /
    2). Zero is one of them, no error is above s / 2, and a block of zeros has s = 1. The full range is not idempotent:
    its largest level is not its largest weight.

    Rules: the ``symmetric`` modes of Distiller, restricted and full range (Intel AI Lab, Distiller documentation).
    Ranges are those of the weights: none is searched for, and nothing is trained.
    """

    name: ClassVar[str] = "symmetric"
    bits: int = Field(8, ge=2, le=16, description="bits of a weight")
    grain: Grain = Field("layer", description=GRAIN)
    full_range: bool = Field(False, description="use the code -2^(bits - 1) too")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Round every weight to the nearest multiple of its block's step."""
        del layer
        return replace(parameters, weight=symmetric_code(parameters, self.bits, self.grain, self.full_range))


def symmetric_code(parameters: LayerParameters, bits: int, grain: str, full_range: bool = False) -> Uniform:
    """Weights rounded to the nearest multiple of their block's step."""
    blocks = blocks_of(parameters, grain)
    half = 1 << (bits - 1)
    peak = blocks.magnitudes.max(axis=-1, initial=0.0)
    step = step_of(peak, half - 0.5 if full_range else half - 1)
    codes = np.clip(np.rint(blocks.rows / step[..., None]), -half if full_range else 1 - half, half - 1)
    return Uniform(blocks.weights(codes), blocks.scale(step), bits)


class Affine(LayerPass):
    """Affine fixed point: W = s * (q - z) with q in 0 to 2^b - 1.

    The range [min, max] is widened to hold 0; s = (max - min) / (2^b - 1), z = round(-min / s), q = round(W / s) + z,
    rounded half to even and clipped. Zero has the code z exactly, and no error is above s / 2. A second projection
    changes nothing, unless -min / s lies halfway between two integers: then one code at an end may be left unused.

    Rules: Jacob et al., CVPR 2018 (arXiv 1712.05877), in the form of Distiller's documentation. Quantisation-aware
    training with folded batch normalisation is not done; ``requantise`` has the integer multiplier.
    """

    name: ClassVar[str] = "affine"
    bits: int = Field(8, ge=1, le=16, description="bits of a weight")
    grain: Grain = Field("layer", description=GRAIN)

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Round every weight to the nearest level of its block's range."""
        del layer
        blocks = blocks_of(parameters, self.grain)
        largest = (1 << self.bits) - 1
        low, high = blocks.rows.min(axis=-1, initial=0.0), blocks.rows.max(axis=-1, initial=0.0)
        step = step_of(high - low, largest)
        zero = np.clip(np.rint(-low / step), 0, largest)
        codes = np.clip(np.rint(blocks.rows / step[..., None]) + zero[..., None], 0, largest)
        code = Uniform(blocks.weights(codes), blocks.scale(step), self.bits, False, zero.astype(np.int64))
        return replace(parameters, weight=code)


class DynamicFixedPoint(LayerPass):
    """Dynamic fixed point: n * 2^-fl with one fl per layer.

    Integer length il = ceil(log2 max|W| + 1), fraction length fl = b - il, n clipped to [-2^(b-1), 2^(b-1) - 1]. The
    error is at most half a step of 2^-fl, except for a weight that is the positive largest and lies above the largest
    level: then it is clipped, by at most one step. Not idempotent: a largest weight that was rounded down to a power of
    two has the next smaller il.

    Rules: Ristretto (Gysel et al., 2016; ``base_ristretto_layer.cpp`` and its range analysis). Nearest rounding takes
    ties to even here; stochastic rounding is floor(x + U) with U uniform in [0, 1), seeded by the seed and the layer's
    name. Ristretto's search for the fewest bits and its fine-tuning are not done, nor its minifloat.
    """

    name: ClassVar[str] = "dynamic_fixed_point"
    bits: int = Field(8, ge=2, le=16, description="bits of a weight")
    rounding: Literal["nearest", "stochastic"] = Field("nearest", description="how weights are rounded")
    seed: int = Field(0, ge=0, description="of stochastic rounding")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Round every weight to the nearest level, or to one of its neighbours by chance."""
        blocks = blocks_of(parameters, "layer")
        fraction = self.bits - integer_length(float(blocks.magnitudes.max(initial=0.0)))
        scaled = np.ldexp(blocks.rows, fraction)
        if self.rounding == "stochastic":
            draw = np.random.Generator(np.random.PCG64([self.seed, crc32(layer.name.encode())]))
            whole = np.floor(scaled + draw.random(scaled.shape))
        else:
            whole = np.rint(scaled)
        half = 1 << (self.bits - 1)
        scale = blocks.scale(np.full((1, 1, 1, 1), np.ldexp(1.0, -fraction)), EXPONENT_BITS)
        return replace(parameters, weight=Uniform(blocks.weights(np.clip(whole, -half, half - 1)), scale, self.bits))


def integer_length(peak: float, of_parameters: bool = True) -> int:
    """Ristretto's integer length of a range: ceil(log2 peak), and one more for parameters; 0 and 1 for a peak of 0."""
    mantissa, exponent = np.frexp(peak)
    return int(exponent) - (1 if mantissa == 0.5 else 0) + (1 if of_parameters else 0)


class DoReFa(LayerPass):
    """DoReFa weights: 2 * Q_k(tanh W / (2 max|tanh W|) + 1/2) - 1, with Q_k(x) = round((2^k - 1) x) / (2^k - 1).

    The set is the 2^k odd multiples of 1 / (2^k - 1) in [-1, 1], which has no zero: a weight of 0 becomes one of the
    two middle levels. With one bit, the set is +-E|W|, the mean over the whole layer, with sign(0) = +1. Weights are
    thereby rescaled to [-1, 1], which the batch normalisation behind must make up for: the relative error of one layer
    says nothing unless k is 1. Rounded half to even. Not idempotent, because of the tanh.

    Rules: Zhou et al., 2016 (arXiv 1606.06160). Training with the straight-through estimator and
    quantised gradients is not done.
    """

    name: ClassVar[str] = "dorefa"
    bits: int = Field(1, ge=1, le=16, description="bits of a weight")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Squash, round and stretch every weight."""
        del layer
        blocks = blocks_of(parameters, "layer")
        if self.bits == 1:
            return replace(parameters, weight=sign_code(blocks, blocks.mean(blocks.magnitudes)))
        largest = (1 << self.bits) - 1
        squashed = np.tanh(blocks.rows)
        peak = np.abs(squashed).max(axis=-1, initial=0.0)
        codes = np.rint(largest * unit(squashed, peak[..., None]))
        scale = blocks.scale(np.full((1, 1, 1, 1), 1 / largest))
        code = Uniform(blocks.weights(codes), scale, self.bits, signed=False, midrise=True)
        return replace(parameters, weight=code)


def unit(values: Reals, peak: Reals) -> Reals:
    """Values in [-peak, peak] moved to [0, 1]; 1/2 where the peak is 0."""
    return ratio(values, 2 * peak) + 0.5
