"""How a layer's tiles fall into folds of a systolic array, and what crosses the array's edge in each.

Rows and columns are runs of full arrays and a rest; the loops over folds go in the dataflow's order. Folds that share
the stationary operand are told apart from those that bring a new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

from accsim.hardware.accelerator import Accelerator, InitialPsum
from accsim.hardware.mac_cycles import mac_cycles
from accsim.mapping.dataflow import REDUCED, RELEVANT, Axis, Delivery, Reduction, SystolicDataflow
from accsim.mapping.nest import Nest
from accsim.simulate.edge_ports import edge_ports
from accsim.workload.layer import Operand


@dataclass(frozen=True, slots=True)
class Fold:
    """One kind of fold inside a tile.

    Attributes:
        rows, cols: used rows and columns.
        steps: stream length.
        changed: it brings a new stationary operand (or, when sums stay in the PEs, starts new sums).
    """

    rows: int
    cols: int
    steps: int
    changed: bool


class SystolicFolds:
    """A dataflow on a systolic array, for one nest of tiles: its folds and what they move."""

    def __init__(self, accelerator: Accelerator, dataflow: SystolicDataflow, nest: Nest) -> None:
        self.accelerator, self.dataflow, self.nest = accelerator, dataflow, nest
        self.rows, self.cols = accelerator.array.rows, accelerator.array.cols
        self.stationary, self.mac_cycles = dataflow.stationary, mac_cycles(accelerator.pe)
        self.row_skew, self.col_skew = self._skew(Axis.ROWS), self._skew(Axis.COLS)
        self._largest = {dim: max(p.size for p, _ in nest.pieces(dim, len(nest.loops))) for dim in "NGMCPQRS"}
        self._changes = self._change_index()
        self.ports = tuple(edge_ports(accelerator, self._sums_return()))

    def _skew(self, axis: Axis) -> int:
        d = self.dataflow
        hops = any(
            delivery is Delivery.HOP and not d.depends(operand, axis)
            for operand, delivery in ((Operand.IFMAP, d.ifmap), (Operand.WEIGHT, d.weight))
        )
        chained = d.reduction is Reduction.CHAIN and self.reduces(axis)
        return int(hops or chained)

    def reduces(self, axis: Axis) -> bool:
        """Whether psums are added along ``axis``."""
        return not REDUCED.isdisjoint(self.dataflow.axis(axis))

    def _sums_return(self) -> bool:
        """Whether any sum comes back to the array: it leaves unfinished, or the first one is read too."""
        if self.accelerator.array.initial_psum is InitialPsum.READ:
            return True
        flow, nest, kept = self.dataflow, self.nest, self.stationary is Operand.PSUM
        split = [name for name, trips in self._trips(self._largest) if trips > 1 and self._adds(name)]
        around = flow.folds[: self._changes] if kept else flow.folds
        tiles = range(1, (self.load_at if kept else len(nest.loops)) + 1)
        return any(name in around for name in split) or any(
            nest.loops[i - 1].dim in REDUCED
            and nest.count(nest.loops[i - 1].dim, i) > nest.count(nest.loops[i - 1].dim, i - 1)
            for i in tiles
        )

    def _adds(self, fold: str) -> bool:
        """Whether a fold loop runs over terms of the same sum."""
        return self.reduces(Axis(fold)) if fold in ("rows", "cols") else fold in REDUCED

    def _change_index(self) -> int:
        """Number of fold loops up to the innermost one that changes the stationary operand (0: none does)."""
        trips = dict(self._trips(self._largest))
        changed = 0
        for i, name in enumerate(self.dataflow.folds):
            if trips[name] > 1 and self._indexes(name):
                changed = i + 1
        return changed

    def _indexes(self, fold: str) -> bool:
        """Whether a fold loop indexes the stationary operand."""
        if fold in ("rows", "cols"):
            return self.dataflow.depends(self.stationary, Axis(fold))
        return fold in RELEVANT[self.stationary]

    def stream_edges(self, fold: Fold) -> int:
        """Edges on which the first PE works on the steps of a fold."""
        return fold.steps * self.mac_cycles

    def extent(self, axis: Axis, sizes: Mapping[str, int]) -> int:
        """Length of the flattened loop on ``axis``."""
        return prod(sizes[dim] for dim in self.dataflow.axis(axis))

    def _trips(self, sizes: Mapping[str, int]) -> Iterator[tuple[str, int]]:
        for name in self.dataflow.folds:
            if name == "rows":
                yield name, -(-self.extent(Axis.ROWS, sizes) // self.rows)
            elif name == "cols":
                yield name, -(-self.extent(Axis.COLS, sizes) // self.cols)
            else:
                yield name, sizes[name]

    @property
    def load_at(self) -> int:
        """Depth of the tile loop that brings a new stationary operand; every tile does if its folds change it."""
        if self._changes:
            return len(self.nest.loops)
        return self.nest.change_depth(self.stationary, len(self.nest.loops))

    def _loops(self, sizes: Mapping[str, int]) -> list[tuple[str, list[tuple[int, int]]]]:
        """Fold loops, outermost first: name and runs of (used PEs, how many); (1, trips) for a left-over dimension."""
        return [
            (name, self._kinds(self.extent(Axis(name), sizes), self.rows if name == "rows" else self.cols))
            if name in ("rows", "cols")
            else (name, [(1, sizes[name])])
            for name in self.dataflow.folds
        ]

    def folds(self, sizes: Mapping[str, int], loaded: bool) -> list[tuple[Fold, int]]:
        """The folds of one tile as classes with their number.

        Args:
            sizes: length of every dimension inside the tile.
            loaded: whether the tile brings a new stationary operand (always so if the folds change it).
        """
        loops, steps = self._loops(sizes), self.extent(Axis.STREAM, sizes)
        names = [name for name, _ in loops]
        classes: dict[Fold, int] = {}
        for chosen in product(*(range(len(runs)) for _, runs in loops)):
            picked = [runs[k] for k, (_, runs) in zip(chosen, loops, strict=True)]
            used = dict(zip(names, (pes for pes, _ in picked), strict=True))
            times = [n for _, n in picked]
            opens = (loaded or self._changes > 0) and not any(chosen[self._changes :])
            openers = prod(times[: self._changes]) if opens else 0
            for changed, n in ((True, openers), (False, prod(times) - openers)):
                if n:
                    fold = Fold(used["rows"], used["cols"], steps, changed)
                    classes[fold] = classes.get(fold, 0) + n
        return list(classes.items())

    @staticmethod
    def _kinds(extent: int, pes: int) -> list[tuple[int, int]]:
        full, rest = divmod(extent, pes)
        return ([(pes, full)] if full else []) + ([(rest, 1)] if rest else [])

    def delivery(self, operand: Operand) -> Delivery | None:
        """How an input travels; ``None`` for psums."""
        return {Operand.IFMAP: self.dataflow.ifmap, Operand.WEIGHT: self.dataflow.weight}.get(operand)

    def fed(self, operand: Operand, fold: Fold) -> int:
        """Words that cross the array's edge for ``operand`` in one fold; a unicast word crosses it for every PE."""
        d, each = self.dataflow, self.delivery(operand) is Delivery.UNICAST
        return (
            (fold.rows if each or d.depends(operand, Axis.ROWS) else 1)
            * (fold.cols if each or d.depends(operand, Axis.COLS) else 1)
            * (fold.steps if d.depends(operand, Axis.STREAM) else 1)
        )

    def moved(self, operand: Operand, fold: Fold) -> int:
        """Words that cross the array's edge in one fold: none for a stationary operand that stays."""
        if operand is self.stationary and not fold.changed:
            return 0
        return self.fed(operand, fold)
