"""The stepped row-stationary machine sees what the counted engine counts, and convolves bit for bit."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.kernels import ranges
from accsim.mapping.dataflow import DIMENSIONS
from accsim.mapping.nest import Piece
from accsim.simulate.filter_loads import Block
from accsim.simulate.mac_layer import count_array
from accsim.simulate.phase import Phase
from accsim.simulate.schedule import _one_by_one
from accsim.simulate.stepped.machine import Observed, Operands, Step
from accsim.simulate.timeline import Run
from tests.naive import kernels as naive
from tests.simulate.stepped.row_stationary_runs import ARITHMETIC, WIDTHS, Layer, layers
from tests.simulate.test_row_stationary import NAMED
from tests.strategies import change


def plain(phase: Phase) -> tuple[int, int, int, dict[str, int]]:
    """A phase with its stalls by cause."""
    return phase.compute, phase.fill, phase.drain, {cause: n for cause, n in phase.stalls if n}


def burst_of(layer: Layer, step: Step) -> dict[str, Piece]:
    """The pieces of the burst that a step begins."""
    nest = layer.place.nest
    burst = {dim: nest.piece(dim, 0, nest.bound(dim)) for dim in DIMENSIONS}
    for loop in nest.loops[: layer.array.ramp_at]:
        whole, start = burst[loop.dim], step.sizes[loop.dim].start
        start -= (start - whole.start) % loop.step
        burst[loop.dim] = nest.piece(loop.dim, start, min(loop.step, whole.start + whole.size - start))
    return burst


def counted_runs(layer: Layer) -> list[Run]:
    """The cycles of every step by formula, given the step before it and the burst that it begins."""
    runs, before = [], None
    for step in layer.steps:
        burst = burst_of(layer, step) if step.starts else None
        follows = step.starts and before is not None
        runs.append(layer.array.run(step.sizes, step.loads, step.starts, before, burst, follows=follows))
        before = Block(*(step.sizes[dim].size for dim in "NMCQ"))
    return runs


def check_counts(layer: Layer, seen: Observed) -> None:
    """Every cycle and every word that was seen is what the counted engine says."""
    array = layer.array
    assert plain(seen.phase) == plain(_one_by_one(layer.place, array))
    assert list(seen.runs) == counted_runs(layer)
    assert sum(run.done for run in seen.runs) == seen.phase.total
    _, (flows, occupancy) = count_array(layer.place)
    assert seen.flows == flows
    assert seen.occupancy == occupancy


def check_values(layer: Layer, seen: Observed) -> None:
    """Sums, narrowed to the accumulator, are those of the golden kernel and of plain loops; so are MACs and zeros."""
    g = layer.geometry
    stored = np.empty((g.N * g.M, g.P * g.Q), np.int64)
    overflows = ranges.store(seen.sums.reshape(stored.shape), layer.accumulator.rule, stored)
    golden = layer.golden()
    assert np.array_equal(stored.reshape(golden.values.shape), golden.values)
    assert overflows == golden.overflows
    padded = np.pad(
        layer.operands.ifmap, ((0, 0), (0, 0), (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right))
    )  # fmt: skip
    zeros = 0
    for r, s in product(range(g.R), range(g.S)):
        below, right = r * g.dilation_h, s * g.dilation_w
        pixels = padded[:, :, below : below + (g.P - 1) * g.stride_h + 1 : g.stride_h]
        zeros += int(np.sum(pixels[..., right : right + (g.Q - 1) * g.stride_w + 1 : g.stride_w] == 0))
    assert seen.macs == g.macs
    assert seen.zero_ifmap_macs == zeros * g.filters_per_group
    assert seen.register_updates >= seen.macs


def check_plain_loops(layer: Layer, seen: Observed) -> None:
    """Sums before and after they are narrowed are those of exact Python integers, one MAC at a time."""
    g, sums = layer.geometry, layer.tensors.convolve()
    shape = (g.N, g.G, g.filters_per_group, g.P, g.Q)
    assert dict(zip(product(*map(range, shape)), seen.sums.ravel().tolist(), strict=True)) == sums
    kept = [naive.finished(total, layer.accumulator) for total in seen.sums.ravel().tolist()]
    golden = layer.golden()
    assert golden.values.ravel().tolist() == [value for value, _ in kept]
    assert golden.overflows == sum(overflowed for _, overflowed in kept)


def check(layer: Layer) -> None:
    seen = layer.run()
    check_counts(layer, seen)
    check_values(layer, seen)
    if layer.geometry.macs <= 600:
        check_plain_loops(layer, seen)


@given(layers())
@settings(max_examples=500, deadline=None)
def test_counted_equals_stepped(layer: Layer) -> None:
    check(layer)


@pytest.mark.slow
@given(layers())
@settings(max_examples=5000, deadline=None)
def test_counted_equals_stepped_in_many_cases(layer: Layer) -> None:
    check(layer)


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("arithmetic", range(len(ARITHMETIC)))
def test_named_shapes(name: str, arithmetic: int) -> None:
    check(Layer(*NAMED[name], arithmetic))


@pytest.mark.parametrize("name", NAMED)
def test_one_slow_bus_at_a_time(name: str) -> None:
    """A network or a port of one bit per edge holds the array nearly always, and gives its name to the stalls."""
    machine, g, mapping = NAMED[name]
    free = change(
        machine, **{link: {"width_bits": None} for link in ("gin_ifmap", "gin_filter", "gin_psum", "gon_psum")}
    )
    quick = Layer(free, g, mapping).run()
    assert plain(quick.phase)[3] == {}
    for link in ("gin_ifmap", "gin_psum", "gon_psum"):
        layer = Layer(change(free, **{link: {"width_bits": 1}}), g, mapping)
        seen = layer.run()
        check_counts(layer, seen)
        if link != "gin_psum" or layer.array.psums_return:
            assert seen.phase.total > quick.phase.total
            assert set(plain(seen.phase)[3]) == {link}
    for port in ("read_bits_per_cycle", "write_bits_per_cycle"):
        layer = Layer(change(free, glb={port: 1}), g, mapping)
        seen = layer.run()
        check_counts(layer, seen)
        assert set(plain(seen.phase)[3]) == {"glb"}


@given(layers(), st.sampled_from(["gin_ifmap", "gin_filter", "gin_psum", "gon_psum"]))
@settings(max_examples=100, deadline=None)
def test_a_wider_bus_never_costs_a_cycle(layer: Layer, link: str) -> None:
    totals = []
    for width in sorted((width for width in WIDTHS if width), reverse=True):
        wide = replace(layer, base=change(layer.base, **{link: {"width_bits": width}}))
        totals.append(wide.run().phase.total)
    assert totals == sorted(totals)
    assert replace(layer, base=change(layer.base, **{link: {"width_bits": None}})).run().phase.total <= totals[0]


@given(layers(), st.integers(0, 2**16), st.sampled_from([0, 5, 7]))
@settings(max_examples=100, deadline=None)
def test_values_never_change_a_cycle_or_a_word(layer: Layer, seed: int, zeros: int) -> None:
    """Zero gating saves energy and no cycle: a zero is on the networks and in the spads like any other word."""
    first, second = layer.run(), replace(layer, seed=seed, zeros=zeros).run()
    assert first.phase == second.phase
    assert first.runs == second.runs
    assert first.flows == second.flows
    assert first.macs == second.macs


@pytest.mark.parametrize("name", NAMED)
def test_an_ifmap_of_zeros_gates_every_mac(name: str) -> None:
    layer = Layer(*NAMED[name])
    zeros = Operands(np.zeros_like(layer.operands.ifmap), layer.operands.weight)
    seen = layer.run(operands=zeros)
    check_counts(layer, seen)
    assert seen.zero_ifmap_macs == seen.macs == layer.geometry.macs
    assert not seen.sums.any()


def test_sums_are_exact_beyond_the_accumulator() -> None:
    """9 products of 2**30 pass 2**31; the spads hold the exact numbers, and the end of the sum narrows them."""
    machine, g, mapping = NAMED["fully connected"]
    g = replace(g, C=9)
    layer = Layer(machine, g, mapping, 6)
    most = -(1 << 15)
    operands = Operands(np.full((g.N, 9, 1, 1), most, np.int32), np.full((g.M, 9, 1, 1), most, np.int32))
    assert set(layer.run(operands=operands).sums.ravel().tolist()) == {9 * 2**30}


def test_observed_words_are_those_of_one_pass() -> None:
    """4 x 4 outputs of a 3 x 3 filter on 3 x 4 PEs: 36 pixels on the bus, six for each of 12 PEs; nine weights."""
    machine, g, mapping = NAMED["depthwise"]
    one = replace(g, G=1, M=1, C=1, P=4, Q=4, H=6, W=6)
    seen = Layer(machine, one, replace(mapping, e=4, f=4)).run()
    assert (seen.flows.ifmap_sent, seen.flows.ifmap_delivered) == (36, 72)
    assert (seen.flows.weight_sent, seen.flows.weight_delivered) == (9, 36)
    assert (seen.flows.psum_out, seen.flows.psum_hops) == (16, 32)
    assert seen.flows.psum_kept == 4 * 4 * 9 - 4 * 4 * 3
    assert seen.occupancy.most == 12
