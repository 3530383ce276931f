from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import accsim
from accsim.errors import InputError, MappingError
from accsim.mapping.search.row_stationary.space import TIMED_TOLERANCE


def test_a_result_reads_well() -> None:
    result = accsim.estimate("lenet_caffe", "systolic_32x32", batch=2)
    assert repr(result).startswith(
        "<Result: lenet_caffe on systolic_32x32 (weight_stationary, batch 2): 4,586,000 MACs, "
    )
    html = result._repr_html_()
    assert "<table" in html
    assert "conv1" in html


def test_the_table_has_units_and_adds_up() -> None:
    result = accsim.estimate("lenet_caffe", "eyeriss")
    table = result.layers_table()
    assert list(table["layer"]) == [layer.name for layer in result.network.layers]
    assert table["total_cycles"].sum() == result.cycles
    assert table["energy_pj"].sum() == pytest.approx(result.energy)
    parts = [c for c in table.columns if c.startswith("energy_") and c != "energy_pj"]
    assert table[parts].to_numpy().sum() == pytest.approx(result.energy)
    cycles = table[["compute_cycles", "fill_cycles", "drain_cycles", "stall_cycles"]].sum(axis=1)
    assert (cycles == table["total_cycles"]).all()


def test_layers_follow_each_other() -> None:
    rows = accsim.estimate("lenet_caffe", "edge_8x8").to_dict()["layers"]
    clock = 0
    for row in rows:
        assert row["start_cycle"] == clock
        clock += row["cycles"]["total"]


def test_power_is_energy_over_time() -> None:
    totals = accsim.estimate("lenet_caffe", "eyeriss").to_dict()["totals"]
    on_chip = totals["energy"]["total"] - totals["energy"]["dram"]
    assert totals["power_mw"] == pytest.approx(on_chip * 1e-12 / (totals["latency_ms"] * 1e-3) * 1e3)
    assert totals["system_power_mw"] > totals["power_mw"]


def test_a_normalised_table_has_no_power() -> None:
    result = accsim.estimate("lenet_caffe", "eyeriss", energy_table="eyeriss_normalized").to_dict()
    assert result["totals"]["power_mw"] is None
    table = result["energy_table"]
    assert (table["name"], table["unit"], table["transfer_rule"]) == ("eyeriss_normalized", "mac", "dearer_level")
    assert any("ISCA" in citation for citation in table["sources"].values())


def test_objectives_trade_energy_for_time() -> None:
    runs = {
        goal: accsim.estimate("squeezenet1_1", "eyeriss", objective=goal)
        for goal in ("energy", "latency", "edp", "traffic")
    }
    # costs as close as this are equal to a search that counts cycles
    assert runs["energy"].energy <= (1 + 2 * TIMED_TOLERANCE) * min(r.energy for r in runs.values())
    assert runs["latency"].cycles <= (1 + 2 * TIMED_TOLERANCE) * min(r.cycles for r in runs.values())


def test_tensors_stay_on_chip_where_they_fit() -> None:
    result = accsim.estimate("resnet18", "tpu_v1").to_dict()
    inner = next(row for row in result["layers"] if row["kind"] == "conv" and row["start_cycle"] > 0)
    assert inner["tensors"]["ifmap"]["lived_in"] == "unified_buffer"
    assert inner["tensors"]["weight"]["lived_in"] == "dram"
    off_chip = {row["operand"] for row in inner["activity"] if row["level"] == "dram"}
    assert "ifmap" not in off_chip
    assert "ofmap" not in off_chip


def test_rows_of_earlier_steps_come_from_dram() -> None:
    """One new token is made on chip; the keys and values of the 255 before it are not, so they are fetched."""
    result = accsim.estimate("gpt2_decode", "tpu_v1", bindings={"sequence": 256}).to_dict()
    products = [row for row in result["layers"] if row["kind"] == "matmul"]
    assert len(products) == 24
    for row in products:
        assert row["tensors"]["ifmap2"]["lived_in"] == "dram"
        fetched = sum(c["bits"] for c in row["activity"] if (c["level"], c["operand"]) == ("dram", "ifmap2"))
        assert fetched == 256 * 768 * 8


def test_more_than_fits_goes_to_dram() -> None:
    """VGG-16's first feature maps at batch 8 are 25.7 MB each: more than 24 MiB."""
    result = accsim.estimate("vgg16", "tpu_v1", batch=8).to_dict()
    lived = {row["name"]: row["tensors"]["ifmap"]["lived_in"] for row in result["layers"] if row["kind"] == "conv"}
    assert lived["conv1_2"] == "dram"
    assert lived["conv5_3"] == "unified_buffer"


def test_a_machine_without_room_says_what_would_fix_it() -> None:
    with pytest.raises(MappingError) as error:
        accsim.estimate("alexnet", "edge_8x8", overrides=['levels.buffer.size="64 b"'])
    message = str(error.value)
    assert message.startswith(
        "layer 'conv1' does not fit edge_8x8 under output_stationary, even in its smallest tiles: "
    )
    assert "too much)" in message
    assert message.endswith("; a larger buffer or scratchpad, narrower operands or fewer copies of a tile would fix it")


@pytest.mark.parametrize(
    ("network", "layer"),
    [("gpt2_decode", "h.0.c_proj"), ("alexnet", "fc8"), ("mobilenet_v2", "fc"), ("resnet18", "layer3.0.conv1")],
)
def test_a_larger_buffer_never_raises_the_best_energy(network: str, layer: str) -> None:
    """Where the price of an access does not depend on the size of the level."""
    energies = [
        accsim.estimate(
            network,
            "systolic_32x32",
            layers=[layer],
            energy_table="eyeriss_normalized",
            overrides=[f"levels.buffer.size={kib} KiB"],
        ).energy
        for kib in (64, 128, 256, 512)
    ]
    assert energies == sorted(energies, reverse=True)


def test_an_unknown_objective() -> None:
    with pytest.raises(InputError) as error:
        accsim.estimate("alexnet", "eyeriss", objective="enrgy")
    assert (
        str(error.value)
        == "unknown objective 'enrgy': must be one of energy, latency, edp, traffic; did you mean 'energy'?"
    )


def test_scalesim_is_reported_beside_our_own_figures() -> None:
    result = accsim.estimate("resnet18", "systolic_32x32", compare_scalesim=True).to_dict()
    conv = next(row for row in result["layers"] if row["kind"] == "conv")
    assert conv["scalesim"]["total_cycles"] == conv["scalesim"]["demand_rows"] - 1
    assert conv["cycles"]["total"] != conv["scalesim"]["total_cycles"]


def test_scalesim_knows_no_row_stationary() -> None:
    with pytest.raises(accsim.AccsimError, match=r"^SCALE-Sim has no row_stationary dataflow to compare with: choose "):
        accsim.estimate("lenet5", "eyeriss", compare_scalesim=True)


def test_runs_are_reproducible_across_processes() -> None:
    """Nothing depends on hash seeds or on what ran before."""
    code = "import json, accsim; print(json.dumps(accsim.estimate('lenet5', 'tpu_v1').to_dict(), sort_keys=True))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            text=True,
            cwd=Path(__file__).parents[1],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert json.loads(outputs.pop())["workload"] == "lenet5_survey_text"


@pytest.mark.parametrize("size", [10**6, 10**9])
def test_huge_layers_are_counted_in_no_time(tmp_path: Path, size: int) -> None:
    path = tmp_path / "huge.yaml"
    path.write_text(f"input: [1, 1000, {size}]\nlayers:\n  - c: {{conv: 1, kernel: 3, pad: 1}}\n", encoding="utf-8")
    result = accsim.estimate(path, "edge_8x8")
    assert result.network.macs == 9000 * size


def test_what_cannot_be_represented_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_text(
        f"input: [1, 1000000000, {10**9}]\nlayers:\n  - c: {{conv: 64, kernel: 3, pad: 1}}\n", encoding="utf-8"
    )
    with pytest.raises(accsim.AccsimError, match=r"64 bits|64-bit"):
        accsim.estimate(path, "edge_8x8")
