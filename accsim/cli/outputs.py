"""Files a command writes: checked before the work, written whole after it, ``-`` for the standard output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping

from accsim.cli import console
from accsim.errors import InputError

STDOUT = "-"


def check_folder(option: str, what: str) -> None:
    """Find out whether a file of a name not known yet can be written to the current folder.

    Raises:
        InputError: it cannot.
    """
    reason = _why_not_in(os.path.realpath("."))
    if reason:
        raise InputError([f"{option}: cannot write {what}: {reason}"])


def check_writable(targets: Mapping[str, str | None]) -> None:
    """Find out before a long run whether its files can be written.

    Args:
        targets: the path that each option gives; no path, no file.

    Raises:
        InputError: every target whose folder is missing or not writable or which is a folder, and targets that would
            overwrite each other.
    """
    mistakes: list[str] = []
    taken: dict[str, str] = {}
    for option, path in targets.items():
        if path is None:
            continue
        reason = "" if path == STDOUT else _why_not(path)
        if reason:
            mistakes.append(f"{option}: cannot write {path or 'a file'}: {reason}")
            continue
        place = path if path == STDOUT else os.path.realpath(path)
        if place in taken:
            mistakes.append(f"{option}: {path} is already what {taken[place]} writes")
        taken.setdefault(place, option)
    if mistakes:
        raise InputError(mistakes)


def check_pdf(path: str | None) -> None:
    """Refuse a PDF file on the standard output, which is for text.

    Raises:
        InputError: it is asked for.
    """
    if path == STDOUT:
        raise InputError(["--pdf: a PDF file is no text for the standard output; give it a name, such as report.pdf"])


def write(path: str, text: str | bytes) -> None:
    """Write a whole file, or text to the standard output.

    Raises:
        AccsimError: it cannot be written.
    """
    if path == STDOUT and isinstance(text, str):
        console.emit(text)
        return
    from accsim.report.files import write_whole

    write_whole(path, text)


def to_json(value: object, path: str) -> str:
    """``value`` as JSON for ``path``; letters that the standard output's encoding lacks are escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    plain = path == STDOUT and encoding.lower().replace("-", "") != "utf8"
    return json.dumps(value, allow_nan=False, ensure_ascii=plain, indent=1) + "\n"


def _why_not(path: str) -> str:
    if not path:
        return "its name is empty"
    if os.path.isdir(path) or path.endswith(os.sep):
        return "it is a folder"
    if os.path.exists(path) and not os.path.isfile(path):
        return "" if os.access(path, os.W_OK) else "it is not writable"
    return _why_not_in(os.path.dirname(os.path.realpath(path)))


def _why_not_in(folder: str) -> str:
    if not os.path.isdir(folder):
        return f"there is no folder {folder!r}"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder!r} is not writable"
