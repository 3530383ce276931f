"""Layers that become chains of smaller ones (T10).

Only the last layer of a chain has the bias, and nothing non-linear stands between its layers. Stride, dilation and
padding along an axis belong to the first layer whose kernel extends along it. Ranks are those of one group: a layer of
G groups becomes a chain of grouped layers, with G times as many channels between.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from accsim.compress.codes import REAL_BITS, Float
from accsim.compress.factor import cp, separable, singular_values, truncated, tucker2, unfolded
from accsim.compress.grain import Reals
from accsim.compress.graph import Link, with_chains
from accsim.compress.model import LayerParameters, Model
from accsim.compress.passes.base import ChosenLayersPass, require_finite
from accsim.errors import AccsimError, InputError
from accsim.workload.layer import Layer, LayerKind

Axes = Literal["", "rows", "cols", "both"]


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """One layer of a chain, for one group.

    Attributes:
        weights: [filters, channels, R, S]; [filters, 1, R, S] if it is depthwise.
        axes: along which it has the layer's stride, dilation and padding.
        depthwise: whether each filter reads one channel.
    """

    weights: Reals
    axes: Axes = ""
    depthwise: bool = False


class LowRank(ChosenLayersPass):
    """A pass that replaces layers by chains."""

    kind: ClassVar[LayerKind] = LayerKind.CONV

    @abstractmethod
    def factors(self, layer: Layer, groups: Sequence[Reals]) -> tuple[str, list[list[Factor]]]:
        """What its rank is, in words, and the chain of each group."""

    def apply(self, model: Model) -> Model:
        """Replace every chosen layer of the right kind."""
        chosen = [one for one in self.chosen(model) if one[0].kind is self.kind]
        if not chosen:
            what = "convolution" if self.kind is LayerKind.CONV else "fully connected layer"
            raise InputError([f"{self.name}: none of the chosen layers of {model.network.name} is a {what}"])
        chains: dict[str, list[Link]] = {}
        notes: list[tuple[str, str]] = []
        for layer, parameters in chosen:
            require_finite(layer, parameters)
            g = layer.geometry
            groups = np.split(parameters.values(), 1 if g is None else g.G)
            rank, made = self.factors(layer, groups)
            chains[layer.name] = _links(layer, parameters, made)
            before, after = parameters.weight.values().size, sum(f.weights.size for chain in made for f in chain)
            notes.append((layer.name, f"{rank}; {after} weights for {before}"))
        return with_chains(model, chains).after(self.record(tuple(notes)))


def _links(layer: Layer, parameters: LayerParameters, groups: Sequence[Sequence[Factor]]) -> list[Link]:
    """The chain of a layer from those of its groups."""
    bits = parameters.weight.bits if isinstance(parameters.weight, Float) else REAL_BITS
    links = []
    for place, factor in enumerate(groups[0]):
        weights = np.concatenate([chain[place].weights for chain in groups])
        last = place == len(groups[0]) - 1
        own = LayerParameters(Float(weights, bits), parameters.bias if last else None)
        bias = last and layer.bias_words > 0
        if layer.kind is LayerKind.FC:
            links.append(Link("fc", {"outputs": len(weights), "bias": bias}, own))
            continue
        count = len(groups)
        if factor.depthwise:
            count = sum(chain[place - 1].weights.shape[0] for chain in groups) if place else _channels(layer)
        arguments = {
            "filters": len(weights), "kernel": weights.shape[2:], "groups": count, "bias": bias,
            **_window(layer, factor.axes),
        }  # fmt: skip
        links.append(Link("conv", arguments, own))
    return links


def _channels(layer: Layer) -> int:
    return layer.input_shapes[0][0]


def _window(layer: Layer, axes: Axes) -> dict[str, tuple[int, ...]]:
    """Stride, dilation and padding of a layer along some axes."""
    g = layer.geometry
    rows, cols = axes in ("rows", "both"), axes in ("cols", "both")
    if g is None:
        return {}
    return {
        "stride": (g.stride_h if rows else 1, g.stride_w if cols else 1),
        "dilation": (g.dilation_h if rows else 1, g.dilation_w if cols else 1),
        "pad": (*((g.pad_top, g.pad_bottom) if rows else (0, 0)), *((g.pad_left, g.pad_right) if cols else (0, 0))),
    }


class Ranked(LowRank):
    """A pass with one rank, given as a number, as a fraction of the full one, or by the energy that is kept."""

    rank: int | None = Field(None, ge=1, description="rank of each layer (of each of its groups)")
    fraction: float | None = Field(None, gt=0, le=1, description="rank as a fraction of the full one, at least 1")
    energy: float | None = Field(
        None, gt=0, le=1, description="fraction of the squared weights that is kept at least; the smallest such rank"
    )

    @model_validator(mode="after")
    def _one(self) -> Ranked:
        given = [key for key in ("rank", "fraction", "energy") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"one of rank, fraction and energy must be given, got {' and '.join(given) or 'none'}")
        return self

    def chosen_rank(self, layer: Layer, spectra: Sequence[Reals]) -> int:
        """The rank for a layer whose groups have these singular values.

        Raises:
            AccsimError: it is above the full rank.
        """
        return rank_for(layer, spectra, self.rank, self.fraction, self.energy)


def rank_for(
    layer: Layer,
    spectra: Sequence[Reals],
    rank: int | None,
    fraction: float | None,
    energy: float | None,
    what: str = "",
) -> int:
    """A rank from one of its three forms.

    Args:
        layer: for the error.
        spectra: singular values of each group, the largest first; their number is the full rank.
        rank, fraction, energy: one of them.
        what: which rank it is, for the error.

    Raises:
        AccsimError: it is above the full rank.
    """
    full = len(spectra[0])
    if rank is not None:
        if rank > full:
            raise AccsimError(f"layer {layer.name!r}: {what}rank {rank} is above its full rank of {full}")
        return rank
    if fraction is not None:
        return max(1, round(fraction * full))
    return max(_for_energy(spectrum, energy or 0.0) for spectrum in spectra)


def _for_energy(spectrum: Reals, energy: float) -> int:
    """The smallest rank that keeps a fraction of the squared singular values; 1 for a layer of zeros."""
    squares = spectrum**2
    total = float(squares.sum())
    if not total:
        return 1
    lost = 1 - np.cumsum(squares) / total  # what is left out at each rank; all kept means what rounding leaves
    return int(np.argmax(lost <= 1 - energy + 4 * np.finfo(np.float64).eps * len(spectrum))) + 1


class _Svd(Ranked):
    """A pass that writes the weights as a matrix and keeps its leading singular values."""

    @abstractmethod
    def unfold(self, weights: Reals) -> Reals:
        """The weights of a group as a matrix."""

    @abstractmethod
    def fold(self, weights: Reals, left: Reals, right: Reals) -> list[Factor]:
        """The chain from the two factors of the matrix."""

    def factors(self, layer: Layer, groups: Sequence[Reals]) -> tuple[str, list[list[Factor]]]:
        """Truncate the decomposition of every group."""
        matrices = [self.unfold(weights) for weights in groups]
        spectra = [singular_values(matrix) for matrix in matrices]
        rank = self.chosen_rank(layer, spectra)
        chains = [
            self.fold(weights, *truncated(matrix, rank)) for weights, matrix in zip(groups, matrices, strict=True)
        ]
        return f"rank {rank} of {len(spectra[0])}", chains


class FcSvd(_Svd):
    """A fully connected layer as two: K -> r and r -> M, with r (K + M) weights.

    Truncated singular value decomposition, the nearest pair of that rank (Denton et al., NIPS 2014; Girshick, ICCV
    2015, section 3.1, for fully connected layers).
    """

    name: ClassVar[str] = "fc_svd"
    kind: ClassVar[LayerKind] = LayerKind.FC

    def unfold(self, weights: Reals) -> Reals:
        """[M, K]."""
        return weights.reshape(len(weights), -1)

    def fold(self, weights: Reals, left: Reals, right: Reals) -> list[Factor]:
        """First the right factor."""
        return [Factor(right[:, :, None, None]), Factor(left[:, :, None, None])]


class ChannelSvd(_Svd):
    """A convolution as R x S: C -> r and 1 x 1: r -> M, with r (C R S + M) weights (Zhang et al., TPAMI 2016).

    The nearest pair in weights, by singular values; the paper's choice by responses on inputs, and its non-linear one,
    are not made here.
    """

    name: ClassVar[str] = "channel_svd"

    def unfold(self, weights: Reals) -> Reals:
        """[M, C R S]."""
        return weights.reshape(len(weights), -1)

    def fold(self, weights: Reals, left: Reals, right: Reals) -> list[Factor]:
        """First the kernels."""
        return [Factor(right.reshape(-1, *weights.shape[1:]), "both"), Factor(left[:, :, None, None])]


class SpatialSvd(_Svd):
    """A convolution as R x 1: C -> r and 1 x S: r -> M, with r (C R + M S) weights.

    Scheme 2 of Jaderberg et al. (BMVC 2014), whose nearest pair in weights is that of a singular value decomposition
    (Tai et al., ICLR 2016, theorem 1).
    """

    name: ClassVar[str] = "spatial_svd"

    def unfold(self, weights: Reals) -> Reals:
        """[M S, C R]."""
        m, c, r, s = weights.shape
        return weights.transpose(0, 3, 1, 2).reshape(m * s, c * r)

    def fold(self, weights: Reals, left: Reals, right: Reals) -> list[Factor]:
        """First the columns of kernels."""
        m, c, r, s = weights.shape
        across = left.reshape(m, s, 1, -1).transpose(0, 3, 2, 1)
        return [Factor(right.reshape(-1, c, r, 1), "rows"), Factor(across, "cols")]


class DepthwiseSeparable(Ranked):
    """A convolution as a depthwise one of r filters per channel and 1 x 1: C r -> M, with C r (R S + M) weights.

    For each input channel the nearest pair of rank r of its M kernels; with r = 1 the depthwise separable form, with
    r = min(M, R S) exact (Guo et al., "Network decoupling", BMVC 2018).
    """

    name: ClassVar[str] = "depthwise_separable"

    def factors(self, layer: Layer, groups: Sequence[Reals]) -> tuple[str, list[list[Factor]]]:
        """Decompose every channel; the energy is that of all channels of a group."""
        spectra = [
            np.sqrt(sum(singular_values(w[:, c].reshape(len(w), -1)) ** 2 for c in range(w.shape[1]))) for w in groups
        ]
        rank = self.chosen_rank(layer, spectra)
        chains = []
        for weights in groups:
            found = separable(weights, rank)
            m, c, r, s = weights.shape
            depthwise = Factor(found.spatial.reshape(c * rank, 1, r, s), "both", depthwise=True)
            chains.append([depthwise, Factor(found.points.reshape(m, c * rank, 1, 1))])
        return f"rank {rank} of {len(spectra[0])}", chains


class Tucker(LowRank):
    """A convolution as 1 x 1: C -> r_in, R x S: r_in -> r_out, 1 x 1: r_out -> M (Kim et al., ICLR 2016).

    It has C r_in + R S r_in r_out + r_out M weights. Both ranks are given, or both follow from a fraction of the full
    ones, min(C, M R S) and min(M, C R S), or from the energy that each unfolding keeps at least. A
    core of r_in channels cannot fill more than R S r_in outputs, nor the other way round: a larger rank is refused
    where it is given, and lowered where it follows from the others.
    """

    name: ClassVar[str] = "tucker"
    rank_in: int | None = Field(None, ge=1, description="channels that the core reads (of each group)")
    rank_out: int | None = Field(None, ge=1, description="channels that the core makes (of each group)")
    fraction: float | None = Field(None, gt=0, le=1, description="ranks as a fraction of the full ones, at least 1")
    energy: float | None = Field(None, gt=0, le=1, description="fraction of the squared weights in each unfolding")
    rounds: int = Field(10, ge=0, le=1000, description="rounds of improving one side for the other; 0 for HOSVD")

    @model_validator(mode="after")
    def _one(self) -> Tucker:
        pair = (self.rank_in is None) + (self.rank_out is None)
        given = (pair == 0) + (self.fraction is not None) + (self.energy is not None)
        if given != 1 or pair == 1:
            raise ValueError("either rank_in and rank_out, or one of fraction and energy must be given")
        return self

    def factors(self, layer: Layer, groups: Sequence[Reals]) -> tuple[str, list[list[Factor]]]:
        """Decompose every group."""
        inward = [singular_values(unfolded(weights, 1)) for weights in groups]
        outward = [singular_values(unfolded(weights, 0)) for weights in groups]
        rank_in = rank_for(layer, inward, self.rank_in, self.fraction, self.energy, "input ")
        rank_out = rank_for(layer, outward, self.rank_out, self.fraction, self.energy, "output ")
        area = int(np.prod(groups[0].shape[2:]))
        for one, other, what in ((rank_in, rank_out, "input"), (rank_out, rank_in, "output")):
            if one > area * other and self.rank_in is not None:
                raise AccsimError(
                    f"layer {layer.name!r}: {what} rank {one} is above {area * other}, the pixels of its kernel times "
                    "the other rank, and could not be used"
                )
        rank_in, rank_out = min(rank_in, area * rank_out), min(rank_out, area * rank_in)
        chains = []
        for weights in groups:
            found = tucker2(weights, rank_in, rank_out, self.rounds)
            first, last = found.first.T[:, :, None, None], found.last[:, :, None, None]
            chains.append([Factor(first), Factor(found.core, "both"), Factor(last)])
        return f"ranks {rank_in} of {len(inward[0])} and {rank_out} of {len(outward[0])}", chains


class CpDecomposition(LowRank):
    """A convolution as 1 x 1: C -> r, depthwise R x 1, depthwise 1 x S, 1 x 1: r -> M (Lebedev et al., ICLR 2015).

    It has r (C + R + S + M) weights. Alternating least squares from a fixed start; a local optimum, so a larger rank is
    not always nearer. A rank above the product of the three smallest of M, C, R and S is never needed and refused;
    ``fraction`` is of that bound.
    """

    name: ClassVar[str] = "cp"
    rank: int | None = Field(None, ge=1, description="rank of each layer (of each of its groups)")
    fraction: float | None = Field(None, gt=0, le=1, description="rank as a fraction of the bound, at least 1")
    rounds: int = Field(50, ge=1, le=10_000, description="rounds of alternating least squares, at most")

    @model_validator(mode="after")
    def _one(self) -> CpDecomposition:
        if (self.rank is None) == (self.fraction is None):
            raise ValueError("one of rank and fraction must be given")
        return self

    def factors(self, layer: Layer, groups: Sequence[Reals]) -> tuple[str, list[list[Factor]]]:
        """Decompose every group."""
        sizes = groups[0].shape
        bound = int(np.prod(sizes)) // max(sizes)
        rank = rank_for(layer, [np.ones(bound)], self.rank, self.fraction, None)
        chains = []
        for weights in groups:
            found = cp(weights, rank, self.rounds)
            chains.append(
                [
                    Factor(found.channels.T[:, :, None, None]),
                    Factor(found.rows.T[:, None, :, None], "rows", depthwise=True),
                    Factor(found.cols.T[:, None, None, :], "cols", depthwise=True),
                    Factor(found.filters[:, :, None, None]),
                ]
            )
        return f"rank {rank} of at most {bound}", chains
