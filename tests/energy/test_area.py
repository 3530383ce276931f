"""Area against the sum of its parts and the published chip."""

from __future__ import annotations

import pytest

from accsim.energy.area import area
from accsim.energy.table import EnergyTable
from accsim.hardware.accelerator import Accelerator, Cell
from accsim.hardware.reader import load_accelerator
from tests.energy.machines import KIB, make_machine


def test_parts_add_up_and_missing_figures_are_named(eyeriss_65nm: EnergyTable) -> None:
    estimate = area(make_machine(glb_bits=108 * KIB, node_nm=65), eyeriss_65nm)
    parts = dict(estimate.by_level)
    assert parts["glb"] == pytest.approx(0.775098)  # CACTI 7, 65 nm, 108 KiB: 775098 um2
    assert parts["pe"] == pytest.approx(4 * 1679.4e-6 * 1.5, rel=1e-3)  # Bit Fusion 16-bit PE; 45 to 65 nm: 1.5
    assert parts["bus_in"] is None
    assert "dram" not in parts
    assert estimate.total_mm2 == pytest.approx(sum(mm2 for mm2 in parts.values() if mm2 is not None))
    assert estimate.notes[-1] == "eyeriss_65nm: no area figure for bus_in, bus_out, chain, vector: not in the total"


def test_a_banked_buffer_is_the_sum_of_its_banks(eyeriss_65nm: EnergyTable) -> None:
    estimate = area(make_machine(glb_bits=108 * KIB, bank_bits=4 * KIB), eyeriss_65nm)
    assert dict(estimate.by_level)["glb"] == pytest.approx(27 * 0.0281628)  # CACTI 7, 65 nm, 4 KiB: 28162.8 um2


def test_cells_of_a_register_file_matter(aladdin: EnergyTable) -> None:
    register = dict(area(make_machine(cell=Cell.REGISTER, words=256), aladdin).by_level)["spad"]
    sram = dict(area(make_machine(cell=Cell.SRAM, words=256), aladdin).by_level)["spad"]
    assert register == pytest.approx(4 * 4096 * 5.98e-6)  # Accelergy's Aladdin table: 5.98 um2 per register bit
    assert sram == pytest.approx(4 * 2143.76e-6)  # CACTI 7, 45 nm, 512 bytes


def test_a_normalized_table_has_no_area(machine: Accelerator, normalized: EnergyTable) -> None:
    estimate = area(machine, normalized)
    assert estimate.total_mm2 is None
    assert estimate.notes == (
        "eyeriss_normalized: no area figure for glb, bus_in, bus_out, chain, spad, vector, pe: not in the total",
    )


def test_a_large_buffer_is_outside_the_rule(eyeriss_65nm: EnergyTable) -> None:
    estimate = area(make_machine(glb_bits=24 * 1024 * KIB), eyeriss_65nm)
    assert estimate.warnings == (
        "eyeriss_65nm: level 'glb': capacity 24 MiB is outside 0.25 KiB to 512 KiB, "
        "where rule 'cacti_capacity' was fitted",
    )


def test_eyeriss_cells_are_a_quarter_of_the_published_core(eyeriss_65nm: EnergyTable) -> None:
    """Cell area falls far short of the core: nothing is fitted to it, and control, routing and networks are missing.

    Published core: 3.5 mm x 3.5 mm = 12.25 mm2 (JSSC 2017). Obtained: 2.97 mm2, -76 %. The published shares show where
    the cells are too small: storage is two thirds of the core, 8.2 mm2, of which CACTI and register cells give 2.55.
    """
    estimate = area(load_accelerator("eyeriss"), eyeriss_65nm)
    assert estimate.published_mm2 == pytest.approx(12.25)
    assert estimate.total_mm2 == pytest.approx(2.97, abs=0.01)
