"""Eyeriss v2 compiled: the passes of its clusters, counted from masks or stepped word by word."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel, part
from accsim.simulate.sparse.csc import encode
from accsim.simulate.sparse.window import Window

CYCLES, DENSE, MULTIPLIES, PAIRS, FILLERS, UNMAPPED, BARRIER, CLUSTERS, IACTS, WEIGHTS, SENT, ROUNDS = range(12)


class Passes(NamedTuple):
    """How a layer is cut, see ``eyeriss_v2.Mapping`` (whose names these are), and the array it is cut for."""

    clusters: int
    rows: int
    cols: int
    macs: int
    count_bits: int
    filter_ways: int
    position_ways: int
    filters: int
    channels: int


@kernel
def columns(weight: NDArray[np.uint8], groups: int, filters: int, count_bits: int) -> NDArray[np.int64]:
    """Pairs and non-zero words of the columns of a mask: [groups x blocks, C / G, R, S, 2] of (pairs, non-zero)."""
    per_group = weight.shape[0] // groups
    blocks = -(-per_group // filters)
    out = np.zeros((groups * blocks, weight.shape[1], weight.shape[2], weight.shape[3], 2), np.int64)
    counts, values, column = np.empty(filters, np.int64), np.empty(filters, np.int64), np.empty(filters, np.int64)
    for gb in range(groups * blocks):
        first = gb // blocks * per_group + gb % blocks * filters
        length = min(filters, (gb // blocks + 1) * per_group - first)
        for c in range(weight.shape[1]):
            for r in range(weight.shape[2]):
                for s in range(weight.shape[3]):
                    nonzero = 0
                    for k in range(length):
                        column[k] = weight[first + k, c, r, s]
                        nonzero += column[k] != 0
                    out[gb, c, r, s, 0] = encode(column, length, count_bits, counts, values)
                    out[gb, c, r, s, 1] = nonzero
    return out


Words = NDArray[Any]


@part
def nonzero_in(ifmap: Words, first: int, count: int, row: int) -> int:
    """Words that are not zero in a row of some channels."""
    found = 0
    for c in range(first, first + count):
        for col in range(ifmap.shape[2]):
            found += ifmap[c, row, col] != 0
    return found


@part
def share(
    ifmap: Words, found: Words, n: int, c_first: int, c_count: int, base: int, row: int, r: int, at: Window, macs: int
) -> tuple[int, int, int, int]:
    """Cycles, multiplies, fillers and iacts of one PE in a pass: one output row of one row of a block of filters."""
    cycles = multiplies = fillers = iacts = 0
    for c in range(c_first, c_first + c_count):
        for s in range(found.shape[3]):
            pairs, nonzero = found[base, c, r, s, 0], found[base, c, r, s, 1]
            met = 0
            for q in range(at.q):
                col = q * at.stride_w + s * at.dilation_w - at.left
                if 0 <= col < ifmap.shape[2]:
                    met += ifmap[c, row, col] != 0
            cycles += met * -(-pairs // macs)
            multiplies += met * nonzero
            fillers += met * (pairs - nonzero)
            iacts += met
    return cycles, multiplies, fillers, iacts


@part
def step_share(
    ifmap: Words,
    weight: Words,
    first: int,
    length: int,
    c_first: int,
    c_count: int,
    row: int,
    r: int,
    at: Window,
    macs: int,
    count_bits: int,
    psums: Words,
    seen: Words,
) -> int:
    """Run one PE for a pass: one output row of sums [Q, filters]; returns its cycles.

    The weights lie in the PE as one address per column and pairs of count and word. For each output the iacts of its
    window come as pairs too; each that is not zero fetches its column's addresses, and ``macs`` pairs are read,
    multiplied and added per cycle.
    """
    taps = weight.shape[3]
    address = np.zeros(c_count * taps + 1, np.int64)
    counts, values = np.empty(c_count * taps * length, np.int64), np.empty(c_count * taps * length, np.int64)
    column = np.empty(length, np.int64)
    for c in range(c_count):
        for s in range(taps):
            for k in range(length):
                column[k] = weight[first + k, c_first + c, r, s]
            at_pair = address[c * taps + s]
            n = encode(column, length, count_bits, counts[at_pair:], values[at_pair:])
            address[c * taps + s + 1] = at_pair + n
    cycles = 0
    for q in range(at.q):
        for j in range(c_count * taps):
            col = q * at.stride_w + j % taps * at.dilation_w - at.left
            if not 0 <= col < ifmap.shape[2]:
                continue
            iact = ifmap[c_first + j // taps, row, col]
            if iact == 0:  # not among the pairs the PE is sent
                continue
            seen[IACTS] += 1
            pair, k = address[j], 0
            while pair < address[j + 1]:
                cycles += 1
                for _ in range(macs):
                    if pair < address[j + 1]:
                        k += counts[pair]
                        psums[q, k] += iact * values[pair]
                        seen[WEIGHTS] += 1
                        if values[pair] != 0:
                            seen[MULTIPLIES] += 1
                        else:
                            seen[FILLERS] += 1
                        k, pair = k + 1, pair + 1
                    else:
                        seen[PAIRS] += 1
    return cycles


@kernel
def run(
    ifmap: NDArray[np.int64], weight: NDArray[np.int64], per_group: int, found: NDArray[np.int64], at: Window,
    how: Passes, stepped: bool, result: NDArray[np.int64],
) -> NDArray[np.int64]:  # fmt: skip
    """Go through the passes of every cluster.

    Args:
        ifmap, weight: [N, C, H, W] and [M, C / G, R, S]; unless stepped a mask, and nothing.
        per_group: filters of a group.
        found: what ``columns`` gives.
        result: [N, M, P, Q], where stepped PEs add their sums.
    """
    out = np.zeros(12, np.int64)
    spent, dense_spent = np.zeros(how.clusters, np.int64), np.zeros(how.clusters, np.int64)
    batch, depth, taps_h, taps_w = ifmap.shape[0], found.shape[1], found.shape[2], found.shape[3]
    blocks, parts = found.shape[0], -(-depth // how.channels)
    in_group, slices = blocks // at.groups, parts * taps_h
    inside = 0
    for q in range(at.q):
        for s in range(taps_w):
            inside += 0 <= q * at.stride_w + s * at.dilation_w - at.left < ifmap.shape[3]
    lanes = how.cols
    for cluster in range(how.clusters):
        for first_block in range(0, blocks, how.filter_ways):
            for first_slice in range(0, slices, how.rows):
                for first_position in range(0, batch * at.p, how.position_ways):
                    longest = dense_longest = busy = mapped = 0
                    for lane in range(cluster * lanes, (cluster + 1) * lanes):
                        block = first_block + lane // how.position_ways
                        position = first_position + lane % how.position_ways
                        if block >= blocks or position >= batch * at.p or lane >= how.filter_ways * how.position_ways:
                            continue
                        n, p = position // at.p, position % at.p
                        g = block // in_group
                        first = g * per_group + block % in_group * how.filters
                        length = min(how.filters, (g + 1) * per_group - first)
                        maps = ifmap[n, g * depth : (g + 1) * depth]
                        for part_row in range(first_slice, min(first_slice + how.rows, slices)):
                            mapped += 1
                            r, c_first = part_row % taps_h, part_row // taps_h * how.channels
                            c_count = min(how.channels, depth - c_first)
                            row = p * at.stride_h + r * at.dilation_h - at.top
                            if not 0 <= row < ifmap.shape[2]:
                                continue
                            if lane - cluster * lanes < how.position_ways:  # else another column of it has the row
                                out[SENT] += nonzero_in(maps, c_first, c_count, row)
                            dense_longest = max(dense_longest, c_count * inside * -(-length // how.macs))
                            if stepped:
                                psums = np.zeros((at.q, length), np.int64)
                                cycles = step_share(
                                    maps, weight, first, length, c_first, c_count, row, r, at, how.macs,
                                    how.count_bits, psums, out,
                                )  # fmt: skip
                                for k in range(length):
                                    for q in range(at.q):
                                        result[n, first + k, p, q] += psums[q, k]
                            else:
                                cycles, multiplies, fillers, iacts = share(
                                    maps, found, n, c_first, c_count, block, row, r, at, how.macs
                                )
                                out[MULTIPLIES] += multiplies
                                out[FILLERS] += fillers
                                out[PAIRS] += cycles * how.macs - multiplies - fillers
                                out[IACTS] += iacts
                                out[WEIGHTS] += multiplies + fillers
                            longest, busy = max(longest, cycles), busy + cycles
                    spent[cluster] += longest
                    dense_spent[cluster] += dense_longest
                    out[UNMAPPED] += (how.rows * how.cols - mapped) * longest * how.macs
                    out[BARRIER] += (mapped * longest - busy) * how.macs
    out[ROUNDS] = -(-slices // how.rows)
    out[CYCLES], out[DENSE] = spent.max(), dense_spent.max()
    out[CLUSTERS] = (out[CYCLES] * how.clusters - spent.sum()) * how.rows * how.cols * how.macs
    return out


@kernel
def expected(
    batch: int, height: int, depth: int, taps_h: int, per_group: int, at: Window, how: Passes,
    work: NDArray[np.float64], orders: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Mean and variance of the cycles of every cluster, going through the passes as ``run`` does.

    Of a pass the PEs with the most work are looked at; those of one row of the cluster share weights where they are of
    one block.

    Args:
        height, depth: rows of the input, and channels of a group.
        work: [2, 2, 3], of a PE with whole or the last block of filters, whole or the last part of channels: mean
            cycles, and standard deviations of what its weights, and of what its iacts, make of them.
        orders: [n, 2], mean and variance of the largest of n standard normal draws.
    """
    means, variances = np.zeros(how.clusters), np.zeros(how.clusters)
    in_group, parts = -(-per_group // how.filters), -(-depth // how.channels)
    blocks, slices, lanes = at.groups * in_group, parts * taps_h, how.cols
    for cluster in range(how.clusters):
        for first_block in range(0, blocks, how.filter_ways):
            for first_slice in range(0, slices, how.rows):
                coherent = 0.0
                for first_position in range(0, batch * at.p, how.position_ways):
                    top, rows, wide, from_weights, from_iacts = 0.0, 0, 0, 0.0, 0.0
                    for lane in range(cluster * lanes, (cluster + 1) * lanes):
                        block = first_block + lane // how.position_ways
                        position = first_position + lane % how.position_ways
                        if block >= blocks or position >= batch * at.p or lane >= how.filter_ways * how.position_ways:
                            continue
                        cut_block = block % in_group == in_group - 1 and per_group % how.filters != 0
                        here = 0
                        for part_row in range(first_slice, min(first_slice + how.rows, slices)):
                            part_at = part_row // taps_h
                            row = position % at.p * at.stride_h + part_row % taps_h * at.dilation_h - at.top
                            if not 0 <= row < height:
                                continue
                            cut_part = part_at == parts - 1 and depth % how.channels != 0
                            one = work[int(cut_block), int(cut_part)]
                            if one[0] > top:
                                top, rows, wide, here = one[0], 0, 0, 0
                                from_weights, from_iacts = one[1], one[2]
                            here += one[0] == top
                        wide += here > 0
                        rows = max(rows, here)
                    if wide == 0:
                        continue
                    shared = from_weights**2
                    single = from_iacts**2
                    if how.position_ways < lanes:  # lanes of one row have weights of their own, and share iacts
                        shared, single = single, shared
                    spread = shared + orders[wide, 1] * single
                    means[cluster] += top + orders[wide, 0] * np.sqrt(single) + orders[rows, 0] * np.sqrt(spread)
                    variances[cluster] += orders[rows, 1] * orders[wide, 1] * from_iacts**2
                    coherent += np.sqrt(orders[rows, 1]) * from_weights
                if how.filter_ways > 1:  # the same weights take all positions, and differ from cluster to cluster
                    variances[cluster] += coherent**2
    return means, variances
