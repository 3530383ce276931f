"""Compress a network: put a recipe's passes on its weights, count what they take in memory, and write them.

MODEL is a network's name or YAML file, whose weights are then made up from a stated distribution, or an .npz archive of
trained arrays LAYER.weight [M, C / G, R, S], LAYER.bias [M] and, of batch normalisations, LAYER.gamma, beta, mean and
variance. Errors are of weights against the trained ones, and no accuracy. MB is 10^6 bytes.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from accsim.cli import console, outputs
from accsim.cli.parser import Parser, natural
from accsim.errors import AccsimError, InputError

if TYPE_CHECKING:
    from accsim.compress.compressed import Compressed

EPILOG = """\
examples:
  accsim compress alexnet alexnet-q-cnn -o alexnet-q-cnn.npz
  accsim compress trained.npz mine.yaml --network resnet18 -o small.npz --json -
  accsim compress lenet_caffe mine.yaml --encoding relative:4+huffman --csv layers.csv
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim compress``."""
    parser.add_argument("model", metavar="MODEL", help="a network, or an .npz archive of its weights")
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe's name ('accsim list recipes') or a YAML file")
    parser.add_argument(
        "--network", metavar="NAME", help="the network that an .npz archive is of (default: the recipe's)"
    )
    parser.add_argument(
        "--encoding", metavar="NAME", default="best",
        help="of every layer's weights: dense, relative:4, csr, bitmap ... each with +huffman or without, or the "
        "smallest for each layer (best, the default)",
    )  # fmt: skip
    parser.add_argument("--seed", metavar="N", type=natural, default=0, help="of made-up weights (default: 0)")
    out = parser.add_argument_group("what is written (FILE may be - for the standard output)")
    out.add_argument("-o", "--output", metavar="FILE.npz", help="the compressed weights: values, codes, scales, masks")
    out.add_argument("--json", metavar="FILE", help="what is printed, as JSON")
    out.add_argument("--csv", metavar="FILE", help="one row per layer, units in the column names")
    out.add_argument("--quiet", action="store_true", help="print nothing but mistakes")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: a mistake in what was given, or a file that cannot be written.
    """
    if arguments.output == outputs.STDOUT:
        raise InputError(["-o: an archive is written to a file, got '-'"])
    outputs.check_writable({"-o": arguments.output, "--json": arguments.json, "--csv": arguments.csv})
    compressed = _compressed(arguments)
    from accsim.compress.table import rows, to_csv, totals

    found = rows(compressed)
    written: dict[str, str | bytes] = {}
    if arguments.output is not None:
        from accsim.compress.archive import archive_bytes

        written[arguments.output] = archive_bytes(compressed)
    if arguments.json is not None:
        plain = {**totals(compressed), "layers": found}
        written[arguments.json] = outputs.to_json(plain, arguments.json)
    if arguments.csv is not None:
        written[arguments.csv] = to_csv(found)
    to_stdout = outputs.STDOUT in written
    for path, content in written.items():
        if isinstance(content, bytes):
            from accsim.report.files import write_whole

            write_whole(path, content)
        else:
            outputs.write(path, content)
    if not arguments.quiet:
        if not to_stdout:
            console.show(_blocks(compressed, found, totals(compressed)))
        tell = console.say if to_stdout else console.emit
        tell("".join(f"wrote {path}\n" for path in written if path != outputs.STDOUT))


def _compressed(arguments: argparse.Namespace) -> Compressed:
    from accsim.compress.compressed import compress
    from accsim.compress.encodings import parse_encoding
    from accsim.compress.parameters import with_parameters
    from accsim.compress.recipe_reader import load_recipe
    from accsim.compress.synthetic import synthetic
    from accsim.workload.reader import load_network

    parse_encoding(arguments.encoding)
    recipe = load_recipe(arguments.recipe)
    archive = arguments.model.endswith(".npz")
    if arguments.network is not None and not archive:
        raise InputError([f"--network: says what an .npz archive is of, and {arguments.model} is a network itself"])
    name = (arguments.network or recipe.network) if archive else arguments.model
    if name is None:
        raise InputError([f"{arguments.model}: recipe {recipe.name} is for any network; say which, as --network NAME"])
    network = load_network(name)
    recipe.require_for(network)
    if recipe.layers and arguments.output is not None:
        raise AccsimError(f"recipe {recipe.name} holds published figures and no passes: there are no weights to write")
    if archive:
        from accsim.compress.archive import read_parameters

        most = max((layer.weight_words for layer in network.layers), default=0)
        given = read_parameters(arguments.model, most)
        model = with_parameters(network, given, arguments.model, arguments.seed)
    else:
        model = synthetic(network, arguments.seed)
    return compress(model, recipe, arguments.encoding)


def _blocks(compressed: Compressed, found: list[dict[str, Any]], total: dict[str, Any]) -> list[console.Block]:
    from accsim.cli.console import Column, Line, Table

    def column(title: str, key: str, spell: str, unit: str = "", whole: str = "", left: bool = False) -> Column:
        cells = tuple("" if row[key] is None else format(row[key], spell) for row in found)
        return Column(title, cells, unit, whole, left)

    stored = total["stored_bits"] / 8e6
    rate = "" if total["compression_rate"] is None else f"{total['compression_rate']:.2f}"
    table = Table(
        (
            Column("layer", tuple(row["layer"] for row in found), total="total", left=True),
            column("code", "code", "", left=True),
            column("weights", "weights", ",", whole=f"{total['weights']:,}"),
            column("bits", "bits", "d"),
            column("density", "density", ".4f"),
            column("encoding", "encoding", "", left=True),
            column("stored", "stored_bits", ",.0f", "bits", f"{total['stored_bits']:,.0f}"),
            column("of it metadata", "metadata_bits", ",.0f", "bits", f"{total['metadata_bits']:,.0f}"),
            column("rate", "compression_rate", ".2f", whole=rate),
            column("relative l2", "relative_l2", ".4f"),
            column("SQNR", "sqnr_db", ".2f", "dB"),
            column("entropy", "entropy_bits", ".3f", "bits"),
        )
    )
    recipe = compressed.recipe
    blocks: list[console.Block] = [Line(f"{total['network']} with recipe {recipe.name}", "bold")]
    blocks += [f"passes: {', '.join(one.name for one in recipe.passes)}"] if recipe.passes else []
    blocks += ["", table, "", f"weights: {stored:.3f} MB stored, {total['trained_bits'] / 8e6:.3f} MB before (32 bits)"]
    return [*blocks, *(f"note: {note}" for note in total["notes"])]
