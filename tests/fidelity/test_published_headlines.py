"""Bit Fusion beside its baseline: what goes into the published factors, layer by layer."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from accsim.fidelity.bit_fusion_baseline import LayerRow, compare, one_layer
from accsim.fidelity.cases.published_headlines import geometric_mean
from accsim.fidelity.recipe import load_recipe
from accsim.library import shipped_folder
from accsim.simulate.bit_fusion import bit_fusion_cycles
from accsim.source import Source

ROOT = Path(__file__).parents[1]
BATCH = 16
with (ROOT / "data" / "bit_fusion_layers.csv").open(encoding="utf-8") as file:
    PUBLISHED = {(row["network"], row["layer"]): row for row in csv.DictReader(file)}
RECIPE = (shipped_folder("reports") / "published-headlines" / "recipe.yaml").read_text(encoding="utf-8")
SETTINGS = load_recipe(Source("published-headlines", "recipe.yaml", RECIPE)).settings


def test_cifar_10_takes_the_published_cycles() -> None:
    """All nine layers are in hsharma35/bitfusion, results/bitfusion-eyeriss-sim-sweep.csv."""
    rows = SETTINGS.networks["CIFAR10"]
    published = [row for (network, _), row in PUBLISHED.items() if network == "CIFAR10"]
    assert len(published) == len(rows)
    found = compare(rows, {}, BATCH)
    assert found.cycles * BATCH == sum(int(row["cycles_total"]) for row in published)


@pytest.mark.parametrize(("network", "layer"), PUBLISHED)
def test_sums_are_read_and_written_twice_a_transfer(network: str, layer: str) -> None:
    """And each product reads its operands: the counts of the same file; fc8's 10 outputs are padded off chip."""
    row = PUBLISHED[network, layer]
    sums = [int(row[key]) for key in ("obuf_read_bits", "obuf_write_bits")]
    assert sums[0] == sums[1]
    if layer != "fc8":
        assert sums[0] == 2 * int(row["dram_write_bits"])
    sizes = [int(row[key]) for key in ("in_channels", "out_channels", "out_size", "kernel", "act_bits")]
    products = BATCH * sizes[0] * sizes[1] * (sizes[2] * sizes[3]) ** 2
    assert row["wbuf_read_bits"] == row["ibuf_read_bits"]
    assert int(row["ibuf_read_bits"]) >= products * sizes[4]  # a row of units that is not full reads all the same


def test_no_baseline_is_faster_than_its_pes() -> None:
    rows = {"conv5": SETTINGS.networks["CIFAR10"]["conv5"], "fc7": SETTINGS.networks["CIFAR10"]["fc7"]}
    found = compare(rows, rows, BATCH)
    assert found.macs == found.baseline_macs == 512 * 512 * 64 * 9 + 1024 * 1024
    assert found.least_cycles == found.macs / 168
    assert found.baseline_cycles > found.least_cycles
    assert found.speed_up > found.least_speed_up
    assert 0 < found.baseline_dram_pj < found.baseline_energy_pj


def test_equal_layers_count_as_often_as_they_come() -> None:
    row = SETTINGS.networks["LSTM"]["l"].model_copy(update={"times": 1})
    once, twice = (compare({"l": row.model_copy(update={"times": n})}, {}, BATCH) for n in (1, 2))
    assert (twice.macs, twice.cycles, twice.energy_pj) == (2 * once.macs, 2 * once.cycles, 2 * once.energy_pj)


def test_a_layer_that_fits_no_tile_is_refused() -> None:
    row = LayerRow(inputs=1, outputs=1, size=1, kernel=2000, first=True)
    with pytest.raises(ValueError, match="no tile of"):
        compare({"wide": row}, {}, 1)


def test_a_layer_reads_just_what_its_windows_need() -> None:
    layer = one_layer(3, 8, 5, 3, 2, batch=4).mac_layers[0]
    assert (layer.input_shapes, layer.output_shape, layer.macs) == (((3, 11, 11),), (8, 5, 5), 4 * 3 * 8 * 25 * 9)
    assert one_layer(10, 20, 1, 1, 1).mac_layers[0].macs == 200


def test_geometric_mean() -> None:
    assert geometric_mean({"a": 2.0, "b": 8.0}) == 4.0


def test_the_published_ratios_make_the_published_means() -> None:
    """3.9 and 5.1 of the abstract follow from the ratios by network."""
    from accsim.fidelity.validate import publication

    figures = publication("published-headlines")
    for group, mean in (("bit_fusion_speed_up", 3.9), ("bit_fusion_energy", 5.1)):
        values = {name: v for name, v in figures.values(f"{group}_of").items() if isinstance(v, float)}
        assert len(values) == 8
        assert geometric_mean(values) == pytest.approx(mean, abs=0.05)
        assert figures.number(group) == mean


@pytest.mark.parametrize("name", SETTINGS.networks)
def test_every_layer_of_the_baseline_has_a_mapping(name: str) -> None:
    assert all(row.mapping for row in SETTINGS.baseline.get(name, SETTINGS.networks[name]).values())


def test_a_search_at_no_tile_is_none_for_the_same_layer() -> None:
    geometry = one_layer(1, 1, 1, 2000, 1).mac_layers[0].geometry
    assert geometry is not None
    assert bit_fusion_cycles(geometry, 2, 2, True) is None
