"""The runner: resuming, workers that die, executors of any kind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from accsim.errors import AccsimError
from accsim.sweep import runner
from accsim.sweep.executors import processes
from accsim.sweep.runner import State, sweep
from accsim.sweep.space import Space
from accsim.sweep.store import Store
from tests.sweep.spaces import NETWORK, SMALL, space


@pytest.fixture
def small(tmp_path: Path) -> Space:
    (tmp_path / "net.yaml").write_text(NETWORK)
    return space(SMALL.format(network=tmp_path / "net.yaml"))


def threads() -> Executor:
    return ThreadPoolExecutor(2)


def results(path: Path | str) -> list[tuple[object, ...]]:
    with Store(str(path), read_only=True) as store:
        return list(store.results())


def run(found: Space, path: Path, make: Any = threads, **options: Any) -> State:
    with Store(str(path)) as store:
        return sweep(found, store, make, **options)


@pytest.fixture
def whole(small: Space, tmp_path: Path) -> list[tuple[object, ...]]:
    """The results of an uninterrupted sweep."""
    state = run(small, tmp_path / "whole.sqlite")
    assert state.fresh == state.done == state.total == 45
    return results(tmp_path / "whole.sqlite")


class Fragile(Executor):
    """Runs batches at once; ``breaks`` says of which the worker dies, and with it the executor."""

    def __init__(self, breaks: Callable[[list[Any]], bool]) -> None:
        self.breaks, self.broken, self._max_workers = breaks, False, 3

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
        if self.broken:
            raise BrokenExecutor("broken")
        future: Future[Any] = Future()
        if arguments and self.breaks(arguments[0]):
            self.broken = True
            future.set_exception(BrokenExecutor("a worker ended"))
        else:
            future.set_result(function(*arguments))
        return future


def test_what_is_stored_is_not_estimated_again(small: Space, tmp_path: Path, whole: list[tuple[object, ...]]) -> None:
    path, seen = tmp_path / "a.sqlite", list[int]()

    def stop(state: State) -> None:
        seen.append(state.fresh)
        if state.fresh >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(small, path, progress=stop)
    there = len(results(path))
    assert 10 <= there < 45
    state = run(small, path)
    assert state.skipped == there
    assert state.fresh == 45 - there
    assert results(path) == whole
    assert run(small, path).fresh == 0


def test_batches_whose_worker_died_are_given_out_again(
    small: Space, tmp_path: Path, whole: list[tuple[object, ...]]
) -> None:
    deaths = iter([False, True, False, True, True] + [False] * 1000)
    state = run(small, tmp_path / "a.sqlite", lambda: Fragile(lambda _: next(deaths)))
    assert state.deaths == 3
    assert results(tmp_path / "a.sqlite") == whole


def test_a_point_that_kills_its_worker_is_stored_as_failed(
    small: Space, tmp_path: Path, whole: list[tuple[object, ...]]
) -> None:
    path, kills = tmp_path / "a.sqlite", 20
    run(small, path, lambda: Fragile(lambda batch: any(place == kills for _, place, _ in batch)))
    found = results(path)
    differing = [(a, b) for a, b in zip(found, whole, strict=True) if a != b]
    assert len(differing) == 1
    assert differing[0][0][2] == kills
    assert differing[0][0][5:7] == ("failed", "its worker ended 3 times: killed, or out of memory")
    assert run(small, path).fresh == 0
    assert run(small, path, retry=True).fresh == 1
    assert results(path) == whole


def test_a_store_that_cannot_be_written_ends_the_sweep(small: Space, tmp_path: Path, whole: list[Any]) -> None:
    path = tmp_path / "a.sqlite"
    with Store(str(path)) as store:
        pages = store.db.execute("PRAGMA page_count").fetchone()[0]
        store.db.execute(f"PRAGMA max_page_count={pages + 4}")
        with pytest.raises(AccsimError, match="the disk is full"):
            sweep(small, store, threads)
    assert run(small, path).done == 45
    assert results(path) == whole


def test_workers_with_another_model_are_refused(small: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "model_version", lambda: "9.9+other")
    with pytest.raises(AccsimError, match=r"has the model .*, and this process 9\.9\+other: install the same accsim"):
        run(small, tmp_path / "a.sqlite")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_processes(small: Space, tmp_path: Path, whole: list[Any], workers: int) -> None:
    path = tmp_path / "a.sqlite"
    run(small, path, lambda: processes(workers, str(path)))
    assert results(path) == whole


@pytest.mark.slow
def test_killed_worker_processes_lose_nothing(small: Space, tmp_path: Path, whole: list[Any]) -> None:
    path, alive = tmp_path / "a.sqlite", threading.Event()

    @contextmanager
    def fragile() -> Iterator[Executor]:
        with processes(2, str(path)) as pool:
            yield pool

    def kill(state: State) -> None:
        if state.fresh < 30 and not alive.is_set():
            for pid in _children():
                os.kill(pid, signal.SIGKILL)
                break
            if state.deaths >= 2:
                alive.set()

    state = run(small, path, fragile, progress=kill)
    assert state.deaths >= 1
    assert results(path) == whole


def _children() -> list[int]:
    """Worker processes of this one."""
    out = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_text()
        except OSError:
            continue
        if parent == os.getpid() and "spawn_main" in command:
            out.append(int(entry.name))
    return out


def test_progress_knows_rate_and_best(small: Space, tmp_path: Path) -> None:
    state = run(small, tmp_path / "a.sqlite")
    assert state.best is not None
    with Store(str(tmp_path / "a.sqlite"), read_only=True) as store:
        best = store.best("energy")
    assert best is not None
    assert best.figure("energy") == state.best[1]
    assert state.rate > 0
    assert state.remaining_s == 0
