"""Row-stationary passes wait for sums that an earlier pass has handed out: timing by hand, and shipped layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import accsim
from accsim.hardware.accelerator import Accelerator, FilterLoad, InitialPsum
from accsim.hardware.reader import load_accelerator
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.row_stationary import array_violations
from accsim.simulate.stepped.machine import Observed, Probe
from accsim.workload.layer import Geometry, Operand
from tests.simulate.stepped.row_stationary_runs import Layer
from tests.simulate.stepped.test_row_stationary import check, plain
from tests.simulate.stepped.test_row_stationary_registers import check_against_twin
from tests.simulate.test_row_stationary import flow, layer, mapped, small
from tests.strategies import change


def quick(rows: int, cols: int = 1, **widths: int | None) -> Accelerator:
    """A machine whose passes are a MAC and an add for each filter, column and ifmap, on networks that keep up."""
    links = {name: {"width_bits": None} for name in ("gin_ifmap", "gin_filter", "gin_psum", "gon_psum")}
    links |= {name: {"width_bits": width} for name, width in widths.items()}
    machine = change(small(rows, cols), **links)
    pe = replace(machine.pe, window_shift_cycles=0, pipeline_stages=1, filter_load=FilterLoad.FIRST_COLUMN)
    return replace(machine, pe=pe)


def run(machine: Accelerator, g: Geometry, mapping: RowStationaryMapping) -> tuple[Observed, list[int]]:
    """What the stepped machine sees, and the edges on which sums leave; all models of the machine agree on it."""
    assert array_violations(machine, g, mapping) == []
    one = Layer(machine, g, mapping, 1)
    check(one)
    check_against_twin(one, 0, 10_000)
    probe = Probe(edges=True)
    seen = one.run(probe)
    return seen, np.flatnonzero(probe.edge_words[Operand.PSUM, "out"]).tolist()


def test_a_sum_goes_up_the_chain_out_and_back() -> None:
    """Three PEs in a chain, two channels one after the other.

    ======  ====================================================
    edge    what happens
    ======  ====================================================
    0, 1    pass 0: a MAC, and on edge 1 the bottom PE adds
    2, 3    the second and the top PE add; the top one writes
    4       the sum crosses the network out, into the buffer
    5       it crosses the network in, and the bottom PE adds it
    4, 5    pass 1: held on edges 2 and 3
    6, 7    the second and the top PE add
    ======  ====================================================
    """
    seen, leaving = run(quick(3), layer(c=2, r=3), mapped())
    assert leaving == [3, 7]
    assert plain(seen.phase) == (4, 0, 2 + 2, {})


def test_a_group_of_sums_takes_the_edges_of_its_transactions() -> None:
    """Adding takes 3 edges, so a pass takes 4, and sums leave 2 edges after its last one, on edge 5.

    Of three sums, one an edge: 6 to 8 out, and 9 to 11 back, once all three are in the buffer; pass 1 adds them on its
    last edge, so it takes 8 to 11. With wide networks they are back on 7, and pass 1 takes 4 to 7.
    """
    for widths, leaves, wait in (({}, 9, 0), ({"gon_psum": 32, "gin_psum": 32}, 13, 4)):
        machine = quick(3, 3, **widths)
        slow = replace(machine, pe=replace(machine.pe, psum_add_cycles=3))
        seen, leaving = run(slow, layer(c=2, p=3, r=3), mapped(e=3))
        assert leaving == [5, leaves]
        assert plain(seen.phase) == (8, 0, wait + 2, {})


def test_the_pipeline_is_waited_for_once() -> None:
    """With three stages sums are written two ticks later, but they are also added two ticks later."""
    machine = quick(3)
    deep = replace(machine, pe=replace(machine.pe, pipeline_stages=3))
    seen, leaving = run(deep, layer(c=2, r=3), mapped())
    assert leaving == [3 + 2, 7 + 2]
    assert plain(seen.phase) == (4, 0, 2 + 2 + 2, {})


def test_passes_on_other_filters_lie_between() -> None:
    """Four PEs in a chain: a sum is added 5 ticks after it was. Two blocks of filters take 4 of them, the wait 1.

    Passes begin on edges 0, 2 | 5, 7 | 10, 12, and the last one ends on 14; the drain takes 3 more.
    """
    seen, leaving = run(quick(4), layer(m=2, c=3, r=4), mapped(m=2))
    assert leaving == [4, 6, 9, 11, 14, 16]
    assert plain(seen.phase) == (12, 0, 2 + 3, {})


def test_enough_passes_between_need_no_wait() -> None:
    seen, _ = run(quick(4), layer(m=3, c=3, r=4), mapped(m=3))
    assert plain(seen.phase) == (18, 0, 3, {})


def test_runs_of_a_cut_filter_add_to_each_others_sums() -> None:
    """Six filter rows on three rows of PEs: two passes in one step of the nest, as two channels are."""
    seen, leaving = run(quick(3), layer(r=6), mapped())
    assert leaving == [3, 7]
    assert plain(seen.phase) == (4, 0, 2 + 2, {})


def test_a_last_block_of_fewer_channels_adds_sooner() -> None:
    """Passes of 3, 3 and 1 channels in a PE: 4, 4 and 2 steps; each sum is added 4 ticks after it was.

    Passes begin on edge 0, 4 and 10: the last one has its add on its second step, not the fourth.
    """
    machine = change(quick(3), ifmap_spad={"size_words": 3})
    seen, leaving = run(machine, layer(c=7, r=3), mapped(q=3))
    assert leaving == [5, 9, 13]
    assert plain(seen.phase) == (4 + 4 + 2, 0, 2 + 2, {})


def test_filters_come_while_sums_climb() -> None:
    """Three filter words, one an edge: two come beside a pass, one in front of it; one edge of each wait is fill."""
    seen, leaving = run(quick(3, gin_filter=8), layer(c=2, r=3), mapped())
    assert leaving == [1 + 3, 1 + 7]
    assert plain(seen.phase) == (4, 1 + 1, 1 + 2, {})


def test_long_rows_hide_all_of_it() -> None:
    seen, _ = run(quick(3), layer(c=4, q=9, r=3), mapped(f=9))
    assert plain(seen.phase) == (4 * 18, 0, 2, {})


def test_bursts_on_the_same_outputs_follow_each_other() -> None:
    """One PE, passes of one edge, six filters in blocks of 5 and 1, channels outside the loop over filters.

    Each step is a burst. Of the last filter, both channels come one after the other::

        edge 20   its first channel is multiplied, the sum is written
        edge 21   it crosses the network out, into the buffer; the next burst is held
        edge 22   it crosses the network in, and the second channel's product is added

    All bursts but the first are held for that edge, whether they add to the sums of the one before or to older ones.
    """
    machine = quick(1)
    at_once = replace(machine, pe=replace(machine.pe, psum_add_cycles=0))
    seen, leaving = run(at_once, layer(m=6, c=2), replace(mapped(m=5), dataflow=flow("Gmnckfe")))
    assert leaving == list(range(0, 23, 2))
    assert plain(seen.phase) == (12, 0, 11, {})


def test_a_short_burst_between_does_not_hide_the_way_to_the_buffer() -> None:
    """A row of four PEs, five output rows in strips of 4 and 1, channels outside the loop over strips.

    On networks of one sum an edge::

        edges  0-3    the first strip, at the pace of its four sums, which are written on edge 3
               4-7    they cross the network out; the second strip's burst is held
               8      the second strip; its sum crosses on edge 9
               9-12   the third burst is held for the four edges that sums of any pass need at the most
              13-16   the network in brings the first strip's four sums, which are added on edge 16
              17-20   they cross the network out; the fourth burst is held
              21      the second strip
    """
    machine = quick(1, 4, gon_psum=32, gin_psum=32)
    at_once = replace(machine, pe=replace(machine.pe, psum_add_cycles=0))
    seen, leaving = run(at_once, layer(c=2, p=5), replace(mapped(e=4), dataflow=flow("Gmncefk")))
    assert leaving == [3, 8, 16, 21]
    assert plain(seen.phase) == (4, 0, 12, {"gon_psum": 6})


def test_a_first_window_and_filters_hide_the_way_to_the_buffer() -> None:
    """The same on an ifmap network of one word an edge, which takes 4 edges for a first window and 1 for the other."""
    machine = quick(1, 4, gon_psum=32, gin_psum=32, gin_ifmap=8)
    at_once = replace(machine, pe=replace(machine.pe, psum_add_cycles=0))
    seen, leaving = run(at_once, layer(c=2, p=5), replace(mapped(e=4), dataflow=flow("Gmncefk")))
    assert leaving == [4 + 3, 4 + 8, 4 + 16, 4 + 21]
    assert plain(seen.phase) == (4, 4 + 1 + 4 + 1, 3 + 3, {"gin_ifmap": 6})


def test_a_longer_chain_waits_for_the_sums_of_a_shorter_one() -> None:
    """Two channels on PEs on top of each other, then a third one on the upper PE alone; first sums are read.

    The third channel's sum comes in at the upper PE a tick after its step, and it has to be back from the second pass
    by then. The next filter's first sum crosses the network after it, and the lower PE adds it::

        edge 0    channels 0 and 1: the lower PE adds the zero that is read
        edge 1    the upper PE adds and writes
        edge 2    the sum crosses the network out; channel 2's pass begins, as its PE adds a tick later
        edge 3    the sum crosses the network in, and the upper PE adds it
        edge 4    the next filter's zero crosses the network in, and the lower PE adds it
    """
    machine = quick(2)
    at_once = replace(machine, pe=replace(machine.pe, psum_add_cycles=0))
    reads = replace(at_once, array=replace(at_once.array, initial_psum=InitialPsum.READ))
    seen, leaving = run(reads, layer(m=2, c=3), replace(mapped(m=2, r=2), dataflow=flow("Gmnefkc")))
    assert leaving == [1, 3, 5, 7]
    assert plain(seen.phase) == (4, 0, 1 + 1 + 1 + 1, {})


def test_uneven_groups_begin_to_come_before_their_pass() -> None:
    """Three filters on two sets, two and one: groups of four sums and two, where each of two steps has three slots.

    On a network of one sum an edge the pass takes six edges, and its first step is done on the third, when four sums
    have to be there. So the first pass, whose zeros are read, is held for an edge, and begins on edge 1. Its first four
    sums are written on edge 3 and cross the network out, three an edge, on 4 and 5; the network in, which is taken to
    be busy with others up to edge 6, brings them on 7 to 10. The second pass adds them on its third edge, and is held
    for an edge, too.
    """
    machine = quick(2, 2, gin_psum=32, gon_psum=96)
    at_once = replace(machine, pe=replace(machine.pe, psum_add_cycles=0))
    reads = replace(at_once, array=replace(at_once.array, initial_psum=InitialPsum.READ))
    seen, leaving = run(reads, layer(m=3, c=2, p=2), mapped(m=3, e=2, p=2, t=2))
    assert leaving == [3, 6, 10, 13]
    assert plain(seen.phase) == (4, 0, 1 + 1, {"gin_psum": 8})


@pytest.mark.parametrize("rounds", [1, 2, 3, 50, 10**6])
def test_equal_rounds_are_not_walked(rounds: int) -> None:
    """One wait of 2 for every channel after the first, whatever their number."""
    g = layer(c=rounds, r=3)
    one = Layer(quick(3), g, mapped(), 1)
    assert sum(phase.total * bursts for phase, bursts in one.array.bursts.drains()) == 2 * (rounds - 1)


@pytest.mark.parametrize(("width", "drain"), [(None, 144 + 169), (64, 169)])
def test_lenets_last_layer_on_the_eyeriss_chip(width: int | None, drain: int) -> None:
    """500 inputs in passes of 336 and 164 channels, 168 PEs in a chain: a sum takes 171 ticks to come back.

    The first pass adds sums from its step 2 + 20 on, the second one, one channel in a PE, from its step 1 + 10 on. It
    has a chain of 164 PEs, whose bottom is 4 ticks later, and adds 2 ticks after a step is issued. So it begins
    22 + 171 - 11 - 6 ticks after the first one, which takes 32: a wait of 144. On the chip's own filter network 1640
    words come in front of it, on 410 edges but for those of its first column, 21: the wait is over before.
    """
    machine = change(load_accelerator("eyeriss"), gin_filter={"width_bits": width})
    one = Layer(machine, layer(m=10, c=500), mapped(m=10, p=10, q=2, r=168))
    check(one)
    seen = one.run()
    assert seen.phase.drain == drain
    assert seen.phase.compute == 32 + 21


@pytest.mark.parametrize(("workload", "layers"), [("lenet5_survey_text", ["F5", "F6"]), ("lenet_caffe", ["ip2"])])
@pytest.mark.parametrize("width", [None, 64])
def test_lenet_on_the_eyeriss_chip(workload: str, layers: list[str], width: int | None) -> None:
    """Layers whose passes are shorter than a chain of 84 or 168 PEs: both engines agree on all cycles."""
    machine = change(load_accelerator("eyeriss"), gin_filter={"width_bits": width})
    assert accsim.verify(workload, machine, layers=layers).agrees
