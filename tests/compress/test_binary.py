"""Binary weights and activations: the best scale, signs of zero, and what replaces a norm and a dot product."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accsim.compress.activations import sign_threshold, xnor_input_scale
from accsim.compress.codes import Binary, Float
from accsim.compress.grain import by_block
from accsim.compress.model import ActivationCode, LayerParameters, NormParameters
from accsim.compress.passes.binary import BinaryConnect, Bwn, Syq, Xnor
from accsim.compress.synthetic import synthetic
from accsim.workload.layer import Geometry
from accsim.workload.reader import load_network
from tests.compress.tensors import CONV, FC, GRAIN, code_of, layers, tensors
from tests.strategies import conv_geometries


@given(layers(), GRAIN)
@settings(max_examples=100, deadline=None)
def test_what_a_scale_of_signs_leaves(parameters: LayerParameters, grain: str) -> None:
    after = Bwn(grain=grain).project(CONV, parameters)
    code = after.weight
    assert isinstance(code, Binary)
    weights, values = parameters.values(), after.values()
    there = np.ones(weights.shape, bool) if parameters.kept is None else parameters.kept
    n = by_block(there, code.scale.block, False).sum(axis=-1)
    left = by_block((weights - values) ** 2, code.scale.block, 0.0).sum(axis=-1)
    whole = by_block(weights**2, code.scale.block, 0.0).sum(axis=-1)
    np.testing.assert_allclose(left, whole - n * code.scale.values**2, atol=1e-9 * max(1.0, whole.max()))
    for factor in (0.9, 1.1):
        assert ((weights - factor * values) ** 2).sum() >= left.sum() * (1 - 1e-12)
    again = Bwn(grain=grain).project(CONV, after)
    np.testing.assert_allclose(again.values(), values, rtol=1e-12)


def test_the_sign_of_zero_is_plus() -> None:
    weights = np.array([0.0, -0.0, -2.0, 4.0]).reshape(1, 1, 2, 2)
    assert code_of(Bwn(), weights).values().ravel().tolist() == [1.5, 1.5, -1.5, 1.5]
    assert code_of(BinaryConnect(), weights).values().ravel().tolist() == [1, 1, -1, 1]


def test_what_is_stored_beside_the_signs() -> None:
    weights = np.ones((6, 4, 3, 3))
    for rule, scales in ((Bwn(), 6), (Bwn(grain="layer"), 1), (Syq(), 9), (BinaryConnect(), 0)):
        code = code_of(rule, weights)
        assert (code.bits, code.table_bits) == (1, 32 * scales)
    assert code_of(BinaryConnect(), weights).extra == ()
    flat = Syq().project(FC, LayerParameters(Float(np.ones((6, 4, 3, 3))))).weight
    assert flat.table_bits == 32


@given(tensors())
@settings(max_examples=40, deadline=None)
def test_syq_has_a_scale_per_place_of_the_kernel(weights: np.ndarray) -> None:
    values = code_of(Syq(), weights).values()
    np.testing.assert_allclose(np.abs(values), np.broadcast_to(np.abs(weights).mean(axis=(0, 1)), weights.shape))


def test_xnor_makes_what_its_layers_read_binary() -> None:
    after = Xnor(skip=("conv1", "ip2")).apply(synthetic(load_network("lenet_caffe")))
    binary = ActivationCode(1, signed=True, kind="binary")
    assert after.activations == {"pool1": binary, "pool2": binary}
    assert {name: p.weight.name for name, p in after.parameters.items()} == {
        "conv1": "float", "conv2": "binary", "ip1": "binary", "ip2": "float",
    }  # fmt: skip


@given(conv_geometries(), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_the_scale_of_binary_inputs_is_the_mean_magnitude_of_each_window(g: Geometry, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal((g.N, g.C, g.H, g.W))
    found = xnor_input_scale(values, g)
    for n, p, q in np.ndindex(g.N, g.P, g.Q):
        total = 0.0
        for r, s in np.ndindex(g.R, g.S):
            y = p * g.stride_h + r * g.dilation_h - g.pad_top
            x = q * g.stride_w + s * g.dilation_w - g.pad_left
            if 0 <= y < g.H and 0 <= x < g.W:
                total += np.abs(values[n, :, y, x]).mean()
        assert found[n, p, q] == pytest.approx(total / (g.R * g.S))


EIGHTHS = st.integers(-64, 64).map(lambda n: n / 8)


@given(st.lists(st.tuples(EIGHTHS, EIGHTHS, EIGHTHS, st.integers(0, 6)), min_size=1, max_size=5), EIGHTHS)
@settings(max_examples=200, deadline=None)
def test_a_norm_and_a_sign_are_one_comparison(norms: list[tuple[float, float, float, int]], x: float) -> None:
    # deviations are powers of two, so that the exact sign is known; a value that is on the limit in truth may be off it
    # by one rounding of the quotient, and is not asked for
    gamma, beta, mean, exponent = (np.array(column) for column in zip(*norms, strict=True))
    deviation = 2.0 ** (exponent - 3)
    folded = sign_threshold(NormParameters(gamma, beta, mean, deviation**2, epsilon=0.0))
    exact = [
        Fraction(g) * (Fraction(x) - Fraction(m)) / Fraction(d) + Fraction(b)
        for g, b, m, d in zip(gamma, beta, mean, deviation, strict=True)
    ]
    assume(all(abs(e) > Fraction(1, 10**9) or g == 0 for e, g in zip(exact, gamma, strict=True)))
    found = folded.signs(np.full((1, len(norms)), x)).ravel().tolist()
    assert found == [1 if e >= 0 else -1 for e in exact]
    assert folded.above.tolist() == [bool(g >= 0) for g in gamma]


def test_a_norm_with_gamma_zero_has_the_sign_of_beta() -> None:
    norm = NormParameters(np.zeros(3), np.array([1.0, 0.0, -1.0]), np.zeros(3), np.ones(3))
    for x in (-1e300, 0.0, 1e300):
        assert sign_threshold(norm).signs(np.full((2, 3, 1, 1), x))[0].ravel().tolist() == [1, 1, -1]


@given(st.integers(0, 2**32 - 1), st.integers(1, 200))
@settings(max_examples=50, deadline=None)
def test_integer_sums_are_compared_with_an_integer(seed: int, terms: int) -> None:
    rng = np.random.default_rng(seed)
    channels = 8
    norm = NormParameters(*rng.standard_normal((3, channels)), rng.random(channels) + 0.1)
    scale = rng.random(channels) + 0.01
    sums = np.arange(-terms, terms + 1).reshape(-1, 1).repeat(channels, axis=1)
    folded = sign_threshold(norm)
    whole = folded.integers(scale)
    assert np.array_equal(whole.limit, np.rint(whole.limit))
    normed = norm.gamma * (sums * scale - norm.mean) / np.sqrt(norm.variance + norm.epsilon) + norm.beta
    clear = np.abs(normed) > 1e-9
    assert (whole.signs(sums)[clear] == np.where(normed >= 0, 1, -1)[clear]).all()
