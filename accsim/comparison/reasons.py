"""Where multiplier slots went: to products of two words that are not zero, to zeros, or to a named wait."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from accsim.simulate.activity import Activity

ZEROS = "multiplied_zeros"
"""Slots of products with a zero that the machine does not skip."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Multiplier slots of some layers.

    Attributes:
        effectual: those of products that no zero is in; expected where values are.
        lost: the others by cause, the largest first.
    """

    total: float
    effectual: float
    lost: tuple[tuple[str, float], ...]

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """Causes with their shares of all slots."""
        return tuple((cause, n / self.total) for cause, n in self.lost) if self.total else ()


def slots_of(activities: Iterable[Activity]) -> Slots:
    """Slots of layers with MACs; idle causes of all layers are added up."""
    effectual, lost = 0.0, dict[str, float]()
    for activity in activities:
        begun = activity.macs if activity.begun_macs is None else activity.begun_macs
        done = min(float(activity.effectual_macs), float(begun))
        effectual += done
        lost[ZEROS] = lost.get(ZEROS, 0.0) + begun - done
        for cause, n in activity.idle_slots:
            lost[cause] = lost.get(cause, 0.0) + n
    ordered = sorted(((cause, n) for cause, n in lost.items() if n > 0), key=lambda one: (-one[1], one[0]))
    return Slots(effectual + sum(lost.values()), effectual, tuple(ordered))
