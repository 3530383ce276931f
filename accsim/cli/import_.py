"""Import a model: write its network as YAML and its parameters as an archive beside it.

MODEL is an ONNX file. What is written is read back by 'accsim run OUT.npz' and 'accsim compress'.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from accsim.cli import console, outputs
from accsim.cli.parser import Parser, binding, positive
from accsim.errors import InputError

EPILOG = """\
examples:
  accsim import model.onnx -o model.npz              writes model.npz and model.yaml
  accsim import model.onnx -o small.npz --bind height=224 --bind width=224
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim import``."""
    parser.add_argument("model", metavar="MODEL", help="an ONNX file")
    parser.add_argument(
        "-o", "--output", metavar="OUT.npz", required=True, help="the archive; the network goes to OUT.yaml"
    )
    parser.add_argument("--batch", metavar="N", type=positive, default=1, help="inputs processed together (default: 1)")
    parser.add_argument(
        "--bind", metavar="NAME=SIZE", type=binding, action="append", default=[],
        help="a free size of the model's input; may be repeated",
    )  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="print nothing but mistakes")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: the model cannot be imported, or a file cannot be written; then nothing is written.
    """
    target = Path(arguments.output)
    if target.suffix.lower() != ".npz":
        raise InputError([f"-o: must end in .npz, got {arguments.output!r}"])
    beside = target.with_suffix(".yaml")
    outputs.check_writable({"-o": arguments.output, "the network": str(beside)})
    if Path(arguments.model).suffix.lower() != ".onnx":
        raise InputError([f"{arguments.model}: 'accsim import' reads ONNX models, whose names end in .onnx"])
    from accsim.compress.archive import model_bytes
    from accsim.importers.opening import open_model
    from accsim.report.files import write_whole
    from accsim.workload.writer import network_yaml

    model = open_model(arguments.model, batch=arguments.batch, bindings=dict(arguments.bind))
    text, archive = network_yaml(model.network), model_bytes(model)
    write_whole(str(beside), text)
    write_whole(str(target), archive)
    if not arguments.quiet:
        network = model.network
        coded = sum(1 for _, p in model.layers() if p.weight.name != "float")
        console.emit(
            f"{network.name}: {len(network.layers)} layers, {network.macs} MACs, {network.weight_words} weights;"
            f" {coded} of {len(model.parameters)} layers have integer weights,"
            f" {len(model.activations)} feature maps have codes\n"
            f"wrote {beside}\nwrote {target}\n"
        )
