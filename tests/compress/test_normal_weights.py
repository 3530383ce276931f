"""What each rule leaves of normally distributed weights: squared relative l2 error.

Figures come from the normal density itself: in closed form for one plane and for ternary weights, by integration for
for several planes. Tolerances are five standard deviations of a sample (measured over eight seeds at 10^5: 0.0009 for
one plane, 0.0008 for ternary, 0.0006, 0.00045 and 0.0004 for two to four planes); they shrink with the root of its
size.
"""

from __future__ import annotations

from math import pi, sqrt
from statistics import NormalDist

import numpy as np
import pytest

from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.binary import Bwn
from accsim.compress.passes.planes import LqNets, Residual
from accsim.compress.passes.power_of_two import Inq
from accsim.compress.passes.ternary import TernaryOptimum, Twn
from accsim.compress.passes.uniform import Symmetric
from tests.compress.tensors import code_of, draw_normal

SIZES = [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)]
NORMAL = NormalDist()


def ternary_left(threshold: float) -> float:
    """1 - (sum of kept magnitudes)^2 / kept: twice the density's value over twice the tail, per weight."""
    return 1 - (2 * NORMAL.pdf(threshold)) ** 2 / (2 * (1 - NORMAL.cdf(threshold)))


def planes_left(count: int) -> float:
    """Residual planes on the density, by the sum over a fine grid."""
    left = np.linspace(-8, 8, 400_001)
    density = np.exp(-(left**2) / 2)
    density /= density.sum()
    for _ in range(count):
        left = left - np.where(left >= 0, 1, -1) * (density * np.abs(left)).sum()
    return float((density * left**2).sum())


TWN_THRESHOLD = 0.7 * sqrt(2 / pi)
BEST_THRESHOLD = min(np.linspace(0.5, 0.7, 20_001), key=ternary_left)
FIGURES = [
    (Bwn(), 1 - 2 / pi, 0.0009),
    (Twn(), ternary_left(TWN_THRESHOLD), 0.0008),
    (TernaryOptimum(), ternary_left(BEST_THRESHOLD), 0.0008),
    (Residual(planes=1), planes_left(1), 0.0009),
    (Residual(planes=2), planes_left(2), 0.0006),
    (Residual(planes=3), planes_left(3), 0.00045),
    (Residual(planes=4), planes_left(4), 0.0004),
]
LEVELS = [(1, 0.3634, 0.3634, 0.0009), (2, 0.1175, 0.1188, 0.00045), (3, 0.03454, 0.03744, 0.00022)]
LEVELS += [(4, 0.009497, 0.01154, 0.00011)]
"""Bits; the least squared error of any 2^bits levels, and of evenly spaced ones, for a normal density (Max, IRE
Transactions on Information Theory 6, 1960, tables I and II); and the standard deviation over samples of 10^5."""


def squared(rule: LayerPass, weights: np.ndarray) -> float:
    values = code_of(rule, weights).values()
    return float(((weights - values) ** 2).sum() / (weights**2).sum())


def test_the_figures_themselves() -> None:
    # the second row is one sample of 10^6
    assert [round(figure, 4) for _, figure, _ in FIGURES] == [0.3634, 0.1916, 0.1902, 0.3634, 0.1305, 0.0584, 0.0329]
    sampled = [0.3638, 0.1918, 0.1903, 0.364, 0.131, 0.0586, 0.0331]
    assert [figure for _, figure, _ in FIGURES] == pytest.approx(sampled, rel=0.007)
    tails = [2 * (1 - NORMAL.cdf(threshold)) for threshold in (TWN_THRESHOLD, BEST_THRESHOLD)]
    assert tails == pytest.approx([0.576, 0.540], abs=0.001)
    assert pytest.approx(0.612, abs=5e-4) == BEST_THRESHOLD


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize(("rule", "figure", "deviation"), FIGURES)
def test_squared_errors(rule: LayerPass, figure: float, deviation: float, count: int) -> None:
    assert squared(rule, draw_normal(count)) == pytest.approx(figure, abs=5 * deviation * sqrt(1e5 / count))


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize(("bits", "best", "even", "deviation"), LEVELS)
def test_learned_bases_lie_between_the_best_levels_and_the_best_evenly_spaced_ones(
    bits: int, best: float, even: float, deviation: float, count: int
) -> None:
    # v_i = 2^i v_0 are evenly spaced levels, so the best bases are never worse; no 2^bits levels beat the best ones
    slack = 5 * deviation * sqrt(1e5 / count)
    assert best - slack <= squared(LqNets(bits=bits), draw_normal(count)) <= even + slack
    assert squared(LqNets(bits=bits, start="uniform"), draw_normal(count)) <= even + slack


@pytest.mark.parametrize("count", SIZES)
def test_densities_of_ternary_weights(count: int) -> None:
    weights = draw_normal(count)
    assert np.mean(code_of(Twn(), weights).values() != 0) == pytest.approx(0.576, abs=0.005)
    values = code_of(TernaryOptimum(), weights).values()
    assert np.mean(values != 0) == pytest.approx(0.540, abs=0.01)
    assert np.abs(weights[values == 0]).max() == pytest.approx(0.612, abs=0.015)


@pytest.mark.parametrize("count", SIZES)
def test_inq_depends_on_the_largest_weight(count: int) -> None:
    weights = draw_normal(count)
    assert 3 <= np.abs(weights).max() < 6  # so n1 is 2
    for bits, figure in ((2, 0.864), (3, 0.331), (4, 0.0447), (5, 0.0377)):
        assert squared(Inq(bits=bits), weights) == pytest.approx(figure, rel=0.015), bits
    assert np.mean(code_of(Inq(bits=2), weights).values() != 0) == pytest.approx(0.0455, abs=0.002)  # 2 deviations
    weights[..., 0] = 1000.0  # one outlier leaves the others nothing at 3 bits
    assert np.count_nonzero(code_of(Inq(bits=3), weights).values()) == 1


def test_residual_planes_need_one_plane_more_than_learned_bases() -> None:
    weights = draw_normal()
    learned = {bits: squared(LqNets(bits=bits), weights) for bits in (2, 3)}
    residual = {planes: squared(Residual(planes=planes), weights) for planes in (2, 3, 4)}
    for bits in (2, 3):
        assert residual[bits] > learned[bits]
    assert residual[3] < learned[2]
    assert residual[4] < learned[3]


def test_six_decibels_per_bit() -> None:
    # a uniform quantiser with fine steps: noise is a twelfth of a squared step, which halves with each bit
    weights = draw_normal()
    for bits in (6, 8, 10):
        step = code_of(Symmetric(bits=bits), weights).scale.values.item()
        assert squared(Symmetric(bits=bits), weights) == pytest.approx(step**2 / 12, rel=0.03)
