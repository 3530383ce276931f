"""The cheapest tiling of a layer under a reuse dataflow, or what does not fit."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from math import prod

import numpy as np
import numpy.typing as npt

from accsim.mapping.reuse import kernel
from accsim.mapping.reuse.counts import Reuse, ReuseCounts
from accsim.mapping.reuse.dataflow import DIMENSIONS, Level, ReuseDataflow
from accsim.mapping.reuse.machine import AccessCosts, ReuseMachine
from accsim.mapping.reuse.misfit import ReuseMisfit
from accsim.mapping.reuse.options import Options, options, row, steps
from accsim.mapping.reuse.sweep import try_all
from accsim.mapping.reuse.tiling import Split, Tiling, bounds
from accsim.workload.layer import Geometry, Operand

LEVELS = ("alu", "dram", "buffer", "array", "rf")
"""The levels of an energy by level, in the order of the figures of Chen et al., ISCA 2016."""

NEAR = 0.01
"""Tilings that need at most so much more energy than the least are told apart by nothing the analysis knows."""


@dataclass(frozen=True, slots=True)
class Found:
    """The cheapest tiling of a layer.

    Attributes:
        reuse: the factors a, b, c and d of equations 3 and 4, by operand.
        energy: by level, in the costs' unit, of the whole layer.
        least, greatest: of each level's energy among all tilings within ``NEAR`` of the least total.
        tried, measured: unrollings that fit the array and tilings that were measured to find it.
    """

    tiling: Tiling
    counts: ReuseCounts
    reuse: dict[Operand, Reuse]
    energy: dict[str, float]
    least: dict[str, float]
    greatest: dict[str, float]
    tried: int
    measured: int

    @property
    def total(self) -> float:
        """Energy of the layer."""
        return sum(self.energy.values())


@dataclass(frozen=True, slots=True)
class Demand:
    """What a tiling takes of the machine.

    Attributes:
        rf_words: words of a PE's register file.
        buffer_words: words of the buffer by operand.
    """

    rf_words: int
    buffer_words: dict[Operand, int]


class Problem:
    """A layer, a dataflow and a machine, as the kernels take them."""

    def __init__(self, geometry: Geometry, dataflow: ReuseDataflow, machine: ReuseMachine) -> None:
        self.geometry, self.dataflow, self.machine = geometry, dataflow, machine
        g, flow = geometry, dataflow
        self.bound = np.array(list(bounds(geometry).values()), dtype=np.int64)
        self.strides = np.array([g.stride_h, g.stride_w], dtype=np.int64)
        self.steps = np.array([steps(g.stride_h, g.dilation_h), steps(g.stride_w, g.dilation_w)], dtype=np.int64)
        self.axes = np.array([[dim in flow.rows, dim in flow.cols] for dim in DIMENSIONS], dtype=np.int64)
        inputs = (Operand.WEIGHT, Operand.IFMAP)
        self.flow = (
            _numbers(flow.tiles),
            _numbers(flow.passes),
            _numbers(flow.pe),
            np.array([o in flow.buffer for o in (*inputs, Operand.PSUM)], dtype=np.int64),
            np.array([o in flow.direct for o in inputs], dtype=np.int64),
            np.array([dim in flow.forward for dim in "PQ"], dtype=np.int64),
            np.array([dim not in flow.apart for dim in DIMENSIONS], dtype=np.int64),
        )

    def words(self, tiling: Tiling) -> npt.NDArray[np.int64]:
        """The words a tiling moves and takes, of one group; see ``kernel.measure``."""
        single = Options.of(tuple((split,) for split in tiling.splits), self.geometry)
        out = np.zeros((5, 4), dtype=np.int64)
        windows = np.stack([single.windows_h[0, 0], single.windows_w[0, 0]])
        rows = np.array([row(split) for split in tiling.splits], dtype=np.int64)
        room = np.zeros((7, 1), dtype=np.int64), np.zeros(2, dtype=np.int64)
        kernel.measure(rows, windows, self.bound, self.flow, self.strides, self.steps, room, out)
        return out

    def counts(self, tiling: Tiling) -> ReuseCounts:
        """The accesses of the whole layer under a tiling."""
        words, groups = self.words(tiling), self.geometry.G
        outputs, left_array, left_pe, sums = (int(n) * groups for n in words[kernel.PSUM])
        inputs = {
            operand: {level: int(n) * groups for level, n in zip(Level, words[i], strict=True)}
            for i, operand in enumerate((Operand.WEIGHT, Operand.IFMAP))
        }
        psums = {
            Level.DRAM: outputs,
            Level.BUFFER: 2 * (left_array - outputs),
            Level.ARRAY: left_pe - left_array,
            Level.RF: 2 * (sums - left_pe),
        }
        return ReuseCounts(sums, {**inputs, Operand.PSUM: psums})

    def reuse(self, tiling: Tiling) -> dict[Operand, Reuse]:
        """The reuse of each operand's words at each level; 1 at a level that they pass or that is not charged."""
        words = self.words(tiling)
        whole = np.array([row(Split(n, n, 1, n)) for n in self.bound.tolist()], dtype=np.int64)
        out: dict[Operand, Reuse] = {}
        for index, operand in enumerate((Operand.WEIGHT, Operand.IFMAP)):
            once = int(kernel.tile_words(index, whole, kernel.TILE, self.steps))
            counts = [once]
            for moved in words[index].tolist():
                counts.append(moved or counts[-1])
            out[operand] = Reuse(*(inner / outer for outer, inner in pairwise(counts)))
        outputs, left_array, left_pe, sums = words[kernel.PSUM].tolist()
        out[Operand.PSUM] = Reuse(1.0, left_array / outputs, left_pe / left_array, sums / left_pe)
        return out

    def energy(self, tiling: Tiling, costs: AccessCosts) -> dict[str, float]:
        """Energy of the whole layer by level under a tiling."""
        out = np.zeros(len(LEVELS))
        kernel.charge(self.words(tiling), _prices(costs), out)
        return dict(zip(LEVELS, (out * self.geometry.G).tolist(), strict=True))

    def demand(self, tiling: Tiling) -> Demand:
        """What a tiling takes of the register files and the buffer."""
        words = self.words(tiling)
        operands = (Operand.WEIGHT, Operand.IFMAP, Operand.PSUM)
        return Demand(int(words[4].sum()), {o: int(n) for o, n in zip(operands, words[3], strict=False) if n})


def search(
    geometry: Geometry, dataflow: ReuseDataflow, machine: ReuseMachine, costs: AccessCosts, near: bool = True
) -> Found | ReuseMisfit:
    """The tiling of a layer that needs the least energy, the same one on every run.

    Every size that changes how many tiles, passes or PEs there are is tried, so no legal tiling is cheaper.

    Args:
        costs: energy of a MAC and of an access at each level.
        near: also find how far the levels' energies vary among tilings within ``NEAR`` of the least.

    Returns:
        The tiling and what it costs, or the demand of the smallest tiling that exceeds its bound.
    """
    problem = Problem(geometry, dataflow, machine)
    choices = options(geometry, dataflow, machine)
    prices = _prices(costs)
    shape = (machine.rows, machine.cols) if dataflow.cols else (machine.pes, 1)
    store = (*shape, machine.rf_words, machine.buffer_words)
    best, ranges = np.empty(len(DIMENSIONS), dtype=np.int64), np.zeros((2, 5))

    def run(slack: float, known: float) -> tuple[float, int, int]:
        return try_all(
            choices.table, choices.starts, choices.windows_h, choices.windows_w, problem.bound, problem.flow,
            problem.axes, problem.strides, problem.steps, store, prices, slack, known, best, ranges,
        )  # fmt: skip

    least, tried, measured = run(0.0, np.inf)
    if best[0] < 0:
        return _misfit(problem, choices)
    tiling = Tiling(tuple(s[i - at] for s, i, at in zip(choices.splits, best, choices.starts, strict=False)))
    energy = problem.energy(tiling, costs)
    low = high = energy
    if near:
        run(NEAR, least)
        low, high = (dict(zip(LEVELS, (ends * geometry.G).tolist(), strict=True)) for ends in ranges)
    return Found(tiling, problem.counts(tiling), problem.reuse(tiling), energy, low, high, tried, measured)


def _prices(costs: AccessCosts) -> tuple[float, float, float, float, float]:
    return costs.mac, costs.rf, costs.array, costs.buffer, costs.dram


def _numbers(dims: tuple[str, ...]) -> npt.NDArray[np.int64]:
    return np.array([DIMENSIONS.index(dim) for dim in dims], dtype=np.int64)


def _misfit(problem: Problem, choices: Options) -> ReuseMisfit:
    """What the least demanding tiling exceeds: PEs before register files before the buffer.

    Of every dimension the smallest and the largest sizes are tried: a demand grows or falls with each of them.
    """
    ends = [(splits[0], splits[-1]) if len(splits) > 1 else splits for splits in choices.splits]
    misfits = [_exceeded(problem, Tiling(splits)) for splits in product(*ends)]
    return min(misfits, key=lambda found: found[0])[1]


def _exceeded(problem: Problem, tiling: Tiling) -> tuple[tuple[int, int, int], ReuseMisfit]:
    """By how much a tiling exceeds PEs, register files and buffer, and the first of them in words."""
    machine, flow, word = problem.machine, problem.dataflow, problem.machine.word_bits
    axes = [(flow.rows, machine.pes, "PEs")]
    if flow.cols:
        only = [
            tuple(dim for dim in axis if dim not in other)
            for axis, other in ((flow.rows, flow.cols), (flow.cols, flow.rows))
        ]
        axes = [(only[0], machine.rows, "rows of PEs"), (only[1], machine.cols, "columns of PEs")]
    pes = []
    for dims, bound, unit in axes:
        spread = [dim for dim in dims if tiling[dim].unrolled > 1]
        needed = prod(tiling[dim].unrolled for dim in spread)
        pes.append(ReuseMisfit(f"{' x '.join(spread)} of {flow.name}, unrolled,", unit, needed, bound, word))
    demand = problem.demand(tiling)
    held = ReuseMisfit(f"words used again in a PE by {flow.name}", "bits", demand.rf_words, machine.rf_words, word)
    whole = ", ".join(dim for dim in flow.whole if tiling[dim].bound > 1)
    parts = " and ".join(f"{operand}s" for operand in demand.buffer_words)
    what = f"{parts} of the smallest tile of {flow.name}" + (f", which does not cut {whole}," if whole else "")
    kept = ReuseMisfit(what, "bits", sum(demand.buffer_words.values()), machine.buffer_words, word)
    over = (max(0, *(one.gap for one in pes)), max(0, held.gap), max(0, kept.gap))
    return over, next(one for one in (*sorted(pes, key=lambda one: -one.gap), held, kept) if one.gap > 0 or one is kept)
