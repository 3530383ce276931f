"""Write the report of a sweep: one HTML file that needs no network, or a PDF of a few pages.

Pareto fronts, parallel coordinates, what each setting does, the energy of the best by component, the best points with
the commands that run them alone and, estimated again, layer by layer with their rooflines; a table that sorts and
filters, and why points have no figures.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from accsim.cli import console, outputs
from accsim.cli.parser import Parser
from accsim.cli.progress import Bar
from accsim.errors import InputError

EPILOG = """\
examples:
  accsim sweep report results.sqlite                        # results.html
  accsim sweep report results.sqlite -o sweep.html --pdf sweep.pdf --title 'Array shapes'
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim sweep report``."""
    parser.add_argument("store", metavar="STORE", help="a store of accsim sweep; one that is being written, too")
    parser.add_argument("-o", "--output", metavar="FILE", help="the HTML file (default: the store's name with .html)")
    parser.add_argument("--pdf", metavar="FILE", help="also write a PDF file")
    parser.add_argument("--title", metavar="TEXT", help="of the report (default: the names of the spaces)")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: the store cannot be read, holds no points, or a file cannot be written.
    """
    output = arguments.output or str(Path(arguments.store).with_suffix(".html"))
    outputs.check_writable({"--output": output, "--pdf": arguments.pdf})
    from accsim.report.files import write_whole
    from accsim.report.sweep.page import render_sweep
    from accsim.sweep.report import settings_of, view_of, with_winners
    from accsim.sweep.store import Store

    with Store(arguments.store, read_only=True) as store:
        title = arguments.title or ", ".join(name for _, name, _ in store.spaces()) or "sweep"
        view = view_of(store, title, shlex.join(["accsim", *sys.argv[1:]]))
        with Bar("report", quiet=False) as bar:
            view = with_winners(view, settings_of(store), bar)
    if not (view.points or view.infeasible_points or view.failed_points):
        raise InputError([f"{arguments.store}: there are no points in it yet"])
    write_whole(output, render_sweep(view))
    if arguments.pdf is not None:
        from accsim.report.sweep.pdf import sweep_pdf

        write_whole(arguments.pdf, sweep_pdf(view))
    console.emit("".join(f"wrote {name}\n" for name in (output, arguments.pdf) if name))
