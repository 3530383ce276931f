"""Uniform fixed point: what every rule promises."""

from __future__ import annotations

from math import log10

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.codes import Float, Uniform
from accsim.compress.grain import block_of, by_block, from_blocks
from accsim.compress.model import LayerParameters, Model
from accsim.compress.passes.allocation import SqnrAllocation
from accsim.compress.passes.uniform import Affine, DoReFa, DynamicFixedPoint, Symmetric, integer_length
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError, InputError
from accsim.workload.reader import load_network
from tests.compress.tensors import CONV, GRAIN, code_of, layers, tensors


def lenet(**weights: np.ndarray) -> Model:
    model = synthetic(load_network("lenet_caffe"))
    return model.with_parameters({name: LayerParameters(Float(w)) for name, w in weights.items()})


@given(tensors(), st.integers(2, 16), GRAIN)
@settings(max_examples=60, deadline=None)
def test_symmetric_rounds_to_the_nearest_multiple_and_keeps_zero(weights: np.ndarray, bits: int, grain: str) -> None:
    layer = load_network("lenet_caffe").mac_layers[0]
    rule = Symmetric(bits=bits, grain=grain)
    once = rule.project(layer, LayerParameters(Float(weights)))
    code = once.weight
    assert isinstance(code, Uniform)
    step = code.scale.over(weights.shape)
    assert (np.abs(code.codes) < 1 << (bits - 1)).all()
    assert (np.abs(code.values() - weights) <= step / 2 * (1 + 1e-9)).all()
    assert (code.values()[weights == 0] == 0).all()
    again = rule.project(layer, once).weight
    np.testing.assert_allclose(again.values(), code.values(), rtol=1e-12)
    assert code.scale.count == int(np.prod([-(-n // b) for n, b in zip(weights.shape, code.scale.block, strict=True)]))


@given(tensors(), GRAIN)
@settings(max_examples=60, deadline=None)
def test_blocks_hold_every_weight_once(weights: np.ndarray, grain: str) -> None:
    blocks = by_block(weights, block_of(grain, weights.shape), np.nan)
    assert sorted(blocks[~np.isnan(blocks)].tolist()) == sorted(weights.ravel().tolist())
    np.testing.assert_array_equal(from_blocks(blocks, block_of(grain, weights.shape), weights.shape), weights)


def test_weights_that_are_no_numbers() -> None:
    shape = lenet().parameters["conv1"].weight.shape
    weights = np.zeros(shape)
    weights[1, 0, 2, 3], weights[2, 0, 0, 0] = np.nan, np.inf
    with pytest.raises(AccsimError) as error:
        Symmetric().apply(lenet(conv1=weights))
    assert str(error.value) == (
        f"layer 'conv1': 2 of {weights.size} weights are NaN or infinite, the first at (1, 0, 2, 3)"
    )


def test_layers_are_chosen_by_pattern() -> None:
    model = Symmetric(layers=("conv*",), skip=("conv2",), bits=4).apply(lenet())
    assert [name for name, p in model.parameters.items() if p.weight.name == "uniform"] == ["conv1"]
    assert [(one.name, dict(one.arguments)) for one in model.applied] == [
        ("symmetric", {"bits": 4, "layers": ["conv*"], "skip": ["conv2"]})
    ]
    with pytest.raises(InputError) as error:
        Symmetric(layers=("cnov1",)).apply(lenet())
    assert str(error.value) == (
        "symmetric: no layer with weights of lenet_caffe matches 'cnov1'; did you mean 'conv1' or 'conv2'?"
    )


@given(tensors(), st.integers(2, 16), GRAIN)
@settings(max_examples=60, deadline=None)
def test_the_full_range_has_the_same_bound_with_a_smaller_step(weights: np.ndarray, bits: int, grain: str) -> None:
    full, narrow = (code_of(Symmetric(bits=bits, grain=grain, full_range=f), weights) for f in (True, False))
    assert isinstance(full, Uniform)
    assert isinstance(narrow, Uniform)
    step = full.scale.over(weights.shape)
    assert (np.abs(full.values() - weights) <= step / 2 * (1 + 1e-9)).all()
    assert (step <= narrow.scale.over(weights.shape)).all()
    assert (full.values()[weights == 0] == 0).all()
    assert full.codes.min() >= -(1 << (bits - 1))
    assert full.codes.max() < 1 << (bits - 1)


def test_the_full_range_is_not_idempotent_where_the_largest_weight_is_positive() -> None:
    once = code_of(Symmetric(bits=8, full_range=True), np.array([1.0, -0.25]).reshape(1, 1, 1, 2)).values()
    twice = code_of(Symmetric(bits=8, full_range=True), once).values()
    np.testing.assert_allclose(once.ravel()[0], 127 / 127.5)
    np.testing.assert_allclose(twice.ravel()[0], (127 / 127.5) ** 2)


@given(tensors(), st.integers(1, 16), GRAIN)
@settings(max_examples=100, deadline=None)
def test_affine_rounds_to_the_nearest_level_and_keeps_zero(weights: np.ndarray, bits: int, grain: str) -> None:
    code = code_of(Affine(bits=bits, grain=grain), weights)
    assert isinstance(code, Uniform)
    step = code.scale.over(weights.shape)
    assert not code.signed
    assert code.codes.min() >= 0
    assert code.codes.max() < 1 << bits
    assert (np.abs(code.values() - weights) <= step / 2 * (1 + 1e-9)).all()
    assert (code.values()[weights == 0] == 0).all()
    # a second projection changes nothing, unless the zero point was a tie: then an end code may be unused
    low = np.minimum(by_block(weights, code.scale.block, 0.0).min(axis=-1), 0.0)
    fraction = np.abs(-low / code.scale.values % 1 - 0.5)
    if (fraction > 1e-6).all():
        again = code_of(Affine(bits=bits, grain=grain), code.values())
        np.testing.assert_allclose(again.values(), code.values(), rtol=1e-9, atol=1e-12)


def test_affine_is_not_idempotent_where_the_zero_point_is_a_tie() -> None:
    # two bits over [-0.5, 2.5]: the step is 1, the zero point rint(0.5) = 0, and 2.5 takes the code 2 of 3
    code = code_of(Affine(bits=2), np.array([-0.5, 2.5]).reshape(1, 1, 1, 2))
    assert code.symbols().ravel().tolist() == [0, 2]
    again = code_of(Affine(bits=2), code.values())
    assert again.symbols().ravel().tolist() == [0, 3]


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 8), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_sums_of_affine_codes_are_corrected_by_their_zero_points(seed: int, first: int, second: int, k: int) -> None:
    # sum (q1 - z1)(q2 - z2) = sum q1 q2 - z1 sum q2 - z2 sum q1 + K z1 z2 (Jacob et al., CVPR 2018, equation 7)
    rng = np.random.default_rng(seed)
    one, two = (code_of(Affine(bits=b), rng.standard_normal((1, 1, 1, k)) + 0.3) for b in (first, second))
    assert isinstance(one, Uniform)
    assert isinstance(two, Uniform)
    q1, q2, z1, z2 = one.codes, two.codes, int(one.zero_point.item()), int(two.zero_point.item())
    whole = int((one.integers() * two.integers()).sum())
    assert whole == int((q1 * q2).sum()) - z1 * int(q2.sum()) - z2 * int(q1.sum()) + k * z1 * z2
    scale = one.scale.values.item() * two.scale.values.item()
    assert scale * whole == pytest.approx(float((one.values() * two.values()).sum()), rel=1e-9, abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.integers(2, 12))
@settings(max_examples=40, deadline=None)
def test_sums_of_dynamic_fixed_point_are_exact_in_floating_point(seed: int, first: int, second: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = (code_of(DynamicFixedPoint(bits=b), rng.standard_normal((1, 1, 5, 5))) for b in (first, second))
    assert isinstance(one, Uniform)
    assert isinstance(two, Uniform)
    scale = one.scale.values.item() * two.scale.values.item()
    assert int((one.codes * two.codes).sum()) * scale == (one.values() * two.values()).sum()


@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 5000), st.booleans(), st.booleans())
@settings(deadline=None)
def test_how_wide_an_accumulator_must_be(first: int, second: int, k: int, signed1: bool, signed2: bool) -> None:
    """Bits of both operands and ceil(log2 K) hold every sum, but for one bit more where both are unsigned."""
    (low1, high1), (low2, high2) = (
        (-(1 << (b - 1)), (1 << (b - 1)) - 1) if signed else (0, (1 << b) - 1)
        for b, signed in ((first, signed1), (second, signed2))
    )
    products = [a * b for a in (low1, high1) for b in (low2, high2)]
    width = first + second + (k - 1).bit_length() + (not signed1 and not signed2)
    assert -(1 << (width - 1)) <= k * min(products)
    assert k * max(products) <= (1 << (width - 1)) - 1


@given(layers(), st.integers(2, 12))
@settings(max_examples=60, deadline=None)
def test_the_bound_of_the_error_never_grows_with_bits(parameters: LayerParameters, bits: int) -> None:
    for rule in (Symmetric, Affine, DynamicFixedPoint):
        steps = [rule(bits=b).project(CONV, parameters).weight.scale.values.max() for b in (bits, bits + 1)]
        assert steps[1] <= steps[0]


@given(st.floats(1e-6, 1e6))
@settings(deadline=None)
def test_integer_length_is_the_least_power_of_two_above_the_peak(peak: float) -> None:
    length = integer_length(peak, of_parameters=False)
    assert 2.0 ** (length - 1) < peak <= 2.0**length
    assert integer_length(peak) == length + 1


@given(tensors(), st.integers(2, 16))
@settings(max_examples=60, deadline=None)
def test_dynamic_fixed_point_has_one_power_of_two(weights: np.ndarray, bits: int) -> None:
    code = code_of(DynamicFixedPoint(bits=bits), weights)
    assert isinstance(code, Uniform)
    step = float(code.scale.values.item())
    assert np.log2(step) == np.rint(np.log2(step))
    assert code.table_bits == 8
    top = ((1 << (bits - 1)) - 1) * step
    inside = weights <= top
    error = np.abs(code.values() - weights)
    assert (error[inside] <= step / 2).all()
    assert (error <= step).all()
    assert (code.values()[weights == 0] == 0).all()


def test_the_edges_of_dynamic_fixed_point() -> None:
    one = np.ones((1, 1, 1, 1))
    # a positive power of two is one step above the largest level
    assert code_of(DynamicFixedPoint(bits=4), one).values().item() == 0.875
    assert code_of(DynamicFixedPoint(bits=4), -one).values().item() == -1
    # 0.51 is rounded down to 0.5, whose range is half as long and ends below it
    once = code_of(DynamicFixedPoint(bits=2), 0.51 * one).values()
    assert once.item() == 0.5
    assert code_of(DynamicFixedPoint(bits=2), once).values().item() == 0.25


def test_stochastic_rounding_is_unbiased_and_repeats_itself() -> None:
    weights = np.full((1, 1, 1, 20_000), 0.3)
    weights[..., 0] = 0.6
    rule = DynamicFixedPoint(bits=4, rounding="stochastic", seed=3)
    values = code_of(rule, weights).values().ravel()[1:]
    assert set(values.tolist()) == {0.25, 0.375}
    # 0.3 lies 0.4 of the way: the mean of 2e4 draws is within five of its standard deviations
    assert abs(values.mean() - 0.3) < 5 * 0.125 * (0.4 * 0.6 / values.size) ** 0.5
    np.testing.assert_array_equal(code_of(rule, weights).values().ravel()[1:], values)
    assert (code_of(rule.model_copy(update={"seed": 4}), weights).values().ravel()[1:] != values).any()


@given(tensors(), st.integers(2, 8))
@settings(max_examples=60, deadline=None)
def test_dorefa_levels_are_odd_multiples_without_zero(weights: np.ndarray, bits: int) -> None:
    code = code_of(DoReFa(bits=bits), weights)
    assert isinstance(code, Uniform)
    largest = (1 << bits) - 1
    assert (np.abs(code.integers()) <= largest).all()
    assert (code.integers() % 2 == 1).all()
    np.testing.assert_allclose(code.values() * largest, code.integers(), rtol=1e-12)
    peak = np.abs(np.tanh(weights)).max() or 1.0
    expected = 2 * np.rint(largest * (np.tanh(weights) / (2 * peak) + 0.5)) / largest - 1
    np.testing.assert_allclose(code.values(), expected, atol=1e-12)
    assert [one.what for one in code.extra] == ["requantise", "zero_point"]


def test_one_bit_of_dorefa_has_one_scale_for_the_whole_layer() -> None:
    weights = np.array([[1.0, -3.0], [0.0, 4.0]]).reshape(2, 2, 1, 1)
    assert code_of(DoReFa(bits=1), weights).values().ravel().tolist() == [2.0, -2.0, 2.0, 2.0]


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=8), st.floats(2, 12), st.sampled_from([3.0, 6.0, 6.02]))
@settings(max_examples=100, deadline=None)
def test_bits_are_allocated_by_size_within_the_budget(sizes: list[int], bits: float, worth: float) -> None:
    rule = SqnrAllocation(bits=bits, db_per_bit=worth)
    found = rule.allocate(sizes, sizes)
    assert sum(n * b for n, b in zip(sizes, found, strict=True)) <= bits * sum(sizes) * (1 + 1e-12)
    for i, one in enumerate(sizes):
        for j, other in enumerate(sizes):
            if 2 < found[i] < 16 and 2 < found[j] < 16:
                # both are rounded, each by at most half a bit
                assert abs(found[i] - found[j] - 10 * log10(other / one) / worth) <= 1 + 1e-6
            if one >= other:
                assert found[i] <= found[j]


def test_allocation_over_a_network() -> None:
    after = SqnrAllocation(bits=5.0).apply(lenet())
    sizes = {name: p.weight.values().size for name, p in after.parameters.items()}
    bits = {name: p.weight.bits for name, p in after.parameters.items()}
    # 10 log10(400000 / 500) / 6 = 4.8, 10 log10(400000 / 25000) / 6 = 2.0, 10 log10(400000 / 5000) / 6 = 3.2
    assert sizes == {"conv1": 500, "conv2": 25000, "ip1": 400000, "ip2": 5000}
    # ip1 at 5 bits and the others so many above it would take 5.01 bits per weight, so the level stops just below
    assert bits == {"conv1": 9, "conv2": 7, "ip1": 4, "ip2": 8}
    assert after.applied[-1].notes == tuple((name, f"{b} bits") for name, b in bits.items())
