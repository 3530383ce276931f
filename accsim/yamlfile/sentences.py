"""One sentence for one pydantic error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

from accsim.errors import suggest
from accsim.yamlfile.build import describe, shorten
from accsim.yamlfile.document import Document, Path
from accsim.yamlfile.locate import Spot

_MUST: Mapping[str, str] = {
    "int_type": "be an integer",
    "int_from_float": "be an integer",
    "int_parsing": "be an integer",
    "int_parsing_size": "be an integer of fewer digits",
    "float_type": "be a number",
    "float_parsing": "be a number",
    "finite_number": "be a finite number",
    "bool_type": "be true or false",
    "bool_parsing": "be true or false",
    "string_type": "be text",
    "string_too_short": "have at least {min_length} characters",
    "string_too_long": "have at most {max_length} characters",
    "string_pattern_mismatch": "match {pattern}",
    "list_type": "be a list",
    "tuple_type": "be a list",
    "set_type": "be a list",
    "dict_type": "be a mapping",
    "model_type": "be a mapping",
    "model_attributes_type": "be a mapping",
    "mapping_type": "be a mapping",
    "none_required": "be left empty",
    "greater_than": "be greater than {gt}",
    "greater_than_equal": "be at least {ge}",
    "less_than": "be less than {lt}",
    "less_than_equal": "be at most {le}",
    "multiple_of": "be a multiple of {multiple_of}",
    "enum": "be {expected}",
    "literal_error": "be {expected}",
    "union_tag_invalid": "be {expected_tags}",
}
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")

Order = tuple[bool, int, int]
"""Sorts mistakes: those of the file by line and column, then those of overrides."""


def sentence(document: Document, at: Path, data: Any, error: ErrorDetails, spot: Spot) -> tuple[str, Order]:
    """The sentence for ``error`` and where it sorts.

    Args:
        document: the file.
        at: where the bound data stands in it.
        data: the bound data.
        error: pydantic's error.
        spot: where the error is in ``data``.
    """
    kind = error["type"]
    if kind == "missing" and isinstance(spot.key, int):
        return _at_key(document, (*at, *spot.path), f"item {spot.key} (counted from 0) is missing")
    if kind == "missing":
        return _at_key(document, (*at, *spot.path), f"key {spot.key!r} is missing")
    if kind == "union_tag_not_found":
        return _at_key(document, (*at, *spot.path), f"key {_discriminator(error)} is missing")
    if kind == "extra_forbidden":
        return _unknown_key(document, at, spot)
    path = (*at, *spot.path)
    value = _value(data, spot.path)
    if kind == "union_tag_invalid":
        tag = _discriminator(error).strip("'")
        path, value = (*path, tag), error.get("ctx", {}).get("tag")
    elif spot.key is not None:
        path, value = (*path, spot.key), spot.key
    said = _requirement(error, value)
    wants = [said, *(_requirement(other, value) for other in spot.alternatives)]
    if len(wants) > 1 and all(want.startswith("must be ") for want in wants):
        said = "must be " + " or ".join(dict.fromkeys(want.removeprefix("must be ") for want in wants))
    if said.startswith("must ") and ", got " not in said:
        said += f", got {_got(document, path, value)}"
    if isinstance(value, str):
        contexts = [e.get("ctx", {}) for e in (error, *spot.alternatives)]
        expected = " ".join(str(c.get("expected", c.get("expected_tags", ""))) for c in contexts)
        said += suggest(value, _QUOTED.findall(expected))
    override = document.override_at(path)
    if override is not None:
        return f"{override.label}: {said}", (True, 0, 0)
    spelled = document.spell(path)
    return f"{document.place(path)}: {spelled + ': ' if spelled else ''}{said}", (False, *document.position(path))


def _at_key(document: Document, path: Path, said: str) -> tuple[str, Order]:
    """A sentence about a mapping as a whole, placed at its key."""
    where = f" in {document.spell(path)}" if path else ""
    override = document.override_at(path)
    order = (True, 0, 0) if override is not None else (False, *document.position(path, key=True))
    return f"{document.place(path, key=True)}: {said}{where}", order


def _unknown_key(document: Document, at: Path, spot: Spot) -> tuple[str, Order]:
    *parents, last = (*at, *spot.path)
    where = f" in {document.spell(tuple(parents))}" if parents else ""
    hint = suggest(str(last), spot.known)
    if not hint and spot.known:
        hint = f"; expected one of {', '.join(spot.known)}"
    path = (*parents, last)
    override = document.override_at(path)
    order = (True, 0, 0) if override is not None else (False, *document.position(path, key=True))
    return f"{document.place(path, key=True)}: no key {describe(str(last))}{where}{hint}", order


def _requirement(error: ErrorDetails, value: Any) -> str:
    """What the value must be; a validator's own words stay as they are."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _MUST:
        return "must " + _MUST[kind].format(**{**context, "expected_tags": _either(context.get("expected_tags", ""))})
    if kind in ("too_short", "too_long"):
        bound = context.get("min_length" if kind == "too_short" else "max_length")
        return f"must have at {'least' if kind == 'too_short' else 'most'} {bound} items, got {len(value)}"
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", error["msg"]))
    message = error["msg"]
    return message[:1].lower() + message[1:]


def _either(listed: str) -> str:
    """``'a', 'b', 'c'`` with an "or" before the last."""
    return " or ".join(listed.rsplit(", ", 1))


def _discriminator(error: ErrorDetails) -> str:
    return str(error.get("ctx", {}).get("discriminator", "'kind'"))


def _value(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data


def _got(document: Document, path: Path, value: Any) -> str:
    """The value as the user wrote it; numbers keep their spelling (``1e3``)."""
    text = document.text(path)
    if isinstance(value, int | float) and not isinstance(value, bool) and text:
        return shorten(text)
    return describe(value)
