"""Show a network, an accelerator, a dataflow, an energy table or a recipe in full.

The kind may be left out where the name says enough.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from types import ModuleType

from accsim import library
from accsim.cli import console, outputs
from accsim.cli.kinds import KINDS, Kind, kind_called, kind_of, load
from accsim.cli.parser import Parser
from accsim.errors import InputError, suggest

EPILOG = """\
examples:
  accsim show alexnet
  accsim show accelerator eyeriss --json -
  accsim show weight_stationary --yaml > mine.yaml     # a start for your own
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim show``."""
    kinds = ", ".join(kind.singular for kind in KINDS)
    parser.usage = "accsim show [-h] [KIND] NAME [--json FILE | --yaml]"
    parser.add_argument(
        "what", metavar="[KIND] NAME", nargs="+",
        help=f"what to show: a name or a YAML file, after its kind ({kinds}) where several have the name",
    )  # fmt: skip
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", metavar="FILE", help="write it as JSON instead; - for the standard output")
    form.add_argument("--yaml", action="store_true", help="print the YAML file it is read from, comments and all")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: there is no such thing, its file has mistakes, or the output cannot be written.
    """
    outputs.check_writable({"--json": arguments.json})
    kind, name = _asked(arguments.what)
    if arguments.yaml:
        console.emit(_text(kind, name))
        return
    found = load(kind, name)
    if arguments.json is not None:
        plain = {"kind": kind.singular, **_describe(kind).plain(found)}
        outputs.write(arguments.json, outputs.to_json(plain, arguments.json))
        return
    console.show(_describe(kind).blocks(found))


def _text(kind: Kind, name: str) -> str:
    """The YAML file, or what an imported model's network looks like as one."""
    from accsim.importers.opening import is_imported

    if kind.stored != "networks" or not is_imported(name):
        return library.find(kind.stored, name).text
    from accsim.workload.writer import network_yaml

    return network_yaml(load(kind, name))


def _asked(words: list[str]) -> tuple[Kind, str]:
    """The kind and name meant by one or two words."""
    if len(words) == 1:
        alone = kind_called(words[0])
        if alone is not None:
            raise InputError([f"which {alone.singular}? 'accsim list {alone.plural}' shows the names there are"])
        return kind_of(words[0]), words[0]
    if len(words) > 2:
        raise InputError([f"unexpected {words[2]!r}; 'accsim show --help' shows how"])
    kind = kind_called(words[0])
    if kind is None:
        known = [kind.singular for kind in KINDS]
        hint = suggest(words[0], known)
        raise InputError([f"unknown kind {words[0]!r}: must be {', '.join(known[:-1])} or {known[-1]}{hint}"])
    return kind, words[1]


def _describe(kind: Kind) -> ModuleType:
    """The module that describes this kind: ``plain`` for JSON and ``blocks`` for people."""
    return import_module(f"accsim.cli.show_{kind.singular.replace('-', '_')}")
