"""List the networks, accelerators, dataflows, energy tables and recipes there are, a line each.

Files of your own are listed when their folder is in $ACCSIM_PATH, under networks/, accelerators/, dataflows/,
energy_tables/ or recipes/. 'accsim list methods' shows the published methods of compressing networks, and what there is
for each of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from accsim import library
from accsim.cli import console, outputs
from accsim.cli.console import Block, Line
from accsim.cli.kinds import KINDS, Kind, kind_called, load
from accsim.cli.parser import Parser, one_of
from accsim.errors import AccsimError

EPILOG = """\
examples:
  accsim list
  accsim list networks
  accsim list accelerators --json -
  accsim list methods
"""

METHODS = "methods"

Entry = dict[str, Any]


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim list``."""
    plurals = [kind.plural for kind in KINDS]
    parser.add_argument(
        "kind", metavar="KIND", nargs="?", type=one_of(*plurals, METHODS),
        help=f"{', '.join(plurals)} (default: all of these), or {METHODS}",
    )  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write the list as JSON instead; - for the standard output")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: the file cannot be written.
    """
    outputs.check_writable({"--json": arguments.json})
    if arguments.kind == METHODS:
        from accsim.cli import methods

        if arguments.json is not None:
            outputs.write(arguments.json, outputs.to_json({METHODS: methods.plain()}, arguments.json))
        else:
            console.show(methods.blocks())
        return
    kinds = KINDS if arguments.kind is None else (kind_called(arguments.kind),)
    listed = {kind: entries(kind) for kind in kinds if kind is not None}
    if arguments.json is not None:
        plain = {kind.stored.replace(" ", "_"): found for kind, found in listed.items()}
        outputs.write(arguments.json, outputs.to_json(plain, arguments.json))
        return
    blocks: list[Block] = []
    for kind, found in listed.items():
        blocks += [*([""] if blocks else []), Line(f"{kind.plural} ({len(found)})", "bold"), _table(kind, found)]
    console.show(blocks)


def entries(kind: Kind) -> list[Entry]:
    """What there is of one kind; a file with mistakes is listed with the first of them under ``error``."""
    found: list[Entry] = []
    for name in library.names(kind.stored):
        try:
            found.append({"name": name, **_ABOUT[kind.singular](load(kind, name))})
        except AccsimError as error:
            found.append({"name": name, "error": str(error).splitlines()[0]})
    return found


def _network(network: Any) -> Entry:
    return {
        "description": network.description,
        "layers": len(network.layers),
        "mac_layers": len(network.mac_layers),
        "macs": network.macs,
        "weights": network.weight_words,
        "sizes": dict(network.bindings),
    }


def _accelerator(machine: Any) -> Entry:
    return {
        "description": machine.description,
        "family": machine.array.family.value,
        "rows": machine.array.rows,
        "cols": machine.array.cols,
        "weight_bits": machine.pe.weight_bits,
        "activation_bits": machine.pe.activation_bits,
        "accumulator_bits": machine.pe.accumulator_bits,
        "clock_mhz": machine.clock_mhz,
        "node_nm": machine.node_nm,
        "dataflow": machine.dataflow,
        "energy_table": machine.energy_table,
    }


def _dataflow(dataflow: Any) -> Entry:
    from accsim.mapping.dataflow import family_of
    from accsim.mapping.reuse.dataflow import ReuseDataflow

    return {
        "description": dataflow.description,
        "class": dataflow.dataflow_class,
        "family": "reuse" if isinstance(dataflow, ReuseDataflow) else family_of(dataflow).value,
    }


def _energy_table(table: Any) -> Entry:
    return {
        "description": " ".join(table.description.split()),
        "unit": table.unit.value,
        "transfer_rule": table.transfer_rule.value,
        "node_nm": table.node_nm,
        "entries": len(table.entries),
    }


def _recipe(recipe: Any) -> Entry:
    return {
        "description": recipe.about,
        "network": recipe.network,
        "passes": [one.name for one in recipe.passes],
        "secondary": recipe.secondary,
        "published_accuracy": [
            {"metric": a.metric, "value_pct": a.value_pct, "source": a.source} for a in recipe.accuracy
        ],
    }


_ABOUT: Mapping[str, Callable[[Any], Entry]] = {
    "network": _network,
    "accelerator": _accelerator,
    "dataflow": _dataflow,
    "energy-table": _energy_table,
    "recipe": _recipe,
}


def _table(kind: Kind, found: Sequence[Entry]) -> Block:
    """The columns of one section; the description comes last, as it is the longest."""
    titles, row = _ROWS[kind.singular]
    rows = [
        [e["name"], *([""] * (len(titles) - 2)), f"cannot be read: {e['error']}"]
        if "error" in e
        else [e["name"], *row(e), e["description"].partition(". ")[0].removesuffix(".")]
        for e in found
    ]
    return console.table(titles, rows, left=_TEXTS)


_TEXTS = {"name", "family", "class", "unit", "dataflow", "transfers", "network", "what", "description"}


def _short(count: int) -> str:
    from accsim.report.quantities import si

    return si(count, "").replace(" ", "")


def _nm(value: float | None) -> str:
    return "" if value is None else f"{value:g} nm"


_ROWS: Mapping[str, tuple[Sequence[str], Callable[[Entry], Sequence[object]]]] = {
    "network": (
        ("name", "layers", "MACs", "weights", "description"),
        lambda e: (e["layers"], _short(e["macs"]), _short(e["weights"])),
    ),
    "accelerator": (
        ("name", "array", "bits", "clock", "node", "dataflow", "description"),
        lambda e: (
            f"{e['rows']} x {e['cols']}",
            f"{e['weight_bits']}/{e['activation_bits']}/{e['accumulator_bits']}",
            f"{e['clock_mhz']:g} MHz", _nm(e["node_nm"]), e["dataflow"],
        ),
    ),
    "dataflow": (("name", "class", "family", "description"), lambda e: (e["class"], e["family"])),
    "energy-table": (
        ("name", "unit", "transfers", "node", "description"),
        lambda e: (e["unit"], e["transfer_rule"], _nm(e["node_nm"])),
    ),
    "recipe": (
        ("name", "network", "what", "description"),
        lambda e: (e["network"] or "any", ", ".join(dict.fromkeys(e["passes"])) or "published figures"),
    ),
}  # fmt: skip
