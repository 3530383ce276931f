"""From the location in a pydantic error to a path in the file.

pydantic puts the alternatives of a union into the location; the file has no such step, so the model's types are walked
along with the data.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, RootModel, Tag
from pydantic_core import ErrorDetails

from accsim.yamlfile.document import Path


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a mistake is.

    Attributes:
        path: path to the deepest value that is in the data.
        key: the key below it that is missing, or the key that is itself the mistake.
        known: keys that the mapping holding the mistake may have; empty when its type is not a model.
        union: path and alternative of the outermost union without a discriminator on the way.
        alternatives: errors of the other alternatives at the same path.
    """

    path: Path
    key: str | int | None = None
    known: tuple[str, ...] = ()
    union: tuple[Path, str | int] | None = None
    alternatives: tuple[ErrorDetails, ...] = ()


def locate(model: type[BaseModel], data: Any, location: Sequence[str | int]) -> Spot:
    """Find the place of one error in ``data``.

    Args:
        model: the model that was validated.
        data: the data it was validated on.
        location: ``loc`` of the error.
    """
    hint: Any = model
    value = data
    path: Path = ()
    known: tuple[str, ...] = ()
    union: tuple[Path, str | int] | None = None
    for position, step in enumerate(location):
        hint, discriminated = _strip(hint)
        arms = _arms(hint)
        if len(arms) > 1:
            if union is None and not discriminated:
                union = (path, step)
            hint = next((arm for arm in arms if _is_arm(arm, step)), None)
            continue
        if step == "[key]" and position == len(location) - 1:
            return Spot(path[:-1], str(path[-1]), (), union)
        known, below = _known(hint), _below(hint, step)
        if _holds(value, step):
            value = value[step]
        elif hint is None and position < len(location) - 1:
            continue
        else:
            return Spot(path, step, known, union)
        path, hint = (*path, step), below
    return Spot(path, None, known, union)


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, Mapping) and step in value


def _strip(hint: Any) -> tuple[Any, bool]:
    """The type without annotations and ``None``, and whether it is a union with a discriminator."""
    discriminated = False
    while True:
        if typing.get_origin(hint) is Annotated:
            metadata = typing.get_args(hint)[1:]
            discriminated |= any(getattr(m, "discriminator", None) is not None for m in metadata)
            hint = typing.get_args(hint)[0]
        elif isinstance(hint, type) and issubclass(hint, RootModel):
            hint = hint.model_fields["root"].annotation
        elif len(arms := _arms(hint)) == 1 and arms[0] is not hint:
            hint = arms[0]
        else:
            return hint, discriminated


def _arms(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (Union, UnionType):
        return tuple(arm for arm in typing.get_args(hint) if arm is not NoneType)
    return (hint,)


def _is_arm(arm: Any, step: str | int) -> bool:
    """Whether ``step`` names this alternative: its tag, its class or the literal of its discriminator."""
    if typing.get_origin(arm) is Annotated:
        tags = [m.tag for m in typing.get_args(arm)[1:] if isinstance(m, Tag)]
        if tags:
            return step in tags
        arm = typing.get_args(arm)[0]
    if not (isinstance(arm, type) and issubclass(arm, BaseModel)):
        return False
    literals = [f.annotation for f in arm.model_fields.values() if typing.get_origin(f.annotation) is Literal]
    return step == arm.__name__ or any(str(step) in map(str, typing.get_args(literal)) for literal in literals)


def _known(hint: Any) -> tuple[str, ...]:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return tuple(field.alias or name for name, field in hint.model_fields.items())
    return ()


def _below(hint: Any, step: str | int) -> Any:
    """The type one step down, or None where it is not known."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        for name, field in hint.model_fields.items():
            if step in (name, field.alias):
                marked = field.discriminator is not None
                return Annotated[field.annotation, field] if marked else field.annotation
        return None
    arguments = typing.get_args(hint)
    if not arguments:
        return None
    if isinstance(step, int):
        fixed = typing.get_origin(hint) is tuple and arguments[-1] is not Ellipsis
        return (arguments[step] if step < len(arguments) else None) if fixed else arguments[0]
    return arguments[1] if len(arguments) > 1 else None
