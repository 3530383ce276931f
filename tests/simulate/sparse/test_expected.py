"""What is expected of a layer from densities alone, beside what drawn operands give."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.simulate.sparse import cnvlutin, eie, eyeriss_v2, scnn, sparten
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


@pytest.mark.parametrize(
    ("module", "machine", "g"),
    [
        (scnn, scnn.Scnn(), CONV), (eyeriss_v2, eyeriss_v2.EyerissV2(), CONV), (cnvlutin, cnvlutin.Cnvlutin(), CONV),
        (sparten, sparten.Sparten(), CONV), (eie, eie.Eie(), FC), (eyeriss_v2, eyeriss_v2.EyerissV2(), FC),
    ],
)  # fmt: skip
def test_expectations_are_near_a_draw(module: Any, machine: Any, g: Geometry) -> None:
    """Products to 5 %; cycles without the waits for the slowest: between half of a draw's and hardly more."""
    found = module.count(*operands(g, 0.5, 0.4, 1), machine)
    expected = module.expect(g, 0.5, 0.4, machine)
    assert expected.multiplies == pytest.approx(found.multiplies, rel=0.05)
    assert 0.5 * found.cycles < expected.cycles < 1.1 * found.cycles
    assert {name for name, _ in expected.accesses} == {name for name, _ in found.accesses}


@settings(max_examples=30, deadline=None)
@given(conv_geometries(), st.sampled_from([0.2, 0.6, 1.0]), st.sampled_from([0.2, 0.6, 1.0]))
def test_expectations_are_no_less_than_nothing(g: Geometry, ifmap: float, weight: float) -> None:
    for module, machine in ((scnn, scnn.Scnn()), (eyeriss_v2, eyeriss_v2.EyerissV2()), (sparten, sparten.Sparten())):
        expected = module.expect(g, ifmap, weight, machine)
        assert expected.cycles >= 0
        assert 0 <= expected.multiplies <= g.macs
        assert all(words >= 0 for _, words in expected.accesses)
