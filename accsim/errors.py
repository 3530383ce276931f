"""The errors accsim raises for a user's mistakes, each a sentence a person can act on."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AccsimError(Exception):
    """A mistake in what the user gave: a file, an option, a size.

    The command line prints the message and exits with code 2; nothing is written.
    """


class InputError(AccsimError):
    """One or more mistakes found in one file or one set of options, reported together.

    Attributes:
        mistakes: one sentence each, with the place (``hw.yaml:7:39``) where there is one.
    """

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes: tuple[str, ...] = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class MappingError(AccsimError):
    """A layer does not fit the accelerator: what was asked, the bound, the gap and what would fix it."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known names, or an empty string."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.6)
    if not near:
        return ""
    return "; did you mean " + " or ".join(repr(n) for n in near) + "?"
