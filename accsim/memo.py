"""What layers on machines have come to, kept from one run to the next of a sweep.

How long a layer takes on a systolic array, and what it moves, does not depend on how large the buffers are once its
mapping is given: machines that differ in nothing else share simulations. Nothing here changes a result; without it,
everything is worked out again.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from typing import Generic, TypeVar

import numpy as np

from accsim.hardware.accelerator import Accelerator, ArrayFamily, Sram

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The values of the keys asked for most recently.

    Args:
        most: keys that are held.
        most_bytes: that keys and values may take in memory, as far as ``footprint`` sees them; ``None`` for any.
    """

    def __init__(self, most: int, most_bytes: int | None = None) -> None:
        self.most, self.most_bytes = most, most_bytes
        self.hits = self.misses = self.bytes = 0
        self._held: OrderedDict[Hashable, Value] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}

    def __len__(self) -> int:
        """Keys that are held."""
        return len(self._held)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key, made if it is not there."""
        found = self._held.get(key)
        if found is not None:
            self.hits += 1
            self._held.move_to_end(key)
            return found
        self.misses += 1
        found = self._held[key] = make()
        if self.most_bytes is not None:
            self._sizes[key] = footprint((key, found))
            self.bytes += self._sizes[key]
        while len(self._held) > self.most or (self.bytes > (self.most_bytes or self.bytes) and len(self._held) > 1):
            gone, _ = self._held.popitem(last=False)
            self.bytes -= self._sizes.pop(gone, 0)
        return found


def footprint(value: object) -> int:
    """Bytes that a value takes in memory with all that it holds, each part once.

    Parts that other values hold too are counted in full, and what no attribute, item or element leads to is not.
    """
    seen, ahead, total = set[int](), [value], 0
    while ahead:
        one = ahead.pop()
        if one is None or isinstance(one, type | Enum) or id(one) in seen:
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        if isinstance(one, str | bytes | int | float):
            continue
        if isinstance(one, Mapping):
            ahead += one.keys()
            ahead += one.values()
        elif isinstance(one, tuple | list | set | frozenset):
            ahead += one
        elif is_dataclass(one):
            ahead += [getattr(one, field.name) for field in fields(one)]
        elif isinstance(one, np.ndarray) and one.base is not None:
            total += one.nbytes
    return total


MOST_BYTES = 8_000_000
"""Of searches, of simulations and of terms: a sweep's neighbours share them, and what is older is seldom asked for."""


@dataclass(slots=True)
class Memo:
    """Searches, simulations and terms of layers, by everything that they depend on."""

    searched: Recent[object] = field(default_factory=lambda: Recent(4096, MOST_BYTES))
    simulated: Recent[object] = field(default_factory=lambda: Recent(8192, MOST_BYTES))
    terms: Recent[object] = field(default_factory=lambda: Recent(256, MOST_BYTES))
    machines: Recent[int] = field(default_factory=lambda: Recent(1024))
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
