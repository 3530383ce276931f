"""The stepped tile against the counted one, and its sums against the golden kernel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import InitialPsum
from accsim.hardware.datapath import Datapath, DatapathKind, Digits
from accsim.kernels.accumulator import Accumulator
from accsim.kernels.dense import convolve
from accsim.mapping.dataflow import TiledDataflow
from accsim.mapping.task import Task, violations
from accsim.simulate.network import simulate_mac
from accsim.simulate.stepped.layer import simulate_mac_stepped
from accsim.simulate.stepped.machine import Operands
from accsim.workload.layer import TensorStatistics
from tests.simulate.inner_product.machines import FLOW, conv, mac_task, mapping, tile
from tests.strategies import bound, conv_geometries

K = DatapathKind
DATAPATHS = (
    Datapath(),
    Datapath(K.ACTIVATION_SERIAL),
    Datapath(K.ACTIVATION_SERIAL, serial_bits=3, sign_cycle=True),
    Datapath(K.DYNAMIC_PRECISION),
    Datapath(K.DYNAMIC_PRECISION, serial_bits=2, trim_low=True),
    Datapath(K.BOTH_SERIAL),
    Datapath(K.UNARY),
    Datapath(K.TERM_SERIAL, shift_bits=0),
    Datapath(K.TERM_SERIAL),
    Datapath(K.TERM_SERIAL, digits=Digits.BOOTH, shift_bits=0),
    Datapath(K.TERM_SERIAL, digits=Digits.BOOTH),
    Datapath(K.BOTH_TERMS),
    Datapath(K.BOTH_TERMS, digits=Digits.BOOTH),
    Datapath(K.FUSED_BRICKS, fused_bits=4),
    Datapath(K.FUSED_BRICKS, fused_bits=8),
    Datapath(K.OUTLIER_LANE, normal_bits=2, outlier_group=2),
    Datapath(K.OUTLIER_LANE, normal_bits=3, outlier_group=3),
    Datapath(K.TERNARY),
    Datapath(K.SHIFT),
    Datapath(K.CODEBOOK, codebook_words=8),
    Datapath(n=1, m=3),
    Datapath(n=2, m=4),
    Datapath(n=2, m=3),
)
FLOWS = (
    FLOW,
    replace(FLOW, lanes=("R", "S", "C"), folds=("cols", "lanes", "G", "rows")),
    replace(FLOW, cols=("P", "Q"), folds=("G", "rows", "R", "S", "lanes", "N", "cols")),
    replace(FLOW, first_lanes=("S", "C"), folds=("rows", "G", "cols", "S", "R", "lanes")),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Any, ...]:
    """A small layer with values of a few bits, a machine, and tiles."""
    g = draw(conv_geometries(largest=6))
    path = draw(st.sampled_from(DATAPATHS))
    a_bits, w_bits = draw(st.integers(2, 6)), draw(st.integers(2, 6))
    source = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    low = draw(st.sampled_from([0, -(1 << (a_bits - 1))]))
    ifmap = source.integers(low, 1 << (a_bits - 1 if low else a_bits), (g.N, g.C, g.H, g.W))
    ifmap *= source.random(ifmap.shape) < draw(st.sampled_from([0.2, 1.0]))
    if path.kind is K.TERNARY:
        w_bits = 2
    weight = source.integers(-(1 << (w_bits - 1)), 1 << (w_bits - 1), (g.M, g.channels_per_group, g.R, g.S))
    weight = coded(path, weight, w_bits, source)
    lanes = draw(st.integers(1, 5)) if not path.n else path.n * draw(st.integers(1, 3))
    port = st.sampled_from([None, None, 3, 40])
    machine = tile(
        draw(st.integers(1, 4)), draw(st.integers(1, 4)), lanes, datapath=path, zero_gating=draw(st.booleans()),
        pipeline_stages=draw(st.integers(1, 3)), initial_psum=draw(st.sampled_from(InitialPsum)),
        read_bits_per_cycle=draw(port), write_bits_per_cycle=draw(port),
    )  # fmt: skip
    loops = []
    for dim in draw(st.permutations("NGMCPQ"))[: draw(st.integers(0, 3))]:
        whole = bound(g, dim)
        if whole > 1:
            loops.append((dim, draw(st.integers(-(-whole // 3), whole - 1))))
    layer = conv(g, a_bits, w_bits)
    code = {K.TERNARY: "ternary", K.SHIFT: "power_of_two", K.CODEBOOK: "codebook"}.get(path.kind)
    if code is not None:
        layer = replace(layer, weight_statistics=TensorStatistics(bits=w_bits, code=code))
    return layer, machine, ifmap, weight, tuple(loops), draw(st.sampled_from(FLOWS))


def coded(path: Datapath, weight: Any, bits: int, source: np.random.Generator) -> Any:
    """Weights that the datapath can work with."""
    if path.kind is K.TERNARY:
        return np.maximum(weight, -1)
    if path.kind is K.SHIFT:
        powers = np.array([0, *(sign << place for place in range(bits - 1) for sign in (1, -1))])
        return source.choice(powers, weight.shape)
    if path.kind is K.CODEBOOK:
        return source.choice(source.integers(-(1 << (bits - 1)), 1 << (bits - 1), source.integers(1, 12)), weight.shape)
    if path.n:
        return kept(path, weight, source)
    return weight


def kept(path: Datapath, weight: Any, source: np.random.Generator) -> Any:
    """At most n weights of every m channels, mostly; now and then all of them."""
    if source.random() < 0.1:
        return weight
    blocks = np.pad(weight, ((0, 0), (0, -weight.shape[1] % path.m), (0, 0), (0, 0)))
    blocks = blocks.reshape(weight.shape[0], -1, path.m, *weight.shape[2:])
    order = source.permuted(np.broadcast_to(np.arange(path.m)[:, None, None], blocks.shape), axis=2)
    return (blocks * (order < path.n)).reshape(weight.shape[0], -1, *weight.shape[2:])[:, : weight.shape[1]]


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(case=cases())
def test_counted_is_stepped_and_sums_are_golden(case: tuple[Any, ...]) -> None:
    check(*case)


@settings(max_examples=40, deadline=None)
@given(case=cases())
def test_counted_is_stepped(case: tuple[Any, ...]) -> None:
    check(*case)


def check(layer: Any, machine: Any, ifmap: Any, weight: Any, loops: Any, flow: TiledDataflow) -> None:
    """Every cycle, every counter and every sum."""
    task = mac_task(layer, machine, {"ifmap": ifmap, "weight": weight})
    one, g = mapping(machine, loops, flow), task.geometry
    narrow = task.machine(machine)
    assert not violations(Task("conv", g, narrow, flow, (), narrow.pe.weight_bits), one)
    operands = Operands(np.ascontiguousarray(ifmap, np.int32), np.ascontiguousarray(weight, np.int32))
    stepped = simulate_mac_stepped(task, machine, one, operands)
    counted = replace(simulate_mac(task, machine, one), notes=stepped.activity.notes)
    if stepped.activity != counted:
        for name in counted.__dataclass_fields__:
            assert getattr(stepped.activity, name) == getattr(counted, name), name
    assert stepped.activity == counted
    golden = convolve(
        operands.ifmap, operands.weight, Accumulator(48, 0), groups=g.G, stride=(g.stride_h, g.stride_w),
        padding=(g.pad_top, g.pad_bottom, g.pad_left, g.pad_right), dilation=(g.dilation_h, g.dilation_w),
    )  # fmt: skip
    sums = golden.sums if hasattr(golden, "sums") else golden
    np.testing.assert_array_equal(stepped.outputs, sums[0] if isinstance(sums, tuple) else sums)
    slots = machine.array.pes * counted.macs_per_pe * counted.cycles.total
    begun = counted.macs if counted.begun_macs is None else counted.begun_macs
    assert begun + sum(n for _, n in counted.idle_slots) == slots
