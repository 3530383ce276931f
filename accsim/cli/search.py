"""Find the Pareto front of a design space: the points that no other beats in all objectives.

A space of no more points than the budget is estimated as a whole, and the front is exact. Of a larger one optuna (extra
search) chooses what is estimated. Results are kept in a store, as accsim sweep keeps them; the same command goes on
where an interrupted one was. 'accsim search policy' finds bits and density of each layer of a network instead.
"""

from __future__ import annotations

import argparse

from accsim.cli import console
from accsim.cli.parser import Parser, names, natural, positive
from accsim.cli.progress import Bar

SUBCOMMANDS = ("policy",)
"""Words in SPACE's place that are commands of their own, in modules of their own."""

EPILOG = """\
examples:
  accsim search space.yaml --store results.sqlite --minimise energy,latency_ms --budget 500 --seed 1
  accsim search policy alexnet --size 10% -o small.yaml
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim search``."""
    parser.add_argument("space", metavar="SPACE", help="the design space, a YAML file as for accsim sweep; or policy")
    parser.add_argument("--store", metavar="FILE", required=True, help="where results are kept")
    parser.add_argument(
        "--minimise", metavar="METRICS", type=names, default=["energy", "latency_ms"],
        help="some of energy, latency_ms, cycles, area_mm2 (default: energy,latency_ms)",
    )  # fmt: skip
    parser.add_argument("--budget", metavar="N", type=positive, default=200, help="points to estimate (default: 200)")
    parser.add_argument("--seed", metavar="N", type=natural, default=0, help="of the search (default: 0)")
    parser.add_argument("--workers", metavar="N", type=positive, help="worker processes (default: one per core)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="run on Dask, as accsim sweep does")
    parser.add_argument("--quiet", action="store_true", help="print nothing but mistakes")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: a mistake in what was given, or a store that cannot be written.
    """
    from accsim.cli.sweep import describe, executors, now
    from accsim.sweep.optimise import optimise
    from accsim.sweep.space_reader import load_space
    from accsim.sweep.store import Store

    space = load_space(arguments.space)
    size = space.size()
    if not arguments.quiet:
        console.emit(describe(space, size))
    with Store(arguments.store) as store, Bar(space.name, quiet=arguments.quiet) as bar:
        found = optimise(
            space,
            store,
            executors(arguments),
            arguments.minimise,
            arguments.budget,
            seed=arguments.seed,
            progress=lambda state: bar(state.done, state.total, now(state)),
        )
    if arguments.quiet:
        return
    how = "every point was estimated"
    if not found.exact:
        how = (
            f"the best of {found.asked:,} points of {size:,}, seed {arguments.seed}; how far from the exact front is "
            "unknown"
        )
    console.emit(f"Pareto front of {len(found.points)} points ({how}):\n")
    for row in found.points:
        figures = ", ".join(f"{name} {row.figure(name):.6g}" for name in arguments.minimise)
        console.emit(f"  {figures}: {row.settings.command()}\n")
