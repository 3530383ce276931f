"""SCALE-Sim's topologies, in the forms that its shipped files have."""

from __future__ import annotations

from pathlib import Path

import pytest

from accsim.errors import InputError
from accsim.importers.opening import open_network
from accsim.importers.scalesim import load_topology
from accsim.importers.scalesim_config import load_config
from accsim.pipeline import estimate

CONV = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
# stem
Conv1, 224, 224, 7, 7, 3, 64, 2,

Conv 2a, 56, 56, 3, 3, 64, 64, 1, , ,
DP1, 58, 58, 3, 3, 64, 1, 1
Conv3, 14, 14, 3, 3, 8, 4, 2, 1:4,
"""
GEMM = "Layer, M, N, K,\nqkv, 128, 2304, 768,\nout, 128, 768, 768, 2:4,\n"


def topology(folder: Path, text: str) -> Path:
    path = folder / "net.csv"
    path.write_text(text)
    return path


def test_convolutions(tmp_path: Path) -> None:
    network = load_topology(topology(tmp_path, CONV), batch=2)
    found = [(x.name, x.geometry.M, x.geometry.G, x.output_shape) for x in network.layers if x.geometry is not None]
    assert found == [
        ("Conv1", 64, 1, (64, 109, 109)),
        ("Conv_2a", 64, 1, (64, 54, 54)),
        ("DP1", 64, 64, (64, 56, 56)),
        ("Conv3", 4, 1, (4, 6, 6)),
    ]
    assert network.layers[0].macs == 2 * 64 * 109 * 109 * 3 * 49
    assert network.layers[3].weight_statistics.density == 0.25
    assert all(not layer.bias_words for layer in network.layers)


def test_matrix_products(tmp_path: Path) -> None:
    network = open_network(topology(tmp_path, GEMM), layers=["o*"])
    (layer,) = network.layers
    assert (layer.macs, layer.output_shape) == (128 * 768 * 768, (128, 768))
    assert layer.weight_statistics.density == 0.5


def test_the_trailing_comma_and_blank_columns_change_nothing(tmp_path: Path) -> None:
    plain = load_topology(topology(tmp_path, GEMM))
    other = GEMM.replace(",\n", "\n").replace("qkv, 128", "qkv, , 128")
    assert load_topology(topology(tmp_path, other)).layers == plain.layers


def test_a_topology_is_estimated_like_a_network(tmp_path: Path) -> None:
    result = estimate(str(topology(tmp_path, GEMM)), "systolic_32x32")
    assert result.to_dict()["workload"] == "net"


def test_every_line_that_is_wrong_is_named(tmp_path: Path) -> None:
    bad = CONV + "Conv1, 5, 5, 1, 1, 1, 1, 1,\nC4, 5, 5, 7, 7, 1, 1, 1,\nC5, 5, 5, 1, 1, 1,\nC6, 5, 5, 1, 0, 1, 1, 1\n"
    path = topology(tmp_path, bad)
    with pytest.raises(InputError) as error:
        load_topology(path)
    assert error.value.mistakes == (
        f"{path}:8: the name 'Conv1' is used twice",
        f"{path}:9: layer 'C4': a window that spans 7 in height does not fit the padded input of 5 (5 + 0 + 0 padding);"
        " a kernel of at most 5 would",
        f"{path}:10: expected a name and 7 numbers (IFMAP height, IFMAP width, filter height, filter width, channels,"
        " filters, stride), got 5",
        f"{path}:11: filter width: must be a whole number of at least 1, got '0'",
    )
    with pytest.raises(InputError, match="not a SCALE-Sim topology"):
        load_topology(topology(tmp_path, "Layer, M, N, K\n"))


CONFIG = """\
[general]
run_name = small

[architecture_presets]
ArrayHeight:    16
ArrayWidth:     8
IfmapSramSzkB:  64
FilterSramSzkB: 32
OfmapSramSzkB:  16
IfmapOffset:    0
Dataflow : ws
Bandwidth : 10,10
MemoryBanks: 1

[run_presets]
InterfaceBandwidth: CALC
"""


def test_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "small.cfg"
    path.write_text(CONFIG)
    machine = load_config(path)
    (buffer,) = machine.buffers
    assert (machine.array.rows, machine.array.cols, machine.dataflow) == (16, 8, "weight_stationary")
    assert [part.size_bits for part in buffer.partitions] == [8 * 1024 * size for size in (64, 32, 16)]
    assert machine.dram.width_bits == 80
    assert load_config(path, ("array.rows=24",)).array.rows == 24
    result = estimate(str(topology(tmp_path, GEMM)), str(path))
    # SCALE-Sim's weight-stationary fold takes 2R + C + T - 2 cycles; K x N is cut into up(K, R) * up(N, C) folds
    assert result.cycles >= 128 * (768 // 16) * (2304 // 8)


def test_a_configuration_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "small.cfg"
    path.write_text(CONFIG.replace("16\n", "many\n", 1).replace("ws", "rs").replace("Bandwidth : 10,10\n", ""))
    with pytest.raises(InputError) as error:
        load_config(path)
    assert error.value.mistakes == (
        f"{path}: ArrayHeight: must be a whole number of at least 1, got 'many'",
        f"{path}: Bandwidth: must be a whole number of at least 1, got ''",
        f"{path}: Dataflow: must be os, ws or is, got 'rs'",
    )
    path.write_text("no section")
    with pytest.raises(InputError, match=r"small\.cfg: not a SCALE-Sim configuration: "):
        load_config(path)
