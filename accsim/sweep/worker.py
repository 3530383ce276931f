"""What runs in a worker: batches of points, and the watch that ends it with the process that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait

from accsim.sweep.evaluate import Counters, Evaluator
from accsim.sweep.fingerprint import model_version
from accsim.sweep.lock import hold_as_worker
from accsim.sweep.settings import Settings
from accsim.sweep.store import Row

Item = tuple[str, int, Settings]
"""A key, a place in the space and a point."""

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Done:
    """A batch that is done.

    Attributes:
        model: the version of the model that the worker has.
        worker: which worker it was.
    """

    rows: list[Row]
    counters: Counters
    model: str
    worker: str


class _Here(threading.local):
    """The evaluator of a thread."""

    def __init__(self) -> None:
        self.evaluator = Evaluator()


_HERE: _Here | None = None


def estimate_batch(items: list[Item]) -> Done:
    """Estimate the points of a batch, in a process that keeps what they share for the next one."""
    global _HERE  # noqa: PLW0603
    if _HERE is None:
        _HERE = _Here()
    evaluator, rows = _HERE.evaluator, list[Row]()
    for key, place, settings in items:
        began = time.perf_counter()
        outcome = evaluator.evaluate(settings)
        rows.append(Row(key, place, settings, outcome, time.perf_counter() - began))
    return Done(rows, evaluator.counters(), model_version(), f"{os.uname().nodename}:{os.getpid()}")


def begin(store: str | None) -> None:
    """Prepare a worker process: Ctrl-C is for the parent, and this process ends when that one does.

    The kernel is asked to kill it (Linux), and a thread waits for the end of the parent's sentinel everywhere.

    Args:
        store: the store whose workers' lock is held.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
        if os.getppid() != parent.pid and sys.platform == "linux":
            os._exit(1)  # the parent ended before the kernel was asked
    if store is not None:
        hold_as_worker(store)


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
