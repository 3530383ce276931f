"""Bit Fusion's layers: cycles against those that were published with it.

Source: hsharma35/bitfusion, results/bitfusion-eyeriss-sim-sweep.csv: 16 columns x 16 rows of fused units (N = 16,
M = 32 of the file), 8 down to 2 bits, 192 bits per cycle, batch 16. Copied to ``tests/data/bit_fusion_layers.csv``.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from accsim.hardware.datapath import Datapath, DatapathKind
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.simulate.bit_fusion import bit_fusion_cycles
from tests.simulate.inner_product.machines import conv, run, square, tile

with (Path(__file__).parents[2] / "data" / "bit_fusion_layers.csv").open(encoding="utf-8") as file:
    ROWS = list(csv.DictReader(file))
every = pytest.mark.parametrize("row", ROWS, ids=[f"{row['network']}-{row['layer']}" for row in ROWS])


def geometry(row: dict[str, str]) -> Any:
    """The layer, whose input is just as large as its windows need."""
    kernel, out, stride = int(row["kernel"]), int(row["out_size"]), int(row["stride"])
    size = (out - 1) * stride + kernel
    return square(int(row["in_channels"]), size, int(row["out_channels"]), kernel, 0, stride, int(row["batch"]))


@every
def test_compute_cycles_are_the_published_ones(row: dict[str, str]) -> None:
    flow = load_dataflow("fused_inner_product")
    machine = tile(32, 1, 16, datapath=Datapath(DatapathKind.FUSED_BRICKS))
    layer = conv(geometry(row), int(row["act_bits"]), int(row["weight_bits"]))
    first = row["first_layer_im2col"] == "true"
    activity = run(layer if first else conv_inside(layer), machine, flow=flow)
    assert activity.cycles.compute == int(row["cycles_total"]) - int(row["cycles_memory_wait"])
    slots = 512 * activity.macs_per_pe * activity.cycles.total
    assert activity.macs + sum(n for _, n in activity.idle_slots) == slots


def conv_inside(layer: Any) -> Any:
    """The layer, reading another one."""
    from dataclasses import replace

    return replace(layer, inputs=("before",))


@every
def test_totals_follow_from_the_published_search(row: dict[str, str]) -> None:
    found = bit_fusion_cycles(
        geometry(row), int(row["act_bits"]), int(row["weight_bits"]), row["first_layer_im2col"] == "true"
    )
    assert found is not None
    assert found.total == int(row["cycles_total"])
    assert found.waits == int(row["cycles_memory_wait"])
    assert found.read_bits + found.write_bits == int(row["dram_read_bits"]) + int(row["dram_write_bits"])


def test_no_tile_fits_where_one_window_is_larger_than_the_buffer() -> None:
    assert bit_fusion_cycles(square(3, 400, 32, kernel=400, pad=0), 8, 8, first=True) is None
