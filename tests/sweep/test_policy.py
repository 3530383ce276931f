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
from accsim.compress.passes.uniform import Symmetric
from accsim.compress.recipe_reader import load_recipe
from accsim.compress.storage import store
from accsim.errors import AccsimError, InputError, MappingError
from accsim.importers.opening import open_model
from accsim.pipeline import estimate
from accsim.sweep.policy.choices import Choice, Sorted, layer_choices
from accsim.sweep.policy.cooling import Cooling, budgets
from accsim.sweep.policy.costs import Budget, EnergyModel
from accsim.sweep.policy.find import METHOD_MACHINE, Policy, Problem, Solver, load_proxy, recipe_text
from accsim.sweep.policy.maps import map_noise, own_maps
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


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32), bits=st.integers(2, 8), digits=st.sampled_from([1, 17]),
    kept=st.sampled_from([1.0, 0.7, 0.5, 0.2, 0.1, (2, 4), (1, 3)]),
)  # fmt: skip
def test_choices_are_what_the_passes_make(seed: int, bits: int, digits: int, kept: float | tuple[int, int]) -> None:
    model = open_model("lenet_caffe")
    layer, parameters = list(model.layers())[1]
    rng = np.random.default_rng(seed)
    values = rng.normal(size=parameters.values().shape).round(digits)  # of one digit, many are equal
    choice = Choice(bits, kept) if isinstance(kept, float) else Choice(bits, kept[0] / kept[1], kept)
    held = Sorted(values)
    found = layer_choices(
        layer.name, held, [bits], [kept] if isinstance(kept, float) else [], [] if isinstance(kept, float) else [kept]
    )
    assert found.choices == (choice,)
    after = choice.applied(layer, replace(parameters, weight=Float(values)))
    np.testing.assert_array_equal(held.nonzero(choice), after.values() != 0)
    assert found.nonzeros[0] == np.count_nonzero(after.values())
    assert found.noise[0] == pytest.approx(relative_l2(values, np.asarray(after.values())) ** 2, rel=1e-9)
    smallest = min(store(after, encoding).stored_bits for encoding in ("dense", "bitmap"))
    assert found.stored_bits[0] == smallest


MACHINES = {
    "dense": "dadiannao",
    "sparse": "eyeriss_v2",
    "bit-serial": "loom",
    "n:m": "sparse_tensor_core_2to4",
}
SMALL = [
    ("dense", Budget.ENERGY),
    ("dense", Budget.LATENCY),
    pytest.param("sparse", Budget.ENERGY, marks=pytest.mark.slow),
    ("sparse", Budget.LATENCY),
    ("bit-serial", Budget.LATENCY),
    ("n:m", Budget.LATENCY),
]


@pytest.mark.parametrize(("kind", "what"), SMALL)
def test_a_policy_costs_what_a_run_of_its_recipe_costs(kind: str, what: Budget, tmp_path: Path) -> None:
    problem = Problem(
        open_model("lenet_caffe"), what, MACHINES[kind], bits=(2, 4, 6), densities=(1.0, 0.5, 0.2),
        patterns=((2, 4),) if kind == "n:m" else (), activation_bits=(4, 8) if kind == "bit-serial" else (),
    )  # fmt: skip
    _promised(problem, _middle(problem, 0.4), MACHINES[kind], tmp_path)
    idle = {"dense": ["zero weights"], "bit-serial": ["zero weights"]}.get(kind, [])
    gains = "no time" if what is Budget.LATENCY else "no energy"
    said = [
        f"{MACHINES[kind]} gains {gains} from {part} of this network: they cost what the others do" for part in idle
    ]
    assert list(problem.costs.notes) == said


def _middle(problem: Problem, share: float) -> Policy:
    """The policy whose budget is ``share`` of the way from the least cost to that of all weights at their widest."""
    least = least_cost(problem.costs.each) + problem.costs.fixed
    most = float(sum(cost[np.argmin(loss)] for cost, loss in zip(problem.costs.each, problem.losses, strict=True)))
    return problem.solve(least + share * (most + problem.costs.fixed - least))


def _promised(problem: Problem, policy: Policy, machine: str, folder: Path) -> None:
    path = folder / "policy.yaml"
    maps = {one.layer: one.reads for one in problem.found if one.reads is not None}
    path.write_text(recipe_text(policy, problem.model.network.name, maps))
    result = estimate(problem.model.network.name, machine, compress=path, objective=problem.what.value)
    obtained = result.totals()["energy"]["total"] if problem.what is Budget.ENERGY else result.latency_ms
    assert policy.cost == pytest.approx(obtained, rel=1e-9)


@pytest.mark.slow
def test_weights_that_are_decoded_from_dram(tmp_path: Path) -> None:
    """A systolic array takes nothing from zeros and bits but the traffic of weights that are stored in fewer bits."""
    decoder = ("levels.dram.weight_decoder={words_per_cycle: 64}",)
    problem = Problem(
        open_model("lenet_caffe"), Budget.ENERGY, "systolic_32x32", overrides=decoder, bits=(2, 4), densities=(1.0, 0.2)
    )
    assert problem.costs.notes == ()
    policy = _middle(problem, 0.5)
    path = tmp_path / "policy.yaml"
    path.write_text(recipe_text(policy, "lenet_caffe"))
    result = estimate("lenet_caffe", "systolic_32x32", overrides=decoder, compress=path)
    assert policy.cost == pytest.approx(result.totals()["energy"]["total"], rel=1e-9)


def test_what_a_machine_gains_nothing_from_costs_the_same() -> None:
    problem = Problem(open_model("lenet_caffe"), Budget.LATENCY, "systolic_32x32", bits=(2, 8), densities=(1.0, 0.1))
    assert all(len(set(cost.tolist())) == 1 for cost in problem.costs.each)
    nothing = "of this network: they cost what the others do"
    assert problem.costs.notes == (
        f"systolic_32x32 gains no time from fewer bits of weights {nothing}",
        f"systolic_32x32 gains no time from zero weights {nothing}",
    )
    said = "no policy is within latency 1e-05 ms: the least that the choices allow is .* gains no time from fewer bits"
    with pytest.raises(AccsimError, match=said):
        problem.solve(1e-5)
    with pytest.raises(MappingError, match="its weight words have 2 bits, and the xnor PEs of xnor_32x32 take at most"):
        Problem(open_model("lenet_caffe"), Budget.LATENCY, "xnor_32x32")


def test_maps_whose_code_concerns_another_layer_keep_their_width() -> None:
    model = open_model("lenet_caffe")
    maps = own_maps(model)
    macs = {layer.name for layer in model.network.mac_layers}
    assert maps
    assert not macs.intersection(maps.values())
    noise, origin = map_noise(model, (2, 4, 8))
    assert "made up" in origin
    assert noise.keys() == maps.keys()
    assert all(list(one) == sorted(one, reverse=True) and one[-1] > 0 for one in noise.values())


LARGE = [
    *(("mobilenet_v1", kind, what) for kind in ("dense", "sparse", "bit-serial") for what in list(Budget)[1:]),
    ("alexnet", "dense", Budget.LATENCY),
    ("alexnet", "sparse", Budget.ENERGY),
    ("alexnet", "bit-serial", Budget.ENERGY),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("network", "kind", "what"), LARGE)
def test_better_than_all_layers_alike(network: str, kind: str, what: Budget, tmp_path: Path) -> None:
    """At equal budgets, that of the best choice for all layers alike included, which its policy meets exactly."""
    few = {"bits": (2, 4, 6, 8), "densities": (1.0, 0.5, 0.2)}
    problem = Problem(open_model(network), what, MACHINES[kind], **few)  # type: ignore[arg-type]
    for share in (0.2, 0.5):
        policy = _middle(problem, share)
        assert policy.proved
        assert policy.cost <= policy.budget
        assert policy.uniform_loss is None or policy.loss < policy.uniform_loss  # none may be within the budget
        assert policy.loss <= problem.solve(policy.budget, Solver.GREEDY).loss * (1 + 1e-9)
    alike = sum(problem.costs.each) + problem.costs.fixed
    gains = []
    for place in range(len(alike)):
        policy = problem.solve(float(alike[place]) * (1 + 1e-12))
        gains.append(float(sum(one[place] for one in problem.losses)) / policy.loss)
    assert min(gains) >= 1 - 1e-9
    assert max(gains) > 1.01
    if network == "mobilenet_v1":
        _promised(problem, _middle(problem, 0.3), MACHINES[kind], tmp_path)


def test_mobilenet_is_better_off_than_with_all_layers_alike(tmp_path: Path) -> None:
    _beats_uniform(Problem(open_model("mobilenet_v1"), Budget.SIZE, bits=(2, 4, 6, 8)), 0.12, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("what", "share"), [(Budget.SIZE, 0.1), (Budget.ENERGY, 0.5)])
def test_alexnet_by_size_and_by_the_method_of_energy_aware_pruning(what: Budget, share: float, tmp_path: Path) -> None:
    method = EnergyModel.NONZEROS
    _beats_uniform(Problem(open_model("alexnet"), what, METHOD_MACHINE, energies=method), share, tmp_path)


def _beats_uniform(problem: Problem, share: float, folder: Path) -> None:
    budget = problem.costs.reference * share
    best, quick = problem.solve(budget), problem.solve(budget, Solver.GREEDY)
    assert best.proved
    assert best.uniform_loss is not None
    assert best.cost <= budget
    assert quick.cost <= budget
    assert best.loss <= quick.loss < best.uniform_loss
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
