"""Mappings: how one layer is laid out on one machine. Every result prints the mapping it used in the form read here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from accsim.hardware.accelerator import Accelerator
from accsim.mapping.dataflow import RELEVANT, RowStationaryDataflow, SystolicDataflow, TiledDataflow
from accsim.mapping.nest import Loop, Nest
from accsim.workload.layer import Geometry, Operand

NEST_OPERANDS = (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM)


Flow = TypeVar("Flow", SystolicDataflow, TiledDataflow)


@dataclass(frozen=True, slots=True)
class LoopMapping(Generic[Flow]):
    """Tiles held by the buffers of a machine.

    Attributes:
        dataflow: which dimensions are on the array.
        loops: loops over tiles, outermost first; the array folds what is inside the last one.
        hold: for each shared buffer and operand it holds, the number of loops outside the tile it holds
            (0 keeps the whole operand).
        note: where the mapping comes from.
    """

    dataflow: Flow
    loops: tuple[Loop, ...]
    hold: tuple[tuple[str, Operand, int], ...]
    note: str = ""

    def nest(self, geometry: Geometry, fetch_padding: bool) -> Nest:
        """The nest of loops over tiles."""
        return Nest(geometry, self.loops, fetch_padding)

    def depth(self, level: str, operand: Operand) -> int:
        """Depth at which ``level`` holds ``operand``."""
        for name, held, depth in self.hold:
            if name == level and held is operand:
                return depth
        return len(self.loops)

    def describe(self) -> dict[str, object]:
        """The mapping as the plain form a mapping file uses."""
        hold: dict[str, dict[str, int]] = {}
        for level, operand, depth in self.hold:
            hold.setdefault(level, {})[operand.value] = depth
        return {
            "dataflow": self.dataflow.name,
            "loops": [[loop.dim, loop.step] for loop in self.loops],
            "hold": hold,
        }


@dataclass(frozen=True, slots=True)
class SystolicMapping(LoopMapping[SystolicDataflow]):
    """Tiles of a machine with a systolic array."""


@dataclass(frozen=True, slots=True)
class TiledMapping(LoopMapping[TiledDataflow]):
    """Tiles of a machine that runs each of them in its own way."""


@dataclass(frozen=True, slots=True)
class RowStationaryMapping:
    """Pass parameters of a row-stationary machine (Chen et al., JSSC 2017, Table II).

    Attributes:
        m: filters whose psums stay in the buffer.
        n: ifmaps in one pass.
        e: output rows of one PE set (a strip).
        f: output columns of one pass; the whole width unless the buffer is too small.
        p, q: filters and channels interleaved in one PE.
        r, t: PE sets on different channels and on different filters.
        note: where the mapping comes from.
    """

    dataflow: RowStationaryDataflow
    m: int
    n: int
    e: int
    f: int
    p: int
    q: int
    r: int
    t: int
    note: str = ""

    @property
    def loops(self) -> tuple[Loop, ...]:
        """Loops over passes, in the dataflow's order."""
        steps = {
            "G": Loop("G", 1),
            "m": Loop("M", self.m),
            "n": Loop("N", self.n),
            "e": Loop("P", self.e),
            "f": Loop("Q", self.f),
            "c": Loop("C", self.q * self.r),
            "k": Loop("M", self.p * self.t),
        }
        return tuple(steps[name] for name in self.dataflow.loops)

    def nest(self, geometry: Geometry, fetch_padding: bool) -> Nest:
        """The nest of loops over passes."""
        return Nest(geometry, self.loops, fetch_padding)

    def depth(self, level: str, operand: Operand) -> int:
        """Depth at which the buffer holds ``operand``.

        An ifmap or weight tile is what one pass needs. Psums of ``m`` filters stay for all channels, so the inner
        loop over filters lies inside their tile.
        """
        loops = self.loops
        if operand is not Operand.PSUM:
            return max(i + 1 for i, loop in enumerate(loops) if loop.dim in RELEVANT[operand])
        order = self.dataflow.loops
        return max(order.index(name) + 1 for name in ("G", "m", "n", "e", "f"))

    def describe(self) -> dict[str, object]:
        """The mapping as the plain form a mapping file uses."""
        out: dict[str, object] = {"dataflow": self.dataflow.name}
        for name in ("m", "n", "e", "f", "p", "q", "r", "t"):
            out[name] = getattr(self, name)
        return out


Mapping = SystolicMapping | RowStationaryMapping | TiledMapping


def shared_levels(accelerator: Accelerator, operand: Operand) -> tuple[str, ...]:
    """Names of the shared buffers that hold ``operand``, from the outside in."""
    return tuple(level.name for level in accelerator.buffers if operand in level.operands)
