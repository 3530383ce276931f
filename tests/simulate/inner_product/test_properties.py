"""What must hold on any layer: slots, zeros, bits, signs, energy."""

from __future__ import annotations

import re
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim import estimate
from accsim.energy.price import price
from accsim.energy.prices import price_list
from accsim.energy.reader import load_table
from accsim.energy.scaling import energy_factor
from accsim.energy.sizes import PE_LEVEL
from accsim.errors import AccsimError
from accsim.hardware.accelerator import Accelerator
from accsim.hardware.datapath import Datapath, DatapathKind
from accsim.hardware.reader import load_accelerator
from accsim.kernels.accumulator import Accumulator
from accsim.kernels.dense import convolve
from accsim.simulate.activity import Action, Activity
from accsim.simulate.stepped.layer import simulate_mac_stepped
from accsim.simulate.stepped.machine import Operands
from accsim.workload.layer import TensorStatistics
from accsim.workload.network import Network
from tests.simulate.inner_product.machines import conv, mac_task, mapping, run, square, tile
from tests.strategies import conv_geometries

K = DatapathKind
SERIAL = (K.ACTIVATION_SERIAL, K.DYNAMIC_PRECISION, K.BOTH_SERIAL, K.TERM_SERIAL, K.BOTH_TERMS)
TABLE = load_table("horowitz_45nm")


def energy(activity: Activity, machine: Accelerator) -> float:
    """Of the PEs and everything else."""
    return price(activity, machine, TABLE).energy


@pytest.mark.parametrize("kind", [*SERIAL, K.FUSED_BRICKS, K.BIT_PARALLEL])
@settings(max_examples=15, deadline=None)
@given(g=conv_geometries(), bits=st.integers(2, 7), low=st.integers(1, 6), density=st.sampled_from([None, 0.3, 1.0]))
def test_more_bits_never_take_fewer_cycles_or_less_energy(
    kind: K, g: Any, bits: int, low: int, density: float | None
) -> None:
    low = min(low, bits)
    machine = tile(4, 2, 4, datapath=Datapath(kind))
    results = []
    for a, w in ((low, low), (bits, low), (bits, bits)):
        layer = conv(g, a, w)
        layer = replace(layer, ifmap_statistics=TensorStatistics(density, bits=a))
        activity = run(layer, machine)
        slots = prod((4, 2, 4)) * activity.macs_per_pe * activity.cycles.total
        assert activity.macs + sum(n for _, n in activity.idle_slots) == slots
        assert all(n >= 0 for _, n in activity.idle_slots)
        results.append((activity.cycles.compute, energy(activity, machine)))
    assert results == sorted(results)
    assert [e for _, e in results] == sorted(e for _, e in results)
    assert all(e >= 0 for _, e in results)


@settings(max_examples=30, deadline=None)
@given(g=conv_geometries(), seed=st.integers(0, 2**32 - 1))
def test_effectual_macs_are_no_more_than_dense_and_gating_saves_energy_alone(g: Any, seed: int) -> None:
    source = np.random.default_rng(seed)
    ifmap = source.integers(0, 3, (g.N, g.C, g.H, g.W))
    weight = source.integers(-2, 3, (g.M, g.channels_per_group, g.R, g.S))
    values = {"ifmap": ifmap, "weight": weight}
    plain, gated = tile(4, 2, 4), tile(4, 2, 4, zero_gating=True)
    one, other = run(conv(g, 4, 4), plain, values), run(conv(g, 4, 4), gated, values)
    assert one.cycles == other.cycles
    assert energy(other, gated) <= energy(one, plain)
    assert other.effectual_macs <= other.macs == g.macs


@settings(max_examples=30, deadline=None)
@given(g=conv_geometries())
def test_a_density_of_one_is_dense(g: Any) -> None:
    """Where every magnitude has all its bits, dynamic precision takes what static precision does."""
    ones = {
        "ifmap": np.full((g.N, g.C, g.H, g.W), 15),
        "weight": np.full((g.M, g.channels_per_group, g.R, g.S), 7),
    }
    padded = g.pad_top or g.pad_bottom or g.pad_left or g.pad_right
    static = run(conv(g, 4, 4), tile(4, 2, 4, datapath=Datapath(K.ACTIVATION_SERIAL)), ones)
    dynamic = run(conv(g, 4, 4), tile(4, 2, 4, datapath=Datapath(K.DYNAMIC_PRECISION)), ones)
    assert dynamic.cycles.compute <= static.cycles.compute
    if not padded:
        assert dynamic.cycles == static.cycles


@settings(max_examples=20, deadline=None)
@given(g=conv_geometries(), seed=st.integers(0, 2**32 - 1))
def test_xnor_is_one_bit_planes_is_dense_signs(g: Any, seed: int) -> None:
    g = replace(g, H=g.H + g.pad_top + g.pad_bottom, W=g.W + g.pad_left + g.pad_right,
                pad_top=0, pad_bottom=0, pad_left=0, pad_right=0)  # fmt: skip
    source = np.random.default_rng(seed)
    ifmap = source.choice([-1, 1], (g.N, g.C, g.H, g.W))
    weight = source.choice([-1, 1], (g.M, g.channels_per_group, g.R, g.S))
    layer, operands = conv(g, 1, 1), Operands(ifmap.astype(np.int32), weight.astype(np.int32))
    golden = convolve(
        operands.ifmap, operands.weight, Accumulator(48, 0), groups=g.G, stride=(g.stride_h, g.stride_w),
        dilation=(g.dilation_h, g.dilation_w),
    ).values  # fmt: skip
    cycles = []
    for path in (Datapath(K.XNOR), Datapath(K.BOTH_SERIAL, sign_cycle=False), Datapath()):
        widths = {"weight_bits": 1, "activation_bits": 1} if path.kind is K.XNOR else {}
        machine = tile(4, 2, 8, datapath=path, **widths)
        task = mac_task(layer, machine, {"ifmap": ifmap, "weight": weight})
        seen = simulate_mac_stepped(task, machine, mapping(machine), operands)
        np.testing.assert_array_equal(seen.outputs, golden)
        cycles.append(seen.activity.cycles.compute)
    assert len(set(cycles)) == 1


def test_a_zero_weight_gates_its_add_on_a_ternary_machine_and_takes_its_cycle() -> None:
    g = square(8, 6, 8)
    weight = np.tile(np.array([-1, 0, 1, 0]), g.weight_words // 4).reshape(8, 8, 3, 3)
    machine = tile(4, 1, 8, datapath=Datapath(K.TERNARY), weight_bits=2)
    activity = run(conv(g, 8, 2), machine, {"weight": weight})
    macs = {c.action: c.accesses for c in activity.counts if c.level == "pe"}
    assert macs == {Action.MAC: g.macs // 2, Action.GATED_MAC: g.macs // 2}
    assert activity.cycles.compute == 36 * 2 * 9


def test_words_of_a_binary_product_are_taken_in_one_by_one() -> None:
    """K - 2 popcount(a xor w) takes a word of W lanes a cycle: ceil(K / W) for each output of a row."""
    for k in (1, 31, 32, 33, 100):
        machine = tile(1, 1, 32, datapath=Datapath(K.XNOR), weight_bits=1, activation_bits=1)
        assert run(conv(square(k, 1, 1, 1, 0), 1, 1), machine).cycles.compute == -(-k // 32)


def test_n_of_m_weights_take_their_share_of_the_lanes() -> None:
    source = np.random.default_rng(0)
    weight = source.integers(1, 5, (16, 64, 3, 3))
    weight[:, 1::4] = weight[:, 3::4] = 0
    ifmap = source.integers(0, 5, (1, 64, 8, 8))
    core, g = tile(16, 8, 16, datapath=Datapath(n=2, m=4)), square(64, 8, 16)
    sparse = run(conv(g, 8, 8), core, {"ifmap": ifmap, "weight": weight})
    dense = run(conv(g, 8, 8), core, {"ifmap": ifmap, "weight": np.where(weight == 0, 1, weight)})
    fewer_pixels = run(conv(g, 8, 8), core, {"ifmap": ifmap * 0, "weight": weight})
    assert 2 * sparse.cycles.compute == dense.cycles.compute == 8 * 9 * 4
    assert fewer_pixels.cycles == sparse.cycles
    assert sparse.begun_macs == dense.macs // 2
    task = mac_task(conv(g, 8, 8), core, {"ifmap": ifmap, "weight": weight})
    words = Operands(ifmap.astype(np.int32), weight.astype(np.int32))
    stepped = simulate_mac_stepped(task, core, mapping(core), words)
    assert (stepped.activity.cycles, stepped.activity.counts) == (sparse.cycles, sparse.counts)
    assert dense.notes == ("its weights are not 2 of 4: every one takes a lane",)


def test_a_shift_pe_takes_powers_of_two() -> None:
    weight = np.array([[[[4]], [[3]]]], np.int32)
    core, words = tile(1, 1, 2, datapath=Datapath(K.SHIFT)), Operands(np.ones((1, 2, 1, 1), np.int32), weight)
    task = mac_task(conv(square(2, 1, 1, 1, 0), 4, 4), core, {"weight": weight})
    said = (
        "the shift PEs of tile take weights that are 0 or a power of two, and weight[0, 1, 0, 0] is 3; quantise the "
        "weights to powers of two"
    )
    with pytest.raises(AccsimError, match=f"^{re.escape(said)}$"):
        simulate_mac_stepped(task, core, mapping(core), words)


def _edge(bits: int, path: K) -> tuple[float, float]:
    """Energy of an edge of a lane and of an accumulator at the node of the synthesised PEs."""
    base = load_accelerator("stripes")
    wide = replace(base.pe, weight_bits=bits, activation_bits=bits, datapath=Datapath(path))
    prices = price_list(replace(base, pe=wide, node_nm=32.0, voltage_v=0.85), load_table("bit_serial_32nm"))
    lane, total = (prices.price(PE_LEVEL, action).per_access for action in (Action.STEP, Action.ACCUMULATE))
    return lane, total


def test_a_serial_pe_costs_more_for_a_mac_than_a_parallel_one() -> None:
    """32 nm synthesis of diwu1990/uSystolic-Sim: 2.345 against 0.314 pJ at 8 bits, 6.989 against 0.638 at 16."""
    table = load_table("bit_serial_32nm")
    for bits, serial, parallel in ((8, 2.345, 0.314), (16, 6.989, 0.638)):
        assert sum(_edge(bits, K.ACTIVATION_SERIAL)) * bits == pytest.approx(serial, rel=1e-3)
        base = load_accelerator("stripes")
        wide = replace(base.pe, weight_bits=bits, activation_bits=bits, datapath=Datapath())
        plain = replace(base, pe=wide, node_nm=32.0, voltage_v=0.85)
        assert price_list(plain, table).price(PE_LEVEL, Action.MAC).per_access == pytest.approx(parallel, rel=1e-3)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_lane_is_one_of_the_tree_s_adders_and_its_operand_s_registers(bits: int) -> None:
    """Horowitz's adders (45 nm, 0.9 V) and Aladdin's register (40 nm, 0.00846 pJ a bit), at 32 nm and 0.85 V."""
    rule = load_table("bit_serial_32nm").node_rule
    assert rule is not None
    adder = {8: 0.03, 16: 0.05}[bits] * energy_factor(rule, 32, 0.85) / energy_factor(rule, 45, 0.9)
    register = 0.00846 * energy_factor(rule, 32, 0.85) / energy_factor(rule, 40, 0.85)
    assert _edge(bits, K.ACTIVATION_SERIAL)[0] == pytest.approx(adder + bits * register, rel=1e-3)
    one_bit = 0.00375 * energy_factor(rule, 32, 0.85) / energy_factor(rule, 45, 0.9)
    assert _edge(bits, K.BOTH_SERIAL)[0] == pytest.approx(one_bit + 2 * register, rel=1e-3)


@given(bits=st.integers(2, 32))
def test_lanes_and_accumulators_never_cost_less_with_more_bits(bits: int) -> None:
    for path in (K.ACTIVATION_SERIAL, K.BOTH_SERIAL):
        for narrow, wide in zip(_edge(bits - 1, path), _edge(bits, path), strict=True):
            assert 0 < narrow <= wide


def test_an_accumulator_is_charged_once_for_all_its_lanes() -> None:
    """4 filters of 8 inputs on 2 rows of 4 lanes, 3 bits: 2 x 2 folds, each 3 edges of 2 accumulators and 8 lanes."""
    machine = tile(2, 1, 4, datapath=Datapath(K.ACTIVATION_SERIAL))
    layer = conv(square(8, 1, 4, 1, 0), 3, 16)
    counts = {c.action: c.accesses for c in run(layer, machine).counts if c.level == PE_LEVEL}
    assert (counts[Action.STEP], counts[Action.ACCUMULATE]) == (2 * 2 * 3 * 8, 2 * 2 * 3 * 2)


def test_bit_operations_of_a_mixed_precision_network() -> None:
    """CNV_2W2A: 1,345,500 MACs of 8 x 2 bits and 35,615,771 of 2 x 2 (fastmachinelearning/qonnx README)."""
    first = replace(conv(square(1345500, 1, 1, 1, 0), 8, 2), name="first")
    rest = replace(conv(square(35615771, 1, 1, 1, 0), 2, 2), name="rest", inputs=("first",))
    for hardware in ("bit_fusion", "dadiannao"):
        layers = [estimate(Network("cnv", (one,), one.input_shapes[0]), hardware).to_dict() for one in (first, rest)]
        assert sum(one["totals"]["bit_operations"] for one in layers) == 163991084


def test_a_layer_that_the_pes_cannot_hold_is_named() -> None:
    layer = conv(square(16, 8, 16), 8, 8)
    with pytest.raises(Exception, match="layer 'conv' cannot run on xnor_32x32: its weight words have 8 bits, and the "
                       "xnor PEs of xnor_32x32 take at most 1"):  # fmt: skip
        estimate(Network("one", (layer,), layer.input_shapes[0]), "xnor_32x32")
