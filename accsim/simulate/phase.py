"""Cycles of a step on the array, and of a layer, by what the array did."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.simulate.activity import Cycles


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


@dataclass(frozen=True, slots=True)
class Schedule:
    """Cycles of a layer, and without waits for DRAM."""

    cycles: Cycles
    processing_cycles: int

    @classmethod
    def of(cls, array: Phase, makespan: int, dram: str) -> Schedule:
        """The schedule of a layer.

        Args:
            array: its cycles on the array when no tile is late.
            makespan: its cycles with all transfers; those beyond the array's are stalls on ``dram``.
            dram: the name of that cause, which comes first; the others follow by name.
        """
        waits = makespan - array.total
        causes = (*(((dram, waits),) if waits > 0 else ()), *sorted((cause, n) for cause, n in array.stalls if n))
        return cls(Cycles(array.compute, array.fill, array.drain, causes), array.total)
