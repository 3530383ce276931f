"""Weights as sums of binary planes, each with a real base."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from accsim.compress.codes import Planes
from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters, Mask
from accsim.compress.passes.arguments import Grain
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.blocks import Blocks, blocks_of, ratio
from accsim.workload.layer import Layer

RIDGE = 1e-4
"""Weight of the old basis in LQ-Nets' least squares (the authors' implementation)."""
QUARTILE = 0.6745
"""Third quartile of the standard normal distribution, to which LQ-Nets scales its first basis."""


def residual_planes(rows: Reals, present: Mask, count: int) -> tuple[Reals, Mask]:
    """Binary planes of what is left over: b_i = mean|R_i|, H_i = sign(R_i), R_(i+1) = R_i - b_i H_i; sign(0) = +1.

    Each plane takes n b_i^2 from the squared norm of a row of n values.

    Args:
        rows: [rows..., values], 0 where none is present; weights, or the inputs of HORQ.

    Returns:
        bases [count, rows...], and which signs are positive [count, rows..., values].

    Source: HORQ (Li et al., ICCV 2017; arXiv 1708.08687).
    """
    left, bases, planes = rows, [], []
    number = present.sum(axis=-1)
    for _ in range(count):
        base = ratio(np.where(present, np.abs(left), 0.0).sum(axis=-1), number)
        plane = left >= 0
        left = left - np.where(plane, 1, -1) * base[..., None]
        bases.append(base)
        planes.append(plane)
    return np.stack(bases), np.stack(planes)


def planes_code(blocks: Blocks, bases: Reals, positive: Mask) -> Planes:
    """The code of bases [planes, blocks...] and signs [planes, blocks..., weights]."""
    signs = np.stack([blocks.weights(plane).astype(np.bool_) for plane in positive])
    return Planes(signs, tuple(blocks.scale(base) for base in bases))


class Residual(LayerPass):
    """Residual binary planes: each plane is the sign of what the planes before it left over, times its mean magnitude.

    The set is the sum of K terms +-b_i. One plane is ``bwn``. Greedy: for its signs the bases are not the best ones,
    and ``lq_nets`` with as many planes is never worse when it begins here. Not idempotent: the mean magnitude of sums
    of planes is the first base only where the signs of the second plane are balanced.

    Rule: HORQ (Li et al., ICCV 2017; arXiv 1708.08687), which does it to the inputs of a convolution, with K = 2; here
    it is done to weights (``residual_planes`` serves both). Training is not done.
    """

    name: ClassVar[str] = "residual"
    planes: int = Field(2, ge=1, le=8, description="K, binary planes of a weight")
    grain: Grain = Field("filter", description="weights that share their bases: layer, filter, channels:N ...")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Take one plane after the other."""
        del layer
        blocks = blocks_of(parameters, self.grain)
        bases, positive = residual_planes(blocks.rows, blocks.present, self.planes)
        return replace(parameters, weight=planes_code(blocks, bases, positive))


class LqNets(LayerPass):
    """Learned bases: the nearest of the 2^K sums of +-v_i, with bases v fitted by least squares, in turn.

    The set is {sum of b_i v_i, b_i = +-1} per block. Thresholds are the middles between neighbouring levels; the basis
    is v = (B^T B + 1e-4 I)^-1 (B^T w + 1e-4 v_old). Neither step makes the error larger; turns go on until no weight
    changes its level. With one plane it is ``bwn``; with v_i = 2^i v_0 the levels would be uniform.

    It begins at ``residual`` planes, which it then is never worse than, or with ``start: uniform`` at
    v_i = 0.6745 s / 2^(K-1) 2^i, s being each block's root mean square, where the authors' implementation has the
    standard deviation that the layer's initialisation has.

    Rules: Zhang et al., ECCV 2018 (arXiv 1807.10029) and the authors' implementation, which takes one turn
    per training step and a moving average of the bases. Training is not done, and activations, whose levels are sums
    of 0 or v_i there, are not projected.
    """

    name: ClassVar[str] = "lq_nets"
    bits: int = Field(2, ge=1, le=6, description="K, bits of a weight")
    grain: Grain = Field("filter", description="weights that share their bases: layer, filter, channels:N ...")
    start: Literal["residual", "uniform"] = Field("residual", description="the first bases")
    iterations: int = Field(100, ge=0, le=10_000, description="most turns")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Alternate between levels and bases, block by block."""
        del layer
        blocks = blocks_of(parameters, self.grain)
        bases, _ = residual_planes(blocks.rows, blocks.present, self.bits)
        if self.start == "uniform":
            deviation = np.sqrt(blocks.mean(blocks.rows**2))
            steps = QUARTILE / 2 ** (self.bits - 1) * 2.0 ** np.arange(self.bits)
            bases = steps.reshape(-1, *(1 for _ in deviation.shape)) * deviation
        fitted = bases.reshape(self.bits, -1).T.copy()
        rows = blocks.rows.reshape(len(fitted), -1)
        positive = np.empty((self.bits, *rows.shape), np.bool_)
        for i, (_, weights) in enumerate(blocks.each()):
            fitted[i] = fit_bases(weights, fitted[i], self.iterations)
            positive[:, i] = nearest_sums(rows[i], fitted[i])
        code = planes_code(blocks, fitted.T.reshape(bases.shape), positive.reshape(self.bits, *blocks.rows.shape))
        return replace(parameters, weight=code)


def sums_of(bases: Reals) -> tuple[Reals, Reals]:
    """All 2^K sums of +-bases, ascending, and their signs [2^K, K] as +1 and -1."""
    count = len(bases)
    signs = np.where((np.arange(1 << count)[:, None] >> np.arange(count)) & 1, 1.0, -1.0)
    levels = signs @ bases
    order = np.argsort(levels, kind="stable")
    return levels[order], signs[order]


def fit_bases(values: Reals, bases: Reals, most: int) -> Reals:
    """Bases after alternating between levels and least squares until no value changes its level.

    Values are sorted once; what a turn needs of a level is how many values it has, and their sum.
    """
    ordered = np.sort(values)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    before = None
    for _ in range(most):
        levels, signs = sums_of(bases)
        inner = np.searchsorted(ordered, (levels[1:] + levels[:-1]) / 2, side="left")
        bounds = np.concatenate([[0], inner, [ordered.size]])
        state = (bounds.tobytes(), signs.tobytes())
        if state == before:
            break
        before = state
        counts, totals = np.diff(bounds), np.diff(sums[bounds])
        gram = (signs * counts[:, None]).T @ signs + RIDGE * np.eye(len(bases))
        bases = np.linalg.solve(gram, signs.T @ totals + RIDGE * bases)
    return bases


def nearest_sums(values: Reals, bases: Reals) -> Mask:
    """Signs of the nearest sum of +-bases for each value [K, values], the larger sum in a tie."""
    levels, signs = sums_of(bases)
    index = np.searchsorted((levels[1:] + levels[:-1]) / 2, values, side="right")
    out: Mask = signs[index].T > 0
    return out
