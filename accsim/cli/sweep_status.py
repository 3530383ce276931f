"""Say what a store of accsim sweep holds: spaces, points by status, why points have no figures, and the best ones."""

from __future__ import annotations

import argparse

from accsim.cli import console
from accsim.cli.parser import Parser

EPILOG = """\
examples:
  accsim sweep status results.sqlite
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim sweep status``."""
    parser.add_argument("store", metavar="STORE", help="a store of accsim sweep; one that is being written, too")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: the store is not there, damaged, or none.
    """
    from accsim.sweep.store import Store

    lines: list[str] = []
    with Store(arguments.store, read_only=True) as store:
        for digest, name, points in store.spaces():
            there = store.counts(digest)
            said = ", ".join(f"{n:,} {status}" for status, n in sorted(there.items())) or "nothing yet"
            lines.append(f"{name}: {sum(there.values()):,} of {points:,} points: {said}")
        for status in ("failed", "infeasible"):
            lines += [f"{status} {n:,} times: {reason}" for reason, n in store.reasons(status, 5)]
        for metric in ("energy", "latency_ms", "area_mm2"):
            best = store.best(metric)
            if best is not None:
                value = best.figure(metric)
                unit = f" {best.unit}" if metric == "energy" else ""
                lines.append(f"least {metric}: {value:.6g}{unit}: {best.settings.command()}")
    console.emit("".join(f"{line}\n" for line in lines))
