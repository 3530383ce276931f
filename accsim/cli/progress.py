"""A progress bar on stderr for work that takes longer than half a second."""

from __future__ import annotations

import os
import sys
from threading import Lock, Timer
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

DELAY_S = 0.5
"""Work that is done sooner shows nothing."""


class Bar:
    """A context in which ``bar(done, total, name)`` says how far the work is; silent if ``quiet`` or no terminal."""

    def __init__(self, what: str, *, quiet: bool = False) -> None:
        self._what = what
        self._lock = Lock()
        self._over = False
        self._progress: Progress | None = None
        self._last: tuple[int, int, str] | None = None
        self._timer = Timer(DELAY_S, self._start) if _wanted() and not quiet else None

    def __call__(self, done: int, total: int, name: str) -> None:
        """Tell that ``done`` of ``total`` (layers, or cycles) are done and ``name`` is at work."""
        self._last = (done, total, name)
        if self._progress is not None:
            self._update()

    def __enter__(self) -> Bar:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._over = True
            if self._progress is not None:
                self._progress.stop()

    def _start(self) -> None:
        """Called by the timer, in its own thread; the first run compiles before the first layer is done."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
        with self._lock:
            if not self._over:
                self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
                self._progress.add_task(self._what, total=None)
                self._progress.start()
                self._update()

    def _update(self) -> None:
        progress, last = self._progress, self._last
        if progress is not None and last is not None:
            done, total, name = last
            progress.update(progress.task_ids[0], completed=done, total=total, description=f"{self._what}: {name}")


def _wanted() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
