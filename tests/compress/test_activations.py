"""Codes of feature maps, what quantisers do to their values, and factors of requantisation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.activations import dorefa, sparse_uniform
from accsim.compress.model import ActivationCode
from accsim.compress.passes.activations import Activations
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
