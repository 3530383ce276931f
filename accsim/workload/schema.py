"""The top level of a network file. The lines of ``layers`` are read by ``accsim.workload.lines``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from accsim.yamlfile import Model

Density = Annotated[float, Field(ge=0, le=1)]
Parameter = str | dict[str, int | str]


class Block(Model):
    """Lines that are used more than once, with the sizes in which they differ."""

    parameters: list[Parameter] = []
    layers: Annotated[list[Any], Field(min_length=1)]

    def defaults(self) -> dict[str, int | str | None]:
        """Every parameter with its default; ``None`` for one that must be given."""
        known: dict[str, int | str | None] = {}
        for parameter in self.parameters:
            known.update({parameter: None} if isinstance(parameter, str) else parameter)
        return known


class Densities(Model):
    """Fractions of non-zero words by layer, for each operand, and where they come from."""

    source: str
    ifmap: dict[str, Density] = {}
    weight: dict[str, Density] = {}
    ofmap: dict[str, Density] = {}


class NetworkFile(Model):
    """A network file."""

    description: str = ""
    source: str = ""
    sizes: dict[str, int] = {}
    input: Annotated[list[int | str], Field(min_length=1, max_length=3)]
    blocks: dict[str, Block] = {}
    layers: Annotated[list[Any], Field(min_length=1)]
    densities: list[Densities] = []
