"""The words on the edge's buses, against the words that were counted and the operands that were given."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings

from accsim.mapping.dataflow import Delivery, Drain, Reduction
from accsim.simulate.stepped.machine import Probe
from accsim.trace.buses import Buses
from accsim.workload.layer import Operand
from tests.simulate.stepped.systolic_runs import IFMAP, PSUM, WEIGHT, Layer, layers

EDGES = 24
"""Edges at the start and the end of a run that are looked at."""


def words_on(probe: Probe, operand: Operand, direction: str) -> dict[int, int]:
    """Words that were counted on the edges that are looked at, where there are any."""
    counted = probe.edge_words[operand, direction]
    return {dump.cycle: int(counted[dump.cycle]) for dump in probe.registers if counted[dump.cycle]}


def shown(layer: Layer) -> tuple[Probe, dict[str, list[tuple[int, list[int]]]]]:
    """By bus: edge and words, where it carries any."""
    total = layer.run().phase.total
    probe = Probe(tuple(sorted({*range(min(total, EDGES)), *range(max(total - EDGES, 0), total)})), edges=True)
    layer.run(probe)
    buses = Buses(layer.place.accelerator, layer.case.flow)
    stalled = {edge for _, first, end in probe.stalls for edge in range(first, end)}
    out: dict[str, list[tuple[int, list[int]]]] = {}
    for dump in probe.registers:
        for name, words, known in buses.at(dump, probe.edge_words, dump.cycle in stalled):
            carried = out.setdefault(name, [])
            if known.any():
                carried.append((dump.cycle, words[known].tolist()))
    return probe, out


@given(layers())
@settings(max_examples=12, deadline=None)
def test_every_streamed_word_is_on_its_bus_when_it_is_counted(layer: Layer) -> None:
    probe, buses = shown(layer)
    flow = layer.case.flow
    for operand, how, values in (
        (IFMAP, flow.ifmap, layer.operands.ifmap), (WEIGHT, flow.weight, layer.operands.weight),
    ):  # fmt: skip
        if f"bus_{operand}_in" in buses:
            assert how in (Delivery.HOP, Delivery.MULTICAST)
            seen = {edge: len(words) for edge, words in buses[f"bus_{operand}_in"]}
            assert seen == words_on(probe, operand, "in")
            carried = {word for _, words in buses[f"bus_{operand}_in"] for word in words}
            assert carried <= {0, *np.unique(values).tolist()}


@given(layers())
@settings(max_examples=12, deadline=None)
def test_sums_of_a_chain_leave_one_by_one(layer: Layer) -> None:
    probe, buses = shown(layer)
    flow, counted = layer.case.flow, words_on(probe, PSUM, "out")
    if "bus_psum_out" not in buses:
        shift = flow.reduction is Reduction.IN_PE and flow.drain is Drain.SHIFT
        assert layer.place.accelerator.array.edge_taps or not (flow.reduction is Reduction.CHAIN or shift)
        return
    seen = {edge: len(words) for edge, words in buses["bus_psum_out"]}
    assert seen.items() <= counted.items()
    if flow.reduction is not Reduction.CHAIN:
        return
    assert seen == counted
    run = layer.run()
    whole = run.sums
    if sum(seen.values()) == run.flows.psum.edge == whole.size:  # all of them seen, every output in one piece
        assert Counter(word for _, words in buses["bus_psum_out"] for word in words) == Counter(whole.ravel().tolist())


@pytest.mark.parametrize("name", ["bus_ifmap_in", "bus_psum_out"])
def test_most_layers_have_the_bus(name: str) -> None:
    """The properties above do not hold for want of buses."""
    found = Counter()

    @given(layers())
    @settings(max_examples=12, deadline=None, derandomize=True)
    def look(layer: Layer) -> None:
        found[bool(shown(layer)[1].get(name))] += 1

    look()
    assert found[True] >= 3
