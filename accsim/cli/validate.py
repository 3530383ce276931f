"""Put accsim's figures beside published ones: source, obtained value, error and tolerance.

Each figure is within its tolerance, outside, a known gap (outside, with the reason on record and the error no larger
than it was then), for information (no tolerance) or not reproducible from what is public. Exit code: 0 when no figure
is outside, 1 when one is. Known gaps do not fail; they are printed last with their reasons, and are outside once they
have grown or changed sign.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from accsim.cli import console, outputs
from accsim.cli.console import Block, Line, Table
from accsim.cli.parser import Parser
from accsim.cli.progress import Bar

if TYPE_CHECKING:
    from accsim.fidelity.compare import Row

OUTSIDE = 1
"""Exit code when a figure is outside its tolerance."""

STYLES = {"outside": "bold red", "known_gap": "yellow", "not_reproducible": "dim"}

EPILOG = """\
examples:
  accsim validate
  accsim validate eyeriss-jssc17 --json figures.json
  accsim validate --list
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim validate``."""
    parser.add_argument("cases", metavar="CASE", nargs="*", help="the cases to run (default: all)")
    parser.add_argument("--list", action="store_true", help="list the cases and what they are about, and run none")
    out = parser.add_argument_group("what is written (FILE may be - for the standard output)")
    out.add_argument("--json", metavar="FILE", help="one row per published figure")
    out.add_argument("--quiet", action="store_true", help="print nothing but mistakes; the exit code tells the rest")


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit code.

    Raises:
        AccsimError: there is no such case, or the file cannot be written.
    """
    outputs.check_writable({"--json": arguments.json})
    from accsim.fidelity import validate

    names = validate.check_names(arguments.cases)
    if arguments.list:
        return _list(names, arguments.json)
    from accsim.fidelity.compare import failing

    with Bar("validating", quiet=arguments.quiet) as bar:
        rows = validate.validate(names, progress=bar)
    if arguments.json is not None:
        outputs.write(arguments.json, outputs.to_json([row.to_dict() for row in rows], arguments.json))
    if arguments.json != outputs.STDOUT and not arguments.quiet:
        console.show(summary(rows))
        if arguments.json is not None:
            console.emit(f"wrote {arguments.json}\n")
    return OUTSIDE if failing(rows) else 0


def _list(names: Sequence[str], json: str | None) -> int:
    from accsim.fidelity import validate

    found = [validate.publication(name) for name in names]
    if json is not None:
        plain = [{"case": p.case, "title": p.title, "figures": len(p.figures), "sources": p.sources} for p in found]
        outputs.write(json, outputs.to_json(plain, json))
    if json != outputs.STDOUT:
        rows = [(p.case, len(p.figures), p.title) for p in found]
        console.show([console.table(("case", "figures", "what"), rows, left={"case", "what"})])
    return 0


def summary(rows: Sequence[Row]) -> list[Block]:
    """The blocks to print: a table per case, the sources, what cannot be reproduced, known gaps, the verdict."""
    from accsim.fidelity.spelling import spell_counts

    blocks: list[Block] = []
    for case in dict.fromkeys(row.case for row in rows):
        blocks += [Line(case, "bold"), _table([row for row in rows if row.case == case]), ""]
    blocks += [*_sources(rows), ""]
    for status in ("info", "not_reproducible", "outside", "known_gap"):
        blocks += _reasons([row for row in rows if row.status == status], status)
    outside = any(row.status == "outside" for row in rows)
    blocks.append(Line(spell_counts(rows), "bold red" if outside else "bold green"))
    return blocks


def _table(rows: Sequence[Row]) -> Table:
    """The figures of one case. The last column is aligned right, so that a narrow terminal cuts no number."""
    from accsim.fidelity.spelling import spell_error, spell_tolerance, spell_value

    cells = [
        (
            row.published.figure,
            row.published.reference,
            " ".join(filter(None, (spell_value(row.published.value), row.published.unit))),
            "" if row.obtained is None else spell_value(row.obtained),
            spell_error(row),
            spell_tolerance(row.published),
            row.status.value.replace("_", " "),
        )
        for row in rows
    ]
    titles = ("figure", "source", "published", "obtained", "error", "tolerance", "status")
    return console.table(titles, cells, left={"figure", "source"})


def _sources(rows: Sequence[Row]) -> Iterator[Line]:
    """The full citations behind the short names in the tables."""
    said: dict[str, None] = {}
    for row in rows:
        short, _, at = row.published.reference.partition(", ")
        full = row.published.source.removesuffix(f", {at}") if at else row.published.source
        said[f"{short}: {full}"] = None
    yield from (Line(line, "dim") for line in said)


def _reasons(rows: Sequence[Row], status: str) -> Iterator[Line]:
    """Why figures of one status stand as they do, each reason once."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.note:
            reasons.setdefault(row.note, []).append(f"{row.case} {row.published.figure}")
    for note, figures in reasons.items():
        yield Line(f"{status.replace('_', ' ')}: {', '.join(figures)}: {note}", STYLES.get(status, ""))
    if reasons:
        yield Line("")
