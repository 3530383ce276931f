"""What a sparse machine did on a layer: cycles, multiplies, and every multiplier slot that did none, by its cause."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counters = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SparseCount:
    """Exact counts of one layer on a sparse machine.

    Attributes:
        cycles: clock edges from the first operand to the last sum, while operands are on chip.
        dense_cycles: those of the same machine if no operand were zero (and no two products met at a bank).
        multiplies: products that went into a sum of the layer.
        slots: multipliers x cycles.
        idle: slots without such a product, by cause; with ``multiplies`` they are all slots.
        accesses: words read and written on chip, by what they are.
    """

    cycles: int
    dense_cycles: int
    multiplies: int
    slots: int
    idle: tuple[tuple[str, int], ...]
    accesses: tuple[tuple[str, int], ...]

    @property
    def utilization(self) -> float:
        """Multiplies per slot."""
        return self.multiplies / self.slots if self.slots else 0.0

    def access(self, name: str) -> int:
        """Words of one kind of access."""
        return dict(self.accesses)[name]


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of a layer when only densities are known and zeros are independent of each other.

    Attributes:
        cycles: with the waits for the slowest of what works together; each machine says how they are found.
        multiplies: products; exact in expectation.
        accesses: words, by the names of ``SparseCount``.
    """

    cycles: float
    multiplies: float
    accesses: tuple[tuple[str, float], ...]

    def access(self, name: str) -> int:
        """Words of one kind of access, rounded up."""
        return math.ceil(dict(self.accesses)[name])


@dataclass(frozen=True, slots=True, eq=False)
class Stepped:
    """A layer that was stepped: its sums [N, M, P, Q] as they left the machine, and what was observed."""

    sums: NDArray[np.int64]
    count: SparseCount


def named(names: Iterable[str], values: Iterable[int]) -> tuple[tuple[str, int], ...]:
    """Counters with their names, as plain integers."""
    return tuple((name, int(value)) for name, value in zip(names, values, strict=True))
