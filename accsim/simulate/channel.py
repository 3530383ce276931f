"""Who uses the DRAM channel of a layer, and how many tiles the buffers hold for each: what both timelines are told."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.hardware.accelerator import ArrayFamily, Sram
from accsim.mapping.capacity import banked, tile_bits
from accsim.simulate.storage import Place
from accsim.workload.layer import Operand

MOST_SLOTS = 2
"""Tiles of an operand that a timeline tells apart: one in use and one on its way."""

MOST_PARTS = 8
"""Parts of a tile that a timeline tells apart; of more ifmaps, neighbours share one."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An input that comes from DRAM, in service order.

    Attributes:
        level: the buffer it is fetched into; ``None`` when its words go straight to the array.
        depth: loops outside the tile that is fetched.
        slots: places for parts of tiles; two tiles' worth lets the whole next fetch overlap the array.
        by_ifmap: whether the ifmaps of a tile are parts with a place each; else the tile is one part.
    """

    operand: Operand
    level: str | None
    depth: int
    slots: int
    by_ifmap: bool = False

    def parts(self, ifmaps: int) -> int:
        """Parts of a tile of so many ifmaps."""
        return min(ifmaps, MOST_PARTS) if self.by_ifmap else 1

    def pace(self, ifmaps: int, each: int) -> int:
        """Cycles that a step takes at least for each part, at ``each`` or more for an ifmap."""
        return ifmaps // self.parts(ifmaps) * each


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
            circular = _circular(place, inner, operand)
            slots = _ifmap_places(place, inner, depth) if circular else _slots(place, inner, operand)
            out.append(Fetched(operand, inner.name, depth, slots, circular))
        else:
            out.append(Fetched(operand, None, len(place.nest.loops), 1))
    return out


def _slots(place: Place, level: Sram, operand: Operand) -> int:
    """Tiles of an operand on their way or in use; a PE scratchpad that holds the tile counts as one more."""
    rows = place.accelerator.array.family is ArrayFamily.ROW_STATIONARY
    held = rows and operand is Operand.WEIGHT and place.register_file(operand) is not None
    return min(MOST_SLOTS, level.partition(operand).copies(operand) + held)


def _circular(place: Place, level: Sram, operand: Operand) -> bool:
    """Whether tiles of an operand lie in a circular buffer of ifmaps."""
    rows = place.accelerator.array.family is ArrayFamily.ROW_STATIONARY
    return rows and operand is Operand.IFMAP and level.partition(operand).circular


def _ifmap_places(place: Place, level: Sram, depth: int) -> int:
    """Places for parts of ifmap tiles in a circular buffer: a tile's own, and those that fit into what no tile takes.

    Banks that are rounded up to, and banks left over, are room for ifmaps. A buffer that keeps whole tensors has none
    to spare.
    """
    acc, nest, mapping, part = place.accelerator, place.nest, place.mapping, level.partition(Operand.IFMAP)
    ifmaps = max(piece.size for piece, _ in nest.pieces("N", depth))
    tile = tile_bits(acc, mapping, nest, level, Operand.IFMAP, 0)
    parts = min(ifmaps, MOST_PARTS)
    own = parts * part.copies(Operand.IFMAP)
    if level.keeps_activations:
        return min(MOST_SLOTS * parts, own)
    others = sum(
        banked(
            tile_bits(acc, mapping, nest, level, operand, place.bits(Operand.WEIGHT)) * part.copies(operand),
            level.bank_bits,
        )
        for operand in (Operand.WEIGHT, Operand.PSUM, Operand.OFMAP)
        if operand in part.operands
    )
    largest = -(-ifmaps // parts)
    room = (part.size_bits - others) * ifmaps // max(1, tile * largest)
    return min(MOST_SLOTS * parts, max(own, room))


def returned(place: Place) -> Returned:
    """The output tile; a buffer that holds finished outputs may have a place where its sums have none."""
    levels, copies = place.psum_levels(), 1
    if levels:
        copies = levels[0].partition(Operand.PSUM).copies(Operand.PSUM)
    holds = [lv for lv in place.accelerator.buffers if Operand.OFMAP in lv.operands]
    if holds:
        copies = max(copies, holds[0].partition(Operand.OFMAP).copies(Operand.OFMAP))
    return Returned(levels[0].name if levels else None, place.output_depth(), min(MOST_SLOTS, copies))
