"""What choices cost: bits at rest, energy, or time.

``size``: bits of the weights at rest (``LayerChoices.stored_bits``).
``energy``, ``latency``: of the compressed layer on the machine that will run it (``machine``), mapped for that goal; or
energy by the estimation method of energy-aware pruning (``nonzeros``), where it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from accsim.sweep.policy.choices import Choice, LayerChoices
from accsim.sweep.policy.machine import Priced

Floats = npt.NDArray[np.float64]


class Budget(StrEnum):
    """What a budget is of, and the unit it is reckoned in."""

    SIZE = "size"
    ENERGY = "energy"
    LATENCY = "latency"

    @property
    def unit(self) -> str:
        """Of the costs; energies have that of the energy table."""
        return {Budget.SIZE: "bits", Budget.ENERGY: "", Budget.LATENCY: "ms"}[self]


class EnergyModel(StrEnum):
    """Where energies come from: the machine's own estimate, or the method of energy-aware pruning."""

    MACHINE = "machine"
    NONZEROS = "nonzeros"


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """Costs of the layers with weights.

    Attributes:
        each: [choice] of each layer.
        fixed: of everything else.
        before: of each layer before compression.
        unit: of all of them.
        notes: what the reader must know of them.
    """

    each: list[Floats]
    fixed: float
    before: tuple[float, ...]
    unit: str = ""
    notes: tuple[str, ...] = ()

    @property
    def reference(self) -> float:
        """Of the network before compression."""
        return self.fixed + sum(self.before)


def sizes(found: list[LayerChoices]) -> Costs:
    """Bits at rest, beside weights of 32 bits each."""
    each = [one.stored_bits.astype(float) for one in found]
    return Costs(each, 0.0, tuple(32.0 * one.weights for one in found), "bits")


def on_machine(what: Budget, found: list[LayerChoices], costs: Priced, machine: str) -> Costs:
    """Energy or time of what was priced on a machine."""

    def figure(energy: float, latency: float) -> float:
        return energy if what is Budget.ENERGY else latency

    each = [np.array([figure(cost.energy, cost.latency_ms) for cost in layer]) for layer in costs.each]
    notes = list(idle(what, found, each, machine))
    if costs.crowded:
        notes.append(
            "tiles of some choices fit only beside fewer feature maps on chip; all are costed with these fewer, and a "
            "run of the policy may keep more there and cost less"
        )
    unit = costs.unit if what is Budget.ENERGY else what.unit
    fixed = figure(costs.fixed.energy, costs.fixed.latency_ms)
    before = tuple(figure(cost.energy, cost.latency_ms) for cost in costs.before)
    return Costs(each, fixed, before, unit, tuple(notes))


_PARTS: dict[str, Callable[[Choice], tuple[object, ...]]] = {
    "fewer bits of weights": lambda c: (c.density, c.pattern, c.activation_bits),
    "zero weights": lambda c: (c.bits, c.activation_bits),
    "fewer bits of activations": lambda c: (c.bits, c.density, c.pattern),
}
"""What a machine may gain from, and the rest of a choice."""


def idle(what: Budget, found: list[LayerChoices], each: list[Floats], machine: str) -> list[str]:
    """Sentences on what no layer's cost follows, of what there is to choose."""
    out = []
    for part, rest in _PARTS.items():
        groups = [_groups(one.choices, rest) for one in found]
        if not any(len(places) > 1 for layer in groups for places in layer):
            continue
        if all(float(np.ptp(cost[places])) == 0 for layer, cost in zip(groups, each, strict=True) for places in layer):
            gains = "no time" if what is Budget.LATENCY else "no energy"
            out.append(f"{machine} gains {gains} from {part} of this network: they cost what the others do")
    return out


def _groups(choices: tuple[Choice, ...], rest: Callable[[Choice], object]) -> list[list[int]]:
    """Places of choices that differ in one part alone."""
    out: dict[object, list[int]] = {}
    for i, choice in enumerate(choices):
        out.setdefault(rest(choice), []).append(i)
    return list(out.values())
