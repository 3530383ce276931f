"""Legal row-stationary mappings of a layer, ranked by closed-form cost; the exact engine decides among the best.

The whole grid of (e, p, q, t, n) is scored at once with the traffic and cycle formulas of JSSC 2017 (Tables II and III);
r is the largest that fits the array and m the largest that fits the buffer, because neither can raise any cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import Accelerator, InitialPsum, Sram
from accsim.mapping.capacity import Reserved, buffer_misfits
from accsim.mapping.dataflow import RowStationaryDataflow
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.nest import input_extent, window_span
from accsim.mapping.options import distinct_tiles
from accsim.mapping.row_stationary import array_violations, cut_filter, even_runs, sets_on_array, spads_hold
from accsim.workload.layer import Geometry, Operand

Grid = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prices:
    """Energy per bit at DRAM and at the shared buffers, to rank candidates."""

    dram: float
    buffer: float


def candidates(
    geometry: Geometry,
    accelerator: Accelerator,
    dataflow: RowStationaryDataflow,
    reserved: tuple[Reserved, ...],
    weight_bits: int,
    prices: Prices,
    keep: int = 6,
) -> list[RowStationaryMapping]:
    """The best legal mappings by energy, by cycles and by their product, ``keep`` of each; empty if none is legal."""
    f = geometry.Q
    while f >= 1:
        found = _search(geometry, accelerator, dataflow, reserved, weight_bits, prices, keep, f)
        if found:
            return found
        f = -(-f // 2) if f > 1 else 0
    return []


def _grid(geometry: Geometry, accelerator: Accelerator) -> list[tuple[int, int, int, int, int, int]]:
    """All (n, e, p, q, r, t) that fit the array and the scratchpads."""
    g, array = geometry, accelerator.array
    stacked = array.rows // even_runs(g.R, array.rows)[0]
    spads: list[tuple[int, int]] = []
    for p in distinct_tiles(g.filters_per_group, g.filters_per_group, 16):
        for q in distinct_tiles(g.channels_per_group, g.channels_per_group, 16):
            if spads_hold(accelerator, g, p, q, g.S):
                spads.append((p, q))
    if not spads:
        spads = [(1, 1)] if spads_hold(accelerator, g, 1, 1, 1) else []
    batches = distinct_tiles(g.N, g.N, 6)
    out: list[tuple[int, int, int, int, int, int]] = []
    for e in distinct_tiles(g.P, min(g.P, stacked * array.cols)):
        sets = sets_on_array(accelerator, g, e)
        if sets < 1:
            continue
        splits = sorted({sets // k for k in range(1, sets + 1)})
        for p, q in spads:
            blocks_m, blocks_c = -(-g.filters_per_group // p), -(-g.channels_per_group // q)
            most = {t: min(sets // t, blocks_c) for t in (min(t, blocks_m) for t in splits)}
            pairs = {(r, t) for t, largest in most.items() for r in (largest, 1)}
            out += [(n, e, p, q, r, t) for r, t in pairs for n in batches]
    return out


def _search(
    geometry: Geometry,
    accelerator: Accelerator,
    dataflow: RowStationaryDataflow,
    reserved: tuple[Reserved, ...],
    weight_bits: int,
    prices: Prices,
    keep: int,
    f: int,
) -> list[RowStationaryMapping]:
    g = geometry
    grid = sorted(_grid(g, accelerator))
    if not grid:
        return []
    n, e, p, q, r, t = (np.array(column, dtype=np.float64) for column in zip(*grid, strict=True))
    m = _largest_m(g, accelerator, reserved, weight_bits, f, n, e, p, q, r, t)
    legal = m >= 1
    if not legal.any():
        return []
    m = np.where(legal, m, 1)
    energy, cycles = _costs(g, accelerator, weight_bits, prices, f, m, n, e, p, q, r, t)
    out: dict[RowStationaryMapping, None] = {}
    for cost in (energy, cycles, energy * cycles):
        order = np.lexsort((np.arange(len(grid)), np.where(legal, cost, np.inf)))
        taken = 0
        for i in order:
            if taken == keep or not legal[i]:
                break
            mapping = RowStationaryMapping(
                dataflow,
                m=int(m[i]),
                f=f,
                **dict(zip("neqprt", (grid[i][0], grid[i][1], grid[i][3], grid[i][2], *grid[i][4:]), strict=True)),
            )
            nest = mapping.nest(g, accelerator.dram.fetch_padding)
            if array_violations(accelerator, g, mapping) or buffer_misfits(
                accelerator, mapping, nest, weight_bits, reserved
            ):
                continue
            out[mapping] = None
            taken += 1
    return list(out)


def _banks(bits: Grid, level: Sram) -> Grid:
    return bits if level.bank_bits is None else np.ceil(bits / level.bank_bits) * level.bank_bits


def _largest_m(
    g: Geometry,
    accelerator: Accelerator,
    reserved: tuple[Reserved, ...],
    weight_bits: int,
    f: int,
    n: Grid,
    e: Grid,
    p: Grid,
    q: Grid,
    r: Grid,
    t: Grid,
) -> Grid:
    """The most filters whose psums fit beside the other tiles: all, else a multiple of one pass's; 0 if none does."""
    pe = accelerator.pe
    step = np.minimum(p * t, g.filters_per_group)
    most = np.full_like(n, g.filters_per_group)
    rows = (e - 1) * min(g.stride_h, window_span(g.R, g.dilation_h)) + window_span(g.R, g.dilation_h)
    width = input_extent(f, g.stride_w, window_span(g.S, g.dilation_w))
    channels, filters = np.minimum(q * r, g.channels_per_group), step
    tiles = {
        Operand.IFMAP: n * channels * rows * width * pe.activation_bits,
        Operand.WEIGHT: filters * channels * g.R * g.S * weight_bits,
    }
    for level in accelerator.buffers:
        taken = next((x for x in reserved if x.level == level.name), Reserved(level.name, 0, frozenset()))
        for part in level.partitions:
            free = np.full_like(n, part.size_bits)
            if Operand.IFMAP in part.operands or Operand.OFMAP in part.operands:
                free = free - taken.bits
            for operand, bits in tiles.items():
                if operand in part.operands and operand not in taken.whole:
                    free = free - _banks(bits * part.copies(operand), level)
            if Operand.PSUM in part.operands:
                one = n * e * f * pe.accumulator_bits * part.copies(Operand.PSUM)
                if level.bank_bits is not None:
                    free = np.floor(free / level.bank_bits) * level.bank_bits
                most = np.minimum(most, np.floor(free / one))
            else:
                most = np.where(free < 0, 0, most)
    rounded = np.floor(most / step) * step
    return np.where(
        most >= g.filters_per_group, g.filters_per_group, np.where(rounded >= 1, rounded, np.maximum(most, 0))
    )


def _costs(
    g: Geometry,
    accelerator: Accelerator,
    weight_bits: int,
    prices: Prices,
    f: int,
    m: Grid,
    n: Grid,
    e: Grid,
    p: Grid,
    q: Grid,
    r: Grid,
    t: Grid,
) -> tuple[Grid, Grid]:
    """Energy of DRAM and buffer traffic, and cycles, by closed form without partial tiles."""
    pe, span = accelerator.pe, window_span(g.R, g.dilation_h)
    filters, channels = g.filters_per_group, g.channels_per_group
    block = np.minimum(np.minimum(p * t, m), filters)
    n_k = np.ceil(m / block) * np.ceil(filters / m)
    n_c, n_e = np.ceil(channels / (q * r)), np.ceil(g.P / e)
    n_n, n_m, n_f = np.ceil(g.N / n), np.ceil(filters / m), np.ceil(g.Q / f)
    rows_r, cols_s = cut_filter(accelerator, g, 1, 1)
    runs = len(rows_r) * len(cols_s)
    rows = (g.P - n_e) * min(g.stride_h, span) + n_e * span
    width = n_f * input_extent(f, g.stride_w, window_span(g.S, g.dilation_w))
    ifmap = g.N * g.C * rows * width * pe.activation_bits
    weight = float(g.weight_words) * weight_bits
    psum = float(g.ofmap_words) * pe.accumulator_bits
    reads = n_c * runs - (0 if accelerator.array.initial_psum is InitialPsum.READ else 1)
    again = np.where(n_n * n_e * n_f * n_c > 1, n_m, 1)
    reload = np.where(n_c * n_k > 1, n_n * n_e * n_f, 1)
    dram = ifmap * again + weight * reload + g.ofmap_words * pe.output_bits
    buffer = ifmap * (again + n_k) + weight * reload * 2 + psum * (n_c * runs + reads + 1)
    per_p, per_q = np.ceil(block / t), np.ceil(np.minimum(channels, q * r) / r)
    column = per_p * per_q * g.S + per_p * pe.psum_add_cycles * runs + per_q * g.stride_w * pe.window_shift_cycles
    passes = g.G * n_k * n_c * n_e * n_n * n_f
    array = passes * n * f * column * len(rows_r)
    bus = np.maximum(
        _bus(accelerator, Operand.IFMAP, "in", ifmap * n_k),
        np.maximum(
            _bus(accelerator, Operand.PSUM, "in", psum * reads),
            _bus(accelerator, Operand.PSUM, "out", psum * n_c * runs),
        ),
    )
    link = accelerator.dram.width_bits * (accelerator.dram.clock_mhz or accelerator.clock_mhz) / accelerator.clock_mhz
    cycles = np.maximum(np.maximum(array, bus), dram / link)
    return dram * prices.dram + buffer * prices.buffer, cycles + 1e-6 * (array + dram / link)


def _bus(accelerator: Accelerator, operand: Operand, direction: str, bits: Grid) -> Grid:
    link = accelerator.link(operand, direction)
    return np.zeros_like(bits) if link is None or link.width_bits is None else bits / link.width_bits
