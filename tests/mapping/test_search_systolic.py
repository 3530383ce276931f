"""The systolic search: bounds that hold, words that are exact, and no mapping of its space that is better."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.energy.linear.channel import channel_bits
from accsim.energy.linear.systolic import systolic_terms
from accsim.energy.price import price
from accsim.energy.reader import load_table
from accsim.energy.table import EnergyTable
from accsim.hardware.accelerator import Accelerator, Dram, Partition, Sram
from accsim.hardware.datapath import Datapath, DatapathKind
from accsim.hardware.reader import load_accelerator
from accsim.mapping.capacity import Reserved, buffer_misfits
from accsim.mapping.dataflow import SystolicDataflow
from accsim.mapping.mapping import NEST_OPERANDS, SystolicMapping, shared_levels
from accsim.mapping.nest import Loop, Nest
from accsim.mapping.search import systolic
from accsim.mapping.search.best_first import TOLERANCE, Found
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.systolic.sizes import OnAxis, every_size, worthwhile
from accsim.mapping.search.systolic.space import Space
from accsim.mapping.search.systolic.tables import Job
from accsim.mapping.task import Task
from accsim.simulate.mac_task import Densities, MacTask
from accsim.simulate.network import simulate_mac
from accsim.simulate.storage import Residency
from accsim.workload.layer import Geometry, Layer, LayerKind, Operand
from tests.simulate.systolic_cases import SHIPPED_FLOWS, dataflows, small_layers
from tests.strategies import nests, systolic_machines

K = DatapathKind
TABLES = ("horowitz_45nm", "eyeriss_normalized", "eyeriss_65nm", "aladdin_40nm")


def without_leakage(table: EnergyTable) -> EnergyTable:
    """The table without what leaks."""
    entries = []
    for entry in table.entries:
        points = [replace(p, values=tuple(v for v in p.values if v[0] != "leak")) for p in entry.points]
        if any(p.values for p in points):
            entries.append(replace(entry, points=tuple(p for p in points if p.values)))
    return replace(table, entries=tuple(entries))


LOADED = {name: load_table(name) for name in TABLES}
BARE = {name: without_leakage(table) for name, table in LOADED.items()}


@dataclass(frozen=True)
class Case:
    """A layer on a machine."""

    task: MacTask
    machine: Accelerator
    flow: SystolicDataflow
    table: EnergyTable

    @property
    def job(self) -> Job:
        return Job.of(self.to_map, systolic_terms(self.task, self.machine, self.table, self.flow))

    @property
    def to_map(self) -> Task:
        bits = self.machine.bits(self.task.weight_name)
        return Task("layer", self.task.geometry, self.machine, self.flow, self.task.reserved, bits)

    def legal(self, mapping: SystolicMapping) -> bool:
        nest = mapping.nest(self.task.geometry, self.machine.dram.fetch_padding)
        return not buffer_misfits(self.machine, mapping, nest, self.to_map.weight_bits, self.task.reserved)

    def cost(self, mapping: SystolicMapping, objective: Objective) -> tuple[float, float]:
        activity = simulate_mac(self.task, self.machine, mapping)
        energy, cycles = price(activity, self.machine, self.table).energy, float(activity.cycles.total)
        return {
            Objective.ENERGY: (energy, cycles),
            Objective.LATENCY: (cycles, energy),
            Objective.EDP: (energy * cycles, energy),
            Objective.TRAFFIC: (channel_bits(activity, self.machine), energy),
        }[objective]


def conv(g: Geometry) -> Layer:
    """A convolution that reads the network's input."""
    shapes = ((g.C, g.H, g.W),), (g.M, g.P, g.Q)
    return Layer("layer", LayerKind.CONV, ("input",), *shapes, g.N, g, g.weight_words, 0, "conv")


@st.composite
def cases(
    draw: st.DrawFn,
    tables: dict[str, EnergyTable] | None = None,
    flows: st.SearchStrategy[SystolicDataflow] | None = None,
    macs: int = 250,
) -> Case:
    """Any small layer on any small machine, with tensors that stay on chip where the machine keeps them."""
    machine, residency, reserved = draw(systolic_machines()), Residency(), ()
    keeper = next((b.name for b in machine.buffers if b.keeps_activations), None)
    if keeper is not None and draw(st.booleans()):
        whole = draw(st.sets(st.sampled_from([Operand.IFMAP, Operand.OFMAP])))
        residency = Residency(
            ifmap=keeper if Operand.IFMAP in whole else None, ofmap=keeper if Operand.OFMAP in whole else None
        )
        reserved = (Reserved(keeper, draw(st.integers(0, 2000)), frozenset(whole)),)
    task = MacTask(conv(draw(small_layers(macs))), None, residency, reserved, Densities(), frozenset())
    task = replace(task, geometry=task.layer.geometry)
    table = draw(st.sampled_from(list((tables or LOADED | {f"{k} bare": v for k, v in BARE.items()}).values())))
    return Case(task, machine, draw(dataflows() if flows is None else flows), table)


def candidates(case: Case, objective: Objective, most: int, *, rule_out: bool) -> tuple[Space, np.ndarray, np.ndarray]:
    """The best candidates by bound: the space, their bounds, and where they are."""
    space = Space(case.job, objective)
    heap = space.heap(most)
    space.score(0, space.tiles, float("inf"), heap, rule_out=rule_out)
    order = np.lexsort((heap.at[:, 1], heap.at[:, 0], heap.bound[:, 1], heap.bound[:, 0]))
    kept = int(np.count_nonzero(np.isfinite(heap.bound[:, 0])))
    return space, heap.bound[order][:kept], heap.at[order][:kept]


def check_bounds(case: Case, objective: Objective, picks: list[int]) -> None:
    space, bounds, at = candidates(case, objective, 400, rule_out=False)
    for i in {pick % len(bounds) for pick in picks if len(bounds)}:
        mapping = space.mapping(int(at[i, 0]), int(at[i, 1]))
        assert case.legal(mapping)
        assert space.bounds([mapping])[0, :2].tolist() == bounds[i].tolist()
        exact = case.cost(mapping, objective)[0]
        assert bounds[i, 0] <= exact * (1 + 1e-12)
        if objective is Objective.TRAFFIC:
            assert bounds[i, 0] >= exact * (1 - TOLERANCE)
        if objective is Objective.ENERGY and case.table == BARE["horowitz_45nm"]:
            rows = price(simulate_mac(case.task, case.machine, mapping), case.machine, case.table).rows
            whole = sum(2 * row.energy / row.count.accesses for row in rows if row.count.bits)
            assert bounds[i, 0] >= exact * (1 - TOLERANCE) - whole


OBJECTIVES = st.sampled_from(list(Objective))
PICKS = st.lists(st.integers(0, 399), min_size=4, max_size=4)


@given(cases(), OBJECTIVES, PICKS)
@settings(max_examples=25, deadline=None)
def test_no_mapping_costs_less_than_its_bound(case: Case, objective: Objective, picks: list[int]) -> None:
    """Traffic is exact; energy without leakage but for whole accesses, two at most in part in every row."""
    check_bounds(case, objective, picks)


@pytest.mark.slow
@given(cases(), OBJECTIVES, PICKS)
@settings(max_examples=1000, deadline=None)
def test_no_mapping_costs_less_than_its_bound_at_length(case: Case, objective: Objective, picks: list[int]) -> None:
    check_bounds(case, objective, picks)


@st.composite
def serial_cases(draw: st.DrawFn) -> Case:
    """The same on PEs that take several cycles for a MAC."""
    case = draw(cases({"whole": LOADED["horowitz_45nm"], "bare": BARE["horowitz_45nm"]}))
    path = draw(st.sampled_from([Datapath(K.ACTIVATION_SERIAL), Datapath(K.BOTH_SERIAL), Datapath(K.UNARY)]))
    pe = replace(
        case.machine.pe, datapath=path, product_shift=0, activation_bits=draw(st.integers(2, 8)),
        weight_bits=draw(st.integers(2, 8)),
    )  # fmt: skip
    return replace(case, machine=replace(case.machine, pe=pe))


def check_serial(case: Case, objective: Objective, picks: list[int]) -> None:
    """Bounds hold, and nothing better is ruled out."""
    check_bounds(case, objective, picks)
    check_ruled_out(case, objective)


@given(serial_cases(), OBJECTIVES, PICKS)
@settings(max_examples=6, deadline=None)
def test_bounds_hold_where_a_mac_takes_several_cycles(case: Case, objective: Objective, picks: list[int]) -> None:
    check_serial(case, objective, picks)


@pytest.mark.slow
@given(serial_cases(), OBJECTIVES, PICKS)
@settings(max_examples=80, deadline=None)
def test_bounds_hold_where_a_mac_takes_several_cycles_at_length(
    case: Case, objective: Objective, picks: list[int]
) -> None:
    check_serial(case, objective, picks)


def check_ruled_out(case: Case, objective: Objective) -> None:
    _, every, _ = candidates(case, objective, 60, rule_out=False)
    _, some, _ = candidates(case, objective, 60, rule_out=True)
    assert every[:, 0].tolist() == some[:, 0].tolist()


@given(cases(), OBJECTIVES)
@settings(max_examples=25, deadline=None)
def test_what_is_ruled_out_as_a_whole_is_no_better(case: Case, objective: Objective) -> None:
    check_ruled_out(case, objective)


@pytest.mark.slow
@given(cases(), OBJECTIVES)
@settings(max_examples=1000, deadline=None)
def test_what_is_ruled_out_as_a_whole_is_no_better_at_length(case: Case, objective: Objective) -> None:
    check_ruled_out(case, objective)


def every_mapping(case: Case) -> Iterator[SystolicMapping]:
    """All tile sizes, all loop orders and all depths, each dimension cut once: nothing is left out."""
    nest = Nest(case.task.geometry, ())
    slots = [(name, o) for o in NEST_OPERANDS for name in shared_levels(case.machine, o)]
    for steps in product(*(range(1, nest.bound(dim) + 1) for dim in "NGMCPQ")):
        cut = [Loop(dim, step) for dim, step in zip("NGMCPQ", steps, strict=True) if step < nest.bound(dim)]
        for loops in permutations(cut):
            for depths in product(range(len(loops) + 1), repeat=len(slots)):
                hold = tuple((*slot, depth) for slot, depth in zip(slots, depths, strict=True))
                yield SystolicMapping(case.flow, loops, hold)


def best_of_all(case: Case, objective: Objective) -> float | None:
    """The least cost of any legal mapping."""
    costs = [case.cost(mapping, objective)[0] for mapping in every_mapping(case) if case.legal(mapping)]
    return min(costs, default=None)


def check_nothing_lost(case: Case, objective: Objective) -> None:
    terms = systolic_terms(case.task, case.machine, case.table, case.flow)
    found = systolic.search(case.to_map, terms, objective, lambda mapping: case.cost(mapping, objective))
    least = best_of_all(case, objective)
    if least is None or found is None:
        assert least is None
        assert found is None
        return
    assert found.bound <= least * (1 + 1e-9)
    assert least <= found.cost[0] * (1 + 1e-9)
    if found.proved:
        assert found.cost[0] <= least * (1 + 1e-9)


SMALL = cases(BARE, st.sampled_from(list(SHIPPED_FLOWS.values())), macs=12)


@given(SMALL, st.sampled_from([Objective.ENERGY, Objective.TRAFFIC]))
@settings(max_examples=8, deadline=None)
def test_no_mapping_at_all_is_better(case: Case, objective: Objective) -> None:
    """Against every tile size, loop order and depth, priced by the exact engine."""
    check_nothing_lost(case, objective)


@pytest.mark.slow
@given(cases(BARE, macs=24), st.sampled_from([Objective.ENERGY, Objective.TRAFFIC]))
@settings(max_examples=150, deadline=None)
def test_no_mapping_at_all_is_better_at_length(case: Case, objective: Objective) -> None:
    check_nothing_lost(case, objective)


@given(cases(), OBJECTIVES)
@settings(max_examples=10, deadline=None)
def test_the_same_search_finds_the_same(case: Case, objective: Objective) -> None:
    terms = systolic_terms(case.task, case.machine, case.table, case.flow)
    one, other = (
        systolic.search(case.to_map, terms, objective, lambda mapping: case.cost(mapping, objective)) for _ in range(2)
    )
    assert one == other


def smallest(case: Case) -> SystolicMapping:
    """Every dimension in tiles of one, every operand held as its innermost tile."""
    loops = tuple(Loop(dim, 1) for dim in "GNMCPQ")
    hold = tuple((level, o, len(loops)) for o in NEST_OPERANDS for level in shared_levels(case.machine, o))
    return SystolicMapping(case.flow, loops, hold)


@given(cases(), st.integers(3, 12), st.sampled_from([None, 32, 100]))
@settings(max_examples=25, deadline=None)
def test_a_mapping_is_found_if_the_smallest_tiles_fit(case: Case, scale: int, bank: int | None) -> None:
    def small(level: Sram) -> Sram:
        parts = tuple(Partition(p.operands, p.size_bits >> scale, p.buffers) for p in level.partitions)
        return replace(level, partitions=parts, bank_bits=bank)

    levels = tuple(small(level) if isinstance(level, Sram) else level for level in case.machine.levels)
    tight = replace(case, machine=replace(case.machine, levels=levels))
    _, bounds, _ = candidates(tight, Objective.ENERGY, 1, rule_out=True)
    assert bool(len(bounds)) == tight.legal(smallest(tight))


@given(nests(0), st.sampled_from("NGMCPQ"), st.integers(1, 9), st.integers(1, 4), st.sampled_from([-1, 0, 1]))
@settings(max_examples=150, deadline=None)
def test_a_size_left_out_has_a_smaller_one_as_good(nest: Nest, dim: str, pes: int, times: int, squares: int) -> None:
    """As many pieces, no larger tile, no more input together, no more folds, squares no worse."""

    def figures(size: int) -> list[int]:
        pieces = [min(size, nest.bound(dim) - at) * times for at in range(0, nest.bound(dim), size)]
        folds = [min(pes, length - at) for length in pieces for at in range(0, length, pes)]
        return [len(folds), squares * sum(used * used for used in folds)]

    kept = worthwhile(nest, dim, OnAxis(pes, times, squares, openers=False))
    for one in every_size(nest, dim):
        cut = Nest(nest.geometry, (Loop(dim, one.size),), nest.fetch_padding).pieces(dim, 1)
        assert one.pieces == sum(n for _, n in cut)
        if dim in "PQ":
            assert one.extents == sum(piece.extent * n for piece, n in cut)
            assert one.extent == max(piece.extent for piece, _ in cut)
        assert any(
            other.pieces == one.pieces
            and other.size <= one.size
            and other.extents <= one.extents
            and (dim not in "PQ" or other.extent <= one.extent)
            and all(a <= b for a, b in zip(figures(other.size), figures(one.size), strict=True))
            for other in kept
        )


def found_in(
    case: Case, objective: Objective, first: tuple[SystolicMapping, ...] = ()
) -> Found[SystolicMapping] | None:
    """What the search finds."""
    terms = systolic_terms(case.task, case.machine, case.table, case.flow)
    return systolic.search(case.to_map, terms, objective, lambda mapping: case.cost(mapping, objective), first=first)


def with_buffers(machine: Accelerator, times: int) -> Accelerator:
    """The machine with buffers so many times as large."""

    def larger(level: Sram) -> Sram:
        parts = tuple(replace(part, size_bits=part.size_bits * times) for part in level.partitions)
        return replace(level, partitions=parts)

    return replace(machine, levels=tuple(larger(lv) if isinstance(lv, Sram) else lv for lv in machine.levels))


CONSTANT = {"eyeriss_normalized": BARE["eyeriss_normalized"]}
"""The same energy per access whatever the sizes, and no leakage."""


def check_larger_buffers(case: Case, times: int, objective: Objective) -> None:
    """Every mapping goes on to fit, at the same cost; so a search that proves its best finds nothing worse."""
    small = found_in(case, objective)
    large = found_in(replace(case, machine=with_buffers(case.machine, times)), objective)
    if small is None:
        return
    assert large is not None
    assert large.bound <= small.cost[0] * (1 + TOLERANCE)
    if large.proved:
        assert large.cost[0] <= small.cost[0] * (1 + TOLERANCE)


WORDS_ALONE = st.sampled_from([Objective.ENERGY, Objective.TRAFFIC])


@given(cases(CONSTANT, macs=60), st.integers(2, 8), WORDS_ALONE)
@settings(max_examples=8, deadline=None)
def test_energy_and_traffic_never_rise_with_larger_buffers(case: Case, times: int, objective: Objective) -> None:
    check_larger_buffers(case, times, objective)


@pytest.mark.slow
@given(cases(CONSTANT, macs=60), st.integers(2, 8), WORDS_ALONE)
@settings(max_examples=300, deadline=None)
def test_energy_and_traffic_never_rise_with_larger_buffers_at_length(
    case: Case, times: int, objective: Objective
) -> None:
    check_larger_buffers(case, times, objective)


@pytest.mark.slow
@given(cases(macs=60), st.sampled_from([2, 3, 16]))
@settings(max_examples=200, deadline=None)
def test_a_mapping_that_is_known_takes_no_longer_on_a_wider_channel(case: Case, times: int) -> None:
    """And a search that knows it finds nothing worse."""
    narrow = found_in(case, Objective.LATENCY)
    if narrow is None:
        return
    wide = replace(case, machine=wider(case.machine, case.machine.dram.width_bits * times))
    assert wide.cost(narrow.mapping, Objective.LATENCY)[0] <= narrow.cost[0]
    found = found_in(wide, Objective.LATENCY, (narrow.mapping,))
    assert found is not None
    assert found.cost[0] <= narrow.cost[0]


@given(cases(), OBJECTIVES)
@settings(max_examples=8, deadline=None)
def test_nothing_that_is_known_before_is_better(case: Case, objective: Objective) -> None:
    known = smallest(case)
    found = found_in(case, objective, (known,))
    if case.legal(known):
        assert found is not None
        assert found.cost <= case.cost(known, objective)


LAYER = Geometry(N=1, G=1, M=24, C=20, P=9, Q=9, R=3, S=3, H=9, W=9, pad_top=1, pad_bottom=1, pad_left=1, pad_right=1)


def searched(machine: Accelerator, flow: str, table: EnergyTable, objective: Objective) -> float:
    """The best cost of one layer; a search that runs into its cap has no answer here."""
    task = MacTask(conv(LAYER), LAYER, Residency(), (), Densities(), frozenset())
    case = Case(task, machine, SHIPPED_FLOWS[flow], table)
    terms = systolic_terms(task, machine, table, case.flow)
    found = systolic.search(case.to_map, terms, objective, lambda mapping: case.cost(mapping, objective))
    assert found is not None
    return found.cost[0]


@pytest.mark.parametrize("flow", ["weight_stationary", "output_stationary", "input_stationary"])
def test_the_best_energy_never_rises_with_a_larger_buffer(flow: str) -> None:
    """At constant energy per access and without leakage: every mapping that fits goes on to fit, at the same cost."""
    base, table = load_accelerator("edge_8x8"), without_leakage(LOADED["eyeriss_normalized"])

    def sized(kib: float) -> Accelerator:
        levels = tuple(
            replace(lv, partitions=(Partition(lv.operands, int(kib * 8192), lv.partitions[0].buffers),))
            if isinstance(lv, Sram)
            else lv
            for lv in base.levels
        )
        return replace(base, levels=levels)

    energies = [searched(sized(kib), flow, table, Objective.ENERGY) for kib in (0.5, 1, 1.5, 2, 4, 8, 32)]
    assert all(more <= less * (1 + TOLERANCE) for less, more in pairwise(energies))
    assert energies[-1] < energies[0]


def wider(machine: Accelerator, bits: int) -> Accelerator:
    """The machine with a DRAM channel of so many bits."""
    levels = tuple(replace(lv, width_bits=bits) if isinstance(lv, Dram) else lv for lv in machine.levels)
    return replace(machine, levels=levels)


@pytest.mark.parametrize("flow", ["weight_stationary", "output_stationary", "input_stationary"])
def test_the_best_latency_never_rises_with_bandwidth(flow: str) -> None:
    """The search for cycles is capped, so on another layer what it finds may rise although the best does not."""
    base, table = load_accelerator("edge_8x8"), LOADED["eyeriss_normalized"]
    cycles = [searched(wider(base, bits), flow, table, Objective.LATENCY) for bits in (8, 32, 256)]
    assert all(more <= less for less, more in pairwise(cycles))
    assert cycles[-1] < cycles[0]


@pytest.mark.parametrize("flow", ["weight_stationary", "output_stationary", "input_stationary"])
def test_the_best_latency_never_rises_with_a_larger_array_that_is_tapped_at_its_used_edge(flow: str) -> None:
    """Sums leave at the last used row or column, so PEs that are not used cost no time.

    The search for cycles is capped, so on another layer what it finds may rise although the best does not.
    """
    base, table = load_accelerator("edge_8x8"), LOADED["eyeriss_normalized"]

    def sized(rows: int, cols: int) -> Accelerator:
        return replace(base, array=replace(base.array, rows=rows, cols=cols, edge_taps=True))

    sizes = ((4, 4), (8, 8), (16, 8), (32, 32))
    cycles = [searched(sized(*size), flow, table, Objective.LATENCY) for size in sizes]
    assert all(more <= less for less, more in pairwise(cycles))
    assert cycles[-1] < cycles[0]


@pytest.mark.parametrize("objective", [Objective.LATENCY, Objective.EDP])
def test_no_mapping_that_cuts_one_dimension_is_better(objective: Objective) -> None:
    """A layer of SqueezeNet, whose bounds of cycles are far below what most mappings with small bounds take."""
    layer = Geometry(N=1, G=1, M=64, C=384, P=27, Q=27, R=1, S=1, H=27, W=27)
    machine, table = load_accelerator("systolic_32x32"), LOADED["horowitz_45nm"]
    task = MacTask(conv(layer), layer, Residency(), (), Densities(), frozenset())
    case = Case(task, machine, SHIPPED_FLOWS["weight_stationary"], table)
    slots = [(name, o) for o in NEST_OPERANDS for name in shared_levels(machine, o)]
    simple = [
        SystolicMapping(case.flow, (Loop(dim, size),), tuple((*slot, 1) for slot in slots))
        for dim, sizes in (("M", (8, 16, 32)), ("C", (16, 32, 64, 96, 128, 192)), ("P", range(1, 15)))
        for size in sizes
    ]
    least = min(case.cost(mapping, objective)[0] for mapping in simple if case.legal(mapping))
    terms = systolic_terms(task, machine, table, case.flow)
    found = systolic.search(case.to_map, terms, objective, lambda mapping: case.cost(mapping, objective))
    assert found is not None
    assert found.cost[0] <= least
