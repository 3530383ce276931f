"""Policies: exact as brute force, within the budget, better than treating all layers alike, and recipes that run."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.codes.base import Float
from accsim.compress.compressed import compress
from accsim.compress.measures import relative_l2
from accsim.compress.model import LayerParameters
from accsim.compress.passes.uniform import Symmetric
from accsim.compress.passes.unstructured import Level
from accsim.compress.recipe_reader import load_recipe
from accsim.compress.storage import store
from accsim.errors import AccsimError, InputError
from accsim.importers.opening import open_model
from accsim.sweep.policy.choices import layer_choices
from accsim.sweep.policy.cooling import Cooling, budgets
from accsim.sweep.policy.costs import Budget
from accsim.sweep.policy.find import Problem, Solver, load_proxy, recipe_text
from accsim.sweep.policy.solve import Floats, exact, greedy, least_cost

# bits, energies and noise: whole numbers, many equal, or figures of some digits
numbers = st.one_of(st.integers(0, 12).map(float), st.integers(0, 10**9).map(lambda n: n / 1e7))


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Floats], list[Floats], float]:
    counts = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    costs = [np.array(draw(st.lists(numbers, min_size=n, max_size=n))) for n in counts]
    losses = [np.array(draw(st.lists(numbers, min_size=n, max_size=n))) for n in counts]
    return costs, losses, draw(st.floats(0, 200))


def brute(costs: list[Floats], losses: list[Floats], budget: float) -> float | None:
    """The least loss within the budget, by trying everything."""
    picks = product(*(range(len(cost)) for cost in costs))
    within = [p for p in picks if sum(float(costs[i][j]) for i, j in enumerate(p)) <= budget]
    return min((sum(float(losses[i][j]) for i, j in enumerate(p)) for p in within), default=None)


@settings(max_examples=200, deadline=None)
@given(problem=problems())
def test_exact_is_brute_force_and_greedy_is_within_the_budget(
    problem: tuple[list[Floats], list[Floats], float],
) -> None:
    costs, losses, budget = problem
    least, best, quick = brute(costs, losses, budget), exact(*problem), greedy(*problem)
    if least is None:
        assert best is None
        assert quick is None
        assert least_cost(costs) > budget
        return
    assert best is not None
    assert quick is not None
    assert best.proved
    assert best.cost <= budget
    assert quick.cost <= budget
    assert best.loss == pytest.approx(least, rel=1e-9, abs=1e-12)
    assert quick.loss >= best.loss * (1 - 1e-9)
    assert best.loss == sum(float(losses[i][pick]) for i, pick in enumerate(best.picks))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), bits=st.integers(2, 8), density=st.sampled_from([1.0, 0.7, 0.5, 0.2, 0.1]))
def test_choices_are_what_the_passes_make(seed: int, bits: int, density: float) -> None:
    model = open_model("lenet_caffe")
    layer, parameters = next(iter(model.layers()))
    rng = np.random.default_rng(seed)
    values = rng.normal(size=parameters.values().shape)
    found = layer_choices(layer.name, values, [bits], [density])
    before = _with_values(parameters, values)
    after = Level.model_validate({"sparsity": 1 - density}).project(layer, before)
    after = Symmetric.model_validate({"bits": bits}).project(layer, after)
    assert found.nonzeros[0] == np.count_nonzero(after.values())
    assert found.noise[0] == pytest.approx(relative_l2(values, np.asarray(after.values())) ** 2, rel=1e-9)
    smallest = min(store(after, encoding).stored_bits for encoding in ("dense", "bitmap"))
    assert found.stored_bits[0] == smallest


def _with_values(parameters: LayerParameters, values: np.ndarray) -> LayerParameters:
    return replace(parameters, weight=Float(values))


@pytest.mark.parametrize(
    "what", [Budget.SIZE, *(pytest.param(b, marks=pytest.mark.slow) for b in (Budget.ENERGY, Budget.LATENCY))]
)
def test_mobilenet_is_better_off_than_with_all_layers_alike(what: Budget, tmp_path: Path) -> None:
    model = open_model("lenet_caffe" if what is Budget.LATENCY else "mobilenet_v1")
    problem = Problem(model, what, "systolic_32x32" if what is Budget.LATENCY else "eyeriss_isca16", bits=(2, 4, 6, 8))
    share = {Budget.SIZE: 0.12, Budget.ENERGY: 0.55, Budget.LATENCY: 0.9}[what]
    _beats_uniform(problem, share, tmp_path, strict=what is not Budget.LATENCY)


@pytest.mark.slow
@pytest.mark.parametrize(("what", "share"), [(Budget.SIZE, 0.1), (Budget.ENERGY, 0.5)])
def test_alexnet_is_better_off_than_with_all_layers_alike(what: Budget, share: float, tmp_path: Path) -> None:
    _beats_uniform(Problem(open_model("alexnet"), what), share, tmp_path)


def _beats_uniform(problem: Problem, share: float, folder: Path, *, strict: bool = True) -> None:
    budget = problem.costs.reference * share
    best, quick = problem.solve(budget), problem.solve(budget, Solver.GREEDY)
    assert best.proved
    assert best.uniform_loss is not None
    assert best.cost <= budget
    assert quick.cost <= budget
    assert best.loss <= quick.loss
    assert best.loss < best.uniform_loss if strict else best.loss <= best.uniform_loss
    assert quick.loss < best.uniform_loss if strict else True
    path = folder / "policy.yaml"
    path.write_text(recipe_text(best, problem.model.network.name))
    done = compress(problem.model, load_recipe(path))
    nonzeros = {one.layer: dict(zip(one.choices, one.nonzeros.tolist(), strict=True)) for one in problem.found}
    for layer, choice in best.choices:
        stored = done.stored[layer]
        assert stored.bits == choice.bits
        assert round((stored.density or 0) * stored.weights) == nonzeros[layer][choice]
    if problem.what is Budget.SIZE:
        assert done.stored_bits <= best.cost  # the recipe's encoding is the best there is


def test_a_budget_that_cannot_be_met() -> None:
    problem = Problem(open_model("lenet_caffe"), Budget.SIZE)
    with pytest.raises(AccsimError, match="no policy is within size 1000 bits: the least that the choices allow is"):
        problem.solve(1000)


def test_cooling() -> None:
    assert budgets(100, 20, 4, Cooling.LINEAR) == [80, 60, 40, 20]
    assert budgets(160, 10, 4, Cooling.EXPONENTIAL) == pytest.approx([80, 40, 20, 10])
    assert budgets(10, 20, 2, Cooling.LINEAR) == [20, 20]
    problem = Problem(open_model("lenet_caffe"), Budget.SIZE)
    for cooling in Cooling:
        for solver in Solver:
            policies = problem.cooled(0.07 * problem.costs.reference, 4, cooling, solver)
            assert all(policy.cost <= policy.budget for policy in policies)
            assert [p.loss for p in policies] == sorted(p.loss for p in policies)
    steps = problem.cooled(0.07 * problem.costs.reference, 6, Cooling.EXPONENTIAL, Solver.GREEDY)
    numbers = {one.layer: dict(zip(one.choices, one.stored_bits.tolist(), strict=True)) for one in problem.found}
    for before, after in pairwise(steps):
        for (layer, old), (_, new) in zip(before.choices, after.choices, strict=True):
            assert numbers[layer][new] <= numbers[layer][old]


def largest_error(layer: str, weights: Floats, compressed: Floats) -> float:
    """A proxy of a test."""
    return float(np.abs(weights - compressed).max())


def nonsense(layer: str, weights: Floats, compressed: Floats) -> float:
    """A proxy that is none."""
    return float("nan")


def test_a_proxy_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType("my_proxies")
    module.largest_error, module.nonsense = largest_error, nonsense  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_proxies", module)
    model = open_model("lenet_caffe")
    problem = Problem(model, Budget.SIZE, bits=(2, 4), densities=(1.0, 0.5), proxy="my_proxies:largest_error")
    layer, parameters = next(iter(model.layers()))
    after = Symmetric.model_validate({"bits": 4}).project(layer, parameters)
    at = [(choice.bits, choice.density) for choice in problem.found[0].choices].index((4, 1.0))
    assert problem.losses[0][at] == np.abs(parameters.values() - after.values()).max()
    assert problem.solve(0.1 * problem.costs.reference).proxy == "my_proxies:largest_error, summed over layers"
    with pytest.raises(AccsimError, match="the proxy gave nan for layer 'conv1'"):
        Problem(model, Budget.SIZE, proxy="my_proxies:nonsense")
    for spec, said in (
        ("mine", "a proxy is written module:function, got 'mine'"),
        ("my_proxies:none", "has no attribute 'none'"),
        ("none_such:f", "No module named 'none_such'"),
    ):
        with pytest.raises(InputError, match=said):
            load_proxy(spec)
