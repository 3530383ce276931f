"""Dataflows: which loops are spread over the array, which run in time, and how each operand travels.

A systolic dataflow is three lists of loop dimensions (rows, columns, streamed in time); the dimensions left over are
temporal folds. Which operand is stationary follows from them: it is the one that no streamed dimension indexes.
A row-stationary dataflow names the order of the loops over passes (Chen et al., ISCA 2016; JSSC 2017, Table II).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from accsim.hardware.accelerator import ArrayFamily
from accsim.workload.layer import Operand

DIMENSIONS = ("N", "G", "M", "C", "P", "Q", "R", "S")

RELEVANT: dict[Operand, frozenset[str]] = {
    Operand.IFMAP: frozenset("NGCPQRS"),
    Operand.WEIGHT: frozenset("GMCRS"),
    Operand.PSUM: frozenset("NGMPQ"),
}
"""The loop dimensions that index each operand (an ifmap pixel is indexed by P and R together, and by Q and S)."""

REDUCED = frozenset("CRS")
"""The dimensions summed over."""


class Delivery(StrEnum):
    """How an input operand reaches the PEs.

    ``hop``: enters at the edge and moves one PE per cycle. ``multicast``: reaches every PE that needs it in the same
    cycle. ``unicast``: each PE has its own feed. ``preload``: shifted in before the stream starts and held.
    """

    HOP = "hop"
    MULTICAST = "multicast"
    UNICAST = "unicast"
    PRELOAD = "preload"


class Reduction(StrEnum):
    """Where partial sums are added: in the PE, along a chain of PEs, or in an adder tree at the edge."""

    IN_PE = "in_pe"
    CHAIN = "chain"
    ADDER_TREE = "adder_tree"


class Drain(StrEnum):
    """How finished sums leave: shifted through the array's rows, or each PE directly onto a bus."""

    SHIFT = "shift"
    DIRECT = "direct"


class Axis(StrEnum):
    """A direction of the array, or time."""

    ROWS = "rows"
    COLS = "cols"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class SystolicDataflow:
    """A dataflow for a systolic array.

    Attributes:
        rows, cols, stream: loop dimensions flattened onto each axis, outermost first; every other dimension is a
            temporal fold.
        folds: order of the outer folds, outermost first: ``rows``, ``cols`` and the left-over dimensions.
        ifmap, weight: how the operand travels.
        reduction, drain: how psums are added and leave.
    """

    name: str
    rows: tuple[str, ...]
    cols: tuple[str, ...]
    stream: tuple[str, ...]
    folds: tuple[str, ...]
    ifmap: Delivery
    weight: Delivery
    reduction: Reduction
    drain: Drain
    description: str = ""
    source: str = ""

    def axis(self, axis: Axis) -> tuple[str, ...]:
        """The dimensions on one axis."""
        return self.rows if axis is Axis.ROWS else self.cols if axis is Axis.COLS else self.stream

    def depends(self, operand: Operand, axis: Axis) -> bool:
        """Whether ``operand`` differs from one step of ``axis`` to the next."""
        return not RELEVANT[operand].isdisjoint(self.axis(axis))

    @property
    def stationary(self) -> Operand:
        """The operand that stays in the PEs while the stream passes: the one no streamed dimension indexes.

        ``PSUM`` for an output-stationary dataflow; an operand of a stream-less dataflow is stationary trivially, and
        then the weight is named first.
        """
        for operand in (Operand.WEIGHT, Operand.IFMAP, Operand.PSUM):
            if not self.depends(operand, Axis.STREAM):
                return operand
        raise AssertionError("unreachable: every loop dimension leaves at least one operand unindexed")

    @property
    def dataflow_class(self) -> str:
        """The taxonomy's name (Sze et al. 2017, section V-B): WS, OS or IS."""
        return {Operand.WEIGHT: "WS", Operand.PSUM: "OS", Operand.IFMAP: "IS"}[self.stationary]


@dataclass(frozen=True, slots=True)
class RowStationaryDataflow:
    """A row-stationary dataflow: PE sets with pass parameters m n e p q r t.

    Attributes:
        loops: order of the loops over passes, outermost first, in the pass parameters' names: ``G`` groups, ``m``
            blocks of filters whose psums stay in the buffer, ``n`` batch, ``e`` strips of output rows, ``f`` strips of
            output columns, ``c`` blocks of q*r channels, ``k`` blocks of p*t filters.
    """

    name: str
    loops: tuple[str, ...]
    description: str = ""
    source: str = ""
    dataflow_class: str = "RS"


@dataclass(frozen=True, slots=True)
class TiledDataflow:
    """A dataflow of a machine that runs a tile of a layer after the other, each in its own way.

    Every loop dimension has one place; what has a place on an axis is flattened onto it, outermost first.

    Attributes:
        family: the array's.
        rows, cols, lanes: dimensions across the array: filters, windows, and products that are added in one cycle.
        folds: order of the loops inside a tile, outermost first: ``rows``, ``cols`` and ``lanes``, where an axis is
            longer than the array, and what is left.
        cut: dimensions that tiles may be cut along, in the order in which they are preferred.
        first_lanes: what a layer that reads the network's input has on its lanes instead, where that is of few
            channels; R and S here are no folds then. Empty for the same as every layer.
    """

    name: str
    family: ArrayFamily
    rows: tuple[str, ...]
    cols: tuple[str, ...]
    lanes: tuple[str, ...]
    folds: tuple[str, ...]
    cut: tuple[str, ...] = ("G", "N", "M", "P", "Q", "C")
    first_lanes: tuple[str, ...] = ()
    description: str = ""
    source: str = ""

    def of_first_layer(self) -> TiledDataflow:
        """The dataflow of a layer that reads the network's input."""
        if not self.first_lanes:
            return self
        folds = tuple(fold for fold in self.folds if fold not in self.first_lanes)
        return replace(self, lanes=self.first_lanes, folds=folds, first_lanes=())

    def axis(self, axis: str) -> tuple[str, ...]:
        """The dimensions of a fold: those of an axis, or the one that it names."""
        known = {"rows": self.rows, "cols": self.cols, "lanes": self.lanes}
        return known.get(axis, (axis,))

    @property
    def stationary(self) -> Operand:
        """What stays in the registers while the innermost fold of all advances."""
        inner = self.axis(self.folds[-1]) if self.folds else ()
        for operand in (Operand.PSUM, Operand.WEIGHT, Operand.IFMAP):
            if RELEVANT[operand].isdisjoint(inner):
                return operand
        return Operand.PSUM

    @property
    def dataflow_class(self) -> str:
        """The taxonomy's name (Sze et al. 2017, section V-B): OS, WS or IS."""
        return {Operand.WEIGHT: "WS", Operand.PSUM: "OS", Operand.IFMAP: "IS"}[self.stationary]


Dataflow = SystolicDataflow | RowStationaryDataflow | TiledDataflow


def family_of(dataflow: Dataflow) -> ArrayFamily:
    """The family of arrays that a dataflow is for."""
    if isinstance(dataflow, TiledDataflow):
        return dataflow.family
    return ArrayFamily.SYSTOLIC if isinstance(dataflow, SystolicDataflow) else ArrayFamily.ROW_STATIONARY
