"""Compressed networks on machines that follow their codes: weights as they are stored, and what codes leave to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accsim.hardware.datapath import Datapath, DatapathKind
from accsim.hardware.off_chip import WeightDecoder
from accsim.pipeline import estimate
from accsim.simulate.activity import Action, Activity
from accsim.simulate.network import simulate_mac, tasks
from accsim.simulate.residency import plan
from accsim.simulate.stepped.layer import simulate_mac_stepped
from accsim.simulate.stepped.machine import Operands
from accsim.workload.layer import Operand, TensorStatistics
from accsim.workload.network import Network
from tests.simulate.inner_product.machines import conv, mapping, square, tile
from tests.strategies import change

G = square(32, 8, 32)
STORED = TensorStatistics(0.25, "a test", 8, "uniform", "bitmap+huffman", 20_000)


def counted(decoder: WeightDecoder | None) -> tuple[Activity, Activity]:
    """A layer with pruned weights, counted and stepped; the channel moves 64 bits a cycle."""
    layer = replace(conv(G, 8), weight_statistics=STORED)
    machine = change(tile(8, 8, 8), dram={"weight_decoder": decoder, "width_bits": 64})
    network = Network("one", (layer,), layer.input_shapes[0])
    task, one = tasks(network, machine, plan(network, machine), {})["conv"], mapping(machine)
    words = Operands(np.ones((1, 32, 8, 8), np.int32), np.ones((32, 32, 3, 3), np.int32))
    return simulate_mac(task, machine, one), simulate_mac_stepped(task, machine, one, words).activity


def bits(activity: Activity, action: Action) -> int:
    """Bits of weights at the off-chip memory."""
    return sum(c.bits for c in activity.counts if (c.level, c.operand, c.action) == ("dram", Operand.WEIGHT, action))


def test_weights_move_as_they_are_stored_where_there_is_a_decoder() -> None:
    plain, _ = counted(None)
    coded, stepped = counted(WeightDecoder(("bitmap", "huffman"), 1000))
    assert bits(plain, Action.READ) == G.weight_words * 8
    assert bits(coded, Action.READ) == 20_000
    assert bits(coded, Action.DECODE) == G.weight_words * 8
    assert coded.cycles.total < plain.cycles.total
    assert (coded.cycles, coded.counts) == (stepped.cycles, stepped.counts)
    weight = next(t for t in coded.tensors if t.operand is Operand.WEIGHT)
    assert (weight.encoding, weight.stored_bits) == ("bitmap+huffman", 20_000)


def test_a_decoder_that_does_not_know_the_encoding_passes_dense_words() -> None:
    assert bits(counted(WeightDecoder(("bitmap",), 1000))[0], Action.READ) == G.weight_words * 8


def test_a_decoder_gives_so_many_words_a_cycle() -> None:
    """9216 weights at one a cycle take longer than their 313 beats; four times as fast takes a quarter."""
    (slow, stepped), (fast, _) = counted(WeightDecoder((), 1)), counted(WeightDecoder((), 4))
    assert slow.cycles == stepped.cycles
    assert slow.cycles.total - fast.cycles.total == 9216 - 2304


@pytest.mark.slow
@pytest.mark.parametrize("name", ["xnor_32x32", "bit_fusion"])
def test_what_binary_codes_leave_to_do_is_counted_in_the_vector_unit(name: str) -> None:
    result = estimate("alexnet", name, compress="alexnet-bnn-w1a1", layers=["conv2", "conv3"])
    for one in result.estimates:
        layer = next(la for la in result.network.layers if la.name == one.activity.layer)
        ops = sum(r.count.accesses for r in one.rows if r.count.action is Action.OP)
        assert ops == sum(n for _, n in layer.residual)
    weights = [dict(zip("wa", (t.bits for t in e.activity.tensors), strict=False)) for e in result.estimates]
    assert weights == [{"w": 1, "a": 1}] * 2
    assert not any("make nothing faster" in said for said in result.to_dict()["not_modelled"])


@pytest.mark.slow
def test_the_first_layer_of_a_binary_network_does_not_fit_an_xnor_array() -> None:
    with pytest.raises(
        Exception,
        match="layer 'conv1' cannot run on xnor_32x32: its weights are float codes, and the "
        "PEs of xnor_32x32 take binary ones",
    ):
        estimate("alexnet", "xnor_32x32", compress="alexnet-bnn-w1a1", layers=["conv2", "conv1"])


@pytest.mark.parametrize(
    ("kind", "code", "bits"),
    [
        ("activation_serial", "uniform", 4),
        ("activation_serial", "ternary", 4),
        ("activation_serial", "codebook", 16),  # a place in a table is no number to multiply with
        ("activation_serial", "power_of_two", 16),
        ("activation_serial", "planes", 16),
        ("codebook", "codebook", 4),
        ("codebook", "power_of_two", 16),
        ("shift", "power_of_two", 4),
    ],
)
def test_codes_that_are_no_numbers_are_written_out_unless_the_datapath_is_made_for_them(
    kind: str, code: str, bits: int
) -> None:
    machine = tile(8, 8, 8)
    pe = replace(machine.pe, datapath=Datapath(DatapathKind(kind), codebook_words=16), weight_bits=16)
    machine = replace(machine, pe=pe)
    layer = replace(conv(G, 8), weight_statistics=TensorStatistics(1.0, "a test", 4, code))
    network = Network("one", (layer,), layer.input_shapes[0])
    task = tasks(network, machine, plan(network, machine), {})["conv"]
    assert task.machine(machine).pe.weight_bits == bits
