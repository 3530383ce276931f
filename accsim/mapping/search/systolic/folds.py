"""Compiled: how the tiles of a layer fall into folds of the array, as sums that factor over the axes.

Tiles are a product over dimensions and every dimension lies on one axis, so a sum over all folds of all tiles is a
product of sums over the axes: of the rows used by a fold, of their squares, of the stream's steps. Axes are rows, cols,
the stream, and what is left over for temporal folds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accsim.kernels.jit import part

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ROWS, COLS, STREAM, LEFT = 0, 1, 2, 3
COUNT, USED, SQUARES, LEAVE, TAIL = 0, 1, 2, 3, 4
"""Per axis: folds, used PEs (or steps), their squares, edges to leave along it; and of one fold the least edges from
its first PE's turn to the edge along it (of the stream: the shortest).

Rows ``ALL`` of the sums are over all folds of all tiles, ``FIRST`` over the first fold of every tile.
"""
ALL, FIRST = 0, 1
SIZE, PIECES, EXTENTS, EXTENT, FILLED = 0, 1, 2, 3, 4
"""Columns of ``Cuts.options``."""


class Cuts(NamedTuple):
    """How dimensions N, G, M, C, P, Q may be cut.

    Attributes:
        bounds: lengths, M and C per group; R and S follow.
        axis: the axis of each of the eight.
        start, number: where the options of a dimension stand, and how many it has.
        options: [option, SIZE..FILLED].
        whole: input rows and columns of the uncut P and Q.
        least: the fewest that all pieces of P and Q need together.
        order: the dimensions; the last varies fastest.
        inner: combinations of the options of the last few, of the last few but one, ...: these dimensions only add
            loads when they are cut.
        mac: cycles that a PE takes for a MAC.
    """

    bounds: Ints
    axis: Ints
    start: Ints
    number: Ints
    options: Ints
    whole: Ints
    least: Ints
    order: Ints
    inner: Ints
    mac: int


class Machine(NamedTuple):
    """A dataflow on an array.

    Attributes:
        pes: rows and columns.
        folds: the fold loops, outermost first: a dimension, or -1 for rows and -2 for columns.
        indexes: whether each of them indexes the stationary operand.
        depends: [operand, axis]: whether the operand differs along the axis; ifmap, weight, psum.
        delivery: of ifmap and weight: ``HOP`` ...
        reduction: ``CHAIN`` ...
        stationary: the operand that stays.
        reduces: whether sums are added along rows, columns.
        skew: edges from a row to the next, from a column to the next.
        leave: [axis, used PEs]: edges to the array's edge.
        taps, shift, overlaps: whether outputs leave at the last used row, drain by shifting, loads overlap streams.
    """

    pes: Ints
    folds: Ints
    indexes: Ints
    depends: Ints
    delivery: Ints
    reduction: int
    stationary: int
    reduces: Ints
    skew: Ints
    leave: Ints
    taps: int
    shift: int
    overlaps: int


HOP, MULTICAST, UNICAST, PRELOAD = 0, 1, 2, 3
CHAIN, TREE, IN_PE = 0, 1, 2
IFMAP, WEIGHT, PSUM = 0, 1, 2


@part
def _pieces(cuts: Cuts, at: Ints, axis: int, first_only: int, room: Ints) -> int:
    """Lengths and numbers of pieces of the dimensions cut on an axis, in ``room`` [kind, dimension].

    Kinds: length of all but the last piece, of the last, how many of the former, whether only the first counts. The
    last column holds how many dimensions are cut and the product of the others.
    """
    fixed, several = 1, 0
    for dim in range(8):
        if cuts.axis[dim] != axis:
            continue
        if dim >= 6 or cuts.options[at[dim], PIECES] == 1:
            fixed *= cuts.bounds[dim]
            continue
        size, pieces = cuts.options[at[dim], SIZE], cuts.options[at[dim], PIECES]
        room[0, several], room[1, several] = size, cuts.bounds[dim] - size * (pieces - 1)
        room[2, several], room[3, several] = pieces - 1, first_only >> dim & 1
        several += 1
    room[0, 6] = fixed
    return several


@part
def _class(room: Ints, several: int, chosen: int) -> int:
    """Number of tiles of a class, whose length goes to ``room[1, 6]``; bits of ``chosen`` pick last pieces."""
    length, times = room[0, 6], 1
    for i in range(several):
        last = chosen >> i & 1
        length *= room[last, i]
        if room[3, i]:
            times *= 0 if last else 1
        else:
            times *= 1 if last else room[2, i]
    room[1, 6] = length
    return times


@part
def add_stream(cuts: Cuts, at: Ints, first_only: int, sums: Floats) -> None:
    """Sums of the stream: [COUNT, USED, .., TAIL], the last being the shortest stream."""
    tiles = steps = least = 1.0
    for dim in range(8):
        if cuts.axis[dim] != STREAM:
            continue
        size = cuts.bounds[dim]
        rest = length = size
        if dim < 6:
            size, pieces = cuts.options[at[dim], SIZE], cuts.options[at[dim], PIECES]
            rest = length - size * (pieces - 1)
            if first_only >> dim & 1:
                length = size
            else:
                tiles *= pieces
        steps *= length
        least *= rest
    sums[COUNT], sums[USED], sums[TAIL] = tiles, steps, least


@part
def add_axis(cuts: Cuts, machine: Machine, at: Ints, axis: int, first_only: int, room: Ints, sums: Floats) -> None:
    """Sums of the rows or the columns.

    Args:
        at: option of each dimension.
        first_only: mask of dimensions of which only the first piece counts.
        room: for ``_pieces``.
        sums: receives [ALL | FIRST, COUNT..TAIL].
    """
    for i in range(2):
        for j in range(5):
            sums[i, j] = 1e18 if j == TAIL else 0.0
    several, pes = _pieces(cuts, at, axis, first_only, room), machine.pes[axis]
    for chosen in range(1 << several):
        times = _class(room, several, chosen)
        if times == 0:
            continue
        length = room[1, 6]
        full = length // pes
        rest = length - full * pes
        _add(machine, axis, pes, times * full, sums[ALL])
        _add(machine, axis, rest, times if rest else 0, sums[ALL])
        _add(machine, axis, min(length, pes), times, sums[FIRST])


@part
def _add(machine: Machine, axis: int, used: int, times: int, sums: Floats) -> None:
    if times == 0:
        return
    sums[COUNT] += times
    sums[USED] += times * used
    sums[SQUARES] += times * float(used) * used
    sums[LEAVE] += times * machine.leave[axis, used]
    sums[TAIL] = min(sums[TAIL], (used - 1) * machine.skew[axis] + machine.leave[axis, used])


@part
def add_raised(cuts: Cuts, machine: Machine, at: Ints, first_only: int, floor: float, room: Ints, out: Floats) -> None:
    """Sums over folds of the used rows, raised to ``floor``: of all folds, and of the first fold of every tile."""
    out[ALL] = out[FIRST] = 0.0
    several, pes = _pieces(cuts, at, ROWS, first_only, room), machine.pes[ROWS]
    for chosen in range(1 << several):
        times = _class(room, several, chosen)
        length = room[1, 6]
        full = length // pes
        rest = length - full * pes
        out[ALL] += times * (full * max(floor, float(pes)) + (max(floor, float(rest)) if rest else 0.0))
        out[FIRST] += times * max(floor, float(min(length, pes)))


@part
def changes(cuts: Cuts, machine: Machine, at: Ints) -> int:
    """Number of fold loops up to the innermost one that changes the stationary operand, in the largest tile."""
    rows = cols = 1
    for dim in range(8):
        axis, size = cuts.axis[dim], cuts.bounds[dim] if dim >= 6 else cuts.options[at[dim], SIZE]
        if axis == ROWS:
            rows *= size
        elif axis == COLS:
            cols *= size
    found = 0
    for i in range(len(machine.folds)):
        loop = machine.folds[i]
        if loop < 0:
            trips = -(-rows // machine.pes[ROWS]) if loop == -1 else -(-cols // machine.pes[COLS])
        else:
            trips = cuts.bounds[loop] if loop >= 6 else cuts.options[at[loop], SIZE]
        if trips > 1 and machine.indexes[i]:
            found = i + 1
    return found


@part
def left_over(cuts: Cuts, machine: Machine, at: Ints, outer: int, first_only: int, out: Floats) -> None:
    """Trips of the left-over fold loops over all tiles: all of them, and those of the first ``outer`` loops alone.

    ``out`` receives the two, and the least trips of the loops inside the first ``outer``.
    """
    out[0] = out[1] = out[2] = 1.0
    for i in range(len(machine.folds)):
        dim = machine.folds[i]
        if dim < 0:
            continue
        out[0] *= cuts.bounds[dim]
        if i < outer:
            out[1] *= cuts.bounds[dim]
        elif dim < 6:
            size, pieces = cuts.options[at[dim], SIZE], cuts.options[at[dim], PIECES]
            out[1] *= 1 if first_only >> dim & 1 else pieces
            out[2] *= cuts.bounds[dim] - size * (pieces - 1)
        else:
            out[2] *= cuts.bounds[dim]
