"""What the filters of a row-stationary array are loaded beside: pairs of steps against a walk, and the cycles of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import FilterLoad
from accsim.mapping.dataflow import DIMENSIONS
from accsim.mapping.nest import Loop, Nest, Piece
from accsim.mapping.row_stationary import array_violations
from accsim.simulate.filter_loads import Block, before, pairs
from accsim.simulate.row_stationary import RowStationaryArray
from tests.simulate.test_row_stationary import counted, layer, mapped, runs, small
from tests.strategies import change, nests

Trail = tuple[Mapping[str, Piece], ...]


def steps(nest: Nest, trail: Trail = (), carried: int = -1) -> Iterator[tuple[Trail, int]]:
    """Every step with the pieces at every depth, and the loop that advanced."""
    if not trail:
        trail = ({dim: nest.piece(dim, 0, nest.bound(dim)) for dim in DIMENSIONS},)
    depth = len(trail) - 1
    if depth == len(nest.loops):
        yield trail, carried
        return
    loop, whole = nest.loops[depth], trail[-1][nest.loops[depth].dim]
    for start in range(whole.start, whole.start + whole.size, loop.step):
        piece = nest.piece(loop.dim, start, min(loop.step, whole.start + whole.size - start))
        yield from steps(nest, (*trail, {**trail[-1], loop.dim: piece}), carried)
        carried = depth


def block(trail: Trail) -> Block:
    return Block(*(trail[-1][dim].size for dim in "NMCQ"))


@settings(max_examples=200, deadline=None)
@given(nests(), st.data())
def test_pairs_are_those_of_a_walk(nest: Nest, data: st.DataObject):
    load_at = data.draw(st.integers(0, len(nest.loops)))
    walked: Counter[tuple[Block | None, Block]] = Counter()
    earlier: Block | None = None
    for trail, carried in steps(nest):
        if carried < load_at:
            walked[earlier, block(trail)] += 1
        assert before(nest, trail, carried) == earlier
        earlier = block(trail)
    found: Counter[tuple[Block | None, Block]] = Counter()
    for first, second, times in pairs(nest, load_at):
        found[first, second] += times
    assert found == walked


def test_pairs_of_long_loops_are_not_walked():
    g = layer(n=10**6, m=10**6, c=10**6)
    nest = Nest(g, (Loop("M", 1), Loop("N", 1), Loop("C", 3)))
    one, rest = Block(1, 1, 3, 1), Block(1, 1, 1, 1)
    found = {pair: times for *pair_, times in pairs(nest, 3) if (pair := tuple(pair_))}
    inner = 333333  # C in threes, and 1 left
    assert found[None, one] == 1
    assert found[one, one] == 10**12 * (inner - 1)
    assert found[one, rest] == 10**12
    assert sum(times for *_, times in pairs(nest, 3)) == 10**12 * (inner + 1)


# One PE set of 3 x 2, two filters and two channels in a PE, four output columns, filters over a 16-bit bus: a load has
# 2 x 2 x 3 x 3 = 36 words. A column has 12 MACs and 2 sums; the first one shifts 2 x 3 words, every other one 2 x 1.
FIRST, OTHER, WORDS = 6 + 12 + 2, 2 + 12 + 2, 36
PASS = FIRST + 3 * OTHER
SPARE = 3 * (224 - 12)
"""Edges that fill the places left in the spads of three PEs, 224 words each, of which a pass keeps 2 x 2 x 3."""


@pytest.mark.parametrize(
    ("load", "waits"),
    [
        (FilterLoad.FIRST_COLUMN, 3 * (WORDS - FIRST)),
        (FilterLoad.ADJACENT_COLUMNS, WORDS - FIRST + 2 * max(0, WORDS - FIRST - OTHER)),
        (FilterLoad.SPARE_WORDS, WORDS - FIRST + 2 * max(0, WORDS - FIRST - OTHER - SPARE)),
        (FilterLoad.WHOLE_PASS, WORDS - FIRST + 2 * max(0, WORDS - FIRST - 3 * OTHER)),
    ],
)
def test_three_passes_by_hand(load: FilterLoad, waits: int):
    """Six channels in three passes; nothing hides the first load but its own first column."""
    g, mapping = layer(m=2, c=6, p=2, q=4, r=3, s=3), mapped(m=2, e=2, f=4, p=2, q=2)
    machine = small(3, 2)
    links = tuple(replace(lv, width_bits=16) if lv.name == "gin_filter" else lv for lv in machine.levels)
    machine = replace(machine, levels=links, pe=replace(machine.pe, filter_load=load))
    assert array_violations(machine, g, mapping) == []
    window = 2 * 4 * 3  # channels, ifmap rows, words
    _, timing, _ = counted(machine, g, mapping)
    assert timing.cycles.compute == 3 * PASS
    assert timing.cycles.fill == window + waits


@pytest.mark.parametrize(("spad", "wait"), [(24, 8), (25, 5), (26, 2), (27, 0)])
def test_places_that_a_pass_leaves_empty_take_words_early(spad: int, wait: int):
    """Four filters of two channels and three taps are 24 words in a PE; a load of 72 words has 34 + 30 edges beside it.

    Every empty place takes one word in each of the three PEs of a column, on three edges of a 16-bit bus.
    """
    g, mapping = layer(m=4, c=6, p=2, q=4, r=3, s=3), mapped(m=4, e=2, f=4, p=4, q=2)
    machine = change(small(3, 2, spad=spad), gin_filter={"width_bits": 16})
    machine = replace(machine, pe=replace(machine.pe, filter_load=FilterLoad.SPARE_WORDS))
    _, timing, _ = counted(machine, g, mapping)
    assert timing.cycles.fill == 2 * 4 * 3 + (72 - 34) + 2 * wait


def test_a_pass_of_one_column_has_no_room_for_the_next_ones_filters():
    """Its network brings its own filters beside that column, and it cannot bring two words at once."""
    g, mapping = layer(m=8, c=4, p=1, q=1, r=3, s=3), mapped(m=8, e=1, f=1, p=2, q=2, t=2)
    fills = {load: cycles_of(load, g, mapping).fill for load in FilterLoad}
    assert len(set(fills.values())) == 1


@settings(max_examples=100, deadline=None)
@given(runs())
def test_more_room_for_a_load_never_costs_a_cycle(run):
    """Nor one of the whole, DRAM included, unless passes wait for sums that come back.

    These waits are bubbles of the schedule: a load that moves beside an earlier pass can uncover one, and a pass that
    is late for want of words from DRAM keeps it.
    """
    machine, g, mapping = run
    totals, first_cut = [], None
    for load in FilterLoad:
        other = replace(machine, pe=replace(machine.pe, filter_load=load))
        if array_violations(other, g, mapping):
            continue
        first_cut = first_cut or cut(other, g, mapping)
        if cut(other, g, mapping) != first_cut:  # a spad that holds two passes cuts the filters finer
            continue
        _, timing, _ = counted(other, g, mapping)
        totals.append((timing.processing_cycles, timing.cycles.total, timing.cycles.drain))
    assert all(one[0] >= two[0] for one, two in pairwise(totals))
    assert all(one[1] >= two[1] for one, two in pairwise(totals) if two[2] <= one[2])


def cut(machine, g, mapping):
    array = RowStationaryArray(machine, mapping, mapping.nest(g, fetch_padding=True))
    return array.runs_r, array.runs_s


def cycles_of(load: FilterLoad, g, mapping):
    machine = small(3, 8)
    return counted(replace(machine, pe=replace(machine.pe, filter_load=load)), g, mapping)[1].cycles


def test_a_spad_for_two_passes_holds_half_as_much():
    g, mapping = layer(m=2, c=2, p=2, q=4, r=3, s=3), mapped(m=2, e=2, f=4, p=2, q=2)
    machine = small(3, 2, spad=12)
    assert array_violations(machine, g, mapping) == []
    double = replace(machine, pe=replace(machine.pe, filter_load=FilterLoad.WHOLE_PASS))
    runs_s = RowStationaryArray(double, mapping, mapping.nest(g, fetch_padding=True)).runs_s
    assert runs_s == (1, 1, 1)  # 2 passes x 2 filters x 2 channels x 1 of 3 columns
