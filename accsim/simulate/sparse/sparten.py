r"""SparTen: masks of both operands met bit by bit, filters paired to balance them (Gondimalla et al., MICRO 2019).

::

    ifmap chunk: [mask of 128][words] ----- to all units of the cluster -----+
                                                                             v
    unit: filter A's chunk [mask][words] \                      mask AND mask --> priority encoder --> word x word
          filter B's chunk [mask][words] /  one after the other                   one match a cycle      sum += ...

A cluster makes one output position for as many pairs of filters as it has units; chunks are parts of the channels of
one pixel, broadcast to all units, and the next is broadcast when the last unit is done (``barrier``). A unit spends
a cycle on each match; a chunk without one takes the cycle in which that is found (``empty_chunks``). Positions, and
for each the batches of filters, are dealt out over the clusters in turn, and the layer ends with the last one
(``clusters``).

Which two filters share a unit: neighbours, or with ``balanced`` the densest and the sparsest of the filters, and so
on inwards (greedy balancing in software); sums come out in the order of the filters again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.simulate.padding import valid_macs
from accsim.simulate.sparse.count import Counters, Expected, SparseCount, Stepped, named
from accsim.simulate.sparse.maxima import binomial, slowest, taps_inside
from accsim.simulate.sparse.window import Window, masks, words
from accsim.workload.layer import Geometry

IDLE = ("empty_chunks", "barrier", "unmapped", "clusters")


@dataclass(frozen=True, slots=True)
class Sparten:
    """The machine.

    Attributes:
        clusters, units: clusters, and compute units (of one multiplier) of each.
        chunk: channels of a chunk.
        balanced: whether dense and sparse filters are paired.
    """

    clusters: int = 32
    units: int = 32
    chunk: int = 128
    balanced: bool = True

    @property
    def multipliers(self) -> int:
        """Multipliers of all clusters."""
        return self.clusters * self.units


def cannot(g: Geometry, machine: Sparten) -> str | None:
    """Why the machine cannot run a layer; ``None``, since it can run any."""
    return None


def pairs(g: Geometry, weight: NDArray[Any], machine: Sparten) -> NDArray[np.int64]:
    """Filters that share a unit, [G, pairs, 2]; -1 in the place of a second one where their number is odd."""
    per_group = g.filters_per_group
    dense = np.count_nonzero(weight.reshape(g.M, -1), axis=1).reshape(g.G, per_group)
    order = np.argsort(-dense, axis=1, kind="stable") if machine.balanced else np.tile(np.arange(per_group), (g.G, 1))
    order = order + np.arange(g.G)[:, None] * per_group
    half = -(-per_group // 2)
    out = np.full((g.G, half, 2), -1, np.int64)
    if machine.balanced:
        out[:, :, 0] = order[:, :half]
        out[:, : per_group - half, 1] = order[:, ::-1][:, : per_group - half]
    else:
        out[:, :, 0] = order[:, 0::2]
        out[:, : per_group - half, 1] = order[:, 1::2]
    return out


def count(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: Sparten) -> SparseCount:
    """Count a layer from the zeros of its operands.

    Args:
        ifmap, weight: [N, C, H, W] and [M, C / G, R, S]; only zeros matter.

    Raises:
        ValueError: shapes that are not the geometry's.
    """
    return _result(_count(g, ifmap, weight, machine), machine)


def _count(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: Sparten) -> Counters:
    from accsim.simulate.sparse import sparten_kernels as kernels  # noqa: PLC0415

    pixels, taps = masks(g, ifmap, weight)
    out: Counters = kernels.count(
        kernels.pack(pixels.reshape(g.N, g.C, g.H * g.W), g.G, machine.chunk),
        kernels.pack(taps.reshape(g.M, g.channels_per_group, g.R * g.S), 1, machine.chunk),
        g.channels_per_group, (g.H, g.W), (g.R, g.S), Window.of(g), pairs(g, weight, machine), machine.clusters,
        machine.units, machine.chunk,
    )  # fmt: skip
    return out


def step(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: Sparten) -> Stepped:
    """Run a layer cycle by cycle with real words.

    Args:
        ifmap, weight: integers [N, C, H, W] and [M, C / G, R, S].

    Raises:
        ValueError: shapes that are not the geometry's.
    """
    from accsim.simulate.sparse import sparten_kernels as kernels  # noqa: PLC0415

    pixels, taps = words(g, ifmap, weight)
    sums, out = kernels.step(
        np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)), np.ascontiguousarray(taps.transpose(0, 2, 3, 1)),
        Window.of(g), pairs(g, weight, machine), machine.clusters, machine.units, machine.chunk,
    )  # fmt: skip
    out[kernels.DENSE] = _count(g, ifmap, weight, machine)[kernels.DENSE]
    return Stepped(sums, _result(out, machine))


def _result(out: Counters, machine: Sparten) -> SparseCount:
    cycles, dense, multiplies, empty, barrier, unmapped, clusters, chunks = out
    return SparseCount(
        cycles=int(cycles),
        dense_cycles=int(dense),
        multiplies=int(multiplies),
        slots=int(cycles) * machine.multipliers,
        idle=named(IDLE, (empty, barrier, unmapped, clusters)),
        accesses=named(("mask_matches", "ifmap_reads", "weight_reads"), (chunks, multiplies, multiplies)),
    )


def expect(g: Geometry, ifmap: float, weight: float, machine: Sparten) -> Expected:
    """What is expected of a layer at densities of its ifmap and weights.

    Of a chunk whose pixel has a words, each filter meets Binomial(a, weight); the cluster waits for the largest sum of
    two filters, of all its units. Clusters add up as many chunks as they get, and the layer waits for the slowest,
    whose sums are taken as normal. Filters are taken as alike in density, so that it does not matter how they pair.
    """
    macs, chunks = valid_macs(g) * ifmap * weight, -(-g.channels_per_group // machine.chunk)
    means, variances = _cluster_loads(g, ifmap, weight, machine)
    return Expected(
        cycles=slowest(means, variances),
        multiplies=macs,
        accesses=(
            ("mask_matches", valid_macs(g) // g.channels_per_group * chunks),
            ("ifmap_reads", macs),
            ("weight_reads", macs),
        ),
    )


def _cluster_loads(
    g: Geometry, ifmap: float, weight: float, machine: Sparten
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of the cycles of every cluster."""
    pairs_in_all, per_group, depth = -(-g.filters_per_group // 2), g.filters_per_group, g.channels_per_group
    each = []
    for first in range(0, pairs_in_all, machine.units):
        used = min(machine.units, pairs_in_all - first)
        single = per_group % 2 == 1 and first + used == pairs_in_all
        found = [
            _chunk(min(machine.chunk, depth - c), ifmap, weight, used - single, single)
            for c in range(0, depth, machine.chunk)
        ]
        each.append((sum(mean for mean, _ in found), sum(variance for _, variance in found)))
    rows = taps_inside(g.P, g.R, g.stride_h, g.dilation_h, g.pad_top, g.H)
    cols = taps_inside(g.Q, g.S, g.stride_w, g.dilation_w, g.pad_left, g.W)
    taps = np.repeat(np.tile(np.outer(rows, cols).ravel(), g.N), g.G)
    at = np.arange(taps.size * len(each)) % machine.clusters
    mean, variance = (
        np.bincount(at, np.outer(taps, [one[i] for one in each]).ravel(), machine.clusters) for i in (0, 1)
    )
    return np.asarray(mean, np.float64), np.asarray(variance, np.float64)


@lru_cache(maxsize=1024)
def _chunk(size: int, ifmap: float, weight: float, pairs_of_two: int, single: bool) -> tuple[float, float]:
    """Mean and variance of a cluster's cycles on a chunk, from all counts of the pixel's words."""
    first = second = 0.0
    for words_in, share in enumerate(binomial(size, ifmap)):
        if share < SELDOM:
            continue
        one = np.array([0.0, 1.0])  # a chunk without a match takes a cycle
        if words_in:
            one = binomial(words_in, weight).copy()
            one[0], one[1] = 0.0, one[0] + one[1]
        two = np.convolve(one, one)
        below = np.minimum(np.cumsum(two), 1.0) ** pairs_of_two
        if single:
            below = below * np.minimum(np.concatenate([np.cumsum(one), np.ones(len(two) - len(one))]), 1.0)
        below[-1] = 1.0
        steps, k = np.diff(below, prepend=0.0), np.arange(len(below))
        if pairs_of_two == 0:
            steps, k = one, np.arange(len(one))
        first, second = first + share * float(steps @ k), second + share * float(steps @ (k * k))
    return first, max(0.0, second - first * first)


SELDOM = 1e-9
"""Counts of words that are rarer are left out."""
