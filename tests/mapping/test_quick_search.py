"""The quick search: legal, never better than the full one, and the same whatever else was mapped."""

from __future__ import annotations

import pytest

from accsim.energy.linear.systolic import standard_probes, standard_terms, systolic_terms, with_constant
from accsim.inputs import load_inputs
from accsim.mapper import Search
from accsim.mapping.search.effort import Effort
from accsim.mapping.search.objective import Objective
from accsim.memo import Memo, Recent, without_sizes
from accsim.pipeline import estimate, simulate_network


@pytest.mark.parametrize("objective", list(Objective))
@pytest.mark.parametrize("dataflow", ["weight_stationary", "output_stationary", "input_stationary"])
def test_never_better_than_the_full_search(objective: Objective, dataflow: str) -> None:
    found = [
        estimate(
            "lenet", "edge_8x8", dataflow=dataflow, objective=objective, effort=effort, layers=["conv1", "conv2", "ip2"]
        )
        for effort in Effort
    ]
    for full, quick in zip(found[0].estimates, found[1].estimates, strict=True):
        if objective is Objective.LATENCY:
            assert quick.activity.cycles.total >= full.activity.cycles.total
        elif objective is Objective.ENERGY:
            assert quick.energy >= full.energy * (1 - 1e-9)
        assert any(note.startswith("quick search: ") for note in quick.activity.notes)


def test_a_memo_changes_nothing() -> None:
    memo, how = Memo(), Search(effort=Effort.QUICK)
    for size in ("8 KiB", "64 KiB", "8 KiB"):
        given = load_inputs("lenet", "edge_8x8", overrides=[f"levels.buffer.size={size}"])
        parts = given.network, given.accelerator, given.dataflow, given.table
        shared = simulate_network(*parts, search=how, memo=memo)
        alone = simulate_network(*parts, search=how)
        assert shared[:2] == alone[:2]
    assert memo.searched.hits > 0
    assert memo.simulated.hits > 0


def test_terms_of_a_kind_of_layer_are_those_of_each_layer() -> None:
    from accsim.simulate.network import tasks
    from accsim.simulate.residency import plan

    given = load_inputs("lenet", "systolic_32x32")
    machine, table, flow = given.accelerator, given.table, given.dataflow
    for task in tasks(given.network, machine, plan(given.network, machine), {}).values():
        own = systolic_terms(task, machine, table, flow)  # type: ignore[arg-type]
        probes = standard_probes(task, machine, flow)  # type: ignore[arg-type]
        ours = with_constant(standard_terms(probes, machine, table), task, machine, table, flow)  # type: ignore[arg-type]
        assert ours.energy.flows == pytest.approx(own.energy.flows, rel=1e-6, abs=1e-9)
        assert ours.energy.slots == pytest.approx(own.energy.slots, rel=1e-6, abs=1e-9)
        assert ours.energy.constant == pytest.approx(own.energy.constant, rel=1e-6)
        assert ours.traffic.slots == pytest.approx(own.traffic.slots)
        assert (ours.ports, ours.fetched, ours.output, ours.slots) == (own.ports, own.fetched, own.output, own.slots)
        assert ours.leak_per_cycle == own.leak_per_cycle


def test_machines_that_differ_in_sizes_are_one() -> None:
    small, large = (load_inputs("lenet", "edge_8x8", overrides=[f"levels.buffer.size={s}"]) for s in ("8 KiB", "9 KiB"))
    assert small.accelerator != large.accelerator
    assert without_sizes(small.accelerator) == without_sizes(large.accelerator)
    chip = load_inputs("lenet", "eyeriss").accelerator
    assert without_sizes(chip) == chip


def test_recent_keeps_what_was_asked_for_last() -> None:
    held: Recent[int] = Recent(2)
    made: list[int] = []

    def make(n: int) -> int:
        made.append(n)
        return n + 1

    for n in (1, 2, 1, 3, 1, 2):
        assert held.get(n, lambda n=n: make(n)) == n + 1  # type: ignore[misc]
    assert made == [1, 2, 3, 2]
    assert (held.hits, held.misses) == (2, 4)
