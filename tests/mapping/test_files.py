from __future__ import annotations

from pathlib import Path

import pytest

import accsim
from accsim.errors import InputError, MappingError
from accsim.mapping.mapping import RowStationaryMapping, SystolicMapping
from accsim.mapping.nest import Loop
from accsim.workload.layer import Operand


@pytest.fixture(scope="module")
def network() -> accsim.Network:
    return accsim.load_network("alexnet")


def write(folder: Path, text: str) -> Path:
    path = folder / "maps.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_row_stationary_entry(tmp_path: Path, network: accsim.Network) -> None:
    path = write(tmp_path, "conv1: {m: 96, n: 1, e: 7, p: 16, q: 1, r: 1, t: 2}\n")
    mapping = accsim.load_mappings(path, network, accsim.load_accelerator("eyeriss"))["conv1"]
    assert isinstance(mapping, RowStationaryMapping)
    assert (mapping.m, mapping.e, mapping.f, mapping.p, mapping.t) == (96, 7, 55, 16, 2)


def test_systolic_entry(tmp_path: Path, network: accsim.Network) -> None:
    text = "fc6:\n  loops: [[M, 256], [C, 64]]\n  hold: {buffer: {ifmap: 0, weight: 2}}\n"
    machine = accsim.load_accelerator("systolic_32x32")
    name = machine.buffers[0].name
    path = write(tmp_path, text.replace("buffer", name))
    mapping = accsim.load_mappings(path, network, machine)["fc6"]
    assert isinstance(mapping, SystolicMapping)
    assert mapping.loops == (Loop("M", 256), Loop("C", 64))
    assert mapping.depth(name, Operand.IFMAP) == 0
    assert mapping.depth(name, Operand.PSUM) == 2


def test_all_mistakes_at_once(tmp_path: Path, network: accsim.Network) -> None:
    text = (
        "conv9: {m: 96, n: 1, e: 7, p: 16, q: 1, r: 1, t: 2}\n"
        "conv1: {m: 0, n: one, e: 7, p: 16, q: 1, r: 1, t: 2, w: 3}\n"
        "conv2: {m: 64, n: 1, e: 27, p: 16, q: 2, r: 1}\n"
    )
    path = write(tmp_path, text)
    with pytest.raises(InputError) as error:
        accsim.load_mappings(path, network, accsim.load_accelerator("eyeriss"))
    assert error.value.mistakes == (
        f"{path}:1:1: alexnet has no layer with MACs called 'conv9'; did you mean 'conv5' or 'conv4' or 'conv3'?",
        f"{path}:2:12: conv1.m: must be at least 1, got 0",
        f"{path}:2:18: conv1.n: must be an integer, got 'one'",
        f"{path}:2:54: no key 'w' in conv1; expected one of dataflow, m, n, e, f, p, q, r, t",
        f"{path}:3:1: key 't' is missing in conv2",
    )


def test_systolic_mistakes(tmp_path: Path, network: accsim.Network) -> None:
    machine = accsim.load_accelerator("systolic_32x32")
    name = machine.buffers[0].name
    text = f"conv2:\n  loops: [[M, 64], [R, 2]]\n  hold:\n    {name}: {{ifmap: 3}}\n    l2: {{ifmap: 1}}\n"
    path = write(tmp_path, text)
    with pytest.raises(InputError) as error:
        accsim.load_mappings(path, network, machine)
    assert error.value.mistakes == (
        f"{path}:2:21: conv2.loops.1: must be one of G, N, M, C, P, Q, got 'R'",
        f"{path}:4:{len(name) + 15}: conv2.hold.{name}.ifmap: must be at most the number of loops, 2, got 3",
        f"{path}:5:10: conv2.hold.l2.ifmap: systolic_32x32 holds no ifmap in l2",
    )


def test_dataflow_of_the_other_family(tmp_path: Path, network: accsim.Network) -> None:
    path = write(tmp_path, "conv1: {dataflow: weight_stationary, loops: [[M, 8]]}\n")
    with pytest.raises(InputError) as error:
        accsim.load_mappings(path, network, accsim.load_accelerator("eyeriss"))
    assert error.value.mistakes == (
        f"{path}:1:1: conv1: dataflow weight_stationary does not run on the row_stationary array of eyeriss",
    )


def test_missing_file(network: accsim.Network) -> None:
    with pytest.raises(InputError, match=r"^file not found: nowhere\.yaml$"):
        accsim.load_mappings("nowhere.yaml", network, accsim.load_accelerator("eyeriss"))


def test_an_illegal_mapping_says_what_does_not_fit(tmp_path: Path, network: accsim.Network) -> None:
    path = write(tmp_path, "conv1: {m: 96, n: 1, e: 7, p: 16, q: 1, r: 2, t: 2}\n")
    with pytest.raises(MappingError) as error:
        accsim.estimate(network, "eyeriss", mapping=path)
    assert str(error.value) == (
        "the mapping given for layer 'conv1' is illegal: r*t = 4 PE sets of 11 x 7 do not fit the 12 x 14 array, which "
        "holds 2; use a smaller e, r or t"
    )


def test_tiles_that_exceed_the_buffer_are_refused_with_the_gap(tmp_path: Path, network: accsim.Network) -> None:
    path = write(tmp_path, "conv1: {m: 96, n: 1, e: 14, p: 16, q: 1, r: 1, t: 1}\n")
    with pytest.raises(MappingError) as error:
        accsim.estimate(network, "eyeriss", mapping=path)
    assert str(error.value) == (
        "the mapping given for layer 'conv1' is illegal: tiles of ifmap x1, psum x1 in glb need 176.0 KiB but only "
        "100.0 KiB are free (76.0 KiB too much)"
    )
