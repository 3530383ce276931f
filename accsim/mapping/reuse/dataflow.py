"""A reuse dataflow: which loops run over buffer tiles, over passes, over PEs and inside a PE."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from accsim.workload.layer import Operand

DIMENSIONS = ("N", "M", "C", "P", "Q", "R", "S")
"""The loops of one group of a layer; groups run one after the other."""

RELEVANT: dict[Operand, str] = {Operand.WEIGHT: "MCRS", Operand.IFMAP: "NCPQRS", Operand.PSUM: "NMPQ"}
"""The loops that index each operand (an ifmap pixel is indexed by P and R together, and by Q and S)."""

REDUCED = "CRS"
"""The loops that are summed over."""


class Level(StrEnum):
    """Where the words of a transfer come from, dearest first (Chen et al., ISCA 2016, Table IV)."""

    DRAM = "dram"
    BUFFER = "buffer"
    ARRAY = "array"
    RF = "rf"


@dataclass(frozen=True, slots=True)
class ReuseDataflow:
    """Where each loop of a layer runs.

    Attributes:
        tiles: loops over tiles of the buffer, outermost first. A dimension that is not among them is whole in a tile.
        passes: loops over passes of the array within a tile, outermost first.
        rows, cols: dimensions unrolled over the PEs' rows and columns. Without columns the PEs are one pool, whatever
            their arrangement. One dimension may be in both; it takes what the others leave.
        pe: loops inside a PE during a pass, outermost first. What the register file holds follows from their order.
        buffer: operands the buffer keeps for several passes. Others stream through: every pass fetches them from DRAM.
        direct: operands that every PE reads from the buffer itself, without transfers between PEs.
        forward: P, Q or both: pixels go from PE to PE along them and wait in the register files (Du et al.,
            ISCA 2015): U words along Q and U*S along P.
        apart: unrolled dimensions of a sum whose parts do not meet on the array, because they are made at different
            times; they are added in the buffer.
    """

    name: str
    tiles: tuple[str, ...]
    passes: tuple[str, ...]
    rows: tuple[str, ...]
    cols: tuple[str, ...]
    pe: tuple[str, ...]
    buffer: tuple[Operand, ...]
    direct: tuple[Operand, ...] = ()
    forward: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    description: str = ""
    source: str = ""

    @property
    def stationary(self) -> tuple[Operand, ...]:
        """The operands whose words a PE uses again."""
        return tuple(operand for operand in RELEVANT if self.carriers(operand))

    @property
    def dataflow_class(self) -> str:
        """The taxonomy's name (Sze et al. 2017, section V-B), from what stays in the PEs: WS, OS, IS, NLR or RS.

        Those that keep two operands have none, and are called by both.
        """
        stays = self.stationary
        one = {Operand.WEIGHT: "WS", Operand.PSUM: "OS", Operand.IFMAP: "IS"}
        return "RS" if len(stays) == len(RELEVANT) else "+".join(one[operand] for operand in stays) or "NLR"

    @property
    def unrolled(self) -> tuple[str, ...]:
        """Every dimension on the array, once."""
        return (*self.rows, *(dim for dim in self.cols if dim not in self.rows))

    @property
    def whole(self) -> tuple[str, ...]:
        """Dimensions that are never cut: one pass of the array covers them."""
        return tuple(dim for dim in DIMENSIONS if dim not in self.tiles and dim not in self.passes)

    def carriers(self, operand: Operand) -> tuple[str, ...]:
        """The loops inside a PE along which it can use a word again, if they have more than one turn."""
        if operand is not Operand.IFMAP:
            return tuple(dim for dim in self.pe if dim not in RELEVANT[operand])
        slides = [pair for pair in ("PR", "QS") if set(pair) <= set(self.pe)]
        return tuple(dim for dim in self.pe if dim == "M" or any(dim in pair for pair in slides))
