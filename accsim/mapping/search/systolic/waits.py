"""Compiled: the cycles of a candidate, from those of the array and of the channel and how they wait for each other."""

from __future__ import annotations

import math
from typing import NamedTuple

from accsim.kernels.jit import part
from accsim.mapping.search.systolic.folds import (
    FILLED,
    IFMAP,
    PIECES,
    PSUM,
    SIZE,
    STREAM,
    WEIGHT,
    Cuts,
    Floats,
    Ints,
)  # fmt: skip
from accsim.mapping.search.systolic.tiles import PLACES, Buffers, Room, last_words, moved

FETCHED_SLOT, TILES, WORD_BITS = 0, 1, 2


class Costs(NamedTuple):
    """Linear terms, and the channel.

    Attributes:
        energy, traffic: constant, then per word of each flow, then per word of each slot.
        leak: energy of a cycle.
        ports: [port, bits of a word of each operand .. bits per cycle].
        fetched: [input, slot, tiles held at once, bits of a word].
        output: slot, tiles held at once, bits of an unfinished word, bits of a finished one.
        channel: cycles before a transfer, cycles per bit, least bits of a transfer, least cycles of all transfers.
    """

    energy: Floats
    traffic: Floats
    leak: float
    ports: Floats
    fetched: Floats
    output: Floats
    channel: Floats


@part
def _filled(cuts: Cuts, at: Ints, cut: int) -> float:
    """The share of ifmap tiles that hold any pixel: windows may lie in the padding, and nothing is fetched for them."""
    share = 1.0 if cuts.whole[0] and cuts.whole[1] else 0.0
    for dim in range(4, 6):
        if cut >> dim & 1:
            share *= cuts.options[at[dim], FILLED] / cuts.options[at[dim], PIECES]
    return share


@part
def _last_stream(cuts: Cuts, at: Ints, loops: int) -> float:
    """Edges that are streamed, at least, in the last iteration of the loops of a mask."""
    edges = float(cuts.mac)
    for dim in range(8):
        if cuts.axis[dim] == STREAM:
            size = cuts.bounds[dim]
            if dim < 6 and loops >> dim & 1:
                size -= cuts.options[at[dim], SIZE] * (cuts.options[at[dim], PIECES] - 1)
            edges *= size
    return edges


@part
def _odd_tile(cuts: Cuts, at: Ints, loops: int, spent: float) -> float:
    """What the last of an odd number of weight tiles streams, and takes on the channel, if one loop alone cuts them."""
    for dim in range(6):
        if loops == 1 << dim:
            last = cuts.bounds[dim] - cuts.options[at[dim], SIZE] * (cuts.options[at[dim], PIECES] - 1)
            indexes = dim in (1, 2, 3)
            share = last / cuts.bounds[dim] if indexes else 1 / cuts.options[at[dim], PIECES]
            return float(spent * share + _last_stream(cuts, at, loops))
    return 0.0


@part
def cycles(
    cuts: Cuts, buffers: Buffers, costs: Costs, stationary: int, cut: Ints, repeat: Ints, row: int, room: Room
) -> float:  # fmt: skip
    """Cycles of a hold, a row of ``cut`` and ``repeat``, at least.

    The channel moves one transfer after the other. A buffer with room for one tile is not filled while the array uses
    it: each transfer waits until the array is empty, and the array for the transfer. With room for two, a transfer
    waits in the same way for the tile before the last, so tiles form two such chains, the second of which begins after
    the first transfer, or has one tile less; the layer takes no less than half of both. After the last fetch of an
    operand, and of all those that are fetched no later, the array works on that tile.

    ``room.edges[6]`` receives a guess, which is no less.
    """
    latency, per_bit, burst = costs.channel[0], costs.channel[1], costs.channel[2]
    array, streams, empty, load, apart = room.edges[0], room.edges[1], room.edges[2], room.edges[3], room.edges[5]
    total = turns = ends = chained = stops = 0.0
    for i in range(len(costs.fetched)):
        slot = int(costs.fetched[i, FETCHED_SLOT])
        operand, bits = buffers.operand[slot], costs.fetched[i, WORD_BITS]
        n = room.pieces[cut[row, slot] | repeat[row, slot]]
        if operand == IFMAP:
            n *= _filled(cuts, room.at, cut[row, slot])
        spent = n * latency + max(moved(operand, cut[row, slot], repeat[row, slot], room) * bits, n * burst) * per_bit
        total += spent
        room.spent[i] = spent
        if costs.fetched[i, TILES] < 2:
            turns += spent
            stops = max(stops, n)
        else:
            first = 0.0
            if n and (operand != IFMAP or cut[row, slot] & PLACES == 0):
                first = latency + max(burst, room.tile[operand, cut[row, slot]] * bits) * per_bit
            ends += first
            loads = n * (room.edges[7] if operand == stationary else load)
            work = max(streams + loads, apart) + n * empty
            more = first if n > 1 else 0.0
            if int(n) % 2 and operand == WEIGHT:
                more = max(more, _odd_tile(cuts, room.at, cut[row, slot] | repeat[row, slot], spent) + empty)
            chained = max(chained, work + spent + more)
    slot = int(costs.output[0])
    tiles = room.pieces[cut[row, slot]]
    again = tiles * room.pieces[repeat[row, slot]] - tiles
    words = float(room.tile[PSUM, 0])
    unfinished = words * (room.pieces[repeat[row, slot]] - 1)
    spent = 2 * (again * latency + max(unfinished * costs.output[2], again * burst) * per_bit)
    last = 0.0
    if costs.output[3] > 0:
        spent += tiles * latency + max(words * costs.output[3], tiles * burst) * per_bit
        last = latency + max(last_words(cuts, room.at, cut[row, slot]) * costs.output[3], burst) * per_bit
    total += spent
    if costs.output[1] < 2:
        turns += spent
        stops = max(stops, tiles + again)
    else:
        n = tiles + again
        chained = max(chained, max(streams + n * load, apart) + n * empty + spent - last)
        ends += last
    for i in range(len(costs.fetched)):
        loops = cut[row, int(costs.fetched[i, FETCHED_SLOT])] | repeat[row, int(costs.fetched[i, FETCHED_SLOT])]
        before = 0.0
        for j in range(len(costs.fetched)):
            other = cut[row, int(costs.fetched[j, FETCHED_SLOT])] | repeat[row, int(costs.fetched[j, FETCHED_SLOT])]
            before += room.spent[j] if other & ~loops == 0 else 0.0
        if before:
            brings = buffers.operand[int(costs.fetched[i, FETCHED_SLOT])] == stationary
            end = empty + (room.edges[7] if brings else load) + _last_stream(cuts, room.at, loops) + last
            total = max(total, before + end)
    taken = max(streams + stops * load, apart) + stops * empty + turns
    least = max(total, array + turns + ends, taken, chained / 2)
    room.edges[6] = least * _both(total, array + turns + ends, taken, chained / 2, least)
    return float(least)


@part
def _both(a: float, b: float, c: float, d: float, most: float) -> float:
    """How much longer than the longest of four times a layer is likely to take: the more the others are like it."""
    total = (a / most) ** 2 * (a / most) ** 2 + (b / most) ** 2 * (b / most) ** 2
    total += (c / most) ** 2 * (c / most) ** 2 + (d / most) ** 2 * (d / most) ** 2
    return float(math.sqrt(math.sqrt(total)))
