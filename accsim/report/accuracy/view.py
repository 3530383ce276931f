"""What a report shows of the recipes of a network on a machine, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accsim.report.front import front
from accsim.report.quantities import EnergyUnit

AS_IT_IS = "uncompressed"


@dataclass(frozen=True, slots=True)
class Point:
    """The network by a recipe, or as it is, on the machine.

    Attributes:
        name: the recipe's; ``AS_IT_IS`` without one.
        accuracy_pct: as published; ``None`` if nobody did.
        source: who published it.
        energy, latency_ms: per inference; ``None`` where the machine cannot run it.
        stored_bits: of all weights, as they are stored; ``None`` for the network as it is.
        reason: why there are no figures.
        command: that runs it alone.
    """

    name: str
    accuracy_pct: float | None
    source: str
    energy: float | None
    latency_ms: float | None
    stored_bits: float | None
    reason: str
    command: str

    def cost(self, what: str) -> float | None:
        """``energy`` or ``latency_ms``."""
        return self.energy if what == "energy" else self.latency_ms


@dataclass(frozen=True, slots=True)
class AccuracyView:
    """All recipes of a network on a machine.

    Attributes:
        metric: of the accuracies, such as ``top-1``.
        unit: of energies.
        points: the most accurate first, then those without a published accuracy.
        facts: versions and the like.
    """

    network: str
    hardware: str
    batch: int
    metric: str
    unit: EnergyUnit
    points: Sequence[Point]
    command: str = ""
    facts: Sequence[tuple[str, str]] = ()

    def drawn(self, what: str) -> list[Point]:
        """Points with an accuracy and a cost."""
        return [p for p in self.points if p.accuracy_pct is not None and (p.cost(what) or 0.0) > 0]

    def front(self, what: str) -> list[Point]:
        """Of those, the ones that no other beats in both, the cheapest first."""
        return front(self.drawn(what), lambda p: p.cost(what) or 0.0, lambda p: p.accuracy_pct or 0.0)

    def unknown(self) -> list[str]:
        """Names of what nobody published an accuracy of."""
        return [p.name for p in self.points if p.accuracy_pct is None]


def view_points(points: Sequence[Point]) -> list[Point]:
    """In the order of a view: the most accurate first, of equal ones that with the least energy."""
    last = float("inf")
    return sorted(
        points,
        key=lambda p: (
            p.accuracy_pct is None,
            -(p.accuracy_pct or 0.0),
            last if p.energy is None else p.energy,
            p.name,
        ),
    )
