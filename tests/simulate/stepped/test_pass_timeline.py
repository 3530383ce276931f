"""The timeline of single steps against max-plus algebra and a naive machine, and what its events must keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, Array, ArrayFamily, Dram, Partition, Pe, RegisterFile, Sram
from accsim.mapping.dataflow import DIMENSIONS, Delivery, Drain, Reduction, SystolicDataflow
from accsim.mapping.mapping import SystolicMapping
from accsim.simulate.channel import Fetched, fetched, returned
from accsim.simulate.stepped.machine import Step
from accsim.simulate.stepped.pass_timeline import Event, PassTimeline
from accsim.simulate.stepped.storage import Moves, Storage
from accsim.simulate.stepped.walk import walk
from accsim.simulate.storage import Place, Residency
from accsim.simulate.timeline import Output, Run, Sizes, Stream, Timeline, Trail, begun_before, shares
from accsim.workload.layer import Operand
from tests.naive import timeline as naive
from tests.naive.nest import Step as NaiveStep
from tests.strategies import nests

IFMAP, WEIGHT, PSUM, OFMAP = Operand.IFMAP, Operand.WEIGHT, Operand.PSUM, Operand.OFMAP
ALL = (IFMAP, WEIGHT, PSUM, OFMAP)
FLOW = SystolicDataflow(
    "os", ("P",), ("M",), ("C",), ("rows", "cols"), Delivery.HOP, Delivery.HOP, Reduction.IN_PE, Drain.SHIFT
)
BITS = {IFMAP: 8, WEIGHT: 8, PSUM: 32, OFMAP: 8}


@dataclass(frozen=True)
class Case:
    """A layer with its channel and buffers, and an array whose steps take what ``run`` says.

    Attributes:
        coded: whether feature maps are coded, in words of 24 bits for two words each.
        pace: cycles of a step per MAC, and of one that loads.
        overlap: load, how much earlier the shadow registers are free, tail; ``None`` without shadow registers.
        spare: places for ifmaps beside those of a tile, in a circular buffer; ``None`` without one.
    """

    place: Place
    coded: bool
    pace: tuple[int, int]
    loads_at: int
    overlap: tuple[int, int, int] | None
    spare: int | None = None

    def inputs(self) -> list[Fetched]:
        """The inputs from DRAM; ifmaps that lie in a circular buffer have a place each."""

        def placed(one: Fetched) -> Fetched:
            nest = self.place.nest
            uncut = all(loop.dim != "N" for loop in nest.loops[one.depth :])
            if self.spare is None or one.operand is not IFMAP or one.level is None or not uncut:
                return one
            most = max(piece.size for piece, _ in nest.pieces("N", one.depth))
            own = min(most, 8)
            return replace(one, slots=min(2 * own, own + self.spare), by_ifmap=True)

        return [placed(one) for one in fetched(self.place)]

    def each(self, macs: int, ifmaps: int) -> int:
        """Cycles that a step takes at least for an ifmap."""
        return macs // ifmaps * self.pace[0]

    def bits(self, operand: Operand, words: int) -> int:
        if self.coded and operand in (IFMAP, OFMAP):
            return -(-words // 2) * 24
        return words * BITS[operand]

    def cycles(self, operand: Operand, words: int) -> int:
        return self.place.accelerator.dram.cycles(self.bits(operand, words), self.place.accelerator.clock_mhz)

    def run(self, macs: int, carried: int) -> Run:
        loads = carried < self.loads_at
        cycles = macs * self.pace[0] + (self.pace[1] if loads else 0)
        if self.overlap is None:
            return Run.alone(cycles)
        load, earlier, tail = self.overlap
        last = max(0, cycles - earlier) if loads or load % 2 else None
        return Run(load if loads else None, last, cycles, cycles + tail)

    def collapsed(self) -> int:
        """Cycles in max-plus algebra."""

        def words(operand: Operand, pieces: Sizes) -> int:
            dims = {IFMAP: "NGCPQ", WEIGHT: "GMCRS", PSUM: "NGMPQ"}[operand]
            return prod(pieces[dim].extent if operand is IFMAP else pieces[dim].size for dim in dims)

        def fetch(operand: Operand) -> Callable[[Sizes], int]:
            return lambda pieces: self.cycles(operand, words(operand, pieces))

        def write(pieces: Sizes, last: bool) -> int:
            if last:
                return 0 if self.place.residency.ofmap else self.cycles(OFMAP, words(PSUM, pieces))
            return self.cycles(PSUM, words(PSUM, pieces))

        def run(trail: Trail, carried: int) -> Run:
            return self.run(prod(trail[-1][dim].size for dim in DIMENSIONS), carried)

        tile = returned(self.place)
        output = Output(tile.depth, tile.slots, write, lambda pieces: self.cycles(PSUM, words(PSUM, pieces)))

        def stream(one: Fetched) -> Stream:
            def pace(pieces: Sizes) -> int:
                ifmaps = pieces["N"].size
                return one.pace(ifmaps, self.each(prod(pieces[dim].size for dim in DIMENSIONS), ifmaps))

            return Stream(
                one.operand, one.depth, one.slots, fetch(one.operand), lambda tile: one.parts(tile["N"].size), pace
            )

        streams = [stream(one) for one in self.inputs()]
        return Timeline(self.place.nest, streams, output, run, (self.loads_at,)).makespan()

    def naive(self) -> int:
        """Cycles of the machine that serves one transfer after another."""

        def fetch(operand: Operand) -> Callable[[int], int]:
            return lambda words: self.cycles(operand, words)

        def write(words: int, last: bool) -> int:
            if last:
                return 0 if self.place.residency.ofmap else self.cycles(OFMAP, words)
            return self.cycles(PSUM, words)

        def run(step: NaiveStep, carried: int) -> Run:
            return self.run(prod(len(step.ranges[-1][dim]) for dim in DIMENSIONS), carried)

        tile = returned(self.place)
        output = naive.Returned(tile.depth, tile.slots, write, lambda words: self.cycles(PSUM, words))

        def pace(step: NaiveStep) -> int:
            return self.each(prod(len(step.ranges[-1][dim]) for dim in DIMENSIONS), len(step.ranges[-1]["N"]))

        inputs = [
            naive.Fetched(one.operand, one.depth, one.slots, fetch(one.operand), pace if one.by_ifmap else None)
            for one in self.inputs()
        ]
        return naive.simulate(self.place.nest, inputs, output, run)[0]

    def stepped(self, record: bool = False) -> tuple[int, list[Event], list[tuple[Step, Moves]]]:
        """Cycles step by step, the events if asked for, and what each step moved."""
        steps = list(walk(self.place.nest, self.loads_at, 0))
        runs = [self.run(prod(piece.size for piece in step.sizes.values()), step.carried) for step in steps]
        storage = Storage(self.place, "layer", (), self.bits)
        moved: list[tuple[Step, Moves]] = []

        def seen() -> list[tuple[Step, Moves]]:
            moved.extend(storage.walk(steps))
            return moved

        acc = self.place.accelerator
        stays = self.place.residency.ofmap is not None
        timeline = PassTimeline(
            self.inputs(), returned(self.place), acc.dram, acc.clock_mhz, self.bits, stays=stays, record=record,
            ifmap_cycles=lambda step: self.each(
                prod(piece.size for piece in step.sizes.values()), step.sizes["N"].size
            ),
        )  # fmt: skip
        return timeline.run(seen(), runs, storage.end), timeline.events, moved

    def alone(self) -> int:
        """Cycles of the array when every tile is there in time."""
        array = naive.Array()
        for step in walk(self.place.nest, self.loads_at, 0):
            array.serve(0, self.run(prod(piece.size for piece in step.sizes.values()), step.carried))
        return array.free_at


@st.composite
def cases(draw: st.DrawFn) -> Case:
    nest = draw(nests())
    copies = tuple((operand, draw(st.integers(1, 3))) for operand in ALL)
    held = draw(st.sampled_from([ALL, ALL, (IFMAP, WEIGHT, PSUM), (IFMAP, PSUM), (WEIGHT,), ()]))
    levels = (Sram("glb", held, 64, (Partition(held, 10**9, copies),)),) if held else ()
    acc = Accelerator(
        name="toy",
        clock_mhz=draw(st.sampled_from([100.0, 250.0])),
        array=Array(draw(st.sampled_from(list(ArrayFamily))), 2, 2),
        pe=Pe(8, 8, 32, 8),
        levels=(
            Dram(
                "dram", ALL, draw(st.sampled_from([1, 8, 24, 64])), draw(st.sampled_from([None, 133.0])),
                draw(st.integers(0, 9)), draw(st.sampled_from([1, 64])),
            ),
            *levels,
            RegisterFile("reg", ALL, 32, 1),
        ),
        dataflow="os",
        energy_table="none",
    )  # fmt: skip
    depth = st.integers(0, len(nest.loops))
    hold = tuple(("glb", operand, draw(depth)) for operand in (IFMAP, WEIGHT, PSUM) if operand in held)
    homes = Residency(
        "glb" if IFMAP in held and draw(st.booleans()) else None,
        None,
        "glb" if OFMAP in held and draw(st.booleans()) else None,
    )
    place = Place(acc, SystolicMapping(FLOW, nest.loops, hold), nest, homes)
    return Case(
        place,
        draw(st.booleans()),
        (draw(st.integers(0, 2)), draw(st.integers(0, 9))),
        draw(depth),
        draw(st.none() | st.tuples(st.integers(-3, 20), st.integers(0, 9), st.integers(0, 20))),
        draw(st.none() | st.integers(0, 4)),
    )


@given(case=cases())
@settings(max_examples=600, deadline=None)
def test_cycles_of_single_steps_are_those_of_both_other_timelines(case: Case) -> None:
    end, events, _ = case.stepped()
    assert end == case.collapsed() == case.naive()
    assert events == []


def on(events: list[Event], track: str) -> list[Event]:
    return [event for event in events if event.track == track]


@given(case=cases())
@settings(max_examples=150, deadline=None)
def test_recording_changes_nothing_and_adds_up(case: Case) -> None:
    """Transfers move what the layer moves, stalls are the cycles that the array alone would not need."""
    end, events, moved = case.stepped(record=True)
    assert end == case.stepped()[0]
    transfers = on(events, "dram")
    if not any(one.by_ifmap for one in case.inputs()):
        assert sum(e.end - e.start for e in transfers) == sum(
            case.cycles(Operand(str(e.args["operand"])), int(e.args["words"])) for e in transfers
        )
    tiles = [(one.operand, tile) for _, move in moved for one, tile in zip(case.inputs(), move.fetched, strict=True)]
    for operand in (IFMAP, WEIGHT):
        came_in = sum(int(e.args["bits"]) for e in transfers if e.args["operand"] == operand.value)
        assert came_in == sum(case.bits(o, tile.words) for o, tile in tiles if o is operand and tile)
    came = sum(tile.words for _, move in moved for tile in move.fetched if tile)
    came += sum(move.output.words for _, move in moved if move.output and move.returns)
    assert sum(int(e.args["words"]) for e in transfers if e.args["direction"] == "read") == came
    assert sum(e.end - e.start for e in on(events, "stalls")) == end - case.alone()
    assert len(on(events, "array")) == len(moved)
    assert all(0 <= e.start <= e.end <= end for e in events)


@given(case=cases())
@settings(max_examples=150, deadline=None)
def test_one_thing_at_a_time(case: Case) -> None:
    """On the channel, among the stalls, on the array, and in each slot of a buffer."""
    _, events, _ = case.stepped(record=True)
    lanes: dict[object, list[Event]] = {}
    for event in events:
        slot = (event.args["operand"], event.args["slot"]) if "slot" in event.args else ()
        lanes.setdefault((event.track, slot), []).append(event)
    for lane in lanes.values():
        ordered = sorted(lane, key=lambda event: (event.start, event.end))
        for before, after in pairwise(ordered):
            assert before.end <= after.start
    stalls, steps = on(events, "stalls"), on(events, "array")
    for stall in stalls:
        assert not any(step.start < stall.end and stall.start < step.end for step in steps)


@given(case=cases())
@settings(max_examples=150, deadline=None)
def test_no_output_before_its_last_operand(case: Case) -> None:
    """A step streams when its tiles are there; a tile of sums is written when all its steps are done."""
    _, events, moved = case.stepped(record=True)
    steps = sorted(on(events, "array"), key=lambda event: int(event.args["step"]))
    reads = [e for e in on(events, "dram") if e.args["direction"] == "read"]
    writes = [e for e in on(events, "dram") if e.args["direction"] == "write"]
    inputs = case.inputs()
    wanted = {o: iter([e for e in reads if e.args["operand"] == o.value]) for o in (WEIGHT, IFMAP, PSUM)}
    arrived = dict.fromkeys(wanted, 0)
    opened: list[list[int]] = []
    for (step, move), event in zip(moved, steps, strict=True):
        pace = case.each(prod(piece.size for piece in step.sizes.values()), step.sizes["N"].size)
        for one, tile in zip(inputs, move.fetched, strict=True):
            parts = shares(tile.words, one.parts(step.sizes["N"].size)) if tile else []
            ahead = one.pace(step.sizes["N"].size, pace) if one.by_ifmap else 0
            ends = [next(wanted[one.operand]).end - begun_before(i, ahead) for i, words in enumerate(parts) if words]
            arrived[one.operand] = max(ends, default=arrived[one.operand])
        if move.returns:
            arrived[PSUM] = next(wanted[PSUM]).end
        assert event.start >= max(arrived.values())
        if move.output:
            opened.append([])
        opened[-1].append(step.index)
    if case.place.residency.ofmap is None:
        assert len(writes) == len(opened)
        for write, inside in zip(writes, opened, strict=True):
            assert write.start >= max(int(steps[i].args["done"]) for i in inside)


@given(case=cases(), times=st.integers(2, 9))
@settings(max_examples=150, deadline=None)
def test_cycles_never_rise_with_bandwidth_or_buffering(case: Case, times: int) -> None:
    acc = case.place.accelerator

    def with_levels(change: Callable[[Dram | Sram], Dram | Sram]) -> Case:
        levels = tuple(change(lv) if isinstance(lv, Dram | Sram) else lv for lv in acc.levels)
        return replace(case, place=replace(case.place, accelerator=replace(acc, levels=levels)))

    def wider(level: Dram | Sram) -> Dram | Sram:
        return replace(level, width_bits=level.width_bits * times) if isinstance(level, Dram) else level

    def more(level: Dram | Sram) -> Dram | Sram:
        if isinstance(level, Dram):
            return level
        parts = tuple(replace(p, buffers=tuple((o, n + 1) for o, n in p.buffers)) for p in level.partitions)
        return replace(level, partitions=parts)

    base = case.stepped()[0]
    assert with_levels(wider).stepped()[0] <= base
    assert with_levels(more).stepped()[0] <= base
    if case.spare is not None:
        assert replace(case, spare=case.spare + times).stepped()[0] <= base
