"""One writer per store: a lock on a file beside it, which the system lets go of when the process ends, however it does.

Workers hold a second one, shared, for as long as they live: a run that finds the writer gone waits until they are gone.
"""

from __future__ import annotations

import fcntl
import os
import time
from types import TracebackType

from accsim.errors import AccsimError

WAIT_S = 15.0
"""How long a run waits for the workers of one that was killed; they end within five seconds."""


class StoreLock:
    """Held while a store is written.

    Args:
        path: of the store.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._held: int | None = None

    def __enter__(self) -> StoreLock:
        """Take the lock.

        Raises:
            AccsimError: another process writes the store, or workers of one outlive it.
        """
        self._held = _open(self.path + ".lock")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._held)
            self._held = None
            raise AccsimError(
                f"{self.path}: another sweep is writing this store; wait for it, or give this one a store of its own "
                "and put them together with 'accsim sweep merge'"
            ) from None
        try:
            self._wait_for_workers()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _wait_for_workers(self) -> None:
        workers = _open(workers_path(self.path))
        deadline = time.monotonic() + WAIT_S
        try:
            while True:
                try:
                    fcntl.flock(workers, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except OSError:
                    if time.monotonic() > deadline:
                        said = f"{self.path}: workers of an earlier sweep are still running; end them first"
                        raise AccsimError(said) from None
                    time.sleep(0.05)
        finally:
            os.close(workers)


def workers_path(store: str) -> str:
    """The file that workers lock."""
    return store + ".workers"


def hold_as_worker(store: str) -> int:
    """Take the workers' lock for as long as this process lives; its descriptor."""
    held = os.open(workers_path(store), os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(held, fcntl.LOCK_SH)
    return held


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise AccsimError(f"{path}: cannot be written: {reason}") from None
