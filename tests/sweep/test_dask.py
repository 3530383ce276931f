"""Sweeps on Dask: a scheduler and workers on loopback, started as a user starts them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from accsim.errors import AccsimError
from accsim.sweep.executors import dask, processes
from accsim.sweep.runner import State, sweep
from accsim.sweep.space import Space
from accsim.sweep.store import Store
from tests.sweep.spaces import NETWORK, SMALL, space

pytest.importorskip("distributed")


@pytest.fixture
def small(tmp_path: Path) -> Space:
    (tmp_path / "net.yaml").write_text(NETWORK)
    return space(SMALL.format(network=tmp_path / "net.yaml"))


@contextmanager
def scheduler() -> Iterator[str]:
    """The address of a scheduler."""
    command = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                found = re.search(r"Scheduler at:\s+(tcp://\S+)", line)
                if found:
                    yield found[1]
                    break
        finally:
            process.kill()


def worker(address: str) -> subprocess.Popen[str]:
    """A worker without a nanny, which nobody starts again."""
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--host", "127.0.0.1", "--nthreads", "1",
               "--no-nanny", "--no-dashboard"]  # fmt: skip
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True)


def results(path: Path, found: Space, make: Any, **options: Any) -> list[tuple[object, ...]]:
    with Store(str(path)) as store:
        sweep(found, store, make, **options)
        return list(store.results())


@pytest.mark.slow  # it waits for a scheduler that is not there
def test_nothing_answers() -> None:
    with pytest.raises(AccsimError, match="no Dask scheduler answers there"), dask("tcp://127.0.0.1:9", 1):
        pass


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(small: Space, tmp_path: Path) -> None:
    expected = results(tmp_path / "one.sqlite", small, lambda: processes(1, None))
    assert len(expected) == 45
    with scheduler() as address:
        workers = [worker(address), worker(address)]
        try:
            path, killed = tmp_path / "dask.sqlite", list[int]()

            def kill(state: State) -> None:
                if state.fresh >= 8 and not killed:
                    killed.append(workers[0].pid)
                    os.kill(workers[0].pid, signal.SIGKILL)

            assert results(path, small, lambda: dask(address, 1), progress=kill) == expected
            assert killed
        finally:
            for process in workers:
                process.kill()
                process.wait()


@pytest.mark.slow
def test_a_local_cluster(small: Space, tmp_path: Path) -> None:
    expected = results(tmp_path / "one.sqlite", small, lambda: processes(1, None))
    assert results(tmp_path / "dask.sqlite", small, lambda: dask("local", 2)) == expected
