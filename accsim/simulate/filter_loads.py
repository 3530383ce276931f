"""Which filters a row-stationary array loads after which pass: every pair of neighbouring steps, without a walk.

A step brings filters when a loop advances that selects them. The step before it is known exactly: the loop that
advanced was at a whole piece, the loops inside it were at their last pieces, and those outside it where they are now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from accsim.mapping.nest import Loop, Nest, Piece


class Block(NamedTuple):
    """What the time of a step's filters depends on: ifmaps, filters, channels and output columns."""

    n: int
    filters: int
    channels: int
    cols: int


Lengths = dict[str, int]
"""Length of the piece of every dimension."""


def pairs(nest: Nest, load_at: int) -> Iterator[tuple[Block | None, Block, int]]:
    """The steps that bring filters: the step before, the step, and how many such pairs there are.

    Args:
        nest: the loops.
        load_at: depth of the loop that brings filters.
    """
    whole = {dim: nest.bound(dim) for dim in "NGMCPQ"}
    yield None, _first(nest.loops, whole), 1
    yield from _pairs(nest.loops[:load_at], nest.loops, whole, 1)


def before(nest: Nest, trail: Sequence[Mapping[str, Piece]], carried: int) -> Block | None:
    """The step before the one that ``trail`` leads to; ``carried`` is the loop that advanced, -1 for the first step."""
    if carried < 0:
        return None
    lengths = {dim: piece.size for dim, piece in trail[0].items()}
    for depth, loop in enumerate(nest.loops[:carried]):
        lengths[loop.dim] = trail[depth + 1][loop.dim].size
    return last_step(nest.loops[carried + 1 :], {**lengths, nest.loops[carried].dim: nest.loops[carried].step})


def _pairs(
    outer: Sequence[Loop], loops: Sequence[Loop], whole: Lengths, times: int
) -> Iterator[tuple[Block | None, Block, int]]:
    """Pairs inside one iteration of the loops around ``loops``; only ``outer`` of these bring filters."""
    if not outer:
        return
    dim, step = loops[0].dim, loops[0].step
    full, rest = divmod(whole[dim], step)
    for length, many in ((step, full), (rest, 1)):
        if length and many:
            yield from _pairs(outer[1:], loops[1:], {**whole, dim: length}, times * many)
    for length, many in ((step, full - 1), (rest, 1 if full else 0)):
        if length and many > 0:
            after = _first(loops[1:], {**whole, dim: length})
            yield last_step(loops[1:], {**whole, dim: step}), after, times * many


def _first(loops: Sequence[Loop], whole: Lengths) -> Block:
    """The first step of the loops."""
    lengths = dict(whole)
    for loop in loops:
        lengths[loop.dim] = min(lengths[loop.dim], loop.step)
    return _block(lengths)


def last_step(loops: Sequence[Loop], whole: Lengths) -> Block:
    """The last step of the loops, which cut pieces of these lengths."""
    lengths = dict(whole)
    for loop in loops:
        lengths[loop.dim] = lengths[loop.dim] % loop.step or min(lengths[loop.dim], loop.step)
    return _block(lengths)


def _block(lengths: Lengths) -> Block:
    return Block(lengths["N"], lengths["M"], lengths["C"], lengths["Q"])
