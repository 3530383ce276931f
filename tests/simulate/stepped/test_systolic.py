"""The stepped systolic machine sees what the counted engine counts, and convolves bit for bit."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import InitialPsum
from accsim.kernels import convolve
from accsim.simulate.mac_layer import count_array
from accsim.simulate.phase import Phase
from accsim.simulate.schedule import _one_by_one, _overlapped
from accsim.simulate.stepped.machine import Observed, Operands
from accsim.simulate.stepped.systolic import SteppedSystolic
from accsim.workload.layer import Geometry, Operand
from tests.naive import kernels as naive
from tests.simulate.stepped.systolic_runs import Layer, Ports, layers, plain, ports
from tests.simulate.systolic_cases import CORNERS, SHIPPED, SHIPPED_FLOWS, Case, bound, drawn_dataflows

FLOWS = {name: st.just(flow) for name, flow in SHIPPED_FLOWS.items()} | {"any": drawn_dataflows()}


def counted_phase(layer: Layer) -> Phase:
    """Cycles without DRAM by formula."""
    array = layer.array
    return _overlapped(layer.place.nest, array) if array.overlaps else _one_by_one(layer.place, array)


def check_counts(layer: Layer, seen: Observed) -> None:
    """Every cycle and every word that was seen is what the counted engine says."""
    array = layer.array
    assert plain(seen.phase) == plain(counted_phase(layer))
    _, (flows, occupancy) = count_array(layer.place)
    assert seen.flows == flows
    assert seen.occupancy == occupancy
    assert list(seen.runs) == [array.run(step.sizes, step.loads, step.starts) for step in layer.steps]


def golden(layer: Layer) -> Any:
    """The golden kernel on the layer."""
    g = layer.case.geometry
    return convolve(
        layer.operands.ifmap, layer.operands.weight, layer.accumulator, groups=g.G,
        stride=(g.stride_h, g.stride_w), dilation=(g.dilation_h, g.dilation_w),
        padding=(g.pad_top, g.pad_bottom, g.pad_left, g.pad_right),
    )  # fmt: skip


def check_values(layer: Layer, seen: Observed) -> None:
    """Sums are those of plain loops and, narrowed to the accumulator, of the golden kernel; so are MACs and zeros."""
    g, tensors = layer.case.geometry, layer.tensors
    sums = tensors.convolve()
    shape = (g.N, g.G, g.filters_per_group, g.P, g.Q)
    assert seen.sums.shape == (g.N, g.M, g.P, g.Q)
    assert seen.sums.dtype == np.int64
    found = dict(zip(product(*map(range, shape)), seen.sums.ravel().tolist(), strict=True))
    assert found == sums
    finished = [naive.finished(total, layer.accumulator) for total in seen.sums.ravel().tolist()]
    expected = golden(layer)
    assert expected.values.ravel().tolist() == [kept for kept, _ in finished]
    assert expected.overflows == sum(overflowed for _, overflowed in finished)
    terms = (g.N, g.G, g.filters_per_group, g.P, g.Q, g.channels_per_group, g.R, g.S)
    pixels = [tensors.read(Operand.IFMAP, dict(zip("NGMPQCRS", at, strict=True))) for at in product(*map(range, terms))]
    assert seen.macs == g.macs == len(pixels)
    assert seen.zero_ifmap_macs == pixels.count(0)
    assert seen.register_updates >= seen.macs


def check(layer: Layer) -> None:
    seen = layer.run()
    check_counts(layer, seen)
    check_values(layer, seen)


def geometry(**sizes: int) -> Geometry:
    """A layer whose input is as large as its outputs need, less the padding."""
    b = {"stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1, "pad_top": 0, "pad_left": 0}
    b |= dict.fromkeys("NGMCPQRS", 1) | sizes
    rows = (b["P"] - 1) * b["stride_h"] + (b["R"] - 1) * b["dilation_h"] + 1 - b["pad_top"]
    cols = (b["Q"] - 1) * b["stride_w"] + (b["S"] - 1) * b["dilation_w"] + 1 - b["pad_left"]
    return Geometry(**b, H=rows, W=cols)


LAYERS = {
    "one MAC": geometry(),
    "one sum": geometry(C=7),
    "depthwise": geometry(G=5, M=5, C=5, P=3, Q=2, R=3, S=3),
    "groups of odd sizes": geometry(G=3, M=9, C=15, P=2, Q=3, R=2),
    "stride beyond the filter": geometry(M=3, C=2, P=3, Q=3, R=2, stride_h=4, stride_w=3),
    "dilation": geometry(M=2, C=3, P=2, Q=4, R=3, S=2, dilation_h=3, dilation_w=2),
    "batch": geometry(N=3, M=5, C=4, P=2, Q=2),
    "a window in the padding": geometry(M=2, C=2, P=5, Q=3, R=2, S=2, pad_top=3, pad_left=2),
}
SIZES = [(1, 1), (1, 6), (5, 1), (3, 4), (16, 16)]


@pytest.mark.parametrize("name", LAYERS)
def test_layers_at_the_edge_of_what_there_is(name: str) -> None:
    """Each on arrays of one PE, one row, one column, a few, and more PEs than the layer can use; whole and in tiles."""
    g = LAYERS[name]
    tiles = tuple((dim, (size + 1) // 2) for dim in "CM" if (size := bound(g, dim)) > 1)
    for flow, (rows, cols), buffers, loops in product(SHIPPED_FLOWS.values(), SIZES, (1, 2), {(), tiles}):
        case = Case(flow, g, loops, rows, cols, False, buffers, InitialPsum.ZERO)
        check(Layer(case, arithmetic=4))


@pytest.mark.parametrize("case", CORNERS.values(), ids=CORNERS)
def test_corner_cases_of_overlap(case: Case) -> None:
    for arithmetic, limits in product((0, 5), (Ports(), Ports("shared", 24, None, None, 40))):
        check(Layer(case, limits, arithmetic))


@pytest.mark.parametrize("name", SHIPPED)
def test_sums_are_exact_beyond_the_accumulator(name: str) -> None:
    """200,000 products of -128 x -128 pass 2**31, and 9 of 2**30 pass it at once; registers hold the exact numbers."""
    for arithmetic, channels, value in ((0, 200_000, -128), (4, 9, -(1 << 15))):
        g = geometry(M=2, C=channels)
        layer = Layer(Case(SHIPPED_FLOWS[name], g, (), 64, 2, False, 2, InitialPsum.ZERO), arithmetic=arithmetic)
        operands = Operands(
            np.full((1, channels, 1, 1), value, np.int32), np.full((2, channels, 1, 1), value, np.int32)
        )
        seen = SteppedSystolic(layer.place, operands).run(layer.steps)
        assert seen.sums.ravel().tolist() == [channels * value**2] * 2


@given(layers(limits=ports()), st.sampled_from([3, 20]))
@settings(max_examples=100, deadline=None)
def test_wider_ports_never_cost_a_cycle(layer: Layer, more: int) -> None:
    p = layer.ports
    wider = Ports(p.kind, *(width and width + more for width in (p.ifmap, p.weight, p.psum_in, p.psum_out)))
    slow, fast = layer.run(), replace(layer, ports=wider).run()
    assert slow.phase.total >= fast.phase.total >= replace(layer, ports=Ports()).run().phase.total
    assert slow.flows == fast.flows


@given(layers(limits=ports()))
@settings(max_examples=200, deadline=None)
def test_a_port_moves_no_more_than_it_can(layer: Layer) -> None:
    """Whatever crosses a port in a layer fits into the layer's cycles, at the port's width."""
    seen, array = layer.run(), layer.array
    words = {Operand.IFMAP: seen.flows.ifmap.edge, Operand.WEIGHT: seen.flows.weight.edge}
    for port in array.ports:
        sums = seen.flows.psum.edge if port.operands == {Operand.PSUM} and array.stationary is Operand.PSUM else 0
        moved = {Operand.PSUM: sums, **words}
        bits = sum(moved[operand] * array.accelerator.bits(operand) for operand in port.operands)
        assert seen.phase.total * port.bits_per_cycle >= bits, port


@given(layers(limits=st.just(Ports())))
@settings(max_examples=100, deadline=None)
def test_shadow_registers_and_taps_never_cost_a_cycle(layer: Layer) -> None:
    def total(**change: object) -> int:
        return replace(layer, case=replace(layer.case, **change)).run().phase.total

    assert total(buffers=2) <= total(buffers=1)
    assert total(taps=True) <= total(taps=False)


@pytest.mark.parametrize("family", FLOWS)
def test_counted_equals_stepped(family: str) -> None:
    @given(layers(FLOWS[family]))
    @settings(max_examples=500, deadline=None)
    def holds(layer: Layer) -> None:
        check(layer)

    holds()


@pytest.mark.slow
@pytest.mark.parametrize("family", FLOWS)
def test_counted_equals_stepped_in_many_cases(family: str) -> None:
    @given(layers(FLOWS[family]))
    @settings(max_examples=5000, deadline=None)
    def holds(layer: Layer) -> None:
        check(layer)

    holds()


@given(layers())
@settings(max_examples=20, deadline=None)
def test_a_machine_may_run_again(layer: Layer) -> None:
    machine = SteppedSystolic(layer.place, layer.operands)
    first, again = machine.run(layer.steps), machine.run(layer.steps)
    np.testing.assert_array_equal(first.sums, again.sums)
    assert replace(first, sums=again.sums) == again
