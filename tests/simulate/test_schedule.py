"""Classes of steps against the steps themselves, and what a layer's schedule must keep whatever its mapping."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, Array, ArrayFamily, Dram, Partition, Pe, RegisterFile, Sram
from accsim.mapping.dataflow import Delivery, Drain, Reduction, SystolicDataflow
from accsim.mapping.mapping import SystolicMapping
from accsim.mapping.nest import Nest, Piece
from accsim.simulate.phase import Phase
from accsim.simulate.schedule import schedule, step_classes
from accsim.simulate.storage import Place, Residency
from accsim.simulate.timeline import Run
from accsim.workload.layer import Operand
from tests.naive.nest import DIMENSIONS, NaiveNest, Ranges
from tests.naive.timeline import Fetched, Returned, simulate
from tests.strategies import nests

ALL = (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM, Operand.OFMAP)
FLOW = SystolicDataflow(
    "os", ("P",), ("M",), ("C",), ("rows", "cols"), Delivery.HOP, Delivery.HOP, Reduction.IN_PE, Drain.SHIFT
)


@given(nest=nests(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_classes_of_steps_are_the_steps_of_the_walk(nest: Nest, data: st.DataObject) -> None:
    """Equal steps are one class: lengths, input rows and columns, and where padding clips them, the place itself."""
    naive, load_at = (
        NaiveNest(nest.geometry, nest.loops, nest.fetch_padding),
        data.draw(st.integers(0, len(nest.loops))),
    )

    def kind(ranges: Ranges) -> tuple[tuple[int, int, int], ...]:
        out = []
        for dim in DIMENSIONS:
            piece, extent = ranges[dim], naive.extent(dim, ranges[dim])
            start = piece.start if nest.clipped(dim, Piece(piece.start, len(piece), extent)) else 0
            out.append((start, len(piece), extent))
        return tuple(out)

    counted: Counter[object] = Counter()
    for pieces, loads, n in step_classes(nest, load_at):
        assert n > 0
        placed = tuple(nest.alike(dim, pieces[dim]) for dim in DIMENSIONS)
        counted[tuple((p.start, p.size, p.extent) for p in placed), loads] += n
    assert counted == Counter((kind(step.ranges[-1]), step.advanced < load_at) for step in naive.steps)


@given(nest=nests(padding=False))
@settings(max_examples=60, deadline=None)
def test_a_piece_counts_as_clipped_exactly_where_padding_takes_rows_away(nest: Nest) -> None:
    naive = NaiveNest(nest.geometry, nest.loops)
    padded = NaiveNest(nest.geometry, nest.loops, padding=True)
    for dim in DIMENSIONS:
        for piece in naive.pieces(dim, len(nest.loops)):
            here = nest.piece(dim, piece.start, len(piece))
            assert nest.clipped(dim, here) == (naive.extent(dim, piece) < padded.extent(dim, piece))


@dataclass(frozen=True)
class Toy:
    """An array with plain numbers: a step costs its outputs, its rows, and 3 more if it loads; a burst adds 2."""

    nest: Nest
    load_at: int
    ramp_at: int

    def cycles(self, shape: tuple[tuple[int, int], ...], loads: bool) -> Phase:
        sizes = dict(zip(DIMENSIONS, shape, strict=True))
        stalls = (("port", sizes["P"][1]),) if sizes["P"][1] else ()
        return Phase(sizes["M"][0] * sizes["P"][0], 3 if loads else 0, 1, stalls)

    def step(self, sizes: dict[str, Piece], loads: bool) -> Phase:
        return self.cycles(tuple((sizes[dim].size, sizes[dim].extent) for dim in DIMENSIONS), loads)

    def ramp(self, _: dict[str, Piece]) -> Phase:
        return Phase(0, 2, 0, ())

    def run(self, sizes: dict[str, Piece], loads: bool, starts: bool) -> Run:
        return Run.alone(self.step(sizes, loads).total + (2 if starts else 0))


def machine(copies: int, width: int) -> Accelerator:
    buffers = tuple((operand, copies) for operand in ALL)
    return Accelerator(
        name="toy",
        clock_mhz=100.0,
        array=Array(ArrayFamily.SYSTOLIC, 2, 2),
        pe=Pe(8, 8, 32, 8),
        levels=(
            Dram("dram", ALL, width, latency_cycles=2),
            Sram("glb", ALL, 64, (Partition(ALL, 10**9, buffers),)),
            RegisterFile("reg", ALL, 32, 1),
        ),
        dataflow="os",
        energy_table="none",
    )


@given(nest=nests(), copies=st.integers(1, 2), width=st.sampled_from((8, 24, 64)), stays=st.booleans(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_layer_takes_its_makespan_and_every_cycle_has_a_cause(
    nest: Nest, copies: int, width: int, stays: bool, data: st.DataObject
) -> None:
    depth = st.integers(0, len(nest.loops))
    acc = machine(copies, width)
    held = {operand: data.draw(depth) for operand in (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM)}
    mapping = SystolicMapping(FLOW, nest.loops, tuple(("glb", operand, at) for operand, at in held.items()))
    inside = data.draw(st.booleans())
    place = Place(acc, mapping, nest, Residency("glb" if inside else None, None, "glb" if stays else None))
    toy = Toy(nest, data.draw(depth), data.draw(depth))
    result = schedule(place, toy, lambda operand, words: words * acc.bits(operand))

    naive = NaiveNest(nest.geometry, nest.loops, nest.fetch_padding)

    def array(step: object, advanced: int) -> Run:
        phase = toy.cycles(naive.sizes(step.ranges[-1]), advanced < toy.load_at)  # type: ignore[attr-defined]
        return Run.alone(phase.total + (2 if advanced < toy.ramp_at or advanced < 0 else 0))

    def moved(bits: int) -> int:
        return 2 + -(-bits // width) if bits else 0

    streams = [
        Fetched(operand, held[operand], copies, lambda words: moved(8 * words))
        for operand in (Operand.WEIGHT, Operand.IFMAP)
        if operand is Operand.WEIGHT or not inside
    ]
    output = Returned(
        held[Operand.PSUM],
        copies,
        lambda words, last: (0 if stays else moved(8 * words)) if last else moved(32 * words),
        lambda words: moved(32 * words),
    )
    end, busy = simulate(nest, streams, output, array)
    assert result.cycles.total == end
    assert result.processing_cycles == busy.array.busy
    steps = naive.steps
    assert result.cycles.compute == sum(toy.cycles(naive.sizes(s.ranges[-1]), False).compute for s in steps)
    assert result.cycles.drain == len(steps)
    assert sum(n for cause, n in result.cycles.stalls if cause == "dram") == end - busy.array.busy
