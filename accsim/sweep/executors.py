"""Where batches run: processes of this machine, or a Dask cluster (extra ``cluster``).

Both are ``concurrent.futures`` executors; the runner takes any other one, too.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from accsim.errors import AccsimError
from accsim.sweep.worker import begin

LOCAL = "local"
"""The scheduler that is started, with its workers, for one run."""


def processes(workers: int, store: str | None) -> ProcessPoolExecutor:
    """Worker processes, spawned: a fork would copy locks that other threads hold."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=begin, initargs=(store,))


def dask(scheduler: str, workers: int) -> AbstractContextManager[Executor]:
    """An executor on a Dask cluster.

    Args:
        scheduler: an address such as ``tcp://host:8786``, or ``local``.
        workers: processes of a local one.

    Raises:
        AccsimError: the extra is not installed, or nothing answers at the address.
    """
    distributed = _distributed()
    return _connected(distributed, scheduler, workers)


@contextmanager
def _connected(distributed: Any, scheduler: str, workers: int) -> Iterator[Executor]:
    cluster = None
    if scheduler == LOCAL:
        cluster = distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        )
    try:
        try:
            client = distributed.Client(cluster or scheduler, timeout="10s", set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            said = f"--scheduler {scheduler}: no Dask scheduler answers there ({type(error).__name__})"
            raise AccsimError(f"{said}; start one with 'dask scheduler' and workers with 'dask worker'") from None
        try:
            if not client.scheduler_info()["workers"] and not cluster:
                client.wait_for_workers(1, timeout=30)
            yield client.get_executor(pure=False, retries=0)
        except TimeoutError:
            raise AccsimError(f"--scheduler {scheduler}: has no workers; start some with 'dask worker'") from None
        finally:
            client.close()
    finally:
        if cluster is not None:
            cluster.close()


def workers_of(executor: Executor) -> int:
    """How many batches an executor runs at a time; at least one."""
    client = getattr(executor, "_client", None)
    if client is not None:
        threads = sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
        return max(1, int(threads))
    return int(getattr(executor, "_max_workers", 1))


def _distributed() -> Any:
    try:
        import distributed  # noqa: PLC0415
    except ImportError:
        raise AccsimError("sweeps on a cluster need Dask: pip install 'accsim[cluster]'") from None
    return distributed
