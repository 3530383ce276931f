"""Pruning of single weights: what every rule promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from accsim.compress.codes import Float
from accsim.compress.model import LayerParameters, Model
from accsim.compress.passes.base import ModelPass
from accsim.compress.passes.registry import PASSES
from accsim.compress.passes.unstructured import (
    EnergyAware,
    Gradual,
    Largest,
    Level,
    Magnitude,
    Surgery,
    gradual_sparsity,
    surgery_mask,
)
from accsim.compress.restore import least_squares
from accsim.compress.second_order import obd_saliency, obs_delete, obs_saliency
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError, InputError
from accsim.source import Source
from accsim.workload.reader import load_network
from accsim.yamlfile import bind, load
from tests.compress.graphs import network_of

WEIGHTS = arrays(
    np.float64,
    st.tuples(*(st.integers(1, 4) for _ in range(4))),
    elements=st.integers(-6, 6).map(float) | st.floats(-8, 8, allow_nan=False),
)
FRACTION = st.floats(0, 1)
LAYER = load_network("lenet_caffe").mac_layers[0]


def project(one: ModelPass, weights: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
    return one.project(LAYER, LayerParameters(Float(weights), kept=kept)).kept


@given(WEIGHTS, FRACTION)
@settings(max_examples=100, deadline=None)
def test_a_level_is_reached_to_half_a_weight_and_keeps_the_largest(weights: np.ndarray, sparsity: float) -> None:
    kept = project(Level(sparsity=sparsity), weights)
    assert abs((~kept).sum() - sparsity * weights.size) <= 0.5 + 1e-9
    if kept.any() and not kept.all():
        assert np.abs(weights[kept]).min() >= np.abs(weights[~kept]).max()
        tied = np.flatnonzero((np.abs(weights) == np.abs(weights[~kept]).max()).reshape(-1))
        states = kept.reshape(-1)[tied]
        assert (np.sort(states) == states).all(), "the first of equal weights go first"
    again = project(Level(sparsity=sparsity), np.where(kept, weights, 0), kept)
    assert (np.where(again, weights, 0) == np.where(kept, weights, 0)).all()


@given(WEIGHTS, st.floats(0, 3), st.floats(0, 3))
@settings(max_examples=100, deadline=None)
def test_a_higher_threshold_keeps_no_more(weights: np.ndarray, q: float, more: float) -> None:
    kept = project(Magnitude(q=q), weights)
    assert (kept == (np.abs(weights) > q * weights.std())).all()
    assert not (project(Magnitude(q=q + more), weights) & ~kept).any()


def test_one_weight_and_zeros() -> None:
    assert project(Magnitude(q=5), np.full((1, 1, 1, 1), 3.0)).all(), "one weight has no deviation"
    assert not project(Magnitude(q=0), np.zeros((2, 1, 1, 1))).any(), "zeros are not above a threshold of 0"
    assert project(Level(sparsity=0.5), np.ones((1, 1, 1, 1))).all(), "half of one weight rounds to none"
    assert not project(Level(sparsity=0.51), np.ones((1, 1, 1, 1))).any()
    assert project(Level(sparsity=0.5), np.zeros((1, 4, 1, 1))).reshape(-1).tolist() == [False, False, True, True]
    assert not project(Level(sparsity=1), np.ones((2, 2, 1, 1))).any()


@given(FRACTION, FRACTION, st.integers(0, 50), st.integers(1, 50))
@settings(max_examples=200, deadline=None)
def test_the_schedule_is_monotone_and_ends_where_it_must(s0: float, s1: float, begin: int, steps: int) -> None:
    low, high = sorted((s0, s1))
    curve = [gradual_sparsity(t, initial=low, final=high, begin=begin, steps=steps) for t in range(begin + steps + 3)]
    assert (np.diff(curve) >= -1e-12).all()
    assert curve[begin] == pytest.approx(low)
    assert curve[begin + steps] == curve[-1] == high


def test_the_schedules_last_step_is_its_level() -> None:
    weights = np.random.default_rng(0).standard_normal((4, 4, 3, 3))
    last, level = project(Gradual(final=0.8), weights), project(Level(sparsity=0.8), weights)
    assert (last == level).all()
    # half way: 0.8 - 0.8 / 8 = 0.7
    assert (~project(Gradual(final=0.8, steps=10, step=5), weights)).sum() == round(0.7 * weights.size)


@given(WEIGHTS, st.floats(0, 4), st.floats(0, 4), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_surgery_is_idempotent_and_takes_back_what_has_grown(
    weights: np.ndarray, low: float, more: float, seed: int
) -> None:
    before = np.random.default_rng(seed).random(weights.shape) < 0.5
    kept = surgery_mask(weights, before, low, low + more)
    assert (surgery_mask(weights, kept, low, low + more) == kept).all()
    between = (np.abs(weights) >= low) & (np.abs(weights) < low + more)
    assert (kept[between] == before[between]).all()
    assert surgery_mask(weights + np.copysign(low + more, weights), kept, low, low + more).all(), "all have grown"


def test_surgery_keeps_the_values_of_weights_that_are_off() -> None:
    weights = np.array([0.1, 1.0, 1.1, 4.0]).reshape(1, 4, 1, 1)
    off = LayerParameters(Float(weights), kept=np.zeros(weights.shape, bool))
    after = Surgery(c=0).project(LAYER, off)
    assert after.kept.reshape(-1).tolist() == [False, False, False, True]
    assert (after.weight.values() == weights).all()
    with pytest.raises(ValueError, match="low must be at most high"):
        Surgery(low=2.0, high=1.0)


def two_layers(first: list[float], second: list[float]) -> Model:
    model = synthetic(network_of("- a: {conv: 1, kernel: 1}\n- b: {conv: 2, kernel: 1}", f"[{len(first)}, 2, 2]"))
    weights = {"a": np.array(first).reshape(1, -1, 1, 1), "b": np.array(second).reshape(-1, 1, 1, 1)}
    return model.with_parameters({name: LayerParameters(Float(w)) for name, w in weights.items()})


@given(st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=6), FRACTION)
@settings(max_examples=100, deadline=None)
def test_the_largest_of_all_layers_are_kept(first: list[float], density: float) -> None:
    model = two_layers(first, [3.0, -1.0])
    after = Largest(density=density).apply(model)
    kept = np.concatenate([p.kept.reshape(-1) for p in after.parameters.values()])
    flat = np.abs([*first, 3.0, -1.0])
    assert kept.sum() == round(density * flat.size) or abs(kept.sum() - density * flat.size) <= 0.5 + 1e-9
    assert flat[kept].sum() == np.sort(flat)[::-1][: kept.sum()].sum(), "no other vector is nearer"


def test_energy_aware_pruning_goes_by_energy_and_stops_at_its_budget() -> None:
    model = two_layers([1.0, 2.0, 3.0, 4.0], [5.0, 6.0])  # a: 16 MACs, b: 8 MACs, all of 32 bits
    after = EnergyAware(sparsity=0.5, budget=0.67).apply(model)
    assert after.parameters["a"].density == 0.5
    assert after.parameters["b"].kept is None
    assert after.applied[-1].notes == (("a", "pruned as number 1 of 2"),)
    given_order = EnergyAware(sparsity=0.5, order=("b", "a")).apply(model)
    assert given_order.applied[-1].notes == (("b", "pruned as number 1 of 2"), ("a", "pruned as number 2 of 2"))
    with pytest.raises(InputError) as error:
        EnergyAware(sparsity=0.5, order=("c", "a")).apply(model)
    assert list(error.value.mistakes) == [
        "energy_aware: order names 'c', which is not among the chosen layers",
        "energy_aware: order does not say where 'b' comes",
    ]


SMALL = arrays(np.float64, st.tuples(st.integers(2, 5)), elements=st.floats(-2, 2, allow_nan=False))


@given(SMALL, st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_obs_is_the_cheapest_deletion_on_a_quadratic(weights: np.ndarray, seed: int) -> None:
    root = np.random.default_rng(seed).standard_normal((weights.size, weights.size))
    hessian = root @ root.T + 0.1 * np.eye(weights.size)
    costs = obs_saliency(weights, hessian)
    alone = obd_saliency(weights, np.diag(hessian))
    assert (costs >= 0).all()
    assert (costs <= alone * (1 + 1e-9) + 1e-12).all()
    for which, cost in enumerate(costs):
        change = obs_delete(weights, hessian, which) - weights
        assert weights[which] + change[which] == 0
        assert change @ hessian @ change / 2 == pytest.approx(cost, rel=1e-6, abs=1e-9)
    np.testing.assert_allclose(obs_saliency(weights, np.diag(np.diag(hessian))), alone, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize(
    ("hessian", "sentence"),
    [
        (np.eye(3), "the Hessian of 2 weights is [2, 2], got [3, 3]"),
        (np.array([[1.0, 2.0], [0.0, 1.0]]), "the Hessian is not symmetric"),
        (-np.eye(2), "the Hessian is not positive definite, so its weights are not at a minimum"),
    ],
)
def test_a_hessian_that_is_none(hessian: np.ndarray, sentence: str) -> None:
    with pytest.raises(AccsimError) as error:
        obs_saliency(np.ones(2), hessian)
    assert str(error.value) == sentence


@given(st.integers(0, 1000), st.integers(1, 12), FRACTION)
@settings(max_examples=60, deadline=None)
def test_restoring_never_makes_the_output_worse(seed: int, samples: int, sparsity: float) -> None:
    draw = np.random.default_rng(seed)
    weights, inputs = draw.standard_normal((3, 2, 2, 2)), draw.standard_normal((samples, 8))
    kept = project(Level(sparsity=sparsity), weights)
    restored = least_squares(weights, kept, inputs)
    wanted = inputs @ weights.reshape(3, -1).T
    before = np.linalg.norm(wanted - inputs @ np.where(kept, weights, 0).reshape(3, -1).T)
    after = np.linalg.norm(wanted - inputs @ restored.reshape(3, -1).T)
    assert after <= before * (1 + 1e-9) + 1e-9
    assert not restored[~kept].any()
    assume(kept.all())
    np.testing.assert_allclose(restored, weights, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("level", "sparsity: 1.5", "pass.yaml:1:11: sparsity: must be at most 1.0, got 1.5"),
        ("level", "sparsity: -0.1", "pass.yaml:1:11: sparsity: must be at least 0.0, got -0.1"),
        ("largest", "density: 2", "pass.yaml:1:10: density: must be at most 1.0, got 2"),
        ("level", "layers: [conv1]", "pass.yaml:1:1: key 'sparsity' is missing"),
    ],
)
def test_a_recipe_with_a_mistake(name: str, text: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        bind(load(Source("pass", "pass.yaml", text + "\n")), PASSES[name])
    assert str(error.value) == sentence
