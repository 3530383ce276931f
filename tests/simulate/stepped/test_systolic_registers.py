"""The stepped machine's registers against those of one object per PE: every value, every valid bit, on any edge."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import InitialPsum
from accsim.mapping.dataflow import REDUCED
from accsim.simulate.stepped.machine import Observed, Operands, Probe, Registers
from accsim.simulate.stepped.systolic import SteppedSystolic
from tests.naive.systolic import run_layer
from tests.naive.systolic_folds import fold_tiles
from tests.naive.systolic_pe import Dump
from tests.naive.systolic_pe import Observed as Naive
from tests.simulate.stepped.systolic_runs import IFMAP, PSUM, WEIGHT, Layer, Ports, layers, ports
from tests.simulate.stepped.test_systolic import FLOWS
from tests.simulate.systolic_cases import waits_longer

NEVER_SLOW = st.just(Ports())
FEW = 60
"""MACs of layers that are dumped after every edge."""


def streamed_at_origin(layer: Layer, dumps: list[Registers]) -> list[int]:
    """Edges on which PE(0, 0), which every fold uses, has a streamed word; stalled edges repeat one."""
    name = next(o.value for o in (IFMAP, WEIGHT) if o is not layer.array.stationary)
    return [dump.cycle for dump in dumps if dump.valid[name][0, 0]]


def starts_of_groups(layer: Layer, dumps: list[Registers]) -> list[int]:
    """Edges on which the folds that share a stationary operand, or sums, were seen to start."""
    case, at, out = layer.case, 0, []
    edges = streamed_at_origin(layer, dumps)
    tiles = fold_tiles(case.flow, case.geometry, list(case.loops), case.rows, case.cols)
    for fold in (fold for _, groups in tiles for group in groups for fold in group):
        if fold.first:
            out.append(edges[at])
        at += len(fold.steps)
    assert at == len(edges)
    return out


def oracle(layer: Layer, cycles: range | list[int], starts: list[int] | None) -> Naive:
    """What the machine of PE objects does and holds."""
    c = layer.case
    return run_layer(
        c.flow, c.geometry, list(c.loops), c.rows, c.cols, c.taps, c.buffers > 1, layer.tensors, cycles, starts
    )


def check_registers(dump: Registers, expected: Dump) -> None:
    """Same registers, same valid bits, same values where valid."""
    names = {name for name in dump.values if not name.startswith("bus_")}
    assert names == set(expected)
    assert dump.values.keys() == dump.valid.keys()
    for name, words in expected.items():
        values, valid = dump.values[name], dump.valid[name]
        assert values.dtype == np.int64
        assert valid.dtype == np.bool_
        assert values.size == valid.size == len(words)
        seen = {at: int(values[at]) if valid[at] else None for at in words}
        assert seen == words, f"{name} after edge {dump.cycle}"


def check_flows(layer: Layer, seen: Observed, naive: Naive) -> None:
    """Words and MACs that both machines saw, with no formula between them."""
    for operand, flow in ((IFMAP, seen.flows.ifmap), (WEIGHT, seen.flows.weight), (PSUM, seen.flows.psum)):
        found = (flow.edge, flow.hops, flow.latched, flow.delivered)
        assert found == tuple(words[operand] for words in (naive.edge, naive.hops, naive.latched, naive.delivered))
    reads = layer.case.initial is InitialPsum.READ
    assert seen.flows.psum_in == (naive.edge[PSUM] if reads else naive.returned)
    assert (seen.macs, seen.zero_ifmap_macs) == (sum(naive.macs.values()), naive.zeros)


def check_edges(layer: Layer, seen: Observed, probe: Probe, naive: Naive) -> None:
    """Words at the array's edge, edge by edge."""
    for key in ((IFMAP, "in"), (WEIGHT, "in"), (PSUM, "out"), (PSUM, "in")):
        source = (PSUM, "out") if key == (PSUM, "in") and layer.case.initial is InitialPsum.READ else key
        assert probe.edge_words[key].tolist() == [words[source] for words in naive.words[: naive.edges]], key
        assert len(probe.edge_words[key]) == seen.phase.total


def check_layer(layer: Layer, dumps: int | None) -> int:
    """Compare ``dumps`` random edges of a run with the oracle (all if not given); returns how many were compared."""
    starts = None
    if dumps is None or waits_longer(layer.case):
        everything = Probe(cycles=tuple(range(layer.run().phase.total)))
        layer.run(everything)
        if waits_longer(layer.case):
            starts = starts_of_groups(layer, everything.registers)
    total = layer.run().phase.total
    cycles = sorted(random.Random(layer.seed).sample(range(total), min(total, dumps or total)))
    probe = Probe(cycles=tuple(cycles), edges=True)
    seen = layer.run(probe)
    naive = oracle(layer, cycles, starts)
    assert (seen.phase.compute, seen.phase.fill, seen.phase.drain) == (naive.compute, naive.fill, naive.drain)
    check_flows(layer, seen, naive)
    check_edges(layer, seen, probe, naive)
    assert [dump.cycle for dump in probe.registers] == cycles
    for dump in probe.registers:
        check_registers(dump, naive.dumps[dump.cycle])
    return len(cycles)


@pytest.mark.parametrize("family", FLOWS)
def test_random_dumps_are_those_of_the_machine_of_pes(family: str) -> None:
    """250 random edges per family of dataflows, and at least as many as that of other layers' words at the edge."""
    compared = 0

    @given(layers(FLOWS[family], NEVER_SLOW))
    @settings(max_examples=60, deadline=None)
    def holds(layer: Layer) -> None:
        nonlocal compared
        compared += check_layer(layer, 6)

    holds()
    assert compared >= 250


@given(layers(limits=NEVER_SLOW, most_macs=FEW))
@settings(max_examples=25, deadline=None)
def test_every_edge_is_that_of_the_machine_of_pes(layer: Layer) -> None:
    check_layer(layer, None)


@pytest.mark.slow
@pytest.mark.parametrize("family", FLOWS)
def test_many_random_dumps_are_those_of_the_machine_of_pes(family: str) -> None:
    @given(layers(FLOWS[family], NEVER_SLOW))
    @settings(max_examples=500, deadline=None)
    def holds(layer: Layer) -> None:
        check_layer(layer, 10)

    holds()


def stalled_edges(probe: Probe) -> list[int]:
    """Edges on which the array waited for a port."""
    return [edge for _, first, end in probe.stalls for edge in range(first, end)]


@given(layers(limits=ports(), most_macs=FEW))
@settings(max_examples=80, deadline=None)
def test_a_slow_port_stops_the_whole_array(layer: Layer) -> None:
    """On a stalled edge no register moves and no word crosses; the others are those of an array that never waits.

    With shadow registers, what a port still needs for the last sums of the layer counts as its drain.
    """
    if layer.case.buffers > 1:  # loads of the next tile may wait for a port while this one goes on
        layer = replace(layer, case=replace(layer.case, loops=()))
    probe = Probe(cycles=tuple(range(layer.run().phase.total)), edges=True)
    seen = layer.run(probe)
    stalled, causes = stalled_edges(probe), dict.fromkeys(dict(seen.phase.stalls), 0)
    for cause, first, end in probe.stalls:
        causes[cause] += end - first
    assert causes == dict(seen.phase.stalls)
    assert len(set(stalled)) == len(stalled)
    working = [edge for edge in range(seen.phase.total) if edge not in set(stalled)]
    naive = oracle(layer, range(seen.phase.total), None)
    check_flows(layer, seen, naive)
    late = len(working) - naive.edges
    assert late >= 0 if layer.case.buffers > 1 else late == 0
    assert (seen.phase.compute, seen.phase.fill, seen.phase.drain) == (naive.compute, naive.fill, naive.drain + late)
    stalled += working[naive.edges :]
    for key, words in probe.edge_words.items():
        assert not words[stalled].any(), key
    before: Registers | None = None
    for dump in probe.registers:
        if dump.cycle not in stalled:
            check_registers(dump, naive.dumps[working.index(dump.cycle)])
        elif dump.cycle not in working:
            for name, valid in dump.valid.items():
                np.testing.assert_array_equal(valid, before.valid[name] if before else False)
                if before:
                    np.testing.assert_array_equal(dump.values[name][valid], before.values[name][valid])
        before = dump


@given(layers(most_macs=FEW))
@settings(max_examples=80, deadline=None)
def test_cycles_and_words_are_those_of_the_valid_bits(layer: Layer) -> None:
    """What the result says of a run follows from its dumps and from the words at its edge, whatever the machine."""
    seen = layer.run()
    probe = Probe(cycles=(*range(seen.phase.total), seen.phase.total + 3), edges=True)
    again = layer.run(probe)
    np.testing.assert_array_equal(again.sums, seen.sums)
    assert replace(again, sums=seen.sums) == seen  # looking changes nothing
    assert [dump.cycle for dump in probe.registers] == list(range(seen.phase.total))
    for key, flow in (((IFMAP, "in"), seen.flows.ifmap), ((WEIGHT, "in"), seen.flows.weight)):
        assert probe.edge_words[key].sum() == flow.edge
    assert probe.edge_words[PSUM, "out"].sum() == seen.flows.psum.edge
    assert probe.edge_words[PSUM, "in"].sum() == seen.flows.psum_in
    assert all(len(words) == seen.phase.total for words in probe.edge_words.values())
    if layer.ports == Ports():
        assert probe.edge_words[PSUM, "out"][-1] > 0
    name = next(o.value for o in (IFMAP, WEIGHT) if o is not layer.array.stationary)
    working = np.array([dump.valid[name].sum() for dump in probe.registers])
    working[stalled_edges(probe)] = 0
    assert working.sum() == seen.macs
    assert np.count_nonzero(working) == seen.phase.compute
    left = np.cumsum(probe.edge_words[PSUM, "out"])
    assert (left * fewest_terms(layer) <= np.cumsum(working)).all()


def fewest_terms(layer: Layer) -> int:
    """MACs in the shortest sum that leaves the array."""
    case = layer.case
    tiles = fold_tiles(case.flow, case.geometry, list(case.loops), case.rows, case.cols)
    folds = [fold for _, groups in tiles for group in groups for fold in group]
    if layer.array.stationary is PSUM:
        return min(len(fold.steps) for fold in folds)
    return min(fold.b if REDUCED.isdisjoint(case.flow.rows) else fold.a for fold in folds)


@given(layers(most_macs=FEW), st.booleans(), st.integers(0, 1 << 30))
@settings(max_examples=80, deadline=None)
def test_no_sum_changes_before_a_word_that_it_is_made_of_has_entered(layer: Layer, pixel: bool, place: int) -> None:
    """Two runs that differ in one word differ first where that word enters; their valid bits never do."""
    changed = layer.operands.ifmap.copy(), layer.operands.weight.copy()
    words = changed[0 if pixel else 1].reshape(-1)
    words[place % words.size] ^= 1
    total = layer.run().phase.total
    one, two = Probe(cycles=tuple(range(total))), Probe(cycles=tuple(range(total)))
    before = layer.run(one)
    after = SteppedSystolic(layer.place, Operands(*changed)).run(layer.steps, two)
    assert (after.phase, after.runs, after.flows) == (before.phase, before.runs, before.flows)
    assert len(one.registers) == len(two.registers) == total
    first = {"sum": total, "input": total}
    for dump, other in zip(one.registers, two.registers, strict=True):
        for name, valid in dump.valid.items():
            np.testing.assert_array_equal(valid, other.valid[name])
            if (valid & (dump.values[name] != other.values[name])).any():
                kind = "sum" if name in ("psum", "leaving", "bus_psum_out", "bus_psum_in") else "input"
                first[kind] = min(first[kind], dump.cycle)
    assert first["input"] <= first["sum"]
    if (before.sums != after.sums).any():
        assert first["sum"] < total
