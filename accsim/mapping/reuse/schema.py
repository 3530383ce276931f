"""The keys of a reuse dataflow's file; ``accsim.mapping.reuse.dataflow.ReuseDataflow`` says what each means."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from accsim.yamlfile import Model

Loop = Literal["N", "M", "C", "P", "Q", "R", "S"]


class ReuseFile(Model):
    """A reuse dataflow: where each loop runs, and what is kept where."""

    name: Annotated[str, Field(min_length=1)] | None = None
    description: str = ""
    source: str = ""
    array: Literal["reuse"]
    tiles: tuple[Loop, ...]
    passes: tuple[Loop, ...]
    unroll: tuple[Loop, ...] = ()
    rows: tuple[Loop, ...] = ()
    cols: tuple[Loop, ...] = ()
    pe: tuple[Loop, ...]
    buffer: tuple[Literal["weight", "ifmap", "psum"], ...]
    direct: tuple[Literal["weight", "ifmap"], ...] = ()
    forward: tuple[Literal["P", "Q"], ...] = ()
    apart: tuple[Literal["C", "R", "S"], ...] = ()
