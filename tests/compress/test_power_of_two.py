"""Powers of two: INQ's levels, portions, and the set without a zero."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.codes import Float, Outliers, PowerOfTwo
from accsim.compress.model import LayerParameters
from accsim.compress.passes.power_of_two import Inq, Shift, inq_highest
from tests.compress.tensors import CONV, code_of, layers, tensors


@given(st.floats(1e-9, 1e9))
@settings(deadline=None)
def test_the_highest_exponent_of_inq(peak: float) -> None:
    assert 0.75 * 2.0 ** inq_highest(peak) <= peak < 1.5 * 2.0 ** inq_highest(peak)


@pytest.mark.parametrize(("peak", "highest"), [(0.75, 0), (np.nextafter(0.75, 0), -1), (1.5, 1), (1.0, 0), (0.0, 0)])
def test_the_edges_of_the_highest_exponent(peak: float, highest: int) -> None:
    assert inq_highest(peak) == highest


def inq_by_its_definition(weight: float, levels: list[float]) -> float:
    """(a + b) / 2 <= |W| < 3 b / 2 for neighbouring levels a < b (Zhou et al., ICLR 2017, equation 4)."""
    for below, level in zip([0.0, *levels], levels, strict=False):
        if (below + level) / 2 <= abs(weight) < 1.5 * level:
            return float(np.sign(weight) * level)
    return 0.0


@given(layers(), st.integers(2, 7))
@settings(max_examples=80, deadline=None)
def test_inq_is_its_definition(parameters: LayerParameters, bits: int) -> None:
    after = Inq(bits=bits).project(CONV, parameters)
    code = after.weight
    assert isinstance(code, PowerOfTwo)
    assert code.highest - code.lowest + 1 == 2 ** (bits - 2)  # n2 = n1 + 1 - 2^(b-1) / 2
    levels = [2.0**e for e in range(code.lowest, code.highest + 1)]
    weights, values = parameters.values(), after.values()
    assert values.ravel().tolist() == [inq_by_its_definition(w, levels) for w in weights.ravel()]
    kept = values != 0
    assert (np.abs(weights - values)[kept] <= 0.5 * np.abs(values)[kept]).all()
    above = kept & (np.abs(values) > levels[0])
    assert (np.abs(weights - values)[above] <= np.abs(weights)[above] / 3 * (1 + 1e-12)).all()
    np.testing.assert_array_equal(Inq(bits=bits).project(CONV, after).values(), values)


@given(layers(), st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_portions_without_training_between_them_are_the_whole_at_once(parameters: LayerParameters, bits: int) -> None:
    whole = Inq(bits=bits).project(CONV, parameters).values()
    step = parameters
    n = step.values().size if step.kept is None else int(step.kept.sum())
    for portion in (0.5, 0.75, 0.875, 1.0):
        step = Inq(bits=bits, portion=portion).project(CONV, step)
        code = step.weight
        waiting = code.places.size if isinstance(code, Outliers) else 0
        assert waiting == n - round(portion * n)
        values, before = step.values(), parameters.values()
        same = values == before
        assert ((values == whole) | same).all()
        if waiting:
            done = np.ones(values.size, bool)
            done[code.places] = False
            if step.kept is not None:
                done &= step.kept.ravel()
            smallest = np.abs(before).ravel()[done].min(initial=np.inf)
            assert np.abs(before).ravel()[code.places].max() <= smallest
    assert isinstance(step.weight, PowerOfTwo)
    np.testing.assert_array_equal(step.values(), whole)


@given(tensors(), st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_shift_rounds_in_the_logarithm_and_has_no_zero(weights: np.ndarray, bits: int) -> None:
    code = code_of(Shift(bits=bits), weights)
    assert isinstance(code, PowerOfTwo)
    values = code.values()
    assert (values != 0).all()
    assert (np.sign(values) == np.where(weights < 0, -1, 1)).all()
    lowest, highest = 2.0**code.lowest, 2.0**code.highest
    inside = (np.abs(weights) >= lowest) & (np.abs(weights) <= highest)
    ratio = np.abs(values[inside]) / np.abs(weights[inside])
    assert (ratio <= 2**0.5 * (1 + 1e-12)).all()
    assert (ratio >= 2**-0.5 / (1 + 1e-12)).all()
    assert (np.abs(values[np.abs(weights) < lowest]) == lowest).all()
    assert code.symbols().min() >= 0
    assert code.symbols().max() < 1 << bits
    np.testing.assert_array_equal(code_of(Shift(bits=bits), values).values(), values)


def test_the_exponents_of_ristretto() -> None:
    weights = np.array([0.7, -0.001, 0.0, 3.0]).reshape(1, 1, 2, 2)
    code = code_of(Shift(bits=4, highest=-1), weights)
    assert code.values().ravel().tolist() == [0.5, -(2.0**-8), 2.0**-8, 0.5]
    assert (code.bits, code.table_bits, code.extra) == (4, 8, ())


@given(layers(), st.integers(2, 7), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_shifting_and_adding_is_multiplying(parameters: LayerParameters, bits: int, seed: int) -> None:
    code = Inq(bits=bits).project(CONV, parameters).weight
    assert isinstance(code, PowerOfTwo)
    inputs = np.random.default_rng(seed).integers(-128, 128, code.shape)
    shifted = code.signs * (inputs << np.where(code.signs == 0, 0, code.exponents - code.lowest))
    assert int(shifted.sum()) * 2.0**code.lowest == float((inputs * code.values()).sum())


def test_one_outlier_takes_the_levels_away() -> None:
    weights = np.random.default_rng(0).standard_normal((1, 1, 1, 1000))
    weights[..., 0] = 1000.0
    values = code_of(Inq(bits=3), weights).values()
    assert np.count_nonzero(values) == 1
    assert Inq(bits=3).project(CONV, LayerParameters(Float(weights[..., 1:]))).density == pytest.approx(
        0.317, abs=0.05
    )  # beyond one deviation
