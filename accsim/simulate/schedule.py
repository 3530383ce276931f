"""From the cycles of single steps to the cycles of a layer: sums over steps, and the makespan with DRAM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from math import prod
from typing import Protocol

from accsim.hardware.accelerator import Accelerator
from accsim.mapping.dataflow import RELEVANT
from accsim.mapping.nest import Nest, Piece, Shape
from accsim.simulate.channel import Fetched, fetched, returned
from accsim.simulate.filter_loads import Block
from accsim.simulate.overlap import Walk
from accsim.simulate.phase import Phase, Schedule, Spent
from accsim.simulate.row_stationary import RowStationaryArray
from accsim.simulate.storage import OffChipBits, Place
from accsim.simulate.systolic import SystolicArray
from accsim.simulate.tiles import Tiles
from accsim.simulate.timeline import Output, Run, Sizes, Stream, Timeline, Trail
from accsim.workload.layer import Operand


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
    return Schedule.of(total, makespan_of(place, array, off_chip), place.accelerator.dram.name)


def _one_by_one(place: Place, array: ArrayModel) -> Phase:
    """Cycles without DRAM of an array that ends one step before it starts the next."""
    nest = place.nest
    phases = [(array.step(sizes, loads), n) for sizes, loads, n in step_classes(nest, array.load_at)]
    phases += [(array.ramp(sizes), n) for sizes, n in nest.blocks(array.ramp_at)]
    if isinstance(array, RowStationaryArray):
        phases += array.waits()
        phases += array.bursts.drains()
    return _add(phases)


def _overlapped(nest: Nest, array: SystolicArray) -> Phase:
    """Cycles without DRAM of an array that runs on from tile to tile.

    Tiles that share a stationary operand, or sums, are one group; groups follow each other at the distances of the
    timeline. A cycle between two groups has a MAC as long as any tile before is still at work.
    """
    tiles = Tiles(nest, array)
    state, passed = Walk(array.load_at, tiles.runs, tiles.group, tiles.distance).run()
    spent, idle = Spent(), passed.idle
    for pieces, loads, n in step_classes(nest, array.load_at):
        one = tiles.tile({dim: piece.size for dim, piece in pieces.items()}, loads)
        one.add_inside(spent, n)
    stalled = spent.phase().total
    spent.compute += passed.edges + state.macs - idle - stalled
    if array.waits_as_drain:
        spent.drain += idle
    else:
        spent.fill += idle
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


def makespan_of(place: Place, array: ArrayModel, off_chip: OffChipBits) -> int:
    """Cycles of the layer with its DRAM transfers."""
    streams = [stream_of(place, one, off_chip, array) for one in fetched(place)]
    runs = array_runs(place.nest, array)
    depths = array.depths if isinstance(array, RowStationaryArray) else (array.load_at, array.ramp_at)
    return Timeline(place.nest, streams, output_of(place, off_chip), runs, depths).makespan()


def stream_of(place: Place, one: Fetched, off_chip: OffChipBits, array: ArrayModel | None = None) -> Stream:
    """An input as the timeline takes it."""
    cycles = _fetch(place, one.operand, off_chip)
    if not one.by_ifmap or not isinstance(array, RowStationaryArray):
        return Stream(one.operand, one.depth, one.slots, cycles)

    def pace(pieces: Sizes) -> int:
        return one.pace(pieces["N"].size, array.ifmap_cycles(pieces))

    return Stream(one.operand, one.depth, one.slots, cycles, lambda pieces: one.parts(pieces["N"].size), pace)


def array_runs(nest: Nest, array: ArrayModel) -> Callable[[Trail, int], Run]:
    """How the array runs each kind of step, worked out once."""
    known: dict[tuple[bool, bool, Block | None, Shape, Shape | None], Run] = {}
    load_at, ramp_at = array.load_at, array.ramp_at

    def run(trail: Trail, carried: int) -> Run:
        sizes = trail[-1]
        loads, starts = carried < load_at, carried < ramp_at or carried < 0
        rows = array if isinstance(array, RowStationaryArray) else None
        before = rows.before(trail, carried) if rows and loads else None
        burst = trail[ramp_at] if rows and starts else None
        key = (loads, starts, before, nest.shape(sizes), nest.shape(burst) if burst else None)
        if key not in known:
            one = rows.run(sizes, loads, starts, before, burst) if rows else array.run(sizes, loads, starts)
            known[key] = one
        return known[key]

    return run


def _cycles(acc: Accelerator, bits: int) -> int:
    return acc.dram.cycles(bits, acc.clock_mhz)


def _fetch(place: Place, operand: Operand, off_chip: OffChipBits) -> Callable[[Sizes], int]:
    def cycles(pieces: Sizes) -> int:
        acc, words = place.accelerator, _tile_words(operand, pieces)
        name = place.weight_name if operand is Operand.WEIGHT else operand
        return acc.dram.transfer_cycles(name, words, off_chip(operand, words), acc.clock_mhz)

    return cycles


def output_of(place: Place, off_chip: OffChipBits) -> Output:
    """The output tile's transfers."""
    acc, tile = place.accelerator, returned(place)
    stays = place.residency.ofmap is not None

    def write(pieces: Sizes, last: bool) -> int:
        words = _tile_words(Operand.PSUM, pieces)
        if last:
            return 0 if stays else _cycles(acc, off_chip(Operand.OFMAP, words))
        return _cycles(acc, off_chip(Operand.PSUM, words))

    def read(pieces: Sizes) -> int:
        return _cycles(acc, off_chip(Operand.PSUM, _tile_words(Operand.PSUM, pieces)))

    return Output(tile.depth, tile.slots, write, read)
