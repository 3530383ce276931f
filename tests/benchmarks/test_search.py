"""How many mappings a core scores, beside how many the exact engine simulates and prices in the same run."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from accsim.energy.linear.row_stationary import rates
from accsim.energy.linear.systolic import systolic_terms
from accsim.energy.price import price
from accsim.energy.reader import load_table
from accsim.hardware.reader import load_accelerator
from accsim.mapping.choose import smallest
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.row_stationary.branches import search
from accsim.mapping.search.row_stationary.space import OBJECTIVES, RowStationarySpace
from accsim.mapping.search.systolic.heap import SCORED
from accsim.mapping.search.systolic.space import Space
from accsim.mapping.search.systolic.tables import Job
from accsim.mapping.task import Task
from accsim.simulate.network import simulate_mac, tasks
from accsim.simulate.residency import WORKING_SHARES, plan
from accsim.workload.reader import load_network
from tests.simulate.systolic_cases import SHIPPED_FLOWS

pytestmark = pytest.mark.benchmark


@pytest.mark.parametrize(
    ("objective", "looks"), [(Objective.ENERGY, 0), (Objective.LATENCY, 0), (Objective.LATENCY, 2)]
)
def test_row_stationary_mappings_scored_per_second(benchmark: Any, objective: Objective, looks: int) -> None:
    """Every legal mapping of whole rows of AlexNet's conv3 one by one, none passed over; CPU time of one core.

    By bounds that a search begins with (``looks`` 0), and by the cycles of their timelines (2).
    """
    network, machine = load_network("alexnet", layers=["conv3"]), load_accelerator("eyeriss")
    task = tasks(network, machine, plan(network, machine, WORKING_SHARES[0]), {})["conv3"]
    flow, table = load_dataflow("row_stationary"), load_table("eyeriss_65nm")
    job = Task("conv3", task.geometry, machine, flow, (), machine.pe.weight_bits)
    first = smallest(job)
    space = RowStationarySpace(job, rates(task, machine, table, first), objective)
    i = space._inputs
    groups = i.groups[(i.groups[:, 2] == 13) & (i.groups[:, 10] == 13)]

    def score() -> int:
        goal, nothing = OBJECTIVES.index(objective), np.zeros(len(groups))
        *_, scored, _, _ = search(
            groups, nothing, i.channels, i.buckets, i.lows, i.parts, i.order, i.sizes, i.prices, i.timing, goal, True,
            np.inf, False, 0.0, 1 << 20, False, looks, space._exact,
        )  # fmt: skip
        return int(scored)

    scored = score()
    began = time.process_time()
    benchmark.pedantic(score, rounds=3)
    rate = 3 * scored / (time.process_time() - began)
    mapping, times = first, 50
    began = time.process_time()
    for _ in range(times):
        price(simulate_mac(task, machine, mapping), machine, table)
    simulated = times / (time.process_time() - began)
    benchmark.extra_info.update(
        mappings=scored, scored_per_second=rate, simulated_per_second=simulated, ratio=rate / simulated
    )
    assert scored > 1e4


@pytest.mark.parametrize("objective", [Objective.ENERGY, Objective.LATENCY])
def test_systolic_mappings_scored_per_second(benchmark: Any, objective: Objective) -> None:
    """Legal mappings of a layer of ResNet-50 in many tile sizes, none passed over, all kept; CPU time of one core."""
    network, machine = load_network("resnet50", layers=["layer4.0.conv3"]), load_accelerator("tpu_v1")
    task = tasks(network, machine, plan(network, machine, WORKING_SHARES[0]), {})["layer4.0.conv3"]
    flow, table = SHIPPED_FLOWS["weight_stationary"], load_table("horowitz_45nm")
    terms = systolic_terms(task, machine, table, flow)
    space = Space(Job(task.geometry, machine, flow, task.reserved, machine.pe.weight_bits, terms), objective)

    def score() -> int:
        heap, some = space.heap(400_000), min(space.tiles, 4_000)
        space.score(0, some, float("inf"), heap, rule_out=False)
        return int(heap.state[SCORED])

    scored = score()
    began = time.process_time()
    benchmark.pedantic(score, rounds=3)
    rate = 3 * scored / (time.process_time() - began)
    heap = space.heap(16)
    space.score(0, space.tiles, float("inf"), heap)
    mapping, times = space.mapping(*heap.at[0].tolist()), 50
    began = time.process_time()
    for _ in range(times):
        price(simulate_mac(task, machine, mapping), machine, table)
    simulated = times / (time.process_time() - began)
    benchmark.extra_info.update(
        mappings=scored, scored_per_second=rate, simulated_per_second=simulated, ratio=rate / simulated
    )
    assert scored > 1e4
