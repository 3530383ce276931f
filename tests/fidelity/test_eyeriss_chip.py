"""AlexNet on the Eyeriss chip, batch 4, published mapping.

The published figures with their citations and tolerances are in ``reports/eyeriss-jssc17/figures.yaml``; the ones here
are from Chen, Krishna, Emer and Sze, IEEE JSSC 52(1), 2017, Tables III and V. MB is 10^6 bytes.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

import accsim
from accsim.energy.table import EnergyUnit
from accsim.fidelity import validate
from accsim.fidelity.cases.eyeriss_jssc17 import PUBLISHED_ZEROS, Found, dram_mb
from accsim.fidelity.compare import Row, Status, compare
from accsim.hardware.accelerator import Accelerator
from accsim.result import Result

CASE = "eyeriss-jssc17"
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5")
JUDGED = [figure.figure for figure in validate.publication(CASE).figures if figure.tolerance is not None]


@pytest.fixture(scope="module")
def found() -> Found:
    return validate.run(CASE)


@pytest.fixture(scope="module")
def rows(found: Found) -> dict[str, Row]:
    published = compare(validate.publication(CASE), validate.module(CASE).obtained(found))
    return {row.published.figure: row for row in published}


@pytest.fixture(scope="module")
def chip() -> Accelerator:
    return accsim.load_accelerator("eyeriss")


@pytest.fixture(scope="module")
def coded(chip: Accelerator) -> Result:
    return accsim.estimate("alexnet", chip, batch=4)


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


@pytest.mark.parametrize("figure", JUDGED)
def test_a_published_figure(rows: dict[str, Row], figure: str) -> None:
    assert rows[figure].status is Status.WITHIN, rows[figure]


def test_the_layers_are_judged_one_by_one_and_by_these_tolerances() -> None:
    """Time per layer 10 %, coded traffic 12 %, power 15 %; no gap is recorded for any."""
    figures = {figure.figure: figure for figure in validate.publication(CASE).figures}
    wanted = {"processing_time": 0.10, "latency": 0.10, "dram_traffic": 0.12, "power": 0.15}
    for group, tolerance in wanted.items():
        for name in LAYERS:
            assert figures[f"{group}.{name}"].tolerance == tolerance
            assert figures[f"{group}.{name}"].gap is None


def test_mean_error_of_the_processing_times(rows: dict[str, Row]) -> None:
    errors = [abs(rows[f"processing_time.{name}"].error or 0.0) for name in LAYERS]
    assert sum(errors) / len(errors) <= 0.05


def test_conv4_and_conv5_have_equal_passes(found: Found) -> None:
    """384 and 256 of them. Published are 16.0 and 10.0 ms, so no model with equal passes comes nearer than 3.2 %."""
    assert found.coded["conv4"].processing_ms / 384 == pytest.approx(found.coded["conv5"].processing_ms / 256, rel=1e-3)


def test_average_active_pes_of_conv1(coded: Result) -> None:
    """Strips of 7 rows cover 55 output rows in 7 full strips and one of 6: 11 x 2 x 55 / 8 PEs on average."""
    assert layer(coded, "conv1")["pe"]["active_average"] == pytest.approx(11 * 2 * 55 / 8)


def test_buffer_traffic_counts_what_the_paper_leaves_out(coded: Result) -> None:
    """Ifmap fills and filters pass the buffer too and are counted beside the published subset."""
    row = layer(coded, "conv1")
    for kind in (("ifmap", "fill"), ("weight", "fill"), ("weight", "read"), ("ofmap", "read")):
        assert megabytes(row, "glb", kind) > 0


def test_conv3_mapping_of_table_iii_gives_another_traffic(rows: dict[str, Row]) -> None:
    """Table III prints q=4 r=1 t=4 for CONV3; 50.2 MB of buffer traffic follow from q=3 r=2 t=2 (43 channel passes)."""
    assert rows["buffer_traffic_as_printed.conv3"].obtained == pytest.approx(69.22, rel=0.005)


def test_conv3_mapping_is_explained(coded: Result) -> None:
    notes = layer(coded, "conv3")["notes"]
    assert any("Table III prints q=4 r=1 t=4" in note and "50.2 MB" in note for note in notes)


def test_first_layer_input_is_not_coded(coded: Result) -> None:
    assert layer(coded, "conv1")["tensors"]["ifmap"]["encoding"] == "dense"
    assert layer(coded, "conv2")["tensors"]["ifmap"]["encoding"] == "run_length"


@pytest.mark.parametrize(
    ("name", "padded"), [("conv2", (31, 27)), ("conv3", (15, 13)), ("conv4", (15, 13)), ("conv5", (15, 13))]
)
def test_densities_are_table_v_without_padding(name: str, padded: tuple[int, int]) -> None:
    """Table V's zeros are of the words fetched (``zeros`` in the figures); a network's densities are of pixels."""
    density = accsim.load_network("alexnet").layer(name).ifmap_statistics.density
    all_words, pixels = padded
    assert density == pytest.approx((1 - PUBLISHED_ZEROS[name] / 100) * (all_words / pixels) ** 2, abs=1e-4)


def test_guessed_zeros_are_named_and_no_fewer_than_pooling_leaves() -> None:
    """A maximum over a window is zero only where all of it is: what is read afterwards has no more zeros."""
    network = accsim.load_network("alexnet")
    for before, after in (("conv1.relu", "conv2"), ("conv2.relu", "conv3")):
        guessed, read = network.layer(before).ofmap_statistics, network.layer(after).ifmap_statistics
        assert guessed.density is not None
        assert read.density is not None
        assert guessed.density < read.density
        assert guessed.source.startswith("assumed: ")


def test_guessed_zeros_are_those_of_the_published_shrinkage_of_writes(rows: dict[str, Row]) -> None:
    """One fraction for three layers, from one published figure: 2.6 times fewer bits are written."""
    network = accsim.load_network("alexnet")
    assert len({network.layer(f"conv{i}.relu").ofmap_statistics.density for i in (1, 2, 5)}) == 1
    assert rows["image_bandwidth_write"].error == pytest.approx(0, abs=0.002)


def test_energy_constant_is_the_chips_average_power(coded: Result, rows: dict[str, Row]) -> None:
    """eyeriss_65nm has one constant, fixed on the power of the five layers, 278 mW."""
    assert coded.table.unit is EnergyUnit.PJ
    assert rows["power_average"].error == pytest.approx(0, abs=0.002)


def test_clock_and_control_are_charged_by_the_published_shares(coded: Result) -> None:
    """10 % ALUs and 45 % data movement leave 45 %: 4.5 per MAC, CONV1's 421.6e6 in 168 PEs x 20.9 ms x 200 MHz."""
    edge = next(p.value("clock") for e in coded.table.entries for p in e.points if p.value("clock"))
    assert coded.table.calibration is not None
    assert edge is not None
    per_mac = edge / coded.table.calibration.pj_per_mac
    assert per_mac == pytest.approx(4.5 * 421.6e6 / (168 * 20.9e-3 * 200e6), rel=0.01)


def test_a_gated_mac_leaves_its_sum_in_the_scratchpad(coded: Result) -> None:
    row = layer(coded, "conv4")
    done = {(c["level"], c["action"]): c["accesses"] for c in row["activity"] if c["level"] == "psum_spad"}
    share = done["psum_spad", "read"] / (done["psum_spad", "read"] + done["psum_spad", "gated_read"])
    assert done["psum_spad", "read"] == done["psum_spad", "write"]
    assert share == pytest.approx(0.2756 * (37 / 39) ** 2, rel=0.01)  # pixels that are not zero, under 3 x 3 windows


def test_zero_gating_never_changes_a_cycle(chip: Accelerator) -> None:
    on = accsim.estimate("alexnet", chip, batch=4)
    pe = replace(chip.pe, zero_gating=False, psum_gating=False)
    off = accsim.estimate("alexnet", replace(chip, pe=pe), batch=4)
    assert on.cycles == off.cycles
    assert on.on_chip_energy < off.on_chip_energy


def test_another_network_runs_on_the_same_machine(found: Found) -> None:
    """VGG-16 with a mapping made by hand: every PE slot is accounted for, no layer beats its MACs or its link."""
    for name, e in found.other.items():
        a = e.activity
        assert sum(n for _, n in a.idle_slots) + a.macs == 168 * a.cycles.total
        assert e.processing_ms * 200e3 >= a.macs / 168
        assert e.latency_ms >= dram_mb(e) / 480 * 1e3, name
