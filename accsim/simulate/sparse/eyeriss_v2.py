"""Eyeriss v2: compressed iacts and weights in every PE, PEs in clusters (Chen et al., JETCAS 9(2), 2019).

::

    iacts, CSC: [address] [count|word] ...                      PE: one output row, one filter row,
                     |  each non-zero iact of the window             C0 channels, M0 filters
                     v
    weights, CSC: [address of column (c, s)] -> [count|word][count|word] ...
                                                     |   2 pairs a cycle (24 b)
                     iact x word --> [+] psum[M0] <--+

A PE takes the iacts of a window one after another. Zeros are not among them; each other one fetches the column of
weights it meets, and the column's pairs go through the multipliers, ``macs`` per cycle, in the order they lie in.
So one PE of one MAC does a 1x1 layer in sum over c of nnz(ifmap of c) x nnz(weights of c) cycles.

PEs of a cluster's column add their sums up, so the rows of a cluster share a pass: filter rows and, where those
leave room, parts of the channels. Columns of all clusters take output rows and blocks of filters. A cluster goes on
to its next pass when its last PE is done (``barrier``); a layer ends with the last cluster (``clusters``). Idle
slots besides: ``pairs`` for the second place of a read that had one pair left, ``fillers`` for zeros that cut runs
too long for their count, ``unmapped`` for PEs a pass had no work for.

What is sent to PEs: a pass's iacts once to each cluster, from its buffer, for all PEs that share them; weights once a
layer, since the same weights take all output rows before the next come, and sums go to the buffer and back between.

Which dimensions go where is searched anew for each layer on the chip; here the cut with the fewest cycles for dense
operands is taken among those with powers of two of filter blocks side by side. An iact whose column is empty costs
no cycle: addresses are read ahead of words. The ramps of the seven pipeline stages are not counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.simulate.padding import valid_macs
from accsim.simulate.sparse.count import Counters, Expected, SparseCount, Stepped, named
from accsim.simulate.sparse.maxima import column_pairs, of_normals, slowest, taps_inside
from accsim.simulate.sparse.window import Window, masks, words
from accsim.workload.layer import Geometry

IDLE = ("pairs", "fillers", "unmapped", "barrier", "clusters")


@dataclass(frozen=True, slots=True)
class EyerissV2:
    """The machine; defaults of the chip (JETCAS 2019, Tables II and III).

    Attributes:
        clusters: PE clusters.
        rows, cols: PEs of a cluster.
        macs: pairs of weights read, and multiplied, per cycle.
        iact_words: iact pairs a PE holds: channels times filter columns of a pass.
        weight_words: weight pairs a PE holds: those times the filters of a pass.
        psum_words: sums a PE holds: filters of a pass.
        count_bits: of the zeros before a pair.
    """

    clusters: int = 16
    rows: int = 3
    cols: int = 4
    macs: int = 2
    iact_words: int = 16
    weight_words: int = 192
    psum_words: int = 32
    count_bits: int = 4

    @property
    def multipliers(self) -> int:
        """Multipliers of all PEs."""
        return self.clusters * self.rows * self.cols * self.macs


@dataclass(frozen=True, slots=True)
class Cut:
    """What of a layer goes where.

    Attributes:
        filter_ways, position_ways: blocks of filters, and output rows, on the columns of all clusters at once.
        filters, channels: M0 and C0 of a pass in one PE.
    """

    filter_ways: int
    position_ways: int
    filters: int
    channels: int


def cannot(g: Geometry, machine: EyerissV2) -> str | None:
    """Why the machine cannot run a layer; ``None`` if it can."""
    if machine.iact_words < g.S:
        return f"a filter {g.S} wide needs more than the {machine.iact_words} iacts a PE holds"
    return None


def cut(g: Geometry, machine: EyerissV2) -> Cut:
    """The cut with the fewest cycles for dense operands; of equal ones that with most filters in a PE."""
    columns = machine.clusters * machine.cols
    ways = [1 << i for i in range(columns.bit_length()) if 1 << i <= columns]
    cuts = [_cut(g, machine, way, columns // way) for way in ways]
    return min(cuts, key=lambda c: (_dense(g, machine, c), -c.filters))


def _cut(g: Geometry, machine: EyerissV2, filter_ways: int, position_ways: int) -> Cut:
    wanted = -(-g.filters_per_group // max(1, filter_ways // g.G))
    filters = max(1, min(machine.psum_words, machine.weight_words // g.S, wanted))
    channels = max(1, min(machine.iact_words // g.S, machine.weight_words // (filters * g.S), g.channels_per_group))
    return Cut(filter_ways, position_ways, filters, channels)


def _dense(g: Geometry, machine: EyerissV2, c: Cut) -> int:
    blocks, slices = g.G * -(-g.filters_per_group // c.filters), g.R * -(-g.channels_per_group // c.channels)
    rounds = -(-blocks // c.filter_ways) * -(-(g.N * g.P) // c.position_ways) * -(-slices // machine.rows)
    return rounds * g.Q * g.S * c.channels * -(-c.filters // machine.macs)


def count(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: EyerissV2) -> SparseCount:
    """Count a layer from the zeros of its operands.

    Args:
        g: the layer; one that the machine can run.
        ifmap, weight: [N, C, H, W] and [M, C / G, R, S]; only zeros matter.

    Raises:
        ValueError: shapes that are not the geometry's.
    """
    pixels, taps = masks(g, ifmap, weight)
    return _run(g, pixels.astype(np.int64), np.zeros((0, 0, 0, 0), np.int64), taps, machine).count


def step(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: EyerissV2) -> Stepped:
    """Run a layer cycle by cycle with real words.

    Args:
        g: the layer; one that the machine can run.
        ifmap, weight: integers [N, C, H, W] and [M, C / G, R, S].

    Raises:
        ValueError: shapes that are not the geometry's.
    """
    pixels, taps = words(g, ifmap, weight)
    return _run(g, pixels, taps, masks(g, ifmap, weight)[1], machine)


def _run(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], mask: NDArray[Any], machine: EyerissV2) -> Stepped:
    """Go through the passes; stepped if there are weights."""
    from accsim.simulate.sparse import eyeriss_v2_kernels as kernels  # noqa: PLC0415

    c = cut(g, machine)
    how = kernels.Passes(
        machine.clusters, machine.rows, machine.cols, machine.macs, machine.count_bits,
        c.filter_ways, c.position_ways, c.filters, c.channels,
    )  # fmt: skip
    stepped = weight.size > 0
    found = kernels.columns(mask, g.G, c.filters, machine.count_bits)
    sums = np.zeros((g.N, g.M, g.P, g.Q) if stepped else (0, 0, 0, 0), np.int64)
    out = kernels.run(ifmap, weight, g.filters_per_group, found, Window.of(g), how, stepped, sums)
    return Stepped(sums, _result(g, out, int(found[..., 0].sum()), machine))


def _result(g: Geometry, out: Counters, stored: int, machine: EyerissV2) -> SparseCount:
    cycles, dense, multiplies, pairs, fillers, unmapped, barrier, clusters, iacts, weights, sent, rounds = out
    return SparseCount(
        cycles=int(cycles),
        dense_cycles=int(dense),
        multiplies=int(multiplies),
        slots=int(cycles) * machine.multipliers,
        idle=named(IDLE, (pairs, fillers, unmapped, barrier, clusters)),
        accesses=named(
            ("ifmap_reads", "weight_reads", "psum_updates", "ifmap_sent", "weight_sent", "psum_out"),
            (iacts, weights, multiplies + fillers, sent, stored, rounds * g.ofmap_words),
        ),
    )


def one_mac_cycles(nonzero_iacts: NDArray[Any], nonzero_weights: NDArray[Any]) -> int:
    """Cycles of a 1x1 layer on one PE of one MAC, from the non-zero words of each channel.

    Of the four masked layers of a sparse MobileNet in the artefact of Wu et al. (MICRO 2022), taken from the authors'
    simulation of the PE, it gives the published cycles exactly.
    """
    return int(np.dot(nonzero_iacts.astype(np.int64), nonzero_weights.astype(np.int64)))


def expect(g: Geometry, ifmap: float, weight: float, machine: EyerissV2) -> Expected:
    """What is expected of a layer at densities of its ifmap and weights.

    A column's pairs have the distribution that independent weights give, fillers among them, and a row's iacts a
    binomial one. What a PE does in a pass is taken as normal with the mean and variance that follow; a pass is as
    long as the largest of its PEs, those that share weights or iacts being alike as far as they do, and the layer as
    long as the cluster with the largest sum.
    """
    c = cut(g, machine)
    rounds = -(-(g.R * -(-g.channels_per_group // c.channels)) // machine.rows)
    blocks = -(-(g.G * -(-g.filters_per_group // c.filters)) // c.filter_ways)
    macs = valid_macs(g) * ifmap * weight
    column = column_pairs(c.filters, weight, machine.count_bits)
    sent = g.N * g.P * g.R * g.C * g.W * ifmap * blocks * (max(1, machine.clusters // max(1, c.position_ways)))
    return Expected(
        cycles=_cycles(g, ifmap, weight, machine),
        multiplies=macs,
        accesses=(
            ("ifmap_reads", valid_macs(g) * ifmap / c.filters),
            ("weight_reads", macs * float(column @ np.arange(len(column))) / max(1e-9, c.filters * weight)),
            ("psum_updates", macs * float(column @ np.arange(len(column))) / max(1e-9, c.filters * weight)),
            ("ifmap_sent", sent),
            ("weight_sent", g.weight_words * weight),
            ("psum_out", rounds * g.ofmap_words),
        ),
    )


@lru_cache(maxsize=4096)
def _cycles(g: Geometry, ifmap: float, weight: float, machine: EyerissV2) -> float:
    from accsim.simulate.sparse import eyeriss_v2_kernels as kernels  # noqa: PLC0415

    c, at = cut(g, machine), Window.of(g)
    how = kernels.Passes(
        machine.clusters, machine.rows, machine.cols, machine.macs, machine.count_bits,
        c.filter_ways, c.position_ways, c.filters, c.channels,
    )  # fmt: skip
    inside = int(taps_inside(g.Q, g.S, g.stride_w, g.dilation_w, g.pad_left, g.W).sum())
    places, work = inside / g.S, np.zeros((2, 2, 3))
    for i, length in enumerate((c.filters, g.filters_per_group % c.filters)):
        pairs = column_pairs(length, weight, machine.count_bits)
        read = -(-np.arange(len(pairs)) // machine.macs)
        mean = float(pairs @ read)
        spread = max(0.0, float(pairs @ (read * read)) - mean * mean)
        alike = g.S if g.stride_w < g.S else 1  # neighbouring taps meet the same iacts
        for j, channels in enumerate((c.channels, g.channels_per_group % c.channels)):
            by_weights = channels * g.S * (places * ifmap) ** 2 * spread
            by_iacts = channels * g.S * places * ifmap * (1 - ifmap) * (alike * mean * mean + spread)
            work[i, j] = channels * inside * ifmap * mean, math.sqrt(by_weights), math.sqrt(by_iacts)
    orders = np.array([(0.0, 1.0), *(of_normals(n) for n in range(1, max(machine.rows, machine.cols) + 1))])
    means, variances = kernels.expected(g.N, g.H, g.channels_per_group, g.R, g.filters_per_group, at, how, work, orders)
    return slowest(means, variances)
