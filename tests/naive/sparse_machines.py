"""Sparse machines as one reads of them: lists of words, one object per queue, no arrays of counters."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from accsim.simulate.sparse.cnvlutin import Cnvlutin
from accsim.simulate.sparse.eie import Eie
from accsim.simulate.sparse.eyeriss_v2 import EyerissV2, cut
from accsim.simulate.sparse.n_m import NM
from accsim.simulate.sparse.scnn import Scnn
from accsim.simulate.sparse.sparten import Sparten
from accsim.workload.layer import Geometry

Words = Any


def batches(items: list[Any], size: int) -> list[list[Any]]:
    """Consecutive runs of at most ``size`` items."""
    return [items[i : i + size] for i in range(0, len(items), size)]


def window(g: Geometry, p: int, q: int) -> Iterator[tuple[int, int, int, int]]:
    """(r, s, y, x) of the taps of an output that lie on pixels."""
    for r, s in product(range(g.R), range(g.S)):
        y, x = p * g.stride_h + r * g.dilation_h - g.pad_top, q * g.stride_w + s * g.dilation_w - g.pad_left
        if 0 <= y < g.H and 0 <= x < g.W:
            yield r, s, y, x


def scnn(g: Geometry, ifmap: Words, weight: Words, machine: Scnn, halo: int) -> tuple[int, Counter[str]]:
    """Cycles and idle slots of SCNN; ``halo`` is the largest rectangle of one filter."""
    height, width = g.H + g.pad_top + g.pad_bottom, g.W + g.pad_left + g.pad_right
    tile_h, tile_w = -(-height // machine.rows), -(-width // machine.cols)
    held = machine.accumulators // (-(-g.P // machine.rows) * -(-g.Q // machine.cols))
    size, pes = machine.inputs * machine.filters, machine.rows * machine.cols
    idle: Counter[str] = Counter(multiplies=0, fragmentation=0, bank_conflicts=0, barrier=0, halo=0)
    cycles = 0

    def bank(k: int, x: int, y: int) -> int:  # as the rule is written
        folded = ((k & 4) << 2) ^ ((x & 2) << 3) ^ ((y & 2) << 3)
        return (folded + ((x & 1) << 3) + ((y & 1) << 2) + (k & 3)) % machine.banks

    def pe(n: int, c: int, deep: int, filters: list[int], row: int, col: int) -> int:
        spent = 0
        for phase in product(range(g.stride_h), range(g.stride_w)):
            pixels = [
                (y, x)
                for y, x in product(range(row * tile_h, (row + 1) * tile_h), range(col * tile_w, (col + 1) * tile_w))
                if (y % g.stride_h, x % g.stride_w) == phase
                and 0 <= y - g.pad_top < g.H
                and 0 <= x - g.pad_left < g.W
                and ifmap[n, c, y - g.pad_top, x - g.pad_left]
            ]
            taps = [
                (k, r, s)
                for r, s, k in product(range(g.R), range(g.S), filters)
                if (r * g.dilation_h % g.stride_h, s * g.dilation_w % g.stride_w) == phase and weight[k, deep, r, s]
            ]
            for some, others in product(batches(pixels, machine.inputs), batches(taps, machine.filters)):
                places = [
                    (k, (y - r * g.dilation_h) // g.stride_h, (x - s * g.dilation_w) // g.stride_w)
                    for (y, x), (k, r, s) in product(some, others)
                ]
                hits = Counter(bank(k, p, q) for k, p, q in places if 0 <= p < g.P and 0 <= q < g.Q)
                steps = max(hits.values(), default=1)
                idle["multiplies"] += hits.total()
                idle["fragmentation"] += size - hits.total()
                idle["bank_conflicts"] += (steps - 1) * size
                spent += steps
        return spent

    for n, group in product(range(g.N), range(g.G)):
        first = group * g.filters_per_group
        for filters in batches(list(range(first, first + g.filters_per_group)), held):
            for deep in range(g.channels_per_group):
                times = [
                    pe(n, group * g.channels_per_group + deep, deep, filters, row, col)
                    for row, col in product(range(machine.rows), range(machine.cols))
                ]
                cycles += max(times)
                idle["barrier"] += sum(max(times) - t for t in times) * size
            cycles += halo * len(filters)
            idle["halo"] += halo * len(filters) * pes * size
    return cycles, idle


def pairs(column: list[int], count_bits: int) -> list[tuple[int, int]]:
    """A column as (zeros before, word), fillers included."""
    out, gap = [], 0
    for word in np.trim_zeros(np.array(column), "b"):
        if word or gap == 2**count_bits - 1:
            out.append((gap, int(word)))
            gap = 0
        else:
            gap += 1
    return out


def eyeriss_v2(g: Geometry, ifmap: Words, weight: Words, machine: EyerissV2) -> tuple[int, Counter[str]]:
    """Cycles of Eyeriss v2, and idle slots of its multipliers."""
    how = cut(g, machine)
    blocks = [
        (group, some)
        for group in range(g.G)
        for some in batches(list(range(group * g.filters_per_group, (group + 1) * g.filters_per_group)), how.filters)
    ]
    slices = [(cs, r) for cs in batches(list(range(g.channels_per_group)), how.channels) for r in range(g.R)]
    positions = list(product(range(g.N), range(g.P)))
    lanes = machine.clusters * machine.cols
    idle: Counter[str] = Counter(multiplies=0, pairs=0, fillers=0, unmapped=0, barrier=0, clusters=0)
    cycles = [0] * machine.clusters

    def pe(group: int, filters: list[int], n: int, p: int, cs: list[int], r: int) -> int:
        spent = 0
        for q in range(g.Q):
            for tap, s, y, x in window(g, p, q):
                for c in cs:
                    if tap == r and ifmap[n, group * g.channels_per_group + c, y, x]:
                        column = pairs([int(weight[k, c, r, s]) for k in filters], machine.count_bits)
                        for some in batches(column, machine.macs):
                            spent += 1
                            idle["pairs"] += machine.macs - len(some)
                            idle["multiplies"] += sum(word != 0 for _, word in some)
                            idle["fillers"] += sum(word == 0 for _, word in some)
        return spent

    for cluster in range(machine.clusters):
        mine = range(cluster * machine.cols, (cluster + 1) * machine.cols)
        for fr, pr, some in product(
            batches(blocks, how.filter_ways), batches(positions, how.position_ways), batches(slices, machine.rows)
        ):
            times = [
                pe(*fr[lane // how.position_ways], *pr[lane % how.position_ways], *share)
                for lane in mine
                if lane < lanes and lane // how.position_ways < len(fr) and lane % how.position_ways < len(pr)
                for share in some
            ]
            longest = max(times, default=0)
            cycles[cluster] += longest
            idle["barrier"] += sum(longest - t for t in times) * machine.macs
            idle["unmapped"] += (machine.rows * machine.cols - len(times)) * longest * machine.macs
    size = machine.rows * machine.cols * machine.macs
    idle["clusters"] = sum(max(cycles) - spent for spent in cycles) * size
    return max(cycles), idle


def eie(g: Geometry, ifmap: Words, weight: Words, machine: Eie) -> tuple[int, Counter[str]]:
    """Cycles of EIE with a real queue in front of every PE, and idle slots."""
    idle: Counter[str] = Counter(multiplies=0, fillers=0, empty_columns=0, empty_queue=0, barrier=0, unmapped=0)
    cycles = 0
    used = [pe for pe in range(machine.pes) if pe < g.M]
    for n, p in product(range(g.N), range(g.P)):
        coming = deque(c for c in range(g.C) if ifmap[n, c, p, 0])
        queues: list[deque[int]] = [deque() for _ in used]
        work: list[deque[int]] = [deque() for _ in used]
        waits = [0 for _ in used]
        while coming or any(queues) or any(work):
            cycles += 1
            idle["unmapped"] += machine.pes - len(used)
            send = bool(coming) and all(len(queue) < machine.queue_depth for queue in queues)
            for pe in used:
                if not work[pe] and queues[pe]:
                    c = queues[pe].popleft()
                    rows = [int(weight[k, c, 0, 0]) for k in range(pe, g.M, machine.pes)]
                    work[pe] = deque(word for _, word in pairs(rows, machine.count_bits))
                    idle["empty_queue"] += waits[pe]
                    waits[pe] = 0
                    if not work[pe]:
                        idle["empty_columns"] += 1
                        continue
                if work[pe]:
                    idle["multiplies" if work[pe].popleft() else "fillers"] += 1
                else:
                    waits[pe] += 1
            if send:
                c = coming.popleft()
                for queue in queues:
                    queue.append(c)
        idle["barrier"] += sum(waits)
    return cycles, idle


def cnvlutin(g: Geometry, ifmap: Words, machine: Cnvlutin) -> tuple[int, Counter[str]]:
    """Cycles of Cnvlutin and idle slots."""
    idle: Counter[str] = Counter(multiplies=0, barrier=0, unmapped=0)
    cycles, deep = 0, g.channels_per_group
    for n, group, p, q in product(range(g.N), range(g.G), range(g.P), range(g.Q)):
        taps = {(r, s): (y, x) for r, s, y, x in window(g, p, q)}
        lanes = [0] * machine.lanes
        for i, (r, s, cs) in enumerate(product(range(g.R), range(g.S), batches(list(range(deep)), machine.brick))):
            if (r, s) in taps:
                lanes[i % machine.lanes] += sum(bool(ifmap[(n, group * deep + c, *taps[r, s])]) for c in cs)
        for filters in batches(list(range(g.filters_per_group)), machine.filters):
            cycles += max(lanes)
            idle["multiplies"] += sum(lanes) * len(filters)
            idle["barrier"] += sum(max(lanes) - lane for lane in lanes) * len(filters)
            idle["unmapped"] += (machine.filters - len(filters)) * max(lanes) * machine.lanes
    return cycles, idle


def sparten(
    g: Geometry, ifmap: Words, weight: Words, machine: Sparten, shared: list[list[list[int]]]
) -> tuple[int, Counter[str]]:
    """Cycles of SparTen and idle slots; ``shared`` are the filters of each pair, by group."""
    idle: Counter[str] = Counter(multiplies=0, empty_chunks=0, barrier=0, unmapped=0, clusters=0)
    clusters, item = [0] * machine.clusters, 0
    for n, p, q, group in product(range(g.N), range(g.P), range(g.Q), range(g.G)):
        for units in batches(shared[group], machine.units):
            for r, s, y, x in window(g, p, q):
                for cs in batches(list(range(g.channels_per_group)), machine.chunk):
                    times = []
                    for filters in units:
                        spent = 0
                        for k in filters:
                            met = sum(
                                bool(ifmap[n, group * g.channels_per_group + c, y, x] and weight[k, c, r, s])
                                for c in cs
                            )
                            idle["multiplies"] += met
                            idle["empty_chunks"] += met == 0
                            spent += max(1, met)
                        times.append(spent)
                    idle["barrier"] += sum(max(times) - t for t in times)
                    idle["unmapped"] += (machine.units - len(times)) * max(times)
                    clusters[item % machine.clusters] += max(times)
            item += 1
    idle["clusters"] = sum(max(clusters) - spent for spent in clusters) * machine.units
    return max(clusters), idle


def n_m(g: Geometry, weight: Words, machine: NM) -> tuple[int, Counter[str]]:
    """Cycles of N:M weights and idle slots."""
    idle: Counter[str] = Counter(multiplies=0, padding=0, fragmentation=0, unmapped=0)
    cycles = 0
    for _ in product(range(g.N), range(g.P), range(g.Q)):
        for group in range(g.G):
            first = group * g.filters_per_group
            for filters in batches(list(range(first, first + g.filters_per_group)), machine.units):
                spent = 0
                for k in filters:
                    row = [int(weight[k, c, r, s]) for r, s, c in product(
                        range(g.R), range(g.S), range(g.channels_per_group))]  # fmt: skip
                    places = [min(machine.n, len(block)) for block in batches(row, machine.m)]
                    words = sum(word != 0 for word in row)
                    spent = -(-sum(places) // machine.lanes)
                    idle["multiplies"] += words
                    idle["padding"] += sum(places) - words
                    idle["fragmentation"] += spent * machine.lanes - sum(places)
                cycles += spent
                idle["unmapped"] += (machine.units - len(filters)) * machine.lanes * spent
    return cycles, idle
