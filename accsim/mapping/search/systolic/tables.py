"""A layer on a machine as the arrays that compiled code takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np

from accsim.hardware.accelerator import Accelerator
from accsim.hardware.mac_cycles import mac_cycles
from accsim.mapping.capacity import Reserved
from accsim.mapping.dataflow import (
    REDUCED,
    RELEVANT,
    Axis,
    Delivery,
    Drain,
    Reduction,
    SystolicDataflow,
)  # fmt: skip
from accsim.mapping.mapping import NEST_OPERANDS
from accsim.mapping.nest import Nest
from accsim.mapping.search.systolic import folds
from accsim.mapping.search.systolic.arrays import AXES, ORDER, indexes
from accsim.mapping.search.systolic.folds import Cuts
from accsim.mapping.search.systolic.holds import DIMS, Hold, holds, mask
from accsim.mapping.search.systolic.score import Holding
from accsim.mapping.search.systolic.sizes import (
    MANY,
    OnAxis,
    Size,
    conventional,
    even_or_aligned,
    every_size,
    thinned,
    worthwhile,
)
from accsim.mapping.search.systolic.terms import Linear, Slot, Terms, Transfer
from accsim.mapping.search.systolic.tiles import Buffers
from accsim.mapping.search.systolic.waits import Costs
from accsim.mapping.task import Task
from accsim.workload.layer import Geometry, Operand

MOST_TILES = 65_536
"""Combinations of tile sizes that are tried; beyond, sizes are thinned."""

FIRST_TILES = 4096
"""Combinations of conventional tile sizes that are tried."""


@dataclass(frozen=True, slots=True)
class Job:
    """A layer to be mapped on a systolic array, and what its words cost."""

    geometry: Geometry
    accelerator: Accelerator
    dataflow: SystolicDataflow
    reserved: tuple[Reserved, ...]
    weight_bits: int
    terms: Terms

    @classmethod
    def of(cls, task: Task, terms: Terms) -> Job:
        """The job of a task whose dataflow is for a systolic array."""
        if not isinstance(task.dataflow, SystolicDataflow):
            raise TypeError(f"{task.dataflow.name} is not for a systolic array")
        return cls(task.geometry, task.accelerator, task.dataflow, task.reserved, task.weight_bits, terms)

    @property
    def nest(self) -> Nest:
        """The nest without loops."""
        return Nest(self.geometry, (), self.accelerator.dram.fetch_padding)

    def bits(self, operand: Operand) -> int:
        """Bits of a word of an operand."""
        return self.weight_bits if operand is Operand.WEIGHT else self.accelerator.bits(operand)


@dataclass(frozen=True, slots=True)
class Sizes:
    """The tile sizes of each of ``DIMS``, and whether they leave out none that could be better."""

    options: tuple[tuple[Size, ...], ...]
    complete: bool

    @property
    def tiles(self) -> int:
        """Combinations."""
        return prod(len(options) for options in self.options)


def every_tile_size(job: Job, *, folds: bool) -> Sizes:
    """Every size worth trying; ``folds``: whether it matters how tiles fall into folds of the array."""
    complete = all(job.nest.bound(dim) <= MANY for dim in DIMS)
    return Sizes(tuple(tuple(_options(job, dim, folds=folds, every=True)) for dim in DIMS), complete)


def tile_sizes(job: Job, every: Sizes, *, folds: bool) -> Sizes:
    """Every size worth trying; where that makes too many combinations, fewer."""
    if every.tiles <= MOST_TILES:
        return every
    options = [_options(job, dim, folds=folds, every=False) for dim in DIMS]
    most = max(len(sizes) for sizes in options)
    while prod(min(len(sizes), most) for sizes in options) > MOST_TILES:
        most -= max(1, most // 16)
    return Sizes(tuple(tuple(thinned(sizes, most)) for sizes in options), complete=False)


def conventional_sizes(job: Job) -> Sizes:
    """The tile sizes a designer would try first, at most about ``FIRST_TILES`` combinations of them."""
    flow, array, options = job.dataflow, job.accelerator.array, []
    for dim in DIMS:
        at = next(
            ((axis, pes) for axis, pes in ((flow.rows, array.rows), (flow.cols, array.cols)) if dim in axis), None
        )
        taps = prod(job.nest.bound(other) for other in at[0] if other in "RS") if at else 1
        options.append(conventional(job.nest, dim, (at[1], taps) if at else None))
    most = max(len(sizes) for sizes in options)
    while prod(min(len(sizes), most) for sizes in options) > FIRST_TILES:
        most -= 1
    return Sizes(tuple(tuple(thinned(sizes, most)) for sizes in options), complete=False)


def _options(job: Job, dim: str, *, folds: bool, every: bool) -> list[Size]:
    """The sizes of a dimension; ``every``: all of them, where several dimensions share its axis of the array."""
    flow, nest = job.dataflow, job.nest
    for axis, pes in ((flow.rows, job.accelerator.array.rows), (flow.cols, job.accelerator.array.cols)):
        if dim not in axis or not folds:
            continue
        if any(nest.bound(other) > 1 for other in axis if other != dim and other in DIMS):
            return every_size(nest, dim) if every else even_or_aligned(nest, dim, pes)
        times = prod(nest.bound(other) for other in axis if other not in DIMS)
        rows = axis is flow.rows
        return worthwhile(nest, dim, OnAxis(pes, times, _squares(job, rows), _openers(flow, rows)))
    return worthwhile(nest, dim, None)


def _openers(flow: SystolicDataflow, rows: bool) -> bool:
    """Whether folds along an axis do not change the stationary operand."""
    return not flow.depends(flow.stationary, Axis.ROWS if rows else Axis.COLS)


def _squares(job: Job, rows: bool) -> int:
    """Whether words that are shifted along an axis cost with the square of its used PEs, more or less."""
    flow, taps = job.dataflow, job.accelerator.array.edge_taps
    axis = Axis.ROWS if rows else Axis.COLS
    mixed = flow.depends(Operand.PSUM, axis) and not REDUCED.isdisjoint(flow.axis(axis))
    if flow.reduction is Reduction.CHAIN and mixed and not taps:
        return -1
    if not rows:
        return 0
    if flow.reduction is Reduction.IN_PE:
        return 0 if flow.drain is Drain.DIRECT else (1 if taps else -1)
    preloads = {Operand.WEIGHT: flow.weight, Operand.IFMAP: flow.ifmap}.get(flow.stationary) is Delivery.PRELOAD
    return int(preloads and flow.depends(flow.stationary, axis))


def cuts(job: Job, sizes: Sizes) -> Cuts:
    """The tile sizes as arrays."""
    nest, flow = job.nest, job.dataflow
    axes = {dim: place for axis, place in AXES.items() for dim in flow.axis(axis)}
    counts = [len(options) for options in sizes.options]
    rows = [(one.size, one.pieces, one.extents, one.extent, one.filled) for options in sizes.options for one in options]
    every = (*DIMS, "R", "S")
    last = [i for i, dim in enumerate(DIMS) if dim in (*flow.stream, *_leading(flow))]
    first = [i for i in range(len(DIMS)) if i not in last]
    return Cuts(
        bounds=np.array([nest.bound(dim) for dim in every], np.int64),
        axis=np.array([axes.get(dim, folds.LEFT) for dim in every], np.int64),
        start=np.cumsum([0, *counts[:-1]]).astype(np.int64),
        number=np.array(counts, np.int64),
        options=np.array(rows, np.int64),
        whole=np.array([nest.pieces(dim, 0)[0][0].extent for dim in "PQ"], np.int64),
        least=np.array([min(one.extents for one in options) for options in sizes.options[4:]], np.int64),
        order=np.array([*first, *last], np.int64),
        inner=np.cumprod([counts[i] for i in reversed(last)] or [1])[::-1].astype(np.int64),
        mac=mac_cycles(job.accelerator.pe),
    )


def _leading(flow: SystolicDataflow) -> tuple[str, ...]:
    """The outermost fold loops that do the same as loops over tiles.

    They index the stationary operand, as all others do that are not streamed, so that none of those could reuse it.
    """
    out = []
    for dim in flow.folds:
        if dim in ("rows", "cols") or not indexes(flow, dim, flow.stationary):
            break
        out.append(dim)
    rest = [dim for dim in DIMS if dim not in (*flow.stream, *out)]
    return tuple(out) if all(dim in RELEVANT[flow.stationary] for dim in rest) else ()


@dataclass(frozen=True, slots=True)
class Slots:
    """Slots of the shared buffers, then those of operands that the array takes straight from DRAM or gives to it."""

    real: tuple[Slot, ...]
    direct: tuple[Operand, ...]

    @classmethod
    def of(cls, terms: Terms) -> Slots:
        """The slots of a layer; an operand is held at the innermost tile where no buffer on its way holds it."""
        straight = [one.operand for one in (*terms.fetched, terms.output) if one.level is None]
        sums = [Operand.PSUM] if not any(operand is Operand.PSUM for _, operand in terms.slots) else []
        return cls(terms.slots, tuple(dict.fromkeys((*straight, *sums))))

    @property
    def kinds(self) -> tuple[tuple[Operand, bool], ...]:
        """As ``holds`` takes them."""
        return (*((operand, False) for _, operand in self.real), *((operand, True) for operand in self.direct))

    def place(self, level: str | None, operand: Operand) -> int:
        """The place of a slot."""
        if level is None:
            return len(self.real) + self.direct.index(operand)
        return self.real.index((level, operand))


def buffers(job: Job, slots: Slots) -> Buffers:
    """The shared buffers as arrays; the rules are those of ``accsim.mapping.capacity``."""
    partitions, demands = list[tuple[int, int]](), list[tuple[int, int, int]]()
    sums = [i for i, (operand, _) in enumerate(slots.kinds) if operand is Operand.PSUM]
    for level in job.accelerator.buffers:
        taken = next((r for r in job.reserved if r.level == level.name), Reserved(level.name, 0, frozenset()))
        for part in level.partitions:
            shared = Operand.IFMAP in part.operands or Operand.OFMAP in part.operands
            for operand in (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM, Operand.OFMAP):
                if operand not in part.operands or operand in taken.whole:
                    continue
                if operand is Operand.OFMAP and Operand.PSUM in level.operands:
                    continue
                place = _innermost(slots, sums) if operand is Operand.OFMAP else slots.place(level.name, operand)
                demands.append((len(partitions), place, job.bits(operand) * part.copies(operand)))
            partitions.append((part.size_bits - (taken.bits if shared else 0), level.bank_bits or 1))
    kinds = [ORDER[operand] for operand, _ in slots.kinds]
    return Buffers(
        np.array(kinds, np.int64),
        np.array(partitions, np.int64).reshape(-1, 2),
        np.array(demands, np.int64).reshape(-1, 3),
    )


def _innermost(slots: Slots, sums: Sequence[int]) -> int:
    """The slot whose tile finished outputs wait in: that of the innermost buffer with sums, or of the array."""
    real = [i for i in sums if i < len(slots.real)]
    return real[-1] if real else sums[-1]


def costs(job: Job, slots: Slots, rows: Cuts) -> Costs:
    """The terms as arrays."""
    terms, dram = job.terms, job.accelerator.dram
    clock = job.accelerator.clock_mhz
    per_bit = clock / (dram.clock_mhz or clock) / dram.width_bits
    ports = [
        [*(float(job.bits(o)) if o in p.operands else 0.0 for o in NEST_OPERANDS), float(p.bits_per_cycle)]
        for p in terms.ports
    ]
    out = terms.output
    return Costs(
        energy=_flat(terms.energy),
        traffic=_flat(terms.traffic),
        leak=terms.leak_per_cycle,
        ports=np.array(ports, np.float64).reshape(-1, 4),
        fetched=np.array([_transfer(slots, one) for one in terms.fetched], np.float64).reshape(-1, 3),
        output=np.array([*_transfer(slots, out), terms.finished_bits], np.float64),
        channel=np.array([dram.latency_cycles, per_bit, dram.burst_bits, per_bit * _least_bits(job, rows)], np.float64),
    )


def _least_bits(job: Job, rows: Cuts) -> float:
    """Bits that cross the channel under every mapping: what comes from DRAM once, and finished outputs."""
    g, terms = job.geometry, job.terms
    words = {Operand.WEIGHT: g.weight_words, Operand.IFMAP: g.N * g.C * int(rows.least.prod())}
    return sum(words[one.operand] * one.word_bits for one in terms.fetched) + g.ofmap_words * terms.finished_bits


def _flat(linear: Linear) -> folds.Floats:
    return np.array([linear.constant, *linear.flows, *linear.slots], np.float64)


def _transfer(slots: Slots, one: Transfer) -> tuple[float, float, float]:
    return float(slots.place(one.level, one.operand)), float(one.slots), one.word_bits


@dataclass(frozen=True, slots=True)
class Held:
    """Every hold, as arrays and as what they stand for."""

    arrays: Holding
    rows: tuple[Hold, ...]


@lru_cache(maxsize=64)
def held(kinds: tuple[tuple[Operand, bool], ...], stationary: Operand, longer: int) -> Held:
    """The holds of every set of loops among the dimensions ``longer`` than one."""
    start, stop, first, last = (np.zeros((2, 64), np.int64) for _ in range(4))
    rows: list[Hold] = []
    pairs: list[tuple[int, ...]] = []
    loads: list[tuple[int, int, int]] = []
    for table, stays in enumerate((None, stationary)):
        for active in range(64):
            if active & ~longer:
                continue
            some = sorted(holds(active, kinds, stays), key=lambda hold: hold.reuse)  # its sums are worked out once
            each = [tuple(zip(range(len(kinds)), hold.cut, hold.repeat, strict=True)) for hold in some]
            apart = {load: i for i, load in enumerate(dict.fromkeys(load for one in each for load in one))}
            start[table, active], first[table, active] = len(rows), len(loads)
            rows += some
            pairs += [tuple(apart[load] for load in one) for one in each]
            loads += apart
            stop[table, active], last[table, active] = len(rows), len(loads)
    width = len(kinds)
    return Held(
        Holding(
            start,
            stop,
            np.array([hold.cut for hold in rows], np.int64).reshape(-1, width),
            np.array([hold.repeat for hold in rows], np.int64).reshape(-1, width),
            np.array([hold.reuse for hold in rows], np.int64),
            np.array(pairs, np.int64).reshape(-1, width),
            first,
            last,
            np.array(loads, np.int64).reshape(-1, 3),
        ),
        tuple(rows),
    )


def longer(job: Job) -> int:
    """Mask of the dimensions that can be cut."""
    return mask(tuple(dim for dim in DIMS if job.nest.bound(dim) > 1))
