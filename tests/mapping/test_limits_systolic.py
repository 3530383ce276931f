"""What keeps a systolic mapping from being better: lifted, it does let a better one in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accsim.energy.linear.systolic import systolic_terms
from accsim.energy.reader import load_table
from accsim.hardware.accelerator import Accelerator, Dram, Partition, Sram
from accsim.hardware.reader import load_accelerator
from accsim.mapping.choose import smallest
from accsim.mapping.mapping import SystolicMapping
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Patience
from accsim.mapping.search.row_stationary.limits import Binding
from accsim.mapping.search.systolic import binding
from accsim.mapping.search.systolic.limits import twice
from accsim.mapping.search.systolic.tables import Job
from accsim.mapping.task import Task
from accsim.pipeline import estimate
from accsim.simulate.network import tasks
from accsim.simulate.residency import WORKING_SHARES, plan
from accsim.workload.reader import load_network
from tests.simulate.systolic_cases import SHIPPED_FLOWS

TABLE = "eyeriss_normalized"
"""The same energy per access whatever the sizes, and no leakage."""


def job(machine: Accelerator, layer: str = "conv3") -> tuple[Task, Job]:
    """A layer of AlexNet."""
    network, flow = load_network("alexnet", layers=[layer]), SHIPPED_FLOWS[machine.dataflow]
    task = tasks(network, machine, plan(network, machine, WORKING_SHARES[0]), {})[layer]
    to_map = Task(layer, task.geometry, machine, flow, task.reserved, machine.pe.weight_bits)
    return to_map, Job.of(to_map, systolic_terms(task, machine, load_table(TABLE), flow))


def kept_by(machine: Accelerator, objective: Objective, layer: str = "conv3") -> list[Binding]:
    """What binds the mapping that is found."""
    task, its = job(machine, layer)
    used = estimate("alexnet", machine, energy_table=TABLE, objective=objective, layers=[layer]).mappings_used[0]
    assert isinstance(used, SystolicMapping)
    return binding(task, its.terms, objective, used, Patience())


def channel(machine: Accelerator, bits: int) -> Accelerator:
    """The machine with a DRAM channel of so many bits."""
    levels = tuple(replace(lv, width_bits=bits) if isinstance(lv, Dram) else lv for lv in machine.levels)
    return replace(machine, levels=levels)


def buffer(machine: Accelerator, bits: int) -> Accelerator:
    """The machine with buffers of so many bits."""
    levels = tuple(
        replace(lv, partitions=(Partition(lv.operands, bits, lv.partitions[0].buffers),))
        if isinstance(lv, Sram)
        else lv
        for lv in machine.levels
    )
    return replace(machine, levels=levels)


@pytest.mark.parametrize("bits", [8192, 1 << 16])
def test_twice_a_limit_that_binds_saves_what_is_said(bits: int) -> None:
    """A search on the machine with twice of it finds as much, at the same energy per access."""
    machine = buffer(load_accelerator("edge_8x8"), bits)
    _, its = job(machine)

    def energy(hardware: Accelerator) -> float:
        return estimate("alexnet", hardware, energy_table=TABLE, layers=["conv3"]).estimates[0].energy

    least, found = energy(machine), kept_by(machine, Objective.ENERGY)
    machines = {what: lifted.accelerator for what, lifted in twice(its, timed=False)}
    assert "buffer size" in [one.what for one in found]
    for one in found:
        assert energy(machines[one.what]) <= least * (1 - one.saves) * (1 + 1e-3), one


def test_who_has_no_time_is_told_nothing() -> None:
    task, its = job(load_accelerator("edge_8x8"))
    best = smallest(task)
    assert isinstance(best, SystolicMapping)
    assert binding(task, its.terms, Objective.ENERGY, best, Patience(0.0)) == []


def test_the_channel_binds_a_layer_that_uses_each_weight_once() -> None:
    found = kept_by(load_accelerator("tpu_v1"), Objective.LATENCY, "fc7")
    assert found[0].what == "dram width"
    assert 0.4 < found[0].saves <= 0.5


def test_the_array_binds_a_layer_that_waits_for_nothing_else() -> None:
    found = kept_by(channel(load_accelerator("edge_8x8"), 4096), Objective.LATENCY)
    assert found[0].what in ("array rows", "array columns")
    assert 0.3 < found[0].saves <= 0.5


def test_what_is_lifted() -> None:
    _, its = job(load_accelerator("tpu_v1"))
    assert [what for what, _ in twice(its, timed=True)] == [
        "array rows", "array columns", "weight_fifo size", "unified_buffer size", "accumulators size", "dram width",
    ]  # fmt: skip
    slow = load_accelerator("tpu_v1")
    levels = tuple(replace(lv, read_bits_per_cycle=64) if lv.name == "unified_buffer" else lv for lv in slow.levels)
    _, its = job(replace(slow, levels=levels))
    doubled = dict(twice(its, timed=True))
    assert {what.split()[0] for what in doubled} >= {port.name for port in its.terms.ports}
    for port in its.terms.ports:
        wider = next(p for p in doubled[f"{port.name} width"].terms.ports if p.name == port.name)
        assert wider.bits_per_cycle == 2 * port.bits_per_cycle


def test_the_result_says_what_binds() -> None:
    notes = estimate("alexnet", "tpu_v1", objective="latency", layers=["fc7"]).estimates[0].activity.notes
    assert any(note.startswith("less cycles with twice the dram width (") for note in notes)
    assert all(note.endswith(", at the same energy per access") for note in notes if note.startswith("less "))
