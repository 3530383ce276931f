"""Weights shared through a table: an index per weight, or a hash in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar
from zlib import crc32

import numpy as np
import numpy.typing as npt
from pydantic import Field

from accsim.compress.codes import Codebook, Ints
from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.blocks import ratio, surviving
from accsim.compress.passes.lloyd import nearest_on_a_line, on_a_line
from accsim.workload.layer import Layer

CONV_BITS, FC_BITS = 8, 5
"""Bits of an index in convolutions and in fully connected layers (Han et al., ICLR 2016)."""

SMALLEST_RANGE = 1e-150
"""Weights whose range is smaller are one value for a mixture: their variance would underflow."""


class KMeans(LayerPass):
    """Weights shared by k-means: 2^b values per layer, each the mean of the weights that it stands for.

    Only weights that are not pruned take part; pruned ones stay zero and need no entry. Centroids begin evenly spaced
    from the smallest to the largest weight, and Lloyd's turns go on until no weight changes its cluster. A layer with
    no more distinct weights than entries is kept exactly, with as many entries as it has values.

    Rules: Deep Compression (Han et al., ICLR 2016; arXiv 1510.00149): linear initialisation, 8 bits for
    convolutions and 5 for fully connected layers. As this project understands it, the initialisation spans the
    surviving weights. Fine-tuning of the shared values is not done.
    """

    name: ClassVar[str] = "kmeans"
    bits: int | None = Field(None, ge=1, le=16, description="bits of an index; 8 for conv and 5 for fc if not given")
    iterations: int = Field(300, ge=0, le=100_000, description="most turns of Lloyd's algorithm")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Cluster the layer's weights."""
        bits = self.bits or (FC_BITS if layer.kind == "fc" else CONV_BITS)
        values = surviving(parameters)
        if not values.size:
            return replace(parameters, weight=with_table(parameters, np.zeros(1)))
        begin = np.linspace(values.min(), values.max(), 1 << bits)
        return replace(parameters, weight=with_table(parameters, on_a_line(values, begin, self.iterations)))


def with_table(parameters: LayerParameters, table: Reals) -> Codebook:
    """Every weight as the nearest entry of an ascending table."""
    return Codebook(nearest_on_a_line(parameters.weight.values(), table), table)


class ClipQ(LayerPass):
    """Clipping, partitioning and quantising: 0 and 2^b - 1 interval means.

    Of the positive weights the part ``clip`` with the smallest magnitudes becomes 0, and of the negative ones too. What
    is left of each side is cut into intervals of equal width, 2^b - 1 in all, and each weight becomes the mean of its
    interval. Clipped weights have the code 0 and are not pruned: the method lets them come back.

    Rules: Tung and Mori, CVPR 2018. As this project reads it, intervals are shared out between both sides by their
    lengths, with at least one for a side that has weights. The Bayesian optimisation of both arguments by layer, and
    the fine-tuning in parallel, are not done.
    """

    name: ClassVar[str] = "clip_q"
    bits: int = Field(4, ge=2, le=16, description="bits of an index")
    clip: float = Field(0.5, ge=0, le=1, description="part of the weights of either sign that becomes 0")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Clip and partition each side, and average."""
        del layer
        weights = parameters.values()
        flat = weights.ravel()
        sides = [self.outer(flat, sign) for sign in (-1, 1)]
        lengths = [float(np.ptp(flat[side])) if side.size else 0.0 for side in sides]
        index, table = np.zeros(flat.size, np.int64), [0.0]
        for side, intervals in zip(sides, self.shares(sides, lengths), strict=True):
            for members in partition(flat, side, intervals):
                index[members] = len(table)
                table.append(float(flat[members].mean()))
        return replace(parameters, weight=Codebook(index.reshape(weights.shape), np.asarray(table)))

    def outer(self, flat: Reals, sign: int) -> Ints:
        """Places of the weights of a sign that are not clipped, the smallest magnitude first."""
        places = np.flatnonzero(flat * sign > 0)
        order = places[np.argsort(np.abs(flat[places]), kind="stable")]
        return order[int(self.clip * order.size) :]

    def shares(self, sides: list[Ints], lengths: list[float]) -> list[int]:
        """Intervals of either side."""
        total = (1 << self.bits) - 1
        if not all(side.size for side in sides):
            return [total if side.size else 0 for side in sides]
        whole = sum(lengths)
        low = round(total * lengths[0] / whole) if whole else total // 2
        low = min(max(low, 1), total - 1)
        return [low, total - low]


def partition(flat: Reals, side: Ints, intervals: int) -> list[Ints]:
    """Places in each of some intervals of equal width over the values at ``side``; empty intervals are left out.

    Values at ``side`` go up or down, so an interval's places stand together.
    """
    if not side.size:
        return []
    values = flat[side]
    edges = np.linspace(values.min(), values.max(), intervals + 1)[1:-1]
    interval = np.searchsorted(edges, values, side="right")
    return np.split(side, np.flatnonzero(np.diff(interval)) + 1)


class SoftSharing(LayerPass):
    """Soft weight sharing after training: a mixture of normal distributions, one of them around zero; means replace
    weights.

    Expectation maximisation fits the mixture to the histogram of the layer's weights, with the zero component's mean
    held at 0. Then each weight becomes the mean of the component that most likely gave it. Components begin evenly
    spaced from the smallest to the largest weight, a quarter as wide as their spacing, the zero component with ``zero``
    of the weight.

    Rules: Ullrich et al., ICLR 2017 (arXiv 1702.04008); 17 components, one of them zero, are as this project remembers
    them. The method trains the network under the mixture as a prior, which pulls weights to the means, and merges
    components that overlap: neither is done here, so the weights are as far from the means as training left them.
    """

    name: ClassVar[str] = "soft_sharing"
    components: int = Field(17, ge=2, le=256, description="components of the mixture, that of zero included")
    zero: float = Field(0.5, gt=0, lt=1, description="first weight of the zero component")
    iterations: int = Field(100, ge=1, le=10_000, description="turns of expectation maximisation")
    bins: int = Field(2048, ge=16, le=65536, description="bins of the histogram")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Fit the mixture, and collapse it."""
        del layer
        values = surviving(parameters)
        if not values.size or np.ptp(values) < SMALLEST_RANGE:
            return replace(parameters, weight=with_table(parameters, values[:1] if values.size else np.zeros(1)))
        low, width = values.min(), np.ptp(values) / self.bins
        weights = parameters.weight.values()
        bins = np.clip((values - low) / width, 0, self.bins - 1).astype(np.int64)
        counts = np.bincount(bins, minlength=self.bins)
        full = counts > 0
        centres = np.bincount(bins, weights=values, minlength=self.bins)[full] / counts[full]
        means, likeliest = self.fit(centres, counts[full].astype(np.float64))
        used, entry = np.unique(likeliest, return_inverse=True)
        # a pruned weight may lie outside or in an empty bin: what its code says means nothing
        entries = np.zeros(self.bins, np.int64)
        entries[full] = entry.reshape(-1)
        index = entries[np.clip((weights - low) / width, 0, self.bins - 1).astype(np.int64)]
        return replace(parameters, weight=Codebook(index, means[used]))

    def fit(self, centres: Reals, counts: Reals) -> tuple[Reals, Ints]:
        """Means of the components, the first one 0, and the likeliest component of each bin."""
        spacing = np.ptp(centres) / max(1, self.components - 2)
        means = np.concatenate([[0.0], np.linspace(centres.min(), centres.max(), self.components - 1)])
        least = (np.ptp(centres) / self.bins) ** 2 / 12  # the variance within a bin
        variances = np.full(self.components, (spacing / 4) ** 2)
        mixing = np.concatenate([[self.zero], np.full(self.components - 1, (1 - self.zero) / (self.components - 1))])
        for _ in range(self.iterations):
            score = log_likelihood(centres, means, variances, mixing)
            share = np.exp(score - score.max(axis=1, keepdims=True))
            share *= (counts / share.sum(axis=1))[:, None]
            mass = share.sum(axis=0)
            means = ratio(share.T @ centres, mass)
            means[0] = 0.0
            variances = np.maximum(ratio((share * (centres[:, None] - means) ** 2).sum(axis=0), mass), least)
            mixing = mass / mass.sum()
        return means, log_likelihood(centres, means, variances, mixing).argmax(axis=1).astype(np.int64)


def log_likelihood(centres: Reals, means: Reals, variances: Reals, mixing: Reals) -> Reals:
    """Logarithm of mixing * normal density, up to a constant [centres, components]."""
    with np.errstate(divide="ignore"):
        prior = np.log(mixing) - np.log(variances) / 2
    out: Reals = prior - (centres[:, None] - means) ** 2 / (2 * variances)
    return out


class Hashed(LayerPass):
    """Weights shared at random: W = sign * table[bucket], where a hash of a weight's place gives its bucket and its
    sign.

    The table's entries are the least-squares ones: the mean of sign * W over a bucket's weights. Nothing but the table
    is stored. For K buckets of independent weights with mean zero, about K / n of the energy is left: as a projection
    of a trained layer it is poor, and meant to be trained, which is not done here.

    Rule: HashedNets (Chen et al., ICML 2015; arXiv 1504.04788). The paper hashes with xxHash; here
    it is the finaliser of SplitMix64 (Steele et al., OOPSLA 2014) over place, seed and the layer's name.
    """

    name: ClassVar[str] = "hashed"
    buckets_per_weight: float = Field(0.125, gt=0, le=1, description="entries of the table over weights of the layer")
    seed: int = Field(0, ge=0, lt=1 << 32, description="of the hash")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Average each bucket's weights."""
        weights = parameters.values()
        entries = max(1, round(self.buckets_per_weight * weights.size))
        hashed = hash_places(weights.size, (self.seed << 32) | crc32(layer.name.encode()))
        index = ((hashed >> np.uint64(1)) % np.uint64(entries)).astype(np.int64)
        signs = np.where(hashed & np.uint64(1), 1, -1).astype(np.int64)
        there = np.ones(weights.size) if parameters.kept is None else parameters.kept.ravel().astype(np.float64)
        counts = np.bincount(index, weights=there, minlength=entries)
        table = ratio(np.bincount(index, weights=signs * weights.ravel() * there, minlength=entries), counts)
        code = Codebook(index.reshape(weights.shape), table, hashed=True, signs=signs.reshape(weights.shape))
        return replace(parameters, weight=code)


def hash_places(count: int, seed: int) -> npt.NDArray[np.uint64]:
    """64 bits for each place from 0: SplitMix64's output for the state seed + (place + 1) * its odd constant."""
    golden, first, second = (np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
    state = np.arange(1, count + 1, dtype=np.uint64) * golden + np.uint64(seed)
    state = (state ^ (state >> np.uint64(30))) * first
    state = (state ^ (state >> np.uint64(27))) * second
    return np.asarray(state ^ (state >> np.uint64(31)), np.uint64)
