"""The errors accsim raises for a user's mistakes, each a sentence a person can act on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class AccsimError(Exception):
    """A mistake in what the user gave: a file, an option, a size.

    The command line prints the message and exits with code 2; nothing is written.

    Attributes:
        layer: the layer that it is about, where it is about one.
    """

    layer: str | None = None


class InputError(AccsimError):
    """One or more mistakes found in one file or one set of options, reported together.

    Attributes:
        mistakes: one sentence each, with the place (``hw.yaml:7:39``) where there is one.
    """

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes: tuple[str, ...] = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[str, ...]]]:
        """Pickled with its mistakes, so that a worker process can report them."""
        return type(self), (self.mistakes,)


class MappingError(AccsimError):
    """A layer does not fit the accelerator: what was asked, the bound, the gap and what would fix it."""


@contextmanager
def in_layer(name: str) -> Iterator[None]:
    """Put a layer's name before what goes wrong with it, unless that names it already, as a mapping's errors do."""
    try:
        yield
    except AccsimError as error:
        error.layer = name
        if isinstance(error, MappingError) or str(error).startswith(f"layer {name!r}"):
            raise
        named = AccsimError(f"layer {name!r}: {error}")
        named.layer = name
        raise named from None


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known names, or an empty string."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.6)
    if not near:
        return ""
    return "; did you mean " + " or ".join(repr(n) for n in near) + "?"
