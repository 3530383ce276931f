"""One network on several machines: equal peaks, totals of what each can run, and slots that add up."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import accsim
from accsim.comparison import Comparison, compare
from accsim.comparison.equal import equalised, peak_macs_per_cycle
from accsim.comparison.machines import open_machines
from accsim.comparison.totals import Side
from accsim.errors import InputError
from accsim.hardware.reader import load_accelerator

MACHINES = ("edge_8x8", "eyeriss_v2", "scnn", "eie")


@cache
def found() -> Comparison:
    return compare("lenet_caffe", MACHINES, compress="lenet-deep-compression")


@pytest.fixture(params=["equal", "raw"])
def side(request: pytest.FixtureRequest) -> Side:
    chosen: Side = getattr(found(), request.param)
    return chosen


@pytest.mark.parametrize("name", ["eyeriss_v2", "scnn", "stripes", "bit_fusion"])
def test_machines_are_made_equal(name: str) -> None:
    """Same node, same MACs per second, same link; arrays and buffers stay."""
    reference, machine = load_accelerator("edge_8x8"), load_accelerator(name)
    equal = equalised(machine, reference)
    peaks = [peak_macs_per_cycle(one) * one.clock_mhz for one in (equal, reference)]
    assert peaks[0] == pytest.approx(peaks[1])
    assert (equal.node_nm, equal.voltage_v) == (reference.node_nm, reference.voltage_v)
    seconds = [one.dram.cycles(10**6, one.clock_mhz) / one.clock_mhz for one in (equal, reference)]
    assert seconds[0] == pytest.approx(seconds[1], rel=0.01)
    assert (equal.array, equal.pe, equal.buffers) == (machine.array, machine.pe, machine.buffers)


def test_the_first_machine_stays_as_it_is() -> None:
    reference = load_accelerator("edge_8x8")
    assert equalised(reference, reference) == reference


def test_layers_that_cannot_run_are_named(side: Side) -> None:
    cannot = {machine.accelerator.name: dict(machine.cannot) for machine in side.machines}
    assert cannot["edge_8x8"] == cannot["eyeriss_v2"] == {}
    assert set(cannot["scnn"]) == {"ip1", "ip2"}
    assert set(cannot["eie"]) == {"conv1", "conv2"}
    assert cannot["eie"]["conv1"] == "a convolution: the machine multiplies a matrix by vectors"


def test_common_layers_are_totalled(side: Side) -> None:
    assert [(subset.layers, subset.machines) for subset in side.subsets] == [
        (("conv1", "conv2"), ("edge_8x8", "eyeriss_v2", "scnn")),
        (("ip1", "ip2"), ("edge_8x8", "eyeriss_v2", "eie")),
    ]
    for machine in side.machines:
        parts = [compressed.latency_ms for _, compressed, _ in machine.subsets]
        assert sum(parts) == pytest.approx(machine.compressed.latency_ms)
        assert sum(dense.energy for _, _, dense in machine.subsets) == pytest.approx(machine.dense.energy)


def test_what_did_not_arrive_adds_up(side: Side) -> None:
    for machine in side.machines:
        slots = machine.slots
        assert slots.effectual + sum(n for _, n in slots.lost) == pytest.approx(slots.total)
        assert machine.ideal > 1
        assert machine.arrived == pytest.approx((machine.speed_up - 1) / (machine.ideal - 1))
        assert machine.speed_up == pytest.approx(machine.dense.latency_ms / machine.compressed.latency_ms)
        assert machine.compressed.effectual_macs < machine.dense.effectual_macs <= machine.dense.macs


def test_a_machine_that_skips_nothing_gains_nothing_on_its_array(side: Side) -> None:
    dense = side.machines[0].to_dict()
    assert dense["hardware"] == "edge_8x8"
    assert dense["processing_speed_up"] == 1
    assert dense["slots"]["lost"]["multiplied_zeros"] > 0


def test_the_ideal_is_of_real_zeros_where_there_are_values() -> None:
    """Half of the ifmap channels and half of the weights zero, in all pairings: a quarter of the products is left."""
    ifmap, weight = np.ones((1, 20, 12, 12), np.int8), np.ones((50, 20, 5, 5), np.int8)
    ifmap[:, ::2] = 0
    weight[:, :, :, :] = (np.arange(20) % 4 < 2)[None, :, None, None]
    result = compare(
        "lenet_caffe", ["eyeriss_v2"], layers=["conv2"], tensors={"conv2": {"ifmap": ifmap, "weight": weight}}
    )
    assert result.values == "real"
    assert result.recipe is None
    assert result.equal.machines[0].ideal == pytest.approx(4)


def test_plain_data_has_both_sides() -> None:
    data = found().to_dict()
    assert (data["kind"], data["workload"], data["recipe"]) == ("comparison", "lenet_caffe", "lenet-deep-compression")
    assert [machine["hardware"] for machine in data["raw"]["machines"]] == list(MACHINES)
    assert data["equal"]["machines"][1]["dense_bits"] == {"weight": 8, "activation": 8}
    assert data["equal"]["statement"].startswith("every machine at 45 nm, clocked for the 12.8 GMAC/s of edge_8x8")


def test_mistakes() -> None:
    with pytest.raises(InputError) as twice:
        compare("lenet_caffe", ["scnn", "eie", "scnn"])
    assert str(twice.value) == "machines are told apart by name; named twice: scnn"
    with pytest.raises(InputError) as none:
        compare("lenet_caffe", ["eie"], layers=["conv*"])
    assert str(none.value) == (
        "eie can run no layer of lenet_caffe: a convolution: the machine multiplies a matrix by vectors"
    )
    with pytest.raises(InputError) as nothing:
        compare("lenet_caffe", [])
    assert str(nothing.value) == "a comparison needs at least one machine"


def test_layers_that_fit_no_buffer_are_named_and_left_out() -> None:
    """5 x 5 windows need 832 bits of a buffer of 512; fully connected layers are run."""
    made = compare("lenet_caffe", ["edge_8x8", "eie"], overrides=["edge_8x8:levels.buffer.size=64 B"])
    for side in (made.equal, made.raw):
        small, eie = side.machines
        assert small.layers == eie.layers == ("ip1", "ip2")
        assert [name for name, _ in small.cannot] == ["conv1", "conv2"]
        assert small.cannot[0][1] == (
            "does not fit edge_8x8 under output_stationary, even in its smallest tiles: tiles of ifmap x2, weight x2, "
            "psum x1 in buffer need 832 bits but only 512 bits are free (320 bits too much); a larger buffer or "
            "scratchpad, narrower operands or fewer copies of a tile would fix it"
        )
        assert [(subset.layers, subset.machines) for subset in side.subsets] == [
            (("ip1", "ip2"), ("edge_8x8", "eie")),
        ]
        assert side.absent == ()


def test_a_machine_with_no_layer_left_is_named_and_stops_nothing() -> None:
    made = compare("lenet_caffe", ["edge_8x8", "eie"], layers=["conv*"])
    for side in (made.equal, made.raw):
        assert [machine.accelerator.name for machine in side.machines] == ["edge_8x8"]
        assert side.absent == (
            ("eie", "eie can run no layer of lenet_caffe: a convolution: the machine multiplies a matrix by vectors"),
        )
    assert made.to_dict()["raw"]["absent"][0]["hardware"] == "eie"


def test_changes_are_for_all_machines_or_for_one() -> None:
    first, second = open_machines(
        ["edge_8x8", "tpu_v1"], ["array.rows=4", "tpu_v1:array.cols=16", "tpu_v1:array.rows=2"]
    )
    assert (first.array.rows, first.array.cols) == (4, load_accelerator("edge_8x8").array.cols)
    assert (second.array.rows, second.array.cols) == (2, 16)


def test_mistakes_in_changes_name_the_machine() -> None:
    with pytest.raises(InputError) as wrong:
        open_machines(
            ["edge_8x8", "eie"], ["edge_8x9:clock=2 MHz", "gpu:clock=2 MHz", "eie:levels.gbl.size=2", "array.rowz=3"]
        )
    assert wrong.value.mistakes == (
        "--set edge_8x9:clock=2 MHz: edge_8x9 is none of the machines compared; did you mean 'edge_8x8'?",
        "--set gpu:clock=2 MHz: gpu is none of the machines compared; they are edge_8x8, eie",
        "edge_8x8: --set array.rowz=3: no key 'rowz' in array; did you mean 'rows'?",
        "eie: --set levels.gbl.size=2: no item 'gbl' in levels; it has dram, spmat, act, accumulator, vector",
    )
    with pytest.raises(InputError) as given:
        open_machines([load_accelerator("eie")], ["clock=2 MHz"])
    assert str(given.value) == "--set clock=2 MHz: eie was given as it is; only files can be changed"


def test_a_vector_unit_that_takes_longest_is_the_bound() -> None:
    """A hundred million operations on eight lanes: the array and the link wait."""
    network = accsim.load_network("lenet_caffe")
    layers = tuple(replace(la, residual=(("scale", 10**8),)) if la.name == "ip2" else la for la in network.layers)
    made = compare(replace(network, layers=layers), ["edge_8x8"], layers=["ip*"])
    (machine,) = made.raw.machines
    assert machine.compressed.bound == "vector"
    assert machine.compressed.latency_ms == pytest.approx(10**8 / 8 / 200e3, rel=0.1)
    assert machine.compressed.waiting + machine.compressed.vector_waiting < 1
