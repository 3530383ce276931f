"""A design space: axes of settings, and the conditions that its points meet.

::

    name: arrays
    workload: [alexnet, resnet18]            # a value, a list, or a range, for every key
    hardware: systolic_32x32
    dataflow: [weight_stationary, output_stationary]
    batch: {from: 1, to: 16, factor: 2}
    set:                                     # keys of the accelerator, as accsim run --set takes them
      array.rows: {from: 8, to: 64, step: 8}
      levels.buffer.size: {from: 64 KiB, to: 1 MiB, factor: 2}
    energy:                                  # keys of the energy table, as --set-energy takes them
      entries.pe/multiplier.points.0.mac: [0.1, 0.2]
    bind: {sequence: [128, 256]}             # free sizes of the network
    together:                                # keys that vary together; each item gives all of them a value
      - [{array.cols: 16, clock: 600 MHz}, {array.cols: 32, clock: 500 MHz}]
    where:                                   # points that meet all of these
      - array.rows <= array.cols

The other keys are compress, objective, effort, energy_table, search_table, search and layers. Left out, a key has the
default of ``accsim run``. Points are numbered in the order of the axes: what changes the network first, then the
machine, then what changes prices alone, so that neighbours share as much as they can.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from accsim.sweep.condition import Condition, ConditionError
from accsim.sweep.settings import PREFIXES, Settings

Assignment = tuple[str, str]
"""A key, with the prefix of its group, and the text of its value."""

_FIRST = (
    "workload",
    "compress",
    "layers",
    "bind.",
    "batch",
    "effort",
    "search",
    "objective",
    "search_table",
    "dataflow",
)
_LAST = ("energy_table", "energy.")


@dataclass(frozen=True, slots=True)
class Axis:
    """Keys that vary together, and the values that they take in turn."""

    options: tuple[tuple[Assignment, ...], ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys."""
        return tuple(key for key, _ in self.options[0])

    @property
    def rank(self) -> int:
        """Where the axis stands among others; a size that leaves the array as it is stands behind what changes it."""
        return min(_rank(key) for key in self.keys)


def _rank(key: str) -> int:
    for i, name in enumerate(_FIRST):
        if key == name or (name.endswith(".") and key.startswith(name)):
            return i
    if key == "hardware":
        return 20
    for name in _LAST:
        if key == name or (name.endswith(".") and key.startswith(name)):
            return 50
    return 40 if key.startswith("levels.") and key.endswith(".size") else 30


@dataclass(frozen=True, slots=True)
class Space:
    """A design space.

    Attributes:
        axes: in the order in which points are numbered, the last fastest; an axis of one option is a constant.
        where: conditions that every point meets.
        text: the file, as it was read.
    """

    name: str
    axes: tuple[Axis, ...]
    where: tuple[Condition, ...] = ()
    description: str = ""
    text: str = ""

    @property
    def product(self) -> int:
        """Points before conditions."""
        return prod(len(axis.options) for axis in self.axes)

    def varied(self) -> tuple[str, ...]:
        """The keys that take more than one value."""
        return tuple(key for axis in self.axes if len(axis.options) > 1 for key in axis.keys)

    def points(self, begin: int = 0) -> Iterator[tuple[int, Settings]]:
        """Numbers and settings of the points whose number is at least ``begin``, in order.

        Raises:
            ConditionError: a condition cannot be worked out for a point.
        """
        for place, chosen in self._chosen(begin):
            yield place, settings([pair for option in chosen for pair in option])

    def size(self) -> int:
        """Points that meet all conditions."""
        return self.product if not self.where else sum(1 for _ in self._chosen(0))

    def at(self, place: int) -> Settings | None:
        """The point of a number; ``None`` if it does not meet the conditions."""
        rest, chosen = place, list[tuple[Assignment, ...]]()
        for axis in reversed(self.axes):
            rest, at = divmod(rest, len(axis.options))
            chosen.append(axis.options[at])
        pairs = [pair for option in reversed(chosen) for pair in option]
        return settings(pairs) if self._meets(dict(pairs)) else None

    def _meets(self, values: Mapping[str, str]) -> bool:
        return all(condition.holds(values) for condition in self.where)

    def _chosen(self, begin: int) -> Iterator[tuple[int, Sequence[tuple[Assignment, ...]]]]:
        """Options of the points that meet the conditions; each condition is tried as soon as its keys have values."""
        tested = [[c for c in self.where if self._decided_at(c) == i] for i in range(len(self.axes))]
        cut = next((i + 1 for i in reversed(range(len(self.axes))) if tested[i]), 0)
        inner = prod(len(axis.options) for axis in self.axes[cut:])
        place = 0
        for outer in product(*(axis.options for axis in self.axes[:cut])):
            if place + inner > begin and self._meets({key: value for option in outer for key, value in option}):
                for i, rest in enumerate(product(*(axis.options for axis in self.axes[cut:]))):
                    if place + i >= begin:
                        yield place + i, (*outer, *rest)
            place += inner

    def _decided_at(self, condition: Condition) -> int:
        return max(i for i, axis in enumerate(self.axes) if condition.keys.intersection(axis.keys))


def settings(pairs: Sequence[Assignment]) -> Settings:
    """The settings that assignments make."""
    plain: dict[str, object] = {}
    groups: dict[str, list[Assignment]] = {name: [] for name in PREFIXES}
    for key, value in pairs:
        match key:
            case "batch":
                plain[key] = int(value)
            case "search":
                plain[key] = value == "true"
            case "layers":
                plain[key] = tuple(value.split(","))
            case "compress" | "dataflow" | "energy_table" | "search_table" if value == NONE:
                plain[key] = None
            case _ if key in PLAIN:
                plain[key] = value
            case _:
                group = next(name for name in ("energy", "bind", "sets") if key.startswith(PREFIXES[name]))
                groups[group].append((key[len(PREFIXES[group]) :], value))
    return Settings(**plain, **{name: tuple(found) for name, found in groups.items()})  # type: ignore[arg-type]


NONE = "none"
"""The value that leaves an optional name out."""

PLAIN = (
    "workload", "hardware", "dataflow", "energy_table", "search_table", "compress", "batch", "objective", "effort",
    "search", "layers",
)  # fmt: skip
"""Keys at the top of a space's file that are settings."""

__all__ = ["NONE", "PLAIN", "Axis", "ConditionError", "Space", "settings"]
