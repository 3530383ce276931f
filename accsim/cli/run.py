"""Estimate a network on an accelerator: cycles, traffic, energy and area, per layer and in all.

Prints a table and writes an HTML report, <workload>-<hardware>.html in the current folder unless --html names it or
--no-html leaves it out. Counts, cycles and energies are for the whole batch; MB is 10^6 bytes.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from accsim.cli import console, outputs, traces
from accsim.cli.options import add_what_is_run
from accsim.cli.parser import Parser, natural, one_of, positive, seconds
from accsim.cli.progress import Bar
from accsim.errors import InputError

if TYPE_CHECKING:
    from accsim.result import Result
    from accsim.trace.recorder import Recorder

OUTPUTS = ("--json", "--csv", "--mappings-out", "--html", "--pdf")

EPILOG = """\
examples:
  accsim run alexnet --hardware eyeriss --batch 4
  accsim run alexnet --layers 'conv*' --set array.rows=24 --set 'levels.glb.size=216 KiB'
  accsim run resnet18 --hardware tpu_v1 --objective latency --json resnet18.json
  accsim run alexnet --batch 4 --search --time-limit 60   # better than the published mappings?
  accsim run gpt2 --hardware tpu_v1 --bind sequence=128 --no-html
  accsim run resnet18 --compress resnet18-agp --json pruned.json
  accsim run alexnet --engine stepped --jobs 2 --seed 7
  accsim run alexnet --layers conv3 --engine stepped --trace conv3.json.gz --vcd conv3.vcd --window 1000:1200
  accsim run alexnet --compress alexnet-deep-compression --hardware eyeriss,eyeriss_v2,scnn,eie --compare
  accsim run alexnet --mappings-out used.yaml     # edit used.yaml, then:
  accsim run alexnet --mapping used.yaml
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim run``."""
    what = add_what_is_run(parser)
    what.add_argument(
        "--energy-table", metavar="NAME", help="an energy table's name or a YAML file (default: the accelerator's)"
    )
    what.add_argument(
        "--set-energy", metavar="KEY=VALUE", dest="energy_overrides", action="append", default=[],
        help="change the energy table: entries.pe/multiplier.points.0.mac=0.3; may be repeated",
    )  # fmt: skip
    what.add_argument(
        "--compress", metavar="RECIPE",
        help="a recipe's name ('accsim list recipes') or a YAML file: the compressed network is what runs; its passes "
        "work on a model's weights, or on those in --tensors",
    )  # fmt: skip
    how = parser.add_argument_group("how it is run")
    how.add_argument(
        "--objective", metavar="GOAL", type=one_of("energy", "latency", "edp", "traffic"), default="energy",
        help="what the search for mappings minimises: energy (the default), latency (cycles), edp (their product) or "
        "traffic (bits over the DRAM channel)",
    )  # fmt: skip
    how.add_argument(
        "--search", action="store_true", help="search for mappings even where the accelerator has published ones"
    )
    how.add_argument(
        "--effort", metavar="HOW", type=one_of("full", "quick"), default="full",
        help="full (the default), or quick: the best of a few mappings of each layer of a systolic array, in "
        "milliseconds",
    )  # fmt: skip
    how.add_argument(
        "--search-table", metavar="NAME",
        help="energy table that mappings are searched with (default: the one that the run is charged with)",
    )  # fmt: skip
    how.add_argument(
        "--time-limit", metavar="SECONDS", type=seconds,
        help="for the search for mappings of all layers: each layer gets the best found by then; Ctrl-C does the same",
    )  # fmt: skip
    how.add_argument(
        "--mapping", metavar="FILE", help="mappings to use, layer by layer: YAML in the form that --mappings-out writes"
    )
    how.add_argument(
        "--tensors", metavar="FILE",
        help=".npz archive of arrays LAYER.ifmap, LAYER.weight, LAYER.ofmap: zeros and runs are counted from them, and "
        "the stepped engine computes with them",
    )  # fmt: skip
    how.add_argument(
        "--inputs", metavar="FILE",
        help=".npy array that a model with trained parameters, compressed or not, is run on; its feature maps are then "
        "the tensors",
    )  # fmt: skip
    how.add_argument(
        "--compare-scalesim", action="store_true", help="also show what SCALE-Sim 3.0.0 reports for a systolic array"
    )
    how.add_argument(
        "--compare", action="store_true",
        help="run it on each of the machines of --hardware NAME,NAME,..., compressed and dense: at equal node and "
        "equal peak, and as they are; the first is what the others are made equal to, and --set NAME:KEY=VALUE changes "
        "one of them",
    )  # fmt: skip
    engine = parser.add_argument_group("which engine runs it")
    engine.add_argument(
        "--engine", metavar="NAME", type=one_of("counted", "stepped"), default="counted",
        help="counted: closed form, in milliseconds (the default); stepped: every register on every clock edge, with "
        "real operands, and the same figures for the same values",
    )  # fmt: skip
    engine.add_argument(
        "--seed", metavar="N", type=natural,
        help="stepped: of the random operands of layers without --tensors (default: 0)",
    )  # fmt: skip
    engine.add_argument(
        "--jobs", metavar="N", type=positive, help="stepped: layers run at a time, each on a core (default: 1)"
    )
    engine.add_argument(
        "--overflow", metavar="WHAT", type=one_of("error", "report"),
        help="stepped: when sums wrap around in their accumulators, stop (error, the default) or warn (report); sums "
        "that saturate are a warning",
    )  # fmt: skip
    out = parser.add_argument_group("what is written (FILE may be - for the standard output)")
    out.add_argument("--json", metavar="FILE", help="the whole result; its schema ships with accsim")
    out.add_argument("--csv", metavar="FILE", help="one row per layer, units in the column names")
    out.add_argument("--mappings-out", metavar="FILE", help="the mapping used for each layer, as YAML")
    page = out.add_mutually_exclusive_group()
    page.add_argument(
        "--html", metavar="FILE", help="the report (default: <workload>-<hardware>.html; with --compare none)"
    )
    page.add_argument("--no-html", action="store_true", help="write no report")
    out.add_argument("--pdf", metavar="FILE", help="the report on a few pages of paper")
    out.add_argument("--quiet", action="store_true", help="print nothing but mistakes")
    traces.add_traces(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: a mistake in what was given, a layer that does not fit, or a file that cannot be written.
    """
    _check_engine(arguments)
    outputs.check_pdf(arguments.pdf)
    if arguments.compare:
        _compare(arguments)
        return
    if "," in arguments.hardware and not os.path.exists(arguments.hardware):
        raise InputError([f"--hardware {arguments.hardware}: several machines need --compare"])
    traces.check(arguments)
    recorded = traces.files(arguments)
    asked = {name: getattr(arguments, name[2:].replace("-", "_")) for name in OUTPUTS} | recorded
    if not arguments.no_html and arguments.html is None:
        outputs.check_folder("--html", "the report here")
    outputs.check_writable(asked)

    with Bar(f"estimating {arguments.workload}", quiet=arguments.quiet) as bar, traces.recorder(arguments) as recorder:
        result = _estimate(arguments, bar, recorder)
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
        tell("".join(f"wrote {path}\n" for path in (*files, *filter(None, recorded.values()))))


def _check_engine(arguments: argparse.Namespace) -> None:
    """Refuse options that the engine would not look at.

    Raises:
        InputError: every one of them.
    """
    if arguments.engine == "stepped":
        return
    options = ("--seed", "--jobs", "--overflow", *traces.OPTIONS)
    idle = [name for name in options if getattr(arguments, name[2:].replace("-", "_")) is not None]
    if idle:
        raise InputError(f"{option} is for the stepped engine: add --engine stepped" for option in idle)


_OF_ONE_MACHINE = (
    "--csv", "--mappings-out", "--mapping", "--dataflow", "--inputs", "--compare-scalesim", "--set-energy",
    "--search-table",
)  # fmt: skip
"""Options that say nothing of several machines."""


def _compare(arguments: argparse.Namespace) -> None:
    """Run a comparison of machines.

    Raises:
        AccsimError: a mistake in what was given, or a file that cannot be written.
    """
    attributes = {"--set-energy": "energy_overrides"}
    asked = {name: getattr(arguments, attributes.get(name, name[2:].replace("-", "_"))) for name in _OF_ONE_MACHINE}
    idle = [name for name, value in asked.items() if value]
    if arguments.engine == "stepped":
        idle.append("--engine stepped")
    if idle:
        raise InputError(f"{name} is for one machine, and --compare runs several" for name in idle)
    asked = {"--json": arguments.json, "--html": arguments.html, "--pdf": arguments.pdf}
    outputs.check_writable(asked)
    from accsim.comparison import compare

    with Bar(f"comparing machines on {arguments.workload}", quiet=arguments.quiet) as bar:
        compared = compare(
            arguments.workload,
            [name.strip() for name in arguments.hardware.split(",") if name.strip()],
            compress=arguments.compress,
            energy_table=arguments.energy_table,
            batch=arguments.batch,
            bindings=dict(arguments.bind),
            layers=arguments.layers,
            tensors=arguments.tensors,
            overrides=arguments.overrides,
            objective=arguments.objective,
            search=arguments.search,
            time_limit=arguments.time_limit,
            effort=arguments.effort,
            progress=bar,
        )
        found = compared.to_dict() | {"command": shlex.join(["accsim", *arguments.command_line])}
        written = _comparison_files(arguments, found, compared.runs)
    for path, content in written.items():
        outputs.write(path, content)
    if outputs.STDOUT not in written and not arguments.quiet:
        from accsim.cli.compared import blocks

        console.show(blocks(found))
        console.emit("".join(f"wrote {path}\n" for path in written))


def _comparison_files(
    arguments: argparse.Namespace, found: dict[str, Any], runs: Callable[[], dict[str, Any]]
) -> dict[str, str | bytes]:
    """What goes where of a comparison: everything is made before anything is written."""
    texts: dict[str, str | bytes] = {}
    if arguments.json is not None:
        texts[arguments.json] = outputs.to_json(found, arguments.json)
    if arguments.html is not None:
        from accsim.report.comparison.page import render_comparison

        texts[arguments.html] = render_comparison(found, runs())
    if arguments.pdf is not None:
        from accsim.report.comparison.pdf import comparison_pdf

        texts[arguments.pdf] = comparison_pdf(found, runs())
    return texts


def _estimate(arguments: argparse.Namespace, bar: Bar, recorder: Recorder | None) -> Result:
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
        search=arguments.search,
        time_limit=arguments.time_limit,
        mapping=arguments.mapping,
        overrides=arguments.overrides,
        energy_overrides=arguments.energy_overrides,
        search_table=arguments.search_table,
        effort=arguments.effort,
        tensors=arguments.tensors,
        compress=arguments.compress,
        inputs=arguments.inputs,
        engine=arguments.engine,
        seed=arguments.seed or 0,
        jobs=arguments.jobs or 1,
        overflow=arguments.overflow or "error",
        recorder=recorder,
        compare_scalesim=arguments.compare_scalesim,
        progress=bar,
        command=shlex.join(["accsim", *arguments.command_line]),
    )


def _texts(arguments: argparse.Namespace, result: Result, described: dict[str, object]) -> dict[str, str | bytes]:
    """What goes where: everything is made before anything is written."""
    texts: dict[str, str | bytes] = {}
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
    if arguments.pdf is not None:
        from accsim.report.pdf import run_pdf

        texts[arguments.pdf] = run_pdf(described)
    return texts


def _report_name(workload: str, hardware: str) -> str:
    """``alexnet-eyeriss.html``; what does not suit a file name becomes ``_``."""
    return re.sub(r"[^\w.-]", "_", f"{workload}-{hardware}").lstrip(".-") + ".html"
