"""Where bursts of a row-stationary array begin: every kind of beginning, without a walk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from accsim.mapping.dataflow import DIMENSIONS
from accsim.mapping.nest import Nest, Piece
from accsim.simulate.filter_loads import Block, last_step

Sizes = Mapping[str, Piece]


def burst_starts(nest: Nest, ramp_at: int) -> Iterator[tuple[Block | None, Sizes, int, int]]:
    """The first step of every burst.

    Args:
        nest: the loops.
        ramp_at: depth of the loop that begins a burst.

    Yields:
        The step before, the pieces of the step, the loop that advanced (-1 for the first step), and how many there are.
    """
    whole = {dim: nest.piece(dim, 0, nest.bound(dim)) for dim in DIMENSIONS}
    yield None, _first(nest, 0, whole), -1, 1
    yield from _inside(nest, ramp_at, 0, whole, 1)


def _first(nest: Nest, depth: int, whole: Sizes) -> Sizes:
    """The first step of the loops from ``depth`` on."""
    chosen = dict(whole)
    for loop in nest.loops[depth:]:
        chosen[loop.dim] = nest.split(loop.dim, chosen[loop.dim], loop.step)[0][0]
    return chosen


def _inside(nest: Nest, ramp_at: int, depth: int, whole: Sizes, times: int) -> Iterator[tuple[Block, Sizes, int, int]]:
    """Those inside one iteration of the first ``depth`` loops, which have chosen ``whole``."""
    if depth == ramp_at:
        return
    loop, inner = nest.loops[depth], nest.loops[depth + 1 :]
    runs = nest.split(loop.dim, whole[loop.dim], loop.step)
    before = last_step(inner, {**{dim: piece.size for dim, piece in whole.items()}, loop.dim: loop.step})
    for number, (piece, many) in enumerate(runs):
        chosen = {**whole, loop.dim: piece}
        yield from _inside(nest, ramp_at, depth + 1, chosen, times * many)
        advances = many - (number == 0)
        if advances:
            yield before, _first(nest, depth + 1, chosen), depth, times * advances
