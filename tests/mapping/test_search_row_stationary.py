"""The search for row-stationary mappings: bounds that hold, and the best of all legal mappings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.energy.linear.channel import channel_bits
from accsim.energy.linear.row_stationary import rates
from accsim.energy.price import price
from accsim.energy.reader import load_table
from accsim.energy.table import EnergyTable
from accsim.errors import MappingError
from accsim.hardware.accelerator import Accelerator
from accsim.hardware.reader import load_accelerator
from accsim.mapper import Mapper, Search
from accsim.mapping.choose import smallest
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.search.best_first import TOLERANCE, Found, Limit
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Patience, Stopped
from accsim.mapping.search.row_stationary import search
from accsim.mapping.search.row_stationary.space import TIMED_TOLERANCE, RowStationarySpace
from accsim.mapping.task import Task, violations
from accsim.pipeline import estimate
from accsim.simulate.mac_task import MacTask
from accsim.simulate.network import simulate_mac, tasks
from accsim.simulate.residency import WORKING_SHARES, plan
from accsim.workload.layer import Geometry, Layer, LayerKind
from accsim.workload.network import Network
from accsim.workload.reader import load_network
from tests.strategies import (
    bare_eyeriss,
    change,
    conv_geometries,
    fc_geometries,
    row_stationary_machines,
    tall_geometries,
    with_buffers,
)

ORDERS = [
    order for order in permutations("Gmnefck") if order.index("m") < order.index("k")
]  # every order a dataflow file may give
GEOMETRIES = st.one_of(conv_geometries(), tall_geometries(), fc_geometries())


@dataclass(frozen=True)
class Case:
    """A layer, a machine, a table and an order of loops."""

    geometry: Geometry
    machine: Accelerator
    table: EnergyTable
    order: tuple[str, ...]

    @property
    def task(self) -> MacTask:
        return tasks(self.network, self.machine, plan(self.network, self.machine, WORKING_SHARES[0]), {})["conv"]

    @property
    def network(self) -> Network:
        g = self.geometry
        layer = Layer("conv", LayerKind.CONV, ("input",), ((g.C, g.H, g.W),), (g.M, g.P, g.Q), g.N, g, g.weight_words)
        return Network("one", (layer,), (g.C, g.H, g.W), g.N)

    @property
    def job(self) -> Task:
        flow = replace(load_dataflow("row_stationary"), loops=self.order)
        return Task("conv", self.geometry, self.machine, flow, (), self.machine.pe.weight_bits)

    def cost(self, mapping: RowStationaryMapping, objective: Objective) -> tuple[float, float]:
        activity = simulate_mac(self.task, self.machine, mapping)
        energy, cycles = price(activity, self.machine, self.table).energy, float(activity.cycles.total)
        return {
            Objective.ENERGY: (energy, cycles),
            Objective.LATENCY: (cycles, energy),
            Objective.EDP: (energy * cycles, energy),
            Objective.TRAFFIC: (channel_bits(activity, self.machine), energy),
        }[objective]

    def space(self, objective: Objective) -> RowStationarySpace:
        return RowStationarySpace(self.job, rates(self.task, self.machine, self.table, smallest(self.job)), objective)

    def search(self, objective: Objective) -> Found[RowStationaryMapping] | None:
        return search(
            self.job,
            rates(self.task, self.machine, self.table, smallest(self.job)),
            objective,
            lambda mapping: self.cost(mapping, objective),
        )


@st.composite
def tight_machines(draw: st.DrawFn) -> Accelerator:
    """Machines whose buffers are about as large as the tiles of a small layer."""
    machine = draw(row_stationary_machines())
    machine = with_buffers(machine, 16 * draw(st.integers(2, 400)), 16 * draw(st.integers(1, 120)))
    return change(
        machine,
        glb={"bank_bits": draw(st.sampled_from([None, 48]))},
        dram={"latency_cycles": draw(st.sampled_from([0, 5])), "width_bits": draw(st.sampled_from([8, 64]))},
    )


TABLES = ("eyeriss_normalized", "eyeriss_65nm", "horowitz_45nm")
"""A transfer charged once or at both ends; with and without leakage."""


@st.composite
def cases(draw: st.DrawFn, geometries: st.SearchStrategy[Geometry] = GEOMETRIES) -> Case:
    table = load_table(draw(st.sampled_from(TABLES)))
    order = draw(st.sampled_from(ORDERS)) if draw(st.booleans()) else tuple("Gmnefck")
    return Case(draw(geometries), draw(tight_machines()), table, order)


def every_bound(case: Case, objective: Objective) -> list[tuple[RowStationaryMapping, float, float]]:
    """Every mapping that the space hands out when nothing is known yet, and its bounds."""
    space = case.space(objective)
    bounds = [row for chunk in space.chunks(Limit()) for row in chunk.bounds.tolist()]
    return [(space.candidate(i), bound, second) for i, (bound, second) in enumerate(bounds)]


def check_bounds(case: Case, objective: Objective, data: st.DataObject) -> None:
    found = every_bound(case, objective)
    assert bool(found) == (not violations(case.job, smallest(case.job)))
    if not found:
        return
    for mapping, bound, second in data.draw(st.lists(st.sampled_from(found), min_size=1, max_size=8)):
        assert violations(case.job, mapping) == []
        cost = case.cost(mapping, objective)
        assert bound <= cost[0]
        assert second <= cost[1] * (1 + TOLERANCE)


@pytest.mark.parametrize("objective", list(Objective))
@settings(max_examples=40, deadline=None)
@given(case=cases(), data=st.data())
def test_every_mapping_handed_out_is_legal_and_costs_no_less_than_its_bound(case, objective, data):
    check_bounds(case, objective, data)


@pytest.mark.slow
@pytest.mark.parametrize("objective", list(Objective))
@settings(max_examples=1000, deadline=None)
@given(case=cases(), data=st.data())
def test_every_bound_holds_in_many_cases(case, objective, data):
    check_bounds(case, objective, data)


@settings(max_examples=60, deadline=None)
@given(case=cases(), data=st.data())
def test_energy_and_traffic_are_exact_but_for_whole_accesses(case, data):
    """Buses and buffers as wide as a word, and no leakage: nothing is rounded up."""
    wide = {level.name: {"width_bits": 16} for level in case.machine.levels if level.kind.value == "noc"}
    machine = change(case.machine, glb={"width_bits": 16}, dram={"width_bits": 16}, **wide)
    case = replace(case, machine=machine, table=load_table("eyeriss_normalized"))
    for objective in (Objective.ENERGY, Objective.TRAFFIC):
        found = every_bound(case, objective)
        if found:
            mapping, bound, _ = data.draw(st.sampled_from(found))
            assert bound == pytest.approx(case.cost(mapping, objective)[0], rel=TOLERANCE)


@settings(max_examples=30, deadline=None)
@given(case=cases(), data=st.data())
def test_bounds_hold_where_cycles_cost_much_energy(case, data):
    """A clock network that takes about as much as all else."""
    each = 1000.0
    spent = rates(case.task, case.machine, case.table, smallest(case.job))
    spent = replace(spent, energy=replace(spent.energy, cycle=spent.energy.cycle + each))
    space = RowStationarySpace(case.job, spent, Objective.ENERGY)
    bounds = [bound for chunk in space.chunks(Limit()) for bound, _ in chunk.bounds.tolist()]
    if not bounds:
        return
    for i in data.draw(st.lists(st.integers(0, len(bounds) - 1), min_size=1, max_size=8)):
        energy, cycles = case.cost(space.candidate(i), Objective.ENERGY)
        assert bounds[i] <= energy + each * cycles


def brute_force(case: Case, objective: Objective) -> list[tuple[float, float]]:
    """Costs of all legal mappings, one by one."""
    g, job = case.geometry, case.job
    array = case.machine.array
    costs = []
    for m in range(1, g.filters_per_group + 1):
        for n in range(1, g.N + 1):
            for e in range(1, g.P + 1):
                for f in range(1, g.Q + 1):
                    for p in range(1, g.filters_per_group + 1):
                        for q in range(1, g.channels_per_group + 1):
                            for r in range(1, min(array.pes, g.channels_per_group) + 1):
                                for t in range(1, min(array.pes, g.filters_per_group) + 1):
                                    mapping = RowStationaryMapping(job.dataflow, m, n, e, f, p, q, r, t)
                                    if not violations(job, mapping):
                                        costs.append(case.cost(mapping, objective))
    return costs


@st.composite
def tiny_geometries(draw: st.DrawFn) -> Geometry:
    """Layers with few mappings: one or two groups of up to three filters and channels."""
    g = draw(conv_geometries(largest=4, groups=2))
    few = {"M": draw(st.integers(1, 3)), "C": draw(st.integers(1, 3))}
    return replace(g, N=draw(st.integers(1, 2)), **{name: g.G * size for name, size in few.items()})


def check_optimal(case: Case, objective: Objective) -> None:
    costs, found = brute_force(case, objective), case.search(objective)
    if not costs:
        assert found is None
        return
    assert found is not None
    tolerance = TOLERANCE if objective is Objective.TRAFFIC or not leaks(case) else TIMED_TOLERANCE
    best = min(costs)[0]
    assert best <= found.cost[0] <= best / (1 - tolerance)
    assert found.bound <= best
    assert found.stopped is Stopped.PROVED
    assert found.cost == case.cost(found.mapping, objective)


def leaks(case: Case) -> bool:
    return case.table.name == "eyeriss_65nm"


@pytest.mark.parametrize("objective", list(Objective))
@settings(max_examples=6, deadline=None)
@given(case=cases(tiny_geometries()))
def test_none_of_all_legal_mappings_is_better(case, objective):
    check_optimal(case, objective)


@pytest.mark.slow
@pytest.mark.parametrize("objective", list(Objective))
@settings(max_examples=60, deadline=None)
@given(case=cases(tiny_geometries()))
def test_none_of_all_legal_mappings_is_better_in_many_cases(case, objective):
    check_optimal(case, objective)


def test_channels_in_parallel_never_crowd_out_the_smallest_mapping():
    """One filter, many channels: the array has room for 12 channels at once, the buffer for one."""
    g = Geometry(N=1, G=1, M=1, C=16, P=1, Q=4, R=1, S=1, H=1, W=4)
    machine = with_buffers(bare_eyeriss(), 16 * (4 + 4), 16)  # one row of one channel and one row of sums; one weight
    case = Case(g, machine, load_table("eyeriss_normalized"), tuple("Gmnefck"))
    found = case.search(Objective.ENERGY)
    assert found is not None
    assert (found.mapping.q, found.mapping.r) == (1, 1)


@settings(max_examples=15, deadline=None)
@given(case=cases())
def test_the_same_result_every_time(case):
    assert case.search(Objective.EDP) == case.search(Objective.EDP)


def test_a_layer_that_fits_nowhere_says_what_it_needs():
    g = Geometry(N=1, G=1, M=1, C=1, P=4, Q=8, R=3, S=3, H=6, W=10)
    machine = with_buffers(bare_eyeriss(), 16 * 9, 16 * 9)  # nine words for the ifmap window; none left for its sum
    case = Case(g, machine, load_table("eyeriss_normalized"), tuple("Gmnefck"))
    flow = load_dataflow("row_stationary")
    mapper = Mapper(case.network, machine, flow, case.table, {}, Search(), Patience())
    with pytest.raises(MappingError) as caught:
        mapper.map(case.task)
    assert str(caught.value) == (
        "layer 'conv' does not fit eyeriss under row_stationary, even in its smallest tiles: tiles of ifmap x1, psum "
        "x1 in glb need 160 bits but only 144 bits are free (16 bits too much); a larger buffer or scratchpad, "
        "narrower operands or fewer copies of a tile would fix it"
    )


@pytest.mark.parametrize("objective", list(Objective))
@pytest.mark.parametrize("batch", [1, 4])
def test_never_worse_than_the_published_mapping(objective, batch):
    """JSSC 2017, Table III, on the chip it was made for: the search may only find as good or better."""
    network = load_network("alexnet", batch=batch, layers=["conv1", "conv2", "conv3", "conv4", "conv5"])
    machine = load_accelerator("eyeriss")
    published = estimate(network, machine, objective=objective)
    searched = estimate(network, machine, objective=objective, search=True, time_limit=0.5)
    for before, after in zip(published.estimates, searched.estimates, strict=True):
        spent = []
        for one in (before, after):
            energy, cycles = one.energy, one.activity.cycles.total
            traffic = channel_bits(one.activity, machine)
            figures = {"energy": energy, "latency": cycles, "edp": energy * cycles, "traffic": traffic}
            spent.append(figures[objective.value])
        assert spent[1] <= spent[0], before.activity.layer


@st.composite
def grown(draw: st.DrawFn) -> tuple[Case, Case]:
    """A case, and the same with a larger buffer."""
    case = replace(draw(cases()), table=load_table("eyeriss_normalized"))
    shared, weights = (part.size_bits for part in case.machine.buffers[0].partitions)
    larger = with_buffers(case.machine, shared + 16 * draw(st.integers(0, 99)), weights + 16 * draw(st.integers(0, 99)))
    return replace(case, machine=with_buffers(case.machine, shared, weights)), replace(case, machine=larger)


def least(case: Case, objective: Objective) -> float | None:
    """The figure a run reports for the layer, residency included."""
    try:
        result = estimate(
            case.network, case.machine, energy_table=case.table, objective=objective,
            dataflow=replace(load_dataflow("row_stationary"), loops=case.order),
        )  # fmt: skip
    except MappingError:
        return None
    return result.energy if objective is Objective.ENERGY else result.cycles


@settings(max_examples=40, deadline=None)
@given(grown())
def test_a_larger_buffer_never_raises_the_best_energy(pair):
    """At constant energy per access and without leakage."""
    small, large = (least(case, Objective.ENERGY) for case in pair)
    assert small is None or (large is not None and large <= small * (1 + TOLERANCE))


@st.composite
def widened(draw: st.DrawFn) -> tuple[Case, Case]:
    """A case, and the same with more bandwidth somewhere."""
    case = draw(cases())
    name = draw(st.sampled_from(["dram", "gin_ifmap", "gin_filter", "gin_psum", "gon_psum"]))
    width = case.machine.level(name).width_bits
    more = None if width is None else width * draw(st.integers(1, 4))
    return case, replace(case, machine=change(case.machine, **{name: {"width_bits": more}}))


@settings(max_examples=40, deadline=None)
@given(widened())
def test_more_bandwidth_never_raises_the_best_latency(pair):
    before, after = (least(case, Objective.LATENCY) for case in pair)
    assert before is None or (after is not None and after <= before)
