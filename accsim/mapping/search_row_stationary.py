"""Legal row-stationary mappings of a layer, ranked by closed-form cost; the exact engine decides among the best.

The whole grid of (n, e, f, p, q, r, t) is scored at once; traffic follows from how often each loop of JSSC 2017, Table
II, changes a tile. m is the largest that fits the buffer, or one pass's, because no other m is cheaper; r is the
largest that fits the array, or 1 where the buffer has no room for so many channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import Accelerator, InitialPsum, Sram
from accsim.mapping.capacity import Reserved, buffer_misfits
from accsim.mapping.dataflow import RowStationaryDataflow
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.nest import Loop, Nest
from accsim.mapping.options import distinct_tiles
from accsim.mapping.prices import Prices
from accsim.mapping.row_stationary import array_violations, cut_filter, even_runs, sets_on_array, spads_hold
from accsim.workload.layer import Geometry, Operand

Grid = npt.NDArray[np.float64]


CUT_FILTER_SHARE = 16
"""How many times more candidates are kept for filters that are cut, because their ranking is approximate."""


@dataclass(frozen=True, slots=True)
class Passes:
    """Columns of pass parameters, one row per candidate."""

    n: Grid
    e: Grid
    f: Grid
    p: Grid
    q: Grid
    r: Grid
    t: Grid


def candidates(
    geometry: Geometry,
    accelerator: Accelerator,
    dataflow: RowStationaryDataflow,
    reserved: tuple[Reserved, ...],
    weight_bits: int,
    prices: Prices,
    keep: int = 6,
) -> list[RowStationaryMapping]:
    """The best legal mappings by energy, by cycles and by their product, ``keep`` of each; empty if none is legal.

    The rows of the grid do not depend on the buffers, only which of them are legal and the largest m: a larger buffer
    leaves every row at least as cheap. The smallest m, one pass's, is tried too where all channels fit one pass,
    because the filters then stay in the PEs while the strips pass. The ranking is exact but for filters that are cut to
    fit the array, of which many more are left to the exact engine.
    """
    g, grid = geometry, _grid(geometry, accelerator)
    if accelerator.array.rows < g.R or not spads_hold(accelerator, g, 1, 1, g.S):
        keep *= CUT_FILTER_SHARE
    if not len(grid):
        return []
    rows = Passes(*grid.T.astype(np.float64))
    m = _largest_m(g, accelerator, reserved, weight_bits, rows)
    step = np.minimum(rows.p * rows.t, g.filters_per_group)
    once = (m > step) & (rows.q * rows.r >= g.channels_per_group)
    kept = np.concatenate([np.flatnonzero(m >= 1), np.flatnonzero(once)])
    if not len(kept):
        return []
    m = np.concatenate([m[m >= 1], step[once]])
    grid = grid[kept]
    rows = Passes(*grid.T.astype(np.float64))
    energy, cycles = _costs(g, accelerator, weight_bits, prices, m, rows)
    out: dict[RowStationaryMapping, None] = {}
    for cost in (energy, cycles, energy * cycles):
        taken = 0
        for i in np.lexsort((np.arange(len(grid)), cost)):
            if taken == keep:
                break
            n, e, f, p, q, r, t = (int(value) for value in grid[i])
            mapping = RowStationaryMapping(dataflow, m=int(m[i]), n=n, e=e, f=f, p=p, q=q, r=r, t=t)
            nest = mapping.nest(g, accelerator.dram.fetch_padding)
            if array_violations(accelerator, g, mapping) or buffer_misfits(
                accelerator, mapping, nest, weight_bits, reserved
            ):
                continue
            out[mapping] = None
            taken += 1
    return list(out)


def _grid(geometry: Geometry, accelerator: Accelerator) -> npt.NDArray[np.int64]:
    """All (n, e, f, p, q, r, t) that fit the array and the scratchpads, one per row."""
    g, array = geometry, accelerator.array
    stacked = array.rows // even_runs(g.R, array.rows)[0]
    spads: list[tuple[int, int]] = []
    for p in distinct_tiles(g.filters_per_group, g.filters_per_group, 16):
        for q in distinct_tiles(g.channels_per_group, g.channels_per_group, 16):
            if spads_hold(accelerator, g, p, q, g.S):
                spads.append((p, q))
    if not spads:
        spads = [(1, 1)] if spads_hold(accelerator, g, 1, 1, 1) else []
    out: list[tuple[int, int, int, int, int]] = []
    for e in distinct_tiles(g.P, min(g.P, stacked * array.cols)):
        sets = sets_on_array(accelerator, g, e)
        if sets < 1:
            continue
        splits = sorted({sets // k for k in range(1, sets + 1)})
        for p, q in spads:
            blocks_m, blocks_c = -(-g.filters_per_group // p), -(-g.channels_per_group // q)
            most = {t: min(sets // t, blocks_c) for t in (min(t, blocks_m) for t in splits)}
            out += [(e, p, q, r, t) for t, largest in most.items() for r in {largest, 1}]
    if not out:
        return np.empty((0, 7), dtype=np.int64)
    widths = [g.Q]
    while widths[-1] > 1:
        widths.append(-(-widths[-1] // 2))
    passes = np.array(sorted(out), dtype=np.int64)
    blocks = [
        np.column_stack([np.full(len(passes), n), passes[:, 0], np.full(len(passes), f), passes[:, 1:]])
        for n in distinct_tiles(g.N, g.N, 6)
        for f in widths
    ]
    return np.concatenate(blocks)


def _extents(g: Geometry, dim: str, sizes: Grid, padding: bool) -> tuple[Grid, Grid]:
    """Input rows (P) or columns (Q) of the largest tile, and of all tiles together, for every tile size."""
    kinds, at = np.unique(sizes, return_inverse=True)
    largest, whole = [], []
    for size in kinds:
        pieces = Nest(g, (Loop(dim, int(size)),), padding).pieces(dim, 1)
        largest.append(max(piece.extent for piece, _ in pieces))
        whole.append(sum(piece.extent * n for piece, n in pieces))
    return np.array(largest, dtype=np.float64)[at], np.array(whole, dtype=np.float64)[at]


def _banks(bits: Grid, level: Sram) -> Grid:
    return bits if level.bank_bits is None else np.ceil(bits / level.bank_bits) * level.bank_bits


def _largest_m(
    g: Geometry, accelerator: Accelerator, reserved: tuple[Reserved, ...], weight_bits: int, x: Passes
) -> Grid:
    """The most filters whose psums fit beside the other tiles: all, else a multiple of one pass's; 0 if none does."""
    pe, padding = accelerator.pe, accelerator.dram.fetch_padding
    step = np.minimum(x.p * x.t, g.filters_per_group)
    most = np.full_like(x.n, g.filters_per_group)
    rows, width = _extents(g, "P", x.e, padding)[0], _extents(g, "Q", x.f, padding)[0]
    channels = np.minimum(x.q * x.r, g.channels_per_group)
    tiles = {
        Operand.IFMAP: x.n * channels * rows * width * pe.activation_bits,
        Operand.WEIGHT: step * channels * g.R * g.S * weight_bits,
    }
    for level in accelerator.buffers:
        taken = next((y for y in reserved if y.level == level.name), Reserved(level.name, 0, frozenset()))
        for part in level.partitions:
            free = np.full_like(x.n, part.size_bits)
            if Operand.IFMAP in part.operands or Operand.OFMAP in part.operands:
                free = free - taken.bits
            for operand, bits in tiles.items():
                if operand in part.operands and operand not in taken.whole:
                    free = free - _banks(bits * part.copies(operand), level)
            if Operand.PSUM in part.operands:
                one = x.n * x.e * x.f * pe.accumulator_bits * part.copies(Operand.PSUM)
                if level.bank_bits is not None:
                    free = np.floor(free / level.bank_bits) * level.bank_bits
                most = np.minimum(most, np.floor(free / one))
            else:
                most = np.where(free < 0, 0, most)
    return np.where(most >= g.filters_per_group, g.filters_per_group, np.floor(np.maximum(most, 0) / step) * step)


def _sets(items: Grid, most: Grid) -> Grid:
    """PE sets that work on ``items`` dealt out evenly to at most ``most`` sets."""
    each = np.ceil(np.maximum(items, 1) / most)
    return np.where(items > 0, np.ceil(items / each), 0)


def _dealt(items: Grid | float, block: Grid, most: Grid) -> tuple[Grid, Grid]:
    """Blocks that ``items`` are cut into, and the PE sets that work on them, summed over the blocks."""
    full, rest = np.floor(items / block), items % block
    return full + (rest > 0), full * _sets(block, most) + _sets(rest, most)


def _costs(
    g: Geometry, accelerator: Accelerator, weight_bits: int, prices: Prices, m: Grid, x: Passes
) -> tuple[Grid, Grid]:
    """Energy of what the mapping decides (exact but for packing, cut filters and dilation), and rough cycles."""
    pe, padding = accelerator.pe, accelerator.dram.fetch_padding
    filters, channels = g.filters_per_group, g.channels_per_group
    runs_r, runs_s = (len(cuts) for cuts in cut_filter(accelerator, g, 1, 1))
    runs = runs_r * runs_s
    n_n, n_m, n_e, n_f = np.ceil(g.N / x.n), np.ceil(filters / m), np.ceil(g.P / x.e), np.ceil(g.Q / x.f)
    block = np.minimum(x.p * x.t, m)
    k_full, sets_full = _dealt(m, block, x.t)
    k_rest, sets_rest = _dealt(filters % m, block, x.t)
    n_k, sets_t = np.floor(filters / m) * k_full + k_rest, np.floor(filters / m) * sets_full + sets_rest
    n_c, sets_r = _dealt(float(channels), np.minimum(x.q * x.r, channels), x.r)

    ifmap = g.N * g.C * _extents(g, "P", x.e, padding)[1] * _extents(g, "Q", x.f, padding)[1] * pe.activation_bits
    weight = float(g.weight_words) * weight_bits
    psum = float(g.ofmap_words) * pe.accumulator_bits
    again = np.where((n_n > 1) | (n_e > 1) | (n_f > 1) | (n_c > 1), n_m, 1)
    stepping = (n_c > 1) | (k_full > 1) | (runs > 1)
    reload = np.where(stepping, n_n * n_e * n_f, 1)
    psum_out = psum * n_c * runs
    psum_in = psum_out - (0 if accelerator.array.initial_psum is InitialPsum.READ else psum)
    received = g.N * g.C * _extents(g, "Q", x.f, True)[1] * g.R * g.P * sets_t * pe.activation_bits
    loaded = weight * np.where(stepping, n_n * n_f * g.P, x.e)
    chains = psum * g.R * runs_s * sets_r
    dram = ifmap * again + weight * reload + g.ofmap_words * pe.output_bits
    energy = (
        dram * prices.dram
        + (ifmap * n_k + weight * reload) * prices.buffer
        + psum_in * prices.sum_in
        + psum_out * prices.sum_out
        + received * prices.ifmap
        + loaded * prices.weight
        + (chains - psum_out) * prices.hop
        + 2 * (float(g.macs) * pe.accumulator_bits - chains) * prices.psum
    )

    per_p, per_q = np.ceil(block / x.t), np.ceil(np.minimum(channels, x.q * x.r) / x.r)
    column = per_p * per_q * g.S + per_p * pe.psum_add_cycles * runs + per_q * g.stride_w * pe.window_shift_cycles
    array = g.G * n_k * n_c * n_e * n_n * n_f * x.n * x.f * column * runs_r
    bus = np.maximum(
        _bus(accelerator, Operand.IFMAP, "in", ifmap * n_k),
        np.maximum(_bus(accelerator, Operand.PSUM, "in", psum_in), _bus(accelerator, Operand.PSUM, "out", psum_out)),
    )
    link = accelerator.dram.width_bits * (accelerator.dram.clock_mhz or accelerator.clock_mhz) / accelerator.clock_mhz
    cycles = np.maximum(np.maximum(array, bus), dram / link)
    return energy, cycles + 1e-6 * (array + dram / link)


def _bus(accelerator: Accelerator, operand: Operand, direction: str, bits: Grid) -> Grid:
    link = accelerator.link(operand, direction)
    return np.zeros_like(bits) if link is None or link.width_bits is None else bits / link.width_bits
