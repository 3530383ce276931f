"""A parsed YAML file that remembers where everything stood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from accsim.errors import InputError
from accsim.source import Source, printable
from accsim.yamlfile.build import DEEPEST, at_node, build, describe
from accsim.yamlfile.compose import Node, compose

Path = tuple[str | int, ...]
"""Keys and list indices from the top of a file to one value."""


@dataclass(frozen=True, slots=True)
class Override:
    """One ``--set`` assignment: the words that made it and the text of its value."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A file's data with the place of every key and value.

    Attributes:
        source: the file.
        data: dicts (keys are always text), lists, str, int, float, bool and None.
        root: the composed YAML tree, for places.
        overrides: assignments that replaced or added a value, by path.
    """

    source: Source
    data: dict[str, Any]
    root: Node = field(repr=False)
    overrides: Mapping[Path, Override] = field(default_factory=dict)

    def place(self, path: Path = (), key: bool = False) -> str:
        """Where the value at ``path`` (or its key) stands: ``hw.yaml:7:39``, or ``--set array.rows=24``.

        A path that is not in the file gives the place of the nearest enclosing value.
        """
        override = self.override_at(path)
        if override is not None:
            return override.label
        line, column = self.position(path, key)
        return f"{self.source.place}:{line}:{column}"

    def position(self, path: Path, key: bool = False) -> tuple[int, int]:
        """Line and column in the file, from 1."""
        at = node = self.root
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            at, node = found
        mark = (at if key else node).start_mark
        return mark.line + 1, mark.column + 1

    def override_at(self, path: Path) -> Override | None:
        """The assignment that gave the value at ``path``, if one did."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.overrides:
                return self.overrides[path[:length]]
        if path and not self._in_file(path):
            return next((made for at, made in self.overrides.items() if at[: len(path)] == path), None)
        return None

    def text(self, path: Path) -> str | None:
        """The scalar at ``path`` as it was written; None for a list, a mapping or a path that is not there."""
        override = self.overrides.get(path)
        if override is not None:
            return override.text
        node = self.root
        for step in path:
            found = _child(node, step)
            if found is None:
                return None
            node = found[1]
        return str(node.value) if isinstance(node, yaml.ScalarNode) else None

    def spell(self, path: Path) -> str:
        """``path`` in words: ``levels.glb.size``; a list item is called by its ``name`` or its index."""
        words: list[str] = []
        value: Any = self.data
        for step in path:
            value = _step(value, step)
            name = value.get("name") if isinstance(step, int) and isinstance(value, dict) else None
            words.append(name if isinstance(name, str) and name else str(step))
        return printable(".".join(words))

    def _in_file(self, path: Path) -> bool:
        node = self.root
        for step in path:
            found = _child(node, step)
            if found is None:
                return False
            node = found[1]
        return True


def load(source: Source) -> Document:
    """Parse one YAML file whose top level is a mapping.

    Raises:
        InputError: not valid YAML (the first place where it is not), or duplicate keys, ambiguous numbers and other
            mistakes (all of them).
    """
    root = compose(source.text, source.place, DEEPEST)
    data = None if root is None else build(root, source.place)
    if root is None or data is None:
        raise InputError([f"{source.place}: the file is empty"])
    if not isinstance(data, dict):
        raise InputError([f"{at_node(root, source.place)}: expected a mapping of keys to values, got {describe(data)}"])
    return Document(source, data, root)


def _child(node: Node, step: str | int) -> tuple[Node, Node] | None:
    """The key and value nodes one step down (for a list item both are the item)."""
    if isinstance(node, yaml.MappingNode):
        pairs = [pair for pair in node.value if isinstance(pair[0], yaml.ScalarNode) and pair[0].value == step]
        return pairs[-1] if pairs else None
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _step(value: Any, step: str | int) -> Any:
    try:
        return value[step]
    except (KeyError, IndexError, TypeError):
        return None
