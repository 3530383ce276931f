"""Binary weights, and binary activations with them. A tie never rounds to zero: sign(0) = +1 everywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from accsim.compress.codes import Binary
from accsim.compress.model import ActivationCode, LayerParameters, Model
from accsim.compress.passes.arguments import GRAIN, Grain
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.blocks import blocks_of
from accsim.compress.passes.scaled_levels import sign_code
from accsim.workload.layer import Layer


def signs_and_means(parameters: LayerParameters, grain: str) -> Binary:
    """The nearest weights of the form a * (+-1), with one a per block."""
    blocks = blocks_of(parameters, grain)
    return sign_code(blocks, blocks.mean(blocks.magnitudes))


class Bwn(LayerPass):
    """Binary weights with a scale: W ~ a * sign(W), a = mean|W|.

    The set is {-a, +a} with one a per block, and a is the best one for these signs: the squared error is
    ||W||^2 - n a^2 for a block of n weights. Pruned weights stay zero and are not in the mean.

    Rule: Binary-Weight-Networks (Rastegari et al., ECCV 2016; arXiv 1603.05279), where a block is a filter.
    Training is not done. The paper leaves the first and the last layer alone: name them under ``skip``.
    """

    name: ClassVar[str] = "bwn"
    grain: Grain = Field("filter", description=GRAIN)

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Keep the signs and the mean magnitude of each block."""
        del layer
        return replace(parameters, weight=signs_and_means(parameters, self.grain))


class Xnor(Bwn):
    """Binary weights as in ``bwn``, and binary activations: what a chosen layer reads is stored as signs.

    A dot product of K signs is K - 2 popcount(a xor b). The input's magnitudes, averaged over channels and over the
    window, scale each output (``activations.xnor_input_scale``). Every other reader of the same feature map gets signs
    too. Zero padding has no binary code: padded places must be masked, or given a sign.

    Rule: XNOR-Networks (Rastegari et al., ECCV 2016; arXiv 1603.05279), that of activations as this project remembers
    it. Training is not done, and layers are not reordered to the paper's norm, sign, convolution.
    """

    name: ClassVar[str] = "xnor"

    def apply(self, model: Model) -> Model:
        """Project weights, and set the code of the feature maps that the chosen layers read."""
        read = {name for layer, _ in self.chosen(model) for name in layer.inputs}
        after = super().apply(model)
        codes = {name: ActivationCode(1, signed=True, kind="binary") for name in sorted(read)}
        return replace(after, activations={**after.activations, **codes})


class Syq(Bwn):
    """Binary weights with one scale per place of the kernel, shared by all filters and channels; one for an FC layer.

    The set is {-a_rs, +a_rs}, with a_rs = mean|W| over filters and channels: SYQ's initial value, and the best one
    without data for these signs. A fully connected layer has one scale whatever its shape.

    Rule: SYQ (Faraone et al., CVPR 2018). Its scales are learned afterwards, which is not done; its ternary weights are
    ``twn`` or ``ternary_optimum`` with the grain ``pixel``. It leaves the first and the last layer alone: see ``skip``.
    """

    name: ClassVar[str] = "syq"
    grain: Grain = Field(
        "pixel", description="weights that share a scale; layer for fully connected layers in any case"
    )

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Keep the signs and the mean magnitude at each place of the kernel."""
        grain = "layer" if layer.kind == "fc" else self.grain
        return replace(parameters, weight=signs_and_means(parameters, grain))


class BinaryConnect(LayerPass):
    """Signs alone: {-1, +1}, nothing to scale them.

    What the magnitudes were must be made up for by the batch normalisation behind: without training, the error of a
    layer says little.

    Rule: BinaryConnect with deterministic signs (Courbariaux et al., NIPS 2015; arXiv 1511.00363). The
    training it was made for is not done, nor its stochastic signs.
    """

    name: ClassVar[str] = "binary_connect"

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Keep the signs."""
        del layer
        blocks = blocks_of(parameters, "layer")
        positive = blocks.weights(blocks.rows >= 0).astype(np.bool_)
        return replace(parameters, weight=Binary(positive, blocks.scale(np.ones((1, 1, 1, 1)), bits=0)))
