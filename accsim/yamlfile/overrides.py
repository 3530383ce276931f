"""``--set array.rows=24``: replace or add one value of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from accsim.errors import InputError, suggest
from accsim.source import printable
from accsim.yamlfile.build import DEEPEST, build, describe
from accsim.yamlfile.compose import compose
from accsim.yamlfile.document import Document, Override, Path

Label = Callable[[Mapping[str, Any]], object]
"""What an item of a list is called in a path."""


def _name(item: Mapping[str, Any]) -> object:
    return item.get("name")


def override(
    document: Document, assignments: Sequence[str], label_of: Label = _name, option: str = "--set"
) -> Document:
    """Apply assignments ``a.b.c=value`` in order and return a new document.

    The value is read as YAML. A list item is named by its ``name`` (``levels.glb.size``) or its index. A key that is
    not in the file is added, so that an optional one can be set; binding finds out whether it is known.

    Args:
        label_of: what an item of a list is called, if not by its ``name``.
        option: the option that gives the assignments, for messages.

    Raises:
        InputError: an assignment without ``=``, a value that is not YAML, or a path through a list item that does not
            exist or a value that holds no keys; all such mistakes at once.
    """
    mistakes: list[str] = []
    for assignment in assignments:
        try:
            document = _apply(document, assignment, label_of, option)
        except InputError as error:
            mistakes += error.mistakes
    if mistakes:
        raise InputError(mistakes)
    return document


def _apply(document: Document, assignment: str, label_of: Label, option: str) -> Document:
    label = f"{option} {printable(assignment)}"
    target, equals, text = assignment.partition("=")
    words = target.strip().split(".")
    if not equals or not all(words):
        raise InputError([f"{label}: expected a key, '=' and a value, such as array.rows=24"])
    node = compose(text, label, DEEPEST, positions=False)
    value = None if node is None else build(node, label, positions=False)
    data, path = _assign(document.data, words, value, label, (), label_of)
    overrides = {at: made for at, made in document.overrides.items() if at[: len(path)] != path}
    return replace(document, data=data, overrides=overrides | {path: Override(label, text.strip())})


def _assign(holder: Any, words: Sequence[str], value: Any, label: str, path: Path, label_of: Label) -> tuple[Any, Path]:
    """A copy of ``holder`` with the value set, and the path that ``words`` stand for."""
    if not words:
        return value, path
    word, rest = words[0], words[1:]
    if holder is None:
        holder = {}
    if isinstance(holder, dict):
        inner, full = _assign(holder.get(word), rest, value, label, (*path, word), label_of)
        return {**holder, word: inner}, full
    if isinstance(holder, list):
        index = _index(holder, word, label, path, label_of)
        inner, full = _assign(holder[index], rest, value, label, (*path, index), label_of)
        return [*holder[:index], inner, *holder[index + 1 :]], full
    raise InputError([f"{label}: {_dotted(path)} is {describe(holder)} and holds no key {word!r}"])


def _index(items: list[Any], word: str, label: str, path: Path, label_of: Label) -> int:
    names = [label_of(item) if isinstance(item, dict) else None for item in items]
    if word in names:
        return names.index(word)
    where = _dotted(path)
    if word.isascii() and word.isdecimal():
        if len(word) <= len(str(len(items))) and int(word) < len(items):
            return int(word)
        raise InputError([f"{label}: no item {word} in {where}, which has {len(items)}, counted from 0"])
    known = [name for name in names if isinstance(name, str)]
    has = ", ".join(known) if known else f"{len(items)}, counted from 0"
    hint = suggest(word, known) or f"; it has {has}"
    raise InputError([f"{label}: no item {word!r} in {where}{hint}"])


def _dotted(path: Path) -> str:
    return printable(".".join(map(str, path)))
