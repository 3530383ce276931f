"""Put the published accuracy of every recipe of a network beside its estimated energy and latency, and draw the fronts.

Recipes carry accuracies as they were published, each with its citation; the network as it is stands beside them where
a recipe says what its authors' float network reached. Recipes without a published accuracy, and those a machine cannot
run, are named.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from accsim import __version__
from accsim.cli import console, outputs
from accsim.cli.console import Block, Line
from accsim.cli.parser import Parser
from accsim.cli.progress import Bar
from accsim.errors import InputError

if TYPE_CHECKING:
    from accsim.study.accuracy.view import AccuracyView

EPILOG = """\
examples:
  accsim report accuracy alexnet --hardware eyeriss
  accsim report accuracy alexnet,alexnet_owt_torchvision --hardware eyeriss,bit_fusion --html fronts.html
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim report accuracy``."""
    parser.add_argument("networks", metavar="NETWORK[,NETWORK...]", help="networks whose recipes are drawn together")
    parser.add_argument("--hardware", metavar="NAME[,NAME...]", default="eyeriss", help="machines (default: eyeriss)")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="inputs at a time (default: 1)")
    parser.add_argument("--html", metavar="FILE", help="write a page with charts and a table that sorts")
    parser.add_argument("--pdf", metavar="FILE", help="write the charts and the table as PDF")
    parser.add_argument("--csv", metavar="FILE", help="write the points as CSV; - for the standard output")
    parser.add_argument("--quiet", action="store_true", help="print nothing but mistakes")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: a name is unknown, no recipe belongs to the networks, or a file cannot be written.
    """
    outputs.check_writable({"--html": arguments.html, "--pdf": arguments.pdf, "--csv": arguments.csv})
    if arguments.batch < 1:
        raise InputError([f"--batch: must be at least 1, got {arguments.batch}"])
    from accsim.hardware.reader import load_accelerator
    from accsim.workload.reader import load_network

    networks = tuple(dict.fromkeys(load_network(name).name for name in _names(arguments.networks, "NETWORK")))
    machines = _names(arguments.hardware, "--hardware")
    for name in machines:
        load_accelerator(name)  # a mistake is told before the first estimate
    from accsim.study.accuracy.view import view_of
    from accsim.study.explorations.compression_fronts import Settings
    from accsim.study.explorations.compression_fronts import run as estimate

    settings = Settings(groups={networks[0]: networks}, hardware=machines, batch=arguments.batch)
    with Bar("estimating recipes", quiet=arguments.quiet) as bar:
        found = estimate(settings, bar)
    if not found.points and not found.unknown:
        has = ", ".join(sorted(_networks_with_recipes()))
        raise InputError([f"no recipe compresses {' or '.join(networks)}; there are recipes for {has}"])
    view = view_of(found, f"{', '.join(networks)}: accuracy against energy and latency")
    if arguments.html is not None:
        from accsim.report.files import write_whole
        from accsim.study.accuracy.page import render_accuracy

        command = shlex.join(["accsim", *sys.argv[1:]])
        write_whole(arguments.html, render_accuracy(view, command, [("accsim", __version__)]))
    if arguments.pdf is not None:
        from accsim.report.files import write_whole
        from accsim.study.accuracy.pdf import accuracy_pdf

        write_whole(arguments.pdf, accuracy_pdf(view))
    if arguments.csv is not None:
        from accsim.study.numbers import to_csv
        from accsim.study.studies.compression_fronts import tables

        outputs.write(arguments.csv, to_csv(tables(found)["points"]))
    if not arguments.quiet and arguments.csv != outputs.STDOUT:
        written = [name for name in (arguments.html, arguments.pdf, arguments.csv) if name]
        console.show([*_blocks(view), *(f"wrote {name}" for name in written)])


def _names(given: str, option: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in given.split(",")))
    if not all(names):
        raise InputError([f"{option}: an empty name in {given!r}"])
    return names


def _networks_with_recipes() -> set[str]:
    from accsim import library
    from accsim.compress.recipe_reader import load_recipe

    return {load_recipe(name).network or "" for name in library.names("recipes")} - {""}


def _blocks(view: AccuracyView) -> list[Block]:
    from accsim.report.quantities import significant
    from accsim.study.accuracy.view import energy_of, latency_of

    head = ("row", "top-1 %", "recipe", "network", "machine", "energy uJ", "latency ms", "weights MB", "front")
    rows = [
        (
            one.row,
            f"{one.point.accuracy_pct:g}",
            one.name,
            one.point.network,
            one.point.hardware,
            significant(energy_of(one.point)),
            significant(latency_of(one.point)),
            "" if one.point.stored_bits is None else f"{one.point.stored_bits / 8e6:.3g}",
            " ".join(mark for mark, on in (("energy", one.on_energy), ("latency", one.on_latency)) if on),
        )
        for one in view.points
    ]
    out: list[Block] = [
        Line(f"{view.title}, batch {view.batch}", "bold"),
        console.table(head, rows, left={"recipe", "network", "machine", "front"}),
        "accuracies as published; energy and latency estimated, per inference",
    ]
    out += [Line(f"cannot run: {p.recipe or p.network} on {p.hardware}: {p.infeasible}", "yellow") for p in view.cannot]
    if view.unknown:
        out.append(Line(f"no accuracy was published: {', '.join(view.unknown)}", "yellow"))
    return out
