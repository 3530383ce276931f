"""Mapping files: layer name -> mapping, in the form in which every result prints the mapping it used.

::

    conv1: {dataflow: row_stationary, m: 96, n: 1, e: 7, f: 55, p: 16, q: 1, r: 1, t: 2}
    fc6:
      dataflow: weight_stationary
      loops: [[M, 256], [C, 64]]                    # outermost first: dimension and tile size
      hold: {buffer: {ifmap: 1, weight: 2, psum: 2}}  # loops outside the tile each level holds; 0 = the whole operand

``f`` may be left out (the whole output width), and so may ``hold`` (the innermost tile everywhere) and ``dataflow``
(the machine's own).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from accsim.errors import InputError, suggest
from accsim.hardware.accelerator import Accelerator
from accsim.mapping.dataflow import Dataflow, RowStationaryDataflow, TiledDataflow, family_of
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import (
    NEST_OPERANDS,
    Mapping,
    RowStationaryMapping,
    SystolicMapping,
    TiledMapping,
    shared_levels,
)
from accsim.mapping.nest import Loop
from accsim.workload.layer import Geometry, Operand
from accsim.workload.network import Network
from accsim.yamlfile import Document, Model, bind, load

Positive = Annotated[int, Field(ge=1)]
TILED = "GNMCPQ"


class RowStationaryEntry(Model):
    """Pass parameters of one layer."""

    dataflow: str | None = None
    m: Positive
    n: Positive
    e: Positive
    f: Positive | None = None
    p: Positive
    q: Positive
    r: Positive
    t: Positive


class SystolicEntry(Model):
    """Tiles of one layer."""

    dataflow: str | None = None
    loops: tuple[tuple[str, Positive], ...]
    hold: dict[str, dict[str, Annotated[int, Field(ge=0)]]] = {}


def load_mappings(
    path: str | Path, network: Network, accelerator: Accelerator, default: Dataflow | None = None
) -> dict[str, Mapping]:
    """Read a mapping file for a network on an accelerator.

    Args:
        default: the dataflow of entries that name none; the accelerator's own if not given.

    Raises:
        InputError: every mistake in the file, with its place.
    """
    from accsim.source import Source, printable  # noqa: PLC0415

    where = Path(path)
    if not where.is_file():
        raise InputError([f"file not found: {printable(str(path))}"])
    document = load(Source(where.stem, str(path), where.read_text(encoding="utf-8")))
    layers = {layer.name: layer.geometry for layer in network.mac_layers}
    mistakes: list[str] = []
    out: dict[str, Mapping] = {}
    for name, entry in document.data.items():
        geometry = layers.get(name)
        if geometry is None:
            mistakes.append(
                f"{document.place((name,), key=True)}: {network.name} has no layer with MACs called {name!r}"
                f"{suggest(name, layers)}"
            )
            continue
        try:
            flow = _dataflow(document, name, entry, accelerator, default)
            out[name] = _entry(document, name, flow, geometry, accelerator)
        except InputError as error:
            mistakes += error.mistakes
    if mistakes:
        raise InputError(mistakes)
    return out


def _dataflow(
    document: Document, name: str, entry: object, accelerator: Accelerator, default: Dataflow | None
) -> Dataflow:
    named = entry.get("dataflow") if isinstance(entry, dict) else None
    flow = load_dataflow(named) if isinstance(named, str) else default or load_dataflow(accelerator.dataflow)
    if family_of(flow) is not accelerator.array.family:
        raise InputError(
            [
                f"{document.place((name,), key=True)}: {name}: dataflow {flow.name} does not run on the "
                f"{accelerator.array.family.value} array of {accelerator.name}"
            ]
        )
    return flow


def _entry(document: Document, name: str, flow: Dataflow, geometry: Geometry, accelerator: Accelerator) -> Mapping:
    if isinstance(flow, RowStationaryDataflow):
        rs = bind(document, RowStationaryEntry, at=(name,))
        return RowStationaryMapping(flow, m=rs.m, n=rs.n, e=rs.e, f=rs.f or geometry.Q, p=rs.p, q=rs.q, r=rs.r, t=rs.t)
    entry = bind(document, SystolicEntry, at=(name,))
    on_array = flow.rows + flow.cols + flow.folds + (() if isinstance(flow, TiledDataflow) else flow.stream)
    mistakes = _loop_mistakes(document, name, entry.loops, geometry, on_array)
    loops = tuple(Loop(dim, step) for dim, step in entry.loops)
    hold: list[tuple[str, Operand, int]] = []
    for operand in NEST_OPERANDS:
        for level in shared_levels(accelerator, operand):
            hold.append((level, operand, entry.hold.get(level, {}).get(operand.value, len(loops))))
    for level, held in entry.hold.items():
        for operand_name, depth in held.items():
            known = {(lv, o.value) for lv, o, _ in hold}
            at = (name, "hold", level, operand_name)
            if (level, operand_name) not in known:
                mistakes.append(
                    f"{document.place(at, key=True)}: {'.'.join(at)}: {accelerator.name} holds no {operand_name} "
                    f"in {level}"
                )
            elif depth > len(loops):
                mistakes.append(
                    f"{document.place(at)}: {'.'.join(at)}: must be at most the number of loops, {len(loops)}, "
                    f"got {depth}"
                )
    if mistakes:
        raise InputError(mistakes)
    if isinstance(flow, TiledDataflow):
        return TiledMapping(flow, loops, tuple(hold))
    return SystolicMapping(flow, loops, tuple(hold))


def _loop_mistakes(
    document: Document, name: str, loops: Sequence[tuple[str, int]], geometry: Geometry, on_array: tuple[str, ...]
) -> list[str]:
    out = []
    for i, (dim, _) in enumerate(loops):
        if dim not in TILED:
            out.append(
                f"{document.place((name, 'loops', i, 0))}: {name}.loops.{i}: must be one of {', '.join(TILED)}, "
                f"got {dim!r}"
            )
    if geometry.G > 1 and "G" not in on_array and ("G", 1) not in [tuple(loop) for loop in loops]:
        out.append(
            f"{document.place((name, 'loops'))}: {name}.loops: the layer has {geometry.G} groups, so a loop [G, 1] is "
            "needed"
        )
    return out
