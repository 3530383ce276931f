"""Compiled: the words that a candidate moves at the array and in it, and the edges its folds take.

The figures are those of the exact engine (``accsim.simulate.mac_layer``, ``accsim.simulate.systolic``), written as
products of the sums of ``folds``. Words are exact. Edges are exact on an array that ends one fold before the next
begins and that no port slows down; else they are a lower bound.
"""

from __future__ import annotations

from typing import NamedTuple

from accsim.kernels.jit import part
from accsim.mapping.search.systolic.folds import (
    ALL,
    CHAIN,
    COLS,
    COUNT,
    FIRST,
    HOP,
    IN_PE,
    LEAVE,
    LEFT,
    PRELOAD,
    PSUM,
    ROWS,
    SQUARES,
    STREAM,
    TAIL,
    UNICAST,
    USED,
    Cuts,
    Floats,
    Ints,
    Machine,
    add_axis,
    add_raised,
    add_stream,
    left_over,
)  # fmt: skip

EDGE, DELIVERED, HOPS, LATCHED = 0, 1, 2, 3
"""Places of an input's flows."""
PSUM_EDGE, PSUM_HOPS, PSUM_LATCHED = 8, 9, 10


class Sums(NamedTuple):
    """Sums over the folds of all tiles, and room to work them out.

    Attributes:
        every: [axis, COUNT..TAIL], over all folds; the left-over trips are counts.
        some: likewise over the folds that bring a new stationary operand.
        axes: [axis, ALL | FIRST, COUNT..TAIL] of rows and columns.
        room, left: for ``folds``.
    """

    every: Floats
    some: Floats
    axes: Floats
    room: Ints
    left: Floats


@part
def add_axes(cuts: Cuts, machine: Machine, at: Ints, changed: int, sums: Sums) -> None:
    """Work out the axes on which a dimension of the mask ``changed`` lies; bits of R and S stand for a first time."""
    for axis in range(2):
        if changed >> 6 or _lies_on(cuts, axis, changed):
            add_axis(cuts, machine, at, axis, 0, sums.room, sums.axes[axis])


@part
def _lies_on(cuts: Cuts, axis: int, dims: int) -> bool:
    """Whether a dimension of a mask lies on an axis."""
    found = False
    for dim in range(6):
        found = found or (cuts.axis[dim] == axis and dims >> dim & 1 == 1)
    return found


@part
def _copy(source: Floats, target: Floats) -> None:
    for i in range(len(source)):
        target[i] = source[i]


@part
def sums_of_tiles(cuts: Cuts, machine: Machine, at: Ints, outer: int, reuse: int, sums: Sums) -> None:
    """Sums over all folds, and over those that bring a new stationary operand, given ``axes``.

    Args:
        outer: fold loops up to the last that changes it; 0 if none does in a tile.
        reuse: mask of the loops over tiles that reuse it.
    """
    once = reuse if outer == 0 else 0
    for axis in range(2):
        _copy(sums.axes[axis, ALL], sums.every[axis])
        apart = _lies_on(cuts, axis, once)
        if apart:
            add_axis(cuts, machine, at, axis, once, sums.room, sums.axes[2])
        _copy(sums.axes[2 if apart else axis, FIRST], sums.some[axis])
    for i in range(outer):
        axis = -1 - machine.folds[i]
        if axis >= 0:
            _copy(sums.axes[axis, ALL], sums.some[axis])
    add_stream(cuts, at, 0, sums.every[STREAM])
    add_stream(cuts, at, once, sums.some[STREAM])
    left_over(cuts, machine, at, outer, once, sums.left)
    sums.every[LEFT, COUNT], sums.some[LEFT, COUNT], sums.some[LEFT, TAIL] = sums.left[0], sums.left[1], sums.left[2]


@part
def _along(sums: Floats, axis: int, differs: int) -> float:
    """Words that enter along an axis: one per PE, or one for all of them."""
    return float(sums[axis, USED] if differs else sums[axis, COUNT])


@part
def _entering(machine: Machine, operand: int, sums: Floats, each: int) -> float:
    """Words that cross the array's edge; ``each``: one for every PE."""
    depends = machine.depends[operand]
    words = _along(sums, ROWS, each or depends[ROWS]) * _along(sums, COLS, each or depends[COLS])
    return float(words * _along(sums, STREAM, depends[STREAM]) * sums[LEFT, COUNT])


@part
def add_flows(machine: Machine, sums_: Sums, out: Floats) -> None:
    """The words of ``terms.FLOWS``."""
    every, some = sums_.every, sums_.some
    for operand in range(2):
        sums = some if machine.stationary == operand else every
        depends, how, place = machine.depends[operand], machine.delivery[operand], operand * 4
        words = _entering(machine, operand, sums, how == UNICAST)
        streamed = _along(sums, STREAM, depends[STREAM]) * sums[LEFT, COUNT]
        reached = sums[ROWS, USED] * sums[COLS, USED] * streamed
        out[place + EDGE] = words
        out[place + HOPS] = 0.0
        if how == UNICAST:
            out[place + DELIVERED] = out[place + LATCHED] = words
        elif how == HOP:
            out[place + DELIVERED], out[place + HOPS], out[place + LATCHED] = words, reached - words, reached
        elif how == PRELOAD:
            entering = _along(sums, ROWS, depends[ROWS]) * sums[COLS, USED] * streamed
            if depends[ROWS]:
                inside = (sums[ROWS, SQUARES] - sums[ROWS, USED]) / 2
            else:
                inside = sums[ROWS, USED] - sums[ROWS, COUNT]
            shifts = inside * sums[COLS, USED] * streamed
            out[place + DELIVERED], out[place + HOPS], out[place + LATCHED] = entering, shifts, entering + shifts
        else:
            out[place + DELIVERED] = out[place + LATCHED] = reached
    _add_sums(machine, every, some if machine.stationary == PSUM else every, out)


@part
def _add_sums(machine: Machine, every: Floats, leaving: Floats, out: Floats) -> None:
    depends = machine.depends[PSUM]
    words = _entering(machine, PSUM, leaving, 0)
    along = every[ROWS, USED] * every[COLS, USED] * every[STREAM, USED] * every[LEFT, COUNT]
    streamed = _along(leaving, STREAM, depends[STREAM]) * leaving[LEFT, COUNT]
    per_row, per_col = _along(leaving, ROWS, depends[ROWS]), _along(leaving, COLS, depends[COLS])
    unused_rows = machine.pes[ROWS] * per_row - leaving[ROWS, SQUARES if depends[ROWS] else USED]
    unused_cols = machine.pes[COLS] * per_col - leaving[COLS, SQUARES if depends[COLS] else USED]
    out[PSUM_EDGE], out[PSUM_HOPS], out[PSUM_LATCHED] = words, 0.0, along
    crossed = 0.0
    if machine.reduction == CHAIN:
        if not machine.taps:
            crossed += unused_rows * per_col * streamed if machine.reduces[ROWS] else 0.0
            crossed += unused_cols * per_row * streamed if machine.reduces[COLS] else 0.0
        out[PSUM_HOPS], out[PSUM_LATCHED] = along - words + crossed, along + crossed
    elif machine.reduction == IN_PE and machine.shift:
        inside = (leaving[ROWS, SQUARES] - leaving[ROWS, USED]) / 2 if depends[ROWS] else 0.0
        crossed = inside * per_col * streamed
        crossed += 0.0 if machine.taps else unused_rows * per_col * streamed
        out[PSUM_HOPS], out[PSUM_LATCHED] = crossed, along + crossed


@part
def port_cycles(ports: Floats, stationary: int, words: Floats, out: Floats) -> None:
    """Cycles that the busiest port needs for what streams, and for the stationary operand, of all tiles.

    Args:
        ports: [port, bits of a word of each operand it carries .. bits per cycle].
        words: as ``add_flows`` gives them.
    """
    out[0] = out[1] = 0.0
    for i in range(len(ports)):
        bits = brought = 0.0
        for operand in range(3):
            moved = ports[i, operand] * words[PSUM_EDGE if operand == PSUM else operand * 4 + EDGE]
            if operand == stationary:
                brought += moved
            else:
                bits += moved
        out[0], out[1] = max(out[0], bits / ports[i, 3]), max(out[1], brought / ports[i, 3])


@part
def add_edges(
    cuts: Cuts, machine: Machine, at: Ints, outer: int, reuse: int, sums: Sums, ports: Floats, words: Floats,
    out: Floats,
) -> None:  # fmt: skip
    """Edges that the array takes, at least.

    Args:
        ports, words: as for ``port_cycles``.
        out: receives [0] the edges of all tiles one after the other, [1] those of the streams alone, and what it costs
            when a tile waits until the array is empty: [2] edges to empty it, and to load [3] any tile or [7] one that
            brings a new stationary operand. The load is an average over tiles, and no more than one over those that
            come first in their loop, which are the largest. [5] are the edges of loads and streams, the longer of the
            two for each, which hold however often the array is emptied.
    """
    every, some = sums.every, sums.some
    folds = every[ROWS, COUNT] * every[COLS, COUNT]
    tiles, left = every[STREAM, COUNT] * every[LEFT, COUNT], some[STREAM, COUNT] * some[LEFT, COUNT]
    streams = folds * every[STREAM, USED] * every[LEFT, COUNT] * cuts.mac
    in_place = machine.stationary == PSUM
    preloads = not in_place and machine.delivery[machine.stationary] == PRELOAD
    port_cycles(ports, machine.stationary, words, out)
    streamed, loaded = max(streams, out[0]), out[1]
    loads = some[ROWS, USED if preloads else COUNT] * some[COLS, COUNT] * left
    if not machine.overlaps:
        skew = (every[ROWS, USED] - every[ROWS, COUNT]) * machine.skew[ROWS] * every[COLS, COUNT]
        skew += (every[COLS, USED] - every[COLS, COUNT]) * machine.skew[COLS] * every[ROWS, COUNT]
        if machine.reduction == IN_PE:
            leave = (some[ROWS, LEAVE] * some[COLS, COUNT] + some[COLS, LEAVE] * some[ROWS, COUNT]) * left
        else:
            leave = (every[ROWS, LEAVE] * every[COLS, COUNT] + every[COLS, LEAVE] * every[ROWS, COUNT]) * tiles
        out[0] = streamed + skew * tiles + leave + (0.0 if in_place else max(loads, loaded))
        out[1], out[2], out[3], out[5], out[7] = out[0], 0.0, 0.0, 0.0, 0.0
        return
    least = every[STREAM, TAIL] * some[LEFT, TAIL] * cuts.mac
    apart, first = max(least, 1.0) * some[ROWS, COUNT] * some[COLS, COUNT] * left, 1.0
    if preloads or (in_place and machine.shift):
        add_raised(cuts, machine, at, reuse if outer == 0 else 0, least, sums.room, sums.left)
        rows = sums.left[FIRST]
        for i in range(outer):
            if machine.folds[i] == -1:
                rows = sums.left[ALL]
        apart = rows * some[COLS, COUNT] * left
        first = sums.axes[ROWS, FIRST, USED] / sums.axes[ROWS, FIRST, COUNT]
    tail = every[ROWS, TAIL] + every[COLS, TAIL]
    if in_place:
        out[0], out[1], out[2], out[3] = max(streamed, apart - 1.0) + tail, streamed, tail, 0.0
        out[5], out[7] = 0.0, 0.0
    else:
        out[0] = max(max(streams + first, apart) + tail, streamed)
        again = first if outer else 0.0
        out[1], out[2], out[3], out[5], out[7] = streamed, tail, again, apart, first
