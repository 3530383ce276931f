"""Hands the points of a space to workers and writes what comes back, batch by batch.

A batch whose worker died is given out again, alone and in halves, until the point that does it is found; a point that
does it ``MOST_DEATHS`` times is stored as failed. Points around it lose nothing but time.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from accsim.errors import AccsimError
from accsim.sweep.batches import Pending
from accsim.sweep.evaluate import Counters, Outcome, Status
from accsim.sweep.executors import workers_of
from accsim.sweep.fingerprint import Keys, model_version
from accsim.sweep.settings import Settings
from accsim.sweep.space import Space
from accsim.sweep.store import Row, Store
from accsim.sweep.worker import Done, Item, estimate_batch

MOST_DEATHS = 3
"""Workers that a point may take with it."""

AHEAD = 2
"""Batches per worker that are handed out."""

Make = Callable[[], AbstractContextManager[Executor]]
"""Makes an executor; again when one is broken."""


class Source(Protocol):
    """Where batches come from."""

    skipped: int

    def next(self) -> list[Item] | None:
        """The next batch; ``None`` at the end."""

    def took(self, points: int, seconds: float) -> None:
        """Told how long a batch took."""


class Listed:
    """Points of a list, a few per worker at a time."""

    def __init__(self, items: Sequence[Item], workers: int) -> None:
        self.skipped = 0
        each = max(1, -(-len(items) // (AHEAD * workers)))
        self._batches = [list(items[i : i + each]) for i in range(0, len(items), each)][::-1]

    def next(self) -> list[Item] | None:
        """The next batch; ``None`` at the end."""
        return self._batches.pop() if self._batches else None

    def took(self, points: int, seconds: float) -> None:
        """Of no interest."""


class Kept:
    """Makes an executor once, for several runs; another one when it is broken."""

    def __init__(self, make: Make) -> None:
        self._make, self._stack = make, ExitStack()
        self._executor: Executor | None = None

    @contextmanager
    def __call__(self) -> Iterator[Executor]:
        """The executor, left open at the end."""
        if self._executor is not None and _is_broken(self._executor):
            self.close()
        if self._executor is None:
            self._executor = self._stack.enter_context(self._make())
        yield self._executor

    def close(self) -> None:
        """End it."""
        self._stack.close()
        self._executor = None


@dataclass(slots=True)
class State:
    """How far a sweep is.

    Attributes:
        total: points of the space.
        skipped: points that were stored before.
        counters: what was worked out, and what was known.
        best: the best point by its objective: what is minimised, its value, the settings.
        deaths: batches whose worker ended.
    """

    total: int
    workers: int = 1
    skipped: int = 0
    counts: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    counters: Counters = field(default_factory=Counters)
    best: tuple[str, float, Settings] | None = None
    began: float = field(default_factory=time.monotonic)
    deaths: int = 0

    @property
    def fresh(self) -> int:
        """Points estimated in this run."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """Points with a row."""
        return self.skipped + self.fresh

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return max(time.monotonic() - self.began, 1e-9)

    @property
    def rate(self) -> float:
        """Points per second of this run."""
        return self.fresh / self.seconds

    @property
    def remaining_s(self) -> float | None:
        """Seconds to the end at this rate; ``None`` if nothing is known yet."""
        return (self.total - self.done) / self.rate if self.fresh else None


Progress = Callable[[State], None]


def space_digest(space: Space) -> str:
    """What tells a space from others in a store."""
    return hashlib.sha256(space.text.encode()).hexdigest()[:16]


def sweep(
    space: Space,
    store: Store,
    make: Make,
    *,
    retry: bool = False,
    progress: Progress | None = None,
    state: State | None = None,
) -> State:
    """Estimate the points of a space that have no row in a store.

    Args:
        make: makes the executor.
        retry: estimate points again that failed.
        progress: told after every batch.
        state: what is kept up to date; one of its own if not given.

    Raises:
        AccsimError: the store cannot be written, or a worker has another version of the model.
        KeyboardInterrupt: Ctrl-C; what was done by then is stored.
    """
    state = state or State(space.size())
    run = _Run(space, store, make, Pending(space, store, Keys(), retry=retry), state, progress)
    store.add_space(run.digest, space.name, space.text, state.total)
    run.execute()
    return state


def estimate_points(
    space: Space, items: Sequence[Item], store: Store, make: Make, state: State, progress: Progress | None = None
) -> None:
    """Estimate some points of a space and store what they come to.

    Raises:
        AccsimError: as ``sweep``.
    """
    _Run(space, store, make, Listed(items, state.workers), state, progress).execute()


class _Run:
    """A sweep at work."""

    def __init__(
        self, space: Space, store: Store, make: Make, pending: Source, state: State, progress: Progress | None
    ) -> None:
        self.store, self.make, self.pending, self.state, self.progress = store, make, pending, state, progress
        self.digest, self.model = space_digest(space), model_version()
        self.suspects: deque[list[Item]] = deque()
        self.deaths: dict[str, int] = {}
        self.flying: dict[Future[Done], list[Item]] = {}

    def execute(self) -> None:
        """Run to the end, with as many executors as it takes."""
        more = True
        while more:
            with self.make() as executor:
                self.state.workers = workers_of(executor)
                try:
                    more = self._with(executor)
                except BaseException:
                    self._abandon(executor)
                    raise

    def _with(self, executor: Executor) -> bool:
        """Work until all is done, or the executor is broken, which it then says."""
        while True:
            broken = self._hand_out(executor)
            if not self.flying:
                return broken
            finished, _ = wait(self.flying, return_when=FIRST_COMPLETED)
            for future in finished:
                broken |= self._take(future)
            self._tell()
            if broken and _is_broken(executor):
                for future in list(self.flying):
                    self._take(future)
                return True

    def _hand_out(self, executor: Executor) -> bool:
        """Give out batches; a suspect alone. Whether the executor was found broken."""
        for batch in self._ready():
            try:
                self.flying[executor.submit(estimate_batch, batch)] = batch
            except BrokenExecutor:
                self.suspects.append(batch)
                return True
        return False

    def _ready(self) -> Iterator[list[Item]]:
        if self.suspects:
            if not self.flying:
                yield self.suspects.popleft()
            return
        while len(self.flying) < AHEAD * self.state.workers and (batch := self.pending.next()):
            yield batch

    def _take(self, future: Future[Done]) -> bool:
        """Store what a batch came to; whether its worker died instead."""
        alone = len(self.flying) == 1
        batch = self.flying.pop(future)
        try:
            done = future.result()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit | AccsimError) or not _died(error):
                raise
            self._suspect(batch, alone)
            return True
        if done.model != self.model:
            raise AccsimError(
                f"worker {done.worker} has the model {done.model}, and this process {self.model}: "
                "install the same accsim"
            )
        self._write(done.rows)
        self.state.counters = Counters(*map(sum, zip(self.state.counters, done.counters, strict=True)))
        self.pending.took(len(batch), sum(row.seconds for row in done.rows))
        return False

    def _suspect(self, batch: list[Item], alone: bool) -> None:
        """Give a batch out again; a single point that was alone is what killed the worker."""
        self.state.deaths += 1
        if len(batch) > 1 and alone:
            half = len(batch) // 2
            self.suspects.extendleft((batch[half:], batch[:half]))
            return
        if len(batch) == 1 and alone:
            key, place, settings = batch[0]
            self.deaths[key] = self.deaths.get(key, 0) + 1
            if self.deaths[key] >= MOST_DEATHS:
                reason = f"its worker ended {MOST_DEATHS} times: killed, or out of memory"
                self._write([Row(key, place, settings, Outcome(Status.FAILED, reason=reason))])
                return
        self.suspects.append(batch)

    def _write(self, rows: list[Row]) -> None:
        self.store.add(self.digest, self.model, rows)
        for row in rows:
            self.state.counts[row.outcome.status] += 1
            self._compare(row)

    def _compare(self, row: Row) -> None:
        found = merit(row)
        best = self.state.best
        if found is not None and (best is None or (found[0] == best[0] and found[1] < best[1])):
            self.state.best = (*found, row.settings)

    def _tell(self) -> None:
        self.state.skipped = self.pending.skipped
        if self.progress is not None:
            self.progress(self.state)

    def _abandon(self, executor: Executor) -> None:
        """Store what is done, and hand out nothing more."""
        executor.shutdown(wait=False, cancel_futures=True)
        for future, _ in list(self.flying.items()):
            if future.done() and not future.cancelled() and future.exception() is None:
                try:
                    self._take(future)
                except AccsimError:
                    return


def merit(row: Row) -> tuple[str, float] | None:
    """What a point's objective minimises, and its value."""
    figures = row.outcome.figures
    if figures is None:
        return None
    match row.settings.objective:
        case "latency":
            return "latency_ms", figures.latency_ms
        case "edp":
            return "energy x ms", figures.energy * figures.latency_ms
        case _:
            return "energy", figures.energy


def _died(error: BaseException) -> bool:
    """Whether an error says that a worker died rather than what went wrong in it."""
    return isinstance(error, BrokenExecutor) or type(error).__name__ in ("KilledWorker", "CommClosedError")


def _is_broken(executor: Executor) -> bool:
    try:
        executor.submit(int).cancel()
    except (BrokenExecutor, RuntimeError):
        return True
    return False
