"""The stepped engine against designs in SystemVerilog that take the same layers: edges, sums and registers agree."""

from __future__ import annotations

import os
import random
import shutil
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from accsim.simulate.stepped.layer import steps_of
from accsim.simulate.stepped.machine import Probe, Registers
from accsim.simulate.stepped.row_stationary import SteppedRowStationary
from accsim.simulate.stepped.systolic import SteppedSystolic
from accsim.simulate.storage import Place
from accsim.workload.layer import Operand
from tests.rtl import cases
from tests.rtl.row_stationary_twin import ROW_STATIONARY, RowStationaryTwin
from tests.rtl.systolic_twin import OUTPUT_STATIONARY, WEIGHT_STATIONARY, SystolicTwin
from tests.rtl.twin import Design, Register, narrow, operands

pytestmark = pytest.mark.rtl

SYSTOLIC = ("weight_stationary", "output_stationary")
SHAPES = 60
"""Random layers per design."""
DUMPS = 40
"""Edges of each layer after which registers are compared."""
MOST_PASSES = 150
"""A random row-stationary layer is no longer than this."""


def needs(*programs: str) -> None:
    """Skip the test where a program is missing; in CI it must be there."""
    missing = " and ".join(program for program in programs if shutil.which(program) is None)
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI must have {missing} on PATH: apt-get install verilator iverilog")
    if missing:
        pytest.skip(f"no {missing} on PATH: apt-get install verilator iverilog")


@pytest.mark.parametrize(
    ("design", "sizes"),
    [
        *((design, {"SHADOW": shadow, "ROWS": rows, "COLS": cols})
          for design in (WEIGHT_STATIONARY, OUTPUT_STATIONARY)
          for shadow in ("1'b0", "1'b1")
          for rows, cols in ((1, 1), (4, 3))),
        *((ROW_STATIONARY, {"STAGES": stages, "ROWS": rows, "SHIFT_CYCLES": cycles, "ADD_CYCLES": cycles})
          for stages, rows, cycles in ((1, 1, 0), (2, 3, 1), (4, 3, 2))),
    ],
)  # fmt: skip
def test_designs_are_free_of_lint(design: Design, sizes: dict[str, str | int]) -> None:
    needs("verilator")
    design.lint(sizes)


@pytest.mark.parametrize("seed", range(SHAPES))
@pytest.mark.parametrize("name", SYSTOLIC)
def test_a_systolic_array_takes_any_layer_as_its_design_does(name: str, seed: int, tmp_path: Path) -> None:
    compare(SteppedSystolic, SystolicTwin, cases.random_systolic(name, random.Random(seed)), tmp_path)


@pytest.mark.parametrize("shadow", [False, True], ids=["one_register", "shadow_register"])
@pytest.mark.parametrize("case", cases.named_systolic(SYSTOLIC[0], shadow=False))
@pytest.mark.parametrize("name", SYSTOLIC)
def test_corners_of_a_systolic_array(name: str, case: str, shadow: bool, tmp_path: Path) -> None:
    compare(SteppedSystolic, SystolicTwin, cases.named_systolic(name, shadow)[case], tmp_path)


@pytest.mark.parametrize("seed", range(SHAPES))
def test_a_row_stationary_set_takes_any_layer_as_its_design_does(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    twins = (
        RowStationaryTwin(place, operands(place)) for place in (cases.random_row_stationary(draw) for _ in count())
    )
    fits = (twin.place for twin in twins if len(twin.passes) <= MOST_PASSES)
    compare(SteppedRowStationary, RowStationaryTwin, next(fits), tmp_path)


@pytest.mark.parametrize("case", cases.named_row_stationary())
def test_corners_of_a_row_stationary_set(case: str, tmp_path: Path) -> None:
    compare(SteppedRowStationary, RowStationaryTwin, cases.named_row_stationary()[case], tmp_path)


def compare(
    engine: type[SteppedSystolic | SteppedRowStationary],
    design: type[SystolicTwin | RowStationaryTwin],
    place: Place,
    folder: Path,
) -> None:
    """What the engine observes is what the design does."""
    needs("iverilog", "vvp")
    values = operands(place)
    edges = engine(place, values).run(steps_of(place)).phase.total
    dumps = sorted(random.Random(edges).sample(range(edges), min(DUMPS, edges)))
    probe = Probe(tuple(dumps), edges=True)
    observed = engine(place, values).run(steps_of(place), probe)
    twin = design(place, values)
    seen = twin.simulate(folder, dumps)
    phase = observed.phase
    assert (seen.compute, seen.fill, seen.drain) == (phase.compute, phase.fill, phase.drain)
    assert seen.stalls == dict(phase.stalls)
    np.testing.assert_array_equal(seen.sums, narrow(observed.sums, place.accelerator.pe.accumulator_bits))
    np.testing.assert_array_equal(seen.leaving, probe.edge_words[Operand.PSUM, "out"])
    if seen.entering is not None:
        np.testing.assert_array_equal(seen.entering, probe.edge_words[Operand.IFMAP, "in"])
    assert list(seen.written) == [dump.cycle for dump in probe.registers] == dumps
    for dump in probe.registers:
        registers = twin.registers(seen, dump.cycle)
        for name in registers.keys() & dump.values.keys():
            compare_register(name, registers[name], dump, place.accelerator.pe.accumulator_bits)


def compare_register(name: str, register: Register, dump: Registers, bits: int) -> None:
    """A register of all PEs after one edge; the engine's sums are exact, the design's have a width."""
    valid = dump.valid[name] if register.valid is None else register.valid
    assert np.all(dump.valid[name][valid]), f"{name} after edge {dump.cycle} is valid in the design only"
    if register.exact:
        assert np.all(valid[dump.valid[name]]), f"{name} after edge {dump.cycle} is valid in the engine only"
    expected = dump.values[name][valid]
    if name in ("psum", "leaving", "psum_spad", "product"):
        expected = narrow(expected, bits)
    np.testing.assert_array_equal(register.words[valid], expected, f"{name} after edge {dump.cycle}")
