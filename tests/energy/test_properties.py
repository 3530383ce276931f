"""Properties of prices: non-negative, additive, monotone in counts, bits and capacity."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.energy.price import price
from accsim.energy.prices import price_list
from accsim.energy.reader import load_table
from accsim.energy.table import EnergyTable, TransferRule
from accsim.simulate.activity import Action, Activity, Count, Cycles
from accsim.workload.layer import Operand
from tests.energy.machines import KIB, make_machine

NAMES = ("eyeriss_normalized", "eyeriss_65nm", "horowitz_45nm", "aladdin_40nm")
TABLES = {name: load_table(name) for name in NAMES}
STORED = (Action.READ, Action.WRITE, Action.FILL)
ACTIONS = {
    "dram": STORED,
    "glb": STORED,
    "spad": (*STORED, Action.GATED_READ),
    "bus_in": (Action.SEND, Action.DELIVER),
    "bus_out": (Action.SEND, Action.DELIVER),
    "chain": (Action.HOP,),
    "vector": (Action.OP,),
    "pe": (Action.MAC, Action.GATED_MAC),
}
PEERS = {"dram": ["glb"], "glb": ["dram", "bus_in", "bus_out"], "spad": ["bus_in", "bus_out", "chain"],
         "bus_in": ["glb", "spad"], "bus_out": ["glb", "spad"], "chain": ["spad"]}  # fmt: skip
MACHINE = make_machine()

tables = st.sampled_from(NAMES).map(TABLES.__getitem__)


@st.composite
def counts(draw: st.DrawFn, operands: tuple[Operand, ...] = tuple(Operand)) -> Count:
    level = draw(st.sampled_from(sorted(ACTIONS)))
    peer = draw(st.sampled_from([None, *PEERS.get(level, [])]))
    words = draw(st.integers(0, 10**9))
    return Count(level, draw(st.sampled_from(operands)), draw(st.sampled_from(ACTIONS[level])), words, 16 * words, peer)


def activity(rows: list[Count], cycles: int = 0) -> Activity:
    return Activity("layer", 0, Cycles(cycles), cycles, 0, 0, tuple(rows))


def both_ends(table: EnergyTable) -> EnergyTable:
    return replace(table, transfer_rule=TransferRule.BOTH_ENDS)


@given(st.lists(counts(), max_size=8), st.integers(0, 10**9), tables)
def test_energy_is_the_sum_of_non_negative_parts(rows: list[Count], cycles: int, table: EnergyTable) -> None:
    estimate = price(activity(rows, cycles), MACHINE, table)
    assert all(row.energy >= 0 for row in estimate.rows)
    assert [row.count for row in estimate.rows[: len(rows)]] == rows
    assert estimate.energy == sum(energy for _, energy in estimate.by_level)
    for name, energy in estimate.by_level:
        assert energy == sum(row.energy for row in estimate.rows if row.count.level == name)


@given(st.lists(counts(), max_size=6), st.lists(counts(), max_size=6), tables)
def test_both_ends_is_additive(first: list[Count], second: list[Count], table: EnergyTable) -> None:
    table = both_ends(table)
    apart = price(activity(first, 7), MACHINE, table).energy + price(activity(second, 5), MACHINE, table).energy
    assert price(activity(first + second, 12), MACHINE, table).energy == pytest.approx(apart)


@given(st.lists(counts(), max_size=8), st.integers(1, 5), tables)
def test_scaling_an_activity_scales_its_energy(rows: list[Count], factor: int, table: EnergyTable) -> None:
    scaled = [replace(c, accesses=c.accesses * factor, bits=c.bits * factor) for c in rows]
    once = price(activity(rows, 3), MACHINE, table).energy
    assert price(activity(scaled, 3 * factor), MACHINE, table).energy == pytest.approx(factor * once)


@given(st.lists(counts(), min_size=1, max_size=8), st.integers(0, 7), st.integers(0, 10**6), tables)
def test_one_more_access_never_costs_less(rows: list[Count], i: int, more: int, table: EnergyTable) -> None:
    table = both_ends(table)
    grown = list(rows)
    row = grown[i % len(rows)]
    grown[i % len(rows)] = replace(row, accesses=row.accesses + more, bits=row.bits + 16 * more)
    assert price(activity(grown), MACHINE, table).energy >= price(activity(rows), MACHINE, table).energy * (1 - 1e-12)


@given(st.lists(counts(), max_size=12), tables)
def test_both_ends_never_costs_less_than_the_dearer_end(rows: list[Count], table: EnergyTable) -> None:
    dearer = price(activity(rows), MACHINE, replace(table, transfer_rule=TransferRule.DEARER_LEVEL))
    both = price(activity(rows), MACHINE, both_ends(table))
    for cheap, full in zip(dearer.rows, both.rows, strict=True):
        assert cheap.energy <= full.energy


@settings(max_examples=50)
@given(st.integers(256, 2**28), st.integers(256, 2**28), st.sampled_from([16, 32, 64]), tables)
def test_sram_energy_rises_with_capacity(first: int, second: int, width: int, table: EnergyTable) -> None:
    small, large = sorted((first, second))
    for action in (Action.READ, Action.WRITE):
        low, high = (
            price_list(make_machine(glb_bits=b, width_bits=width), table).price("glb", action) for b in (small, large)
        )
        assert low.per_access <= high.per_access * (1 + 1e-12)
        assert low.per_bit == high.per_bit


@settings(max_examples=50)
@given(st.integers(1, 64), st.integers(1, 64), tables)
def test_prices_rise_with_operand_bits(first: int, second: int, table: EnergyTable) -> None:
    narrow, wide = (price_list(make_machine(bits=bits, words=64), table) for bits in sorted((first, second)))
    pairs = (
        ("pe", Action.MAC),
        ("spad", Action.READ),
        ("spad", Action.WRITE),
        ("vector", Action.OP),
    )
    for level, action in pairs:
        low, high = narrow.price(level, action), wide.price(level, action)
        assert low.per_access <= high.per_access * (1 + 1e-12)
        assert low.per_bit <= high.per_bit * (1 + 1e-12)


@settings(max_examples=50)
@given(st.integers(8, 256), st.integers(8, 256), st.integers(1, 64), tables)
def test_sram_energy_rises_with_width(first: int, second: int, kib: int, table: EnergyTable) -> None:
    machines = (make_machine(glb_bits=kib * KIB, width_bits=width) for width in sorted((first, second)))
    low, high = (price_list(machine, table).price("glb", Action.READ) for machine in machines)
    assert low.per_access <= high.per_access * (1 + 1e-12)
