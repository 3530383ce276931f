"""The stepped Eyeriss chip: a published trace, zero gating seen in values, 16-bit truncation and saturation."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from accsim.fidelity import validate
from accsim.hardware.accelerator import Accelerator, InitialPsum
from accsim.hardware.reader import load_accelerator
from accsim.kernels import convolve
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.row_stationary import array_violations
from accsim.simulate.activity import Action
from accsim.simulate.mac_task import Densities, MacTask
from accsim.simulate.stepped.layer import SteppedLayer, simulate_mac_stepped
from accsim.simulate.stepped.machine import Operands
from accsim.simulate.stepped.operands import accumulator_of
from accsim.simulate.storage import Residency
from accsim.workload.layer import Geometry, Layer, LayerKind, Operand
from tests.simulate.test_row_stationary import layer, mapped
from tests.strategies import bare_eyeriss

GATED = 2011392
"""Gated MACs of the published trace, of its 3115008 (the other 68976 + 1034640 are done); see TRACE for the source."""

TRACE = {
    "mac_slots": ("pe", Operand.COMPUTE, Action.MAC),
    "noc.weight": ("gin_filter", Operand.WEIGHT, Action.SEND),
    "noc.ifmap": ("gin_ifmap", Operand.IFMAP, Action.SEND),
    "noc.psum_read": ("gin_psum", Operand.PSUM, Action.SEND),
    "noc.psum_write": ("gon_psum", Operand.PSUM, Action.SEND),
    "filter_spad.write": ("filter_spad", Operand.WEIGHT, Action.FILL),
    "ifmap_spad.write": ("ifmap_spad", Operand.IFMAP, Action.FILL),
    "ifmap_spad.read": ("ifmap_spad", Operand.IFMAP, Action.READ),
    "psum_spad.write": ("psum_spad", Operand.PSUM, Action.WRITE),
    "psum_spad.read": ("psum_spad", Operand.PSUM, Action.READ),
    "filter_buffer.read": ("glb", Operand.WEIGHT, Action.READ),
    "filter_buffer.write": ("glb", Operand.WEIGHT, Action.FILL),
}
"""Where the published counts of the case ``row-stationary-trace`` are found; its machine gates MACs and no sums."""


def stepped(machine: Accelerator, g: Geometry, mapping: RowStationaryMapping, operands: Operands) -> SteppedLayer:
    """One convolution on its own, as the engine runs it."""
    assert array_violations(machine, g, mapping) == []
    shapes = ((g.C, g.H, g.W),), (g.M, g.P, g.Q)
    one = Layer("conv", LayerKind.CONV, ("input",), *shapes, g.N, g, g.weight_words, 0, "conv")
    task = MacTask(one, g, Residency(), (), Densities(), frozenset())
    return simulate_mac_stepped(task, machine, mapping, operands)


def accesses(found: SteppedLayer, level: str, operand: Operand, action: Action) -> int:
    """Accesses of one kind, to whatever peer."""
    counts = found.activity.counts
    return sum(c.accesses for c in counts if (c.level, c.operand, c.action) == (level, operand, action))


def with_zeros(g: Geometry, uses: int) -> np.ndarray:
    """An ifmap without padding whose zeros meet ``uses`` windows per filter."""
    rows = np.zeros(g.H, np.int64)
    for r in range(g.R):
        rows[r : r + g.P] += 1
    seen = np.outer(rows, rows)  # square: how many windows each pixel is in
    ifmap = np.random.default_rng(0).integers(1, 1 << 15, (g.N, g.C, g.H, g.W)).astype(np.int32)
    for n, c, h, w in np.ndindex(ifmap.shape):
        if seen[h, w] <= uses:
            uses -= int(seen[h, w])
            ifmap[n, c, h, w] = 0
    assert uses == 0
    return ifmap


@cache
def trace() -> SteppedLayer:
    """The layer of the published trace, with as many zeros as it gated."""
    g = layer(n=4, c=8, m=64, p=13, q=13, r=3, s=3)
    machine = replace(bare_eyeriss(), array=replace(bare_eyeriss().array, initial_psum=InitialPsum.READ))
    weight = np.random.default_rng(1).integers(-(1 << 15), 1 << 15, (64, 8, 3, 3)).astype(np.int32)
    operands = Operands(with_zeros(g, GATED // 64), weight)
    return stepped(machine, g, mapped(m=64, n=4, e=13, f=13, p=16, q=4, r=1, t=4), operands)


@pytest.mark.parametrize("name", TRACE)
def test_published_transfer_trace(name: str) -> None:
    """Exact, as they were seen to happen; MAC slots are done and gated ones."""
    level, operand, action = TRACE[name]
    published = validate.publication("row-stationary-trace").number(name)
    found = accesses(trace(), level, operand, action)
    if action is Action.MAC:
        found += accesses(trace(), level, operand, Action.GATED_MAC)
    assert found == published


def test_published_buffer_accesses() -> None:
    """23432 each way: 21632 of psums and 7200 / 4 of the ifmap, four words an access."""
    ifmap, psum = Operand.IFMAP, Operand.PSUM
    read = accesses(trace(), "glb", psum, Action.READ) + accesses(trace(), "glb", ifmap, Action.READ)
    written = accesses(trace(), "glb", psum, Action.WRITE) + accesses(trace(), "glb", ifmap, Action.FILL)
    assert (read, written) == (23432, 23432)


def test_published_split_of_the_mac_slots() -> None:
    """156 PEs of 168 with 19968 slots each; 64.57 % gated, 68976 + 1034640 done, as zeros are seen in the windows."""
    observed = trace().observed
    assert observed.occupancy.most == 156
    assert observed.macs == 156 * 19968
    assert observed.zero_ifmap_macs == GATED
    assert accesses(trace(), "pe", Operand.COMPUTE, Action.MAC) == 68976 + 1034640
    assert accesses(trace(), "pe", Operand.COMPUTE, Action.GATED_MAC) == GATED


def test_a_gated_mac_reads_the_ifmap_spad_and_not_the_filter_spad() -> None:
    done = 156 * 19968 - GATED
    assert accesses(trace(), "ifmap_spad", Operand.IFMAP, Action.READ) == 156 * 19968
    assert accesses(trace(), "filter_spad", Operand.WEIGHT, Action.READ) == done
    assert accesses(trace(), "filter_spad", Operand.WEIGHT, Action.GATED_READ) == GATED


def test_gating_costs_no_cycle_and_is_an_option() -> None:
    machine, g = bare_eyeriss(), layer(c=3, m=4, p=5, q=5, r=3, s=3)
    mapping = mapped(m=4, e=5, f=5, p=4, q=1, r=1, t=1)
    ifmap = np.ones((1, 3, 7, 7), np.int32)
    ifmap[:, 1] = 0
    weight = np.ones((4, 3, 3, 3), np.int32)
    gates = stepped(machine, g, mapping, Operands(ifmap, weight))
    never = stepped(replace(machine, pe=replace(machine.pe, zero_gating=False)), g, mapping, Operands(ifmap, weight))
    dense = stepped(machine, g, mapping, Operands(np.ones_like(ifmap), weight))
    assert accesses(gates, "pe", Operand.COMPUTE, Action.GATED_MAC) == g.macs // 3
    assert accesses(never, "pe", Operand.COMPUTE, Action.GATED_MAC) == 0
    assert gates.activity.cycles == never.activity.cycles == dense.activity.cycles
    assert gates.observed.flows == never.observed.flows == dense.observed.flows


EYERISS_LAYERS = {
    "5 x 5, as AlexNet conv2": (
        layer(g=2, m=32, c=8, p=27, q=27, r=5, s=5, pad=2), mapped(m=16, e=27, f=27, p=16, q=2),
    ),
    "3 x 3, as AlexNet conv3": (
        layer(n=4, m=64, c=24, p=13, q=13, r=3, s=3, pad=1), mapped(m=64, n=4, e=13, f=13, p=16, q=3, r=2, t=2),
    ),
    "11 x 11 with stride 4, as AlexNet conv1": (
        layer(m=32, c=3, p=15, q=15, r=11, s=11, u=4), mapped(m=32, e=7, f=15, p=16, q=1, t=2),
    ),
    "fully connected": (layer(n=4, m=40, c=300), mapped(m=40, n=4, e=1, f=1, p=16, q=4, r=4, t=3)),
}  # fmt: skip


@pytest.mark.parametrize("name", EYERISS_LAYERS)
@pytest.mark.parametrize("bits", [16, 12])
def test_the_chips_own_accumulators(name: str, bits: int) -> None:
    """16 bits after products are truncated by 8: full 16-bit operands saturate many sums, 12-bit ones fewer."""
    g, mapping = EYERISS_LAYERS[name]
    machine = load_accelerator("eyeriss")
    draw, half = np.random.default_rng(bits), 1 << (bits - 1)
    ifmap = draw.integers(-half, half, (g.N, g.C, g.H, g.W)).astype(np.int32)
    weight = draw.integers(-half, half, (g.M, g.channels_per_group, g.R, g.S)).astype(np.int32)
    accumulator = accumulator_of(machine.pe)
    assert (accumulator.bits, accumulator.product_shift) == (16, 8)
    found = stepped(machine, g, mapping, Operands(ifmap, weight))
    golden = convolve(
        ifmap, weight, accumulator, groups=g.G, stride=(g.stride_h, g.stride_w),
        padding=(g.pad_top, g.pad_bottom, g.pad_left, g.pad_right),
    )  # fmt: skip
    assert np.array_equal(found.outputs, golden.values)
    assert found.overflows == golden.overflows
    assert 0 < golden.overflows < golden.values.size
    assert found.observed.macs == g.macs
