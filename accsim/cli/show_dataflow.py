"""A dataflow: what is on each axis, and what stays in the PEs because of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from accsim.cli.console import Block, Line, table
from accsim.mapping.dataflow import Dataflow, RowStationaryDataflow, SystolicDataflow, TiledDataflow
from accsim.mapping.reuse.dataflow import ReuseDataflow

DIMENSIONS = {
    "N": "batch", "G": "groups", "M": "filters", "C": "input channels",
    "P": "output rows", "Q": "output columns", "R": "filter rows", "S": "filter columns",
}  # fmt: skip
PASS_LOOPS = {
    "G": "groups",
    "m": "blocks of m filters, whose psums stay in the buffer",
    "n": "blocks of n inputs of the batch",
    "e": "strips of e output rows",
    "f": "strips of f output columns",
    "c": "blocks of q*r input channels",
    "k": "blocks of p*t filters",
}


def plain(dataflow: Dataflow | ReuseDataflow) -> dict[str, Any]:
    """The dataflow as plain data, with what follows from it (``class``, ``stationary``)."""
    about = {
        "name": dataflow.name,
        "description": dataflow.description,
        "source": dataflow.source,
        "class": dataflow.dataflow_class,
    }
    if isinstance(dataflow, RowStationaryDataflow):
        return about | {"family": "row_stationary", "loops": list(dataflow.loops)}
    if isinstance(dataflow, ReuseDataflow):
        lists = ("tiles", "passes", "rows", "cols", "pe", "whole", "stationary", "buffer", "direct", "forward", "apart")
        return about | {"family": "reuse"} | {key: [str(item) for item in getattr(dataflow, key)] for key in lists}
    if isinstance(dataflow, TiledDataflow):
        about |= {"family": dataflow.family.value, "stationary": dataflow.stationary.value}
        return about | {
            key: list(getattr(dataflow, key)) for key in ("rows", "cols", "lanes", "folds", "cut", "first_lanes")
        }
    return about | {
        "family": "systolic",
        "stationary": dataflow.stationary.value,
        "rows": list(dataflow.rows),
        "cols": list(dataflow.cols),
        "stream": list(dataflow.stream),
        "folds": list(dataflow.folds),
        "weight": dataflow.weight.value,
        "ifmap": dataflow.ifmap.value,
        "reduction": dataflow.reduction.value,
        "drain": dataflow.drain.value,
    }


def blocks(dataflow: Dataflow | ReuseDataflow) -> list[Block]:
    """What is printed."""
    head: list[Block] = [
        Line(f"{dataflow.name}: {dataflow.description}", "bold"),
        f"source: {' '.join(dataflow.source.split())}",
    ]
    if isinstance(dataflow, RowStationaryDataflow):
        rows = [(name, PASS_LOOPS.get(name, "")) for name in dataflow.loops]
        return [
            *head,
            "class:  RS, for row-stationary arrays: filter rows and ifmap rows stay in the PEs",
            "",
            Line("loops over passes, outermost first", "bold"),
            table(("loop", "over"), rows, left={"loop", "over"}),
        ]
    if isinstance(dataflow, ReuseDataflow):
        stays = _and(dataflow.stationary)
        return [
            *head,
            f"class:  {dataflow.dataflow_class}, for analysis of reuse: "
            + (f"PEs use words of {stays} again" if stays else "PEs use no word again"),
            "",
            table(("part", "what", "meaning"), _reuse(dataflow), left={"part", "what", "meaning"}),
        ]
    if isinstance(dataflow, TiledDataflow):
        return [
            *head,
            f"class:  {dataflow.dataflow_class}, for {dataflow.family.value.replace('_', '-')} arrays: the "
            f"{dataflow.stationary.value} stays where it is while the innermost loop of a tile runs",
            "",
            table(("part", "what", "meaning"), _tiled(dataflow), left={"part", "what", "meaning"}),
        ]
    return [
        *head,
        f"class:  {dataflow.dataflow_class}, for systolic arrays: the {dataflow.stationary.value} stays in the PEs, "
        f"because {_streamed(dataflow)}",
        "",
        table(("part", "what", "meaning"), _systolic(dataflow), left={"part", "what", "meaning"}),
    ]


def _streamed(dataflow: SystolicDataflow) -> str:
    if not dataflow.stream:
        return "nothing is streamed"
    return f"no streamed dimension ({', '.join(dataflow.stream)}) indexes it"


def _systolic(dataflow: SystolicDataflow) -> list[tuple[str, str, str]]:
    axes = [
        ("rows", dataflow.rows, "unrolled along the rows"),
        ("cols", dataflow.cols, "unrolled along the columns"),
        ("stream", dataflow.stream, "streamed in time"),
    ]
    found = [(name, ", ".join(dims) or "-", f"{how}: {_words(dims)}") for name, dims, how in axes]
    found.append(("folds", ", ".join(dataflow.folds), "outer loops, outermost first"))
    found += [
        ("weight", dataflow.weight.value, DELIVERY[dataflow.weight.value]),
        ("ifmap", dataflow.ifmap.value, DELIVERY[dataflow.ifmap.value]),
        ("reduction", dataflow.reduction.value, REDUCTION[dataflow.reduction.value]),
        ("drain", dataflow.drain.value, DRAIN[dataflow.drain.value]),
    ]
    return found


def _tiled(dataflow: TiledDataflow) -> list[tuple[str, str, str]]:
    axes = (
        ("rows", dataflow.rows, "across the rows"),
        ("cols", dataflow.cols, "across the columns"),
        ("lanes", dataflow.lanes, "added in one step"),
    )
    found = [(name, ", ".join(dims) or "-", f"{how}: {_words(dims)}") for name, dims, how in axes]
    found.append(("folds", ", ".join(dataflow.folds), "loops inside a tile, outermost first"))
    if dataflow.first_lanes:
        found.append(("first lanes", ", ".join(dataflow.first_lanes), "added in one step by a layer on the input"))
    return [*found, ("cut", ", ".join(dataflow.cut), "dimensions that tiles may be cut along")]


def _reuse(flow: ReuseDataflow) -> list[tuple[str, str, str]]:
    axes = (
        [("rows", flow.rows, "rows"), ("cols", flow.cols, "columns")] if flow.cols else [("unroll", flow.rows, "PEs")]
    )
    found = [
        ("tiles", flow.tiles, "loops over tiles of the buffer, outermost first"),
        ("passes", flow.passes, "loops over passes of the array within a tile"),
        *((name, dims, f"unrolled over the {where}") for name, dims, where in axes),
        ("pe", flow.pe, "loops inside a PE, outermost first"),
        ("whole", flow.whole, "never cut: one pass covers them"),
    ]
    rows = [(name, ", ".join(dims) or "-", how) for name, dims, how in found]
    rows += [("RF", o.value, f"kept, to be used again over {_and(flow.carriers(o))}") for o in flow.stationary]
    rows.append(("buffer", ", ".join(flow.buffer) or "-", "kept for several passes; what is not streams through"))
    rows += [("direct", operand.value, "read by each PE from the buffer itself") for operand in flow.direct]
    rows += [("forward", d, f"pixels go from PE to PE along the {DIMENSIONS[d]}, and wait there") for d in flow.forward]
    rows += [("apart", d, f"sums over {DIMENSIONS[d]} meet in the buffer, not on the array") for d in flow.apart]
    return rows


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _words(dims: tuple[str, ...]) -> str:
    return ", ".join(DIMENSIONS[dim] for dim in dims) or "nothing"


DELIVERY = {
    "hop": "enters at the edge and moves one PE a cycle",
    "multicast": "reaches every PE that needs it in the same cycle",
    "unicast": "each PE has its own feed",
    "preload": "shifted in before the stream starts and held",
}
REDUCTION = {
    "in_pe": "psums are added in the PE",
    "chain": "psums are added along a chain of PEs",
    "adder_tree": "psums are added in a tree at the edge",
}
DRAIN = {"shift": "finished sums shift out through the array", "direct": "each PE puts finished sums on a bus"}
