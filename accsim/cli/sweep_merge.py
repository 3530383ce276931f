"""Put the points of several stores into one; points that are there stay, unless they failed and did not elsewhere."""

from __future__ import annotations

import argparse

from accsim.cli import console
from accsim.cli.parser import Parser

EPILOG = """\
examples:
  accsim sweep merge all.sqlite one.sqlite two.sqlite
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim sweep merge``."""
    parser.add_argument("target", metavar="TARGET", help="the store that receives the points; made if it is not there")
    parser.add_argument("sources", metavar="STORE", nargs="+", help="the stores they come from")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: a store cannot be read or written.
    """
    from accsim.sweep.store import merge

    for source, (taken, there) in merge(arguments.target, arguments.sources).items():
        console.emit(f"{source}: {taken:,} points taken over, {there:,} were there\n")
