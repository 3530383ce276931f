"""The compiled timeline of a row-stationary mapping: the exact engine's cycles, or less where it says it may be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accsim.energy.linear.row_stationary import rates
from accsim.energy.reader import load_table
from accsim.hardware.accelerator import Accelerator
from accsim.hardware.reader import load_accelerator
from accsim.mapping.choose import smallest
from accsim.mapping.dataflow import RowStationaryDataflow
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.row_stationary import spads_hold
from accsim.mapping.search.row_stationary.exact import exact
from accsim.mapping.search.row_stationary.inputs import LOOPS, build
from accsim.mapping.search.row_stationary.timeline import makespan
from accsim.mapping.task import Task, violations
from accsim.simulate.mac_task import MacTask
from accsim.simulate.network import simulate_mac, tasks
from accsim.simulate.residency import WORKING_SHARES, plan
from accsim.simulate.row_stationary import RowStationaryArray
from accsim.workload.layer import Operand
from accsim.workload.reader import load_network
from tests.mapping.test_search_row_stationary import Case, cases

MANY = 10**7


def compiled(
    task: MacTask, job: Task, mapping: RowStationaryMapping, most: int = MANY, enough: float = np.inf
) -> float:
    """What the compiled timeline makes of a mapping; nothing is known beforehand of the array and the channel."""
    g, acc, flow = job.geometry, job.accelerator, job.dataflow
    assert isinstance(flow, RowStationaryDataflow)
    spent = rates(task, acc, load_table("eyeriss_normalized"), smallest(job))
    x, sizes = exact(job, spent.channel), build(job, spent, every=False, timed=True).sizes
    order = np.array([LOOPS.index(name) for name in flow.loops])
    fit = max(taps for taps in range(1, g.S + 1) if spads_hold(acc, g, mapping.p, mapping.q, taps))
    names = ("n", "e", "f", "q", "r", "p", "t", "m")
    of = np.array([getattr(mapping, name) for name in names])
    buffered = any(Operand.PSUM in level.operands for level in acc.buffers)
    return makespan(
        of, fit, order, sizes, x.facts, x.moves, x.widths, x.dram, x.ring, buffered, x.rows_at, x.rows, x.cols_at,
        x.cols, most, 0.0, 0.0, enough,
    )  # fmt: skip


def left_out(acc: Accelerator, mapping: RowStationaryMapping, job: Task) -> bool:
    """Whether the exact engine counts what the compiled timeline does not: buffer ports, waits for returning sums."""
    if any(level.read_bits_per_cycle or level.write_bits_per_cycle for level in acc.buffers):
        return True
    array = RowStationaryArray(acc, mapping, mapping.nest(job.geometry, acc.dram.fetch_padding))
    return any(phase.total for phase, _ in array.bursts.drains())


def draw_mapping(case: Case, data: st.DataObject) -> RowStationaryMapping:
    g = case.geometry
    largest = (g.filters_per_group, g.N, g.P, g.Q, g.filters_per_group, g.channels_per_group, 4, 4)
    sizes = [data.draw(st.integers(1, most)) for most in largest]
    return RowStationaryMapping(case.job.dataflow, *sizes)  # type: ignore[arg-type]  # it is row stationary


def check(case: Case, data: st.DataObject) -> None:
    mapping = draw_mapping(case, data)
    assume(not violations(case.job, mapping))
    found = compiled(case.task, case.job, mapping)
    cycles = simulate_mac(case.task, case.machine, mapping).cycles.total
    if left_out(case.machine, mapping, case.job):
        assert found <= cycles
    else:
        assert found == cycles


@settings(max_examples=50, deadline=None)
@given(case=cases(), data=st.data())
def test_cycles_are_those_of_the_exact_engine(case, data):
    check(case, data)


@pytest.mark.slow
@settings(max_examples=3000, deadline=None)
@given(case=cases(), data=st.data())
def test_cycles_are_those_of_the_exact_engine_in_many_cases(case, data):
    check(case, data)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(case=cases(), data=st.data(), share=st.floats(0, 1))
def test_a_walk_that_ends_early_ends_with_a_lower_bound(case, data, share):
    mapping = draw_mapping(case, data)
    assume(not violations(case.job, mapping))
    whole = compiled(case.task, case.job, mapping)
    cut = compiled(case.task, case.job, mapping, enough=share * whole)
    assert share * whole <= cut <= whole
    assert compiled(case.task, case.job, mapping, most=1) <= whole


LAYERS = {"alexnet": ("conv1", "conv2", "conv5", "fc8"), "mobilenet_v2": ("b0.0.pw", "b2.1.dw", "b4.1.exp")}


@pytest.mark.parametrize("batch", [1, 20])
@pytest.mark.parametrize("network", list(LAYERS))
def test_long_loops_are_skipped_without_a_trace(network, batch):
    """Layers of many equal steps, with run-length coding and a ring of ifmaps, under mappings of all sizes."""
    layers = load_network(network, batch=batch, layers=list(LAYERS[network]))
    machine, flow, random = load_accelerator("eyeriss"), load_dataflow("row_stationary"), np.random.default_rng(batch)
    for name, task in tasks(layers, machine, plan(layers, machine, WORKING_SHARES[0]), {}).items():
        g = task.geometry
        job = Task(name, g, machine, flow, task.reserved, machine.pe.weight_bits)
        checked = 0
        while checked < 3:
            largest = (g.filters_per_group, g.N, g.P, g.Q, 24, 12, 4, 4)
            sizes = (int(np.ceil(most ** random.random())) for most in largest)
            mapping = RowStationaryMapping(flow, *sizes)
            if violations(job, mapping) or left_out(machine, mapping, job):
                continue
            assert compiled(task, job, mapping) == simulate_mac(task, machine, mapping).cycles.total, mapping
            checked += 1
