"""The Pareto front of a design space: exact where all its points can be estimated, else searched for by optuna.

A search asks for points in rounds of a fixed size, whatever the number of workers, and its sampler has a seed: so it
asks for the same points every time, and one that was interrupted finds those of its first rounds in the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from accsim.errors import AccsimError, InputError, suggest
from accsim.sweep.fingerprint import Keys
from accsim.sweep.pareto import front
from accsim.sweep.runner import Kept, Make, Progress, State, estimate_points, space_digest, sweep
from accsim.sweep.settings import Settings
from accsim.sweep.space import Space
from accsim.sweep.space import settings as settings_of
from accsim.sweep.store import METRICS, Store, Stored

ROUND = 16
"""Points of a round."""

MOST_IDLE = 50
"""Rounds in a row that bring no new point before the search gives up."""


@dataclass(frozen=True, slots=True)
class Front:
    """What a search found.

    Attributes:
        points: on the front, by the first objective.
        exact: whether every point of the space was estimated.
        asked: points that were.
        trials: what was asked for, in that order; points without figures too.
    """

    points: tuple[Stored, ...]
    exact: bool
    asked: int
    trials: tuple[Stored, ...] = ()


def optimise(
    space: Space,
    store: Store,
    make: Make,
    objectives: Sequence[str],
    budget: int,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Front:
    """The points of a space that no other one found beats in all objectives.

    Args:
        objectives: metrics to be minimised.
        budget: points to be estimated; a space of no more points is estimated as a whole.
        seed: of the sampler.

    Raises:
        AccsimError: an objective is unknown, the extra is not installed, or as ``sweep``.
    """
    unknown = [name for name in objectives if name not in METRICS]
    if unknown:
        raise InputError(
            f"no metric {name!r}: expected some of {', '.join(METRICS)}{suggest(name, METRICS)}" for name in unknown
        )
    size = space.size()
    if size <= budget:
        sweep(space, store, make, progress=progress)
        keys = Keys()
        wanted = {keys.of(point) for _, point in space.points()}
        trials = sorted((row for row in store.rows() if row.key in wanted), key=lambda row: row.place)
        rows = [row for row in trials if row.status == "done"]
        return Front(_front(rows, objectives), True, size, tuple(trials))
    kept = Kept(make)
    try:
        return _Search(space, store, kept, objectives, budget, seed, progress).run()
    finally:
        kept.close()


def _front(rows: Sequence[Stored], objectives: Sequence[str]) -> tuple[Stored, ...]:
    valued = [(row, [row.figure(name) for name in objectives]) for row in rows]
    known = [(row, [float(v) for v in values if v is not None]) for row, values in valued if None not in values]
    on = front(np.array([values for _, values in known]).reshape(-1, len(objectives)))
    best = [one for one, is_on in zip(known, on.tolist(), strict=True) if is_on]
    return tuple(row for row, _ in sorted(best, key=lambda one: (one[1], one[0].key)))


class _Search:
    """A search at work."""

    def __init__(
        self, space: Space, store: Store, make: Kept, objectives: Sequence[str], budget: int, seed: int,
        progress: Progress | None,
    ) -> None:  # fmt: skip
        self.space, self.store, self.make, self.objectives, self.budget = space, store, make, objectives, budget
        self.progress, self.keys, self.state = progress, Keys(), State(budget)
        self.optuna = _optuna()
        self.optuna.logging.set_verbosity(self.optuna.logging.ERROR)
        sampler = self.optuna.samplers.NSGAIISampler(population_size=2 * ROUND, seed=seed)
        self.study = self.optuna.create_study(directions=["minimize"] * len(objectives), sampler=sampler)
        self.rows: dict[str, Stored] = {}
        store.add_space(space_digest(space), space.name, space.text, space.product)

    def run(self) -> Front:
        idle = 0
        while len(self.rows) < self.budget and idle < MOST_IDLE:
            before = len(self.rows)
            self._round()
            idle = idle + 1 if len(self.rows) == before else 0
        done = [row for row in self.rows.values() if row.status == "done"]
        return Front(_front(done, self.objectives), False, len(self.rows), tuple(self.rows.values()))

    def _round(self) -> None:
        asked = [self._ask() for _ in range(ROUND)]
        items: dict[str, tuple[str, int, Settings]] = {}
        for _, place, point in asked:
            if point is not None:
                key = self.keys.of(point)
                if key in self.rows or len(self.rows) + len(items) < self.budget:
                    items[key] = (key, place, point)
        new = [item for key, item in items.items() if key not in self.rows]
        stored = self.store.of_keys([key for key, *_ in new])
        missing = [item for item in new if item[0] not in stored]
        self.state.skipped += len(stored)
        if missing:
            estimate_points(self.space, missing, self.store, self.make, self.state, None)
            stored |= self.store.of_keys([key for key, *_ in missing])
        self.rows |= {key: stored[key] for key, *_ in new}
        if self.progress is not None:
            self.progress(self.state)
        for trial, _, point in asked:
            row = None if point is None else self.rows.get(self.keys.of(point))
            values = [] if row is None else [row.figure(name) for name in self.objectives]
            if not values or None in values:
                self.study.tell(trial, state=self.optuna.trial.TrialState.FAIL)
            else:
                self.study.tell(trial, values)

    def _ask(self) -> tuple[Any, int, Settings | None]:
        """A trial, and its point if it meets the conditions."""
        trial, place, pairs = self.study.ask(), 0, list[tuple[str, str]]()
        for i, axis in enumerate(self.space.axes):
            at = trial.suggest_int(f"{i}", 0, len(axis.options) - 1) if len(axis.options) > 1 else 0
            place = place * len(axis.options) + at
            pairs += axis.options[at]
        values = dict(pairs)
        meets = all(condition.holds(values) for condition in self.space.where)
        return trial, place, settings_of(pairs) if meets else None


def _optuna() -> Any:
    try:
        import optuna  # noqa: PLC0415
    except ImportError:
        raise AccsimError("searches need optuna: pip install 'accsim[search]'") from None
    return optuna
