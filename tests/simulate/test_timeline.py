"""The makespan in max-plus algebra against a machine that serves one transfer after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.errors import AccsimError
from accsim.mapping.nest import Loop, Nest, Piece
from accsim.simulate.timeline import LIMIT, Output, Run, Stream, Timeline, Trail
from accsim.workload.layer import Geometry, Operand
from tests.naive.nest import DIMENSIONS, Step
from tests.naive.timeline import Fetched, Machine, Returned, simulate
from tests.strategies import nests

ONE = Geometry(N=1, G=1, M=1, C=1, P=1, Q=1, R=1, S=1, H=1, W=1)
INDEXED = {Operand.IFMAP: "NGCPQ", Operand.WEIGHT: "GMCRS", Operand.PSUM: "NGMPQ"}
Line = tuple[int, int, int]
"""Cycles of a tile of so many words: (latency, words per cycle, 0 or 1: nothing moves at all)."""


def time(line: Line, words: int) -> int:
    latency, rate, moves = line
    return moves and words and latency + -(-words // rate)


@dataclass(frozen=True)
class Case:
    """A layer's nest with random durations; the array's depend on the tile and on the loop that advanced.

    Attributes:
        pace: cycles that a step takes at least for an ifmap, per MAC in it, where tiles of ifmaps come in parts.
    """

    nest: Nest
    streams: tuple[tuple[Operand, int, int, Line], ...]
    output: tuple[int, int, Line, Line, Line] | None
    array: Line
    loads_at: int
    overlap: tuple[int, int, int] | None = None
    pace: int | None = None

    def engine(self) -> int:
        def words(operand: Operand, pieces: Mapping[str, Piece]) -> int:
            return prod(pieces[d].extent if operand is Operand.IFMAP else pieces[d].size for d in INDEXED[operand])

        def fetch(operand: Operand, line: Line) -> Callable[[Mapping[str, Piece]], int]:
            return lambda pieces: time(line, words(operand, pieces))

        def run(trail: Trail, advanced: int) -> Run:
            shape = tuple((trail[-1][d].size, trail[-1][d].extent) for d in DIMENSIONS)
            return self._array(shape, advanced)

        output = None
        if self.output is not None:
            depth, slots, final, partial, back = self.output
            output = Output(
                depth,
                slots,
                lambda pieces, last: time(final if last else partial, words(Operand.PSUM, pieces)),
                lambda pieces: time(back, words(Operand.PSUM, pieces)),
            )

        def pace(pieces: Mapping[str, Piece]) -> int:
            ifmaps = pieces["N"].size
            return ifmaps // min(ifmaps, 8) * self._each(prod(pieces[d].size for d in DIMENSIONS), ifmaps)

        streams = [
            Stream(o, depth, slots * self._parts(depth), fetch(o, line), lambda tile: min(tile["N"].size, 8), pace)
            if o is Operand.IFMAP and self.pace is not None
            else Stream(o, depth, slots, fetch(o, line))
            for o, depth, slots, line in self.streams
        ]
        return Timeline(self.nest, streams, output, run, (self.loads_at,)).makespan()

    def _parts(self, depth: int) -> int:
        return min(8, max(piece.size for piece, _ in self.nest.pieces("N", depth)))

    def _each(self, macs: int, ifmaps: int) -> int:
        return macs // ifmaps * (self.pace or 0)

    def _array(self, shape: tuple[tuple[int, int], ...], advanced: int) -> Run:
        macs, rows = prod(size for size, _ in shape), shape[DIMENSIONS.index("P")][1]
        cycles, loads = time(self.array, macs + rows), advanced < self.loads_at
        if self.overlap is None:
            return Run.alone(cycles + (5 if loads else 0))
        load, earlier, tail = self.overlap
        return Run(
            load if loads else None, max(0, cycles - earlier) if loads or load % 2 else None, cycles, cycles + tail
        )

    def naive(self) -> tuple[int, Machine]:
        from tests.naive.nest import NaiveNest

        walk = NaiveNest(self.nest.geometry, self.nest.loops, self.nest.fetch_padding)

        def fetch(line: Line) -> Callable[[int], int]:
            return lambda words: time(line, words)

        def run(step: Step, advanced: int) -> Run:
            return self._array(walk.sizes(step.ranges[-1]), advanced)

        output = None
        if self.output is not None:
            depth, slots, final, partial, back = self.output
            output = Returned(
                depth, slots, lambda words, last: time(final if last else partial, words), lambda n: time(back, n)
            )

        def pace(step: Step) -> int:
            sizes = [size for size, _ in walk.sizes(step.ranges[-1])]
            return self._each(prod(sizes), len(step.ranges[-1]["N"]))

        streams = [
            Fetched(o, depth, slots * self._parts(depth), fetch(line), pace)
            if o is Operand.IFMAP and self.pace is not None
            else Fetched(o, depth, slots, fetch(line))
            for o, depth, slots, line in self.streams
        ]
        return simulate(self.nest, streams, output, run)


def lines() -> st.SearchStrategy[Line]:
    return st.tuples(st.integers(0, 9), st.integers(1, 6), st.sampled_from((0, 1, 1, 1)))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    nest = draw(nests())
    depths = st.integers(0, len(nest.loops))
    slots = st.integers(1, 2)
    fetched = draw(st.permutations((Operand.WEIGHT, Operand.IFMAP)))[: draw(st.integers(0, 2))]
    return Case(
        nest,
        tuple((operand, draw(depths), draw(slots), draw(lines())) for operand in fetched),
        draw(st.none() | st.tuples(depths, slots, lines(), lines(), lines())),
        draw(lines()),
        draw(st.integers(0, len(nest.loops))),
        draw(st.none() | st.tuples(st.integers(0, 20), st.integers(0, 9), st.integers(0, 20))),
        draw(st.none() | st.integers(0, 2)),
    )


@given(case=cases())
@settings(max_examples=300, deadline=None)
def test_makespan_is_that_of_the_machine_step_by_step(case: Case) -> None:
    end, machine = case.naive()
    assert case.engine() == end
    assert end >= machine.array.busy
    assert end >= machine.channel.busy


def slower(line: Line, by: int) -> Line:
    latency, rate, moves = line
    return latency + by, max(1, rate - by), moves


@given(case=cases(), by=st.integers(1, 4), which=st.integers(0, 4))
@settings(max_examples=150, deadline=None)
def test_longer_transfers_never_shorten_a_layer(case: Case, by: int, which: int) -> None:
    streams = tuple(
        (operand, depth, slots, slower(line, by) if i == which else line)
        for i, (operand, depth, slots, line) in enumerate(case.streams)
    )
    output = case.output
    if output is not None and which >= 2:
        output = (*output[:which], slower(output[which], by), *output[which + 1 :])  # type: ignore[assignment,arg-type]
    assert replace(case, streams=streams, output=output).engine() >= case.engine()


@given(case=cases())
@settings(max_examples=150, deadline=None)
def test_more_slots_never_lengthen_a_layer(case: Case) -> None:
    output = case.output and (case.output[0], 2, *case.output[2:])
    streams = tuple((operand, depth, 2, line) for operand, depth, _, line in case.streams)
    assert replace(case, streams=streams, output=output).engine() <= case.engine()


def constant(cycles: int) -> Callable[..., int]:
    return lambda *_: cycles


def busy(cycles: int) -> Callable[..., Run]:
    return lambda *_: Run.alone(cycles)


def test_one_slot_takes_turns_and_two_overlap() -> None:
    """Ten tiles, 7 cycles to fetch and 5 to use::

    1 slot   fffffff aaaaa fffffff aaaaa ...      10 * (7 + 5)
    2 slots  fffffff fffffff fffffff ...          10 * 7 + 5
    """
    nest = Nest(replace(ONE, C=10), (Loop("C", 1),))
    for slots, end in ((1, 120), (2, 75)):
        assert Timeline(nest, [Stream(Operand.IFMAP, 1, slots, constant(7))], None, busy(5)).makespan() == end


@pytest.mark.parametrize(("slots", "end"), [(1, 2 * (4 + 10)), (2, 4 + 10 + 2 + 10), (3, 4 + 10 + 10)])
def test_an_ifmap_takes_the_place_of_one_that_the_array_is_through_with(slots: int, end: int) -> None:
    """Two tiles of two ifmaps, 2 cycles to fetch each and 5 to use; with one slot a tile is one part::

    1 slot   ff ff aaaaaaaaaa ff ff aaaaaaaaaa
    2 slots  f0 f1 aaaaa|aaaaa           the first place is free after five cycles, the second after ten,
                         f0   f1 aaaaa|aaaaa    and the array waits for the second
    3 slots  f0 f1 aaaaa|aaaaaaaaaa|aaaaa   a place to spare takes the first, so all is there in time
    """
    nest = Nest(replace(ONE, N=4), (Loop("N", 2),))
    parts = 2 if slots > 1 else 1
    stream = Stream(Operand.IFMAP, 1, slots, constant(4), constant(parts), constant(5))
    assert Timeline(nest, [stream], None, busy(10)).makespan() == end


def test_outputs_are_written_back_while_the_array_goes_on() -> None:
    """Ten outputs, 5 cycles to compute and 7 to write back: the writes follow each other with two slots."""
    nest = Nest(replace(ONE, M=10), (Loop("M", 1),))
    for slots, end in ((1, 120), (2, 75)):
        assert Timeline(nest, [], Output(1, slots, constant(7), constant(0)), busy(5)).makespan() == end


def test_partial_sums_go_out_and_come_back() -> None:
    """C outside M: each of two output tiles is written (3), read back (2), and written again as finished (4).

    ::

        array    11       11           11           11
        channel    3 (M0)   3 (M1) 2 (M0)  4 (M0) 2 (M1)  4 (M1)
    """
    nest = Nest(replace(ONE, C=2, M=2), (Loop("C", 1), Loop("M", 1)))
    output = Output(2, 1, lambda _, last: 4 if last else 3, constant(2))
    assert Timeline(nest, [], output, busy(11)).makespan() == 4 * 11 + 3 + 3 + 2 + 4 + 2 + 4


def test_a_partial_sum_comes_back_while_the_array_finishes_the_tile_before() -> None:
    """Finished outputs stay on chip: with a second slot the read (6) of M1 runs under the array's last work on M0.

    ::

        array    10 M0 | 10 M1       | 6 read M0 -> 10 M0 | 10 M1
        channel        3 M0     3 M1  6 M0   6 M1 (hidden)
    """
    nest = Nest(replace(ONE, C=2, M=2), (Loop("C", 1), Loop("M", 1)))
    output = Output(2, 2, lambda _, last: 0 if last else 3, constant(6))
    assert Timeline(nest, [], output, busy(10)).makespan() == 10 + 10 + 3 + 6 + 10 + 10


@pytest.mark.parametrize("slots", [1, 2])
def test_a_thousand_million_passes_are_not_walked(slots: int) -> None:
    """Fetch 3, compute 4, and write 2 after every thousandth step.

    One slot: everything takes turns. Two slots: the array is never idle, but for the step after each write, whose
    fetch waits behind the write: 2 + 3 cycles against the 4 of the array.
    """
    n = 10**9
    nest = Nest(replace(ONE, M=n, C=1000), (Loop("M", 1), Loop("C", 1)))
    streams = [Stream(Operand.WEIGHT, 2, slots, constant(3))]
    output = Output(2, slots, constant(2), constant(2))
    end = Timeline(nest, streams, output, busy(4)).makespan()
    steps = n * 1000
    if slots == 2:
        assert end == 3 + 4 * steps + (n - 1) + 2
    else:
        assert end == 7 * steps + 2 * n


@pytest.mark.parametrize("cycles", [LIMIT, 2**62, 2**62 + 2**61])
def test_an_array_alone_never_wraps(cycles: int) -> None:
    nest = Nest(replace(ONE, C=4), (Loop("C", 1),))
    with pytest.raises(AccsimError, match="too long to be represented"):
        Timeline(nest, [], None, busy(cycles)).makespan()


def test_long_repeats_grow_by_the_same_amount() -> None:
    """Beyond its first passes a schedule is periodic: the walked sizes and the long ones lie on one line."""

    def end(n: int) -> int:
        nest = Nest(replace(ONE, N=n, M=3, C=7), (Loop("N", 1), Loop("C", 3), Loop("M", 2)))
        case = Case(
            nest,
            ((Operand.WEIGHT, 3, 2, (4, 1, 1)), (Operand.IFMAP, 2, 1, (2, 1, 1))),
            (3, 2, (1, 1, 1), (3, 1, 1), (2, 1, 1)),
            (1, 2, 1),
            2,
        )
        if n <= 40:
            assert case.engine() == case.naive()[0]
        return case.engine()

    step = end(21) - end(20)
    assert end(40) == end(20) + 20 * step
    assert end(10**12) == end(20) + (10**12 - 20) * step


@pytest.mark.parametrize("cycles", [2**58, LIMIT + 1, 2**62, 2**62 + 2**61])
@pytest.mark.parametrize("where", ["fetch", "array", "write", "read"])
def test_a_schedule_beyond_64_bits_is_an_error_and_never_wraps(cycles: int, where: str) -> None:
    """Sixteen steps of 2^58 cycles are already 2^62."""
    nest = Nest(replace(ONE, C=4, M=4), (Loop("C", 1), Loop("M", 1)))
    spent = {at: cycles if at == where else 1 for at in ("fetch", "array", "write", "read")}
    streams = [Stream(Operand.WEIGHT, 2, 1, constant(spent["fetch"]))]
    output = Output(2, 1, constant(spent["write"]), constant(spent["read"]))
    with pytest.raises(AccsimError, match="too long to be represented"):
        Timeline(nest, streams, output, busy(spent["array"])).makespan()
