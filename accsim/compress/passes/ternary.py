"""Ternary weights. Pruned weights are not in any mean, and are 0 afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from accsim.compress.codes import Ternary
from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters, Mask
from accsim.compress.passes.arguments import GRAIN, Grain
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.blocks import Blocks, blocks_of, ratio
from accsim.workload.layer import Layer

TWN_FACTOR = 0.7
"""Threshold over mean magnitude (Li et al., arXiv 1605.04711): between 2/3, best for a uniform distribution, and 0.767,
best for a normal one."""


class Twn(LayerPass):
    """Ternary weights by a threshold: 0 where |W| <= D = 0.7 E|W|, else a * sign(W), a = mean(|W| : |W| > D).

    The set is {-a, 0, +a} per block, and a is the best one for these zeros; ``ternary_optimum`` finds better zeros.

    Rule: Ternary Weight Networks (Li et al., arXiv 1605.04711), per layer by default. Training is not done.
    """

    name: ClassVar[str] = "twn"
    grain: Grain = Field("layer", description=GRAIN)
    factor: float = Field(TWN_FACTOR, ge=0, description="threshold over the mean magnitude")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Cut small weights to zero, and average the others."""
        del layer
        return replace(parameters, weight=above_mean(blocks_of(parameters, self.grain), self.factor))


class TernaryOptimum(LayerPass):
    """The ternary weights nearest to those of each block: the n largest magnitudes, n = argmax (sum of them)^2 / n.

    For a given set of non-zeros the best scale is their mean magnitude, and leaves ||W||^2 - (sum)^2 / n; among sets of
    n the largest magnitudes have the largest sum. So one pass over sorted magnitudes finds the optimum of the problem
    that ``twn`` approximates. Of equal magnitudes none or all are taken: (s + k w)^2 / (n + k) is convex in k.

    Derived here, from the objective of Li et al. (arXiv 1605.04711). Training is not done.
    """

    name: ClassVar[str] = "ternary_optimum"
    grain: Grain = Field("layer", description=GRAIN)

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Find the best threshold of each block."""
        del layer
        return replace(parameters, weight=optimum(blocks_of(parameters, self.grain)))


class Fgq(LayerPass):
    """Ternary weights in groups of N neighbouring input channels at one filter, each with its own scale.

    The set is {-a_g, 0, +a_g} per group. Within a group either the optimum or the rule of ``twn`` applies; with the
    optimum, splitting groups never makes the error larger.

    Rule: Fine-Grained Quantization (Mellempudi et al., 2017; arXiv 1705.01462), groups of N = 4 to 64, without
    training. As this project reads it, a group holds all R x S places of its N channels. Its 8-bit or 4-bit activations
    are the pass ``activations``.
    """

    name: ClassVar[str] = "fgq"
    group: int = Field(4, ge=1, description="input channels in a group; 4 to 64 in the paper")
    rule: Literal["optimum", "twn"] = Field("optimum", description="how a group is made ternary")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Make each group ternary."""
        del layer
        blocks = blocks_of(parameters, f"channels:{self.group}")
        code = optimum(blocks) if self.rule == "optimum" else above_mean(blocks, TWN_FACTOR)
        return replace(parameters, weight=code)


class Ttq(LayerPass):
    """Ternary weights with a scale for each sign: 0 where |W| <= t max|W|, else the mean of the weights of its sign.

    The set is {-Wn, 0, +Wp} per layer. For the same zeros it is never worse than one scale for both signs.

    Rule: Trained Ternary Quantization (Zhu et al., ICLR 2017; arXiv 1612.01064), t = 0.05. The paper learns both scales
    by gradient; these are the class means, which a training would begin with.
    """

    name: ClassVar[str] = "ttq"
    threshold: float = Field(0.05, ge=0, le=1, description="over the largest magnitude of the layer")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Cut small weights to zero, and average those of each sign."""
        del layer
        blocks = blocks_of(parameters, "layer")
        limit = self.threshold * blocks.magnitudes.max(axis=-1, initial=0.0)
        above, below = blocks.rows > limit[..., None], blocks.rows < -limit[..., None]
        positive = class_mean(blocks.magnitudes, above)
        negative = class_mean(blocks.magnitudes, below)
        codes = blocks.weights(above.astype(np.int64) - below)
        return replace(parameters, weight=Ternary(codes, blocks.scale(positive), blocks.scale(negative)))


def class_mean(magnitudes: Reals, members: Mask) -> Reals:
    """Mean magnitude of some weights of each block; 0 for none."""
    return ratio(np.where(members, magnitudes, 0.0).sum(axis=-1), members.sum(axis=-1).astype(np.float64))


def symmetric(blocks: Blocks, members: Mask) -> Ternary:
    """Ternary weights with these non-zeros, and the best scale for them."""
    members = members & (blocks.rows != 0)
    scale = blocks.scale(class_mean(blocks.magnitudes, members))
    codes = blocks.weights(np.where(members, np.sign(blocks.rows), 0.0))
    return Ternary(codes, scale, scale)


def above_mean(blocks: Blocks, factor: float) -> Ternary:
    """Ternary weights by the rule of TWN."""
    limit = factor * blocks.mean(blocks.magnitudes)
    return symmetric(blocks, blocks.magnitudes > limit[..., None])


def optimum(blocks: Blocks) -> Ternary:
    """The nearest ternary weights, block by block."""
    ordered = -np.sort(-blocks.magnitudes, axis=-1)
    sums = np.cumsum(ordered, axis=-1)
    gain = sums * sums / np.arange(1, ordered.shape[-1] + 1)
    best = gain.argmax(axis=-1)
    least = np.take_along_axis(ordered, best[..., None], axis=-1)
    return symmetric(blocks, blocks.magnitudes >= least)
