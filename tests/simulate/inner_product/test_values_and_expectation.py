"""Cycles counted from values, beside those that their densities let expect; what holds on every datapath."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import accsim
from accsim.hardware.datapath import Datapath, DatapathKind, Digits
from accsim.simulate.activity import Action
from accsim.simulate.inner_product.groups import terms
from accsim.simulate.inner_product.term_counts import term_counts
from accsim.workload.layer import TensorStatistics
from tests.simulate.inner_product.machines import conv, run, square, tile
from tests.simulate.inner_product.test_stepped import cases

K = DatapathKind
BY_VALUE = (
    Datapath(K.DYNAMIC_PRECISION), Datapath(K.DYNAMIC_PRECISION, trim_low=True), Datapath(K.BOTH_SERIAL),
    Datapath(K.TERM_SERIAL), Datapath(K.TERM_SERIAL, shift_bits=2), Datapath(K.BOTH_TERMS),
    Datapath(K.BOTH_TERMS, digits=Digits.BOOTH),
)  # fmt: skip


@pytest.mark.parametrize("path", BY_VALUE, ids=lambda path: f"{path.kind}-{path.digits}-{path.shift_bits}")
@pytest.mark.parametrize("density", [0.1, 0.5, 1.0])
def test_the_expectation_is_near_what_is_counted(path: Datapath, density: float) -> None:
    """Magnitudes drawn as the expectation takes them, and no padding: within 6 %, each tile's draw and rounding."""
    g = square(24, 14, 20, pad=0)
    source = np.random.default_rng(5)
    ifmap = source.integers(1, 64, (g.N, g.C, g.H, g.W)) * (source.random((g.N, g.C, g.H, g.W)) < density)
    weight = source.integers(1, 64, (g.M, g.C, g.R, g.S)) * source.choice([-1, 1], (g.M, g.C, g.R, g.S))
    activity = run(conv(g, 8, 8), tile(4, 4, 8, datapath=path), {"ifmap": ifmap, "weight": weight})
    assert activity.expected_compute_cycles == pytest.approx(activity.cycles.compute, rel=0.06)


def test_no_expectation_stands_beside_what_values_do_not_decide() -> None:
    g = square(8, 6, 8)
    values = {"ifmap": np.ones((1, 8, 6, 6), np.int64), "weight": np.ones((8, 8, 3, 3), np.int64)}
    assert run(conv(g, 4, 4), tile(4, 2, 4), values).expected_compute_cycles is None
    path = Datapath(K.TERM_SERIAL)
    assert run(conv(g, 4, 4), tile(4, 2, 4, datapath=path)).expected_compute_cycles is None


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_slots_zeros_and_cycles_on_every_datapath(case: tuple[Any, ...]) -> None:
    """Idle slots and MACs are all slots; fewer non-zero words take no more cycles."""
    layer, machine, ifmap, weight, loops, flow = case
    ports = replace(machine.levels[1], read_bits_per_cycle=None, write_bits_per_cycle=None)
    machine = replace(machine, levels=(machine.levels[0], ports, *machine.levels[2:]))
    less = np.where(np.arange(ifmap.size).reshape(ifmap.shape) % 3 == 0, 0, ifmap)
    less.flat[0] = ifmap.flat[0] if ifmap.min() >= 0 else ifmap.min()  # a sign is a sign still
    first = ifmap.copy()
    first.flat[0] = less.flat[0]
    one, other = (run(layer, machine, {"ifmap": a, "weight": weight}, loops, flow) for a in (first, less))
    for activity in (one, other):
        begun = activity.macs if activity.begun_macs is None else activity.begun_macs
        slots = prod((machine.array.rows, machine.array.cols, machine.array.lanes)) * activity.macs_per_pe
        assert begun + sum(n for _, n in activity.idle_slots) == slots * activity.cycles.total
        assert all(n >= 0 for _, n in activity.idle_slots)
        assert activity.effectual_macs <= activity.macs
    assert other.cycles.compute <= one.cycles.compute


@pytest.mark.parametrize("digits", Digits)
@pytest.mark.parametrize("kind", [np.int8, np.int32, np.int64])
def test_compiled_terms_are_those_of_numpy(digits: Digits, kind: Any) -> None:
    words = np.random.default_rng(1).integers(-128, 128, (3, 4, 50)).astype(kind)
    words[0, 0, :3] = -128, 127, 0
    counted = term_counts(words, digits is Digits.BOOTH)
    np.testing.assert_array_equal(counted, terms(np.abs(words.astype(np.int64)), digits))


def test_zero_weights_are_expected_to_gate_adds_where_only_their_density_is_known() -> None:
    g = square(8, 6, 8)
    machine = tile(4, 1, 8, datapath=Datapath(K.TERNARY), weight_bits=2)
    layer = replace(conv(g, 8, 2), weight_statistics=TensorStatistics(0.25, bits=2, code="ternary"))
    activity = run(layer, machine)
    macs = {c.action: c.accesses for c in activity.expected if c.level == "pe"}
    assert macs[Action.MAC] == pytest.approx(g.macs * 0.25)
    assert macs[Action.GATED_MAC] == pytest.approx(g.macs * 0.75)
    assert activity.cycles == run(conv(g, 8, 2), machine).cycles


def test_a_result_tells_both() -> None:
    """In the result and in its form for files: cycles of the values, and those expected."""
    shapes = {"ifmap": (1, 20, 12, 12), "weight": (50, 20, 5, 5)}
    source = np.random.default_rng(3)
    given = {name: source.integers(-7, 8, shape) for name, shape in shapes.items()}
    given["ifmap"] = np.maximum(given["ifmap"], 0)
    for hardware in ("loom", "eyeriss_v2"):
        result = accsim.estimate("lenet_caffe", hardware, layers=["conv2"], tensors={"conv2": given})
        told = result.to_dict()["layers"][0]
        expected = result.estimates[0].activity.expected_compute_cycles
        assert expected is not None
        assert told["expected_compute_cycles"] == expected == pytest.approx(told["cycles"]["compute"], rel=0.12)
