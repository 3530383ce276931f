"""Find the Pareto front of a design space: the points that no other beats in all objectives.

A space of no more points than the budget is estimated as a whole, and the front is exact. Of a larger one optuna (extra
search) chooses what is estimated. Results are kept in a store, as accsim sweep keeps them; the same command goes on
where an interrupted one was. 'accsim search policy' finds bits and density of each layer of a network instead.
"""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from accsim.cli import console, outputs
from accsim.cli.parser import Parser, names, natural, positive
from accsim.cli.progress import Bar

if TYPE_CHECKING:
    from accsim.sweep.optimise import Front
    from accsim.sweep.store import Store

SUBCOMMANDS = ("policy",)
"""Words in SPACE's place that are commands of their own, in modules of their own."""

EPILOG = """\
examples:
  accsim search space.yaml --store results.sqlite --minimise energy,latency_ms --budget 500 --seed 1 --html found.html
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
    parser.add_argument(
        "--html", metavar="FILE", help="write a report: the front, how it was found, what each setting does, commands"
    )
    parser.add_argument("--pdf", metavar="FILE", help="the report on a few pages of paper")
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

    outputs.check_pdf(arguments.pdf)
    outputs.check_writable({"--html": arguments.html, "--pdf": arguments.pdf})
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
        how = "every point was estimated"
        if not found.exact:
            how = (
                f"the best of {found.asked:,} points of {size:,}, seed {arguments.seed}; how far from the exact front "
                "is unknown"
            )
        written = _files(arguments, store, found, space.name, how, bar)
    for path, content in written.items():
        outputs.write(path, content)
    if arguments.quiet or outputs.STDOUT in written:
        return
    console.emit(f"Pareto front of {len(found.points)} points ({how}):\n")
    for row in found.points:
        figures = ", ".join(f"{name} {row.figure(name):.6g}" for name in arguments.minimise)
        console.emit(f"  {figures}: {row.settings.command()}\n")
    console.emit("".join(f"wrote {path}\n" for path in written))


def _files(
    arguments: argparse.Namespace, store: Store, found: Front, name: str, how: str, bar: Bar
) -> dict[str, str | bytes]:
    """The reports that are asked for."""
    out: dict[str, str | bytes] = {}
    if arguments.html is None and arguments.pdf is None:
        return out
    from accsim.sweep.report import search_view_of, settings_of_trials, with_winners

    command = shlex.join(["accsim", *arguments.command_line])
    view = search_view_of(store, found, arguments.minimise, f"{how[0].upper()}{how[1:]}.", name, command)
    view = with_winners(view, settings_of_trials(found), bar)
    if arguments.html is not None:
        from accsim.report.sweep.page import render_sweep

        out[arguments.html] = render_sweep(view)
    if arguments.pdf is not None:
        from accsim.report.sweep.pdf import sweep_pdf

        out[arguments.pdf] = sweep_pdf(view)
    return out
