"""A layer that fits a machine under no tiling: demand, bound and gap."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.mapping.capacity import spell


@dataclass(frozen=True, slots=True)
class ReuseMisfit:
    """What even the smallest tiling needs of a machine, and what there is.

    Attributes:
        what: whose demand it is.
        unit: ``PEs``, ``rows of PEs``, ``columns of PEs`` or ``bits``.
        demand, bound: of PEs, their rows or their columns, or in words of ``word_bits``.
    """

    what: str
    unit: str
    demand: int
    bound: int
    word_bits: int

    @property
    def gap(self) -> int:
        """By how much the demand exceeds the bound."""
        return self.demand - self.bound

    def __str__(self) -> str:
        demand, bound, gap = (self._spell(n) for n in (self.demand, self.bound, self.gap))
        return f"{self.what} need {demand} but only {bound} are there ({gap} too much)"

    def _spell(self, amount: int) -> str:
        return spell(amount * self.word_bits) if self.unit == "bits" else f"{amount} {self.unit}"
