"""A file that was read, and how its names appear in messages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was found and read.

    Attributes:
        name: name in the library (aliases resolved), or the file's stem.
        place: the path as messages show it.
        text: the whole text.
    """

    name: str
    place: str
    text: str


def printable(text: str) -> str:
    """``text`` fit for one line of a message: no line breaks or control characters, at most 200 characters."""
    line = "".join(c if c.isprintable() else "?" for c in text)
    return line if len(line) <= 200 else line[:197] + "..."
