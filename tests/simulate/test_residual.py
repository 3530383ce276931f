"""Operations that codes of weights leave to the vector unit: their time beside the array's, in both engines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.energy.reader import load_table
from accsim.hardware.accelerator import Accelerator, VectorUnit
from accsim.hardware.reader import load_accelerator
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.pipeline import simulate_network
from accsim.simulate.activity import Action, Activity, Cycles
from accsim.simulate.network import simulate_mac, tasks
from accsim.simulate.phase import Schedule
from accsim.simulate.residency import plan
from accsim.simulate.residual import residual_count, with_residual
from accsim.simulate.stepped.layer import simulate_mac_stepped
from accsim.simulate.stepped.machine import Operands
from accsim.workload.network import Network
from tests.naive import residual as naive
from tests.simulate.inner_product.machines import conv, mapping, square, tile

G = square(16, 6, 8)


def with_lanes(machine: Accelerator, lanes: int) -> Accelerator:
    levels = tuple(level for level in machine.levels if not isinstance(level, VectorUnit))
    return replace(machine, levels=(*levels, VectorUnit("after", lanes)))


def both(machine: Accelerator, operations: int) -> tuple[Activity, Activity]:
    """A layer that leaves so many operations, counted and stepped."""
    layer = replace(conv(G, 8), residual=(("scale", operations),) if operations else ())
    network = Network("one", (layer,), layer.input_shapes[0])
    task, one = tasks(network, machine, plan(network, machine), {})["conv"], mapping(machine)
    words = Operands(np.ones((1, 16, 6, 6), np.int32), np.ones((8, 16, 3, 3), np.int32))
    return simulate_mac(task, machine, one), simulate_mac_stepped(task, machine, one, words).activity


@given(
    compute=st.integers(0, 40), stall=st.integers(0, 20), operations=st.integers(0, 300), lanes=st.integers(1, 9)
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_a_layer_takes_the_longer_of_array_and_vector_unit(
    compute: int, stall: int, operations: int, lanes: int
) -> None:
    layer = replace(conv(G, 8), residual=(("scale", operations),))
    machine = with_lanes(load_accelerator("edge_8x8"), lanes)
    before = Schedule(Cycles(compute, stalls=(("dram", stall),) if stall else ()), compute)
    after = with_residual(before, layer, machine)
    assert after.cycles.total == naive.cycles(compute + stall, operations, lanes)
    assert after.processing_cycles == naive.cycles(compute, operations, lanes)
    assert after.cycles.compute == compute
    assert dict(after.cycles.stalls).get("dram", 0) == stall
    assert sum(count.accesses for count in residual_count(layer, machine)) == operations
    assert with_residual(before, layer, with_lanes(machine, lanes + 1)).cycles.total <= after.cycles.total


@pytest.mark.parametrize("operations", [0, 7, 100_000])
def test_engines_agree_and_slots_add_up(operations: int) -> None:
    """100,000 operations on 3 lanes take 33,334 cycles; the array is done long before."""
    machine = with_lanes(tile(8, 8, 8), 3)
    counted, stepped = both(machine, operations)
    assert counted == replace(stepped, effectual_macs=counted.effectual_macs)
    idle = sum(n for _, n in counted.idle_slots)
    begun = counted.macs if counted.begun_macs is None else counted.begun_macs
    assert idle + begun == counted.macs_per_pe * machine.array.pes * counted.cycles.total
    alone = both(machine, 0)[0].cycles.total
    assert counted.cycles.total == max(alone, -(-operations // 3))
    assert dict(counted.cycles.stalls).get("after", 0) == max(0, -(-operations // 3) - alone)
    assert any("bound by the vector unit" in note for note in counted.notes) == (operations == 100_000)


@pytest.mark.parametrize("name", ["edge_8x8", "eyeriss"])
def test_equal_layers_with_other_codes_are_not_mistaken_for_each_other(name: str) -> None:
    """Two layers of one shape, of which one has outputs to scale: its time alone follows the unit's lanes."""
    machine = with_lanes(load_accelerator(name), 1)
    first, second = replace(conv(G, 8), name="a"), replace(conv(G, 8), name="b", residual=(("scale", 10**6),))
    network = Network("two", (first, second), first.input_shapes[0])
    table, flow = load_table(machine.energy_table), load_dataflow(machine.dataflow)
    (plain, scaled), _, _ = simulate_network(network, machine, flow, table)
    assert (plain.cycles.total < 10**6, scaled.cycles.total) == (True, 10**6)
    assert scaled.processing_cycles == 10**6
    for one in (plain, scaled):
        assert sum(n for _, n in one.idle_slots) + one.macs == machine.array.pes * one.cycles.total
    assert [c.accesses for c in scaled.counts if c.action is Action.OP] == [10**6]
