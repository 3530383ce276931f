"""Legal systolic mappings of a layer, ranked by closed-form cost; the exact engine decides among the best.

One level of tiles (M, C, P, Q, N) and the order of the loops over them. Each operand is either held as the tile of the
innermost loop or whole; every combination is scored at once over the grid of tile sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from math import prod

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import Accelerator
from accsim.mapping.capacity import Reserved, buffer_misfits
from accsim.mapping.dataflow import REDUCED, RELEVANT, Axis, Delivery, Reduction, SystolicDataflow
from accsim.mapping.mapping import NEST_OPERANDS, SystolicMapping, shared_levels
from accsim.mapping.nest import Loop, window_span
from accsim.mapping.options import distinct_tiles
from accsim.mapping.prices import Prices
from accsim.workload.layer import Geometry, Operand

Grid = npt.NDArray[np.float64]
GROUPS = (("M",), ("C",), ("N", "P", "Q"))
"""Loops over tiles that are ordered as one: outputs' places belong together."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the scoring needs of a layer on a machine."""

    geometry: Geometry
    accelerator: Accelerator
    dataflow: SystolicDataflow
    reserved: tuple[Reserved, ...]
    weight_bits: int

    def bits(self, operand: Operand) -> int:
        """Bits of a word of the operand."""
        return self.weight_bits if operand is Operand.WEIGHT else self.accelerator.bits(operand)

    def bound(self, dim: str) -> int:
        """Length of a dimension, M and C per group."""
        g = self.geometry
        return {"M": g.filters_per_group, "C": g.channels_per_group}.get(dim) or int(getattr(g, dim))


def candidates(
    geometry: Geometry,
    accelerator: Accelerator,
    dataflow: SystolicDataflow,
    reserved: tuple[Reserved, ...],
    weight_bits: int,
    prices: Prices,
    keep: int = 10,
) -> list[SystolicMapping]:
    """The best legal mappings by energy, by cycles and by their product, ``keep`` of each; empty if none is legal."""
    plan = Plan(geometry, accelerator, dataflow, reserved, weight_bits)
    tiles = _tiles(plan)
    scored: list[tuple[float, float, tuple[str, ...], frozenset[Operand], int]] = []
    for whole in _wholes(plan):
        legal = _fits(plan, tiles, whole)
        if not legal.any():
            continue
        rows = np.flatnonzero(legal)
        fitting = {dim: sizes[rows] for dim, sizes in tiles.items()}
        trips = {dim: np.ceil(plan.bound(dim) / sizes) for dim, sizes in fitting.items()}
        for order in permutations(GROUPS):
            loops = tuple(dim for group in order for dim in group)
            energy, cycles = _costs(plan, fitting, trips, loops, whole, prices)
            for cost in (energy.copy(), cycles.copy(), energy * cycles):
                for _ in range(min(2, len(rows))):
                    i = int(np.argmin(cost))
                    scored.append((float(energy[i]), float(cycles[i]), loops, whole, int(rows[i])))
                    cost[i] = np.inf
    out: dict[SystolicMapping, None] = {}
    for energy_weight, cycle_weight in ((1, 0), (0, 1), (1, 1)):
        taken = 0
        ranked_all = sorted(
            scored, key=lambda s: (s[0] ** energy_weight * s[1] ** cycle_weight, s[1], s[0], s[2], s[4])
        )
        for _, _, loops, whole, i in ranked_all:
            mapping = _mapping(plan, {dim: int(tiles[dim][i]) for dim in tiles}, loops, whole)
            nest = mapping.nest(geometry, accelerator.dram.fetch_padding)
            if mapping in out or buffer_misfits(accelerator, mapping, nest, weight_bits, reserved):
                continue
            out[mapping] = None
            taken += 1
            if taken == keep:
                break
    return list(out) or _smallest(plan)


def _smallest(plan: Plan) -> list[SystolicMapping]:
    """The mapping in tiles of one, if it is legal: sizes are estimated without clipping tiles at the padding."""
    loops = tuple(Loop(dim, 1) for dim in "GNMCPQ")
    hold = tuple((level, o, len(loops)) for o in NEST_OPERANDS for level in shared_levels(plan.accelerator, o))
    mapping = SystolicMapping(plan.dataflow, loops, hold)
    nest = mapping.nest(plan.geometry, plan.accelerator.dram.fetch_padding)
    legal = not buffer_misfits(plan.accelerator, mapping, nest, plan.weight_bits, plan.reserved)
    return [mapping] if legal else []


def _mapping(plan: Plan, tile: dict[str, int], order: tuple[str, ...], whole: frozenset[Operand]) -> SystolicMapping:
    loops = [Loop("G", 1)] if plan.geometry.G > 1 and "G" not in _on_array(plan.dataflow) else []
    loops += [Loop(dim, tile[dim]) for dim in order if tile[dim] < plan.bound(dim)]
    hold = tuple(
        (level, operand, 0 if operand in whole else len(loops))
        for operand in NEST_OPERANDS
        for level in shared_levels(plan.accelerator, operand)
    )
    return SystolicMapping(plan.dataflow, tuple(loops), hold)


def _on_array(dataflow: SystolicDataflow) -> frozenset[str]:
    return frozenset((*dataflow.rows, *dataflow.cols, *dataflow.stream))


def _aligned(bound: int, step: int) -> list[int]:
    """Multiples of ``step`` that grow by doubling, and the whole."""
    out, size = {bound}, max(1, step)
    while size < bound:
        out.add(size)
        size *= 2
    return sorted(out)


def _options(plan: Plan, dim: str) -> list[int]:
    """Tile sizes worth trying for a dimension: full arrays' worth, and even cuts."""
    bound, array, flow = plan.bound(dim), plan.accelerator.array, plan.dataflow
    sizes = set(distinct_tiles(bound, bound, 6))
    for dims, pes in ((flow.rows, array.rows), (flow.cols, array.cols)):
        if dim in dims:
            others = prod(plan.bound(d) for d in dims if d in "RS")
            sizes |= set(_aligned(bound, max(1, pes // others)))
    if dim in ("P", "N", "C", "M"):
        sizes |= {1}
    return sorted(sizes)


def _tiles(plan: Plan) -> dict[str, Grid]:
    options = [[float(x) for x in _options(plan, dim)] for dim in "MCPQN"]
    grids = np.meshgrid(*options, indexing="ij")
    return {dim: grid.ravel() for dim, grid in zip("MCPQN", grids, strict=True)}


def _wholes(plan: Plan) -> list[frozenset[Operand]]:
    """Which operands are held whole, if there is a shared level to hold them."""
    holdable = [o for o in NEST_OPERANDS if shared_levels(plan.accelerator, o)]
    return [
        frozenset(o for o, chosen in zip(holdable, pick, strict=True) if chosen)
        for pick in product((False, True), repeat=len(holdable))
    ]


def _words(plan: Plan, tiles: dict[str, Grid], operand: Operand) -> Grid:
    """Words of one tile (one group)."""
    g = plan.geometry
    if operand is Operand.WEIGHT:
        return tiles["M"] * tiles["C"] * g.R * g.S
    if operand is Operand.PSUM:
        return tiles["N"] * tiles["M"] * tiles["P"] * tiles["Q"]
    span_h, span_w = window_span(g.R, g.dilation_h), window_span(g.S, g.dilation_w)
    rows = (tiles["P"] - 1) * min(g.stride_h, span_h) + span_h
    cols = (tiles["Q"] - 1) * min(g.stride_w, span_w) + span_w
    if not plan.accelerator.dram.fetch_padding:
        rows, cols = np.minimum(rows, g.H), np.minimum(cols, g.W)
    return tiles["N"] * tiles["C"] * rows * cols


def _full(plan: Plan, operand: Operand) -> float:
    """Words of the whole operand, all groups."""
    one = {dim: np.array([float(plan.bound(dim))]) for dim in "MCPQN"}
    return float(_words(plan, one, operand)[0]) * plan.geometry.G


def _fits(plan: Plan, tiles: dict[str, Grid], whole: frozenset[Operand]) -> npt.NDArray[np.bool_]:
    """Which tile sizes fit every partition of every buffer."""
    acc = plan.accelerator
    legal = np.ones(len(tiles["M"]), dtype=np.bool_)
    held = shared_levels(acc, Operand.PSUM)
    for level in acc.buffers:
        taken = next((x for x in plan.reserved if x.level == level.name), Reserved(level.name, 0, frozenset()))
        for part in level.partitions:
            free = np.full(len(legal), float(part.size_bits))
            if Operand.IFMAP in part.operands or Operand.OFMAP in part.operands:
                free -= taken.bits
            for operand in part.operands:
                source = Operand.PSUM if operand is Operand.OFMAP else operand
                if source not in NEST_OPERANDS or operand in taken.whole:
                    continue
                if operand is Operand.OFMAP and level.name in held:
                    continue
                words = np.full(len(legal), _full(plan, source)) if source in whole else _words(plan, tiles, source)
                bits = words * plan.bits(operand) * part.copies(operand)
                free -= bits if level.bank_bits is None else np.ceil(bits / level.bank_bits) * level.bank_bits
            legal &= free >= 0
    return legal


def _product(trips: dict[str, Grid], dims: tuple[str, ...]) -> Grid:
    """Trips of several loops together."""
    out = np.ones(len(trips["M"]))
    for dim in dims:
        out = out * trips[dim]
    return out


def _fetched(trips: dict[str, Grid], order: tuple[str, ...], operand: Operand, whole: frozenset[Operand]) -> Grid:
    """How often the whole operand is fetched."""
    times = np.ones(len(trips["M"]))
    if operand in whole:
        return times
    inner = np.zeros(len(times), dtype=np.bool_)
    for dim in reversed(order):
        if dim in RELEVANT[operand]:
            inner |= trips[dim] > 1
        else:
            times = np.where(inner, times * trips[dim], times)
    return times


def _costs(
    plan: Plan,
    tiles: dict[str, Grid],
    trips: dict[str, Grid],
    order: tuple[str, ...],
    whole: frozenset[Operand],
    prices: Prices,
) -> tuple[Grid, Grid]:
    """Energy of DRAM and buffer traffic and of what the array moves more or less of, and cycles."""
    g, acc = plan.geometry, plan.accelerator
    dram = np.zeros(len(tiles["M"]))
    resident = frozenset(o for r in plan.reserved for o in r.whole)
    for operand in (Operand.IFMAP, Operand.WEIGHT):
        if operand not in resident:
            halo = _words(plan, tiles, operand) * _product(trips, tuple(d for d in order if d in RELEVANT[operand]))
            dram += halo * g.G * _fetched(trips, order, operand, whole) * plan.bits(operand)
    visits = _fetched(trips, order, Operand.PSUM, whole)
    dram += (visits - 1) * 2 * g.ofmap_words * plan.bits(Operand.PSUM)
    if Operand.OFMAP not in resident:
        dram += g.ofmap_words * plan.bits(Operand.OFMAP)
    rows, cols, steps = (_extent(plan, tiles, axis) for axis in (Axis.ROWS, Axis.COLS, Axis.STREAM))
    folds_r, folds_c = np.ceil(rows / acc.array.rows), np.ceil(cols / acc.array.cols)
    flow = plan.dataflow
    left = prod(plan.bound(d) for d in flow.folds if d not in ("rows", "cols", "G") and d in "RS") * _left(plan, tiles)
    blocks = _product(trips, order) * (g.G if "G" not in _on_array(flow) else 1)
    edge = np.zeros(len(tiles["M"]))
    inside = np.zeros(len(tiles["M"]))
    used_r, used_c = rows / folds_r, cols / folds_c
    for operand in NEST_OPERANDS:
        words = (
            (rows if flow.depends(operand, Axis.ROWS) else folds_r)
            * (cols if flow.depends(operand, Axis.COLS) else folds_c)
            * (steps if flow.depends(operand, Axis.STREAM) else 1)
        )
        edge += words * left * (2 if operand is Operand.PSUM else 1) * plan.bits(operand)
        if operand is Operand.PSUM:
            inside += words * left * plan.bits(operand) * _crossed(plan, used_r, used_c) * (prices.hop + prices.psum)
        elif (flow.weight if operand is Operand.WEIGHT else flow.ifmap) is Delivery.PRELOAD:
            latches = (used_r + 1) / 2 if flow.depends(operand, Axis.ROWS) else used_r
            each = prices.weight if operand is Operand.WEIGHT else prices.ifmap
            inside += words * left * plan.bits(operand) * latches * each
    ramp = acc.array.rows + acc.array.cols
    if acc.array.stationary_buffers > 1:
        per_block = folds_r * folds_c * left * np.maximum(steps, np.minimum(rows, acc.array.rows))
    else:
        per_block = folds_r * folds_c * left * (steps + ramp + acc.array.rows)
    link = acc.dram.width_bits * (acc.dram.clock_mhz or acc.clock_mhz) / acc.clock_mhz
    array, channel = blocks * per_block, dram / link
    energy = dram * prices.dram + (edge * prices.buffer + inside) * blocks
    return energy, np.maximum(array, channel) + 1e-6 * (array + channel)


def _crossed(plan: Plan, used_r: Grid, used_c: Grid) -> Grid:
    """Inactive PEs that a sum crosses on its way out of a chain."""
    flow, array = plan.dataflow, plan.accelerator.array
    out = np.zeros(len(used_r))
    if flow.reduction is Reduction.CHAIN and not array.edge_taps:
        out += (array.rows - used_r) if not REDUCED.isdisjoint(flow.rows) else 0
        out += (array.cols - used_c) if not REDUCED.isdisjoint(flow.cols) else 0
    return out


def _left(plan: Plan, tiles: dict[str, Grid]) -> Grid:
    """Trips of left-over dimensions that are tiled."""
    out = np.ones(len(tiles["M"]))
    for dim in plan.dataflow.folds:
        if dim in tiles:
            out = out * tiles[dim]
    return out


def _extent(plan: Plan, tiles: dict[str, Grid], axis: Axis) -> Grid:
    out = np.ones(len(tiles["M"]))
    for dim in plan.dataflow.axis(axis):
        out = out * (tiles[dim] if dim in tiles else plan.bound(dim))
    return out
