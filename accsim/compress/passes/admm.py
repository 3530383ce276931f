"""Sets that a training with constraints projects onto: ADMM's and BinaryRelax's."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from accsim.compress.codes import Binary, Code, Float
from accsim.compress.model import LayerParameters
from accsim.compress.passes.arguments import GRAIN, Grain
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.blocks import Blocks, blocks_of
from accsim.compress.passes.scaled_levels import alternate, power_code, powers, sign_code
from accsim.compress.passes.ternary import optimum
from accsim.workload.layer import Layer


class Admm(LayerPass):
    """Scaled powers of two by alternation: a = <W, Q> / <Q, Q>, Q = nearest(W / a), until neither changes.

    By the number of magnitudes, the set is a * {-1, +1}, a * {0, +-1}, a * {0, +-1, +-2}, a * {0, +-1, +-2, +-4} ...
    The error never grows from step to step; a local optimum is reached, which ``ternary_optimum`` and ``quinary`` are
    never worse than.

    Rule: the projection of Leng et al., AAAI 2018 (arXiv 1707.09870). It is one step of their method: the training that
    goes with it (alternating directions, extragradient) is not done. The scale begins where the mean level equals the
    mean magnitude, which is this project's choice.
    """

    name: ClassVar[str] = "admm"
    magnitudes: int = Field(1, ge=0, le=8, description="0 for +-1, else powers of two beside zero: 1, 2, 4 ...")
    grain: Grain = Field("layer", description=GRAIN)
    iterations: int = Field(100, ge=1, le=10_000, description="most turns of the alternation")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Alternate between the scale and the integers."""
        del layer
        blocks = blocks_of(parameters, self.grain)
        if self.magnitudes == 0:
            return replace(parameters, weight=sign_code(blocks, blocks.mean(blocks.magnitudes)))
        scale, codes = alternate(blocks.magnitudes, powers(self.magnitudes), self.iterations)
        return replace(parameters, weight=power_code(blocks, scale, codes, self.magnitudes))


class BinaryRelax(LayerPass):
    """Weights between what they were and their projection: (r * proj(W) + W) / (r + 1). They stay real numbers.

    It is the relaxed set of a training, not a code for hardware: r grows from epoch to epoch, and a last, exact
    projection (``bwn`` or ``ternary_optimum``) makes the codes. Each weight's error against the projection is r + 1
    times smaller than before.

    Rule: Yin et al., SIAM J. Imaging Sciences 2018 (arXiv 1801.06313), the proximal map of the Moreau envelope. The
    schedule of r and the training are not done.
    """

    name: ClassVar[str] = "binary_relax"
    relaxation: float = Field(1.0, ge=0, description="r: 0 leaves weights alone, infinity would project them")
    levels: Literal["binary", "ternary"] = Field("ternary", description="the set of the projection")
    grain: Grain = Field("layer", description=GRAIN)

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Move every weight towards its projection."""
        del layer
        blocks = blocks_of(parameters, self.grain)
        projected = self.code(blocks).values()
        weights = parameters.values()
        if parameters.kept is not None:
            projected = np.where(parameters.kept, projected, 0.0)
        relaxed = (self.relaxation * projected + weights) / (self.relaxation + 1)
        return replace(parameters, weight=Float(relaxed))

    def code(self, blocks: Blocks) -> Code:
        """The exact projection."""
        if self.levels == "ternary":
            return optimum(blocks)
        binary: Binary = sign_code(blocks, blocks.mean(blocks.magnitudes))
        return binary
