"""Write the points of a store as a table: CSV, or Parquet (extra parquet) for a file that ends in .parquet."""

from __future__ import annotations

import argparse

from accsim.cli import console, outputs
from accsim.cli.parser import Parser, one_of

EPILOG = """\
examples:
  accsim sweep export results.sqlite -o results.csv
  accsim sweep export results.sqlite -o results.parquet --pareto energy,latency_ms
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim sweep export``."""
    parser.add_argument("store", metavar="STORE", help="a store of accsim sweep")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="a .csv or a .parquet file")
    parser.add_argument(
        "--status", metavar="STATUS", type=one_of("done", "infeasible", "failed"), help="only points of this status"
    )
    parser.add_argument(
        "--pareto", metavar="METRICS",
        help="only the points that no other beats in all of these, such as energy,latency_ms,area_mm2",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: the store cannot be read, or the file not be written.
    """
    from accsim.sweep.export import export
    from accsim.sweep.store import Store

    outputs.check_writable({"--output": arguments.output})
    metrics = tuple(arguments.pareto.split(",")) if arguments.pareto else ()
    with Store(arguments.store, read_only=True) as store:
        rows = export(store, arguments.output, status=arguments.status, pareto=metrics)
    console.emit(f"wrote {arguments.output}: {rows:,} points\n")
