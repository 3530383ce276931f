"""What layers on machines have come to, kept from one run to the next of a sweep.

How long a layer takes on a systolic array, and what it moves, does not depend on how large the buffers are once its
mapping is given: machines that differ in nothing else share simulations. Nothing here changes a result; without it,
everything is worked out again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from accsim.hardware.accelerator import Accelerator, ArrayFamily, Sram

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The values of the keys asked for most recently."""

    def __init__(self, most: int) -> None:
        self.most, self.hits, self.misses = most, 0, 0
        self._held: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key, made if it is not there."""
        found = self._held.get(key)
        if found is not None:
            self.hits += 1
            self._held.move_to_end(key)
            return found
        self.misses += 1
        found = self._held[key] = make()
        if len(self._held) > self.most:
            self._held.popitem(last=False)
        return found


@dataclass(slots=True)
class Memo:
    """Searches, simulations and terms of layers, by everything that they depend on."""

    searched: Recent[object] = field(default_factory=lambda: Recent(4096))
    simulated: Recent[object] = field(default_factory=lambda: Recent(8192))
    terms: Recent[object] = field(default_factory=lambda: Recent(256))
    machines: Recent[int] = field(default_factory=lambda: Recent(4096))
    _numbers: int = 0

    def number(self, machine: Hashable) -> int:
        """A short stand-in for a machine, or a machine with a table, in keys."""

        def new() -> int:
            self._numbers += 1
            return self._numbers

        return self.machines.get(machine, new)


def without_sizes(accelerator: Accelerator) -> Accelerator:
    """The machine as far as time and traffic of a given mapping depend on it.

    A row-stationary array's circular buffer takes in as much ahead as it has room for, so there sizes stay.
    """
    if accelerator.array.family is not ArrayFamily.SYSTOLIC:
        return accelerator
    levels = tuple(
        replace(level, partitions=tuple(replace(part, size_bits=0) for part in level.partitions))
        if isinstance(level, Sram)
        else level
        for level in accelerator.levels
    )
    return replace(accelerator, levels=levels, mappings=(), assumed=(), description="", source="", energy_table="")
