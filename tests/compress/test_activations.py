"""Codes of feature maps, what quantisers do to their values, and factors of requantisation."""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil, log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.activations import dorefa, sparse_uniform
from accsim.compress.feature_codes import decode, encode
from accsim.compress.model import ActivationCode
from accsim.compress.passes.activations import Activations
from accsim.compress.ranges import Range, calibrated
from accsim.compress.requantise import fixed_point, integer_approximation
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError, InputError
from accsim.workload.reader import load_network

LENET = synthetic(load_network("lenet_caffe"))
FACTOR = st.floats(2.0**-31, 2.0**30)


def test_maps_behind_a_relu_are_unsigned() -> None:
    after = Activations(bits=6).apply(synthetic(load_network("resnet18")))
    signed = {name for name, code in after.activations.items() if code.signed}
    assert "input" in signed
    assert after.activations["maxpool"] == ActivationCode(6, signed=False)
    for layer in after.network.layers:
        if layer.kind in ("conv", "batch_norm", "add"):
            assert layer.name in signed
        elif layer.operation == "relu":
            assert layer.name not in signed


def test_chosen_maps_and_a_known_range() -> None:
    after = Activations(bits=2, maps=("*.relu", "input"), top=1.0, signed=False).apply(LENET)
    assert after.activations == {name: ActivationCode(2, signed=False, scale=1 / 3) for name in ("input", "ip1.relu")}
    sparse = Activations(bits=2, maps=("ip1.relu",), threshold=0.3).apply(after)
    assert sparse.activations["ip1.relu"] == ActivationCode(2, signed=False, threshold=0.3)
    assert sparse.activations["input"] == after.activations["input"]
    signs = Activations(bits=1, kind="binary", maps=("pool1",)).apply(LENET)
    assert signs.activations == {"pool1": ActivationCode(1, signed=True, kind="binary")}
    assert Activations(bits=4, signed=True, top=7.0, maps=("input",)).apply(LENET).activations["input"].scale == 1.0


RANGE = st.tuples(st.floats(-50, 50), st.floats(-50, 50)).map(sorted)


def seen(rule: Activations, low: float, high: float) -> ActivationCode:
    """The code of LeNet's input, once values from low to high have been seen."""
    model = rule.apply(LENET)
    return calibrated(model, {name: Range(low, high) for name in model.activations}).activations["input"]


@given(RANGE, st.integers(1, 16), st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(deadline=None)
def test_affine_codes_hold_the_range_and_zero(span: list[float], bits: int, parts: list[float]) -> None:
    low, high = min(span[0], 0.0), max(span[1], 0.0)
    code = seen(Activations(bits=bits, maps=("input",), steps="affine"), *span)
    assert not code.signed
    assert code.scale is not None
    if high - low < 1e-300:
        return
    assert code.scale == (high - low) / (2**bits - 1)
    assert 0 <= code.zero_point <= 2**bits - 1
    assert decode(encode(np.zeros(1), code), code).item() == 0
    values = low + np.array(parts) * (high - low)
    # a half step of rounding; at an end, up to another half for the zero point
    assert np.abs(decode(encode(values, code), code) - values).max() <= code.scale * (1 + 1e-9)


@given(st.floats(1e-6, 1e6), st.integers(2, 16), st.booleans())
@settings(deadline=None)
def test_ristrettos_steps_are_powers_of_two(peak: float, bits: int, signed: bool) -> None:
    rule = Activations(bits=bits, maps=("input",), steps="power_of_two", signed=signed)
    code = seen(rule, -peak if signed else 0.0, peak / 2 if signed else peak)
    assert code.scale == 2.0 ** (ceil(log2(peak)) - bits)
    top = decode(encode(np.array([peak]), code), code).item()
    if signed:  # no bit of the integer length is the sign's
        assert top <= 2.0 ** (ceil(log2(peak)) - 1)
    else:
        assert abs(top - peak) <= code.scale


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": "affine", "signed": True}, "affine codes are unsigned, with a zero point; leave signed out"),
        (
            {"steps": "power_of_two", "top": 1.0},
            "steps (power_of_two) are for uniform codes whose range is calibrated, without top",
        ),
    ],
)
def test_steps_that_cannot_be(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Activations(**arguments)


def test_a_feature_map_that_is_not_there() -> None:
    with pytest.raises(InputError) as error:
        Activations(maps=("poool1",)).apply(LENET)
    assert str(error.value) == (
        "activations: no feature map of lenet_caffe matches 'poool1'; did you mean 'pool1' or 'pool2'?"
    )


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=20), st.integers(1, 8))
@settings(deadline=None)
def test_dorefa_activations_are_the_nearest_level(values: list[float], bits: int) -> None:
    found = dorefa(np.array(values), bits)
    levels = np.arange(1 << bits) / ((1 << bits) - 1)
    clipped = np.clip(values, 0, 1)
    np.testing.assert_allclose(np.abs(clipped - found), np.abs(clipped[:, None] - levels).min(axis=1), atol=1e-12)
    np.testing.assert_array_equal(dorefa(found, bits), found)


def test_sparse_activations() -> None:
    values = np.array([-1.0, 0.2, 0.3, 0.31, 0.74, 0.76, 9.0])
    assert sparse_uniform(values, 2, 0.5, 0.3).tolist() == [0, 0, 0, 0.5, 0.5, 1.0, 1.5]


@given(FACTOR, st.integers(1, 31))
@settings(max_examples=300, deadline=None)
def test_an_integer_multiplier_below_the_factor(factor: float, bits: int) -> None:
    found = integer_approximation(factor, bits)
    exact = Fraction(factor) - Fraction(found.multiplier) / Fraction(2) ** found.shift
    assert 0 <= found.multiplier < 1 << bits
    assert 0 <= exact < Fraction(2) ** -found.shift
    assert exact < Fraction(factor) / (Fraction(2) ** (bits - 1) - Fraction(1, 2))


@given(FACTOR, st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=10))
@settings(max_examples=200, deadline=None)
def test_a_fixed_point_multiplier(factor: float, sums: list[int]) -> None:
    found = fixed_point(factor)
    assert 1 << 30 <= found.multiplier < 1 << 31
    exact = Fraction(found.multiplier) / Fraction(2) ** found.shift
    assert abs(exact / Fraction(factor) - 1) <= Fraction(1, 2**31)
    expected = [(2 * n * exact + 1) // 2 for n in sums]  # nearest, ties upwards
    assert found.apply(np.array(sums)).tolist() == expected


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf"), 2.0**31, 1e-10])
def test_factors_out_of_range(factor: float) -> None:
    for rule in (fixed_point, lambda f: integer_approximation(f, 8)):
        with pytest.raises(AccsimError) as error:
            rule(factor)
        assert str(error.value) == (f"a factor of requantisation must be from 2^-31 to below 2^31, got {factor!r}")
    with pytest.raises(AccsimError) as error:
        integer_approximation(0.5, 32)
    assert str(error.value) == "bits of a multiplier must be from 1 to 31, got 32"
