"""Powers of two: a multiplication becomes a shift."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from accsim.compress.codes import REAL_BITS, Ints, Outliers, PowerOfTwo
from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters, Mask
from accsim.compress.passes.arguments import GRAIN, Grain
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.blocks import blocks_of
from accsim.compress.passes.scaled_levels import best_scale, nearest, power_code, powers, refit
from accsim.workload.layer import Layer


class Inq(LayerPass):
    """Powers of two with a zero: {0, +-2^n2, ... +-2^n1}.

    n1 = floor(log2(4 s / 3)) with s = max|W|, and n2 = n1 + 1 - 2^(b-1) / 2, so b bits hold 2^(b-2) exponents of either
    sign, and zero. A magnitude w becomes 2^k where 3/4 2^k <= w < 3/2 2^k; below the lowest level, 2^n2 down to half of
    it, and 0 below that. So 0.75 2^n1 <= s < 1.5 2^n1, and no error is above half of the level. n1 follows the largest
    weight: one outlier takes the levels away from the others, and with 2 bits most weights of a normal distribution
    become 0.

    With ``portion`` below 1 only that part of the weights is quantised, the largest first; the others stay as they
    were, in 32 bits and with their places, as the code ``outliers`` holds them. A later pass with a larger portion
    takes the next largest, and keeps n1 and what was quantised. Without the retraining between portions, 0.5, 0.75,
    0.875, 1 in turn is the same as 1 at once.

    Rules: Zhou et al., ICLR 2017 (arXiv 1702.03044) and the authors' implementation. The retraining
    of what is not yet quantised, which is the point of the method, is not done.
    """

    name: ClassVar[str] = "inq"
    bits: int = Field(5, ge=2, le=7, description="bits of a weight, one of them for zero")
    portion: float = Field(1.0, gt=0, le=1, description="accumulated portion of the weights that is quantised")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Round the largest weights to powers of two."""
        del layer
        weights = parameters.values()
        before = parameters.weight
        magnitudes = np.abs(weights)
        frozen = np.zeros(weights.size, np.bool_)
        if isinstance(before, Outliers) and isinstance(before.bulk, PowerOfTwo):
            highest = before.bulk.highest
            frozen[:] = True
            frozen[before.places] = False
        else:
            highest = inq_highest(float(magnitudes.max(initial=0.0)))
        lowest = highest + 1 - (1 << (self.bits - 2))
        exponents = np.clip(inq_exponents(magnitudes), lowest, highest)
        signs = np.where(magnitudes >= np.ldexp(1.0, lowest - 1), np.sign(weights), 0.0).astype(np.int64)
        code = PowerOfTwo(signs, exponents, lowest, highest, self.bits)
        left = self.left(magnitudes.ravel(), frozen, parameters.kept)
        if not left.size:
            return replace(parameters, weight=code)
        place_bits = max(1, (weights.size - 1).bit_length())
        kept = weights.ravel()[left]
        return replace(parameters, weight=Outliers(code, left, kept, wide_bits=REAL_BITS, place_bits=place_bits))

    def left(self, magnitudes: Reals, frozen: Mask, kept: Mask | None) -> Ints:
        """Places that are not quantised yet, ascending: of those not frozen, the smallest magnitudes."""
        there = np.ones(magnitudes.size, np.bool_) if kept is None else kept.ravel()
        free = np.flatnonzero(there & ~frozen)
        waiting = min(free.size, int(there.sum()) - round(self.portion * int(there.sum())))
        order = np.argsort(-magnitudes[free], kind="stable")
        return np.sort(free[order[free.size - waiting :]])


def inq_exponents(magnitudes: Reals) -> Ints:
    """floor(log2(4 w / 3)), exactly; that of the smallest number for 0."""
    _, exponents = np.frexp(np.maximum(magnitudes, np.finfo(np.float64).tiny) * 4 / 3)
    return exponents.astype(np.int64) - 1


def inq_highest(peak: float) -> int:
    """INQ's n1 for the largest magnitude; 0 for a layer of zeros."""
    return int(inq_exponents(np.asarray(peak))) if peak > 0 else 0


class Shift(LayerPass):
    """Powers of two without a zero: sign(W) * 2^round(log2|W|), exponents clamped to 2^(b-1) neighbouring ones.

    The set is {+-2^e}, with the highest e that of the layer's largest weight unless it is given. A weight of 0 becomes
    +2^e with the lowest e; a pruned one stays zero. Between the lowest and the highest level, a value differs from its
    weight by a factor of at most sqrt(2).

    Rule: the integer power-of-two mode of Ristretto (Gysel et al., 2016), which takes both ends as parameters;
    that the top follows the weights is this project's choice. Fine-tuning is not done.
    """

    name: ClassVar[str] = "shift"
    bits: int = Field(4, ge=2, le=6, description="bits of a weight, one of them its sign")
    highest: int | None = Field(None, ge=-64, le=64, description="largest exponent; the layer's own if not given")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Round every weight to a power of two, in the logarithm."""
        del layer
        weights = parameters.values()
        magnitudes = np.abs(weights)
        peak = float(magnitudes.max(initial=0.0))
        highest = self.highest
        if highest is None:
            highest = int(np.rint(np.log2(peak))) if peak > 0 else 0
        lowest = highest + 1 - (1 << (self.bits - 1))
        with np.errstate(divide="ignore"):
            exponents = np.clip(np.rint(np.log2(magnitudes)), lowest, highest).astype(np.int64)
        signs = np.where(weights < 0, -1, 1)
        if parameters.kept is not None:
            signs = signs * parameters.kept
        return replace(parameters, weight=PowerOfTwo(signs.astype(np.int64), exponents, lowest, highest, self.bits))


class Quinary(LayerPass):
    """Five levels: the nearest weights of the form a * {-2, -1, 0, 1, 2}, with the best a of each block.

    It is the set of ``admm`` with two magnitudes, and INQ's with n1 - n2 = 1 but a real scale. The optimum is found, by
    one pass over sorted magnitudes (``scaled_levels.best_scale``), so the error is never above that of
    ``ternary_optimum`` or ``admm``. The multiplication by 2 is a shift. Training is not done.
    """

    name: ClassVar[str] = "quinary"
    grain: Grain = Field("layer", description=GRAIN)

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Find the best scale of each block."""
        del layer
        blocks = blocks_of(parameters, self.grain)
        scale = np.zeros(blocks.rows.shape[:-1])
        for place, weights in blocks.each():
            scale[place] = best_scale(np.abs(weights), powers(2))
        codes = nearest(blocks.magnitudes, scale, powers(2))
        code = power_code(blocks, refit(blocks.magnitudes, codes), codes, 2)
        return replace(parameters, weight=code)
