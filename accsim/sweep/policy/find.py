"""From a network and a budget to a policy, and to the recipe that carries it out."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from accsim.compress.model import LayerParameters, Model
from accsim.energy.reader import load_table
from accsim.errors import AccsimError, InputError
from accsim.hardware.accelerator import Accelerator
from accsim.importers.opening import open_accelerator
from accsim.mapping.search.objective import Objective
from accsim.report.yamltext import to_yaml
from accsim.simulate.tiled.families import FAMILIES
from accsim.sweep.policy.choices import BITS, DENSITIES, Choice, LayerChoices, Sorted, layer_choices
from accsim.sweep.policy.cooling import Cooling, budgets
from accsim.sweep.policy.costs import Budget, Costs, EnergyModel, on_machine, sizes
from accsim.sweep.policy.machine import priced
from accsim.sweep.policy.maps import map_noise, own_maps, with_maps
from accsim.sweep.policy.nonzeros import energies as nonzero_energies
from accsim.sweep.policy.solve import Solution, exact, greedy, least_cost
from accsim.workload.layer import Layer
from accsim.workload.network import Network

Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float64]

Watch = Callable[[int, int, str], None]

DEFAULT_MACHINE = "eyeriss_v2"
"""A machine that follows zeros, and runs every layer."""
METHOD_MACHINE = "eyeriss_isca16"
"""The one of the estimation method of energy-aware pruning."""

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
        unit: of the budget and the costs.
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
    unit: str = ""


class Problem:
    """What every choice of every layer costs and loses.

    Args:
        model: a network with its weights.
        hardware: the machine that energies and times are of.
        bits, densities: of weights; bits that the machine takes, where not given.
        patterns: n and m of pruning n of m.
        activation_bits: of the feature maps that layers read, chosen too; none keeps the machine's width.
        inputs: that feature maps are computed from, to see what fewer bits lose; made up if not given.
        proxy: what a choice loses; ``None`` for the noise-to-signal ratio, weighted by the layer's share of all MACs.
        energies: where energies come from.

    Raises:
        AccsimError: no layer has weights, or the machine cannot run a layer.
    """

    def __init__(
        self,
        model: Model,
        what: Budget,
        hardware: str = DEFAULT_MACHINE,
        *,
        overrides: Sequence[str] = (),
        bits: Sequence[int] | None = None,
        densities: Sequence[float] = DENSITIES,
        patterns: Sequence[tuple[int, int]] = (),
        activation_bits: Sequence[int] = (),
        inputs: Array | None = None,
        proxy: str | None = None,
        energies: EnergyModel = EnergyModel.MACHINE,
        watch: Watch | None = None,
    ) -> None:
        self.model, self.what, self.energies = model, what, energies
        self.layers = list(model.layers())
        if not self.layers:
            raise AccsimError(f"{model.network.name} has no layer with weights")
        machine = None if what is Budget.SIZE else open_accelerator(hardware, tuple(overrides))
        self.bits = tuple(bits) if bits is not None else usual_bits(machine)
        self.densities, self.patterns, self.activation_bits = densities, patterns, activation_bits
        self._noise, read_from = map_noise(model, activation_bits, inputs) if activation_bits else ({}, "")
        self._maps = own_maps(model) if activation_bits else {}
        self.values = "; ".join(filter(None, [f"weights: {model.origin}", read_from and f"activations: {read_from}"]))
        found: dict[str, LayerChoices] = {}

        def choices(layer: Layer, parameters: LayerParameters) -> tuple[LayerChoices, Sorted]:
            held = Sorted(parameters.values())
            if layer.name not in found:
                found[layer.name] = self._choices(layer, held)
            return found[layer.name], held

        costs = None
        if machine is not None and energies is EnergyModel.MACHINE:
            goal = Objective.ENERGY if what is Budget.ENERGY else Objective.LATENCY
            costs = priced(model, machine, goal, choices, watch)
        for i, (layer, parameters) in enumerate(self.layers):
            if layer.name not in found:
                if watch is not None:
                    watch(i, len(self.layers), layer.name)
                choices(layer, parameters)
        self.found = [found[layer.name] for layer, _ in self.layers]
        if costs is not None and machine is not None:
            self.costs = on_machine(what, self.found, costs, machine.name)
        elif machine is not None:
            self.costs = by_nonzeros(model.network, machine, self.found, watch)
        else:
            self.costs = sizes(self.found)
        self._lose(proxy, watch)

    def _choices(self, layer: Layer, held: Sorted) -> LayerChoices:
        out = layer_choices(layer.name, held, self.bits, self.densities, self.patterns)
        if not self.activation_bits:
            return out
        return with_maps(out, self.activation_bits, self._noise.get(layer.name), self._maps.get(layer.name))

    @property
    def maps(self) -> dict[str, str]:
        """The feature map that a layer reads, by layer, where its bits are chosen."""
        return {one.layer: one.reads for one in self.found if one.reads is not None}

    def _lose(self, proxy: str | None, watch: Watch | None) -> None:
        """What choices lose."""
        macs = np.array([layer.macs for layer, _ in self.layers], np.float64)
        if proxy is None:
            of = "the weights and activations, added," if self.activation_bits else "the weights,"
            self.proxy = f"noise-to-signal ratio of {of} weighted by each layer's share of the MACs"
            self.losses = [one.noise * share for one, share in zip(self.found, macs / macs.sum(), strict=True)]
        else:
            self.proxy = f"{proxy}, summed over layers"
            self.losses = _losses(self.model, self.found, load_proxy(proxy), watch)

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
            f"no policy is within {self.what} {budget:.6g} {self.costs.unit}".rstrip()
            + f": the least that the choices allow is {least:.6g}{fixed}; "
            + "; ".join(self.costs.notes or ("offer fewer bits or lower densities",))
        )

    def _policy(self, found: Solution, budget: float) -> Policy:
        uniform, lost = self._uniform(budget - self.costs.fixed)
        return Policy(
            self.what,
            tuple((one.layer, one.choices[pick]) for one, pick in zip(self.found, found.picks, strict=True)),
            budget, found.cost + self.costs.fixed, self.costs.reference, found.loss, found.proved, self.proxy,
            uniform, lost, self.costs.unit,
        )  # fmt: skip

    def _uniform(self, budget: float) -> tuple[Choice | None, float | None]:
        """The choice that loses least when all layers have it."""
        cost, loss = sum(self.costs.each), sum(self.losses)
        within = np.flatnonzero(np.asarray(cost) <= budget)
        if not len(within):
            return None, None
        best = int(within[np.argmin(np.asarray(loss)[within])])
        return self.found[0].choices[best], float(np.asarray(loss)[best])


def usual_bits(machine: Accelerator | None) -> tuple[int, ...]:
    """Bits that are tried unless others are asked for: those that a machine whose PEs follow bits can take."""
    if machine is None or machine.array.family not in FAMILIES:
        return BITS
    return tuple(bits for bits in BITS if bits <= machine.pe.weight_bits) or BITS[:1]


def by_nonzeros(network: Network, machine: Accelerator, found: Sequence[LayerChoices], watch: Watch | None) -> Costs:
    """Energies by the method of energy-aware pruning."""
    each, fixed, before = nonzero_energies(network, machine, found, watch)
    note = (
        "energy by the estimation method of energy-aware pruning: MACs and bits of words that are not zero, which "
        f"{machine.name} itself does not skip"
    )
    return Costs(each, fixed, before, load_table(machine.energy_table).unit.value, (note,))


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
            after = choice.applied(layer, parameters)
            lost = float(proxy(layer.name, np.asarray(parameters.values()), np.asarray(after.values())))
            if not (math.isfinite(lost) and lost >= 0):
                raise AccsimError(f"the proxy gave {lost} for layer {layer.name!r}: it must be a number of at least 0")
            values.append(lost)
        out.append(np.array(values))
    return out


def recipe_text(policy: Policy, network: str, maps: Mapping[str, str] | None = None) -> str:
    """The policy as a recipe's file.

    Args:
        maps: the feature map that a layer reads, by layer, for policies with activation bits.
    """
    kept: dict[float, list[str]] = {}
    patterns: dict[tuple[int, int], list[str]] = {}
    coded: dict[int, list[str]] = {}
    read: dict[int, list[str]] = {}
    for layer, choice in policy.choices:
        if choice.pattern is not None:
            patterns.setdefault(choice.pattern, []).append(layer)
        elif choice.density < 1:
            kept.setdefault(1 - choice.density, []).append(layer)
        coded.setdefault(choice.bits, []).append(layer)
        if choice.activation_bits is not None and maps is not None:
            read.setdefault(choice.activation_bits, []).append(maps[layer])
    passes: list[dict[str, object]] = [
        {"level": {"sparsity": sparsity, "layers": names}} for sparsity, names in sorted(kept.items())
    ]
    passes += [{"n_of_m": {"n": n, "m": m, "layers": names}} for (n, m), names in sorted(patterns.items())]
    passes += [{"symmetric": {"bits": bits, "layers": names}} for bits, names in sorted(coded.items())]
    passes += [{"activations": {"bits": bits, "maps": names}} for bits, names in sorted(read.items())]
    about = f"found for {policy.what} {policy.cost:.6g} {policy.unit}".rstrip()
    about += f" of {policy.budget:.6g} allowed; proxy: {policy.proxy}: {policy.loss:.6g}"
    return to_yaml({"network": network, "about": about, "source": "accsim search policy", "passes": passes}) + "\n"
