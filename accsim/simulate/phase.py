"""Cycles of a step on the array, by what the array did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phase:
    """Cycles of a tile on the array."""

    compute: int
    fill: int
    drain: int
    stalls: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """All cycles of the tile."""
        return self.compute + self.fill + self.drain + sum(n for _, n in self.stalls)


class Spent:
    """Cycles of a tile while they are added up."""

    def __init__(self) -> None:
        self.compute = self.fill = self.drain = 0
        self.stalls: dict[str, int] = {}

    def stall(self, cause: str | None, cycles: int) -> None:
        """Add stalled cycles under their cause."""
        if cause is not None and cycles > 0:
            self.stalls[cause] = self.stalls.get(cause, 0) + cycles

    def phase(self) -> Phase:
        """The sums as a value."""
        return Phase(self.compute, self.fill, self.drain, tuple(self.stalls.items()))
