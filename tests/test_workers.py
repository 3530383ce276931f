"""Work in several processes: order, progress, errors, and what is left behind."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from accsim.errors import AccsimError, InputError, MappingError
from accsim.workers import Tell, in_order

ROOT = Path(__file__).resolve().parents[1]


def square(item: int, tell: Tell) -> tuple[int, int]:
    """The later items are done first."""
    tell(0.5)
    time.sleep(0.05 * (3 - item))
    return item * item, os.getpid()


def fail(item: int, tell: Tell) -> int:
    if item == 1:
        raise InputError(["no layer 'a'", "no layer 'b'"])
    if item == 2:
        raise MappingError("later")
    return item


def stumble(item: int, tell: Tell) -> int:
    raise ZeroDivisionError(f"item {item}")


def die(item: int, tell: Tell) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def sleep(item: int, tell: Tell) -> int:
    tell(0.5)
    time.sleep(60)
    return item


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_results_come_in_the_order_of_the_items(jobs: int) -> None:
    told: list[tuple[int, float]] = []
    found = list(in_order(square, [0, 1, 2, 3], jobs, lambda index, share: told.append((index, share))))
    assert [value for value, _ in found] == [0, 1, 4, 9]
    assert len({process for _, process in found}) in (range(1, 2) if jobs == 1 else range(2, 5))
    assert (os.getpid() in {process for _, process in found}) == (jobs == 1)
    for index in range(4):
        assert [share for i, share in told if i == index] == [0.0, 0.5, 1.0]
    assert not multiprocessing.active_children()


def test_nothing_to_do() -> None:
    assert list(in_order(square, [], 2)) == []


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_first_failure_in_order_is_raised_whole(jobs: int) -> None:
    results = in_order(fail, [0, 1, 2], jobs)
    assert next(results) == 0
    with pytest.raises(InputError) as error:
        next(results)
    assert error.value.mistakes == ("no layer 'a'", "no layer 'b'")
    assert not multiprocessing.active_children()


def test_a_programming_error_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError, match="item 0") as error:
        list(in_order(stumble, [0, 1], 2))
    (note,) = error.value.__notes__
    assert note.startswith("in a worker process:\nTraceback")
    assert "in stumble" in note


def test_a_process_that_is_killed_is_an_error() -> None:
    with pytest.raises(AccsimError) as error:
        list(in_order(die, [0, 1], 2))
    assert str(error.value) == (
        "a worker process ended before its work was done: it was killed, or there was not enough memory"
    )
    assert not multiprocessing.active_children()


def test_a_caller_that_leaves_ends_the_processes() -> None:
    begun = time.monotonic()
    results = in_order(sleep, [0, 1], 2, interrupt_at_the_first_half)
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert time.monotonic() - begun < 30
    assert not multiprocessing.active_children()


def interrupt_at_the_first_half(index: int, share: float) -> None:
    if share == 0.5:
        raise KeyboardInterrupt


INTERRUPTED = """
from tests.test_workers import sleep
from accsim.workers import in_order

if __name__ == "__main__":
    try:
        list(in_order(sleep, [0, 1], 2, lambda index, share: print(index, share, flush=True)))
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_ctrl_c_of_the_whole_group_is_quiet(tmp_path: Path) -> None:
    """A terminal sends SIGINT to every process of the group; none of them writes a traceback."""
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    running = subprocess.Popen(
        [sys.executable, script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert running.stdout is not None
    begun = [running.stdout.readline() for _ in range(4)]
    assert sorted(begun) == ["0 0.0\n", "0 0.5\n", "1 0.0\n", "1 0.5\n"]
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=30)  # returns when no process is left that could write
    assert (out, err, running.returncode) == ("interrupted\n", "", 0)


BEGINNING = """
from tests.test_workers import sleep
from accsim.workers import in_order

if __name__ == "__main__":
    try:
        list(in_order(sleep, [0, 1], 2, lambda index, share: print("begun", flush=True)))
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_ctrl_c_while_the_processes_begin_is_quiet(tmp_path: Path) -> None:
    """An interpreter that is interrupted while it starts complains loudly."""
    script = tmp_path / "script.py"
    script.write_text(BEGINNING)
    for _ in range(3):
        running = subprocess.Popen(
            [sys.executable, script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"  # the items are sent as soon as the processes are started
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=30)
        assert (out.splitlines()[-1], err, running.returncode) == ("interrupted", "", 0)


def test_mistakes_survive_pickling() -> None:
    copy = pickle.loads(pickle.dumps(InputError(["one", "two"])))
    assert (copy.mistakes, str(copy)) == (("one", "two"), "one\ntwo")
