"""From a composed YAML tree to plain data, and the mistakes YAML itself lets pass."""

from __future__ import annotations

from typing import Any

import yaml

from accsim.errors import InputError
from accsim.source import printable
from accsim.yamlfile.compose import NO_TAG, STRING_TAG, Node
from accsim.yamlfile.scalars import plain_scalar

DEEPEST = 100
"""The deepest nesting of lists and mappings in a file."""

_MOST_VALUES = 1_000_000


def build(root: Node, place: str, positions: bool = True) -> Any:
    """Turn a composed YAML tree into plain Python data.

    Raises:
        InputError: every duplicate key, ambiguous number, tag and key that is not text.
    """
    builder = _Builder(place, positions)
    data = builder.build(root, 0)
    if builder.mistakes:
        raise InputError(builder.mistakes)
    return data


def describe(value: object) -> str:
    """A value in words, for messages: ``'twelve'``, ``true``, ``a list``."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return repr(shorten(value))
    return shorten(str(value))


def shorten(text: str, length: int = 60) -> str:
    """``text``, cut with ``...`` where it is longer than ``length``."""
    return text if len(text) <= length else text[: length - 3] + "..."


class _Builder:
    """Builds the data of one file; mistakes are collected, not raised."""

    def __init__(self, place: str, positions: bool) -> None:
        self.place = place
        self.positions = positions
        self.mistakes: list[str] = []
        self.values = 0

    def build(self, node: Node, depth: int) -> Any:
        self.values += 1
        if self.values > _MOST_VALUES:
            raise InputError([f"{self.place}: more than {_MOST_VALUES} values, counting repeated aliases"])
        if depth > DEEPEST:
            raise InputError([f"{self.at(node)}: nested more than {DEEPEST} deep, or an alias that contains itself"])
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if node.tag != NO_TAG:
            self.tagged(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, depth + 1) for item in node.value]
        return self.mapping(node, depth)

    def scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        if node.tag == NO_TAG:
            try:
                return plain_scalar(node.value)
            except ValueError as error:
                self.mistakes.append(f"{self.at(node)}: {error}")
        elif node.tag != STRING_TAG:
            self.tagged(node)
        return str(node.value)

    def mapping(self, node: Node, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        first: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.mistakes.append(f"{self.at(key)}: a key must be text, got {describe(key.value)}")
                continue
            name = key.value
            if key.tag == NO_TAG and not name:
                self.mistakes.append(f"{self.at(key)}: expected a key before ':'")
            elif key.tag not in (NO_TAG, STRING_TAG):
                self.tagged(key)
            if name in first:
                where = f"; it is already given at {self.at(first[name])}" if self.positions else ""
                self.mistakes.append(f"{self.at(key)}: key {describe(name)} is given twice{where}")
            first.setdefault(name, key)
            data[name] = self.build(value, depth + 1)
        return data

    def tagged(self, node: Node) -> None:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        self.mistakes.append(f"{self.at(node)}: tags are not used in these files, got {printable(tag)}")

    def at(self, node: Node) -> str:
        return at_node(node, self.place) if self.positions else self.place


def at_node(node: Node, place: str) -> str:
    """Where a node starts: ``place:line:col``."""
    return f"{place}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
