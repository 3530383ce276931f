"""The stepped row-stationary machine against one object per PE: every register on any edge, every word on its edge."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import currently_in_test_context, event, given, settings
from hypothesis import strategies as st

from accsim.mapping.row_stationary import fifo_demand
from accsim.simulate.stepped.machine import Observed, Probe
from accsim.workload.layer import Operand
from tests.naive.row_stationary_clocked import WAYS, Array, Seen
from tests.simulate.stepped.row_stationary_runs import Layer, layers
from tests.simulate.stepped.test_row_stationary import plain
from tests.simulate.test_row_stationary import NAMED

IFMAP, WEIGHT, PSUM = Operand.IFMAP, Operand.WEIGHT, Operand.PSUM


def check_seen(layer: Layer, seen: Observed, twin: Seen) -> None:
    """What the machine saw is what happened to the PE objects."""
    assert plain(seen.phase) == (twin.compute, twin.fill, twin.drain, twin.stalls)
    assert seen.phase.total == twin.edges
    assert [run.done for run in seen.runs] == twin.step_edges
    assert (seen.macs, seen.zero_ifmap_macs) == (twin.macs, twin.zero_ifmap_macs)
    assert seen.zero_ifmap_kept == twin.zero_ifmap_kept
    flows, total = seen.flows, twin.total
    assert (flows.ifmap_sent, flows.ifmap_read) == (total(IFMAP, "in"), total(IFMAP, "read"))
    assert (flows.psum_in, flows.psum_out) == (total(PSUM, "in"), total(PSUM, "out"))
    assert (flows.ifmap_delivered, flows.psum_hops) == (twin.ifmap_delivered, twin.psum_hops)
    assert (flows.weight_sent, flows.weight_delivered) == (twin.weight_sent, twin.weight_delivered)
    assert flows.psum_kept == twin.psum_kept
    assert (seen.occupancy.most, seen.occupancy.slots, seen.occupancy.steps) == (twin.most, twin.slots, twin.compute)
    assert {tag: seen.sums[tag] for tag in twin.sums} == twin.sums
    assert len(twin.sums) == seen.sums.size


def check_registers(probe: Probe, twin: Array) -> None:
    """Every register that was dumped holds what the twin's holds: valid bits, and values where they are valid."""
    assert [dump.cycle for dump in probe.registers] == sorted(twin.snapshots)
    for dump in probe.registers:
        expected = twin.snapshots[dump.cycle]
        assert set(dump.values) == set(dump.valid) == set(expected)
        for name, (values, valid) in expected.items():
            assert np.array_equal(dump.valid[name], valid), (name, dump.cycle)
            assert np.array_equal(dump.values[name][valid], values[valid]), (name, dump.cycle)


def filter_words(twin: Array) -> list[int]:
    """Filter words on every edge, if the network runs ahead as little as is needed for no word to be late.

    What would have to come before the layer's first edge is there on that edge.
    """
    words = [0] * twin.seen.edges
    lead = max(0, *twin.seen.leads)
    for load in twin.loads.values():
        for end in load.ends.values():
            words[max(0, load.edges[end] - lead)] += 1
    return words


def check_edges(layer: Layer, probe: Probe, seen: Observed, twin: Array) -> None:
    """Words cross the array's edge on the very edges on which the twin moves them.

    A network without a width has no edges of its own: it brings words when they are used, and only their number counts.
    """
    totals = {(IFMAP, "in"): seen.flows.ifmap_sent, (IFMAP, "read"): seen.flows.ifmap_read}
    totals |= {(PSUM, "in"): seen.flows.psum_in, (PSUM, "out"): seen.flows.psum_out}
    totals |= {(WEIGHT, "in"): seen.flows.weight_sent}
    assert set(probe.edge_words) == set(totals)
    for way, words in probe.edge_words.items():
        assert words.shape == (seen.phase.total,)
        assert words.sum() == totals[way]
    for operand, way in WAYS:
        if way == "out" or twin.width(operand, "in") is not None:
            assert probe.edge_words[operand, way].tolist() == twin.seen.words[operand, way], (operand, way)
    if twin.filter_width is not None:
        assert probe.edge_words[WEIGHT, "in"].tolist() == filter_words(twin)


def check_against_twin(layer: Layer, seed: int, dumps: int) -> int:
    """Compare a layer with its twin; how many dumps."""
    seen = layer.run()
    draw = random.Random(seed)
    cycles = sorted({draw.randrange(seen.phase.total) for _ in range(dumps)})
    twin = layer.oracle(cycles)
    twin.run()
    if twin.seen.held and currently_in_test_context():
        event("a pass is held until its sums are back")
    probe = Probe(tuple(cycles), edges=True)
    again = layer.run(probe)
    assert again.phase == seen.phase
    assert again.runs == seen.runs
    assert again.flows == seen.flows
    assert np.array_equal(again.sums, seen.sums)
    check_seen(layer, again, twin.seen)
    assert twin.seen.deepest[IFMAP] <= fifo_demand(layer.machine, layer.geometry, layer.mapping)
    check_registers(probe, twin)
    check_edges(layer, probe, again, twin)
    return len(cycles)


def test_a_thousand_dumps_equal_one_object_per_pe() -> None:
    dumps = 0

    @given(layers(most_macs=400), st.integers(0, 2**32))
    @settings(max_examples=120, deadline=None)
    def holds(layer: Layer, seed: int) -> None:
        nonlocal dumps
        dumps += check_against_twin(layer, seed, 20)

    holds()
    assert dumps >= 1000


@pytest.mark.slow
@given(layers(most_macs=3000), st.integers(0, 2**32))
@settings(max_examples=2000, deadline=None)
def test_dumps_equal_one_object_per_pe_in_many_cases(layer: Layer, seed: int) -> None:
    check_against_twin(layer, seed, 40)


@pytest.mark.parametrize("name", NAMED)
def test_every_register_on_every_edge(name: str) -> None:
    layer = Layer(*NAMED[name])
    assert check_against_twin(layer, 0, 10_000)
