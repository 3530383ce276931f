"""Time that a core spends on a block, told apart from compiling the kernels that it calls.

CPU time and not time on the wall: a rate per core should not fall when the machine has other work to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import thread_time

import accsim.kernels.jit  # noqa: F401 - names the cache after the kernels' sources before numba is imported

from numba.core import event  # isort: skip

COMPILER = "numba:compiler_lock"
"""The event that Numba fires around compiling a function, and around loading a compiled one from its cache."""


@dataclass(slots=True)
class Spent:
    """CPU seconds of a block, once it has ended.

    Attributes:
        seconds: without compiling.
        compiling_seconds: of compiling kernels, or of loading compiled ones.
    """

    seconds: float = 0.0
    compiling_seconds: float = 0.0


class _Compiler(event.Listener):
    """Adds up the time between the beginning and the end of the outermost events."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0
        self._begun = 0.0

    def on_start(self, event: object) -> None:
        if not self._depth:
            self._begun = thread_time()
        self._depth += 1

    def on_end(self, event: object) -> None:
        self._depth -= 1
        if not self._depth:
            self.seconds += thread_time() - self._begun


@contextmanager
def stopwatch() -> Iterator[Spent]:
    """Time a block that runs on this thread; what is yielded is filled in when the block ends."""
    spent, compiler = Spent(), _Compiler()
    begun = thread_time()
    with event.install_listener(COMPILER, compiler):
        yield spent
    spent.compiling_seconds = compiler.seconds
    spent.seconds = thread_time() - begun - compiler.seconds
