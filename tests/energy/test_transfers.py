"""The dearer-level rule against the worked examples of Chen, Emer and Sze, ISCA 2016, figures 8 and 9."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accsim.energy.price import price
from accsim.energy.table import EnergyTable, TransferRule
from accsim.hardware.accelerator import Accelerator
from accsim.simulate.activity import Action
from accsim.workload.layer import Operand
from tests.energy.machines import make_activity

IFMAP, PSUM, OFMAP = Operand.IFMAP, Operand.PSUM, Operand.OFMAP


def input_rows(a: int, b: int, c: int, d: int) -> tuple[tuple[str, Operand, Action, int, str | None], ...]:
    """Every row an engine counts for an input with reuse a, b, c, d at DRAM, buffer, array and register file."""
    return (
        ("dram", IFMAP, Action.READ, a, "glb"),
        ("glb", IFMAP, Action.FILL, a, "dram"),
        ("glb", IFMAP, Action.READ, a * b, "bus_in"),
        ("bus_in", IFMAP, Action.SEND, a * b, "glb"),
        ("bus_in", IFMAP, Action.DELIVER, a * b * c, "spad"),
        ("spad", IFMAP, Action.FILL, a * b * c, "bus_in"),
        ("spad", IFMAP, Action.READ, a * b * c * d, None),
    )


def psum_rows(a: int, b: int, c: int, d: int) -> tuple[tuple[str, Operand, Action, int, str | None], ...]:
    """Every row for one ofmap value accumulated a, b, c, d times at DRAM, buffer, array and register file.

    Each of the a x b chains of c PEs starts from a psum of the buffer, except the very first, and ends in the buffer;
    a words leave for the DRAM and a - 1 come back.
    """
    chains = a * b
    return (
        ("dram", PSUM, Action.WRITE, a, "glb"),
        ("glb", PSUM, Action.READ, a, "dram"),
        ("dram", PSUM, Action.READ, a - 1, "glb"),
        ("glb", PSUM, Action.FILL, a - 1, "dram"),
        ("glb", PSUM, Action.READ, chains - 1, "bus_in"),
        ("bus_in", PSUM, Action.SEND, chains - 1, "glb"),
        ("bus_in", PSUM, Action.DELIVER, chains - 1, "spad"),
        ("spad", PSUM, Action.FILL, chains - 1, "bus_in"),
        ("spad", PSUM, Action.READ, chains * (c - 1), "chain"),
        ("chain", PSUM, Action.HOP, chains * (c - 1), "spad"),
        ("spad", PSUM, Action.FILL, chains * (c - 1), "chain"),
        ("spad", PSUM, Action.READ, chains, "bus_out"),
        ("bus_out", PSUM, Action.SEND, chains, "spad"),
        ("bus_out", PSUM, Action.DELIVER, chains, "glb"),
        ("glb", PSUM, Action.WRITE, chains, "bus_out"),
        ("spad", PSUM, Action.READ, chains * c * (d - 1), None),
        ("spad", PSUM, Action.WRITE, chains * c * (d - 1), None),
    )


def test_input_example_costs_248(machine: Accelerator, normalized: EnergyTable) -> None:
    estimate = price(make_activity(*input_rows(1, 2, 3, 4)), machine, normalized)
    assert estimate.energy == 1 * 200 + 2 * 6 + 6 * 2 + 24 * 1 == 248  # ISCA 2016, figure 8; Top Picks 2017
    by_level = dict(estimate.by_level)
    assert (by_level["dram"], by_level["glb"], by_level["bus_in"], by_level["spad"]) == (200, 12, 12, 24)


def test_psum_example_costs_708(machine: Accelerator, normalized: EnergyTable) -> None:
    estimate = price(make_activity(*psum_rows(2, 3, 3, 2)), machine, normalized)
    by_level = dict(estimate.by_level)
    assert by_level["dram"] == 3 * 200
    assert by_level["glb"] == pytest.approx(8 * 6)
    assert by_level["bus_in"] == by_level["bus_out"] == 0
    assert by_level["chain"] == 12 * 2
    assert by_level["spad"] == 36
    assert estimate.energy == pytest.approx(708)  # ISCA 2016, figure 9


@pytest.mark.parametrize(("a", "b", "c", "d"), [(1, 1, 1, 1), (5, 1, 7, 2), (2, 9, 1, 3), (4, 3, 12, 5)])
def test_equations_hold_at_any_reuse(
    a: int, b: int, c: int, d: int, machine: Accelerator, normalized: EnergyTable
) -> None:
    inputs = price(make_activity(*input_rows(a, b, c, d)), machine, normalized)
    assert inputs.energy == a * 200 + a * b * 6 + a * b * c * 2 + a * b * c * d  # equation 3
    psums = price(make_activity(*psum_rows(a, b, c, d)), machine, normalized)
    equation_4 = (2 * a - 1) * 200 + 2 * a * (b - 1) * 6 + a * b * (c - 1) * 2 + 2 * a * b * c * (d - 1)
    assert psums.energy == pytest.approx(equation_4)


def test_equation_4_where_networks_do_not_say_whom_they_serve(machine: Accelerator, normalized: EnergyTable) -> None:
    """The engines write the rows of a psum network without a peer; buffers and scratchpads name the network."""
    rows = [(*row[:4], None if row[0].startswith("bus") else row[4]) for row in psum_rows(2, 3, 3, 2)]
    estimate = price(make_activity(*rows), machine, normalized)
    by_level = dict(estimate.by_level)
    assert by_level["bus_in"] == by_level["bus_out"] == 0
    assert estimate.energy == pytest.approx(708)


def test_both_ends_charges_every_row(machine: Accelerator, normalized: EnergyTable) -> None:
    both = replace(normalized, transfer_rule=TransferRule.BOTH_ENDS)
    estimate = price(make_activity(*input_rows(1, 2, 3, 4)), machine, both)
    assert estimate.energy == 200 + 6 + 12 + 12 + 6 + 24
    assert [row.energy for row in estimate.rows] == [200, 6, 12, 0, 12, 6, 24]


def test_a_tie_is_paid_by_the_outer_level(machine: Accelerator, normalized: EnergyTable) -> None:
    flat = replace(
        normalized,
        entries=tuple(
            replace(e, points=tuple(replace(p, values=tuple((k, 6.0) for k, _ in p.values)) for p in e.points))
            for e in normalized.entries
        ),
    )
    rows = (("dram", OFMAP, Action.WRITE, 3, "glb"), ("glb", OFMAP, Action.READ, 3, "dram"))
    assert [row.energy for row in price(make_activity(*rows), machine, flat).rows] == [18, 0]


def test_an_end_without_its_other_end_is_charged(machine: Accelerator, normalized: EnergyTable) -> None:
    rows = (("glb", IFMAP, Action.FILL, 5, "dram"),)
    assert price(make_activity(*rows), machine, normalized).energy == 30


def test_a_psum_that_leaves_as_an_ofmap_is_one_transfer(machine: Accelerator, normalized: EnergyTable) -> None:
    rows = (("dram", OFMAP, Action.WRITE, 5, "glb"), ("glb", PSUM, Action.READ, 5, "dram"))
    assert price(make_activity(*rows), machine, normalized).energy == 1000


def test_operands_do_not_free_each_other(machine: Accelerator, normalized: EnergyTable) -> None:
    rows = (("dram", Operand.WEIGHT, Action.READ, 5, "glb"), ("glb", IFMAP, Action.FILL, 5, "dram"))
    assert price(make_activity(*rows), machine, normalized).energy == 1030
