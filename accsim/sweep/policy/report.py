"""Policies and their problem, as a report shows them."""

from __future__ import annotations

import platform
from collections.abc import Mapping

from accsim import __version__
from accsim.report.policy.view import Layer, PolicyView, Step, Uniform
from accsim.report.quantities import energy_unit
from accsim.report.sweep.points import Metric
from accsim.sweep.policy.choices import Choice
from accsim.sweep.policy.costs import Budget
from accsim.sweep.policy.find import Policy, Problem, Solver, recipe_text


def policy_view(
    policies: Mapping[str, Policy], problem: Problem, solver: Solver, schedule: str, command: str
) -> PolicyView:
    """What a report shows.

    Args:
        policies: by the path of their recipes, the loosest budget first.
        schedule: of the budgets, in words; empty for one budget.
        command: that made it.
    """
    network, costs = problem.model.network.name, problem.costs
    return PolicyView(
        title=f"{network} within a budget of {problem.what}",
        measure=_measure(problem),
        reference=costs.reference,
        fixed=costs.fixed,
        proxy=next(iter(policies.values())).proxy,
        solver=f"{solver}: " + ("dynamic programming" if solver is Solver.EXACT else "one layer a step"),
        schedule=schedule,
        weights=problem.model.origin,
        steps=tuple(_step(path, policy, problem, network) for path, policy in policies.items()),
        uniform=tuple(
            Uniform(
                choice.bits,
                choice.density,
                _beside(choice),
                float(sum(each[i] for each in costs.each)) + costs.fixed,
                float(sum(loss[i] for loss in problem.losses)),
            )
            for i, choice in enumerate(problem.found[0].choices)
        ),
        command=command,
        facts=[("accsim", __version__), ("Python", platform.python_version())],
    )


def _beside(choice: Choice) -> str:
    """What else was chosen."""
    kept = "" if choice.pattern is None else f"{choice.pattern[0]} of {choice.pattern[1]}"
    read = "" if choice.activation_bits is None else f"activations {choice.activation_bits} bits"
    return ", ".join(filter(None, (kept, read)))


def _measure(problem: Problem) -> Metric:
    match problem.what:
        case Budget.SIZE:
            return Metric("size", "size", "B", 1 / 8)
        case Budget.ENERGY:
            unit = energy_unit(problem.costs.unit)
            return Metric("energy", "energy", unit.unit, unit.base)
        case _:
            return Metric("latency", "latency", "s", 1e-3)


def _step(path: str, policy: Policy, problem: Problem, network: str) -> Step:
    layers = []
    rows = zip(problem.found, policy.choices, problem.costs.each, problem.losses, problem.costs.before, strict=True)
    for found, (name, choice), each, losses, before in rows:
        at = found.choices.index(choice)
        layers.append(
            Layer(
                name,
                found.weights,
                choice.bits,
                choice.density,
                _beside(choice),
                before,
                float(each[at]),
                float(losses[at]),
            )
        )
    return Step(
        policy.budget,
        policy.cost,
        policy.loss,
        policy.proved,
        tuple(layers),
        recipe_text(policy, network, problem.maps),
        path,
    )
