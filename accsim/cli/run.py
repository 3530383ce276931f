"""Estimate a network on an accelerator: cycles, traffic, energy and area, per layer and in all.

Prints a table and writes an HTML report, <workload>-<hardware>.html in the current folder unless --html names it or
--no-html leaves it out. Counts, cycles and energies are for the whole batch; MB is 10^6 bytes.
"""

from __future__ import annotations

import argparse
import re
import shlex
from typing import TYPE_CHECKING

from accsim.cli import console, outputs
from accsim.cli.parser import Parser, binding, names, one_of, positive
from accsim.cli.progress import Bar

if TYPE_CHECKING:
    from accsim.result import Result

OUTPUTS = ("--json", "--csv", "--mappings-out", "--html")

EPILOG = """\
examples:
  accsim run alexnet --hardware eyeriss --batch 4
  accsim run alexnet --layers 'conv*' --set array.rows=24 --set 'levels.glb.size=216 KiB'
  accsim run resnet18 --hardware tpu_v1 --objective latency --json resnet18.json
  accsim run gpt2 --hardware tpu_v1 --bind sequence=128 --no-html
  accsim run alexnet --mappings-out used.yaml     # edit used.yaml, then:
  accsim run alexnet --mapping used.yaml
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim run``."""
    parser.add_argument("workload", metavar="WORKLOAD", help="a network's name ('accsim list networks') or a YAML file")
    what = parser.add_argument_group("what is run")
    what.add_argument(
        "--hardware", metavar="NAME", default="eyeriss", help="an accelerator's name or a YAML file (default: eyeriss)"
    )
    theirs = "(default: the accelerator's)"
    what.add_argument("--dataflow", metavar="NAME", help=f"a dataflow's name or a YAML file {theirs}")
    what.add_argument("--energy-table", metavar="NAME", help=f"an energy table's name or a YAML file {theirs}")
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
    how = parser.add_argument_group("how it is run")
    how.add_argument(
        "--objective", metavar="GOAL", type=one_of("energy", "latency", "edp"), default="energy",
        help="what the search for mappings minimises: energy (the default), latency (cycles) or edp (their product)",
    )  # fmt: skip
    how.add_argument(
        "--mapping", metavar="FILE", help="mappings to use, layer by layer: YAML in the form that --mappings-out writes"
    )
    how.add_argument(
        "--tensors", metavar="FILE",
        help=".npz archive of arrays LAYER.ifmap, LAYER.weight, LAYER.ofmap: zeros and runs are counted from them",
    )  # fmt: skip
    how.add_argument(
        "--compare-scalesim", action="store_true", help="also show what SCALE-Sim 3.0.0 reports for a systolic array"
    )
    out = parser.add_argument_group("what is written (FILE may be - for the standard output)")
    out.add_argument("--json", metavar="FILE", help="the whole result; its schema ships with accsim")
    out.add_argument("--csv", metavar="FILE", help="one row per layer, units in the column names")
    out.add_argument("--mappings-out", metavar="FILE", help="the mapping used for each layer, as YAML")
    page = out.add_mutually_exclusive_group()
    page.add_argument("--html", metavar="FILE", help="the report (default: <workload>-<hardware>.html)")
    page.add_argument("--no-html", action="store_true", help="write no report")
    out.add_argument("--quiet", action="store_true", help="print nothing but mistakes")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: a mistake in what was given, a layer that does not fit, or a file that cannot be written.
    """
    asked = {name: getattr(arguments, name[2:].replace("-", "_")) for name in OUTPUTS}
    if not arguments.no_html and arguments.html is None:
        outputs.check_folder("--html", "the report here")
    outputs.check_writable(asked)

    with Bar(f"estimating {arguments.workload}") as bar:
        result = _estimate(arguments, bar)
        described = result.to_dict()
        written = _texts(arguments, result, described)
    files = [path for path in written if path != outputs.STDOUT]
    for path in files:
        outputs.write(path, written[path])
    if outputs.STDOUT in written:
        outputs.write(outputs.STDOUT, written[outputs.STDOUT])
    elif not arguments.quiet:
        from accsim.cli.summary import summary

        console.show(summary(described))
    if not arguments.quiet:
        tell = console.say if outputs.STDOUT in written else console.emit
        tell("".join(f"wrote {path}\n" for path in files))


def _estimate(arguments: argparse.Namespace, bar: Bar) -> Result:
    from accsim.pipeline import estimate

    return estimate(
        arguments.workload,
        arguments.hardware,
        dataflow=arguments.dataflow,
        energy_table=arguments.energy_table,
        batch=arguments.batch,
        bindings=dict(arguments.bind),
        layers=arguments.layers,
        objective=arguments.objective,
        mapping=arguments.mapping,
        overrides=arguments.overrides,
        tensors=arguments.tensors,
        compare_scalesim=arguments.compare_scalesim,
        progress=bar,
        command=shlex.join(["accsim", *arguments.command_line]),
    )


def _texts(arguments: argparse.Namespace, result: Result, described: dict[str, object]) -> dict[str, str]:
    """What goes where: everything is made before anything is written."""
    texts: dict[str, str] = {}
    if arguments.json is not None:
        texts[arguments.json] = outputs.to_json(described, arguments.json)
    if arguments.csv is not None:
        texts[arguments.csv] = result.layers_table().to_csv(index=False, lineterminator="\n")
    if arguments.mappings_out is not None:
        from accsim.report.yamltext import to_yaml

        texts[arguments.mappings_out] = to_yaml(result.mappings()) + "\n"
    if not arguments.no_html:
        from accsim.report.html import render_html

        path = (
            arguments.html
            if arguments.html is not None
            else _report_name(str(described["workload"]), str(described["hardware"]))
        )
        texts[path] = render_html(described)
    return texts


def _report_name(workload: str, hardware: str) -> str:
    """``alexnet-eyeriss.html``; what does not suit a file name becomes ``_``."""
    return re.sub(r"[^\w.-]", "_", f"{workload}-{hardware}").lstrip(".-") + ".html"
