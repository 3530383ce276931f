"""Points that are not stored yet, in batches of neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from accsim.sweep.fingerprint import Keys
from accsim.sweep.settings import Settings
from accsim.sweep.space import Space
from accsim.sweep.store import Store
from accsim.sweep.worker import Item

LOOK = 2000
"""Points whose keys are looked up in the store at a time."""

LONGEST_S, MOST = 1.0, 2000
"""How long a batch should take, and points that it holds at most."""


class Pending:
    """The points of a space without a row in a store.

    Attributes:
        skipped: points that have one, as far as was looked.
        size: points of a batch, which ``took`` keeps to batches of about ``LONGEST_S``.
    """

    def __init__(self, space: Space, store: Store, keys: Keys, *, retry: bool = False) -> None:
        self.space, self.store, self.keys, self.retry = space, store, keys, retry
        self.skipped, self.size = 0, 4
        self.taken: set[str] = set()
        self._batches = self._in_batches()

    def next(self) -> list[Item] | None:
        """The next batch; ``None`` at the end."""
        return next(self._batches, None)

    def took(self, points: int, seconds: float) -> None:
        """Tell how long a batch took, so that the next ones are as long as they should be."""
        wanted = points * LONGEST_S / max(seconds, 1e-6)
        self.size = max(1, min(MOST, 2 * self.size, round(0.5 * (self.size + wanted))))

    def _items(self) -> Iterator[Item]:
        points = self.space.points()
        while some := list(islice(points, LOOK)):
            items = [(self.keys.of(settings), place, settings) for place, settings in some]
            known = self.store.known([key for key, *_ in items], retry=self.retry)
            for item in items:
                if item[0] in known or item[0] in self.taken:
                    self.skipped += 1
                else:
                    yield item

    def _in_batches(self) -> Iterator[list[Item]]:
        batch: list[Item] = []
        group: Settings | None = None
        for item in self._items():
            own = shared(item[2])
            if batch and ((own != group and len(batch) >= self.size) or len(batch) >= min(MOST, 4 * self.size)):
                yield batch
                batch = []
            group = own
            batch.append(item)
        if batch:
            yield batch


def shared(settings: Settings) -> Settings:
    """What the points of a batch should have in common: all but buffer sizes and prices."""
    sets = tuple(pair for pair in settings.sets if not (pair[0].startswith("levels.") and pair[0].endswith(".size")))
    return replace(settings, sets=sets, energy_table=None, energy=())


def mapped(settings: Settings) -> Settings:
    """What the mappings of a point depend on."""
    return replace(settings, energy_table=None, energy=()) if settings.search_table else settings
