"""Sub-vectors and whole kernels shared through a codebook."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar
from zlib import crc32

import numpy as np
from pydantic import Field

from accsim.compress.codes import Ints, KernelCodebook, ProductCodebook
from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.blocks import ratio
from accsim.compress.passes.lloyd import in_space, nearest_line
from accsim.workload.layer import Layer

CONV_CODEBOOK = (128, 8)
"""Codewords per subspace and channels per sub-vector of a convolution: the authors' AlexNet files."""
FC_CODEBOOK = (32, 4)
"""The same of a fully connected layer; that of AlexNet's last one is (16, 1)."""


def generator(layer: Layer, seed: int) -> np.random.Generator:
    """PCG64, seeded by the seed and the layer's name."""
    return np.random.Generator(np.random.PCG64([seed, crc32(layer.name.encode())]))


class ProductQuantisation(LayerPass):
    """Sub-vectors of d input channels, each replaced by one of K codewords of its subspace.

    The C / G input channels of a group are cut into subspaces of d channels; a sub-vector belongs to one filter at one
    place of the kernel, and a subspace's codewords are shared by all of those. Codewords are the means that k-means
    finds from distinct sub-vectors drawn by the seed; with no more distinct sub-vectors than codewords the layer is
    kept exactly. A last subspace with fewer channels is filled up with zeros. Pruned weights stay zero.

    Rules: Q-CNN (Wu et al., CVPR 2016; arXiv 1512.06473): K = 128, d = 8 in convolutions and K = 32, d = 4
    in fully connected layers are those of the authors' AlexNet files, whose last layer has K = 16, d = 1. Codewords
    minimise the weights' error: the paper's correction of each layer's response on data is not done.
    """

    name: ClassVar[str] = "product_quantisation"
    entries: int | None = Field(None, ge=1, le=65536, description="K; 128 for conv and 32 for fc if not given")
    length: int | None = Field(None, ge=1, description="d; 8 for conv and 4 for fc if not given")
    iterations: int = Field(25, ge=0, le=10_000, description="most turns of Lloyd's algorithm")
    seed: int = Field(0, ge=0, description="of the first codewords")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Cluster the sub-vectors of each subspace."""
        weights = parameters.values()
        m, channels, r, s = weights.shape
        entries, length = FC_CODEBOOK if layer.kind == "fc" else CONV_CODEBOOK
        length = min(self.length or length, channels)
        entries = self.entries or entries
        subspaces = -(-channels // length)
        padded = np.pad(weights, ((0, 0), (0, subspaces * length - channels), (0, 0), (0, 0)))
        vectors = padded.reshape(m, subspaces, length, r, s).transpose(1, 0, 3, 4, 2).reshape(subspaces, -1, length)
        draw = generator(layer, self.seed)
        codewords = np.empty((subspaces, entries, length))
        index = np.empty((subspaces, m * r * s), np.int64)
        for i, points in enumerate(vectors):
            codewords[i], index[i] = in_space(points, entries, draw, self.iterations)
        placed = np.ascontiguousarray(index.reshape(subspaces, m, r, s).transpose(1, 0, 2, 3))
        return replace(parameters, weight=ProductCodebook(placed, codewords, channels))


class KernelClustering(LayerPass):
    """Whole R x S kernels, each replaced by one of K, times a factor of its own with ``scaled``.

    Without factors the kernels are the means that k-means finds. With them, kernels are compared by direction: each is
    the multiple of its entry nearest to it (entries have norm 1, and a factor may be negative), and an entry is the
    direction along which its members have the most energy. Channels that share an entry at a filter are added up before
    they are convolved, so a filter takes at most min(C / G, K) two-dimensional convolutions.

    Rules: Son, Nah and Lee, ECCV 2018, as this project understands it; K has no default there. Entries begin at
    distinct kernels drawn by the seed. Training of the shared kernels is not done.
    """

    name: ClassVar[str] = "kernel_clustering"
    entries: int = Field(256, ge=1, le=65536, description="K")
    scaled: bool = Field(False, description="give every kernel a factor of its own")
    iterations: int = Field(25, ge=0, le=10_000, description="most turns of Lloyd's algorithm")
    seed: int = Field(0, ge=0, description="of the first kernels")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Cluster the layer's kernels."""
        weights = parameters.values()
        m, c, r, s = weights.shape
        points = weights.reshape(m * c, r * s)
        draw = generator(layer, self.seed)
        if self.scaled:
            entries, index = directions(points, self.entries, draw, self.iterations)
            factors = (points * entries[index]).sum(axis=1).reshape(m, c)
            code = KernelCodebook(index.reshape(m, c), entries.reshape(-1, r, s), factors)
        else:
            entries, index = in_space(points, self.entries, draw, self.iterations)
            code = KernelCodebook(index.reshape(m, c), entries.reshape(-1, r, s))
        return replace(parameters, weight=code)


def directions(points: Reals, entries: int, draw: np.random.Generator, most: int) -> tuple[Reals, Ints]:
    """Lines through the origin that points are near to: unit vectors [entries, dimensions], and each point's index.

    The energy along a point's line never falls: a point goes to the line on which its projection is longest, and a line
    becomes the principal axis of its points. A line without points takes the direction of the point farthest from its
    own line.
    """
    norms = np.sqrt((points * points).sum(axis=1))
    unit = ratio(points, norms[:, None])
    # opposite directions are one line: turn each so that its first non-zero coordinate is positive
    first = np.take_along_axis(unit, (unit != 0).argmax(axis=1)[:, None], axis=1)
    distinct = np.unique(np.where(first < 0, -unit, unit)[norms > 0], axis=0)
    if not len(distinct):
        return np.zeros((1, points.shape[1])), np.zeros(len(points), np.int64)
    count = min(entries, len(distinct))
    lines = distinct[np.sort(draw.choice(len(distinct), count, replace=False))]
    index = nearest_line(points, lines)
    for _ in range(most):
        missed = norms**2 - (points * lines[index]).sum(axis=1) ** 2
        far = iter(np.argsort(-missed, kind="stable"))
        order = np.argsort(index, kind="stable")
        groups = np.split(points[order], np.searchsorted(index[order], np.arange(1, count)))
        for entry, members in enumerate(groups):
            if members.any():
                lines[entry] = np.linalg.eigh(members.T @ members)[1][:, -1]
            else:
                lines[entry] = unit[next(place for place in far if norms[place] > 0)]
        found = nearest_line(points, lines)
        if np.array_equal(found, index):
            break
        index = found
    return lines, index
