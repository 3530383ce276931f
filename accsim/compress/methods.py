"""The published methods of compressing networks, and what there is for each: ``methods.yaml``, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from accsim.library import read_text
from accsim.source import Source
from accsim.yamlfile import Model, bind, load

FILE = "methods.yaml"


class Status(StrEnum):
    """What there is for a method."""

    COVERED = "covered"
    COST_MODEL = "cost model only"
    NOT_APPLICABLE = "not applicable"


class TransformationFile(Model):
    """A transformation that methods reduce to: its name, and what of it hardware sees."""

    name: str
    visible: str


class MethodFile(Model):
    """One method."""

    name: str
    reference: str
    kind: str
    does: str
    transformations: tuple[str, ...]
    status: Status
    passes: tuple[str, ...] = ()
    cost_models: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    why: str = ""


class MethodsFile(Model):
    """The whole file."""

    about: str
    transformations: dict[str, TransformationFile]
    methods: tuple[MethodFile, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """One published method, network or tool.

    Attributes:
        name, reference: what it is called, and where it was published.
        kind: what sort of method it is.
        does: what it does, in a line.
        transformations: codes of the transformations it reduces to, such as ``T1``.
        visible: what of them hardware sees.
        status: what there is for it here.
        passes: passes that cover it.
        cost_models: functions of ``accsim.compress.costs`` that say what it costs.
        networks: networks here that are it, where it is a network.
        why: why it does not apply, or how it is covered.
    """

    name: str
    reference: str
    kind: str
    does: str
    transformations: tuple[str, ...]
    visible: str
    status: Status
    passes: tuple[str, ...]
    cost_models: tuple[str, ...]
    networks: tuple[str, ...]
    why: str


@cache
def methods() -> tuple[Method, ...]:
    """Every method, in the order of the list."""
    path = Path(__file__).with_name(FILE)
    file = bind(load(Source("methods", FILE, read_text(path))), MethodsFile)
    return tuple(
        Method(
            name=m.name,
            reference=m.reference,
            kind=m.kind,
            does=m.does,
            transformations=m.transformations,
            visible="; ".join(file.transformations[code].visible for code in m.transformations),
            status=m.status,
            passes=m.passes,
            cost_models=m.cost_models,
            networks=m.networks,
            why=m.why,
        )
        for m in file.methods
    )
