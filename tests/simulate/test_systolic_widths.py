"""Layer by layer: widths of a compressed network on systolic PEs whose time follows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accsim import estimate
from accsim.energy.prices import price_list
from accsim.energy.reader import load_table
from accsim.energy.sizes import PE_LEVEL
from accsim.hardware.accelerator import Accelerator
from accsim.hardware.datapath import Datapath, DatapathKind
from accsim.hardware.reader import load_accelerator
from accsim.mapping.mapping import NEST_OPERANDS, SystolicMapping
from accsim.simulate.activity import Action, Activity
from accsim.simulate.network import simulate_mac
from accsim.simulate.stepped.layer import simulate_mac_stepped
from accsim.simulate.stepped.machine import Operands
from accsim.workload.layer import TensorStatistics
from accsim.workload.network import Network
from tests.simulate.inner_product.machines import conv, mac_task, square
from tests.simulate.systolic_cases import SHIPPED_FLOWS

K = DatapathKind
BASE = load_accelerator("systolic_32x32")
BASE = replace(BASE, array=replace(BASE.array, stationary_buffers=1))
G = square(8, 6, 8)
HOLD = tuple((level.name, o, 0) for o in NEST_OPERANDS for level in BASE.buffers if o in level.operands)


def machine(path: Datapath, bits: int = 8) -> Accelerator:
    """The array with these PEs."""
    return replace(BASE, pe=replace(BASE.pe, datapath=path, weight_bits=bits, activation_bits=bits))


def run(path: Datapath, a: int | None, w: int | None, flow: str = "weight_stationary") -> Activity:
    """A layer with operands of these widths, counted and stepped alike."""
    source, acc = np.random.default_rng(0), machine(path)
    layer = conv(G, a, w)
    half, part = 1 << ((a or 8) - 1), 1 << ((w or 8) - 1)
    words = Operands(
        source.integers(-half, half, (1, 8, 6, 6)).astype(np.int32),
        source.integers(-part, part, (8, 8, 3, 3)).astype(np.int32),
    )
    task = mac_task(layer, acc, {"ifmap": words.ifmap, "weight": words.weight})
    one = SystolicMapping(SHIPPED_FLOWS[flow], (), HOLD)
    counted = simulate_mac(task, acc, one)
    assert simulate_mac_stepped(task, acc, one, words).activity == counted
    begun = counted.macs + sum(n for _, n in counted.idle_slots)
    assert begun == acc.array.pes * counted.cycles.total
    return counted


@pytest.mark.parametrize("flow", SHIPPED_FLOWS)
def test_every_layer_takes_the_cycles_of_its_own_widths(flow: str) -> None:
    serial = {bits: run(Datapath(K.ACTIVATION_SERIAL), bits, 8, flow) for bits in (2, 4, 8)}
    cycles = [serial[bits].cycles.compute for bits in (2, 4, 8)]
    assert 2 * (cycles[1] - cycles[0]) == cycles[2] - cycles[1] > 0  # skew is the same, streams follow the bits
    steps = [sum(c.accesses for c in one.counts if c.action is Action.STEP) for one in serial.values()]
    assert steps == [bits * G.macs for bits in (2, 4, 8)]
    unary = [run(Datapath(K.UNARY), bits, 8, flow).cycles.compute for bits in (2, 3, 4)]
    assert 2 * (unary[1] - unary[0]) == unary[2] - unary[1]  # a stream ends after 2^n cycles
    whole = [run(Datapath(), bits, 8, flow).cycles for bits in (2, 8)]
    assert whole[0] == whole[1]


def test_a_ternary_pe_is_gated_by_its_weight() -> None:
    acc = machine(Datapath(K.TERNARY))
    acc = replace(acc, pe=replace(acc.pe, weight_bits=2))
    weight = np.tile(np.array([-1, 0, 1, 0], np.int32), G.weight_words // 4).reshape(8, 8, 3, 3)
    layer = replace(conv(G, 8, 2), weight_statistics=TensorStatistics(bits=2, code="ternary"))
    words = Operands(np.ones((1, 8, 6, 6), np.int32), weight)
    task = mac_task(layer, acc, {"ifmap": words.ifmap, "weight": weight})
    for flow in SHIPPED_FLOWS.values():
        one = SystolicMapping(flow, (), HOLD)
        counted = simulate_mac(task, acc, one)
        assert simulate_mac_stepped(task, acc, one, words).activity == counted
        macs = {c.action: c.accesses for c in counted.counts if c.level == "pe"}
        assert macs == {Action.MAC: G.macs // 2, Action.GATED_MAC: G.macs // 2}


def test_the_search_and_the_result_follow_the_widths_of_each_layer() -> None:
    first = replace(conv(G, 8, 8), name="first")
    second = replace(conv(G, 2, 8), name="second", inputs=("first",))
    found = estimate(Network("mixed", (first, second), (8, 6, 6)), machine(Datapath(K.ACTIVATION_SERIAL)))
    cycles = [one.activity.cycles.compute for one in found.estimates]
    assert cycles[0] > 3 * cycles[1]


def test_a_compressed_network_is_not_said_to_gain_nothing() -> None:
    said = "codes narrower than the machine's operands"
    serial, whole = (
        estimate("lenet_caffe", machine(path), compress="lenet-deep-compression", layers=["conv2"]).to_dict()
        for path in (Datapath(K.ACTIVATION_SERIAL), Datapath())
    )
    assert not any(said in one for one in serial["not_modelled"])
    assert any(said in one for one in whole["not_modelled"])


def test_a_layer_whose_weights_the_pes_cannot_take_is_named() -> None:
    acc = machine(Datapath(K.XNOR), 1)
    layer = conv(G, 8, 8)
    said = "its weight words have 8 bits, and the xnor PEs of systolic_32x32 take at most 1"
    with pytest.raises(Exception, match=f"layer 'conv' cannot run on systolic_32x32: {said}"):
        estimate(Network("one", (layer,), layer.input_shapes[0]), acc)


@pytest.mark.parametrize(("bits", "serial", "parallel"), [(8, 2.345, 0.314), (16, 6.989, 0.638)])
def test_a_serial_systolic_pe_costs_more_for_a_mac_than_a_multiplier(bits: int, serial: float, parallel: float) -> None:
    """32 nm synthesis of diwu1990/uSystolic-Sim, power / 168 PEs / 400 MHz x cycles of a MAC."""
    table = load_table("bit_serial_32nm")
    acc = replace(machine(Datapath(K.ACTIVATION_SERIAL), bits), node_nm=32.0, voltage_v=0.85)
    plain = replace(acc, pe=replace(acc.pe, datapath=Datapath()))
    prices = price_list(acc, table)
    step = sum(prices.price(PE_LEVEL, action).per_access for action in (Action.STEP, Action.ACCUMULATE))
    assert step * bits == pytest.approx(serial, rel=1e-3)
    assert price_list(plain, table).price(PE_LEVEL, Action.MAC).per_access == pytest.approx(parallel, rel=1e-3)
