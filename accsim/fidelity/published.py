"""Published figures from YAML, each with its citation and, where accsim is to be judged by it, a tolerance.

::

    title: AlexNet on the Eyeriss chip
    sources: {jssc17: "Chen, Krishna, Emer and Sze, ..., IEEE JSSC 52(1), 2017"}
    figures:
      processing_time:                  # the figure's name; those of its values are processing_time.conv1 ...
        what: processing time per layer, batch 4
        source: jssc17                  # a key of sources
        at: Table V                     # where it stands there
        standing: read                  # in the publication itself, the default; or
                                        # transcribed (sums or ratios checked) | derived | unverified (never judged)
        unit: ms
        published: {conv1: 16.5, conv2: 39.2}   # a number, a text, [lowest, highest], or any of them by name, nested
        tolerance: 0.10                 # of obtained / published - 1; without a tolerance the figure is information
        absolute_tolerance: 0.5         # or of obtained - published, in the unit
        known_gaps:                     # not met, and explained: see accsim.fidelity.compare
          conv2: {error: -0.12, because: "what the model leaves out"}
        missing: what would be needed   # instead of a value: not reproducible from what is public
        note: what the reader must know
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import Field

from accsim.errors import InputError, suggest
from accsim.source import Source
from accsim.yamlfile import Document, Model, bind, load

Value = float | str | tuple[float, float]
"""A number, a text, or the lowest and the highest of a range."""


class Standing(StrEnum):
    """How sure the published figure is."""

    READ = "read"
    TRANSCRIBED = "transcribed"
    DERIVED = "derived"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class KnownGap:
    """A figure that is not met, the error it had when that was explained, and the explanation."""

    error: float
    because: str


@dataclass(frozen=True, slots=True)
class Published:
    """One published figure.

    Attributes:
        figure: its name, such as ``processing_time.conv1``.
        group: the name of the figures it is one of, such as ``processing_time``.
        source: citation and place, in full; ``reference`` is the short form.
        tolerance: of the relative error, or of the absolute one; ``None`` for a figure that is information.
        absolute: whether errors of this figure are differences in its unit.
        missing: what would be needed to reproduce it; empty if it can be.
    """

    figure: str
    group: str
    what: str
    source: str
    reference: str
    standing: Standing
    unit: str
    value: Value
    tolerance: float | None
    absolute: bool
    gap: KnownGap | None
    missing: str
    note: str


@dataclass(frozen=True, slots=True)
class Publication:
    """The published figures of one case.

    Attributes:
        sources: full citations by their short names.
    """

    case: str
    title: str
    sources: Mapping[str, str]
    figures: tuple[Published, ...]

    def values(self, group: str) -> dict[str, Value]:
        """The values of one group by the rest of their names (``conv1``); a single value has an empty one."""
        return {f.figure.removeprefix(group).removeprefix("."): f.value for f in self.figures if f.group == group}

    def number(self, figure: str) -> float:
        """The value of a figure that is a number.

        Raises:
            ValueError: there is no such figure, or it is no number.
        """
        for known in self.figures:
            if known.figure == figure and isinstance(known.value, float):
                return known.value
        raise ValueError(f"the case {self.case!r} has no number called {figure!r}")


class GapFile(Model):
    """A known gap."""

    error: float
    because: str = Field(min_length=20)


class FigureFile(Model):
    """A group of figures."""

    what: str
    source: str
    at: str = ""
    standing: Standing = Standing.READ
    unit: str = ""
    published: float | str | list[float] | dict[str, object]
    tolerance: float | None = Field(default=None, ge=0, lt=10)
    absolute_tolerance: float | None = Field(default=None, ge=0)
    known_gaps: dict[str, GapFile] = {}
    missing: str = ""
    note: str = ""


class PublicationFile(Model):
    """The whole file."""

    title: str
    sources: dict[str, str]
    figures: dict[str, FigureFile]


def read_publication(source: Source, case: str) -> Publication:
    """Read the published figures of a case.

    Raises:
        InputError: the file's mistakes, with their places.
    """
    document = load(source)
    file = bind(document, PublicationFile)
    mistakes = list(_mistakes(document, file))
    if mistakes:
        raise InputError(mistakes)
    return Publication(case, file.title, file.sources, tuple(_figures(file)))


def _figures(file: PublicationFile) -> Iterator[Published]:
    for group, held in file.figures.items():
        reference = f"{held.source}, {held.at}" if held.at else held.source
        cited = file.sources[held.source]
        for name, value in _leaves(held.published):
            gap = held.known_gaps.get(name)
            yield Published(
                figure=f"{group}.{name}" if name else group,
                group=group,
                what=held.what,
                source=f"{cited}, {held.at}" if held.at else cited,
                reference=reference,
                standing=held.standing,
                unit=held.unit,
                value=value,
                tolerance=held.tolerance if held.absolute_tolerance is None else held.absolute_tolerance,
                absolute=held.absolute_tolerance is not None,
                gap=None if gap is None else KnownGap(gap.error, gap.because),
                missing=held.missing,
                note=held.note,
            )


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Values with their dotted names; a list of two numbers is a range."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        yield name, tuple(float(x) if isinstance(x, int | float) else x for x in value)
    else:
        yield name, float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _mistakes(document: Document, file: PublicationFile) -> Iterator[str]:
    for group, held in file.figures.items():
        at = ("figures", group)

        def said(key: str, text: str, at: tuple[str, str] = at) -> str:
            return f"{document.place((*at, key))}: {'.'.join(at)}.{key}: {text}"

        if held.source not in file.sources:
            yield said("source", f"no source {held.source!r} in the file{suggest(held.source, file.sources)}")
        tolerances = [t for t in (held.tolerance, held.absolute_tolerance) if t is not None]
        if len(tolerances) == 2:
            yield said("absolute_tolerance", "give either tolerance or absolute_tolerance")
        if tolerances and held.standing is Standing.UNVERIFIED:
            yield said("standing", "an unverified figure cannot be judged; leave its tolerance out")
        if tolerances and held.missing:
            yield said("missing", "a figure that cannot be reproduced has no tolerance")
        names = dict(_leaves(held.published))
        for name, value in names.items():
            told = f"{name}: " if name else ""
            if isinstance(value, tuple) and not (
                len(value) == 2 and all(isinstance(x, float) for x in value) and value[0] <= value[1]
            ):
                yield said("published", f"{told}a range is [lowest, highest], got {list(value)}")
            elif not isinstance(value, float | str | tuple) or isinstance(value, bool):
                yield said("published", f"{told}must be a number, a text or a range, got {value!r}")
            elif held.tolerance is not None and value in (0.0, (0.0, 0.0)):
                yield said("published", f"{told}is zero; give an absolute_tolerance")
        for name in held.known_gaps:
            if name not in names:
                yield said("known_gaps", f"no figure {name!r} in published{suggest(name, names)}")
        if held.known_gaps and not tolerances:
            yield said("known_gaps", "a figure without a tolerance has no gap")
