"""The counted systolic array against an array of PE objects advanced edge by edge, and against published counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, InitialPsum, Link
from accsim.simulate.activity import Action
from accsim.simulate.ledger import Ledger
from accsim.simulate.mac_layer import count_layer
from accsim.simulate.phase import Phase
from accsim.simulate.schedule import Schedule, array_runs, step_classes
from accsim.simulate.systolic import SystolicArray
from accsim.simulate.timeline import Timeline
from accsim.workload.layer import Geometry, Operand
from tests.naive.systolic import Observed, run_layer
from tests.naive.systolic_folds import Tensors
from tests.simulate.systolic_cases import (
    CORNERS,
    INPUTS,
    OPERANDS,
    SHIPPED_FLOWS,
    Case,
    cases,
    machine,
    place,
    tensors,
    waits_longer,
)


def observe(case: Case, values: Tensors | None = None) -> Observed:
    """What the machine of PE objects does."""
    g = case.geometry
    return run_layer(
        case.flow, g, list(case.loops), case.rows, case.cols, case.taps, case.buffers > 1, values or tensors(g)
    )


def phase(case: Case, accelerator: Accelerator) -> Phase:
    """Cycles of all tiles."""
    where = place(case, accelerator)
    array = SystolicArray(accelerator, case.flow, where.nest)
    total = Phase(0, 0, 0, ())
    for sizes, loads, n in step_classes(where.nest, array.load_at):
        one = array.step(sizes, loads)
        stalls = dict(total.stalls)
        for name, cycles in one.stalls:
            stalls[name] = stalls.get(name, 0) + cycles * n
        total = Phase(
            total.compute + one.compute * n, total.fill + one.fill * n, total.drain + one.drain * n,
            tuple(sorted(stalls.items())),
        )  # fmt: skip
    return total


@given(cases())
@settings(max_examples=60, deadline=None)
def test_the_machine_of_pes_convolves(case: Case) -> None:
    values = tensors(case.geometry)
    seen = observe(case, values)
    assert seen.outputs == values.convolve()
    assert sum(seen.macs.values()) == case.geometry.macs


@given(cases())
@settings(max_examples=100, deadline=None)
def test_cycles_are_those_of_the_machine_of_pes(case: Case) -> None:
    check_cycles(case)


def check_cycles(case: Case) -> None:
    """The counted cycles, by what the array did, are the edges that were seen."""
    accelerator = machine(case)
    where = place(case, accelerator)
    timing, _ = count_layer(where, Ledger(accelerator), lambda operand, words: words)
    check_timing(case, timing, observe(case))


def check_timing(case: Case, timing: Schedule, seen: Observed) -> None:
    assert [cause for cause, _ in timing.cycles.stalls if cause != "dram"] == []
    if waits_longer(case):
        alone = phase(case, machine(case))
        assert seen.edges <= timing.processing_cycles <= alone.total
        return
    assert (timing.cycles.compute, timing.cycles.fill, timing.cycles.drain) == (seen.compute, seen.fill, seen.drain)
    assert timing.processing_cycles == seen.edges


@pytest.mark.parametrize("case", CORNERS.values(), ids=CORNERS)
def test_corner_cases_are_those_of_the_machine_of_pes(case: Case) -> None:
    check_cycles(case)
    check_traffic(case)


@given(cases())
@settings(max_examples=100, deadline=None)
def test_traffic_is_that_of_the_machine_of_pes(case: Case) -> None:
    check_traffic(case)


def check_traffic(case: Case) -> None:
    """The counted words at the edge, between PEs and in registers are those that were seen."""
    seen, accelerator = observe(case), machine(case)
    ledger = Ledger(accelerator)
    timing, occupancy = count_layer(place(case, accelerator), ledger, lambda operand, words: words)
    counts = {(c.level, c.operand, c.action): c.bits // accelerator.bits(c.operand) for c in ledger.counts()}
    counted, expected = {}, {}
    for o in OPERANDS:
        counted[o, "hop"] = counts.get((f"{o}_local", o, Action.HOP), 0)
        expected[o, "hop"] = seen.hops[o]
        counted[o, "latch"] = counts.get((f"{o}_register", o, Action.WRITE if o is Operand.PSUM else Action.FILL), 0)
        expected[o, "latch"] = seen.latched[o]
    for o in INPUTS:
        counted[o, "edge"] = counts.get(("buffer", o, Action.READ), 0), counts.get((f"{o}_in", o, Action.SEND), 0)
        expected[o, "edge"] = seen.edge[o], seen.edge[o]
        counted[o, "delivered"] = counts.get((f"{o}_in", o, Action.DELIVER), 0)
        expected[o, "delivered"] = seen.delivered[o]
    counted["out"] = counts["psum_out", Operand.PSUM, Action.SEND]
    expected["out"] = seen.edge[Operand.PSUM]
    counted["in"] = counts.get(("psum_in", Operand.PSUM, Action.SEND), 0)
    expected["in"] = seen.returned if case.initial is InitialPsum.ZERO else seen.edge[Operand.PSUM]
    assert counted == expected
    assert occupancy.slots == case.geometry.macs
    check_timing(case, timing, seen)


def single_fold(
    name: str, rows: int, cols: int, steps: int, *, buffers: int = 1, folds: int = 1, **ports: int
) -> Phase:
    """Cycles of ``folds`` folds that fill a ``rows`` x ``cols`` array, ``steps`` steps each."""
    flow = SHIPPED_FLOWS[name]
    sizes = {
        "weight_stationary": {"C": rows, "M": cols * folds, "P": steps},
        "input_stationary": {"C": rows, "P": cols * folds, "M": steps},
        "output_stationary": {"P": rows, "M": cols * folds, "C": steps},
    }[name]
    g = Geometry(N=1, G=1, M=sizes["M"], C=sizes["C"], P=sizes["P"], Q=1, R=1, S=1, H=sizes["P"], W=1)
    case = Case(flow, g, (), rows, cols, False, buffers, InitialPsum.ZERO)
    return phase(case, machine(case, **ports))


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 1000), st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_full_folds_have_the_causal_edge_counts(rows: int, cols: int, steps: int, folds: int) -> None:
    """2R + C + T - 2 for WS and IS (Samajdar et al., ISPASS 2020); OS needs R - 1 shifts after T + R + C - 2."""
    for name in ("weight_stationary", "input_stationary"):
        assert single_fold(name, rows, cols, steps, folds=folds).total == folds * (2 * rows + cols + steps - 2)
    assert single_fold("output_stationary", rows, cols, steps, folds=folds).total == folds * (
        steps + 2 * rows + cols - 3
    )


def test_a_full_fold_is_split_into_preload_macs_and_drain() -> None:
    assert single_fold("weight_stationary", 4, 3, 10) == Phase(compute=15, fill=4, drain=0, stalls=())
    assert single_fold("input_stationary", 4, 3, 10) == Phase(compute=15, fill=4, drain=0, stalls=())
    assert single_fold("output_stationary", 4, 3, 10) == Phase(compute=15, fill=0, drain=3, stalls=())


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 1000), st.integers(1, 10**9))
@settings(max_examples=50, deadline=None)
def test_a_shadow_register_leaves_one_preload_one_skew_and_one_drain(
    rows: int, cols: int, steps: int, folds: int
) -> None:
    one = (folds - 1) * max(steps, rows) + steps + rows + cols - 2
    for name in ("weight_stationary", "input_stationary"):
        assert single_fold(name, rows, cols, steps, buffers=2, folds=folds).total == one + rows
    assert single_fold("output_stationary", rows, cols, steps, buffers=2, folds=folds).total == one + rows - 1


@given(cases())
@settings(max_examples=60, deadline=None)
def test_taps_and_shadow_registers_never_cost_a_cycle(case: Case) -> None:
    def total(**change: object) -> int:
        one = replace(case, **change)
        return phase(one, machine(one)).total

    assert total(taps=True) <= total(taps=False)
    assert total(buffers=2) <= total(buffers=1)


def test_ports_as_wide_as_the_edge_never_stall() -> None:
    """Four rows of pixels and three columns of weights enter, three sums leave per edge."""
    for buffers in (1, 2):
        for name, read in (("weight_stationary", 7 * 8), ("input_stationary", 7 * 8), ("output_stationary", 7 * 8)):
            assert single_fold(name, 4, 3, 10, buffers=buffers, folds=5, read=read, write=3 * 32).stalls == ()


def test_a_narrow_write_port_stalls_the_drain() -> None:
    """Twelve sums through one word per cycle: 12 edges where the columns need 4."""
    one = single_fold("output_stationary", 4, 3, 10, write=32)
    assert one == Phase(compute=15, fill=0, drain=3, stalls=(("buffer", 8),))


def test_a_narrow_read_port_stalls_the_preload_and_the_stream() -> None:
    """Twelve weights at two words per cycle take 6 edges instead of 4, forty pixels 20 instead of 10."""
    one = single_fold("weight_stationary", 4, 3, 10, read=16)
    assert one == Phase(compute=15, fill=4, drain=0, stalls=(("buffer", 12),))


def test_a_preload_behind_a_stream_shares_its_port() -> None:
    """Forty pixels and the next twelve weights at four words per cycle: 13 edges from fold to fold, not 10."""
    one = single_fold("weight_stationary", 4, 3, 10, buffers=2, folds=3, read=32)
    assert one.stalls == (("buffer", 2 * 3),)


@given(cases(), st.sampled_from(OPERANDS), st.integers(8, 200), st.integers(0, 200))
@settings(max_examples=60, deadline=None)
def test_more_bandwidth_is_never_slower(case: Case, operand: Operand, width: int, more: int) -> None:
    def links(bits: int) -> tuple[Link, ...]:
        return Link("in_link", (operand,), bits, "in"), Link("out_link", (operand,), bits, "out")

    free = phase(case, machine(case))
    for narrow, wide in (
        (machine(case, read=width), machine(case, read=width + more)),
        (machine(case, write=width), machine(case, write=width + more)),
        (machine(case, links=links(width)), machine(case, links=links(width + more))),
    ):
        slow, fast = phase(case, narrow), phase(case, wide)
        assert slow.total >= fast.total >= free.total
        assert (slow.compute, slow.fill, slow.drain) == (free.compute, free.fill, free.drain)
        assert {name for name, _ in slow.stalls} <= {"buffer", "in_link", "out_link"}
        assert all(cycles > 0 for _, cycles in slow.stalls)


@given(cases(), st.integers(8, 300), st.integers(32, 300))
@settings(max_examples=60, deadline=None)
def test_a_port_never_moves_more_than_its_width(case: Case, read: int, write: int) -> None:
    accelerator = machine(case, read=read, write=write)
    ledger = Ledger(accelerator)
    timing, _ = count_layer(place(case, accelerator), ledger, lambda operand, words: words)
    counts = ledger.counts()
    at_port = [c for c in counts if c.level == "buffer"]
    entering = sum(c.bits for c in at_port if c.action is Action.READ and c.peer == f"{c.operand}_in")
    leaving = sum(c.bits for c in at_port if c.action is Action.WRITE and c.peer == "psum_out")
    assert entering > 0
    assert leaving > 0
    assert entering <= timing.processing_cycles * read
    assert leaving <= timing.processing_cycles * write


@given(cases())
@settings(max_examples=100, deadline=None)
def test_the_walk_over_groups_and_the_timeline_agree(case: Case) -> None:
    """Two ways to the cycles without DRAM: states of groups, and matrices over (max, +)."""
    accelerator = machine(case)
    where = place(case, accelerator)
    array = SystolicArray(accelerator, case.flow, where.nest)
    timing, _ = count_layer(where, Ledger(accelerator), lambda operand, words: words)
    depths = (array.load_at, array.ramp_at)
    steps = Timeline(where.nest, [], None, array_runs(where.nest, array), depths)
    assert steps.makespan() == timing.processing_cycles
