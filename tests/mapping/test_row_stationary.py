"""Folding and replication of PE sets, scratchpad limits, and the sentences about what does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator
from accsim.hardware.reader import load_accelerator
from accsim.mapping.choose import Task, published, violations
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.row_stationary import (
    array_violations,
    cut_filter,
    even_runs,
    fifo_demand,
    sets_on_array,
    spads_hold,
)
from accsim.workload.layer import Geometry
from accsim.workload.reader import load_network
from tests.strategies import bare_eyeriss, change


def layer(p: int, r: int, s: int = 3, m: int = 64, c: int = 64, n: int = 4, dilation: int = 1) -> Geometry:
    span = (s - 1) * dilation + 1
    return Geometry(
        N=n, G=1, M=m, C=c, P=p, Q=13, R=r, S=s, H=p + (r - 1) * dilation, W=12 + span,
        dilation_h=dilation, dilation_w=dilation,
    )  # fmt: skip


def array(rows: int, cols: int) -> Accelerator:
    machine = bare_eyeriss()
    return replace(machine, array=replace(machine.array, rows=rows, cols=cols))


def mapping(**values: int) -> RowStationaryMapping:
    parameters = {"m": 1, "n": 1, "e": 1, "f": 1, "p": 1, "q": 1, "r": 1, "t": 1, **values}
    return RowStationaryMapping(load_dataflow("row_stationary"), **parameters)


def fold_and_replicate(filter_rows: int, output_rows: int, height: int, width: int) -> tuple[int, int]:
    """Rows of output per strip, and PE sets side by side and stacked, step by step as the published rule has it.

    The rule of the nn-dataflow simulator (github.com/stanford-mast/nn_dataflow, map_strategy.py, _repl_fold), which
    follows Chen et al., ISCA 2016, section V-B and JSSC 2017, section IV-A: fold what is larger than the array,
    replicate what is smaller, and use spare rows first for the folded width.
    """
    fold_h = -(-filter_rows // height) if filter_rows > height else 1
    repl_h = height // filter_rows if filter_rows <= height else 1
    fold_w = -(-output_rows // width) if output_rows > width else 1
    repl_w = width // output_rows if output_rows <= width else 1
    stacked = min(repl_h, fold_w)
    fold_w = -(-fold_w // stacked)
    repl_h //= stacked
    assert -(-filter_rows // fold_h) * repl_h * stacked <= height
    return -(-output_rows // fold_w), repl_h * repl_w


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 40), st.integers(1, 300), st.integers(1, 20), st.integers(1, 20))
def test_as_many_sets_as_the_published_rule(r, p, rows, cols):
    e, sets = fold_and_replicate(r, p, rows, cols)
    assert sets_on_array(array(rows, cols), layer(p, r), e) == sets


def packed(filter_rows: int, e: int, height: int, width: int) -> int:
    """PE sets laid on the array cell by cell: each in the first place where it is free, strips below one another."""
    free = [[True] * width for _ in range(height)]
    strips = [min(width, e - start) for start in range(0, e, width)]
    tall = -(-filter_rows // -(-filter_rows // height))
    sets = 0
    while True:
        for top in range(height - tall * len(strips) + 1):
            for left in range(width - strips[0] + 1):
                cells = [
                    (top + i * tall + y, left + x) for i, w in enumerate(strips) for y in range(tall) for x in range(w)
                ]
                if all(free[y][x] for y, x in cells):
                    for y, x in cells:
                        free[y][x] = False
                    sets += 1
                    break
            else:
                continue
            break
        else:
            return sets


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 9), st.integers(1, 20), st.integers(1, 8), st.integers(1, 8))
def test_as_many_sets_as_can_be_laid_on_the_array(r, e, rows, cols):
    machine = array(rows, cols)
    assert sets_on_array(machine, layer(20, r), e) == packed(r, e, rows, cols)


@pytest.mark.parametrize(
    ("r", "p", "e", "sets"),
    [
        (11, 55, 14, 1),  # a strip as wide as the array
        (11, 55, 7, 2),  # AlexNet conv1: two sets of 11 x 7 side by side (JSSC 2017, Table III: e = 7, t = 2)
        (5, 27, 27, 1),  # conv2: 5 x 27 in two strips of 14 and 13, stacked (e = 27, r = t = 1)
        (3, 13, 13, 4),  # conv3 to conv5: four sets of 3 x 13 stacked (r * t = 4)
        (1, 13, 13, 12),  # 1 x 1 filters: a set is one row
        (13, 14, 14, 1),  # 13 filter rows fold to runs of 7 and 6: seven rows used
        (3, 100, 56, 1),  # four strips fill the array
        (3, 100, 57, 0),
    ],
)
def test_sets_of_known_layers_on_eyeriss(r, p, e, sets):
    assert sets_on_array(array(12, 14), layer(p, r), e) == sets


@given(st.integers(1, 200), st.integers(1, 30))
def test_even_runs_are_the_fewest_and_differ_by_one(length, most):
    runs = even_runs(length, most)
    assert sum(runs) == length
    assert max(runs) <= most
    assert max(runs) - min(runs) <= 1
    assert len(runs) == -(-length // most)
    assert sorted(runs, reverse=True) == list(runs)


@pytest.mark.parametrize(
    ("p", "q", "s", "holds"),
    [
        # The scratchpads hold 12 ifmap, 224 filter and 24 psum words (JSSC 2017, Fig. 12): q S, p q S and p words.
        (16, 1, 11, True),
        (24, 3, 3, True),
        (24, 4, 3, False),  # 288 filter words
        (16, 5, 3, False),  # 15 ifmap words
        (25, 1, 3, False),  # 25 sums
        (20, 1, 11, True),
        (21, 1, 11, False),  # 231 filter words
    ],
)
def test_scratchpads_of_eyeriss(p, q, s, holds):
    assert spads_hold(bare_eyeriss(), layer(13, 3, s), p, q, s) is holds


def test_a_dilated_window_takes_the_words_between_its_taps():
    assert spads_hold(bare_eyeriss(), layer(13, 3, 3, dilation=5), 1, 1, 3)  # 11 words
    assert not spads_hold(bare_eyeriss(), layer(13, 3, 3, dilation=6), 1, 1, 3)  # 13 words


def test_operands_may_share_one_scratchpad():
    """ISCA 2016, Fig. 7: 512 B for all three, 256 words: p q S + q S + p."""
    machine = load_accelerator("eyeriss_isca16")
    assert spads_hold(machine, layer(13, 3), 16, 4, 3)  # 192 + 12 + 16
    assert spads_hold(machine, layer(13, 3), 17, 4, 3)  # 204 + 12 + 17 = 233
    assert not spads_hold(machine, layer(13, 3), 19, 4, 3)  # 228 + 12 + 19 = 259


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 3), st.integers(1, 3), st.integers(1, 12))
def test_a_filter_is_cut_into_the_fewest_runs_that_fit(r, s, p, q, words):
    machine = change(array(4, 4), ifmap_spad={"size_words": words})
    g = layer(5, r, s)
    rows, cols = cut_filter(machine, g, p, q)
    assert (sum(rows), max(rows) <= 4, len(rows)) == (r, True, -(-r // 4))
    fits = [most for most in range(1, s + 1) if spads_hold(machine, g, p, q, most)]
    if not fits:
        assert cols == ()
    else:
        assert (sum(cols), len(cols)) == (s, -(-s // max(fits)))


def test_parameters_out_of_range_are_named_together():
    g = layer(13, 3, m=64, n=4)
    assert array_violations(bare_eyeriss(), g, mapping(m=65, n=0, e=14, f=14)) == [
        "m = 65 must be from 1 to 64",
        "n = 0 must be from 1 to 4",
        "e = 14 must be from 1 to 13",
        "f = 14 must be from 1 to 13",
    ]
    assert array_violations(bare_eyeriss(), g, mapping(p=0, q=-1, r=0, t=0)) == [
        "p = 0 must be at least 1",
        "q = -1 must be at least 1",
        "r = 0 must be at least 1",
        "t = 0 must be at least 1",
    ]


def test_too_many_sets_and_too_many_words():
    g = layer(13, 3)
    assert array_violations(bare_eyeriss(), g, mapping(m=64, e=13, f=13, p=25, q=4, r=2, t=3)) == [
        "r*t = 6 PE sets of 3 x 13 do not fit the 12 x 14 array, which holds 4; use a smaller e, r or t",
        "p = 25 filters of q = 4 channels do not fit the scratchpads (ifmap 4 of 12 words in ifmap_spad, weight 100 of "
        "224 words in filter_spad, psum 25 of 24 words in psum_spad); use a smaller p or q",
    ]


def test_words_before_the_ifmap_spad():
    """AlexNet's conv5 as published, less than 9 + 2 + 0.15 + 0.07: three windows of 3 words; one that is begun and one
    that is being taken; 7 ticks at 45 words in 2125 steps; two transactions of one word, of which a PE takes 1 in 30.
    """
    g = replace(layer(13, 3), N=4, C=24, M=64)
    conv5 = mapping(m=64, n=4, e=13, f=13, p=16, q=3, r=2, t=2)
    machine = bare_eyeriss()
    machine = replace(machine, pe=replace(machine.pe, psum_add_cycles=1, window_shift_cycles=1))
    assert fifo_demand(machine, g, conv5) == 11
    said = (
        "the FIFO before the ifmap scratchpad may have to hold 11 words, and pe.fifo_depth is 10; use a smaller q or "
        "r, or more filters p"
    )
    for depth, found in ((11, []), (10, [said])):
        assert array_violations(replace(machine, pe=replace(machine.pe, fifo_depth=depth)), g, conv5) == found


@pytest.mark.parametrize("name", ["conv1", "conv2", "conv3", "conv4", "conv5"])
def test_published_mappings_are_legal_and_used(name):
    """The mappings of JSSC 2017, Table III, fit the array, the scratchpads and the banks of the chip."""
    network, machine = load_network("alexnet", batch=4), load_accelerator("eyeriss")
    g = network.layer(name).geometry
    task = Task(name, g, machine, load_dataflow("row_stationary"), (), 16)
    found, note = published(task, "alexnet")
    assert found is not None
    assert violations(task, found) == []
    assert note.startswith("published mapping of eyeriss")


def test_a_published_mapping_that_no_longer_fits_is_left_out_with_its_reason():
    network = load_network("alexnet", batch=4)
    machine = load_accelerator("eyeriss", ("array.rows=10",))
    task = Task("conv3", network.layer("conv3").geometry, machine, load_dataflow("row_stationary"), (), 16)
    assert published(task, "alexnet") == (
        None,
        "the published mapping does not fit this machine (r*t = 4 PE sets of 3 x 13 do not fit the 10 x 14 array, "
        "which holds 3; use a smaller e, r or t); searched instead",
    )
