"""Compiled: the words of the tiles that are held, of what their loads bring, and whether they fit the buffers."""

from __future__ import annotations

from typing import NamedTuple

from accsim.kernels.jit import part
from accsim.mapping.search.systolic.folds import (
    EXTENT,
    EXTENTS,
    IFMAP,
    PIECES,
    PSUM,
    SIZE,
    WEIGHT,
    Cuts,
    Floats,
    Ints,
)  # fmt: skip

FREE, BANK = 0, 1
PARTITION, HELD, COPIES_BITS = 0, 1, 2


class Buffers(NamedTuple):
    """What the shared buffers hold.

    Attributes:
        operand: of each slot.
        partitions: [partition, FREE | BANK]: bits free, bits of a bank (1: none).
        demands: [demand, PARTITION | HELD | COPIES_BITS]: a slot's tile, times bits of all copies of a word.
    """

    operand: Ints
    partitions: Ints
    demands: Ints


class Room(NamedTuple):
    """Room for what is worked out of one combination of tile sizes.

    Attributes:
        at: option of each dimension.
        tile: [operand, mask]: words of a tile of which the dimensions of the mask are cut.
        pieces: [mask]: iterations of the loops of the mask.
        extents: [mask of P and Q]: words of the ifmap that tiles cut along them need together.
        needed: bits needed of each partition.
        words: as ``terms`` counts them.
        edges: as ``add_edges`` gives them; and [6] the likely cycles of a candidate.
        spent: cycles of the channel for each input.
        box, bits: one figure, as a float and as its bits.
        prices: of loads that holds tell apart.
    """

    at: Ints
    tile: Ints
    pieces: Floats
    extents: Floats
    needed: Ints
    words: Floats
    edges: Floats
    spent: Floats
    box: Floats
    bits: Ints
    prices: Floats


RELEVANT = (0b111011, 0b001110, 0b110111)
"""Masks of the dimensions that index ifmap, weight and psum."""
PLACES = 0b110000
"""The mask of P and Q."""


@part
def whole(cuts: Cuts, operand: int) -> int:
    """Words of an operand that is not cut; of the ifmap, those that all windows cover."""
    words = cuts.bounds[6] * cuts.bounds[7] if operand == WEIGHT else 1
    for dim in range(6):
        if RELEVANT[operand] >> dim & 1:
            words *= cuts.whole[dim - 4] if operand == IFMAP and dim > 3 else cuts.bounds[dim]
    return words


@part
def _smallest(cuts: Cuts, at: Ints, operand: int) -> int:
    """Words of the tile of the innermost loop."""
    words = cuts.bounds[6] * cuts.bounds[7] if operand == WEIGHT else 1
    for dim in range(6):
        if RELEVANT[operand] >> dim & 1:
            words *= cuts.options[at[dim], EXTENT if operand == IFMAP and dim > 3 else SIZE]
    return words


@part
def fill(cuts: Cuts, active: int, room: Room) -> None:
    """Fill ``tile``, ``pieces`` and ``extents`` for all sets of the dimensions ``active``."""
    at = room.at
    for operand in range(3):
        room.tile[operand, 0] = whole(cuts, operand)
    room.pieces[0] = 1.0
    chosen = 0
    while chosen != active:
        chosen = ((chosen | ~active) + 1) & active
        dim = 0
        while not chosen >> dim & 1:
            dim += 1
        rest = chosen & (chosen - 1)
        size, bound = cuts.options[at[dim], SIZE], cuts.bounds[dim]
        room.pieces[chosen] = room.pieces[rest] * cuts.options[at[dim], PIECES]
        for operand in range(3):
            if RELEVANT[operand] >> dim & 1 == 0:
                room.tile[operand, chosen] = room.tile[operand, rest]
            elif operand == IFMAP and dim > 3:
                extent, uncut = cuts.options[at[dim], EXTENT], cuts.whole[dim - 4]
                room.tile[operand, chosen] = room.tile[operand, rest] // uncut * extent
            else:
                room.tile[operand, chosen] = room.tile[operand, rest] // bound * size
    each = float(cuts.bounds[0] * cuts.bounds[1] * cuts.bounds[3])
    for places in range(4):
        rows = cuts.options[at[4], EXTENTS] if places & 1 else cuts.whole[0]
        columns = cuts.options[at[5], EXTENTS] if places & 2 else cuts.whole[1]
        room.extents[places] = each * rows * columns


@part
def _fits(buffers: Buffers, room: Room) -> bool:
    """Whether the bits needed of every partition fit it."""
    fits = True
    for i in range(len(buffers.partitions)):
        fits = fits and room.needed[i] <= buffers.partitions[i, FREE]
    return fits


@part
def _need(buffers: Buffers, demand: int, words: int, room: Room) -> None:
    """Add a tile, in all its copies and whole banks, to what its partition needs."""
    where, bits = buffers.demands[demand, PARTITION], words * buffers.demands[demand, COPIES_BITS]
    bank = buffers.partitions[where, BANK]
    room.needed[where] += bits if bank == 1 else -(-bits // bank) * bank


@part
def smallest_fit(cuts: Cuts, buffers: Buffers, room: Room) -> bool:
    """Whether the tiles of the innermost loop fit."""
    for i in range(len(room.needed)):
        room.needed[i] = 0
    for i in range(len(buffers.demands)):
        _need(buffers, i, _smallest(cuts, room.at, buffers.operand[buffers.demands[i, HELD]]), room)
    return _fits(buffers, room)


@part
def hold_fits(buffers: Buffers, cut: Ints, row: int, room: Room) -> bool:
    """Whether the tiles of a hold, a row of ``cut``, fit."""
    for i in range(len(room.needed)):
        room.needed[i] = 0
    for i in range(len(buffers.demands)):
        slot = buffers.demands[i, HELD]
        _need(buffers, i, room.tile[buffers.operand[slot], cut[row, slot]], room)
    return _fits(buffers, room)


@part
def moved(operand: int, cut: int, repeat: int, room: Room) -> float:
    """Words that all loads of a tile bring, halos included."""
    words = room.extents[cut >> 4] if operand == IFMAP else float(room.tile[operand, 0])
    return float(words * room.pieces[repeat])


@part
def last_words(cuts: Cuts, at: Ints, cut: int) -> float:
    """Words of the last output tile."""
    words = 1.0
    for dim in range(6):
        if RELEVANT[PSUM] >> dim & 1:
            size = cuts.bounds[dim]
            if cut >> dim & 1:
                size -= cuts.options[at[dim], SIZE] * (cuts.options[at[dim], PIECES] - 1)
            words *= size
    return words
