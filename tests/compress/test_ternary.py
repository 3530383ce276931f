"""Ternary weights: thresholds, scales, the optimum, and sets of scaled powers."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.codes import Float, PowerOfTwo, Ternary
from accsim.compress.model import LayerParameters
from accsim.compress.passes.admm import Admm, BinaryRelax
from accsim.compress.passes.binary import Bwn
from accsim.compress.passes.power_of_two import Quinary
from accsim.compress.passes.scaled_levels import alternate, best_scale, powers
from accsim.compress.passes.ternary import Fgq, TernaryOptimum, Ttq, Twn
from tests.compress.tensors import CONV, GRAIN, code_of, error_of, layers, tensors

SLACK = 1 + 1e-9


@given(layers(), GRAIN)
@settings(max_examples=80, deadline=None)
def test_ternary_values_and_their_scales(parameters: LayerParameters, grain: str) -> None:
    for rule in (Twn(grain=grain), TernaryOptimum(grain=grain)):
        after = rule.project(CONV, parameters)
        code = after.weight
        assert isinstance(code, Ternary)
        assert code.symmetric
        assert set(np.unique(code.codes)) <= {-1, 0, 1}
        assert len(np.unique(after.values())) <= 3 * code.positive.count
        error = error_of(rule, parameters)
        for factor in (0.9, 1.1):  # the scale is the best one for its zeros
            assert ((parameters.values() - factor * after.values()) ** 2).sum() >= error / SLACK
    assert error_of(TernaryOptimum(grain=grain), parameters) <= error_of(Twn(grain=grain), parameters) * SLACK + 1e-12
    once = TernaryOptimum(grain=grain).project(CONV, parameters)
    again = TernaryOptimum(grain=grain).project(CONV, once)
    np.testing.assert_allclose(again.values(), once.values(), rtol=1e-12)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=7))
@settings(max_examples=60, deadline=None)
def test_the_optimum_is_no_worse_than_any_other_ternary_tensor(values: list[int]) -> None:
    weights = np.array(values, float).reshape(1, 1, 1, -1)
    best = error_of(TernaryOptimum(), weights)
    five = error_of(Quinary(), weights)
    for levels, found in ((range(-1, 2), best), (range(-2, 3), five)):
        for codes in product(levels, repeat=min(len(values), 5)):
            q = np.array(codes + (0,) * (len(values) - len(codes)))
            square = float(q @ q)
            left = float(weights.ravel() @ weights.ravel()) - (
                float(weights.ravel() @ q) ** 2 / square if square else 0
            )
            assert found <= left + 1e-9


@given(tensors(), GRAIN)
@settings(max_examples=40, deadline=None)
def test_a_ternary_tensor_stays_as_it_is(weights: np.ndarray, grain: str) -> None:
    # of a ternary block with density d, 0.7 E|W| = 0.7 d a is below a
    once = code_of(Twn(grain=grain), weights).values()
    np.testing.assert_allclose(code_of(Twn(grain=grain), once).values(), once, rtol=1e-12)


@given(tensors())
@settings(max_examples=60, deadline=None)
def test_two_scales_are_never_worse_than_one_for_the_same_zeros(weights: np.ndarray) -> None:
    code = code_of(Ttq(), weights)
    assert isinstance(code, Ternary)
    one = np.abs(weights[code.codes != 0]).mean() if code.codes.any() else 0.0
    assert ((weights - code.values()) ** 2).sum() <= ((weights - one * code.codes) ** 2).sum() * SLACK + 1e-12
    assert (np.abs(weights[code.codes == 0]) <= 0.05 * np.abs(weights).max()).all()
    assert code.table_bits == 64
    assert [one.operations for one in code.extra] == [2]


@given(tensors(), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_smaller_groups_are_never_worse(weights: np.ndarray, group: int) -> None:
    assert error_of(Fgq(group=group), weights) <= error_of(Fgq(group=2 * group), weights) * SLACK + 1e-12
    assert error_of(Fgq(group=64), weights) <= error_of(TernaryOptimum(), weights) * SLACK + 1e-12
    assert code_of(Fgq(group=group, rule="twn"), weights).table_bits == (
        32 * weights.shape[0] * -(-weights.shape[1] // group)
    )


@given(layers(), st.integers(0, 4), GRAIN)
@settings(max_examples=80, deadline=None)
def test_alternation_never_makes_the_error_larger(parameters: LayerParameters, magnitudes: int, grain: str) -> None:
    errors = [error_of(Admm(magnitudes=magnitudes, grain=grain, iterations=n), parameters) for n in (1, 2, 3, 100)]
    assert all(b <= a * SLACK + 1e-12 for a, b in pairwise(errors))
    best = {0: Bwn(grain=grain), 1: TernaryOptimum(grain=grain), 2: Quinary(grain=grain)}.get(magnitudes)
    if best is not None:
        assert error_of(best, parameters) <= errors[-1] * SLACK + 1e-12


@given(tensors(), GRAIN)
@settings(max_examples=60, deadline=None)
def test_five_levels_are_never_worse_than_three(weights: np.ndarray, grain: str) -> None:
    code = code_of(Quinary(grain=grain), weights)
    assert isinstance(code, PowerOfTwo)
    assert code.bits == 3
    assert set(np.unique(code.integers())) <= {-2, -1, 0, 1, 2}
    assert error_of(Quinary(grain=grain), weights) <= error_of(TernaryOptimum(grain=grain), weights) * SLACK + 1e-12


@given(st.lists(st.floats(0, 10), min_size=1, max_size=40), st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_no_scale_is_better_than_the_best_one(values: list[float], count: int) -> None:
    magnitudes = np.array(values)
    levels = np.concatenate([[0], powers(count)])

    def error(scale: float) -> float:
        return float(((np.abs(magnitudes[:, None] - scale * levels)).min(axis=1) ** 2).sum())

    best = error(best_scale(magnitudes, powers(count)))
    grid = np.linspace(0, magnitudes.max() * 1.1, 200)
    assert all(best <= error(scale) + 1e-9 for scale in grid)


def test_alternation_can_stop_above_the_optimum() -> None:
    # all four at their mean 1.75 leave 4 * 1.75^2 - 5.5 = 6.75, and no weight changes; the optimum keeps 4 alone
    weights = np.array([1.0, 1.0, 1.0, 4.0]).reshape(1, 1, 2, 2)
    scale, codes = alternate(weights.reshape(1, 4), powers(1), 100)
    assert (scale.tolist(), codes.tolist()) == ([1.75], [[1, 1, 1, 1]])
    assert error_of(Admm(), weights) == pytest.approx(6.75)
    assert error_of(TernaryOptimum(), weights) == pytest.approx(3)


@given(tensors(), st.floats(0, 1e6), st.sampled_from(["binary", "ternary"]))
@settings(max_examples=60, deadline=None)
def test_a_relaxed_weight_is_closer_to_its_projection(weights: np.ndarray, relaxation: float, levels: str) -> None:
    exact = code_of(Bwn(grain="layer") if levels == "binary" else TernaryOptimum(), weights).values()
    after = code_of(BinaryRelax(relaxation=relaxation, levels=levels), weights)
    assert isinstance(after, Float)
    np.testing.assert_allclose(
        after.values() - exact, (weights - exact) / (relaxation + 1), atol=1e-9 * (np.abs(weights).max() + 1e-300)
    )
