"""Run a study and write its page, results and figures, byte for byte the same each time.

A study is a folder with recipe.yaml (and figures.yaml, where something was published), such as
reports/energy-aware-pruning in accsim's repository, and is written where it lies. Studies that ship with accsim have a
name too, and are written to the folder of -o. Without a study, those that ship are listed. Exit code: 0, and 1 when
--check finds a difference. 'accsim report accuracy' is no study: it draws published accuracy against energy and latency
for all recipes of a network.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from accsim.cli import console
from accsim.cli.console import Line
from accsim.cli.parser import Parser
from accsim.cli.progress import Bar
from accsim.errors import AccsimError, InputError

if TYPE_CHECKING:
    from accsim.study.study import Study

SUBCOMMANDS = ("accuracy",)
"""Words in STUDY's place that are commands of their own, in modules of their own."""

DIFFERENT = 1
"""Exit code when the files that are there differ from what the study writes."""

EPILOG = """\
examples:
  accsim report                                          # what there is
  accsim report reports/energy-aware-pruning             # in a checkout: written where it lies
  accsim report energy-aware-pruning -o my-copy          # anywhere
  accsim report reports/energy-aware-pruning --check     # compared with what lies there
  accsim report accuracy alexnet --hardware eyeriss      # all recipes of a network: accuracy against energy
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim report``."""
    parser.add_argument("study", metavar="STUDY", nargs="?", help="a study's folder, or the name of one that ships")
    parser.add_argument("-o", "--output", metavar="DIR", help="write to this folder, which is made where it is missing")
    parser.add_argument("--check", action="store_true", help="write nothing; compare with what is there")
    parser.add_argument("--quiet", action="store_true", help="print nothing but mistakes")


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit code.

    Raises:
        AccsimError: there is no such study, its recipe has mistakes, or the folder cannot be written.
    """
    from accsim.study import study as studies

    if arguments.study is None:
        if arguments.output is not None or arguments.check:
            raise InputError(["say which study; 'accsim report' lists those there are"])
        rows = [(name, recipe.title) for name, recipe in studies.studies().items()]
        console.show([console.table(("study", "what"), rows, left={"study", "what"})])
        return 0
    found = studies.find(arguments.study)
    folder = _target(found, arguments)
    from accsim.study.folder import differences, prepare, write

    if not arguments.check:
        prepare(folder)
    with Bar(f"running {found.name}", quiet=arguments.quiet):
        made = studies.make(found)
    if arguments.check:
        wrong = differences(folder, made.files)
        if not arguments.quiet:
            said = wrong or [f"{folder}: {len(made.files)} files, all as the study writes them"]
            console.show(Line(line, "red" if wrong else "") for line in said)
        return DIFFERENT if wrong else 0
    write(folder, made.files)
    if not arguments.quiet:
        from accsim.fidelity.spelling import spell_counts

        counts = [Line(spell_counts(made.rows), "bold")] if made.rows else []
        console.show([*counts, *(f"wrote {folder / name}" for name in made.files)])
    return 0


def _target(found: Study, arguments: argparse.Namespace) -> Path:
    if arguments.output is not None:
        if not arguments.output:
            raise InputError(["-o: the folder's name is empty"])
        return Path(arguments.output)
    if found.folder is None:
        raise AccsimError(
            f"the study {found.name!r} ships with accsim; say where to write it, such as "
            f"'accsim report {found.name} -o {found.name}'"
        )
    return found.folder
