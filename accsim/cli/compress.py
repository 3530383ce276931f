"""Compress a network: put a recipe's passes on its weights, count what they take in memory, and write them.

MODEL is an ONNX file, an .npz archive of trained arrays LAYER.weight [M, C / G, R, S], LAYER.bias [M] and, of
normalisations, LAYER.gamma, beta, mean and variance, or a network's name or YAML file, whose weights are then made up
from a stated distribution. Errors are of weights against the trained ones and, with --inputs, of feature maps against
those before compression; neither is an accuracy. OUT.npz holds the network and every code: 'accsim run OUT.npz' runs
it. MB is 10^6 bytes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from accsim.cli import console, outputs
from accsim.cli.parser import Parser, binding, natural, positive
from accsim.errors import AccsimError, InputError

if TYPE_CHECKING:
    from accsim.compress.compressed import Compressed
    from accsim.compress.model import Model
    from accsim.compress.output_error import OutputError
    from accsim.compress.recipe import Recipe

EPILOG = """\
examples:
  accsim compress alexnet alexnet-q-cnn -o alexnet-q-cnn.npz
  accsim compress trained.npz mine.yaml --network resnet18 -o small.npz --json -
  accsim compress lenet_caffe mine.yaml --encoding relative:4+huffman --csv layers.csv
  accsim compress model.onnx mine.yaml --inputs x.npy -o small.npz && accsim run small.npz
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim compress``."""
    parser.add_argument("model", metavar="MODEL", help="an ONNX file, an .npz archive, or a network")
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe's name ('accsim list recipes') or a YAML file")
    parser.add_argument(
        "--network",
        metavar="NAME",
        help="the network that an .npz archive is of (default: the one in or beside it, or the recipe's)",
    )
    parser.add_argument(
        "--inputs", metavar="FILE.npy",
        help="inputs [N, *input shape]: scales of feature maps are calibrated on them, and the error of every feature "
        "map is reported",
    )  # fmt: skip
    parser.add_argument("--batch", metavar="N", type=positive, default=1, help="inputs processed together (default: 1)")
    parser.add_argument(
        "--bind", metavar="NAME=SIZE", type=binding, action="append", default=[],
        help="a free size of the network, such as sequence=128; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--encoding", metavar="NAME", default="best",
        help="of every layer's weights: dense, relative:4, csr, bitmap ... each with +huffman or without, or the "
        "smallest for each layer (best, the default)",
    )  # fmt: skip
    parser.add_argument("--seed", metavar="N", type=natural, default=0, help="of made-up weights (default: 0)")
    out = parser.add_argument_group("what is written (FILE may be - for the standard output)")
    out.add_argument(
        "-o", "--output", metavar="FILE.npz", help="the compressed model: network, values, codes, scales, masks"
    )
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
    compressed, errors = _compressed(arguments)
    from accsim.compress.output_error import described
    from accsim.compress.table import rows, to_csv, totals

    found = rows(compressed)
    written: dict[str, str | bytes] = {}
    if arguments.output is not None:
        from accsim.compress.archive import compressed_bytes

        written[arguments.output] = compressed_bytes(compressed)
    if arguments.json is not None:
        plain = {**totals(compressed), "layers": found}
        if errors is not None:
            plain["output_error"] = described(errors)
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
            if errors is not None:
                console.show(_errors(errors))
        tell = console.say if to_stdout else console.emit
        tell("".join(f"wrote {path}\n" for path in written if path != outputs.STDOUT))


def _compressed(arguments: argparse.Namespace) -> tuple[Compressed, OutputError | None]:
    from accsim.compress.compressed import compress
    from accsim.compress.encodings import parse_encoding
    from accsim.compress.recipe_reader import load_recipe

    parse_encoding(arguments.encoding)
    recipe = load_recipe(arguments.recipe)
    model = _model(arguments, recipe)
    recipe.require_for(model.network)
    if recipe.layers and (arguments.output is not None or arguments.inputs is not None):
        what = "weights to write" if arguments.output is not None else "weights to compute with"
        raise AccsimError(f"recipe {recipe.name} holds published figures and no passes: there are no {what}")
    compressed = compress(model, recipe, arguments.encoding)
    return (compressed, None) if arguments.inputs is None else _on_inputs(model, compressed, arguments.inputs)


def _model(arguments: argparse.Namespace, recipe: Recipe) -> Model:
    """The model that is compressed."""
    from pathlib import Path

    from accsim.importers.opening import open_model
    from accsim.workload.reader import load_network

    name, bindings = str(arguments.model), dict(arguments.bind)
    archive = name.lower().endswith(".npz")
    if arguments.network is not None and not archive:
        raise InputError([f"--network: says what an .npz archive is of, and {name} is a network itself"])
    if archive:
        from accsim.compress.archive import holds_network, read_model

        of = arguments.network
        if of is None and not holds_network(name) and not Path(name).with_suffix(".yaml").is_file():
            of = recipe.network
            if of is None:
                raise InputError([f"{name}: recipe {recipe.name} is for any network; say which, as --network NAME"])
        network = None if of is None else load_network(of, batch=arguments.batch, bindings=bindings)
        return read_model(name, network, batch=arguments.batch, bindings=bindings)
    return open_model(name, batch=arguments.batch, bindings=bindings, seed=arguments.seed)


def _on_inputs(model: Model, compressed: Compressed, path: str) -> tuple[Compressed, OutputError]:
    """Calibrated on inputs, and how far the feature maps lie from those before."""
    from accsim.compress.compressed import require_values
    from accsim.compress.executor import load_array, run
    from accsim.compress.output_error import output_error
    from accsim.compress.ranges import calibrated, ranges

    before = run(model, load_array(path, model.network))
    after = calibrated(require_values(compressed), ranges([before]))
    return replace(compressed, model=after), output_error(before, run(after, before.given))


def _errors(errors: OutputError) -> list[console.Block]:
    from accsim.cli.console import Column, Table

    every = (
        (*errors.layers, errors.output)
        if errors.output.layer not in {e.layer for e in errors.layers}
        else errors.layers
    )
    table = Table(
        (
            Column("feature map", tuple(e.layer for e in every), left=True),
            Column("relative l2", tuple(f"{e.relative_l2:.4f}" for e in every)),
            Column("SQNR", tuple(f"{e.sqnr_db:.2f}" for e in every), "dB"),
        )
    )
    said = "made-up" if errors.made_up else "trained"
    return ["", table, "", f"errors of feature maps against the {said} model, on the given inputs; not accuracy"]


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
