"""Steps of a tile, in classes that are alike: what is at work in each, and which operands it brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from accsim.mapping.dataflow import RELEVANT, TiledDataflow
from accsim.simulate.inner_product.blocks import Blocks
from accsim.workload.layer import Operand

Ints = npt.NDArray[np.int64]
Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One loop inside a tile, as classes of its iterations.

    Attributes:
        name: an axis, or the dimension.
        dims: the dimensions it runs over.
        trips: how many iterations.
        used: rows, columns or lanes at work in each class; 1 for a dimension.
        times: iterations in each class.
        first, last: whether a class is the first, or the last, iteration.
    """

    name: str
    dims: tuple[str, ...]
    trips: int
    used: Ints
    times: Ints
    first: npt.NDArray[np.bool_]
    last: npt.NDArray[np.bool_]


def fold(name: str, dims: tuple[str, ...], size: int, unrolled: int, whole: bool) -> Fold:
    """A loop over ``size`` things, ``unrolled`` at a time.

    Args:
        whole: every iteration a class of its own; else those between the first and the last are one.
    """
    trips = -(-size // unrolled)
    rest = size - (trips - 1) * unrolled
    each = whole or trips <= 2
    times = np.ones(trips, np.int64) if each else np.array([1, trips - 2, 1], np.int64)
    used = np.full(len(times), unrolled, np.int64)
    used[-1] = rest
    first, last = np.zeros(len(times), np.bool_), np.zeros(len(times), np.bool_)
    first[0] = last[-1] = True
    return Fold(name, dims, trips, used, times, first, last)


def listed(name: str, dims: tuple[str, ...], used: Ints) -> Fold:
    """A loop whose iterations are each a class of their own, with so many at work."""
    first, last = np.zeros(len(used), np.bool_), np.zeros(len(used), np.bool_)
    first[0] = last[-1] = True
    return Fold(name, dims, len(used), used, np.ones(len(used), np.int64), first, last)


class Steps:
    """The steps of a tile as an array with an axis for each fold, outermost first.

    Args:
        dataflow: the order of the folds.
        sizes: length of each dimension in the tile; of ``lanes``, after weights that are skipped.
        rows, cols, lanes: of the array; lanes times the products that each takes in.
        whole: every step a class of its own.
        blocks: what is on the lanes, where weights are skipped: each of their steps is a class of its own.
    """

    def __init__(
        self,
        dataflow: TiledDataflow,
        sizes: Mapping[str, int],
        rows: int,
        cols: int,
        lanes: int,
        whole: bool,
        blocks: Blocks | None = None,
    ) -> None:
        unrolled = {"rows": rows, "cols": cols, "lanes": lanes}
        self._blocks, self._used = blocks, dict[str, Ints]()
        self.folds = [
            fold(name, dataflow.axis(name), sizes[name], unrolled.get(name, 1), whole)
            if blocks is None or name != "lanes"
            else listed(name, dataflow.axis(name), blocks.by_step(blocks.kept))
            for name in dataflow.folds
        ]
        self.shape = tuple(len(one.times) for one in self.folds)
        self.count = int(np.prod([one.trips for one in self.folds]))

    def along(self, values: npt.NDArray[Kind], at: int) -> npt.NDArray[Kind]:
        """``values``, one for each class of fold ``at``, to be broadcast."""
        return values.reshape([-1 if i == at else 1 for i in range(len(self.folds))])

    def total(self, values: npt.NDArray[np.float64] | Ints) -> npt.NDArray[np.float64] | Ints:
        """Values of each class of steps added up over all steps, apart for each class of rows, columns and lanes."""
        summed, out = [], values
        for i, one in enumerate(self.folds):
            if one.name in ("rows", "cols", "lanes"):
                out = out * self.along(one.times, i)
            elif values.shape[i] == 1:
                out = out * one.trips
            else:
                summed.append(i)
                if len(one.times) < one.trips:
                    out = out * self.along(one.times, i)
        return out.sum(axis=tuple(summed), keepdims=True) if summed else out

    @cached_property
    def times(self) -> Ints:
        """Steps of each class."""
        out = np.ones([1] * len(self.folds), np.int64)
        for i, one in enumerate(self.folds):
            out = out * self.along(one.times, i)
        return np.broadcast_to(out, self.shape)

    def used(self, axis: str) -> Ints:
        """Rows, columns or lanes at work in each class."""
        if axis not in self._used:
            at = next(i for i, one in enumerate(self.folds) if one.name == axis)
            self._used[axis] = np.asarray(self.along(self.folds[at].used, at), np.int64)
        return self._used[axis]

    def picked_from(self) -> Ints:
        """Activations of a column in each class: those of the lanes, or of the blocks whose weights are on them."""
        if self._blocks is None:
            return self.used("lanes")
        at = next(i for i, one in enumerate(self.folds) if one.name == "lanes")
        return self.along(self._blocks.by_step(self._blocks.size), at)

    def changes(self, operand: Operand) -> int:
        """Folds outside and including the innermost one that changes an operand."""
        relevant = RELEVANT[operand]
        found = [i for i, one in enumerate(self.folds) if one.trips > 1 and not relevant.isdisjoint(one.dims)]
        return found[-1] + 1 if found else 0

    def brings(self, operand: Operand) -> npt.NDArray[np.bool_]:
        """Whether a step brings other words of an operand than the one before."""
        return self._ends(self.changes(operand), "first")

    def finishes(self) -> npt.NDArray[np.bool_]:
        """Whether the sums of a step leave their accumulators after it."""
        return self._ends(self.changes(Operand.PSUM), "last")

    def _ends(self, outside: int, which: str) -> npt.NDArray[np.bool_]:
        """Whether every fold from ``outside`` on is at its first, or last, iteration."""
        out = np.ones([1] * len(self.folds), np.bool_)
        for i in range(outside, len(self.folds)):
            out = out & self.along(getattr(self.folds[i], which), i)
        return out

    def repeats(self, operand: Operand) -> int:
        """How often each word of an operand is brought in the tile."""
        relevant, times = RELEVANT[operand], 1
        for one in self.folds[: self.changes(operand)]:
            if relevant.isdisjoint(one.dims):
                times *= one.trips
        return times
