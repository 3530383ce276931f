"""Words moved by one tiling and what they cost, in closed form, compiled.

Dimensions are numbered as in ``dataflow.DIMENSIONS`` (N M C P Q R S), operands 0 weight, 1 ifmap, 2 psum. A tiling is
one row of sizes per dimension, with these columns::

    TILE, PASS      length in a tile of the buffer and in a pass
    UNROLLED, PE    PEs the dimension is spread over, length in one PE
    TILES, PASSES   how many tiles and passes there are in all
    SHARES0/1/2     runs dealt to PEs: in the first pass, in the first pass of every tile, in every pass

The counts of a level are products over the dimensions: one that indexes an operand contributes its whole length (with
halos, for the ifmap's windows), one that does not contributes how often its loop makes the operand be moved again. A
level of one tile loads at the start, and whenever the innermost loop that indexes the operand, or one around it, moves
on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from accsim.kernels.jit import kernel

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

N, M, C, P, Q, R, S = range(7)
TILE, PASS, UNROLLED, PE, TILES, PASSES, SHARES0, SHARES1, SHARES2 = range(9)
WEIGHT, IFMAP, PSUM = range(3)
ALU, DRAM, BUFFER, ARRAY, RF = range(5)
"""Rows of the energy by level."""

FROM_DRAM, FROM_BUFFER, TO_PES, IN_RF = range(4)
"""Columns of the words of an input operand; a psum's are those written to DRAM, psums that left the array, psums that
left a PE, and sums made in a register file."""

_INDEXES = np.array(
    [[0, 1, 1, 0, 0, 1, 1], [1, 0, 1, 1, 1, 1, 1], [1, 1, 0, 1, 1, 0, 0]],
    dtype=np.int64,
)


@kernel
def distinct(outputs: int, taps: int, step: Any) -> Any:
    """Different input rows under ``outputs`` windows of ``taps`` rows; ``step``: stride and dilation over their gcd."""
    return outputs * taps - max(0, taps - step[0]) * max(0, outputs - step[1])


@kernel
def tile_words(operand: int, rows: Ints, size: int, steps: Ints) -> Any:
    """Words of an operand under loops of the lengths in column ``size``."""
    if operand == WEIGHT:
        return rows[M, size] * rows[C, size] * rows[R, size] * rows[S, size]
    if operand == PSUM:
        return rows[N, size] * rows[M, size] * rows[P, size] * rows[Q, size]
    high = distinct(rows[P, size], rows[R, size], steps[0])
    return rows[N, size] * rows[C, size] * high * distinct(rows[Q, size], rows[S, size], steps[1])


@kernel
def _carries(operand: int, dim: int, rows: Ints, steps: Ints) -> Any:
    """Whether the loop over ``dim`` in a PE meets words of the operand again."""
    if operand == IFMAP:
        if dim in (P, R):
            return distinct(rows[P, PE], rows[R, PE], steps[0]) < rows[P, PE] * rows[R, PE]
        if dim in (Q, S):
            return distinct(rows[Q, PE], rows[S, PE], steps[1]) < rows[Q, PE] * rows[S, PE]
    return _INDEXES[operand, dim] == 0


@kernel
def _sliding(outputs: int, taps: int, all_outputs: int, all_taps: int, step: Any) -> Any:
    """Input rows a PE holds along one axis under inner loops of ``outputs`` and ``taps``.

    Where one of the two loops lies outside, the other's rows slide over the input, and the rows between them are those
    of earlier or later turns.
    """
    whole = distinct(all_outputs, all_taps, step)
    if whole == all_outputs * all_taps:
        return distinct(outputs, taps, step)
    if outputs == 1 and all_outputs > 1:
        return min(whole, (taps - 1) * step[1] + 1)
    if taps == 1 and all_taps > 1:
        return min(whole, (outputs - 1) * step[0] + 1)
    return distinct(outputs, taps, step)


@kernel
def register_words(rows: Ints, pe: Ints, steps: Ints, inner: Ints, need: Ints) -> Any:
    """Words a PE must hold of each operand to use them again: those under the outermost loop that meets them again.

    ``inner`` is [7, 1] room to work in. Returns the sum of ``need``.
    """
    total = 0
    for operand in range(3):
        at = -1
        for k in range(len(pe)):
            if rows[pe[k], PE] > 1 and _carries(operand, pe[k], rows, steps):
                at = k
                break
        need[operand] = 0
        if at >= 0:
            for dim in range(7):
                inner[dim, 0] = 1
            for k in range(at + 1, len(pe)):
                inner[pe[k], 0] = rows[pe[k], PE]
            if operand == IFMAP:
                high = _sliding(inner[P, 0], inner[R, 0], rows[P, PE], rows[R, PE], steps[0])
                wide = _sliding(inner[Q, 0], inner[S, 0], rows[Q, PE], rows[S, PE], steps[1])
                need[operand] = inner[N, 0] * inner[C, 0] * high * wide
            else:
                need[operand] = tile_words(operand, inner, 0, steps)
        total += need[operand]
    return total


@kernel
def waiting_words(rows: Ints, forward: Ints, strides: Ints, bound: Ints) -> Any:
    """Words that wait in a PE on their way between neighbours: U along Q, U*S along P."""
    words = 0
    if forward[0] and rows[P, UNROLLED] > 1:
        words += strides[0] * bound[S]
    if forward[1] and rows[Q, UNROLLED] > 1:
        words += strides[1]
    return words


@kernel
def _tile_loads(operand: int, rows: Ints, tiles: Ints) -> Any:
    """How often each word is loaded into the buffer."""
    last, times = -1, 1
    for k in range(len(tiles)):
        if _INDEXES[operand, tiles[k]] and rows[tiles[k], TILES] > 1:
            last = k
    for k in range(last):
        if not _INDEXES[operand, tiles[k]]:
            times *= rows[tiles[k], TILES]
    return times


@kernel
def _pass_loads(operand: int, rows: Ints, tiles: Ints, passes: Ints, kept: bool, added: Ints, times: Ints) -> None:
    """How often each word is moved to the array (times[0]) and to PEs (times[1]); PEs that keep a word need it once.

    Parts of a sum over a dimension that is not ``added`` on the array leave it one by one.
    """
    last = len(tiles) + len(passes)
    if kept:
        last = -1
        for k in range(len(tiles)):
            if _INDEXES[operand, tiles[k]] and rows[tiles[k], TILES] > 1:
                last = k
        for k in range(len(passes)):
            if _INDEXES[operand, passes[k]] and rows[passes[k], TILE] > rows[passes[k], PASS]:
                last = len(tiles) + k
    times[0] = times[1] = 1
    for dim in range(7):
        if _INDEXES[operand, dim]:
            continue
        again = 0
        for k in range(len(tiles)):
            if tiles[k] == dim and k < last:
                again = 1
        for k in range(len(passes)):
            if passes[k] == dim and len(tiles) + k < last:
                again = 2
        if not kept:
            again = 2
        shares = rows[dim, SHARES0 + again]
        times[1] *= shares
        if operand == PSUM and not added[dim]:
            times[0] *= shares
        elif again == 1:
            times[0] *= rows[dim, TILES]
        elif again == 2:
            times[0] *= rows[dim, PASSES]


@kernel
def measure(
    rows: Ints,
    windows: Ints,
    bound: Ints,
    flow: Any,
    strides: Ints,
    steps: Ints,
    room: Any,
    words: Ints,
) -> Any:
    """Words moved by a tiling.

    Args:
        rows: [7, 9] the tiling.
        windows: [2, 3] input rows and columns under all tiles, all passes and all PEs' shares, each counted apart.
        bound: [7] loop bounds.
        flow: (tiles, passes, pe, held, direct, forward, added), dimension numbers and flags.
        strides, steps: [2] and [2, 2] of the window.
        room: [7, 1] and [2] to work in.
        words: [5, 4] filled in: what each operand moves (rows 0 to 2), then words the buffer (3) and a PE (4) hold of
            weight, ifmap and psum, and pixels waiting between neighbours.

    Returns:
        Whether sums can wait where the dataflow lets them.
    """
    tiles, passes, pe, held, direct, forward, added = flow
    need, times = words[4], room[1]
    register_words(rows, pe, steps, room[0], need)
    need[3] = waiting_words(rows, forward, strides, bound)
    macs = 1
    for dim in range(7):
        macs *= bound[dim]
    words[3] = 0
    for operand in range(2):
        kept = need[operand] > 0 and need[operand] == tile_words(operand, rows, PE, steps)
        _pass_loads(operand, rows, tiles, passes, kept, added, times)
        if operand == WEIGHT:
            once = bound[M] * bound[C] * bound[R] * bound[S]
            words[operand] = once
        else:
            once = bound[N] * bound[C]
            for level in range(3):
                words[operand, level] = once * windows[0, level] * windows[1, level]
        words[operand, FROM_DRAM] *= _tile_loads(operand, rows, tiles)
        words[operand, FROM_BUFFER] *= times[0]
        words[operand, TO_PES] *= times[1]
        words[operand, IN_RF] = macs if need[operand] else 0
        if direct[operand]:
            words[operand, FROM_BUFFER] = words[operand, TO_PES]
            words[operand, TO_PES] = 0
        if not held[operand] or words[operand, FROM_BUFFER] <= words[operand, FROM_DRAM]:
            words[operand, FROM_DRAM] = words[operand, FROM_BUFFER]
            words[operand, FROM_BUFFER] = 0
        else:
            words[3, operand] = tile_words(operand, rows, TILE, steps)
    outputs = bound[N] * bound[M] * bound[P] * bound[Q]
    kept = need[PSUM] > 0 and need[PSUM] == tile_words(PSUM, rows, PE, steps)
    _pass_loads(PSUM, rows, tiles, passes, kept, added, times)
    words[PSUM, FROM_DRAM] = outputs
    words[PSUM, FROM_BUFFER] = outputs * times[0]
    words[PSUM, TO_PES] = outputs * times[1]
    words[PSUM, IN_RF] = macs
    if held[PSUM]:
        words[3, PSUM] = _waiting_sums(rows, tiles, bound)
        return True
    return words[PSUM, FROM_BUFFER] == outputs


@kernel
def _waiting_sums(rows: Ints, tiles: Ints, bound: Ints) -> Any:
    """Psums the buffer holds: those of a tile, and of all tiles between one part of a sum and the next."""
    first, words = len(tiles), 1
    for k in range(len(tiles) - 1, -1, -1):
        if not _INDEXES[PSUM, tiles[k]] and rows[tiles[k], TILES] > 1:
            first = k
    for dim in range(7):
        if _INDEXES[PSUM, dim]:
            length = rows[dim, TILE]
            for k in range(first + 1, len(tiles)):
                if tiles[k] == dim:
                    length = bound[dim]
            words *= length
    return words


@kernel
def charge(words: Ints, costs: Any, energy: Floats) -> Any:
    """Energy by level of one group (equations 3 and 4); ``costs`` are of a MAC, RF, array, buffer and DRAM access."""
    mac, rf, array, buffer, dram = costs
    macs, outputs, left_array, left_pe = words[PSUM, IN_RF], words[PSUM, 0], words[PSUM, 1], words[PSUM, 2]
    energy[ALU] = mac * macs
    energy[DRAM] = dram * (words[WEIGHT, FROM_DRAM] + words[IFMAP, FROM_DRAM] + outputs)
    energy[BUFFER] = buffer * (words[WEIGHT, FROM_BUFFER] + words[IFMAP, FROM_BUFFER] + 2 * (left_array - outputs))
    energy[ARRAY] = array * (words[WEIGHT, TO_PES] + words[IFMAP, TO_PES] + (left_pe - left_array))
    energy[RF] = rf * (words[WEIGHT, IN_RF] + words[IFMAP, IN_RF] + 2 * (macs - left_pe))
    return energy[ALU] + energy[DRAM] + energy[BUFFER] + energy[ARRAY] + energy[RF]


@kernel
def handed_on(words: Ints, costs: Any) -> Any:
    """Energy of what the buffer hands to the array: the one part that may be less in a smaller tile."""
    return costs[3] * (words[WEIGHT, FROM_BUFFER] + words[IFMAP, FROM_BUFFER])
