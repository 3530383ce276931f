"""The search: nothing legal is cheaper, ranges are those of all near tilings, and what does not fit is said."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import prod

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from accsim.mapping.reuse import kernel
from accsim.mapping.reuse.dataflow import ReuseDataflow
from accsim.mapping.reuse.machine import AccessCosts, ReuseMachine
from accsim.mapping.reuse.misfit import ReuseMisfit
from accsim.mapping.reuse.options import options
from accsim.mapping.reuse.search import LEVELS, NEAR, Found, Problem, search
from accsim.mapping.reuse.tiling import Tiling
from accsim.workload.layer import Geometry, Operand
from tests.mapping.reuse.test_counts import FLOWS, TABLE_IV, dataflows

LAYERS = st.builds(
    lambda n, m, c, p, r, u: Geometry(
        N=n, G=1, M=m, C=c, P=p, Q=p, R=r, S=r, H=99, W=99, stride_h=u, stride_w=u, pad_top=0
    ),
    st.integers(1, 2), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2),
)  # fmt: skip
MACHINES = st.builds(
    ReuseMachine, st.integers(1, 4), st.integers(1, 4), st.integers(0, 30), st.sampled_from([0, 5, 20, 60, 200, 1000])
)
COSTS = st.builds(
    AccessCosts, st.just(1), st.integers(0, 3), st.integers(0, 5), st.integers(0, 10), st.sampled_from([10, 50, 200])
)


def fits(flow: ReuseDataflow, machine: ReuseMachine, problem: Problem, tiling: Tiling) -> bool:
    """By the docstrings: PEs per axis, M taking what is left; register files; buffer; sums that can wait."""
    if flow.cols:
        rows = cols = 1
        for dim in flow.rows:
            rows *= tiling[dim].unrolled if dim not in flow.cols else 1
        for dim in flow.cols:
            cols *= tiling[dim].unrolled if dim not in flow.rows else 1
        both = [tiling[dim].unrolled for dim in flow.rows if dim in flow.cols]
        if rows > machine.rows or cols > machine.cols:
            return False
        if both and both[0] > (machine.rows // rows) * (machine.cols // cols):
            return False
    else:
        used = 1
        for dim in flow.rows:
            used *= tiling[dim].unrolled
        if used > machine.pes:
            return False
    demand = problem.demand(tiling)
    if Operand.PSUM not in flow.buffer and problem.words(tiling)[kernel.PSUM][1] != problem.geometry.ofmap_words:
        return False
    return demand.rf_words <= machine.rf_words and sum(demand.buffer_words.values()) <= machine.buffer_words


@given(layer=LAYERS, machine=MACHINES, costs=COSTS, flow=st.one_of(st.sampled_from(list(FLOWS.values())), dataflows()))
@example(  # the least is one pass of filters at a time, whose weights stay while the rows pass
    layer=Geometry(N=1, G=1, M=4, C=3, P=2, Q=2, R=1, S=1, H=2, W=2),
    machine=ReuseMachine(3, 2, 3, 5),
    costs=AccessCosts(1, 0, 1, 0, 10),
    flow=FLOWS["isca16_row_stationary"],
)
@settings(max_examples=60, deadline=None)
def test_the_least_of_all_tilings(
    layer: Geometry, machine: ReuseMachine, costs: AccessCosts, flow: ReuseDataflow
) -> None:
    """Every combination of sizes, one after the other, without any of the search's shortcuts."""
    problem, choices = Problem(layer, flow, machine), options(layer, flow, machine)
    assume(prod(len(splits) for splits in choices.splits) <= 500)
    every = [Tiling(splits) for splits in product(*choices.splits)]
    energies = [problem.energy(one, costs) for one in every if fits(flow, machine, problem, one)]
    found = search(layer, flow, machine, costs)
    if not energies:
        assert isinstance(found, ReuseMisfit)
        assert found.gap > 0
        return
    assert isinstance(found, Found)
    totals = [sum(energy.values()) for energy in energies]
    assert found.total == min(totals)
    near = [energy for energy, total in zip(energies, totals, strict=True) if total <= min(totals) * (1 + NEAR)]
    assert found.least == {level: min(energy[level] for energy in near) for level in LEVELS}
    assert found.greatest == {level: max(energy[level] for energy in near) for level in LEVELS}


@pytest.mark.parametrize("name", FLOWS)
def test_a_larger_buffer_is_never_worse(name: str) -> None:
    layer = Geometry(
        N=4, G=2, M=24, C=12, P=9, Q=9, R=3, S=3, H=9, W=9, pad_top=1, pad_bottom=1, pad_left=1, pad_right=1
    )
    energies = []
    for words in (2000, 3000, 5000, 10_000, 100_000):
        found = search(layer, FLOWS[name], ReuseMachine(6, 6, 60, words), TABLE_IV, near=False)
        if isinstance(found, Found):
            energies.append(found.total)
    assert len(energies) >= 3
    assert energies == sorted(energies, reverse=True)


def test_groups_run_one_after_the_other() -> None:
    one = Geometry(N=2, G=1, M=8, C=4, P=5, Q=5, R=3, S=3, H=7, W=7)
    machine = ReuseMachine(4, 4, 60, 500)
    for flow in FLOWS.values():
        single = search(one, flow, machine, TABLE_IV)
        double = search(replace(one, G=2, M=16, C=8), flow, machine, TABLE_IV)
        assert isinstance(single, Found)
        assert isinstance(double, Found)
        assert double.tiling == single.tiling
        assert double.total == 2 * single.total
        assert double.counts.macs == 2 * single.counts.macs


class TestMisfits:
    """The demand of the smallest tiling, its bound and the gap, in a sentence."""

    CONV1 = Geometry(N=64, G=1, M=96, C=3, P=55, Q=55, R=11, S=11, H=227, W=227, stride_h=4, stride_w=4)

    def refused(self, name: str, machine: ReuseMachine) -> ReuseMisfit:
        found = search(self.CONV1, FLOWS[name], machine, TABLE_IV)
        assert isinstance(found, ReuseMisfit)
        return found

    def test_psums_of_whole_ofmaps(self) -> None:
        """256 PEs and 334.3 KiB at batch 64: the case that cannot run in Chen, Emer and Sze, ISCA 2016, Fig. 11a."""
        found = self.refused("isca16_weight_stationary", ReuseMachine(16, 16, 1, int(334.3 * 512)))
        assert (found.demand, found.bound) == (64 * 55 * 55, 171161)
        assert found.gap == 22439
        assert str(found) == (
            "psums of the smallest tile of isca16_weight_stationary, which does not cut N, P, Q, R, S, need 378.1 KiB "
            "but only 334.3 KiB are there (43.8 KiB too much)"
        )

    def test_pes(self) -> None:
        assert str(self.refused("isca16_weight_stationary", ReuseMachine(10, 10, 1, 10**6))) == (
            "R x S of isca16_weight_stationary, unrolled, need 121 PEs but only 100 PEs are there (21 PEs too much)"
        )

    def test_rows(self) -> None:
        """Filter rows lie along a column of PEs; a longer column is missing, not more PEs."""
        assert str(self.refused("isca16_row_stationary", ReuseMachine(8, 30, 300, 10**6))) == (
            "R of isca16_row_stationary, unrolled, need 11 rows of PEs but only 8 rows of PEs are there "
            "(3 rows of PEs too much)"
        )

    def test_register_files(self) -> None:
        assert str(self.refused("isca16_weight_stationary", ReuseMachine(16, 16, 0, 10**6))) == (
            "words used again in a PE by isca16_weight_stationary need 16 bits but only 0.0 KiB are there "
            "(16 bits too much)"
        )

    def test_no_buffer(self) -> None:
        found = self.refused("isca16_no_local_reuse", ReuseMachine(16, 16, 0, 10))
        assert found.demand > found.bound == 10
        assert "of the smallest tile of isca16_no_local_reuse" in str(found)
