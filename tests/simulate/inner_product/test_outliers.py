"""Outlier lanes: time and energy follow the products that do not fit the narrow lanes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.codes import Outliers, Uniform
from accsim.compress.compressed import as_it_is
from accsim.compress.grain import Scale
from accsim.energy.price import price
from accsim.energy.reader import load_table
from accsim.errors import AccsimError
from accsim.hardware.datapath import Datapath, DatapathKind
from accsim.hardware.reader import load_accelerator
from accsim.pipeline import estimate
from accsim.simulate.activity import Action
from accsim.simulate.inner_product import outliers
from accsim.simulate.ledger import OUTLIER_LANE
from accsim.simulate.network import simulate_mac
from accsim.workload.layer import TensorStatistics
from tests.simulate.inner_product.machines import conv, mac_task, mapping, square, tile
from tests.simulate.inner_product.test_stepped import cases, check

K = DatapathKind
PATH = Datapath(K.OUTLIER_LANE, narrow_bits=4)


def wide_macs(activity: Any) -> int:
    return sum(c.accesses for c in activity.counts if c.level == OUTLIER_LANE and c.action is Action.MAC)


def run(ifmap: Any, weight: Any, path: Datapath = PATH, lanes: int = 16, rows: int = 1, cols: int = 1) -> Any:
    """A 1x1 layer of one pixel on one step of lanes."""
    machine = tile(rows, cols, lanes, datapath=path)
    layer = conv(square(weight.shape[1], 1, weight.shape[0], 1, 0), 8, 8)
    return simulate_mac(mac_task(layer, machine, {"ifmap": ifmap, "weight": weight}), machine, mapping(machine))


@pytest.mark.parametrize("wide", [0, 1, 2, 3, 16])
@pytest.mark.parametrize("lanes", [1, 2])
def test_one_outlier_is_free_and_further_ones_take_a_cycle(wide: int, lanes: int) -> None:
    """OLAccel (ISCA 2018): one outlier among 16 weights goes beside them, two take a second cycle."""
    weight = np.ones((1, 16, 1, 1), np.int64)
    weight[0, :wide] = 100
    path = replace(PATH, outlier_lanes=lanes)
    found = run(np.full((1, 16, 1, 1), 15), weight, path)
    assert found.cycles.compute == max(1, -(-wide // lanes))
    assert wide_macs(found) == wide
    assert sum(n for _, n in found.idle_slots) + 16 == 16 * found.cycles.total


def test_energy_and_time_grow_with_every_outlier() -> None:
    """Narrow lanes cost a narrow multiplier each, and every outlier a wide one more."""
    machine, table = tile(1, 1, 16, datapath=PATH), load_table("horowitz_45nm")
    energies, cycles = [], []
    for wide in range(17):
        weight = np.where(np.arange(16) < wide, -120, 7).reshape(1, 16, 1, 1)
        found = run(np.ones((1, 16, 1, 1), np.int64), weight)
        priced = price(found, machine, table)
        energies.append(priced.energy)
        cycles.append(found.cycles.compute)
    assert all(a < b for a, b in pairwise(energies))
    assert cycles == [1, *range(1, 17)]
    plain = run(np.ones((1, 16, 1, 1), np.int64), np.full((1, 16, 1, 1), 7), Datapath())
    parallel = replace(machine, pe=replace(machine.pe, datapath=Datapath()))
    assert energies[0] < price(plain, parallel, table).energy


def test_words_that_fit_need_no_wide_lane() -> None:
    assert outliers.wide(np.array([-9, -8, 7, 8]), 4, signed=True).tolist() == [1, 0, 0, 1]
    assert outliers.wide(np.array([0, 15, 16]), 4, signed=False).tolist() == [0, 0, 1]


@settings(max_examples=30, deadline=None)
@given(case=cases(), narrow=st.integers(2, 5), lanes=st.integers(1, 3))
def test_counted_is_stepped_and_sums_are_golden(case: tuple[Any, ...], narrow: int, lanes: int) -> None:
    layer, machine, ifmap, weight, loops, flow = case
    path = Datapath(K.OUTLIER_LANE, narrow_bits=narrow, outlier_lanes=min(lanes, machine.array.lanes))
    layer = replace(layer, weight_statistics=TensorStatistics(bits=6))
    check(layer, replace(machine, pe=replace(machine.pe, datapath=path)), ifmap, weight, loops, flow)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 4), cols=st.integers(1, 4), filters=st.integers(1, 6), channels=st.integers(1, 9),
    lanes=st.integers(1, 5), seed=st.integers(0, 2**31),
)  # fmt: skip
def test_cycles_are_those_of_loops_over_every_pe(
    rows: int, cols: int, filters: int, channels: int, lanes: int, seed: int
) -> None:
    """A naive twin: rows of filters, columns of pixels, steps of lanes; the PE with most outliers decides."""
    source = np.random.default_rng(seed)
    side = 3
    weight = source.integers(-20, 21, (filters, channels, 1, 1))
    ifmap = source.integers(0, 40, (1, channels, side, side))
    machine = tile(rows, cols, lanes, datapath=PATH)
    layer = conv(square(channels, side, filters, 1, 0), 8, 8)
    found = simulate_mac(mac_task(layer, machine, {"ifmap": ifmap, "weight": weight}), machine, mapping(machine))
    pixels = ifmap[0].transpose(2, 1, 0).reshape(-1, channels).tolist()  # down the columns of the map
    flat, cycles, wide = weight.reshape(filters, channels).tolist(), 0, 0
    for m in range(0, filters, rows):
        for p in range(0, len(pixels), cols):
            for c in range(0, channels, lanes):
                most = 1
                for w in flat[m : m + rows]:
                    for a in pixels[p : p + cols]:
                        pairs = zip(w[c : c + lanes], a[c : c + lanes], strict=True)
                        here = sum(not -8 <= x <= 7 or y > 15 for x, y in pairs)
                        most, wide = max(most, here), wide + here
                cycles += most
    assert (found.cycles.compute, wide_macs(found)) == (cycles, wide)


@pytest.mark.parametrize(("activation", "weight"), [(0.0, 0.05), (0.1, 0.0), (0.05, 0.02)])
def test_expected_edges_are_the_mean_of_many_draws(activation: float, weight: float) -> None:
    """Within 1.5 %: rows and columns share words, which the expectation leaves out where both have outliers."""
    source = np.random.default_rng(0)
    rows, cols, lanes, total, draws = 4, 4, 16, 0, 4000
    for _ in range(draws):
        a, w = source.random((cols, 1, lanes)) < activation, source.random((1, rows, lanes)) < weight
        total += max(1, int((a | w).sum(-1).max()))
    expected = outliers.expected_edges(activation, weight, rows, cols, lanes, 1)
    assert expected == pytest.approx(total / draws, rel=0.015)


def test_no_outliers_take_one_edge_and_nothing_but_outliers_take_all() -> None:
    assert outliers.expected_edges(0.0, 0.0, 4, 4, 16, 1) == pytest.approx(1.0)
    assert outliers.expected_edges(0.0, 1.0, 4, 4, 16, 2) == pytest.approx(8.0)


def test_the_share_of_a_codes_outliers_decides_where_no_integers_are_known() -> None:
    from accsim.compress.model import LayerParameters, Model
    from accsim.workload.reader import load_network

    network = load_network("lenet_caffe")
    layer = network.mac_layers[0]
    shape = (layer.geometry.M, layer.geometry.channels_per_group, layer.geometry.R, layer.geometry.S)
    code = Outliers(Uniform(np.ones(shape, np.int64), Scale(np.ones((1, 1, 1, 1)), shape, "layer"), 4),
                    np.arange(50), np.full(50, 99.0), 16, 9)  # fmt: skip
    model = Model(network, {layer.name: LayerParameters(code)}, "made up")
    compressed = as_it_is(model)
    assert compressed is not None
    found = compressed.network.mac_layers[0].weight_statistics
    assert (found.code, found.bits, found.outliers) == ("outliers", 4, 50 / int(np.prod(shape)))


def test_parameters_are_checked() -> None:
    base = ("array.lanes=16", "pe.weight_bits=16", "pe.activation_bits=16")
    with pytest.raises(AccsimError, match="outlier_lane datapath needs narrow_bits"):
        load_accelerator("dadiannao", (*base, "pe.datapath=outlier_lane"))
    path = ("pe.datapath.kind=outlier_lane", "pe.datapath.narrow_bits=4", "pe.datapath.outlier_lanes=17")
    with pytest.raises(AccsimError, match="must be at most the lanes of a PE, 16, got 17"):
        load_accelerator("dadiannao", (*base, *path))
    with pytest.raises(AccsimError, match="is for outlier_lane datapaths only"):
        load_accelerator("dadiannao", (*base, "pe.datapath.narrow_bits=4"))


def test_a_whole_network_says_on_what_its_outliers_rest() -> None:
    sets = ("pe.datapath.kind=outlier_lane", "pe.datapath.narrow_bits=4")
    result = estimate("lenet_caffe", "dadiannao", overrides=sets)
    said = [note for one in result.estimates for note in one.activity.notes]
    assert any(note.startswith("outlier_lane: cycles are expected with independent outliers") for note in said)
