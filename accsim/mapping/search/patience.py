"""How long the searches of a run may go on: until they are done, a time limit is over, or the user interrupts."""

from __future__ import annotations

import signal
import time
from enum import StrEnum
from threading import current_thread, main_thread
from types import FrameType, TracebackType
from typing import Any


class Stopped(StrEnum):
    """Why a search ended."""

    PROVED = "proved"
    TIME_LIMIT = "time limit"
    INTERRUPTED = "interrupted"
    EVALUATIONS = "evaluation cap"


class Patience:
    """A context in which searches ask ``over`` now and then, and end with what they have once it says why.

    Inside it the first Ctrl-C interrupts no code: it ends the searches, this one and those that follow, each with the
    best mapping it has by then. A second one raises ``KeyboardInterrupt``. Signals reach the main thread only; in
    another thread just the time limit counts.

    Args:
        seconds: the limit, from the first entry of the context on; ``None`` for no limit.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self._interrupted = False
        self._began, self._entered = time.monotonic(), False
        self._before: Any = None
        self._watches = False

    def __enter__(self) -> Patience:
        if not self._entered:
            self._began, self._entered = time.monotonic(), True
        if current_thread() is main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._interrupt)
            self._watches = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._watches:
            signal.signal(signal.SIGINT, self._before)
            self._watches = False

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted:
            signal.default_int_handler(number, frame)
        self._interrupted = True

    @property
    def over(self) -> Stopped | None:
        """Why searches are to end; ``None`` while they may go on."""
        if self._interrupted:
            return Stopped.INTERRUPTED
        if self.seconds is not None and time.monotonic() - self._began >= self.seconds:
            return Stopped.TIME_LIMIT
        return None
