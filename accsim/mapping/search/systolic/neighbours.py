"""Local improvement: what is like a mapping but for one tile size, two loops or one depth, by exact costs.

Bounds of cycles are not exact, so of the mappings with the least bounds none need be the best. A few steps from
neighbour to neighbour find what bounds cannot tell apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from accsim.mapping.mapping import SystolicMapping
from accsim.mapping.nest import Loop
from accsim.mapping.search.best_first import TOLERANCE, Cost
from accsim.mapping.search.systolic.folds import Floats
from accsim.workload.layer import Operand


def improved(
    start: SystolicMapping,
    sizes: Mapping[str, tuple[int, ...]],
    bounds: Callable[[Sequence[SystolicMapping]], Floats],
    cost: Callable[[SystolicMapping], Cost | None],
    over: Callable[[], bool],
    tries: int | None = None,
) -> SystolicMapping:
    """A mapping at least as good as ``start``, none of whose neighbours is better unless the search is over.

    Neighbours that can be better by their bounds are evaluated in the order of the guesses; the first that is better is
    gone to.

    Args:
        sizes: tile sizes worth trying of each dimension, the largest first, which is the dimension itself.
        bounds: [mapping, bound of the objective | of the second figure | guess at the objective].
        cost: the exact cost; ``None`` if a mapping is not legal.
        over: whether to stop.
        tries: neighbours of a mapping that are evaluated in vain before it is taken to be the lowest; ``None`` for all.
    """
    best, least = start, cost(start)
    moved = least is not None
    while moved and least is not None:
        moved = False
        others = list(dict.fromkeys(neighbours(best, sizes)))
        if not others:
            return best
        rows = bounds(others)
        order = np.lexsort((rows[:, 1], rows[:, 0], rows[:, 2])).tolist()
        for i in islice((i for i in order if _may_be_better(rows[i], least)), tries):
            if over():
                return best
            spent = cost(others[i])
            if spent is not None and spent < least:
                best, least, moved = others[i], spent, True
                break
    return best


def _may_be_better(row: Floats, least: Cost) -> bool:
    """Whether a mapping with these bounds can cost less, or as much with a lower second figure."""
    if row[0] < least[0] * (1 - TOLERANCE):
        return True
    return bool(row[0] <= least[0] and row[1] < least[1] * (1 - TOLERANCE))


def neighbours(mapping: SystolicMapping, sizes: Mapping[str, tuple[int, ...]]) -> Iterator[SystolicMapping]:
    """Mappings with another depth of one operand in one level; a tile size that is next to one among ``sizes``, or
    about half or twice of it; two adjacent loops swapped; or a tile size that is one more or less.

    No loop of one trip comes in, and groups stay outermost.
    """
    for i, (level, operand, held) in enumerate(mapping.hold):
        for depth in range(len(mapping.loops) + 1):
            other = replace(mapping, hold=(*mapping.hold[:i], (level, operand, depth), *mapping.hold[i + 1 :]))
            if depth != held and _ordered(other):
                yield other
    for dim in sizes:
        yield from _resized(mapping, dim, sizes[dim])
    for i, (outer, inner) in enumerate(zip(mapping.loops, mapping.loops[1:], strict=False)):
        if outer.dim != "G":
            yield replace(mapping, loops=(*mapping.loops[:i], inner, outer, *mapping.loops[i + 2 :]))
    for loop in (one for one in mapping.loops if one.dim in sizes):
        for size in (loop.step - 1, loop.step + 1):
            if size > 0:
                yield from _with_size(mapping, loop.dim, size, sizes[loop.dim][0])


def _resized(mapping: SystolicMapping, dim: str, sizes: tuple[int, ...]) -> Iterator[SystolicMapping]:
    """The mapping with the next, about half and about twice the tile size of a dimension."""
    size = next((loop.step for loop in mapping.loops if loop.dim == dim), sizes[0])
    at = next((i for i, one in enumerate(sizes) if one <= size), len(sizes) - 1)
    halved = next((i for i, one in enumerate(sizes) if 2 * one <= size), at)
    doubled = next((i for i, one in enumerate(sizes) if one <= 2 * size), at)
    near = [sizes[place] for place in (at - 1, at + 1, halved, doubled) if 0 <= place < len(sizes)]
    for other in dict.fromkeys(near):
        if other != size:
            yield from _with_size(mapping, dim, other, sizes[0])


def _with_size(mapping: SystolicMapping, dim: str, size: int, bound: int) -> Iterator[SystolicMapping]:
    """The mapping with one other tile size of a dimension; a new loop comes in outermost or innermost."""
    loops, cut = mapping.loops, [i for i, loop in enumerate(mapping.loops) if loop.dim == dim]
    step = Loop(dim, size)
    if not cut:
        outermost = int(dim != "G" and any(loop.dim == "G" for loop in loops))
        for where in dict.fromkeys((outermost, len(loops) if dim != "G" else 0)):
            yield _cut(mapping, step, where)
    elif size < bound:
        yield replace(mapping, loops=(*loops[: cut[0]], step, *loops[cut[0] + 1 :]))
    else:
        hold = tuple((level, operand, depth - (depth > cut[0])) for level, operand, depth in mapping.hold)
        yield replace(mapping, loops=(*loops[: cut[0]], *loops[cut[0] + 1 :]), hold=hold)


def _cut(mapping: SystolicMapping, step: Loop, at: int) -> SystolicMapping:
    """The mapping with one more loop; the tiles of the innermost loop are those of the new innermost one."""
    loops = mapping.loops
    hold = tuple(
        (level, operand, depth + (depth > at or depth == len(loops))) for level, operand, depth in mapping.hold
    )
    return replace(mapping, loops=(*loops[:at], step, *loops[at:]), hold=hold)


def _ordered(mapping: SystolicMapping) -> bool:
    """Whether no inner level holds a larger tile of an operand than the level outside it."""
    depths: dict[Operand, int] = {}
    for _, operand, depth in mapping.hold:
        if depth < depths.get(operand, 0):
            return False
        depths[operand] = depth
    return True
