"""Compiled: the best candidates so far, in a heap with the worst on top."""

from __future__ import annotations

from typing import NamedTuple

from accsim.kernels.jit import part
from accsim.mapping.search.systolic.folds import Floats, Ints


class Heap(NamedTuple):
    """The best candidates so far, the worst on top.

    Attributes:
        bound: [place, objective | second figure].
        at: [place, place of the tile sizes | row of the hold].
        state: candidates kept, candidates scored, tile sizes of which some hold was scored.
    """

    bound: Floats
    at: Ints
    state: Ints


KEPT, SCORED, TILED = 0, 1, 2


@part
def _worse(heap: Heap, i: int, j: int) -> bool:
    """Whether candidate i comes after j."""
    for k in range(2):
        if heap.bound[i, k] != heap.bound[j, k]:
            return bool(heap.bound[i, k] > heap.bound[j, k])
    for k in range(2):
        if heap.at[i, k] != heap.at[j, k]:
            return bool(heap.at[i, k] > heap.at[j, k])
    return False


@part
def _swap(heap: Heap, i: int, j: int) -> None:
    for k in range(2):
        bound, at = heap.bound[i, k], heap.at[i, k]
        heap.bound[i, k], heap.at[i, k] = heap.bound[j, k], heap.at[j, k]
        heap.bound[j, k], heap.at[j, k] = bound, at


@part
def push(heap: Heap, bound: float, second: float, tiles: int, row: int) -> None:
    """Keep a candidate, if it is better than the worst kept or there is room."""
    kept, most = heap.state[KEPT], len(heap.bound)
    if kept == most:
        if bound > heap.bound[0, 0] or (bound == heap.bound[0, 0] and second >= heap.bound[0, 1]):
            return
        i = 0
    else:
        i = kept
        heap.state[KEPT] = kept + 1
    heap.bound[i, 0], heap.bound[i, 1] = bound, second
    heap.at[i, 0], heap.at[i, 1] = tiles, row
    while i > 0 and _worse(heap, i, (i - 1) // 2):
        _swap(heap, i, (i - 1) // 2)
        i = (i - 1) // 2
    while True:
        child = 2 * i + 1
        if child >= heap.state[KEPT]:
            return
        if child + 1 < heap.state[KEPT] and _worse(heap, child + 1, child):
            child += 1
        if not _worse(heap, child, i):
            return
        _swap(heap, child, i)
        i = child
