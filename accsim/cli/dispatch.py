"""The command line: ``accsim COMMAND ...``.

Each command is one module with ``add_arguments(parser)`` and ``run(arguments)``, which may return an exit code; only
the one asked for is imported, and it imports the heavy packages inside ``run``, so that help is instant.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from types import ModuleType

from accsim import __version__
from accsim.cli.parser import Parser, reject_unreadable
from accsim.errors import AccsimError, InputError, suggest

COMMANDS = {
    "run": "estimate a network on an accelerator: cycles, traffic, energy, area and a report",
    "sweep": "estimate every point of a design space, on all cores or a cluster, into a store that survives",
    "search": "find the Pareto front of a design space, or bits and density of each layer under a budget",
    "compress": "put a recipe on a network's weights: codes, encodings, exact sizes, errors of weights",
    "verify": "step every layer with real operands and compare it with the golden kernels and the counted engine",
    "import": "write an ONNX model's network as YAML and its parameters as an archive",
    "validate": "put accsim's figures beside published ones, with source, error and tolerance",
    "report": "run a study of published figures and write its page, results and figures",
    "list": "list the networks, accelerators, dataflows, energy tables, recipes and methods there are",
    "show": "show one of them in full",
}

USER_MISTAKE = 2
INTERRUPTED = 130
PIPE_CLOSED = 141
"""Exit codes: of a user's mistake, and those a shell gives for SIGINT and SIGPIPE."""

_EPILOG = """\
examples:
  accsim run alexnet                       AlexNet on the Eyeriss chip, with an HTML report
  accsim run resnet18 --hardware tpu_v1    another network and another machine
  accsim sweep space.yaml --store a.sqlite a design space, point by point, resumed where it was left
  accsim compress alexnet alexnet-q-cnn    what a recipe makes of a network's weights
  accsim verify alexnet                    every layer stepped with real operands, and all of it checked
  accsim list accelerators                 what there is
  accsim show eyeriss                      what a machine is made of

'accsim COMMAND --help' shows the options of a command.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: the arguments after the program's name; those of the process if not given.

    Returns:
        What the command says, 0 for most; 2 for a user's mistake, told on stderr in one line each; 130 when
        interrupted; 141 when the reader of the output has gone.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(arguments)
    except AccsimError as error:
        mistakes = error.mistakes if isinstance(error, InputError) else str(error).splitlines()
        _complain(*(f"error: {mistake}" for mistake in mistakes))
        return USER_MISTAKE
    except MemoryError:
        _complain("error: there is not enough memory for this; nothing was written")
        return USER_MISTAKE
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return PIPE_CLOSED
    except SystemExit as stop:  # argparse, after --help or --version
        return int(stop.code or 0)


def _dispatch(arguments: list[str]) -> int:
    """Run the command; one that returns nothing has nothing to say but 0."""
    reject_unreadable(arguments)
    name = next((a for a in arguments if not a.startswith("-")), None)
    before = arguments if name is None else arguments[: arguments.index(name)]
    top = _top_parser()
    top.parse(before)
    if name is None:
        top.print_help()
        return 0
    if name not in COMMANDS:
        hint = suggest(name, COMMANDS) or f"; the commands are {', '.join(COMMANDS)}"
        raise InputError([f"unknown command {name!r}{hint}"])
    command = import_module(f"accsim.cli.{name}{'_' if iskeyword(name) else ''}")
    rest = arguments[len(before) + 1 :]
    if rest and rest[0] in getattr(command, "SUBCOMMANDS", ()):
        command, name, rest = import_module(f"accsim.cli.{name}_{rest[0]}"), f"{name} {rest[0]}", rest[1:]
    parsed = _command_parser(name, command).parse(rest)
    parsed.command_line = arguments
    return command.run(parsed) or 0


def _top_parser() -> Parser:
    commands = "\n".join(f"  {name:8}  {what}" for name, what in COMMANDS.items())
    parser = Parser(
        prog="accsim",
        usage="accsim COMMAND ...",
        description="Cycles, energy and area of neural networks on DNN accelerators.\n\ncommands:\n" + commands,
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"accsim {__version__}", help="print the version")
    return parser


def _command_parser(name: str, command: ModuleType) -> Parser:
    parser = Parser(prog=f"accsim {name}", description=command.__doc__, epilog=command.EPILOG)
    command.add_arguments(parser)
    return parser


def _complain(*sentences: str) -> None:
    """Write to stderr, each sentence on a line of its own; a stderr that is gone is nobody to tell."""
    if sys.stderr is None:
        return
    for sentence in sentences:
        line = "".join(c if c.isprintable() else " " for c in sentence)
        sys.stderr.write(f"accsim: {line}\n")


def _forget_output() -> None:
    """Give Python nothing to flush at exit into the closed pipe."""
    import os

    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
