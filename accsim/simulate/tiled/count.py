"""A layer on an array that runs tiles: every cycle and every word, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from accsim.hardware.accelerator import InitialPsum
from accsim.mapping.dataflow import DIMENSIONS
from accsim.mapping.nest import Piece
from accsim.simulate.channel import fetched
from accsim.simulate.flows import Occupancy, TiledFlows
from accsim.simulate.phase import Phase, Schedule
from accsim.simulate.schedule import makespan_of, output_of, step_classes, stream_of
from accsim.simulate.storage import OffChipBits, Place
from accsim.simulate.tiled.run import TileArray, TileRun, TileWords
from accsim.simulate.tiled.walked import makespan, visits
from accsim.simulate.timeline import Run


@dataclass(slots=True)
class Counted:
    """What the tiles of a layer add up to.

    Attributes:
        compute, stalls, tail: cycles of all tiles, and of the last one's way out.
        words: words of all tiles.
        done: MACs that took a slot.
        expected: cycles of the array that densities let expect, beside those that values decide; else ``None``.
        slots, idle: PE slots of the compute cycles, and those without a MAC by cause.
    """

    compute: int = 0
    tail: int = 0
    done: int = 0
    slots: int = 0
    active: int = 0
    busy: int = 0
    expected: float | None = None
    stalls: dict[str, int] = field(default_factory=dict)
    idle: dict[str, int] = field(default_factory=dict)
    words: TileWords = field(default_factory=TileWords)

    def add(self, run: TileRun, times: int) -> None:
        """Add ``times`` equal tiles."""
        self.compute += run.compute * times
        self.done += run.done_macs * times
        self.slots += run.slots * times
        self.busy += run.busy * times
        self.active = max(self.active, run.active)
        self.words.add(run.words, times)
        for into, items in ((self.stalls, run.stalls), (self.idle, run.idle)):
            for cause, n in items:
                into[cause] = into.get(cause, 0) + n * times

    @property
    def phase(self) -> Phase:
        """Cycles when no tile is late."""
        return Phase(self.compute, 0, self.tail, tuple(self.stalls.items()))

    @property
    def occupancy(self) -> Occupancy:
        """PEs at work."""
        return Occupancy(self.active, self.busy, self.compute)


def count_tiled(place: Place, array: TileArray, off_chip: OffChipBits) -> tuple[Schedule, Counted]:
    """Cycles and words of a layer."""
    counted = Counted()
    total = _by_value(place, array, off_chip, counted) if array.by_value else _by_shape(place, array, off_chip, counted)
    if array.by_value:
        counted.expected = array.expected_cycles((sizes, n) for sizes, _, n in step_classes(place.nest, 0))
    return Schedule.of(counted.phase, total, place.accelerator.dram.name), counted


def _by_value(place: Place, array: TileArray, off_chip: OffChipBits, counted: Counted) -> int:
    runs = []
    for visit in visits(place.nest, place.output_depth()):
        run = array.tile(visit.sizes)
        counted.add(run, 1)
        counted.tail = run.tail
        runs.append((visit, run.cycles, run.cycles + run.tail))
    streams = [stream_of(place, one, off_chip) for one in fetched(place)]
    return makespan(place.nest, streams, output_of(place, off_chip), runs)


def _by_shape(place: Place, array: TileArray, off_chip: OffChipBits, counted: Counted) -> int:
    for sizes, _, n in step_classes(place.nest, 0):
        counted.add(array.tile(sizes), n)
    counted.tail = array.tile(_last(place)).tail
    return makespan_of(place, _Model(array), off_chip)


def _last(place: Place) -> Mapping[str, Piece]:
    """The pieces of the last tile."""
    nest, sizes = place.nest, dict[str, Piece]()
    for dim in DIMENSIONS:
        sizes[dim] = nest.pieces(dim, 0)[0][0]
    for loop in nest.loops:
        sizes[loop.dim] = nest.split(loop.dim, sizes[loop.dim], loop.step)[-1][0]
    return sizes


class _Model:
    """An array that runs tiles, as the timeline asks for it."""

    load_at = ramp_at = 0

    def __init__(self, array: TileArray) -> None:
        self.array = array

    def step(self, sizes: Mapping[str, Piece], _loads: bool) -> Phase:
        run = self.array.tile(sizes)
        return Phase(run.compute, 0, run.tail, run.stalls)

    def ramp(self, _sizes: Mapping[str, Piece]) -> Phase:
        return Phase(0, 0, 0, ())

    def run(self, sizes: Mapping[str, Piece], _loads: bool, _starts: bool) -> Run:
        one = self.array.tile(sizes)
        return Run(None, None, one.cycles, one.cycles + one.tail)


def flows_of(place: Place, words: TileWords) -> TiledFlows:
    """The words of a layer as they are written down."""
    zero = place.accelerator.array.initial_psum is InitialPsum.ZERO
    begun = place.nest.geometry.ofmap_words if zero else 0
    return TiledFlows(words, words.psum_out - begun)
