"""What the compiled search takes, made from a layer, its machine and what its words cost."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import Accelerator, FilterLoad, InitialPsum
from accsim.mapping.capacity import Reserved
from accsim.mapping.dataflow import RowStationaryDataflow
from accsim.mapping.options import ceil_div
from accsim.mapping.row_stationary import even_runs, sets_on_array, spad_demand, spad_words, spads_hold, starts
from accsim.mapping.search.row_stationary.rates import Affine, Rates, Transfers
from accsim.mapping.search.row_stationary.strips import columns, strips
from accsim.mapping.task import Task
from accsim.workload.layer import Geometry, Operand

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ROUNDING = 1 - 1e-11
"""Bounds are this much lower than the sums they are, so that the exact engine's rounding is never below them."""

LOOPS = "Gmnefck"
"""In the order in which the compiled code numbers them."""


class Inputs(NamedTuple):
    """What the compiled search takes; see ``branches.search``."""

    groups: Ints
    channels: Ints
    buckets: Ints
    lows: Ints
    parts: Ints
    order: Ints
    sizes: Ints
    prices: Floats
    timing: Floats


def build(task: Task, rates: Rates, every: bool, timed: bool) -> Inputs:
    """The inputs of the search for a layer.

    Args:
    every: whether to leave out no choice of n, e, f, q or r.
    timed: whether cycles play a part.
    """
    g, acc = task.geometry, task.accelerator
    prices = np.stack([_vector(rates.energy), _vector(rates.traffic)])
    channels, lows, fits = _channels(task, prices, every, timed)
    return Inputs(
        _groups(task, rates, fits, every),
        *buckets_of(channels),
        lows,
        _parts(task),
        np.array([LOOPS.index(name) for name in _loops(task)], dtype=np.int64),
        _sizes(g, acc, rates.macs),
        prices,
        _timing(acc, rates),
    )


def _channels(task: Task, prices: Floats, every: bool, timed: bool) -> tuple[Ints, Ints, list[int]]:
    """Options for channels for every number of filter columns that fits, what fits for every p and q, and those
    numbers.
    """
    g, acc = task.geometry, task.accelerator
    if not spads_hold(acc, g, 1, 1, 1):
        return np.empty((0, 9), dtype=np.int64), np.zeros((1, 1), dtype=np.int64), []
    p_most = _most(lambda p: spads_hold(acc, g, p, 1, 1), g.filters_per_group)
    q_most = _most(lambda q: spads_hold(acc, g, 1, q, 1), g.channels_per_group)
    lows = _columns_held(acc, g, p_most, q_most)
    sets = sets_on_array(acc, g, 1)
    saves = np.any(prices[:, 10] < prices[:, 11])
    options, fits = [], [int(fit) for fit in np.unique(lows) if fit]
    for fit in fits:
        widest = np.array([np.max(np.flatnonzero(lows[:, q] == fit), initial=0) for q in range(q_most + 1)])
        rows = _channel_options(g.channels_per_group, q_most, sets, every, timed, bool(saves), fit < g.S)
        beside = widest[rows[:, 0]]
        rows, beside = rows[beside > 0], beside[beside > 0]
        options.append(np.column_stack([rows, np.full(len(rows), fit), beside]))
    return np.concatenate(options), lows, fits


def _groups(task: Task, rates: Rates, fits: list[int], every: bool) -> Ints:
    """Every (n, e, f) worth trying, for every number of filter columns that fits the scratchpads."""
    g, acc = task.geometry, task.accelerator
    padding, runs = acc.dram.fetch_padding, even_runs(g.R, acc.array.rows)
    stacked = acc.array.rows // runs[0]
    rows = strips(g, runs, min(g.P, stacked * acc.array.cols), padding)
    sets = np.array([sets_on_array(acc, g, int(e)) for e in rows[:, 0]], dtype=np.int64)
    rows = np.column_stack([rows[:, :6], sets, rows[:, 6:]])[sets > 0]
    batches = np.array([(n, ceil_div(g.N, n)) for n in range(1, g.N + 1)], dtype=np.int64)
    if not every:
        batches = _undominated(batches, [batches[:, 1], batches[:, 0]])
        rows = _undominated(rows, [*rows[:, [1, 2, 3, 4, 5, 0, 7, 8]].T, -rows[:, 6]])
    blocks = []
    for fit in fits:
        cols = columns(g, fit, padding)
        if not every:
            cols = _undominated(cols, [*cols[:, [1, 2, 3, 4, 7, 0, 8]].T])
        begun = sum(rates.begun[first] for first, _ in starts(even_runs(g.S, fit)))
        blocks.append(np.column_stack([cols[:, :8], np.full(len(cols), fit), cols[:, 8], np.full(len(cols), begun)]))
    if not blocks or not len(rows):
        return np.empty((0, 22), dtype=np.int64)
    widths = np.concatenate(blocks)
    i, j, k = (x.ravel() for x in np.meshgrid(*(np.arange(len(x)) for x in (batches, rows, widths)), indexing="ij"))
    return np.ascontiguousarray(np.column_stack([batches[i], rows[j, :8], widths[k, :10], rows[j, 8], widths[k, 10]]))


def _undominated(rows: Ints, columns: list[Ints]) -> Ints:
    """Rows for which no other one is as small in every one of ``columns``."""
    from accsim.mapping.search.row_stationary.options import undominated  # noqa: PLC0415

    keys = np.column_stack(columns)
    order = np.lexsort(keys.T[::-1])
    return rows[order[undominated(np.ascontiguousarray(keys[order]))]]


def buckets_of(channels: Ints) -> tuple[Ints, Ints]:
    """The options for channels with alike ones next to each other, and what these have in common.

    Alike are those with about as many blocks, and as many filter columns.
    """
    alike = np.column_stack([channels[:, 7], np.frexp(channels[:, 3].astype(np.float64))[1]])
    channels = channels[np.lexsort(alike.T[::-1])]
    alike = np.column_stack([channels[:, 7], np.frexp(channels[:, 3].astype(np.float64))[1]])
    begins = [0, *(np.flatnonzero(np.any(alike[1:] != alike[:-1], axis=1)) + 1).tolist(), len(channels)]
    rows = []
    for begin, end in pairwise(begins):
        if begin < end:
            some = channels[begin:end]
            least, most = some.min(axis=0), some.max(axis=0)
            for sets in (least[4], most[4]):
                rows.append([*least[:4], sets, *least[5:8], most[8], begin, end])
    return channels, np.array(rows, dtype=np.int64).reshape(-1, 11)


@lru_cache(maxsize=256)
def _channel_options(
    channels: int, q_most: int, r_most: int, every: bool, timed: bool, sets_pay: bool, cut: bool
) -> Ints:
    from accsim.mapping.search.row_stationary.options import channel_options  # noqa: PLC0415

    rows: Ints = channel_options(channels, q_most, r_most, cut)
    if every:
        return rows
    q, r, block, blocks, sets, each, full = rows.T
    keys = [blocks, sets, q, r, block]
    if sets_pay:
        keys.append(-sets)
    if timed:
        keys += [each, full]
    if cut:
        keys.append(-q)
    return _undominated(rows, keys)


def size(task: Task) -> int:
    """Choices of n, e, f, q and r, legal or not, that the array and the scratchpads have room for."""
    g, acc = task.geometry, task.accelerator
    if not spads_hold(acc, g, 1, 1, 1):
        return 0
    q_most = _most(lambda q: spads_hold(acc, g, 1, q, 1), g.channels_per_group)
    options = q_most * min(sets_on_array(acc, g, 1), g.channels_per_group)
    return g.N * min(g.P, acc.array.pes) * g.Q * options


def _most(legal: Any, most: int) -> int:
    """The largest size up to ``most`` that is legal; 1 is, and so are all smaller than a legal one."""
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if legal(middle) else (low, middle - 1)
    return low


def _columns_held(acc: Accelerator, g: Geometry, p_most: int, q_most: int) -> Ints:
    """Filter columns that fit the scratchpads, for every p and q; 0 where none does or p or q is 0."""
    p, q = (np.arange(most + 1, dtype=np.int64) for most in (p_most, q_most))
    p, q = p[:, None], q[None, :]
    out = np.zeros((p_most + 1, q_most + 1), dtype=np.int64)
    for taps in range(1, g.S + 1):
        demand: dict[Operand, Any] = spad_demand(acc, g, p, q, taps)  # type: ignore[arg-type]  # works on arrays too
        used: dict[str, Any] = {}
        for operand, level in spad_words(acc).items():
            used[level.name] = used.get(level.name, 0) + demand[operand]
        holds = np.ones_like(out, dtype=np.bool_)
        for level in set(spad_words(acc).values()):
            holds &= used[level.name] <= level.size_words
        out[holds] = taps
    out[0, :] = out[:, 0] = 0
    return out


def _loops(task: Task) -> tuple[str, ...]:
    if not isinstance(task.dataflow, RowStationaryDataflow):
        raise TypeError(f"{task.dataflow.name} is not row stationary")
    return task.dataflow.loops


def _parts(task: Task) -> Ints:
    """What each part of the buffers has free, and what tiles take of it per word; see the kernel's ``search``."""
    acc, order = task.accelerator, _loops(task)
    by_step = order.index("k") < max(order.index(name) for name in ("G", "m", "n", "e", "f"))
    held = any(Operand.PSUM in level.operands for level in acc.buffers)
    rows = []
    for level in acc.buffers:
        taken = next((r for r in task.reserved if r.level == level.name), Reserved(level.name, 0, frozenset()))
        for part in level.partitions:

            def bits(operand: Operand, width: int) -> int:
                if operand not in part.operands or operand in taken.whole:  # noqa: B023
                    return 0
                return width * part.copies(operand)  # noqa: B023

            free = part.size_bits
            if Operand.IFMAP in part.operands or Operand.OFMAP in part.operands:
                free -= taken.bits
            psum = bits(Operand.PSUM, acc.pe.accumulator_bits)
            ofmap = 0 if Operand.PSUM in level.operands else bits(Operand.OFMAP, acc.pe.output_bits)
            kept = (0 if by_step else psum) + (ofmap if held and not by_step else 0)
            passing = (psum if by_step else 0) + (0 if held and not by_step else ofmap)
            ifmap, weight = bits(Operand.IFMAP, acc.pe.activation_bits), bits(Operand.WEIGHT, task.weight_bits)
            rows.append((free, level.bank_bits or 1, ifmap, weight, kept, passing))
    return np.array(rows, dtype=np.int64).reshape(-1, 6)


def _sizes(g: Geometry, acc: Accelerator, macs: int) -> Ints:
    runs = even_runs(g.R, acc.array.rows)
    zeros = g.ofmap_words if acc.array.initial_psum is InitialPsum.ZERO else 0
    loops = (g.N, g.G, g.filters_per_group, g.channels_per_group, g.P, g.Q, g.R, g.S)
    return np.array(
        [*loops, g.weight_words, g.ofmap_words, macs, zeros, len(runs), runs[0], g.stride_w], dtype=np.int64
    )


def _vector(one: Affine) -> Floats:
    return np.array([getattr(one, name) for name in Affine.__slots__], dtype=np.float64)


def _timing(acc: Accelerator, rates: Rates) -> Floats:
    def bus(operand: Operand, direction: str) -> float:
        link = acc.link(operand, direction)
        return acc.bits(operand) / link.width_bits if link is not None and link.width_bits is not None else 0.0

    channel = acc.clock_mhz / (acc.dram.clock_mhz or acc.clock_mhz) / acc.dram.width_bits * ROUNDING

    def moved(one: Transfers) -> float:
        return one.bits * channel

    return np.array(
        [
            bus(Operand.IFMAP, "in"), bus(Operand.PSUM, "out"), bus(Operand.PSUM, "in"),
            moved(rates.ifmap), moved(rates.weight), rates.psum_bits * channel, moved(rates.output),
            acc.dram.latency_cycles, rates.ifmap.waits, rates.weight.waits, rates.output.waits,
            acc.pe.psum_add_cycles, acc.pe.window_shift_cycles, acc.pe.pipeline_stages - 1,
            bus(Operand.WEIGHT, "in"), list(FilterLoad).index(acc.pe.filter_load),
        ],
        dtype=np.float64,
    )  # fmt: skip
