"""From the cycles of single steps to the cycles of a layer: sums over steps, and the makespan with DRAM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Protocol

from accsim.hardware.accelerator import Accelerator, ArrayFamily, Sram
from accsim.mapping.dataflow import RELEVANT
from accsim.mapping.nest import Nest, Piece, Shape
from accsim.simulate.activity import Cycles
from accsim.simulate.overlap import Walk
from accsim.simulate.phase import Phase, Spent
from accsim.simulate.storage import Place
from accsim.simulate.systolic import SystolicArray
from accsim.simulate.tiles import Tiles
from accsim.simulate.timeline import Output, Run, Sizes, Stream, Timeline
from accsim.workload.layer import Operand

OffChipBits = Callable[[Operand, int], int]
"""Bits that a number of words of an operand takes off chip, coding included."""


class ArrayModel(Protocol):
    """What the schedule needs to know of an array."""

    @property
    def load_at(self) -> int:
        """Depth of the loop that brings a new stationary operand."""

    @property
    def ramp_at(self) -> int:
        """Depth of the loop that starts a new burst."""

    def step(self, sizes: Mapping[str, Piece], loads: bool) -> Phase:
        """Cycles of one step that overlaps with no other."""

    def ramp(self, sizes: Mapping[str, Piece]) -> Phase:
        """Cycles added to the first step of a burst."""

    def run(self, sizes: Mapping[str, Piece], loads: bool, starts: bool) -> Run:
        """How the array runs one step; ``starts`` says whether it begins a burst."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Cycles of a layer, and without waits for DRAM."""

    cycles: Cycles
    processing_cycles: int


@lru_cache(maxsize=16)
def step_classes(nest: Nest, load_at: int) -> tuple[tuple[dict[str, Piece], bool, int], ...]:
    """Every kind of step: pieces, whether it loads the stationary operand, and how many there are."""
    loaded: dict[Shape, int] = {}
    for sizes, n in nest.blocks(load_at):
        loaded[nest.shape(sizes)] = loaded.get(nest.shape(sizes), 0) + n
    merged: dict[Shape, tuple[dict[str, Piece], int]] = {}
    for sizes, n in nest.blocks(len(nest.loops)):
        key = nest.shape(sizes)
        merged[key] = (sizes, merged[key][1] + n if key in merged else n)
    out: list[tuple[dict[str, Piece], bool, int]] = []
    for key, (sizes, n) in merged.items():
        loads = loaded.get(key, 0)
        if loads:
            out.append((sizes, True, loads))
        if n > loads:
            out.append((sizes, False, n - loads))
    return tuple(out)


def schedule(place: Place, array: ArrayModel, off_chip: OffChipBits) -> Schedule:
    """Cycles of a layer from the cycles of its steps."""
    total = (
        _overlapped(place.nest, array)
        if isinstance(array, SystolicArray) and array.overlaps
        else _one_by_one(place, array)
    )
    waits = _makespan(place, array, off_chip) - total.total
    stalls = ((place.accelerator.dram.name, waits), *total.stalls) if waits > 0 else total.stalls
    return Schedule(Cycles(total.compute, total.fill, total.drain, stalls), total.total)


def _one_by_one(place: Place, array: ArrayModel) -> Phase:
    """Cycles without DRAM of an array that ends one step before it starts the next."""
    nest = place.nest
    phases = [(array.step(sizes, loads), n) for sizes, loads, n in step_classes(nest, array.load_at)]
    phases += [(array.ramp(sizes), n) for sizes, n in nest.blocks(array.ramp_at)]
    return _add(phases)


def _overlapped(nest: Nest, array: SystolicArray) -> Phase:
    """Cycles without DRAM of an array that runs on from tile to tile.

    Tiles that share a stationary operand, or sums, are one group; groups follow each other at the distances of the
    timeline. A cycle between two groups has a MAC as long as any tile before is still at work.
    """
    tiles = Tiles(nest, array)
    state, passed = Walk(array.load_at, tiles.runs, tiles.group, tiles.distance).run()
    spent, idle = Spent(), passed.idle
    inside = 0
    for pieces, loads, n in step_classes(nest, array.load_at):
        one = tiles.tile({dim: piece.size for dim, piece in pieces.items()}, loads)
        one.add_inside(spent, n)
        inside += one.to_last.idle * n
    stalled = spent.phase().total
    spent.compute += passed.edges + state.macs - idle - inside - stalled
    if array.waits_as_drain:
        spent.drain += idle + inside
    else:
        spent.fill += idle + inside
    spent.drain += max(0, state.outputs - state.macs)
    tiles.first().add_load(spent)
    return spent.phase()


def _add(phases: Iterable[tuple[Phase, int]]) -> Phase:
    compute = fill = drain = 0
    stalls: dict[str, int] = {}
    for phase, n in phases:
        compute += phase.compute * n
        fill += phase.fill * n
        drain += phase.drain * n
        for cause, cycles in phase.stalls:
            stalls[cause] = stalls.get(cause, 0) + cycles * n
    return Phase(compute, fill, drain, tuple(stalls.items()))


def _tile_words(operand: Operand, pieces: Sizes) -> int:
    """Words of the tile of ``operand`` that the pieces select."""
    if operand is Operand.IFMAP:
        return prod(pieces[dim].extent for dim in "NGCPQ")
    return prod(pieces[dim].size for dim in RELEVANT[operand])


def _slots(place: Place, level: Sram, operand: Operand) -> int:
    """Tiles of an operand on their way or in use; a PE scratchpad that holds the tile counts as one more."""
    copies = level.partition(operand).copies(operand)
    held = place.register_file(operand) is not None and operand is Operand.WEIGHT and _is_row_stationary(place)
    return min(2, copies + (1 if held else 0))


def _is_row_stationary(place: Place) -> bool:
    return place.accelerator.array.family is ArrayFamily.ROW_STATIONARY


def _makespan(place: Place, array: ArrayModel, off_chip: OffChipBits) -> int:
    """Cycles of the layer with its DRAM transfers."""
    acc, nest = place.accelerator, place.nest
    streams: list[Stream] = []
    for operand in (Operand.WEIGHT, Operand.IFMAP):
        path = place.path(operand)
        if path[0] is not acc.dram:
            continue
        inner = path[1] if len(path) > 1 else None
        depth = place.mapping.depth(inner.name, operand) if inner else len(nest.loops)
        slots = _slots(place, inner, operand) if isinstance(inner, Sram) else 1
        streams.append(Stream(operand, depth, slots, _fetch(place, operand, off_chip)))
    runs = array_runs(nest, array)
    return Timeline(nest, streams, _output(place, off_chip), runs, (array.load_at, array.ramp_at)).makespan()


def array_runs(nest: Nest, array: ArrayModel) -> Callable[[Sizes, int], Run]:
    """How the array runs each kind of step, worked out once."""
    known: dict[tuple[bool, bool, Shape], Run] = {}
    load_at, ramp_at = array.load_at, array.ramp_at

    def run(sizes: Sizes, carried: int) -> Run:
        loads, starts = carried < load_at, carried < ramp_at or carried < 0
        key = (loads, starts, nest.shape(sizes))
        if key not in known:
            known[key] = array.run(sizes, loads, starts)
        return known[key]

    return run


def _cycles(acc: Accelerator, bits: int) -> int:
    return acc.dram.cycles(bits, acc.clock_mhz)


def _fetch(place: Place, operand: Operand, off_chip: OffChipBits) -> Callable[[Sizes], int]:
    def cycles(pieces: Sizes) -> int:
        return _cycles(place.accelerator, off_chip(operand, _tile_words(operand, pieces)))

    return cycles


def _output(place: Place, off_chip: OffChipBits) -> Output | None:
    """The output tile's transfers; ``None`` when neither outputs nor unfinished sums leave the chip."""
    acc, nest = place.accelerator, place.nest
    levels = place.psum_levels()
    depth = place.mapping.depth(levels[0].name, Operand.PSUM) if levels else len(nest.loops)
    copies = 1
    if levels:
        copies = levels[0].partition(Operand.PSUM).copies(Operand.PSUM)
    holds = [lv for lv in acc.buffers if Operand.OFMAP in lv.operands]
    if holds:
        copies = max(copies, holds[0].partition(Operand.OFMAP).copies(Operand.OFMAP))
    stays = place.residency.ofmap is not None

    def write(pieces: Sizes, last: bool) -> int:
        words = _tile_words(Operand.PSUM, pieces)
        if last:
            return 0 if stays else _cycles(acc, off_chip(Operand.OFMAP, words))
        return _cycles(acc, off_chip(Operand.PSUM, words))

    def read(pieces: Sizes) -> int:
        return _cycles(acc, off_chip(Operand.PSUM, _tile_words(Operand.PSUM, pieces)))

    return Output(depth, min(2, copies), write, read)
