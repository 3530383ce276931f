"""From a network and a budget to a policy, and to the recipe that carries it out."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from accsim.compress.model import Model
from accsim.compress.passes.uniform import Symmetric
from accsim.compress.passes.unstructured import Level
from accsim.errors import AccsimError, InputError
from accsim.report.yamltext import to_yaml
from accsim.sweep.policy.choices import BITS, DENSITIES, Choice, LayerChoices, layer_choices
from accsim.sweep.policy.cooling import Cooling, budgets
from accsim.sweep.policy.costs import Budget, Costs, Watch, costs
from accsim.sweep.policy.solve import Solution, exact, greedy, least_cost

Floats = npt.NDArray[np.float64]

Proxy = Callable[[str, npt.NDArray[np.float64], npt.NDArray[np.float64]], float]
"""Called with a layer's name, its weights and what they have become; returns what is lost, to be added up."""


class Solver(StrEnum):
    """How a policy is chosen."""

    EXACT = "exact"
    GREEDY = "greedy"


@dataclass(frozen=True, slots=True)
class Policy:
    """A choice for every layer with weights.

    Attributes:
        choices: by layer.
        budget, cost: what was allowed and what it costs, everything included.
        loss: of the proxy.
        proved: whether no other choice loses less within the budget.
        uniform, uniform_loss: the best policy that treats all layers alike, and what it loses; ``None`` if none fits.
    """

    what: Budget
    choices: tuple[tuple[str, Choice], ...]
    budget: float
    cost: float
    reference: float
    loss: float
    proved: bool
    proxy: str
    uniform: Choice | None
    uniform_loss: float | None


class Problem:
    """What every choice of every layer costs and loses.

    Args:
        model: a network with its weights.
        proxy: what a choice loses; ``None`` for the noise-to-signal ratio, weighted by the layer's share of all MACs.
    """

    def __init__(
        self,
        model: Model,
        what: Budget,
        hardware: str = "eyeriss_isca16",
        *,
        overrides: Sequence[str] = (),
        bits: Sequence[int] = BITS,
        densities: Sequence[float] = DENSITIES,
        proxy: str | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.model, self.what = model, what
        self.found: list[LayerChoices] = []
        layers = list(model.layers())
        if not layers:
            raise AccsimError(f"{model.network.name} has no layer with weights")
        for i, (layer, parameters) in enumerate(layers):
            if watch is not None:
                watch(i, len(layers), layer.name)
            self.found.append(layer_choices(layer.name, parameters.values(), bits, densities))
        macs = np.array([layer.macs for layer, _ in layers], np.float64)
        if proxy is None:
            self.proxy = "noise-to-signal ratio of the weights, weighted by each layer's share of the MACs"
            self.losses = [one.noise * share for one, share in zip(self.found, macs / macs.sum(), strict=True)]
        else:
            self.proxy = f"{proxy}, summed over layers"
            self.losses = _losses(model, self.found, load_proxy(proxy), watch)
        self.costs: Costs = costs(what, model.network, hardware, overrides, self.found, watch)

    def solve(self, budget: float, solver: Solver = Solver.EXACT) -> Policy:
        """The policy within a budget.

        Raises:
            AccsimError: no policy is; says what the least costs.
        """
        left = budget - self.costs.fixed
        found = (exact if solver is Solver.EXACT else greedy)(self.costs.each, self.losses, left)
        return self._policy(self._required(found, budget), budget)

    def cooled(self, budget: float, steps: int, cooling: Cooling, solver: Solver = Solver.EXACT) -> list[Policy]:
        """Policies under budgets that are tightened to ``budget``; greedy ones never give a layer back what it lost.

        Raises:
            AccsimError: no policy is within the last budget.
        """
        out, begin = list[Policy](), None  # type: list[Policy], tuple[int, ...] | None
        for one in budgets(self.costs.reference, budget, steps, cooling):
            left = one - self.costs.fixed
            if solver is Solver.EXACT:
                found = exact(self.costs.each, self.losses, left)
            else:
                found = greedy(self.costs.each, self.losses, left, begin)
            picked = self._required(found, one)
            begin = picked.picks
            out.append(self._policy(picked, one))
        return out

    def _required(self, found: Solution | None, budget: float) -> Solution:
        if found is not None:
            return found
        least = least_cost(self.costs.each) + self.costs.fixed
        fixed = f", {self.costs.fixed:.6g} of it in what no choice changes" if self.costs.fixed else ""
        raise AccsimError(
            f"no policy is within {self.what} {budget:.6g} {self.what.unit}".rstrip()
            + f": the least that the choices allow is {least:.6g}{fixed}; offer fewer bits or lower densities"
        )

    def _policy(self, found: Solution, budget: float) -> Policy:
        uniform, lost = self._uniform(budget - self.costs.fixed)
        return Policy(
            self.what,
            tuple((one.layer, one.choices[pick]) for one, pick in zip(self.found, found.picks, strict=True)),
            budget, found.cost + self.costs.fixed, self.costs.reference, found.loss, found.proved, self.proxy,
            uniform, lost,
        )  # fmt: skip

    def _uniform(self, budget: float) -> tuple[Choice | None, float | None]:
        """The choice that loses least when all layers have it."""
        cost, loss = sum(self.costs.each), sum(self.losses)
        within = np.flatnonzero(np.asarray(cost) <= budget)
        if not len(within):
            return None, None
        best = int(within[np.argmin(np.asarray(loss)[within])])
        return self.found[0].choices[best], float(np.asarray(loss)[best])


def load_proxy(spec: str) -> Proxy:
    """The function called ``module:name``.

    Raises:
        InputError: there is none.
    """
    module, colon, name = spec.partition(":")
    if not (module and colon and name):
        raise InputError([f"a proxy is written module:function, got {spec!r}"])
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError([f"proxy {spec}: {error}"]) from None
    if not callable(found):
        raise InputError([f"proxy {spec}: is not a function"])
    return found  # type: ignore[no-any-return]


def _losses(model: Model, found: Sequence[LayerChoices], proxy: Proxy, watch: Watch | None) -> list[Floats]:
    """What each choice loses by a function of the user's, which sees the weights as the passes make them."""
    out = []
    for i, ((layer, parameters), one) in enumerate(zip(model.layers(), found, strict=True)):
        if watch is not None:
            watch(i, len(found), f"{layer.name}, proxy")
        values = []
        for choice in one.choices:
            after = Level.model_validate({"sparsity": 1 - choice.density}).project(layer, parameters)
            after = Symmetric.model_validate({"bits": choice.bits}).project(layer, after)
            lost = float(proxy(layer.name, np.asarray(parameters.values()), np.asarray(after.values())))
            if not (math.isfinite(lost) and lost >= 0):
                raise AccsimError(f"the proxy gave {lost} for layer {layer.name!r}: it must be a number of at least 0")
            values.append(lost)
        out.append(np.array(values))
    return out


def recipe_text(policy: Policy, network: str) -> str:
    """The policy as a recipe's file."""
    pruned: dict[float, list[str]] = {}
    coded: dict[int, list[str]] = {}
    for layer, choice in policy.choices:
        if choice.density < 1:
            pruned.setdefault(1 - choice.density, []).append(layer)
        coded.setdefault(choice.bits, []).append(layer)
    passes: list[dict[str, object]] = [
        {"level": {"sparsity": sparsity, "layers": names}} for sparsity, names in sorted(pruned.items())
    ]
    passes += [{"symmetric": {"bits": bits, "layers": names}} for bits, names in sorted(coded.items())]
    about = f"bits and densities found for {policy.what} {policy.cost:.6g} {policy.what.unit}".rstrip()
    about += f" of {policy.budget:.6g} allowed; proxy: {policy.proxy}: {policy.loss:.6g}"
    return to_yaml({"network": network, "about": about, "source": "accsim search policy", "passes": passes}) + "\n"
