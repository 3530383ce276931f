"""Options that several commands share: what is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accsim.cli.parser import Parser, binding, names, positive

if TYPE_CHECKING:
    from argparse import _ArgumentGroup


def add_what_is_run(parser: Parser) -> _ArgumentGroup:
    """Add the network, the machine, and what may be changed of both; the group can take more."""
    parser.add_argument(
        "workload", metavar="WORKLOAD",
        help="a network's name ('accsim list networks') or a file: YAML, an ONNX model, an .npz archive with its "
        "network in it or beside it as YAML, or a SCALE-Sim topology (.csv)",
    )  # fmt: skip
    what = parser.add_argument_group("what is run")
    what.add_argument(
        "--hardware", metavar="NAME", default="eyeriss", help="an accelerator's name or a YAML file (default: eyeriss)"
    )
    what.add_argument(
        "--dataflow", metavar="NAME", help="a dataflow's name or a YAML file (default: the accelerator's)"
    )
    what.add_argument("--batch", metavar="N", type=positive, default=1, help="inputs processed together (default: 1)")
    what.add_argument(
        "--layers", metavar="NAMES", type=names, action="extend",
        help="only these layers: names or patterns between commas, such as conv1,conv2 or 'conv*' (default: all)",
    )  # fmt: skip
    what.add_argument(
        "--bind", metavar="NAME=SIZE", type=binding, action="append", default=[],
        help="a free size of the network, such as sequence=128; may be repeated",
    )  # fmt: skip
    what.add_argument(
        "--set", metavar="KEY=VALUE", dest="overrides", action="append", default=[],
        help="change the accelerator: array.rows=24, 'levels.glb.size=216 KiB', 'clock=250 MHz'; may be repeated",
    )  # fmt: skip
    return what
