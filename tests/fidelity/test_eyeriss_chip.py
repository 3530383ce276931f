"""AlexNet on the Eyeriss chip, batch 4, published mapping: what the cases of ``accsim validate`` do not say.

Figures: Chen, Krishna, Emer and Sze, "Eyeriss: An Energy-Efficient Reconfigurable Accelerator for Deep Convolutional
Neural Networks", IEEE JSSC 52(1), 2017, Table V. MB is 10^6 bytes.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

import accsim
from accsim.energy.table import EnergyUnit
from accsim.hardware.accelerator import Accelerator, Dram
from accsim.result import Result

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5")

CODED_DRAM_MB = {"conv3": 3.0, "conv4": 2.1}
"""Table V, DRAM accesses; the layers for which Table V states the zeros of both feature maps."""
CHIP_POWER_MW, CHIP_TIME_MS = 278, 115.3
"""Table V, totals."""


def layer(result: Result, name: str) -> dict:
    return next(row for row in result.to_dict()["layers"] if row["name"] == name)


def megabytes(row: dict, level: str, *kinds: tuple[str, str]) -> float:
    return (
        sum(
            count["bits"]
            for count in row["activity"]
            if count["level"] == level and (not kinds or (count["operand"], count["action"]) in kinds)
        )
        / 8e6
    )


@pytest.fixture(scope="module")
def chip() -> Accelerator:
    return accsim.load_accelerator("eyeriss")


@pytest.fixture(scope="module")
def coded(chip: Accelerator) -> Result:
    return accsim.estimate("alexnet", chip, batch=4)


@pytest.fixture(scope="module")
def uncoded(chip: Accelerator) -> Result:
    plain = tuple(replace(lv, run_length=None) if isinstance(lv, Dram) else lv for lv in chip.levels)
    return accsim.estimate("alexnet", replace(chip, levels=plain), batch=4)


def test_average_active_pes_of_conv1(coded: Result) -> None:
    """Strips of 7 rows cover 55 output rows in 7 full strips and one of 6: 11 x 2 x 55 / 8 PEs on average."""
    assert layer(coded, "conv1")["pe"]["active_average"] == pytest.approx(11 * 2 * 55 / 8)


def test_buffer_traffic_counts_what_the_paper_leaves_out(uncoded: Result) -> None:
    """Ifmap fills and filters pass the buffer too and are counted beside the published subset."""
    row = layer(uncoded, "conv1")
    for kind in (("ifmap", "fill"), ("weight", "fill"), ("weight", "read"), ("ofmap", "read")):
        assert megabytes(row, "glb", kind) > 0


def test_conv3_mapping_is_explained(coded: Result) -> None:
    notes = layer(coded, "conv3")["notes"]
    assert any("Table III prints q=4 r=1 t=4" in note and "50.2 MB" in note for note in notes)


@pytest.mark.parametrize("name", CODED_DRAM_MB)
def test_run_length_coded_dram_traffic(coded: Result, name: str) -> None:
    """Independent zeros of Table V's fractions; the chip's zeros come in longer runs or not, hence the tolerance."""
    traffic = megabytes(
        layer(coded, name), "dram", *((o, a) for o in ("ifmap", "weight", "ofmap") for a in ("read", "write"))
    )
    assert traffic == pytest.approx(CODED_DRAM_MB[name], rel=0.05)


def test_first_layer_input_is_not_coded(coded: Result) -> None:
    assert layer(coded, "conv1")["tensors"]["ifmap"]["encoding"] == "dense"
    assert layer(coded, "conv2")["tensors"]["ifmap"]["encoding"] == "run_length"


def test_energy_constant_is_the_chips_total(coded: Result) -> None:
    """eyeriss_65nm has one constant, fixed on the energy of the five layers: 278 mW x 115.3 ms."""
    on_chip = sum(
        energy for e in coded.estimates if e.activity.layer in LAYERS for level, energy in e.by_level if level != "dram"
    )
    assert coded.table.unit is EnergyUnit.PJ
    assert on_chip == pytest.approx(CHIP_POWER_MW * CHIP_TIME_MS * 1e6, rel=0.002)


def test_zero_gating_never_changes_a_cycle(chip: Accelerator) -> None:
    on = accsim.estimate("alexnet", chip, batch=4)
    off = accsim.estimate("alexnet", replace(chip, pe=replace(chip.pe, zero_gating=False)), batch=4)
    assert on.cycles == off.cycles
    assert on.on_chip_energy < off.on_chip_energy
