"""Cycles of bit-level machines against those measured from a public simulator of them."""

from __future__ import annotations

import pytest

from accsim.hardware.datapath import Datapath, DatapathKind
from tests.simulate.inner_product import bit_level_cases as cases
from tests.simulate.inner_product.machines import conv, run, square, tile

DATAPATHS = {
    "DaDianNao": Datapath(),
    "Stripes": Datapath(DatapathKind.ACTIVATION_SERIAL, sign_cycle=True),
    "ShapeShifter": Datapath(DatapathKind.DYNAMIC_PRECISION),
    "BitPragmatic": Datapath(DatapathKind.TERM_SERIAL, shift_bits=0),
    "Loom": Datapath(DatapathKind.BOTH_SERIAL),
    "Laconic": Datapath(DatapathKind.BOTH_TERMS),
}


@pytest.mark.parametrize("machine", DATAPATHS)
@pytest.mark.parametrize("case", cases.CASES)
def test_compute_cycles_are_those_of_the_public_simulator(case: str, machine: str) -> None:
    a_bits, w_bits, _ = cases.CASES[case]
    a, w = cases.tensors(case)
    activity = run(
        conv(square(64, 14, 64), a_bits, w_bits), tile(datapath=DATAPATHS[machine]), {"ifmap": a, "weight": w}
    )
    assert activity.cycles.compute == cases.COMPUTE_CYCLES[case][machine]
    slots = dict(activity.idle_slots)
    assert sum(slots.values()) + activity.macs == 16**3 * activity.cycles.total


def test_windows_that_no_column_has_are_the_public_simulators_idle_pes() -> None:
    activity = run(conv(square(64, 14, 64)), tile())
    lanes = 16
    assert dict(activity.idle_slots)["windows"] == cases.IDLE_PES * lanes
    assert activity.macs == cases.SCHEDULED_PES * lanes
