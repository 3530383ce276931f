"""Pruning of weights in groups whose shapes stay: blocks, kernels, vectors, patterns, N:M (T9)."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from accsim.compress.grain import Reals, Scale, Shape, by_block, in_blocks
from accsim.compress.model import LayerParameters, Mask
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.unstructured import pruned, share, without_smallest
from accsim.workload.layer import Layer


def without_smallest_blocks(weights: Reals, block: Shape, sparsity: float) -> Mask:
    """All weights but those of the blocks with the smallest mean magnitude, ``sparsity`` of all blocks.

    A last block that the layer cuts off is compared by the mean over the weights that it has.
    """
    block = tuple(min(step, size) for step, size in zip(block, weights.shape, strict=True))
    sums = by_block(np.abs(weights), block, 0.0).sum(axis=-1)
    sizes = by_block(np.ones(weights.shape), block, 0.0).sum(axis=-1)
    kept = without_smallest((sums / sizes).reshape(-1), share(sparsity, sums.size)).reshape(in_blocks(weights, block))
    over = Scale(kept.astype(np.float64), block, "block").over(weights.shape)
    return over > 0.5


class _Groups(LayerPass):
    """Prune a fraction of a layer's groups of weights, those of the smallest mean magnitude."""

    sparsity: float = Field(ge=0, le=1, description="fraction of the groups that are pruned")


class Blocks(_Groups):
    """Prune blocks of any shape: filters x input channels x rows x columns, side by side from the first weight on.

    The whole number nearest to ``sparsity`` x blocks is pruned, those with the smallest mean |w|, the first of equal
    ones first. A block larger than the layer along an axis is as large as the layer; the last one along an axis may be
    cut off. Blocks of one weight are pruned as by ``level``. Blocks of 1 x 8 x 1 x 1 are those of Distiller's
    block-pruned ResNet-50 (Intel AI Lab, Distiller).
    """

    name: ClassVar[str] = "blocks"
    block: tuple[int, int, int, int] = Field(description="weights along filters, input channels, rows and columns")

    @model_validator(mode="after")
    def _positive(self) -> Blocks:
        if min(self.block) < 1:
            raise ValueError(f"block must have sizes of at least 1, got {list(self.block)}")
        return self

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Keep the largest blocks."""
        del layer
        kept = without_smallest_blocks(parameters.values(), self.block, self.sparsity)
        return pruned(parameters, kept, "weight" if max(self.block) == 1 else "block")


class Kernels(_Groups):
    """Prune whole kernels: all weights between one input channel and one filter."""

    name: ClassVar[str] = "kernels"

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Keep the largest kernels."""
        del layer
        values = parameters.values()
        kept = without_smallest_blocks(values, (1, 1, values.shape[2], values.shape[3]), self.sparsity)
        return pruned(parameters, kept, "kernel")


class Vectors(_Groups):
    """Prune rows (1 x S) or columns (R x 1) of kernels, the vectors of Mao et al. (CVPR 2017 workshop)."""

    name: ClassVar[str] = "vectors"
    along: Literal["row", "column"] = Field("row", description="whether a vector is a row or a column of a kernel")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Keep the largest vectors."""
        del layer
        values = parameters.values()
        rows, cols = (1, values.shape[3]) if self.along == "row" else (values.shape[2], 1)
        return pruned(parameters, without_smallest_blocks(values, (1, 1, rows, cols), self.sparsity), "vector")


class Pattern(LayerPass):
    """Keep the same few places of every kernel of a layer: those with the largest sum of magnitudes over all kernels.

    So a layer stores its pattern once and has no index per weight. A kernel that has no more places than are kept stays
    whole; of places with equal sums the last ones are kept.
    """

    name: ClassVar[str] = "pattern"
    places: int = Field(4, ge=1, description="places of a kernel that are kept")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Keep the strongest places."""
        del layer
        values = parameters.values()
        sums = np.abs(values).sum(axis=(0, 1))
        kept = without_smallest(sums, max(0, sums.size - self.places))
        return pruned(parameters, np.broadcast_to(kept, values.shape).copy(), "pattern")


class NofM(LayerPass):
    """Keep n of each m neighbouring input channels, for every filter and place of the kernel: n:m sparsity.

    Groups begin at the first input channel; exactly the n largest of each are kept (2:4 by default, as Mishra et al.,
    "Accelerating sparse deep neural networks", 2021). A last group of fewer than m channels keeps at most n of them, as
    if zeros filled it up.
    """

    name: ClassVar[str] = "n_of_m"
    n: int = Field(2, ge=1, description="weights kept in a group")
    m: int = Field(4, ge=1, description="weights in a group")

    @model_validator(mode="after")
    def _fits(self) -> NofM:
        if self.n > self.m:
            raise ValueError(f"n must be at most m, got {self.n} and {self.m}")
        return self

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Keep the largest of every group."""
        del layer
        magnitudes = np.abs(parameters.values())
        filters, channels, rows, cols = magnitudes.shape
        groups = -(-channels // self.m)
        padded = np.pad(magnitudes, ((0, 0), (0, groups * self.m - channels), (0, 0), (0, 0)), constant_values=-1.0)
        split = padded.reshape(filters, groups, self.m, rows, cols)
        order = np.argsort(split, axis=2, kind="stable")
        kept = np.zeros(split.shape, np.bool_)
        np.put_along_axis(kept, order[:, :, self.m - self.n :], True, axis=2)
        return pruned(parameters, kept.reshape(padded.shape)[:, :channels], f"{self.n}:{self.m}")
