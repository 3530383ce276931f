"""The value change dump of hand-made registers, read back."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.errors import AccsimError, InputError
from accsim.hardware.accelerator import Accelerator
from accsim.hardware.reader import load_accelerator
from accsim.mapping.dataflow import Dataflow
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.simulate.activity import Activity, Cycles
from accsim.simulate.stepped.machine import Probe, Registers
from accsim.trace.vcd import VcdTrace, require_pyvcd
from accsim.trace.window import MOST_WORDS, Window
from accsim.workload.layer import Operand
from accsim.workload.network import Network
from accsim.workload.reader import load_network
from tests.trace.readers import Dump

ACTIVITY = Activity("fc1", 0, Cycles(4), 4, 0, 0, ())


@pytest.fixture(scope="module")
def machine() -> Accelerator:
    return load_accelerator("edge_8x8", ("array.rows=2", "array.cols=3"))


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network("alexnet", layers=["fc8"])


def stepped(cycles: int, probe: Probe) -> SimpleNamespace:
    return SimpleNamespace(probe=probe, observed=SimpleNamespace(phase=SimpleNamespace(total=cycles)))


def nothing_crosses(edges: int) -> dict[tuple[Operand, str], np.ndarray]:
    keys = ((Operand.IFMAP, "in"), (Operand.WEIGHT, "in"), (Operand.PSUM, "in"), (Operand.PSUM, "out"))
    return {key: np.zeros(edges, dtype=np.int32) for key in keys}


def dump(path: Path, window: Window, machine: Accelerator, network: Network, probe: Probe, flow: str = "") -> Dump:
    dataflow: Dataflow = load_dataflow(flow or machine.dataflow)
    with VcdTrace(str(path), window) as trace:
        trace.begin(network, machine, dataflow)
        trace.layer(ACTIVITY, stepped(window.end, probe))
    return Dump(path)


def test_registers_valid_bits_and_the_edge(tmp_path: Path, machine: Accelerator, network: Network) -> None:
    def registers(cycle: int, psum: int, valid: bool) -> Registers:
        held, known = np.zeros((2, 3), dtype=np.int64), np.zeros((2, 3), dtype=np.bool_)
        held[1, 2], known[1, 2] = psum, valid
        return Registers(cycle, {"psum": held, "ifmap": held.copy()}, {"psum": known, "ifmap": known.copy()})

    words = nothing_crosses(4) | {(Operand.IFMAP, "in"): np.array([0, 0, 1, 0], dtype=np.int32)}
    probe = Probe((2, 3), True, [registers(2, -5, True), registers(3, 1 << 33, False)], words, [("buffer", 0, 3)])
    found = dump(tmp_path / "a.vcd", Window(2, 4), machine, network, probe)
    assert found.timescale == "100 ps"
    assert found.times == [100, 125, 150, 175, 200]
    assert found.widths["accsim.row_1.col_2.psum"] == 32
    assert found.widths["accsim.row_1.col_2.ifmap"] == 8
    assert found.widths["accsim.row_0.col_0.psum_valid"] == 1
    assert [found.at("accsim.clock", t) for t in found.times] == [1, 0, 1, 0, 0]
    assert [found.at("accsim.cycle", t) for t in (100, 150)] == [2, 3]
    assert [found.at("accsim.stalled", t) for t in (100, 150)] == [1, 0]
    assert [found.at("accsim.edge.ifmap_in_words", t) for t in (100, 150)] == [1, 0]
    assert [found.at("accsim.row_1.col_2.psum", t) for t in (100, 150)] == [-5, None]
    assert [found.at("accsim.row_1.col_2.psum_valid", t) for t in (100, 150)] == [1, 0]
    assert found.at("accsim.row_0.col_0.psum", 200) is None
    assert "$date" not in found.head


@settings(max_examples=25)
@given(data=st.data())
def test_any_registers_come_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    machine = load_accelerator("edge_8x8", ("array.rows=2", "array.cols=3"))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    start, length = data.draw(st.integers(0, 1000)), data.draw(st.integers(1, 6))
    shapes = {"ifmap": (2, 3), "held": (2, 3), "psum": (2, 3), "filter_spad": (2, 3, 4)}
    widths = {"ifmap": 8, "held": 8, "psum": 32, "filter_spad": 8}
    dumps = [
        Registers(
            cycle,
            {name: rng.integers(-3, 3, shape) << rng.integers(0, 40) for name, shape in shapes.items()},
            {name: rng.integers(0, 2, shape).astype(np.bool_) for name, shape in shapes.items()},
        )
        for cycle in range(start, start + length)
    ]
    window = Window(start, start + length)
    path = tmp_path_factory.mktemp("vcd") / "a.vcd.gz"
    network = load_network("alexnet", layers=["fc8"])
    found = dump(
        path, window, machine, network, Probe((), True, dumps, nothing_crosses(start + length)), "weight_stationary"
    )
    for one in dumps:
        for name, shape in shapes.items():
            for index in np.ndindex(*shape):
                word = "".join(f"_{i}" for i in index[2:])
                full = f"row_{index[0]}.col_{index[1]}.{name}{word}"
                assert found.widths[f"accsim.{full}"] == widths[name]
                assert found.at(f"accsim.{full}_valid", one.cycle * 50) == one.valid[name][index]
                half = 1 << (widths[name] - 1)
                wrapped = (int(one.values[name][index]) + half) % (2 * half) - half
                expected = wrapped if one.valid[name][index] else None
                assert found.at(f"accsim.{full}", one.cycle * 50) == expected


def test_only_changes_are_written(tmp_path: Path, machine: Accelerator, network: Network) -> None:
    held, known = np.full((2, 3), 7), np.ones((2, 3), dtype=np.bool_)
    probe = Probe((), True, [Registers(c, {"psum": held}, {"psum": known}) for c in range(9)], nothing_crosses(9))
    found = dump(tmp_path / "a.vcd", Window(0, 9), machine, network, probe)
    assert len(found.changes("accsim.row_0.col_0.psum")) == 1


def test_the_stationary_operand_gives_the_width(tmp_path: Path, network: Network) -> None:
    machine = load_accelerator(
        "edge_8x8", ("array.rows=1", "array.cols=1", "pe.weight_bits=5", "pe.activation_bits=11")
    )
    one = np.ones((1, 1), dtype=np.int64)
    for flow, bits in (("weight_stationary", 5), ("input_stationary", 11)):
        probe = Probe(
            (), True, [Registers(0, {"held": one, "load": one}, {"held": one > 0, "load": one > 0})], nothing_crosses(1)
        )
        found = dump(tmp_path / "a.vcd", Window(0, 1), machine, network, probe, flow)
        assert [found.widths[f"accsim.row_0.col_0.{name}"] for name in ("held", "load")] == [bits, bits]


def test_a_window_outside_the_run_states_its_length(tmp_path: Path, machine: Accelerator, network: Network) -> None:
    def run() -> None:
        with VcdTrace(str(tmp_path / "a.vcd"), Window(1000, 1200)) as trace:
            trace.begin(network, machine, load_dataflow("output_stationary"))
            trace.layer(ACTIVITY, stepped(812, Probe()))

    with pytest.raises(AccsimError) as caught:
        run()
    assert (
        str(caught.value)
        == "window 1000:1200 is outside the 812 array cycles of layer 'fc1' (waits for DRAM not counted)"
    )
    assert not list(tmp_path.iterdir())


def test_one_layer_must_be_chosen(tmp_path: Path, machine: Accelerator) -> None:
    def refused(layers: list[str]) -> str:
        trace = VcdTrace(str(tmp_path / "a.vcd"), Window(0, 1))
        with pytest.raises(InputError) as caught:
            trace.begin(load_network("alexnet", layers=layers), machine, load_dataflow("output_stationary"))
        return str(caught.value)

    assert refused(["fc6", "fc7", "fc8"]) == (
        "--vcd shows the registers of one layer with MACs, and 3 are run: choose one with --layers, such as "
        "--layers fc6; there are fc6, fc7, fc8"
    )
    assert refused(["pool1"]) == "--vcd shows the registers of a layer with MACs, and none of 'alexnet' is run"


def test_a_window_that_would_not_fit_in_memory_is_refused(tmp_path: Path, network: Network) -> None:
    machine = load_accelerator("systolic_32x32")
    most = MOST_WORDS // (32 * 32 * 5)
    for cycles in (most, most + 1):
        trace = VcdTrace(str(tmp_path / "a.vcd"), Window(7, 7 + cycles))
        if cycles == most:
            trace.begin(network, machine, load_dataflow("output_stationary"))
            continue
        with pytest.raises(InputError) as caught:
            trace.begin(network, machine, load_dataflow("output_stationary"))
        assert str(caught.value) == (
            f"--window 7:{7 + cycles}: systolic_32x32 has 5120 register words, and at most {MOST_WORDS} words are "
            f"dumped: {most} cycles"
        )


def test_missing_pyvcd_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vcd", None)
    with pytest.raises(AccsimError) as caught:
        require_pyvcd()
    assert str(caught.value) == "--vcd needs the package pyvcd: python -m pip install pyvcd"
