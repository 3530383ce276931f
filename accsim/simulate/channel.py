"""Who uses the DRAM channel of a layer, and how many tiles the buffers hold for each: what both timelines are told."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.hardware.accelerator import ArrayFamily, Sram
from accsim.simulate.storage import Place
from accsim.workload.layer import Operand

MOST_SLOTS = 2
"""Tiles of an operand that a timeline tells apart: one in use and one on its way."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An input that comes from DRAM, in service order.

    Attributes:
        level: the buffer it is fetched into; ``None`` when its words go straight to the array.
        depth: loops outside the tile that is fetched.
        slots: tiles the buffer holds at once; 2 lets the next fetch overlap the array.
    """

    operand: Operand
    level: str | None
    depth: int
    slots: int


@dataclass(frozen=True, slots=True)
class Returned:
    """The output tile, which goes to DRAM when it is done with.

    Attributes:
        level: the buffer that holds its sums; ``None`` when the array writes to DRAM.
        depth, slots: as for an input.
    """

    level: str | None
    depth: int
    slots: int


def fetched(place: Place) -> list[Fetched]:
    """The inputs that come from DRAM: the weight first, then the ifmap."""
    out: list[Fetched] = []
    for operand in (Operand.WEIGHT, Operand.IFMAP):
        path = place.path(operand)
        if path[0] is not place.accelerator.dram:
            continue
        inner = path[1] if len(path) > 1 else None
        if isinstance(inner, Sram):
            depth = place.mapping.depth(inner.name, operand)
            out.append(Fetched(operand, inner.name, depth, _slots(place, inner, operand)))
        else:
            out.append(Fetched(operand, None, len(place.nest.loops), 1))
    return out


def _slots(place: Place, level: Sram, operand: Operand) -> int:
    """Tiles of an operand on their way or in use; a PE scratchpad that holds the tile counts as one more."""
    rows = place.accelerator.array.family is ArrayFamily.ROW_STATIONARY
    held = rows and operand is Operand.WEIGHT and place.register_file(operand) is not None
    return min(MOST_SLOTS, level.partition(operand).copies(operand) + held)


def returned(place: Place) -> Returned:
    """The output tile; a buffer that holds finished outputs may have a place where its sums have none."""
    levels, copies = place.psum_levels(), 1
    if levels:
        copies = levels[0].partition(Operand.PSUM).copies(Operand.PSUM)
    holds = [lv for lv in place.accelerator.buffers if Operand.OFMAP in lv.operands]
    if holds:
        copies = max(copies, holds[0].partition(Operand.OFMAP).copies(Operand.OFMAP))
    return Returned(levels[0].name if levels else None, place.output_depth(), min(MOST_SLOTS, copies))
