"""Step every layer with MACs at full size, with real operands, and compare what comes out.

Every output is compared with the golden kernels bit for bit, and every cycle figure and counter with the counted
engine. Exit code: 0 when all agree, 1 when something differs, 2 for a mistake in what was asked. Rates are those of the
stepped engine per second of CPU time: PE updates are MACs, register updates all PE registers that took a new word.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from accsim.cli import console, outputs
from accsim.cli.console import Block, Column, Line, Table
from accsim.cli.options import add_what_is_run
from accsim.cli.parser import Parser, natural, one_of, positive
from accsim.cli.progress import Bar

if TYPE_CHECKING:
    from accsim.verification.outcome import LayerVerification, Verification

DIFFERENT = 1
"""Exit code when something differs."""

WORDS_SHOWN = 5
"""Wrong words of a tensor that are printed; ``--json`` has more."""

FIGURES_SHOWN = 20
"""Differing figures of a layer that are printed; ``--json`` has all."""

COMPILING_SHOWN_S = 1.0
"""A first run compiles and says how long that took; later ones load what was compiled."""

EPILOG = """\
examples:
  accsim verify resnet18 --hardware systolic_32x32 --dataflow weight_stationary --jobs 2
  accsim verify alexnet --hardware systolic_32x32 --bits 16 --layers 'conv*' --seed 7
  accsim verify alexnet --json verified.json
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim verify``."""
    what = add_what_is_run(parser)
    what.add_argument(
        "--bits", metavar="BITS", type=one_of("8", "16"),
        help="widths of operands and accumulators: 8 for 8 and 32 bits, 16 for 16 and 48 (default: the accelerator's)",
    )  # fmt: skip
    how = parser.add_argument_group("how it is run")
    how.add_argument("--seed", metavar="N", type=natural, default=0, help="of the random operands (default: 0)")
    how.add_argument("--jobs", metavar="N", type=positive, default=1, help="layers stepped at a time (default: 1)")
    how.add_argument(
        "--tensors", metavar="FILE", help=".npz archive of integer arrays LAYER.ifmap, LAYER.weight to use as operands"
    )
    how.add_argument("--mapping", metavar="FILE", help="mappings to use, as 'accsim run --mappings-out' writes them")
    out = parser.add_argument_group("what is written (FILE may be - for the standard output)")
    out.add_argument("--json", metavar="FILE", help="the whole comparison")
    out.add_argument("--quiet", action="store_true", help="print nothing but mistakes; the exit code tells the rest")


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit code.

    Raises:
        AccsimError: a mistake in what was given, a layer that does not fit, or a file that cannot be written.
    """
    outputs.check_writable({"--json": arguments.json})
    from accsim.verification.verify import verify

    with Bar(f"verifying {arguments.workload}", quiet=arguments.quiet) as bar:
        found = verify(
            arguments.workload,
            arguments.hardware,
            dataflow=arguments.dataflow,
            batch=arguments.batch,
            bindings=dict(arguments.bind),
            layers=arguments.layers,
            overrides=arguments.overrides,
            bits=None if arguments.bits is None else int(arguments.bits),
            mapping=arguments.mapping,
            tensors=arguments.tensors,
            seed=arguments.seed,
            jobs=arguments.jobs,
            progress=bar,
        )
    if arguments.json is not None:
        command = shlex.join(["accsim", *arguments.command_line])
        outputs.write(arguments.json, outputs.to_json(found.to_dict(command), arguments.json))
    if arguments.json != outputs.STDOUT and not arguments.quiet:
        console.show(summary(found))
        if arguments.json is not None:
            console.emit(f"wrote {arguments.json}\n")
    return 0 if found.agrees else DIFFERENT


def summary(found: Verification) -> list[Block]:
    """The blocks to print: what was verified, a row per layer, what differs, and the verdict."""
    widths = f"{found.weight_bits}-bit weights, {found.activation_bits}-bit activations"
    drawn = f"operands drawn with seed {found.seed}"
    if found.given:
        count = len(found.given)
        drawn = f"operands given for {count} layer{'s' * (count > 1)}, others drawn with seed {found.seed}"
    blocks: list[Block] = [
        Line(f"{found.network} on {found.hardware}, dataflow {found.dataflow}, batch {found.batch}", "bold"),
        f"{widths}, {found.accumulator_bits}-bit accumulators, {drawn}",
        "",
        _table(found),
        "",
    ]
    wrong = [line for layer in found.differing for line in _differences(layer)]
    if wrong:
        blocks += [*wrong, ""]
    blocks.append(Line(found.verdict(), "bold green" if found.agrees else "bold red"))
    blocks.append(_time(found))
    return blocks


def _table(found: Verification) -> Table:
    from accsim.report.quantities import si
    from accsim.verification.outcome import rate

    layers = found.layers

    def numbers(title: str, of: Callable[[LayerVerification], int]) -> Column:
        return Column(title, tuple(f"{of(layer):,}" for layer in layers), total=f"{sum(map(of, layers)):,}")

    def rates(title: str, of: Callable[[LayerVerification], int]) -> Column:
        return Column(
            title,
            tuple(si(rate(of(layer), layer.seconds), "/s") for layer in layers),
            total=si(rate(sum(map(of, layers)), found.stepped_seconds), "/s"),
        )

    return Table(
        (
            Column("layer", tuple(layer.layer for layer in layers), total="total", left=True),
            numbers("MACs", lambda layer: layer.macs),
            numbers("cycles", lambda layer: layer.cycles),
            rates("PE updates", lambda layer: layer.macs),
            rates("register updates", lambda layer: layer.register_updates),
            numbers("outputs", lambda layer: layer.outputs),
            numbers("overflows", lambda layer: layer.overflows),
            Column(
                "verdict",
                tuple("equal" if layer.agrees else "differs" for layer in layers),
                total="equal" if found.agrees else f"{len(found.differing)} differ",
                left=True,
            ),
        )
    )


def _differences(layer: LayerVerification) -> Iterator[Line]:
    """Lines on one layer; the first of many."""
    for wrong in layer.wrong:
        yield Line(f"{layer.layer}: {wrong}", "red")
        yield from (Line(f"  {word}") for word in wrong.first[:WORDS_SHOWN])
        if wrong.count > WORDS_SHOWN:
            yield Line("  ...")
    yield from (Line(f"{layer.layer}: {difference}", "red") for difference in layer.differences[:FIGURES_SHOWN])
    if len(layer.differences) > FIGURES_SHOWN:
        yield Line(f"{layer.layer}: {len(layer.differences) - FIGURES_SHOWN} more figures differ", "red")


def _time(found: Verification) -> str:
    at_a_time = f" with {found.jobs} layers at a time" if found.jobs > 1 else ""
    compiling = (
        f", {found.compiling_seconds:.1f} s of compiling" if found.compiling_seconds >= COMPILING_SHOWN_S else ""
    )
    others = found.without_macs
    skipped = f"; {others} layer{'s' * (others > 1)} without MACs left out" if others else ""
    return f"{found.seconds:.1f} s in all{at_a_time}, {found.stepped_seconds:.1f} s of stepping{compiling}{skipped}"
