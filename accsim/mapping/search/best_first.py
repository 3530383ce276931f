"""Best-first search: exact costs in the order of lower bounds, until no bound left is better than the best cost.

Candidates have an index, and for each a *sound* bound: its exact cost is never below it. So once the least bound that
is left is no better than the best exact cost, no candidate left can be, and the best is proved optimal. The tighter the
bounds the fewer exact costs it takes: with exact ones, one.

Everything is decided by bounds, costs and indices, in this order, so the outcome depends on no clock unless a time
limit or an interruption ends the search; then the bounds say how far from the best the outcome can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from accsim.mapping.search.patience import Patience, Stopped

Candidate = TypeVar("Candidate")

Cost = tuple[float, float]
"""The objective, and a second figure that decides between equals."""

Bounds = npt.NDArray[np.float64]
"""Columns: a lower bound of the objective (infinite: not legal), and the order among equal bounds. One row each."""


class Chunk(NamedTuple):
    """Bounds of the candidates worth a row, and how many legal ones were scored to find them."""

    bounds: Bounds
    scored: int


TOLERANCE = 1e-9
"""Costs this close, as a share, are equal: bounds and costs are sums of the same terms in different orders."""

_NOISE_BITS = 20
"""Low bits of a bound that are only rounding, dropped so that equal candidates have equal bounds (2e-10 of it)."""

Watch = Callable[[int, int], None]
"""Called with the legal candidates scored so far, and those of them evaluated exactly."""


@dataclass(slots=True)
class Limit:
    """What a bound must be below for its candidate to be worth a row; it falls as better candidates are found."""

    value: float = float("inf")


@dataclass(frozen=True, slots=True)
class Found(Generic[Candidate]):
    """What a search found.

    Attributes:
        mapping: the best candidate evaluated; of equals, the one with the lower second figure, then the first.
        cost: its exact cost.
        scored: legal candidates whose bound was worked out.
        evaluated: candidates whose exact cost was.
        complete: whether every legal candidate of the space was scored and the space leaves none out.
        space: what the space holds, in words; with ``complete`` it holds everything.
        bound: the least objective that any candidate of the space can have; where what it leaves out is bounded
            too, any candidate at all.
        stopped: why the search ended.
    """

    mapping: Candidate
    cost: Cost
    scored: int
    evaluated: int
    complete: bool
    space: str
    bound: float
    stopped: Stopped

    @property
    def proved(self) -> bool:
        """Whether no candidate of a complete space is better, by more than ``TOLERANCE``."""
        return self.complete and self.stopped is Stopped.PROVED

    @property
    def gap(self) -> float:
        """How much lower than the best found the objective may be at most, as a share of it."""
        return max(0.0, 1 - self.bound / self.cost[0]) if self.cost[0] > 0 else 0.0


def best_first(
    chunks: Iterable[Bounds | Chunk],
    candidate: Callable[[int], Candidate],
    cost: Callable[[Candidate], Cost | None],
    *,
    first: Sequence[Candidate] = (),
    patience: Patience | None = None,
    most: int | None = None,
    complete: bool = True,
    cover: Callable[[], float] | None = None,
    tolerance: float = TOLERANCE,
    space: str = "",
    floor: float | Callable[[], float] = 0.0,
    limit: Limit | None = None,
    watch: Watch | None = None,
) -> Found[Candidate] | None:
    """The candidate of least cost; ``None`` if none is legal.

    Args:
        chunks: bounds of candidates 0, 1, 2, ..., in pieces that take well under a second each.
        candidate: the candidate of an index.
        cost: its exact cost; ``None`` if it is not legal after all.
        first: candidates evaluated before any other, such as published ones; of equal costs they win.
        patience: when to end early; at least one legal candidate is evaluated even then, if there is one.
        most: candidates evaluated at most; the search ends with a gap then.
        complete: whether the chunks hold every legal candidate there is.
        cover: a lower bound of what the chunks leave out, once they are scored.
        tolerance: costs this close, as a share, are equal.
        space: what they hold, in words.
        floor: a lower bound of the objective over those not in the chunks seen so far, for a search that ends early.
        limit: kept up to date, so that ``chunks`` can leave out rows that no longer matter.
        watch: told how far the search is.
    """
    search = _Search(candidate, cost, most, limit or Limit(), tolerance, watch)
    waits = patience or Patience()
    for known in first:
        search.evaluate(known, -1)
    ended = _score(search, chunks, waits)
    left, why = _evaluate(search, waits)
    if search.best is None:
        return None
    mapping, spent = search.best
    bound = min(spent[0], left)
    if ended is not None:
        bound = min(bound, floor() if callable(floor) else floor)
    if tolerance > TOLERANCE:
        bound = min(bound, search.limit.value)  # what was passed over may be that much better
    if cover is not None and not complete:
        bound = min(bound, cover())
    all_scored = complete and ended is None
    return Found(mapping, spent, search.scored, search.evaluated, all_scored, space, bound, ended or why)


def _score(search: _Search[Candidate], chunks: Iterable[Bounds | Chunk], patience: Patience) -> Stopped | None:
    """Take the bounds of all candidates; why some are left out, or ``None``."""
    ended: Stopped | None = None
    for chunk in chunks:
        if ended is not None:
            return ended
        search.add(chunk if isinstance(chunk, Chunk) else Chunk(chunk, int(np.count_nonzero(chunk[:, 0] < np.inf))))
        ended = patience.over if search.best is not None else None
    return None


def _evaluate(search: _Search[Candidate], patience: Patience) -> tuple[float, Stopped]:
    """Exact costs in the order of the bounds; the least bound not evaluated, and why that was the end."""
    indices, bounds = search.in_order()
    for index, bound in zip(indices.tolist(), bounds[:, 0].tolist(), strict=True):
        if not search.can_improve(bound):
            return bound, Stopped.PROVED
        if search.best is not None:
            why = patience.over
            if why is None and search.most is not None and search.evaluated >= search.most:
                why = Stopped.EVALUATIONS
            if why is not None:
                return bound, why
        search.evaluate_index(index)
    return np.inf, Stopped.PROVED


class _Search(Generic[Candidate]):
    """The best so far, and the candidates that may still be better."""

    def __init__(
        self,
        candidate: Callable[[int], Candidate],
        cost: Callable[[Candidate], Cost | None],
        most: int | None,
        limit: Limit,
        tolerance: float,
        watch: Watch | None,
    ) -> None:
        self.candidate, self.cost, self.most, self.limit, self.watch = candidate, cost, most, limit, watch
        self.tolerance = tolerance
        self.best: tuple[Candidate, Cost] | None = None
        self.scored = self.evaluated = 0
        self._index = -1
        self._seen = 0
        self._done: set[int] = set()
        self._kept: list[tuple[npt.NDArray[np.int64], Bounds]] = []

    def can_improve(self, bound: float) -> bool:
        """Whether a candidate with this bound may be better than the best."""
        return bound < self.limit.value

    def add(self, chunk: Chunk) -> None:
        """Take the bounds of the next candidates; the best of them is evaluated at once, so that fewer are kept."""
        bounds, scored = chunk
        self.scored += scored
        rows = np.flatnonzero(bounds[:, 0] < self.limit.value)
        if len(rows):
            kept = np.ascontiguousarray(bounds[rows])
            kept[:, 0] = _coarse(kept[:, 0])
            self._kept.append((rows + self._seen, kept))
            self.evaluate_index(int(rows[np.lexsort((kept[:, 1], kept[:, 0]))[0]]) + self._seen)
        self._seen += len(bounds)
        self._tell()

    def in_order(self) -> tuple[npt.NDArray[np.int64], Bounds]:
        """Candidates not evaluated that may be better than the best, by bound, second figure and index."""
        if not self._kept:
            return np.empty(0, dtype=np.int64), np.empty((0, 2))
        indices = np.concatenate([indices for indices, _ in self._kept])
        bounds = np.concatenate([bounds for _, bounds in self._kept])
        done = np.array(sorted(self._done), dtype=np.int64)
        rows = np.flatnonzero((bounds[:, 0] < self.limit.value) & ~np.isin(indices, done))
        indices, bounds = indices[rows], bounds[rows]
        order = np.lexsort((indices, bounds[:, 1], bounds[:, 0]))
        return indices[order], bounds[order]

    def evaluate_index(self, index: int) -> None:
        """Evaluate the candidate of an index."""
        self._done.add(index)
        self.evaluate(self.candidate(index), index)

    def evaluate(self, candidate: Candidate, index: int) -> None:
        """Evaluate a candidate; it is the new best if it is cheaper, or equal and first."""
        spent = self.cost(candidate)
        self.evaluated += 1
        if spent is not None and (self.best is None or (spent, index) < (self.best[1], self._index)):
            self.best, self._index = (candidate, spent), index
            self.limit.value = min(self.limit.value, spent[0] * (1 - self.tolerance))
        self._tell()

    def _tell(self) -> None:
        if self.watch is not None:
            self.watch(self.scored, self.evaluated)


def _coarse(bounds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Bounds without the bits that are only rounding; never larger, in the same order."""
    bits = np.ascontiguousarray(bounds).view(np.int64)
    return (bits >> _NOISE_BITS << _NOISE_BITS).view(np.float64)
