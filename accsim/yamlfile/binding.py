"""Bind a document to a pydantic model and report every mistake with its place."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from accsim.errors import InputError, suggest
from accsim.yamlfile.document import Document, Path
from accsim.yamlfile.locate import Spot, locate
from accsim.yamlfile.sentences import sentence


class Model(BaseModel):
    """Base of every file's schema.

    Unknown keys are mistakes. Nothing is converted: ``true`` and ``'12'`` are not integers, 12.0 is not one either, and
    12 is not text; an integer is accepted where a number is wanted, a list for a tuple, and a name for an enum member.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


M = TypeVar("M", bound=BaseModel)


def bind(document: Document, model: type[M], data: Any = None, at: Path = ()) -> M:
    """Validate a document against a model.

    Args:
        document: the parsed file, overrides applied.
        model: the schema; ``Model`` sets the rules that fit YAML.
        data: bind this instead of the document's data; its places are still looked up in the document.
        at: where ``data`` stands in the document; without ``data``, bind the part of the document that is there.

    Raises:
        InputError: every mistake in the file, in the file's order, such as
            ``hw.yaml:7:39: array.rows: must be an integer, got 'twelve'``.
    """
    part = document.data if data is None else data
    if data is None:
        for step in at:
            part = part[step]  # type: ignore[index]
    try:
        # pydantic's JSON mode is strict about scalars and knows that a file has lists and names, not tuples and enums.
        return model.model_validate_json(json.dumps(part))
    except ValidationError as error:
        details = _without_typos(error.errors(include_url=False))
    spots = [(detail, locate(model, part, detail["loc"])) for detail in details]
    raise InputError(_sentences(document, at, part, spots))


def _without_typos(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Drop "missing" for a key that is there with a typo: the unknown key's sentence names it."""
    unknown: dict[Path, list[str]] = {}
    for detail in details:
        if detail["type"] == "extra_forbidden":
            unknown.setdefault(detail["loc"][:-1], []).append(str(detail["loc"][-1]))
    return [
        detail
        for detail in details
        if detail["type"] != "missing"
        or not any(suggest(key, [str(detail["loc"][-1])]) for key in unknown.get(detail["loc"][:-1], []))
    ]


def _sentences(document: Document, at: Path, data: Any, spots: Iterable[tuple[ErrorDetails, Spot]]) -> list[str]:
    """One sentence per mistake, in the order of the file, overrides last."""
    found: dict[str, tuple[bool, int, int]] = {}
    for detail, spot in _one_arm(spots):
        text, order = sentence(document, at, data, detail, spot)
        found.setdefault(text, order)
    return sorted(found, key=found.__getitem__)


def _one_arm(spots: Iterable[tuple[ErrorDetails, Spot]]) -> list[tuple[ErrorDetails, Spot]]:
    """Keep one alternative of a union, the one that comes nearest.

    pydantic reports the mistakes of every alternative. One whose own type does not fit (text where a mapping was given)
    is dropped when another fits, and of those that fit the one with the fewest mistakes stays. When none fits,
    ``sentence`` joins what each would have accepted.
    """
    kept: list[tuple[ErrorDetails, Spot]] = []
    unions: dict[Path, dict[str | int, list[tuple[ErrorDetails, Spot]]]] = {}
    for detail, spot in spots:
        if spot.union is None:
            kept.append((detail, spot))
        else:
            where, arm = spot.union
            unions.setdefault(where, {}).setdefault(arm, []).append((detail, spot))
    for where, arms in unions.items():
        fitting = [errors for errors in arms.values() if all(_inside(spot, where) for _, spot in errors)]
        if fitting:
            nearest = min(fitting, key=len)
            kept += nearest
        else:
            kept += _joined(errors[0] for errors in arms.values())
    return kept


def _inside(spot: Spot, where: Path) -> bool:
    return spot.path != where or spot.key is not None


def _joined(errors: Iterable[tuple[ErrorDetails, Spot]]) -> list[tuple[ErrorDetails, Spot]]:
    first, *others = errors
    return [(first[0], Spot(first[1].path, first[1].key, first[1].known, None, tuple(d for d, _ in others)))]
