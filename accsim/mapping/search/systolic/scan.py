"""Scoring a space piece by piece, with a look at the clock after each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from accsim.mapping.mapping import SystolicMapping
from accsim.mapping.search.best_first import Chunk, Limit
from accsim.mapping.search.patience import Patience, Stopped
from accsim.mapping.search.systolic import score
from accsim.mapping.search.systolic.folds import Ints
from accsim.mapping.search.systolic.heap import KEPT as KEPT_SO_FAR
from accsim.mapping.search.systolic.heap import SCORED, Heap
from accsim.mapping.search.systolic.space import Space, in_order

BLOCK = 1 << 15
"""Combinations of tile sizes scored between two looks at the clock."""


class Scan:
    """Scores a space block by block; the best candidates are handed over together.

    Attributes:
        left: the least bound that a candidate not handed over can have.
        ended: why tile sizes were left unscored, if some were.
    """

    def __init__(self, space: Space, kept: int, patience: Patience, limit: Limit) -> None:
        self.space, self.patience, self.limit, self.kept = space, patience, limit, kept
        self.left = np.inf
        self.ended: Stopped | None = None
        self._at: Ints = np.zeros((0, 2), np.int64)

    def chunks(self) -> Iterator[Chunk]:
        """One chunk: the candidates of the least bounds, then those that are likely to be best."""
        limit = min(self.limit.value, self._least_needed())
        heap, likely = self._heaps(self.space)
        for begin in range(0, self.space.tiles, BLOCK):
            if heap.state[KEPT_SO_FAR] and (ended := self.patience.over):
                self.ended = ended
                break
            self.space.score(begin, min(begin + BLOCK, self.space.tiles), limit, heap, likely)
        bounds, at = in_order(heap)
        if len(bounds) == self.kept:
            self.left = float(bounds[-1, 0])
        elif self.limit.value < np.inf:
            self.left = self.limit.value
        guesses, others = in_order(likely)
        new = [i for i, place in enumerate(others.tolist()) if place not in at.tolist()]
        self._at = np.concatenate([at, others[new]])
        yield Chunk(np.concatenate([bounds, guesses[new][:, ::-1]]), int(heap.state[SCORED]))

    def _heaps(self, space: Space) -> tuple[Heap, Heap]:
        more = 2 if space.objective in (score.LATENCY, score.EDP) else 1  # in energy, cycles are leakage alone
        return space.heap(self.kept), space.heap(more * self.kept if space.timed else 0)

    def _least_needed(self) -> float:
        """What as many candidates as are kept reach, found among a few tile sizes."""
        space = self.space.sample()
        heap, likely = self._heaps(space)
        if space.tiles < self.space.tiles:
            space.score(0, space.tiles, self.limit.value, heap, likely)
        both = np.concatenate([heap.bound[:, 0], likely.bound[:, 0]])
        return float(np.nextafter(both.max(), np.inf)) if np.isfinite(both).all() else np.inf

    def candidate(self, index: int) -> SystolicMapping:
        """The mapping of a row of the chunk."""
        tiles, row = self._at[index]
        return self.space.mapping(int(tiles), int(row))
