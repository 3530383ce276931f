"""Prices of single actions against published figures, leakage, notes, warnings and messages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accsim.energy.price import price, unused_entries
from accsim.energy.prices import price_list
from accsim.energy.reader import load_table
from accsim.energy.table import Component, EnergyTable, TransferRule
from accsim.errors import AccsimError
from accsim.hardware.accelerator import Accelerator, Cell
from accsim.hardware.reader import load_accelerator
from accsim.library import names
from accsim.simulate.activity import Action, Activity, Count, Cycles, ExpectedCount
from accsim.workload.layer import Operand
from tests.energy.machines import KIB, make_activity, make_machine

W, X, C = Operand.WEIGHT, Operand.IFMAP, Operand.COMPUTE
ONE_MAC = ("pe", C, Action.MAC, 1, None)


def per_access(machine: Accelerator, table: EnergyTable, level: str, action: Action) -> float:
    return price_list(machine, table).price(level, action).per_access


@pytest.mark.parametrize(("kib", "pj"), [(8, 10), (32, 20), (1024, 100)])
def test_horowitz_sram_is_exact_at_its_three_points(kib: int, pj: float, horowitz: EnergyTable) -> None:
    # Horowitz, ISSCC 2014: 64-bit access of 8 KB, 32 KB and 1 MB at 45 nm
    assert per_access(make_machine(glb_bits=kib * KIB), horowitz, "glb", Action.READ) == pj


def test_horowitz_sram_follows_the_square_root_beyond_its_points(horowitz: EnergyTable) -> None:
    machine = make_machine(glb_bits=4 * 1024 * KIB)
    assert per_access(machine, horowitz, "glb", Action.READ) == pytest.approx(200)
    estimate = price(make_activity(("glb", X, Action.READ, 1, None)), machine, horowitz)
    assert estimate.warnings == (
        "horowitz_45nm: level 'glb': depth 524288 words is outside 1024 words to 131072 words, "
        "where rule 'sqrt_capacity' was fitted",
        "horowitz_45nm: level 'glb': capacity 4 MiB is outside 0.25 KiB to 512 KiB, "
        "where rule 'cacti_capacity' was fitted",
    )


@pytest.mark.parametrize(("bits", "pj"), [(8, 0.2 + 0.05), (32, 3.1 + 0.2)])
def test_horowitz_mac_is_multiply_plus_accumulate(bits: int, pj: float, horowitz: EnergyTable) -> None:
    # int8 multiply 0.2 pJ and int16 add 0.05 pJ; int32 multiply 3.1 pJ and an add of 64 bits on the 16-32 bit line
    assert per_access(make_machine(bits=bits), horowitz, "pe", Action.MAC) == pytest.approx(pj)


@pytest.mark.parametrize(
    ("standard", "pj_per_bit"), [("LPDDR4", 8), ("LPDDR", 40), ("DDR3", 70), ("GDDR5", 14), ("hbm2", 3.9)]
)
def test_dram_kinds_cost_their_energy_per_bit(standard: str, pj_per_bit: float, aladdin: EnergyTable) -> None:
    # Accelergy's CACTI plug-in, energy per bit by DRAM type
    estimate = price(make_activity(("dram", W, Action.READ, 3, None)), make_machine(standard=standard), aladdin)
    assert estimate.energy == pytest.approx(48 * pj_per_bit)


def test_horowitz_generic_dram_uses_the_lower_published_figure(machine: Accelerator, horowitz: EnergyTable) -> None:
    assert price_list(machine, horowitz).price("dram", Action.READ).per_bit * 64 == 1300


@pytest.mark.parametrize(("bits", "pj"), [(8, 0.539375 + 0.04285), (16, 2.1575 + 0.0857), (32, 8.63 + 0.1714)])
def test_aladdin_mac_is_quadratic_plus_linear(bits: int, pj: float, aladdin: EnergyTable) -> None:
    # Accelergy's Aladdin tables, 5 ns: 32x32 multiplier 8.63 pJ, 32-bit adder 0.0857 pJ (accumulator of 2 x bits here)
    assert per_access(make_machine(bits=bits), aladdin, "pe", Action.MAC) == pytest.approx(pj)


@pytest.mark.parametrize(
    ("kib", "read", "write"), [(0.5, 1.41365, 2.2808), (108, 29.4494, 24.1554), (512, 68.3493, 51.346)]
)
def test_aladdin_sram_is_the_measured_cacti_point(kib: float, read: float, write: float, aladdin: EnergyTable) -> None:
    machine = make_machine(glb_bits=int(kib * KIB))  # CACTI 7, 45 nm, 64-bit words
    assert per_access(machine, aladdin, "glb", Action.READ) == pytest.approx(read)
    assert per_access(machine, aladdin, "glb", Action.FILL) == pytest.approx(write)


@pytest.mark.parametrize(("words", "width", "measured"), [(64, 32, 0.671565), (1024, 16, 1.86009)])
def test_width_rule_is_near_the_narrow_arrays(words: int, width: int, measured: float, aladdin: EnergyTable) -> None:
    machine = make_machine(glb_bits=words * width, width_bits=width)  # CACTI 7, 45 nm
    assert per_access(machine, aladdin, "glb", Action.READ) == pytest.approx(measured, rel=0.25)


def test_a_banked_buffer_pays_for_one_bank(aladdin: EnergyTable) -> None:
    banked = make_machine(glb_bits=108 * KIB, bank_bits=4 * KIB)
    assert per_access(banked, aladdin, "glb", Action.READ) == pytest.approx(3.38552)  # CACTI 7, 45 nm, 4 KiB


@pytest.mark.parametrize(("bits", "share"), [(2, 0.0616), (4, 0.1298), (8, 0.3288), (16, 1.0)])
def test_normalized_mac_follows_the_synthesised_pes(bits: int, share: float, normalized: EnergyTable) -> None:
    # Bit Fusion, 45 nm synthesis, 4x4 fixed-width arrays: 353.4, 744.4, 1885.2 and 5733.7 uW per 16 PEs
    assert per_access(make_machine(bits=bits), normalized, "pe", Action.MAC) == pytest.approx(share, rel=1e-3)


def test_normalized_accesses_are_linear_in_bits_at_any_size(normalized: EnergyTable) -> None:
    for machine in (make_machine(), make_machine(bits=8, glb_bits=KIB, words=8)):
        rows = (("dram", W, Action.READ, 1, None), ("glb", W, Action.READ, 1, None), ("spad", W, Action.READ, 1, None))
        estimate = price(make_activity(*rows, bits=8), machine, normalized)
        assert [row.energy for row in estimate.rows] == [100, 3, 0.5]


def test_eyeriss_65nm_is_the_ratios_times_its_constant(
    machine: Accelerator, normalized: EnergyTable, eyeriss_65nm: EnergyTable
) -> None:
    assert eyeriss_65nm.calibration is not None
    rows = (("dram", W, Action.READ, 5, None), ("glb", W, Action.READ, 5, None), ONE_MAC)
    ratio = price(make_activity(*rows), machine, normalized).energy
    assert price(make_activity(*rows), machine, eyeriss_65nm).energy == pytest.approx(
        ratio * eyeriss_65nm.calibration.pj_per_mac
    )
    assert eyeriss_65nm.transfer_rule is TransferRule.DEARER_LEVEL


def test_levels_come_in_the_accelerators_order_with_zero_for_the_idle(
    machine: Accelerator, normalized: EnergyTable
) -> None:
    estimate = price(make_activity(ONE_MAC), machine, normalized)
    assert estimate.by_level == (
        ("dram", 0.0),
        ("glb", 0.0),
        ("bus_in", 0.0),
        ("bus_out", 0.0),
        ("chain", 0.0),
        ("spad", 0.0),
        ("vector", 0.0),
        ("pe", 1.0),
    )


def test_leakage_is_power_times_time(aladdin: EnergyTable) -> None:
    machine = make_machine(cell=Cell.SRAM, bits=32, words=64)
    estimate = price(make_activity(cycles=2_000_000), machine, aladdin)
    leaks = {row.count.level: row for row in estimate.rows}
    # 10 ms at 200 MHz; CACTI 7, 45 nm: 108 KiB leaks 0.00283024 mW, 64 words of 32 bits 1.16591e-05 mW in each PE
    assert leaks["glb"].energy == pytest.approx(0.00283024 * 10 * 1e6)
    assert leaks["spad"].energy == pytest.approx(4 * 1.16591e-05 * 10 * 1e6)
    assert leaks["glb"].count == Count("glb", Operand.COMPUTE, Action.LEAK, 2_000_000, 0)
    assert (estimate.latency_ms, estimate.processing_ms) == (10, 10)
    assert estimate.energy == pytest.approx(sum(row.energy for row in estimate.rows))


def test_leakage_already_counted_is_not_added_again(machine: Accelerator, aladdin: EnergyTable) -> None:
    counted = Activity("x", 0, Cycles(1000), 1000, 0, 0, (Count("glb", C, Action.LEAK, 1000, 0),))
    assert price(counted, machine, aladdin).energy == pytest.approx(
        price(make_activity(cycles=1000), machine, aladdin).energy
    )


def test_expectations_replace_counts(machine: Accelerator, normalized: EnergyTable) -> None:
    expected = (ExpectedCount("pe", C, Action.MAC, 0.5, 0.0),)
    activity = replace(make_activity(ONE_MAC), expected=expected)
    assert price(activity, machine, normalized).energy == 0.5


def test_another_node_scales_by_stillmaker_and_baas(horowitz: EnergyTable) -> None:
    activity = make_activity(ONE_MAC)
    base = price(activity, make_machine(node_nm=45, voltage_v=0.9), horowitz)
    there = price(activity, make_machine(node_nm=65, voltage_v=1.0), horowitz)
    e_65 = 3.755 - 4.398 + 1.975  # Stillmaker and Baas 2017, 65 nm at 1.0 V
    e_45 = 1.103 * 0.81 - 0.362 * 0.9 + 0.2767  # 45 nm at 0.9 V
    assert dict(there.by_level)["pe"] / dict(base.by_level)["pe"] == pytest.approx(e_65 / e_45)
    assert [n.split(":")[1].strip() for n in there.notes].count("stillmaker_baas") == 1
    assert not [n for n in base.notes if "stillmaker_baas" in n]
    dram = make_activity(("dram", W, Action.READ, 1, None))
    assert dict(price(dram, make_machine(node_nm=7), horowitz).by_level)["dram"] == 16 * 1300 / 64


def test_a_node_or_supply_outside_the_rule_warns(horowitz: EnergyTable) -> None:
    estimate = price(make_activity(ONE_MAC), make_machine(node_nm=180, voltage_v=1.8), horowitz)
    assert estimate.warnings == (
        "horowitz_45nm: level 'pe': node 180 nm is outside 7 to 130 nm, where rule 'stillmaker_baas' was fitted",
        "horowitz_45nm: level 'pe': supply 1.8 V is outside 0.6 to 1.2 V, where rule 'stillmaker_baas' is used",
    )


def test_a_rule_that_changed_a_figure_is_a_note(horowitz: EnergyTable) -> None:
    read = make_activity(("glb", X, Action.READ, 1, None))
    exact = price(read, make_machine(glb_bits=32 * KIB), horowitz)
    scaled = price(read, make_machine(glb_bits=64 * KIB), horowitz)
    assert "horowitz_45nm: sqrt_capacity: " not in " ".join(exact.notes)
    assert (
        "horowitz_45nm: sqrt_capacity: SRAM energy per access follows the square root of capacity: interpolated "
        "through the 8 KB, 32 KB and 1 MB figures, with the square root beyond them; a banked buffer pays for one "
        "bank, the wires between banks are not counted"
    ) in scaled.notes


def test_an_action_without_an_entry_names_what_the_table_has(machine: Accelerator, normalized: EnergyTable) -> None:
    with pytest.raises(AccsimError) as error:
        price(make_activity(("glb", X, Action.GATED_READ, 1, None)), machine, normalized)
    assert str(error.value) == (
        "energy table 'eyeriss_normalized' has no entry for gated_read at level 'glb' (kind sram); "
        "it has dram: read, write, fill; sram: read, write, fill; rf: read, write, fill, gated_read; "
        "noc: send, deliver, hop; pe: mac, gated_mac; vector: op; codec: encode, decode"
    )


def test_an_unknown_dram_standard_suggests_the_nearest(aladdin: EnergyTable) -> None:
    with pytest.raises(AccsimError) as error:
        price(make_activity(("dram", W, Action.READ, 1, None)), make_machine(standard="LPDDR3"), aladdin)
    assert str(error.value) == (
        "energy table 'aladdin_40nm' has no entry for read at level 'dram' (kind dram, standard 'LPDDR3'); "
        "it has dram (LPDDR4, LPDDR, DDR3, GDDR5, HBM2, HBM3, HBM4): read, write, fill; dram: read, write, fill; "
        "sram: read, write, fill, leak; rf (sram, register): read, write, fill, leak; "
        "rf: gated_read; noc: send, deliver, hop; pe: mac, leak, gated_mac; vector: op; codec: encode, decode"
        "; did you mean 'LPDDR' or 'LPDDR4' or 'DDR3'?"
    )


def test_a_level_the_machine_does_not_have_is_an_error(machine: Accelerator, normalized: EnergyTable) -> None:
    with pytest.raises(AccsimError) as error:
        price(make_activity(("glbb", X, Action.READ, 1, None)), machine, normalized)
    assert str(error.value) == (
        "read at level 'glbb' cannot be priced: accelerator 'small' has no such level; did you mean 'glb'?"
    )


def test_coding_is_priced_at_whatever_level_it_happens(machine: Accelerator, horowitz: EnergyTable) -> None:
    rows = (("dram", X, Action.DECODE, 4, None), ("glb", X, Action.ENCODE, 4, None))
    by_level = dict(price(make_activity(*rows), machine, horowitz).by_level)
    assert (by_level["dram"], by_level["glb"]) == (pytest.approx(0.2), pytest.approx(0.2))


@pytest.mark.parametrize("hardware", names("accelerators"))
def test_a_preset_can_be_priced_on_its_own_table(hardware: str) -> None:
    machine = load_accelerator(hardware)
    prices = price_list(machine, load_table(machine.energy_table))
    on = {
        Component.NOC: (Action.SEND, Action.DELIVER, Action.HOP),
        Component.PE: (Action.MAC, Action.GATED_MAC),
        Component.VECTOR: (Action.OP,),
    }
    stored = (Action.READ, Action.WRITE, Action.FILL, Action.ENCODE, Action.DECODE)
    for level in prices.levels.values():
        for action in on.get(level.component, stored):
            found = prices.price(level.name, action)
            assert found.per_access >= 0
            assert found.per_bit >= 0


def test_unused_entries_are_collected_over_a_run(
    machine: Accelerator, normalized: EnergyTable, horowitz: EnergyTable
) -> None:
    layers = [
        make_activity(ONE_MAC, ("dram", W, Action.READ, 1, None)),
        make_activity(("glb", W, Action.READ, 1, None), ("spad", W, Action.READ, 1, None)),
    ]
    estimates = [price(layer, machine, normalized) for layer in layers]
    assert unused_entries(normalized, estimates, machine) == ("noc: send, deliver, hop", "vector: op")
    gating = replace(machine, pe=replace(machine.pe, zero_gating=True))
    assert unused_entries(normalized, estimates, gating) == (
        "noc: send, deliver, hop",
        "pe gated: gated_mac",
        "rf gated: gated_read",
        "vector: op",
    )
    ddr3 = make_machine(standard="DDR3")
    run = price(make_activity(("dram", W, Action.READ, 1, None)), ddr3, horowitz)
    assert not [name for name in unused_entries(horowitz, [run], ddr3) if name.startswith("dram")]


def test_the_clock_is_charged_in_every_cycle_whether_pes_work_or_not(eyeriss_65nm: EnergyTable) -> None:
    """2 x 2 PEs, 100 cycles and no MAC at all; what is done comes on top."""
    machine = make_machine(node_nm=65, voltage_v=1.0)
    edge = 2.7 * eyeriss_65nm.calibration.pj_per_mac  # type: ignore[union-attr]
    idle = price(make_activity(cycles=100), machine, eyeriss_65nm)
    clock = [row for row in idle.rows if row.count.action is Action.CLOCK]
    assert [(row.count.level, row.count.accesses) for row in clock] == [("pe", 100)]
    assert clock[0].energy == pytest.approx(4 * 100 * edge)
    busy = price(make_activity(ONE_MAC, cycles=100), machine, eyeriss_65nm)
    assert dict(busy.by_level)["pe"] - dict(idle.by_level)["pe"] == pytest.approx(edge / 2.7)
