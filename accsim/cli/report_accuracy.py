"""Put the published accuracy of every recipe of a network beside its energy and latency on a machine.

Accuracies travel with the recipes, each with its source; nothing is trained or classified. The uncompressed network has
the accuracy that the recipes' authors published of their float network. Recipes without an accuracy are named.
"""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from accsim.cli import console, outputs
from accsim.cli.parser import Parser, positive
from accsim.cli.progress import Bar

if TYPE_CHECKING:
    from accsim.report.accuracy.view import AccuracyView

EPILOG = """\
examples:
  accsim report accuracy alexnet
  accsim report accuracy resnet18 --hardware systolic_32x32 --html resnet18.html --pdf resnet18.pdf --csv resnet18.csv
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim report accuracy``."""
    parser.add_argument("network", metavar="NETWORK", help="a network that recipes are for ('accsim list recipes')")
    parser.add_argument("--hardware", metavar="NAME", default="eyeriss", help="default: eyeriss")
    parser.add_argument("--metric", metavar="NAME", default="top-1", help="of the accuracies (default: top-1)")
    parser.add_argument("--batch", metavar="N", type=positive, default=1, help="default: 1")
    parser.add_argument("--html", metavar="FILE", help="write a page: fronts, every point with its name, sources")
    parser.add_argument("--pdf", metavar="FILE", help="the same on a few pages of paper")
    parser.add_argument("--csv", metavar="FILE", help="one row per recipe, units in the column names")
    parser.add_argument("--quiet", action="store_true", help="print nothing but mistakes")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: a mistake in what was given, or a file that cannot be written.
    """
    outputs.check_pdf(arguments.pdf)
    outputs.check_writable({"--html": arguments.html, "--pdf": arguments.pdf, "--csv": arguments.csv})
    from accsim.study.explorations.accuracy import accuracy_view

    with Bar(f"recipes of {arguments.network}", quiet=arguments.quiet) as bar:
        view = accuracy_view(
            arguments.network, arguments.hardware, metric=arguments.metric, batch=arguments.batch,
            command=shlex.join(["accsim", *arguments.command_line]), watch=bar,
        )  # fmt: skip
        written = _files(arguments, view)
    for path, content in written.items():
        outputs.write(path, content)
    if not arguments.quiet and outputs.STDOUT not in written:
        _tell(view)
        console.emit("".join(f"wrote {path}\n" for path in written))


def _files(arguments: argparse.Namespace, view: AccuracyView) -> dict[str, str | bytes]:
    from accsim.report.accuracy.page import accuracy_csv, render_accuracy

    out: dict[str, str | bytes] = {}
    if arguments.html is not None:
        out[arguments.html] = render_accuracy(view)
    if arguments.pdf is not None:
        from accsim.report.accuracy.pdf import accuracy_pdf

        out[arguments.pdf] = accuracy_pdf(view)
    if arguments.csv is not None:
        out[arguments.csv] = accuracy_csv(view)
    return out


def _tell(view: AccuracyView) -> None:
    from accsim.report.accuracy.page import COSTS, shown

    fronts = {what: {point.name for point in view.front(what)} for what, _ in COSTS}
    rows = [
        [
            point.name,
            "" if point.accuracy_pct is None else f"{point.accuracy_pct:g}",
            *(
                shown(view, what)(point.cost(what)) + (" *" if point.name in fronts[what] else "  ")
                for what, _ in COSTS
            ),
        ]
        for point in view.points
    ]
    head = ("recipe", f"{view.metric} %", "energy  ", "latency  ")
    console.show([console.table(head, rows, left={"recipe"}), "* on the front of accuracy and this figure", ""])
    failed = [f"{point.name}: {point.reason}" for point in view.points if point.reason]
    if view.unknown():
        failed.append(f"nobody published a {view.metric} of {', '.join(view.unknown())}")
    console.emit("".join(f"{line}\n" for line in failed))
