"""Scoring a space piece by piece, with a look at the clock after each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from accsim.mapping.mapping import SystolicMapping
from accsim.mapping.search.best_first import Chunk, Limit
from accsim.mapping.search.patience import Patience, Stopped
from accsim.mapping.search.systolic import figures
from accsim.mapping.search.systolic.folds import Ints
from accsim.mapping.search.systolic.heap import KEPT as KEPT_SO_FAR
from accsim.mapping.search.systolic.heap import SCORED
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
        limit, more = self.limit.value, 2 if self.space.objective in (figures.LATENCY, figures.EDP) else 1
        heap, likely = self.space.heap(self.kept), self.space.heap(more * self.kept if self.space.timed else 0)
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

    def candidate(self, index: int) -> SystolicMapping:
        """The mapping of a row of the chunk."""
        tiles, row = self._at[index]
        return self.space.mapping(int(tiles), int(row))
