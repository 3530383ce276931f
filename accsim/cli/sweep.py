"""Estimate every point of a design space and keep the results in a store.

SPACE is a YAML file: a value, a list or a range for each of workload, hardware, dataflow, compress, batch, objective,
effort, energy_table, search_table, for keys of the accelerator (set:), of the energy table (energy:) and for free sizes
(bind:), keys that vary together (together:) and conditions (where:). A sweep that was interrupted or killed goes on
where it was: the same command estimates the points that are not in the store.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from accsim.cli import console
from accsim.cli.parser import Parser, positive
from accsim.cli.progress import Bar
from accsim.errors import AccsimError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from accsim.sweep.runner import State
    from accsim.sweep.space import Space

SUBCOMMANDS = ("status", "export", "merge", "report")
"""Words in SPACE's place that are commands of their own, in modules of their own."""

EPILOG = """\
examples:
  accsim sweep space.yaml --plan                          points, and how long they should take
  accsim sweep space.yaml --store results.sqlite          all of them, on every core
  accsim sweep space.yaml --store results.sqlite --retry  what failed once more
  accsim sweep space.yaml --store results.sqlite --scheduler tcp://host:8786
  accsim sweep status results.sqlite
  accsim sweep export results.sqlite -o results.csv
  accsim sweep report results.sqlite -o results.html
  accsim sweep merge all.sqlite one.sqlite two.sqlite
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim sweep``."""
    parser.add_argument(
        "space", metavar="SPACE", help="the design space, a YAML file; or status, export, merge, report"
    )
    parser.add_argument("--store", metavar="FILE", help="where results are kept; made if it is not there")
    parser.add_argument("--plan", action="store_true", help="say how many points there are and how long they take")
    parser.add_argument("--workers", metavar="N", type=positive, help="worker processes (default: one per core)")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS",
        help="run on Dask: the scheduler's address, such as tcp://host:8786, or local for one of this machine; its "
        "workers need the same accsim, and the files that the space names",
    )  # fmt: skip
    parser.add_argument("--retry", action="store_true", help="estimate points again that failed")
    parser.add_argument("--quiet", action="store_true", help="print nothing but mistakes")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: a mistake in what was given, or a store that cannot be written.
    """
    from accsim.sweep.space_reader import load_space

    if (arguments.store is None) != arguments.plan:
        raise AccsimError("give either --store FILE, or --plan to see how long the sweep would take")
    space = load_space(arguments.space)
    size = space.size()
    if not size:
        raise AccsimError(f"{arguments.space}: no point of {space.product:,} meets the conditions")
    tell = _silent if arguments.quiet else console.emit
    tell(describe(space, size))
    workers = arguments.workers or _cores()
    if arguments.plan:
        from accsim.sweep.forecast import forecast

        tell(f"{forecast(space, size).words(workers)}\n")
        return
    _sweep(arguments, space, size, workers, tell)


def _sweep(arguments: argparse.Namespace, space: Space, size: int, workers: int, tell: Callable[[str], None]) -> None:
    from accsim.sweep.forecast import forecast
    from accsim.sweep.runner import State, sweep
    from accsim.sweep.store import Store

    state = State(size)
    with Store(arguments.store) as store:
        before = sum(store.counts(_digest(space)).values())
        if before:
            tell(f"{before:,} of them are in {arguments.store}\n")
        if before < size and not arguments.quiet:
            tell(f"{forecast(space, size - before).words(workers)}\n")
        make = executors(arguments)
        try:
            with Bar(space.name, quiet=arguments.quiet) as bar:
                sweep(
                    space,
                    store,
                    make,
                    retry=arguments.retry,
                    state=state,
                    progress=lambda s: bar(s.done, s.total, now(s)),
                )
        except KeyboardInterrupt:
            said = f"interrupted: what was done is in {arguments.store}; the same command goes on from there"
            tell(f"{summary(state)}{said}\n")
            raise
    tell(f"{summary(state)}results are in {arguments.store}\n")


def executors(arguments: argparse.Namespace) -> Callable[[], AbstractContextManager[Executor]]:
    """What makes the executor that the options ask for."""
    from accsim.sweep.executors import dask, processes

    workers = arguments.workers or _cores()
    if arguments.scheduler is None:
        return lambda: processes(workers, arguments.store)
    return lambda: dask(arguments.scheduler, workers)


def _digest(space: Space) -> str:
    from accsim.sweep.runner import space_digest

    return space_digest(space)


def describe(space: Space, size: int) -> str:
    """The size of a space, axis by axis."""
    axes = [axis for axis in space.axes if len(axis.options) > 1]
    lines = [f"{space.name}: {size:,} points"]
    if size < space.product:
        lines[0] += f" of {space.product:,} meet the conditions"
    lines += [f"  {', '.join(axis.keys)}: {len(axis.options)} values" for axis in axes]
    return "".join(f"{line}\n" for line in lines)


def summary(state: State) -> str:
    """What a run did."""
    from accsim.sweep.evaluate import Status
    from accsim.sweep.forecast import spell_time

    counts, counters = state.counts, state.counters
    parts = [f"{state.fresh:,} points estimated in {spell_time(state.seconds)}"]
    parts += [f"{counts[one]:,} {one.value}" for one in (Status.INFEASIBLE, Status.FAILED) if counts[one]]
    if state.skipped:
        parts.append(f"{state.skipped:,} were stored before")
    lines = [", ".join(parts) + (f" ({state.fresh / state.seconds:.1f} points/s)" if state.fresh else "")]
    if counters.points:
        lines.append(
            f"{counters.mapped:,} combinations mapped, {counters.points - counters.mapped:,} points differ from one in "
            f"prices alone; {counters.searched:,} mappings of layers searched, {counters.search_hits:,} known; "
            f"{counters.simulated:,} layers simulated, {counters.simulation_hits:,} known"
        )
    if state.deaths:
        lines.append(f"batches whose worker ended and that were given out again: {state.deaths:,}")
    if state.best is not None:
        what, value, settings = state.best
        lines.append(f"least {what} of this run: {value:.6g}: {settings.command()}")
    return "".join(f"{line}\n" for line in lines)


def now(state: State) -> str:
    """How far a sweep is, for the progress bar."""
    from accsim.sweep.forecast import spell_time

    left = state.remaining_s
    words = f"{state.done:,}/{state.total:,}, {state.rate:.1f} points/s"
    if left is not None:
        words += f", {spell_time(left)} left"
    if state.best is not None:
        words += f", least {state.best[0]} {state.best[1]:.4g}"
    return words


def _silent(text: str) -> None:
    """Say nothing."""


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
