"""Bits shared out over layers by the noise that they make."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import floor, log10
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from accsim.compress.model import LayerParameters, Model
from accsim.compress.passes.arguments import GRAIN, Grain
from accsim.compress.passes.base import LayerPass, as_stored, require_finite
from accsim.compress.passes.uniform import symmetric_code
from accsim.workload.layer import Layer

DB_PER_BIT = 6.0
"""SQNR that a bit of a uniform quantiser is worth: 20 log10(2) = 6.02 dB for fine steps."""


class SqnrAllocation(LayerPass):
    """Symmetric fixed point with bits by layer: b_i - b_j = 10 log10(r_j / r_i) / k, so larger layers get fewer.

    r is a layer's number of weights, or of MACs, and k the dB that a bit is worth. The level is the highest at which
    all chosen layers together have at most ``bits`` per weight on average, after each layer's bits are rounded to the
    nearest integer and kept from ``least`` to ``most``. Weights are then projected as by ``symmetric``.

    Rule: Lin et al., ICML 2016 (arXiv 1511.06393), as this project remembers it: the paper minimises the sum
    of r_i b_i for a given SQNR of the network, and fixes the bits of one layer where this fixes the average. Its step
    sizes, best for a normal distribution, and fine-tuning are not done.
    """

    name: ClassVar[str] = "sqnr_allocation"
    bits: float = Field(8.0, ge=2, le=16, description="bits per weight on average over the chosen layers, at most")
    by: Literal["weights", "macs"] = Field("weights", description="what counts a layer")
    db_per_bit: float = Field(DB_PER_BIT, gt=0, description="SQNR that a bit is worth")
    least: int = Field(2, ge=2, le=16, description="fewest bits of a layer")
    most: int = Field(16, ge=2, le=16, description="most bits of a layer")
    grain: Grain = Field("layer", description=GRAIN)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.least <= min(self.bits, self.most):
            raise ValueError(f"least ({self.least}) must be at most bits ({self.bits:g}) and most ({self.most})")
        return self

    def apply(self, model: Model) -> Model:
        """Find the bits of every chosen layer, and project it."""
        chosen = self.chosen(model)
        sizes = [parameters.values().size for _, parameters in chosen]
        counts = sizes if self.by == "weights" else [layer.macs for layer, _ in chosen]
        changed: dict[str, LayerParameters] = {}
        notes: list[tuple[str, str]] = []
        for (layer, parameters), bits in zip(chosen, self.allocate(counts, sizes), strict=True):
            require_finite(layer, parameters)
            changed[layer.name] = as_stored(parameters, partial(self.at, bits))
            notes.append((layer.name, f"{bits} bits"))
        return model.with_parameters(changed).after(self.record(tuple(notes)))

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """One layer alone has the average for itself."""
        del layer
        return self.at(self.allocate([1], [1])[0], parameters)

    def at(self, bits: int, parameters: LayerParameters) -> LayerParameters:
        """A layer's weights at its own bits."""
        return replace(parameters, weight=symmetric_code(parameters, bits, self.grain))

    def allocate(self, counts: Sequence[int], sizes: Sequence[int]) -> list[int]:
        """Bits of layers with these counts, for layers of these sizes."""
        if not counts:
            return []
        relative = [-10 * log10(max(1, count)) / self.db_per_bit for count in counts]
        # rounded bits change where level + relative is an integer and a half; between those places nothing does
        steps = sorted({bits - 0.5 - own for own in relative for bits in range(self.least + 1, self.most + 1)})
        budget = self.bits * sum(sizes)

        def at(level: float) -> list[int]:
            return [min(max(floor(level + own + 0.5 + 1e-9), self.least), self.most) for own in relative]

        def over(level: float) -> bool:
            return sum(size * bits for size, bits in zip(sizes, at(level), strict=True)) > budget

        fitting = bisect_right(steps, False, key=over)
        return at(steps[fitting - 1]) if fitting else [self.least] * len(counts)
