"""CPU time without waiting and without compiling."""

from __future__ import annotations

import time

import numba

from accsim.verification.stopwatch import stopwatch


def work(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_work_counts_and_waiting_does_not() -> None:
    with stopwatch() as spent:
        work(0.1)
        time.sleep(0.5)
    assert 0.1 <= spent.seconds < 0.3
    assert spent.compiling_seconds == 0


def test_compiling_is_told_apart() -> None:
    @numba.njit(cache=False)
    def inner(x: float) -> float:
        return x + 1

    @numba.njit(cache=False)
    def outer(x: float) -> float:
        return inner(x) * 2

    begun = time.thread_time()
    with stopwatch() as spent:
        assert outer(1.5) == 5
        work(0.1)
    both = time.thread_time() - begun
    assert spent.compiling_seconds > 0.005
    assert 0.1 <= spent.seconds <= both - spent.compiling_seconds
