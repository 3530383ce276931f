"""The keys of a dataflow file and what each may hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from accsim.hardware.accelerator import ArrayFamily
from accsim.hardware.schema import SOME
from accsim.mapping.dataflow import Delivery, Drain, Reduction
from accsim.yamlfile import Model

Dimension = Literal["N", "G", "M", "C", "P", "Q", "R", "S"]
Fold = Literal["rows", "cols", "N", "G", "M", "C", "P", "Q", "R", "S"]
PassLoop = Literal["G", "m", "n", "e", "f", "c", "k"]
Name = Annotated[str, Field(min_length=1)]


class SystolicFile(Model):
    """A dataflow for a systolic array; ``accsim.mapping.dataflow.SystolicDataflow`` says what each key means."""

    name: Name | None = None
    description: str = ""
    source: str = ""
    array: Literal[
        "systolic", "row_stationary", "inner_product", "sparse", "reuse"
    ]  # the others have been told apart by it
    rows: Annotated[tuple[Dimension, ...], SOME]
    cols: Annotated[tuple[Dimension, ...], SOME]
    stream: tuple[Dimension, ...]
    folds: tuple[Fold, ...]
    weight: Delivery
    ifmap: Delivery
    reduction: Reduction
    drain: Drain


class RowStationaryFile(Model):
    """A row-stationary dataflow: the order of the loops over passes, outermost first."""

    name: Name | None = None
    description: str = ""
    source: str = ""
    array: ArrayFamily
    loops: tuple[PassLoop, ...]


Axis = Literal["rows", "cols", "lanes", "N", "G", "M", "C", "P", "Q", "R", "S"]


class TiledFile(Model):
    """A dataflow of tiles; ``accsim.mapping.dataflow.TiledDataflow`` says what each key means."""

    name: Name | None = None
    description: str = ""
    source: str = ""
    array: ArrayFamily
    rows: tuple[Dimension, ...] = ("M",)
    cols: tuple[Dimension, ...] = ("N", "P", "Q")
    lanes: tuple[Dimension, ...] = ("C",)
    folds: tuple[Axis, ...] = ("G", "cols", "rows", "R", "S", "lanes")
    cut: tuple[Literal["N", "G", "M", "C", "P", "Q"], ...] = ("G", "N", "M", "P", "Q", "C")
    first_lanes: tuple[Literal["C", "R", "S"], ...] = ()
