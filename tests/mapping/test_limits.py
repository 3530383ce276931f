"""What keeps a row-stationary mapping from being better: lifted, it does let a better one in."""

from __future__ import annotations

import pytest

from accsim.energy.linear.row_stationary import rates
from accsim.energy.reader import load_table
from accsim.hardware.reader import load_accelerator
from accsim.mapping.choose import smallest
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Patience
from accsim.mapping.search.row_stationary import binding, search
from accsim.mapping.search.row_stationary.limits import lifted
from accsim.mapping.task import Task
from accsim.pipeline import estimate
from accsim.simulate.network import tasks
from accsim.simulate.residency import WORKING_SHARES, plan
from accsim.workload.reader import load_network

TABLE = "eyeriss_normalized"
"""The same energy per access whatever the sizes, and no leakage."""


@pytest.mark.parametrize("layer", ["conv1", "conv2", "conv3"])
def test_twice_a_limit_that_binds_saves_what_is_said(layer: str) -> None:
    network, machine, table = load_network("alexnet", layers=[layer]), load_accelerator("eyeriss"), load_table(TABLE)
    task = tasks(network, machine, plan(network, machine, WORKING_SHARES[0]), {})[layer]
    job = Task(layer, task.geometry, machine, load_dataflow("row_stationary"), (), machine.pe.weight_bits)
    spent = rates(task, machine, table, smallest(job))

    def energy(hardware) -> float:
        return estimate(network, hardware, energy_table=TABLE, search=True).estimates[0].energy

    least = energy(machine)
    best = search(job, spent, Objective.ENERGY, lambda m: (0.0, 0.0))
    assert best is not None
    found = binding(job, spent, Objective.ENERGY, best.mapping, least, Patience())
    assert found
    machines = dict(lifted(machine, timed=False))
    for one in found:
        assert energy(machines[one.what]) <= least * (1 - one.saves) * (1 + 1e-6), one
    assert binding(job, spent, Objective.ENERGY, best.mapping, least, Patience(0.0)) == []


def test_what_is_lifted() -> None:
    names = [what for what, _ in lifted(load_accelerator("eyeriss"), timed=True)]
    assert names == [
        "array rows", "array columns", "dram width", "glb size for ifmap, psum, ofmap", "glb size for weight",
        "gin_ifmap width", "gin_filter width", "gin_psum width", "gon_psum width", "local_psum width",
        "ifmap_spad words", "filter_spad words", "psum_spad words",
    ]  # fmt: skip
