"""A study's folder: written after everything is made, compared without writing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from accsim.errors import AccsimError
from accsim.report.files import write_whole
from accsim.source import printable
from accsim.study.drawing import DRAWN_WITH, matplotlib_version


def prepare(folder: Path) -> None:
    """Make the folder where it is missing, before a long run, and find out whether files can be written to it.

    Raises:
        AccsimError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise AccsimError(f"cannot write to {printable(str(folder))}: it is a file, not a folder") from None
    except OSError as error:
        raise AccsimError(f"cannot make the folder {printable(str(folder))}: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise AccsimError(f"cannot write to {printable(str(folder))}: the folder is not writable")


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write every file, each whole or not at all.

    Raises:
        AccsimError: the disk is full, or a file cannot be replaced.
    """
    for name, content in files.items():
        write_whole(folder / name, content)


def differences(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """A sentence on every file that is missing or differs from ``files``, with its first line that does."""
    return list(_differences(folder, files))


def _differences(folder: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    for name, content in files.items():
        path = folder / name
        if not path.is_file():
            yield f"{path}: missing"
            continue
        there = path.read_bytes()
        if there == content:
            continue
        lines = zip_longest(there.split(b"\n"), content.split(b"\n"))
        first = next(number for number, (old, new) in enumerate(lines, 1) if old != new)
        drawn = ""
        if path.suffix == ".svg" and matplotlib_version() != DRAWN_WITH:
            drawn = f"; drawn here with matplotlib {matplotlib_version()}, and in accsim's repository with {DRAWN_WITH}"
        yield f"{path}:{first}: differs{drawn}"
