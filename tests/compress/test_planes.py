"""Sums of binary planes, and outliers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.codes import Outliers, Planes, Uniform
from accsim.compress.grain import by_block
from accsim.compress.model import LayerParameters
from accsim.compress.passes.binary import Bwn
from accsim.compress.passes.outliers import VQuant
from accsim.compress.passes.planes import LqNets, Residual, fit_bases, nearest_sums
from accsim.compress.passes.uniform import Symmetric
from tests.compress.tensors import CONV, GRAIN, code_of, error_of, layers, tensors

SLACK = 1 + 1e-9


@given(layers(), st.integers(1, 4), GRAIN)
@settings(max_examples=60, deadline=None)
def test_each_plane_takes_its_share_of_the_norm(parameters: LayerParameters, count: int, grain: str) -> None:
    code = Residual(planes=count, grain=grain).project(CONV, parameters).weight
    assert isinstance(code, Planes)
    weights = parameters.values()
    there = np.ones(weights.shape, bool) if parameters.kept is None else parameters.kept
    n = by_block(there, code.bases[0].block, False).sum(axis=-1)
    left = by_block(weights**2, code.bases[0].block, 0.0).sum(axis=-1)
    for base in code.bases:
        left = left - n * base.values**2
    found = by_block(np.where(there, weights - code.values(), 0.0) ** 2, code.bases[0].block, 0.0).sum(axis=-1)
    np.testing.assert_allclose(found, left, atol=1e-9 * max(1.0, float((weights**2).sum())))
    assert (code.bits, code.table_bits) == (count, 32 * count * n.size)


@given(layers(), st.integers(1, 4), GRAIN)
@settings(max_examples=60, deadline=None)
def test_learned_bases_are_never_worse_than_residual_ones(parameters: LayerParameters, bits: int, grain: str) -> None:
    residual = error_of(Residual(planes=bits, grain=grain), parameters)
    errors = [error_of(LqNets(bits=bits, grain=grain, iterations=n), parameters) for n in (0, 1, 2, 100)]
    scale = 1e-12 * max(1.0, float((parameters.values() ** 2).sum()))
    assert errors[0] <= residual * SLACK + scale  # levels alone are already better
    assert all(b <= a * SLACK + scale for a, b in pairwise(errors))
    uniform = [error_of(LqNets(bits=bits, grain=grain, start="uniform", iterations=n), parameters) for n in (0, 1, 100)]
    assert all(b <= a * SLACK + scale for a, b in pairwise(uniform))


@given(layers(), GRAIN)
@settings(max_examples=40, deadline=None)
def test_one_plane_is_a_scaled_sign(parameters: LayerParameters, grain: str) -> None:
    bwn = Bwn(grain=grain).project(CONV, parameters).values()
    for rule in (Residual(planes=1, grain=grain), LqNets(bits=1, grain=grain)):
        np.testing.assert_allclose(rule.project(CONV, parameters).values(), bwn, rtol=1e-9, atol=1e-300)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_a_value_takes_the_nearest_of_all_sums(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    values, bases = rng.standard_normal(30), rng.standard_normal(count)
    signs = np.where((np.arange(1 << count)[:, None] >> np.arange(count)) & 1, 1.0, -1.0)
    found = np.where(nearest_sums(values, bases), 1.0, -1.0).T @ bases
    np.testing.assert_allclose(np.abs(values - found), np.abs(values[:, None] - signs @ bases).min(axis=1), atol=1e-12)


def test_a_step_is_the_least_squares_of_the_paper() -> None:
    # v = (B^T B + 1e-4 I)^-1 (B^T x + 1e-4 v_old) with B from the nearest levels (Zhang et al., ECCV 2018)
    values, old = np.random.default_rng(0).standard_normal(50), np.array([0.4, 0.9])
    signs = np.where(nearest_sums(values, old), 1.0, -1.0).T
    new = np.linalg.solve(signs.T @ signs + 1e-4 * np.eye(2), signs.T @ values + 1e-4 * old)
    np.testing.assert_allclose(fit_bases(values, old, 1), new, rtol=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(0.01, 10))
@settings(max_examples=40, deadline=None)
def test_bases_in_powers_of_two_are_uniform_levels(seed: int, count: int, base: float) -> None:
    values = 4 * base * np.random.default_rng(seed).standard_normal(50)
    found = np.where(nearest_sums(values, base * 2.0 ** np.arange(count)), 1.0, -1.0).T @ (
        base * 2.0 ** np.arange(count)
    )
    largest = (1 << count) - 1
    codes = np.clip(np.floor((values / base + largest + 1) / 2), 0, largest)
    np.testing.assert_allclose(found, base * (2 * codes - largest), rtol=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_planes_are_added_up_after_integer_sums(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    code = code_of(LqNets(bits=count), rng.standard_normal((3, 4, 2, 2)))
    assert isinstance(code, Planes)
    inputs = rng.integers(0, 16, (4, 2, 2))
    for m in range(3):
        sums = [int((np.where(plane[m], 1, -1) * inputs).sum()) for plane in code.positive]
        total = sum(n * float(base.values[m].item()) for n, base in zip(sums, code.bases, strict=True))
        assert total == pytest.approx(float((code.values()[m] * inputs).sum()), abs=1e-9)
    assert code.symbols().max() < 1 << count


@given(layers(), st.integers(2, 8), st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_outliers_are_kept_wide(parameters: LayerParameters, bits: int, part: float) -> None:
    after = VQuant(bits=bits, ratio=part).project(CONV, parameters)
    plain = Symmetric(bits=bits).project(CONV, parameters)
    weights, values, code = parameters.values(), after.values(), after.weight
    count = weights.size if parameters.kept is None else int(parameters.kept.sum())
    expected = round(part * count)
    bulk = code.bulk if isinstance(code, Outliers) else code
    assert isinstance(bulk, Uniform)
    assert isinstance(plain.weight, Uniform)
    if not expected:
        np.testing.assert_allclose(values, plain.values(), rtol=1e-12)
        assert code.table_bits == plain.weight.table_bits
        return
    assert isinstance(code, Outliers)
    assert code.places.size == expected
    peak = np.abs(weights).max()
    half_step = peak / 32767 / 2
    outliers = np.zeros(weights.size, bool)
    outliers[code.places] = True
    error = np.abs(weights - values).ravel()
    assert (error[outliers] <= half_step * SLACK).all()
    if count > expected:
        step = bulk.scale.values.item()
        assert (error[~outliers] <= step / 2 * SLACK).all()
        if np.abs(weights.ravel()[~outliers]).max() > 0:
            assert step <= plain.weight.scale.values.item() * SLACK
    place_bits = max(1, (weights.size - 1).bit_length())
    assert code.table_bits == 32 + 32 + expected * (16 + place_bits)


@given(tensors())
@settings(max_examples=30, deadline=None)
def test_all_outliers_are_all_weights_at_sixteen_bits(weights: np.ndarray) -> None:
    every = code_of(VQuant(ratio=1.0), weights).values()
    np.testing.assert_allclose(every, code_of(Symmetric(bits=16), weights).values(), rtol=1e-12)
