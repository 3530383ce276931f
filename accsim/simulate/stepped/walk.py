"""Walking a loop nest step by step, in order: nothing is collapsed."""

from __future__ import annotations

from collections.abc import Iterator

from accsim.mapping.dataflow import DIMENSIONS
from accsim.mapping.nest import Nest, Piece
from accsim.simulate.stepped.machine import Step


def walk(nest: Nest, load_at: int, ramp_at: int) -> Iterator[Step]:
    """Every step of ``nest``.

    Args:
        nest: the loops.
        load_at: depth of the loop that brings a new stationary operand.
        ramp_at: depth of the loop that starts a new burst.
    """
    whole = {dim: nest.piece(dim, 0, nest.bound(dim)) for dim in DIMENSIONS}
    for index, (sizes, carried) in enumerate(_walk(nest, 0, whole, -1)):
        yield Step(index, sizes, carried, carried < load_at, carried < ramp_at)


def _walk(nest: Nest, depth: int, sizes: dict[str, Piece], carried: int) -> Iterator[tuple[dict[str, Piece], int]]:
    if depth == len(nest.loops):
        yield sizes, carried
        return
    loop, whole = nest.loops[depth], sizes[nest.loops[depth].dim]
    for start in range(whole.start, whole.start + whole.size, loop.step):
        size = min(loop.step, whole.start + whole.size - start)
        yield from _walk(nest, depth + 1, {**sizes, loop.dim: nest.piece(loop.dim, start, size)}, carried)
        carried = depth
