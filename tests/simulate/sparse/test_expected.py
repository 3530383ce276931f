"""What is expected of a layer from densities alone, beside what drawn operands give."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.simulate.sparse import cnvlutin, eie, eyeriss_v2, scnn, sparten
from accsim.simulate.sparse.eie_kernels import entries
from accsim.simulate.sparse.maxima import column_pairs, of_normals, slowest
from accsim.workload.layer import Geometry
from tests.simulate.sparse.cases import operands
from tests.strategies import conv_geometries

TINY = Geometry(N=1, G=1, M=3, C=2, P=2, Q=2, R=2, S=2, H=2, W=3, pad_top=1)
CONV = Geometry(
    N=1, G=1, M=96, C=64, P=14, Q=14, R=3, S=3, H=14, W=14, pad_top=1, pad_bottom=1, pad_left=1, pad_right=1
)
FC = Geometry(N=1, G=1, M=1024, C=2048, P=1, Q=1, R=1, S=1, H=1, W=1)


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_cnvlutin_is_the_mean_over_all_masks(density: float) -> None:
    """All 2^12 ifmaps of a tiny layer, each as probable as its zeros: the expectation is exact."""
    machine = cnvlutin.Cnvlutin(lanes=3, filters=2, brick=1)
    weight = np.ones((TINY.M, TINY.C, TINY.R, TINY.S))
    cycles = multiplies = 0.0
    for bits in product((0, 1), repeat=TINY.ifmap_words):
        ones = sum(bits)
        share = density**ones * (1 - density) ** (len(bits) - ones)
        if share:
            found = cnvlutin.count(TINY, np.array(bits).reshape(1, TINY.C, TINY.H, TINY.W), weight, machine)
            cycles, multiplies = cycles + share * found.cycles, multiplies + share * found.multiplies
    expected = cnvlutin.expect(TINY, density, 1.0, machine)
    assert expected.cycles == pytest.approx(cycles)
    assert expected.multiplies == pytest.approx(multiplies)


@settings(max_examples=30, deadline=None)
@given(conv_geometries())
def test_cnvlutin_without_zeros_is_its_dense_self(g: Geometry) -> None:
    machine = cnvlutin.Cnvlutin(lanes=3, filters=4, brick=2)
    found = cnvlutin.count(*operands(g, 1.0, 1.0, 0), machine)
    expected = cnvlutin.expect(g, 1.0, 1.0, machine)
    assert (expected.cycles, expected.multiplies) == (found.dense_cycles, found.multiplies)
    assert expected.access("ifmap_reads") == found.access("ifmap_reads")


STRIDED = Geometry(
    N=1, G=2, M=66, C=96, P=13, Q=13, R=5, S=5, H=27, W=27, stride_h=2, stride_w=2, pad_top=2, pad_bottom=2,
    pad_left=2, pad_right=2,
)  # fmt: skip
POINT = Geometry(N=2, G=1, M=40, C=150, P=7, Q=7, R=1, S=1, H=7, W=7)
SMALL_FC = Geometry(N=2, G=1, M=300, C=200, P=1, Q=1, R=1, S=1, H=1, W=1)
# Of each machine how far the expectation may lie from the mean of ``DRAWS`` draws. Eyeriss v2: its PEs' work in a pass
# is taken as normal, and windows that share iacts as far as their stride says. SCNN, EIE: a part is drawn itself.
NEAR = (
    (scnn, scnn.Scnn(), (CONV, STRIDED, POINT), 0.06),
    (sparten, sparten.Sparten(), (CONV, STRIDED, POINT), 0.06),
    (eie, eie.Eie(), (FC, SMALL_FC), 0.08),
    (eyeriss_v2, eyeriss_v2.EyerissV2(), (CONV, STRIDED, POINT), 0.12),
    (cnvlutin, cnvlutin.Cnvlutin(), (CONV, POINT), 0.02),
)
DRAWS = 5
GRID = [(0.8, 0.8), (0.5, 0.4), (0.3, 0.6), (0.2, 0.15)]


@pytest.mark.parametrize(
    ("module", "machine", "g", "near"), [(*one[:2], g, one[3]) for one in NEAR for g in one[2]]
)  # fmt: skip
@pytest.mark.parametrize("densities", [GRID[1], *(pytest.param(one, marks=pytest.mark.slow) for one in GRID[::2])])
def test_expectations_are_near_the_mean_of_draws(
    module: Any, machine: Any, g: Geometry, near: float, densities: tuple[float, float]
) -> None:
    """Waits for the slowest, bank conflicts, fillers and queues are in the expectation."""
    found = [module.count(*operands(g, *densities, seed), machine) for seed in range(DRAWS)]
    expected = module.expect(g, *densities, machine)
    assert expected.cycles == pytest.approx(np.mean([one.cycles for one in found]), rel=near)
    assert expected.multiplies == pytest.approx(np.mean([one.multiplies for one in found]), rel=0.05)
    assert {name for name, _ in expected.accesses} == {name for name, _ in found[0].accesses}


@settings(max_examples=30, deadline=None)
@given(conv_geometries())
def test_a_density_of_one_is_expected_to_take_what_dense_operands_take(g: Geometry) -> None:
    for module, machine in (
        (scnn, scnn.Scnn()), (eyeriss_v2, eyeriss_v2.EyerissV2()), (sparten, sparten.Sparten()),
        (cnvlutin, cnvlutin.Cnvlutin()),
    ):  # fmt: skip
        found = module.count(*operands(g, 1.0, 1.0, 0), machine)
        assert module.expect(g, 1.0, 1.0, machine).cycles == pytest.approx(found.cycles, rel=1e-12)


@pytest.mark.parametrize("g", [FC, SMALL_FC])
def test_a_density_of_one_is_expected_to_take_what_a_dense_matrix_takes(g: Geometry) -> None:
    assert eie.expect(g, 1.0, 1.0, eie.Eie()).cycles == eie.count(*operands(g, 1.0, 1.0, 0), eie.Eie()).cycles


@pytest.mark.parametrize(("rows", "density", "bits"), [(6, 0.3, 1), (7, 0.5, 2), (5, 1.0, 4), (4, 0.0, 1), (9, 0.1, 2)])
def test_pairs_of_a_column_are_those_of_all_masks(rows: int, density: float, bits: int) -> None:
    """Every column of some rows, as probable as its zeros, stored as EIE stores it."""
    expected = np.zeros(rows + 1)
    for mask in product((0, 1), repeat=rows):
        pairs = entries(np.array(mask, np.uint8)[:, None], 1, bits)[0, 0, 0]
        expected[pairs] += density ** sum(mask) * (1 - density) ** (rows - sum(mask))
    np.testing.assert_allclose(column_pairs(rows, density, bits), expected, atol=1e-12)


@pytest.mark.parametrize("draws", [1, 2, 5, 64])
def test_the_largest_of_normal_sums(draws: int) -> None:
    """E max of n standard normal draws is 0, 0.5642, 1.1630 for n = 1, 2, 5 (David and Nagaraja, Order Statistics)."""
    known = {1: 0.0, 2: 0.5642, 5: 1.1630, 64: float(np.random.default_rng(0).normal(size=(20_000, 64)).max(1).mean())}
    assert of_normals(draws)[0] == pytest.approx(known[draws], abs=0.02 if draws == 64 else 1e-3)
    assert slowest(np.full(draws, 7.0), np.full(draws, 4.0)) == pytest.approx(7 + 2 * known[draws], abs=0.05)
    assert slowest(np.arange(draws) + 1.0, np.zeros(draws)) == draws


@settings(max_examples=30, deadline=None)
@given(conv_geometries(), st.sampled_from([0.2, 0.6, 1.0]), st.sampled_from([0.2, 0.6, 1.0]))
def test_expectations_are_no_less_than_nothing(g: Geometry, ifmap: float, weight: float) -> None:
    for module, machine in ((scnn, scnn.Scnn()), (eyeriss_v2, eyeriss_v2.EyerissV2()), (sparten, sparten.Sparten())):
        expected = module.expect(g, ifmap, weight, machine)
        assert expected.cycles >= 0
        assert 0 <= expected.multiplies <= g.macs
        assert all(words >= 0 for _, words in expected.accesses)
