"""An argparse parser whose mistakes are sentences, all unknown options at once, with the nearest names."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from accsim.errors import InputError, suggest

_TIME = re.compile(r"\d+\.?\d*|\.\d+", re.ASCII)
_NUMBER = re.compile(r"-\.?\d.*")
_MISSING = "the following arguments are required: "
_EXTRA = "unrecognized arguments: "


class Parser(argparse.ArgumentParser):
    """Options are spelled in full; a mistake raises ``InputError`` instead of leaving the program."""

    def __init__(self, prog: str, description: str | None, epilog: str, usage: str | None = None) -> None:
        super().__init__(
            prog=prog,
            usage=usage,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments of this command.

        Raises:
            InputError: unknown options (all of them), or the first of the other mistakes.
            SystemExit: after ``--help`` or ``--version``.
        """
        mistakes = [self._unknown(option) for option in self._options_in(arguments) if not self._knows(option)]
        if mistakes:
            raise InputError(mistakes)
        return self.parse_args(arguments)

    def error(self, message: str) -> NoReturn:
        """Raise ``message``, put in our words."""
        how = f"; '{self.prog} --help' shows how"
        if message.startswith(_MISSING):
            message = f"{message.removeprefix(_MISSING)} is missing{how}"
        elif message.startswith(_EXTRA):
            message = f"unexpected {message.removeprefix(_EXTRA)!r}{how}"
        raise InputError([message.removeprefix("argument ")])

    def _options_in(self, arguments: Iterable[str]) -> Iterable[str]:
        for argument in arguments:
            if argument == "--":
                return
            if argument.startswith("-") and argument != "-" and not _NUMBER.fullmatch(argument):
                yield argument.partition("=")[0]

    def _knows(self, option: str) -> bool:
        return option in self._option_string_actions

    def _unknown(self, option: str) -> str:
        hint = suggest(option, self._option_string_actions) or f"; '{self.prog} --help' shows the options"
        return f"unknown option {option!r}{hint}"


def one_of(*known: str) -> Callable[[str], str]:
    """An argument type: one of ``known``, with the nearest of them in the complaint."""

    def parse(text: str) -> str:
        if text not in known:
            listed = f"{', '.join(known[:-1])} or {known[-1]}"
            raise argparse.ArgumentTypeError(f"must be {listed}, got {text!r}{suggest(text, known)}")
        return text

    return parse


def positive(text: str) -> int:
    """An argument type: a whole number of at least 1, written in digits."""
    if not (text.isascii() and text.isdigit() and int(text[:30]) > 0):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text[:30])


def natural(text: str) -> int:
    """An argument type: a whole number of at least 0, written in digits."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0, got {text!r}")
    return int(text[:30])


def seconds(text: str) -> float:
    """An argument type: a time, more than 0."""
    if not (_TIME.fullmatch(text) and float(text) > 0):
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, such as 10 or 0.5, got {text!r}")
    return float(text)


def binding(text: str) -> tuple[str, int]:
    """An argument type: ``NAME=SIZE``."""
    name, equals, size = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"expected a name, '=' and a size, such as sequence=128, got {text!r}")
    try:
        return name, positive(size)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{name} {error}") from None


def names(text: str) -> list[str]:
    """An argument type: names between commas."""
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"expected names between commas, such as conv1,conv2, got {text!r}")
    return found


def reject_unreadable(arguments: Iterable[str]) -> None:
    """Refuse arguments that are not text: they could be written neither to a report nor to the terminal.

    Raises:
        InputError: an argument has bytes that are not valid in the locale's encoding.
    """
    bad = [argument for argument in arguments if any("\ud800" <= c <= "\udfff" for c in argument)]
    if bad:
        raise InputError(f"the argument {argument!r} is not valid text" for argument in bad)
