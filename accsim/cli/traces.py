"""The options of ``accsim run`` that record what the stepped engine does."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from accsim.cli.outputs import STDOUT
from accsim.cli.parser import Parser
from accsim.errors import InputError

if TYPE_CHECKING:
    from accsim.trace.recorder import Recorder, Trace

OUTPUTS = ("--trace", "--vcd", "--sram-trace", "--dram-trace")
OPTIONS = (*OUTPUTS, "--window")


def window(text: str) -> tuple[int, int]:
    """An argument type: ``START:END``, two cycles of which the first is smaller."""
    start, colon, end = text.partition(":")
    whole = all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (start, end))
    if not (colon and whole and int(start) < int(end)):
        raise argparse.ArgumentTypeError(
            f"must be START:END, the first cycle and the one after the last, such as 1000:1200, got {text!r}"
        )
    return int(start), int(end)


def add_traces(parser: Parser) -> None:
    """Add the options."""
    traces = parser.add_argument_group("what is recorded of the stepped engine (compressed if FILE ends in .gz)")
    traces.add_argument(
        "--trace", metavar="FILE",
        help="layers, steps, DRAM transfers, buffer tiles and stalls over time, for https://ui.perfetto.dev, such as "
        "run.json.gz",
    )  # fmt: skip
    traces.add_argument(
        "--vcd", metavar="FILE",
        help="PE registers, valid bits and words at the array's edge on every cycle of --window, for GTKWave, such as "
        "conv1.vcd; one layer with MACs must be run (--layers)",
    )  # fmt: skip
    traces.add_argument(
        "--window", metavar="START:END", type=window,
        help="cycles of the layer's array clock that --vcd shows, such as 1000:1200 (the end is not shown); it stands "
        "still while the layer waits for DRAM (array_edge in --sram-trace says which is which)",
    )  # fmt: skip
    traces.add_argument(
        "--sram-trace", metavar="FILE", help="every access of the shared buffers, as CSV, such as sram.csv.gz"
    )
    traces.add_argument("--dram-trace", metavar="FILE", help="every off-chip transfer, as CSV, such as dram.csv")


def files(arguments: argparse.Namespace) -> dict[str, str | None]:
    """The file that each option asks for, if it does."""
    return {option: getattr(arguments, option[2:].replace("-", "_")) for option in OUTPUTS}


def check(arguments: argparse.Namespace) -> None:
    """Refuse options that do not go together.

    Raises:
        InputError: a trace for the standard output, or only one of --vcd and --window.
        AccsimError: --vcd without the package that writes it.
    """
    mistakes = [
        f"{option}: a trace is written to a file, not to the standard output"
        for option, path in files(arguments).items()
        if path == STDOUT
    ]
    if arguments.vcd is not None and arguments.window is None:
        mistakes.append("--vcd needs the cycles to show: add --window START:END, such as --window 0:200")
    if arguments.window is not None and arguments.vcd is None:
        mistakes.append("--window says what --vcd shows: add --vcd FILE")
    if mistakes:
        raise InputError(mistakes)
    if arguments.vcd is not None:
        from accsim.trace.vcd import require_pyvcd

        require_pyvcd()


@contextmanager
def recorder(arguments: argparse.Namespace) -> Iterator[Recorder | None]:
    """A recorder for a run; its files appear, complete, when the context ends without an error.

    Raises:
        AccsimError: a file cannot be written.
    """
    traces = list(_traces(arguments))
    if not traces:
        yield None
        return
    from accsim.trace.recorder import Recorders

    with Recorders(traces) as recorders:
        yield recorders


def _traces(arguments: argparse.Namespace) -> Iterator[Trace]:
    if arguments.trace is not None:
        from accsim.trace.chrome import ChromeTrace

        yield ChromeTrace(arguments.trace)
    if arguments.vcd is not None:
        from accsim.trace.vcd import VcdTrace
        from accsim.trace.window import Window

        yield VcdTrace(arguments.vcd, Window(*arguments.window))
    if arguments.sram_trace is not None:
        from accsim.trace.accesses import SramTrace

        yield SramTrace(arguments.sram_trace)
    if arguments.dram_trace is not None:
        from accsim.trace.accesses import DramTrace

        yield DramTrace(arguments.dram_trace)
