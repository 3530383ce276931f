"""What a report shows of a compression policy, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accsim.report.sweep.points import Metric


@dataclass(frozen=True, slots=True)
class Layer:
    """What the policy makes of a layer's weights.

    Attributes:
        beside: what else was chosen, in words: a pattern, bits of activations.
        before, after: cost of the layer, in the budget's measure.
        loss: by the proxy.
    """

    name: str
    weights: int
    bits: int
    density: float
    beside: str
    before: float
    after: float
    loss: float


@dataclass(frozen=True, slots=True)
class Uniform:
    """The same choice for all layers; ``cost`` includes what no choice changes."""

    bits: int
    density: float
    beside: str
    cost: float
    loss: float

    def __str__(self) -> str:
        return ", ".join(filter(None, (f"{self.bits} bits", f"density {self.density:g}", self.beside)))


@dataclass(frozen=True, slots=True)
class Step:
    """A policy under one budget of a schedule.

    Attributes:
        recipe: as a YAML file.
        path: that it was written to.
    """

    budget: float
    cost: float
    loss: float
    proved: bool
    layers: tuple[Layer, ...]
    recipe: str
    path: str


@dataclass(frozen=True, slots=True)
class PolicyView:
    """Policies under one budget, or under budgets that were tightened step by step; the last one is shown in full.

    Attributes:
        measure: the budget's: its title and unit.
        reference: cost before compression.
        fixed: of it, what no choice changes.
        solver, schedule: how it was found; no schedule for one budget.
        uniform: every choice for all layers alike, within the budget or not.
        weights: where they come from.
        facts: versions and the like.
    """

    title: str
    measure: Metric
    reference: float
    fixed: float
    proxy: str
    solver: str
    schedule: str
    weights: str
    steps: tuple[Step, ...]
    uniform: tuple[Uniform, ...]
    command: str
    facts: Sequence[tuple[str, str]] = ()

    @property
    def last(self) -> Step:
        """The policy under the final budget."""
        return self.steps[-1]

    def rivals(self) -> list[Uniform]:
        """Choices for all layers alike within the final budget, the one that loses least first."""
        return sorted((u for u in self.uniform if u.cost <= self.last.budget), key=lambda u: (u.loss, u.cost))
