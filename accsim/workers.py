"""Work on several items at a time, each in a process of its own, with the results in the order of the items.

Processes are spawned, never forked: a fork copies locks that other threads hold. So the function and the items must be
picklable, and a script that calls this at its top level needs ``if __name__ == "__main__":`` around the call.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import current_thread, main_thread
from typing import Any, TypeVar

from accsim.errors import AccsimError

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

Tell = Callable[[float], None]
"""Called by work with the share of it that is done, 0 to 1."""

Progress = Callable[[int, float], None]
"""Called with the index of an item and the share of it that is done: 0 when it is begun, 1 when it is done."""

GRACE_S = 5.0
"""How long a process that was told to end is waited for before it is killed."""


def in_order(
    function: Callable[[Item, Tell], Outcome],
    items: Sequence[Item],
    jobs: int = 1,
    progress: Progress | None = None,
) -> Iterator[Outcome]:
    """Yield ``function(item, tell)`` for each item, in the order of the items.

    Items are begun in order. With one job, or one item, they are worked on here, one after the other.

    Args:
        function: a function of a module, so that another process can import it.
        items: what it is called with.
        jobs: most items worked on at the same time.
        progress: told how far each item is.

    Raises:
        AccsimError: a process ended before its item was done.
        Exception: what ``function`` raised, of the first item in order that failed. Processes still at work are ended,
            as they are when the caller is interrupted or leaves early.
    """
    tell = progress or _nothing
    if min(jobs, len(items)) <= 1:
        return _here(function, items, tell)
    return _elsewhere(function, items, min(jobs, len(items)), tell)


def _nothing(index: int, share: float) -> None:
    """Nobody wants to know."""


def _here(function: Callable[[Item, Tell], Outcome], items: Sequence[Item], progress: Progress) -> Iterator[Outcome]:
    for index, item in enumerate(items):
        progress(index, 0.0)
        outcome = function(item, partial(progress, index))
        progress(index, 1.0)
        yield outcome


def _elsewhere(
    function: Callable[[Item, Tell], Outcome], items: Sequence[Item], jobs: int, progress: Progress
) -> Iterator[Outcome]:
    context = multiprocessing.get_context("spawn")
    processes: list[BaseProcess] = []
    idle: list[Connection] = []
    busy: dict[Connection, int] = {}
    finished: dict[int, tuple[bool, Any]] = {}
    try:
        with _sigint_held():
            for _ in range(jobs):
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs, function), daemon=True)
                process.start()
                theirs.close()
                processes.append(process)
                idle.append(ours)
        begun = 0
        for index in range(len(items)):
            while index not in finished:
                while idle and begun < len(items):
                    connection = idle.pop(0)
                    busy[connection] = begun
                    _send(connection, items[begun])
                    progress(begun, 0.0)
                    begun += 1
                _listen(busy, idle, finished, progress)
            well, outcome = finished.pop(index)
            if not well:
                raise outcome
            yield outcome
    finally:
        for connection in (*idle, *busy):
            connection.close()
        _end(processes)


@contextmanager
def _sigint_held() -> Iterator[None]:
    """Ctrl-C waits until the end of the block, and processes started in it never hear it, not even as they begin.

    A new process inherits that the signal is blocked. This one still hears it, through any thread that does not block
    it, so a handler of our own keeps it from leaving a process half started.
    """
    heard: list[int] = []
    masks, here = hasattr(signal, "pthread_sigmask"), current_thread() is main_thread()
    if masks:
        resource_tracker.ensure_running()  # would be started with the first process, and lets SIGINT through again
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number)) if here else None
    try:
        yield
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if here:
            signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
    if heard:
        signal.raise_signal(signal.SIGINT)


def _send(connection: Connection, item: object) -> None:
    try:
        connection.send(item)
    except OSError:
        raise AccsimError(_ENDED) from None


def _listen(
    busy: dict[Connection, int], idle: list[Connection], finished: dict[int, tuple[bool, Any]], progress: Progress
) -> None:
    """Wait for word from the processes; one whose item is done, well or not, becomes idle."""
    for ready in wait(list(busy)):
        connection = next(c for c in busy if c is ready)
        try:
            kind, said = connection.recv()
        except (EOFError, OSError):
            raise AccsimError(_ENDED) from None
        if kind == _SHARE:
            progress(busy[connection], said)
            continue
        index = busy.pop(connection)
        idle.append(connection)
        finished[index] = (kind == _DONE, said)
        progress(index, 1.0)


_SHARE, _DONE, _FAILED = "share", "done", "failed"
_ENDED = "a worker process ended before its work was done: it was killed, or there was not enough memory"


def _work(connection: Connection, function: Callable[[Any, Tell], Any]) -> None:
    """The life of a process: items come in, outcomes go out, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the one that started this ends it.
    while True:
        try:
            item = connection.recv()
        except (EOFError, OSError):
            return
        try:
            outcome: tuple[str, Any] = _DONE, function(item, lambda share: connection.send((_SHARE, share)))
        except BaseException as error:
            outcome = _FAILED, _portable(error)
        try:
            connection.send(outcome)
        except OSError:
            return


def _portable(error: BaseException) -> BaseException:
    """The error as another process can raise it; one that is not for users keeps its traceback, as a note."""
    try:
        copy: BaseException = pickle.loads(pickle.dumps(error))
    except Exception:
        copy = RuntimeError(f"{type(error).__name__}: {error}")
    if not isinstance(copy, AccsimError):
        copy.add_note("in a worker process:\n" + "".join(traceback.format_exception(error)))
    return copy


def _end(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(GRACE_S)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()
