"""A mapping as YAML text a person can copy, without the cost of a general YAML writer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_RESERVED = {"null", "true", "false", "yes", "no", "on", "off"}


def to_yaml(value: object, indent: int = 0) -> str:
    """``value`` (mappings, sequences, scalars) as block YAML; sequences of scalars stay on one line."""
    lines: list[str] = []
    _block(value, indent, lines)
    return "\n".join(lines)


def _block(value: object, indent: int, lines: list[str]) -> None:
    pad = " " * indent
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            _entry(f"{pad}{_scalar(str(key))}:", item, indent, lines)
    elif _is_list(value) and value:
        for item in value:  # type: ignore[attr-defined]
            _entry(f"{pad}-", item, indent, lines)
    else:
        lines.append(pad + _inline(value))


def _entry(head: str, item: object, indent: int, lines: list[str]) -> None:
    if _is_nested(item):
        lines.append(head)
        _block(item, indent + 2, lines)
    else:
        lines.append(f"{head} {_inline(item)}")


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_nested(value: object) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return _is_list(value) and any(isinstance(i, Mapping) or _is_list(i) for i in value)  # type: ignore[attr-defined]


def _inline(value: object) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if _is_list(value):
        return "[" + ", ".join(_scalar(item) for item in value) + "]"  # type: ignore[attr-defined]
    return _scalar(value)


def _scalar(value: object) -> str:
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return json.dumps(text, ensure_ascii=False)
