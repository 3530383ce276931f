"""Tiles, loads and words of a nest against loops that are walked one by one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.mapping.nest import Loop, Nest, Piece, covered, input_extent, window_span
from accsim.workload.layer import Geometry, Operand
from tests.naive.nest import DIMENSIONS, NaiveNest, Sizes, bounds, cut, pixels
from tests.strategies import geometries, nests

OPERANDS = (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM)
ONE = Geometry(N=1, G=1, M=1, C=1, P=1, Q=1, R=1, S=1, H=1, W=1)


def walk(nest: Nest) -> NaiveNest:
    return NaiveNest(nest.geometry, nest.loops, nest.fetch_padding)


def shape(pieces: dict[str, Piece]) -> Sizes:
    return tuple((pieces[dim].size, pieces[dim].extent) for dim in DIMENSIONS)


@given(nest=nests(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_loads_words_and_tiles_are_those_of_the_walk(nest: Nest, data: st.DataObject) -> None:
    naive, depth = walk(nest), data.draw(st.integers(0, len(nest.loops)))
    for operand in OPERANDS:
        tiles = [naive.words(operand, ranges) for ranges in naive.loaded(operand, depth)]
        assert nest.change_depth(operand, depth) == naive.innermost_index(operand, depth)
        assert nest.loads(operand, depth) == len(tiles)
        assert nest.words(operand, depth) == sum(tiles)
        classes: Counter[int] = Counter()
        for words, n in nest.tiles(operand, depth):
            classes[words] += n
        assert classes == Counter(tiles)
        assert nest.tile_words(operand, depth) == max(tiles)


@given(nest=nests(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_pieces_and_iterations_are_those_of_the_walk(nest: Nest, data: st.DataObject) -> None:
    naive, depth = walk(nest), data.draw(st.integers(0, len(nest.loops)))
    assert nest.iterations(depth) == len(naive.visited(depth))
    for dim in DIMENSIONS:
        pieces = naive.pieces(dim, depth)
        runs = nest.pieces(dim, depth)
        counted: Counter[tuple[int, int]] = Counter()
        for piece, n in runs:
            assert n > 0
            assert range(piece.start, piece.start + piece.size) in pieces
            counted[piece.size, piece.extent] += n
        assert counted == Counter((len(p), naive.extent(dim, p)) for p in pieces)
        assert nest.count(dim, depth) == len(pieces)
        assert nest.extent(dim, depth) == sum(naive.extent(dim, p) for p in pieces)


@given(nest=nests(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_blocks_are_the_steps_right_after_a_loop_advanced(nest: Nest, data: st.DataObject) -> None:
    naive, depth = walk(nest), data.draw(st.integers(0, len(nest.loops)))
    counted: Counter[Sizes] = Counter()
    for pieces, n in nest.blocks(depth):
        counted[shape(pieces)] += n
    assert counted == Counter(naive.sizes(step.ranges[-1]) for step in naive.steps if step.advanced < depth)


@given(geometry=geometries(), padding=st.booleans(), dim=st.sampled_from("NGMCPQRS"), data=st.data())
@settings(max_examples=200, deadline=None)
def test_split_gives_the_pieces_in_order(geometry: Geometry, padding: bool, dim: str, data: st.DataObject) -> None:
    nest, naive = Nest(geometry, (), padding), NaiveNest(geometry, (), padding)
    whole = bounds(geometry)[dim]
    start = data.draw(st.integers(0, len(whole) - 1))
    part = range(start, data.draw(st.integers(start + 1, len(whole))))
    step = data.draw(st.integers(1, len(part) + 1))
    expanded = []
    for piece, n in nest.split(dim, nest.piece(dim, start, len(part)), step):
        for i in range(n):
            expanded.append((piece.start + i * step, piece.size, piece.extent))
    assert expanded == [(p.start, len(p), naive.extent(dim, p)) for p in cut(part, step)]


@given(nest=nests())
@settings(max_examples=150, deadline=None)
def test_no_level_loads_less_than_the_tiles_that_differ(nest: Nest) -> None:
    """Where no dimension is cut twice, a tile is loaded exactly when it differs from the one that is held."""
    naive = walk(nest)
    once = len({loop.dim for loop in nest.loops}) == len(nest.loops)
    for depth in range(len(nest.loops) + 1):
        for operand in OPERANDS:
            least = naive.changed(operand, depth)
            assert nest.loads(operand, depth) >= len(least)
            if once:
                assert nest.loads(operand, depth) == len(least)
                assert nest.words(operand, depth) == sum(naive.words(operand, ranges) for ranges in least)


@given(nest=nests(padding=False))
@settings(max_examples=100, deadline=None)
def test_every_pixel_weight_and_output_is_loaded_at_least_once(nest: Nest) -> None:
    """Distinct words <= words loaded; deeper tiles never load less, and fetched padding never costs less."""
    g, naive = nest.geometry, walk(nest)
    whole = bounds(g)
    distinct = {
        Operand.IFMAP: prod(naive.extent(dim, whole[dim]) for dim in "NGCPQ"),
        Operand.WEIGHT: g.weight_words,
        Operand.PSUM: g.ofmap_words,
    }
    assert distinct[Operand.IFMAP] <= g.ifmap_words
    padded = replace(nest, fetch_padding=True)
    for operand in OPERANDS:
        loaded = [nest.words(operand, depth) for depth in range(len(nest.loops) + 1)]
        assert loaded[0] == distinct[operand]
        assert all(words >= distinct[operand] for words in loaded)
        assert loaded == sorted(loaded)
        assert all(padded.words(operand, depth) >= words for depth, words in enumerate(loaded))


@given(nest=nests(), data=st.data())
@settings(max_examples=100, deadline=None)
def test_every_output_is_finished_once(nest: Nest, data: st.DataObject) -> None:
    """Visits of an output tile beyond the last one carry unfinished sums: what the words exceed the outputs by."""
    naive, depth = walk(nest), data.draw(st.integers(0, len(nest.loops)))
    changes = naive.innermost_index(Operand.PSUM, depth)
    finished = unfinished = 0
    for step in naive.steps:
        if step.advanced < changes:
            words = naive.words(Operand.PSUM, step.ranges[depth])
            around = [i for i, loop in enumerate(nest.loops[:changes]) if loop.dim == "C"]
            if all(step.lasts[i] for i in around):
                finished += words
            else:
                unfinished += words
    assert finished == nest.geometry.ofmap_words
    assert unfinished == nest.words(Operand.PSUM, depth) - nest.geometry.ofmap_words


@given(
    size=st.integers(1, 6), taps=st.integers(1, 4), stride=st.integers(1, 6), dilation=st.integers(1, 3)
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_rows_between_windows_are_skipped(size: int, taps: int, stride: int, dilation: int) -> None:
    rows = pixels(range(size), taps, stride, dilation, before=0, length=0, padding=True)
    assert input_extent(size, stride, window_span(taps, dilation)) == len(rows)


def test_a_dimension_cut_twice_keeps_its_partial_pieces() -> None:
    """7 = 4 + 3, cut again into 3 + 1 and 3: three loads of a weight tile, not four."""
    nest = Nest(replace(ONE, M=7), (Loop("M", 4), Loop("M", 3)))
    assert nest.loads(Operand.WEIGHT, 2) == 3
    assert list(nest.tiles(Operand.WEIGHT, 2)) == [(3, 1), (1, 1), (3, 1)]
    assert nest.tile_words(Operand.WEIGHT, 2) == 3


def test_a_loop_that_does_not_index_an_operand_repeats_what_is_inside_it() -> None:
    """M around C fetches the ifmap again for every M; C around M fetches it once."""
    g = replace(ONE, M=4, C=6)
    assert Nest(g, (Loop("M", 1), Loop("C", 2))).words(Operand.IFMAP, 2) == 4 * 6
    assert Nest(g, (Loop("C", 2), Loop("M", 1))).words(Operand.IFMAP, 2) == 6
    assert Nest(g, (Loop("C", 2), Loop("M", 1))).words(Operand.PSUM, 2) == 3 * 4


def test_the_address_generator_loads_a_tile_again_where_the_last_piece_has_one_trip() -> None:
    """M = 5 as 4 + 1: in the second block both N use the one weight tile, which the loop over M still asks for."""
    nest = Nest(replace(ONE, N=2, M=5), (Loop("M", 4), Loop("N", 1), Loop("M", 2)))
    assert nest.loads(Operand.WEIGHT, 3) == 2 * 2 + 2 * 1
    assert len(walk(nest).changed(Operand.WEIGHT, 3)) == 2 * 2 + 1


HUGE = 10**12


@pytest.mark.parametrize("padding", [False, True])
def test_huge_dimensions_are_not_walked(padding: bool) -> None:
    """3 x 3 taps, padded by one on every side, in tiles of 10 x 10 outputs: 12 x 12 pixels, less the padding."""
    g = replace(ONE, N=HUGE, M=HUGE, C=HUGE, P=HUGE, Q=HUGE, R=3, S=3, H=HUGE, W=HUGE)
    g = replace(g, pad_top=1, pad_bottom=1, pad_left=1, pad_right=1)
    nest = Nest(g, (Loop("N", 1), Loop("M", 1), Loop("P", 10), Loop("Q", 10), Loop("C", 1)), padding)
    rows = HUGE // 10 * 12 - (0 if padding else 2)
    assert nest.iterations(5) == HUGE**5 // 100
    assert nest.loads(Operand.IFMAP, 5) == HUGE**5 // 100
    assert nest.words(Operand.IFMAP, 5) == HUGE * HUGE * HUGE * rows * rows
    assert nest.tile_words(Operand.IFMAP, 5) == 144
    assert sum(n for _, n in nest.blocks(5)) == HUGE**5 // 100
    assert sum(n * words for words, n in nest.tiles(Operand.IFMAP, 5)) == nest.words(Operand.IFMAP, 5)


@pytest.mark.parametrize("tile", [HUGE, 1000, 7, 1])
def test_huge_strides_beyond_the_filter_are_not_walked(tile: int) -> None:
    """Taps 2, stride 5, one row of padding on top: every output needs two rows, the first one only one."""
    g = replace(ONE, P=HUGE, R=2, H=5 * HUGE, stride_h=5, pad_top=1)
    nest = Nest(g, (Loop("P", tile),))
    assert nest.words(Operand.IFMAP, 0) == 2 * HUGE - 1
    assert nest.words(Operand.IFMAP, 1) == 2 * HUGE - 1
    assert nest.tile_words(Operand.IFMAP, 1) == (2 * HUGE - 1 if tile == HUGE else 2 * tile)


@given(
    first=st.integers(-30, 30), windows=st.integers(1, 9), span=st.integers(1, 5), stride=st.integers(1, 9),
    length=st.integers(1, 30),
)  # fmt: skip
@settings(max_examples=400, deadline=None)
def test_pixels_under_neighbouring_windows(first: int, windows: int, span: int, stride: int, length: int) -> None:
    at = pixels(range(windows), span, stride, 1, -first, length, padding=False)
    assert covered(first, windows, stride, span, length) == len(at)
