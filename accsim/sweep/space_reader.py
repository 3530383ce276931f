"""Read a design space from its YAML file; the form is shown in ``accsim.sweep.space``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from accsim.errors import InputError, suggest
from accsim.library import read_text
from accsim.source import Source
from accsim.sweep.check import values_mistakes
from accsim.sweep.condition import Condition, ConditionError, condition
from accsim.sweep.ranges import expand
from accsim.sweep.space import NONE, PLAIN, Assignment, Axis, Space
from accsim.yamlfile import Document, Path, load
from accsim.yamlfile.build import describe

GROUPS = {"set": "", "energy": "energy.", "bind": "bind."}
"""Keys of the file that hold keys of their own, and what stands before those in conditions."""

KEYS = ("name", "description", *PLAIN, *GROUPS, "together", "where")

MOST_POINTS = 100_000_000
"""Points of a space before conditions, at most."""

Placed = tuple[str, str, Path]
"""A key, the text of a value and where it stands."""


def load_space(path: str | FilePath) -> Space:
    """Read a design space.

    Raises:
        InputError: the file is missing or not YAML, or all mistakes in it, each with its place.
    """
    return read_space(Source(FilePath(path).stem, str(path), read_text(path)))


def read_space(source: Source) -> Space:
    """Read a design space from a text.

    Raises:
        InputError: all mistakes in it.
    """
    reader = _Reader(load(source))
    space = reader.space()
    mistakes = [*reader.mistakes, *values_mistakes(reader.document, reader.placed)]
    if mistakes:
        raise InputError(said for _, said in sorted(mistakes))
    return space


class _Reader:
    """Collects axes and mistakes."""

    def __init__(self, document: Document) -> None:
        self.document, self.data = document, document.data
        self.mistakes: list[tuple[tuple[int, int], str]] = []
        self.placed: list[Placed] = []
        self._given: dict[str, Path] = {}

    def space(self) -> Space:
        for key in self.data:
            if key not in KEYS:
                hint = suggest(key, KEYS) or f"; expected one of {', '.join(KEYS)}"
                self._wrong((key,), f"no key {key!r}{hint}", at_key=True)
        if "workload" not in self.data and not any(key == "workload" for key, *_ in self._together_keys()):
            self._wrong((), "key 'workload' is missing")
        axes = [*self._axes(), *self._together()]
        axes.sort(key=lambda axis: axis.rank)
        space = Space(
            name=self._text("name") or self.document.source.name,
            axes=tuple(axes),
            where=tuple(self._where(frozenset(key for axis in axes for key in axis.keys))),
            description=self._text("description"),
            text=self.document.source.text,
        )
        if space.product > MOST_POINTS:
            self._wrong((), f"the space has {space.product:,} points before conditions, more than {MOST_POINTS:,}")
        return space

    def _wrong(self, path: Path, said: str, at_key: bool = False) -> None:
        spelled = self.document.spell(path)
        text = f"{self.document.place(path, key=at_key)}: {spelled + ': ' if spelled and not at_key else ''}{said}"
        self.mistakes.append((self.document.position(path, key=at_key), text))

    def _text(self, key: str) -> str:
        value = self.data.get(key)
        if value is not None and not isinstance(value, str):
            self._wrong((key,), f"must be text, got {describe(value)}")
            return ""
        return value or ""

    def _axes(self) -> Iterator[Axis]:
        for key in PLAIN:
            if key in self.data:
                yield from self._axis(key, (key,))
        for group, prefix in GROUPS.items():
            held = self.data.get(group)
            if held is None:
                continue
            if not isinstance(held, dict):
                self._wrong((group,), f"must be a mapping of keys to values, got {describe(held)}")
                continue
            for key in held:
                yield from self._axis(prefix + key, (group, key))

    def _axis(self, key: str, path: Path) -> Iterator[Axis]:
        values = self._values(key, path)
        self._given.setdefault(key, path)
        if values:
            yield Axis(tuple(((key, value),) for value in values))

    def _values(self, key: str, path: Path) -> list[str]:
        """The values at a place: one, a list of them, or a range."""
        value: Any = self.data
        for step in path:
            value = value[step]
        if isinstance(value, dict):
            try:
                found = expand(value)
            except ValueError as error:
                self._wrong(path, str(error))
                return []
            self.placed += [(key, text, path) for text in found]
            return found
        items = [(item, (*path, i)) for i, item in enumerate(value)] if isinstance(value, list) else [(value, path)]
        if key == "layers" and isinstance(value, list):  # a list of layers is one value
            items = [(",".join(map(str, value)), path)]
        if not items:
            self._wrong(path, "is an empty list")
        found = []
        for item, where in items:
            text = self._scalar(item, where)
            if text is None:
                continue
            if text in found:
                self._wrong(where, f"{text!r} is given twice")
                continue
            self.placed.append((key, text, where))
            found.append(text)
        return found

    def _scalar(self, value: Any, path: Path) -> str | None:
        """The value as text, numbers as they were written."""
        if value is None:
            return NONE
        if isinstance(value, dict | list):
            self._wrong(path, f"must be a single value, got {describe(value)}")
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        return self.document.text(path) or str(value)

    def _together_keys(self) -> Iterator[tuple[str, str]]:
        for group in self._listed("together"):
            first = group[0] if isinstance(group, list) and group else {}
            yield from ((key, "") for key in (first if isinstance(first, dict) else {}))

    def _listed(self, key: str) -> list[Any]:
        value = self.data.get(key)
        if value is not None and not isinstance(value, list):
            self._wrong((key,), f"must be a list, got {describe(value)}")
            return []
        return value or []

    def _together(self) -> Iterator[Axis]:
        for i, group in enumerate(self._listed("together")):
            if not isinstance(group, list) or not group or not all(isinstance(item, dict) and item for item in group):
                self._wrong(("together", i), "must be a list of mappings, each with a value for every key")
                continue
            keys, options = tuple(group[0]), list[tuple[Assignment, ...]]()
            for key in keys:
                if key in self._given:
                    self._wrong(("together", i, 0, key), f"is given a second time, beside {self._at(key)}", at_key=True)
                self._given[key] = ("together", i, 0, key)
            for j, item in enumerate(group):
                path = ("together", i, j)
                if set(item) != set(keys):
                    differing = sorted(set(item) ^ set(keys))
                    self._wrong(path, f"every item of a list must give the same keys; {', '.join(differing)} differs")
                    continue
                texts = {key: self._scalar(item[key], (*path, key)) for key in keys}
                self.placed += [(key, text, (*path, key)) for key, text in texts.items() if text is not None]
                options.append(tuple((key, text) for key, text in texts.items() if text is not None))
            if options:
                yield Axis(tuple(options))

    def _at(self, key: str) -> str:
        return self.document.place(self._given[key], key=True)

    def _where(self, known: frozenset[str]) -> Iterator[Condition]:
        value = self.data.get("where")
        texts: Mapping[Path, Any] = (
            {("where",): value}
            if isinstance(value, str)
            else {("where", i): v for i, v in enumerate(self._listed("where"))}
        )
        for path, text in texts.items():
            if not isinstance(text, str):
                self._wrong(path, f"must be a condition such as 'array.rows <= array.cols', got {describe(text)}")
                continue
            try:
                yield condition(text, known)
            except ConditionError as error:
                self._wrong(path, str(error))
