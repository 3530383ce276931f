"""Read a dataflow from its YAML file and check that a machine can run it.

A systolic dataflow gives every loop dimension (N G M C P Q R S) one place, and says how operands travel::

    array: systolic
    rows: [C, R, S]            # unrolled along the rows, outermost first
    cols: [M]                  # unrolled along the columns
    stream: [N, P, Q]          # streamed in time; may be empty
    folds: [G, cols, rows]     # outer loops: rows and cols, where an axis is longer than the array, and what is left
    weight: preload            # hop | multicast | unicast | preload
    ifmap: hop
    reduction: chain           # in_pe | chain | adder_tree
    drain: shift               # shift | direct

A row-stationary one gives the order of the loops over passes, by the pass parameters' names::

    array: row_stationary
    loops: [G, m, n, e, f, c, k]

One of an inner-product array gives the axes of its array, and the order of the loops inside a tile::

    array: inner_product
    rows: [M]                  # filters
    cols: [N, P, Q]            # windows, outermost first
    lanes: [C]                 # products added in one cycle: of C, R and S
    folds: [G, cols, rows, R, S, lanes]   # outermost first; the innermost decides what stays in registers
    cut: [G, N, M, P, Q, C]    # dimensions that tiles may be cut along
    first_lanes: [R, S, C]     # lanes of a layer that reads the network's input, if others

A reuse dataflow says which words are moved and not when (``accsim.mapping.reuse``): it is analysed, not run. Each of
the loops N M C P Q R S of a group runs in one or more of four places::

    array: reuse
    tiles: [M, C]              # over tiles of the buffer, outermost first; what is not here is whole in a tile
    passes: []                 # over passes of the array within a tile, outermost first
    unroll: [M, C, R, S]       # over PEs in any arrangement; or rows: [...] and cols: [...]
    pe: [N, P, Q]              # inside a PE, outermost first; what its register file holds follows
    buffer: [psum]             # weight | ifmap | psum: what the buffer keeps; the rest streams from DRAM to the PEs
    direct: []                 # weight | ifmap: read by each PE from the buffer, without transfers between PEs
    forward: []                # P | Q: pixels go from PE to PE along it, and wait there
    apart: [R]                 # C | R | S, unrolled: parts of a sum that do not meet on the array, but in the buffer

The rules of systolic dataflows are those of one machine: operands enter a PE from the edge, from a bus or from a
register that was loaded before the stream began, and partial sums of one output meet in one PE, on one chain of PEs or
in one adder tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path as FilePath

from accsim import library
from accsim.errors import InputError
from accsim.hardware.accelerator import Accelerator, ArrayFamily
from accsim.mapping.dataflow import (
    DIMENSIONS,
    REDUCED,
    RELEVANT,
    Axis,
    Dataflow,
    Delivery,
    Reduction,
    RowStationaryDataflow,
    SystolicDataflow,
    TiledDataflow,
    family_of,
)
from accsim.mapping.dataflow_schema import RowStationaryFile, SystolicFile, TiledFile
from accsim.mapping.reuse import rules
from accsim.mapping.reuse.dataflow import ReuseDataflow
from accsim.mapping.reuse.schema import ReuseFile
from accsim.workload.layer import Operand
from accsim.yamlfile import Document, Path, bind, load

Mistake = tuple[Path, str]

TILED = frozenset(ArrayFamily) - {ArrayFamily.SYSTOLIC, ArrayFamily.ROW_STATIONARY}
"""Families whose dataflows are of tiles."""

PASS_LOOPS = ("G", "m", "n", "e", "f", "c", "k")


def load_dataflow(name_or_path: str | FilePath) -> Dataflow:
    """Read a dataflow that arrays can run.

    Args:
        name_or_path: the name of a shipped dataflow or of a file in ``$ACCSIM_PATH``, or a path.

    Raises:
        InputError: the file is missing or not YAML, or all mistakes in its fields, or, where there are none, everything
            that makes the dataflow impossible; each with file, line and column. Or it is a reuse dataflow.
    """
    found = load_any_dataflow(name_or_path)
    if isinstance(found, ReuseDataflow):
        raise InputError(
            [
                f"dataflow {found.name!r} says which words are moved and not when, so no machine can run it; "
                "accsim.analyse_reuse finds what it moves and what that costs, and 'accsim report isca16-dataflows -o "
                "DIR' compares such dataflows"
            ]
        )
    return found


def load_reuse_dataflow(name_or_path: str | FilePath) -> ReuseDataflow:
    """Read a reuse dataflow.

    Raises:
        InputError: as for ``load_dataflow``, or it is a dataflow of another kind.
    """
    found = load_any_dataflow(name_or_path)
    if not isinstance(found, ReuseDataflow):
        raise InputError(
            [f"dataflow {found.name!r} is for arrays that run it; reuse is analysed of dataflows with 'array: reuse'"]
        )
    return found


def load_any_dataflow(name_or_path: str | FilePath) -> Dataflow | ReuseDataflow:
    """Read a dataflow of any kind, whether arrays can run it or its reuse is analysed.

    Raises:
        InputError: as for ``load_dataflow``.
    """
    document = load(library.find("dataflows", name_or_path))
    if document.data.get("array") == "reuse":
        return _reuse(document)
    if document.data.get("array") == ArrayFamily.ROW_STATIONARY:
        file = bind(document, RowStationaryFile)
        dataflow: Dataflow = RowStationaryDataflow(
            name=file.name or document.source.name,
            loops=file.loops,
            description=file.description,
            source=file.source,
        )
        _raise(document, _loops(file.loops))
        return dataflow
    if document.data.get("array") in TILED:
        return _tiled(document)
    bound = bind(document, SystolicFile)
    dataflow = SystolicDataflow(
        name=bound.name or document.source.name,
        **{key: getattr(bound, key) for key in type(bound).model_fields if key not in ("name", "array")},
    )
    _raise(document, (mistake for rule in _RULES for mistake in rule(dataflow)))
    return dataflow


def _tiled(document: Document) -> TiledDataflow:
    file = bind(document, TiledFile)
    dataflow = TiledDataflow(
        name=file.name or document.source.name,
        family=file.array,
        **{key: getattr(file, key) for key in type(file).model_fields if key not in ("name", "array")},
    )
    _raise(document, _tiled_places(dataflow))
    return dataflow


def _tiled_places(flow: TiledDataflow) -> Iterator[Mistake]:
    """Every dimension has one place, filters are on the rows, sums across the lanes, and the folds name every axis."""
    yield from _once(flow, ("rows", "cols", "lanes", "folds"))
    axes = [axis for axis in ("rows", "cols", "lanes") if axis not in flow.folds]
    if axes:
        yield ("folds",), f"must list {_words(axes)} too, where the folds of an axis longer than the array come"
    if flow.family is not ArrayFamily.INNER_PRODUCT:
        return
    lost = [dim for dim in flow.lanes if flow.first_lanes and dim not in flow.first_lanes]
    if lost:
        yield ("first_lanes",), f"must list {_words(lost)} too, which other layers have on their lanes"
    for where, allowed, what in (
        ("rows", {"M"}, "a row of the array is a filter"),
        ("cols", {"N", "P", "Q"}, "a column of the array is a window"),
        ("lanes", set(REDUCED), "lanes are added to one sum"),
    ):
        for index, dim in enumerate(getattr(flow, where)):
            if dim not in allowed:
                yield (where, index), f"{dim} cannot be here: {what}"


def _reuse(document: Document) -> ReuseDataflow:
    file = bind(document, ReuseFile)
    _raise(document, rules.mistakes(file))
    return ReuseDataflow(
        name=file.name or document.source.name,
        tiles=file.tiles,
        passes=file.passes,
        rows=file.unroll or file.rows,
        cols=file.cols,
        pe=file.pe,
        buffer=tuple(Operand(name) for name in file.buffer),
        direct=tuple(Operand(name) for name in file.direct),
        forward=file.forward,
        apart=file.apart,
        description=file.description,
        source=file.source,
    )


def require_family(dataflow: Dataflow, accelerator: Accelerator) -> None:
    """Check that ``accelerator`` has the kind of array the dataflow is for.

    Raises:
        InputError: it has not.
    """
    family = family_of(dataflow)
    if family is not accelerator.array.family:
        raise InputError(
            [
                f"dataflow {dataflow.name!r} is for {family} arrays, and accelerator {accelerator.name!r} has a "
                f"{accelerator.array.family} one"
            ]
        )


def _raise(document: Document, mistakes: Iterable[Mistake]) -> None:
    found = sorted(mistakes, key=lambda mistake: document.position(mistake[0]))
    if found:
        raise InputError(f"{document.place(path)}: {document.spell(path)}: {said}" for path, said in found)


def _loops(loops: tuple[str, ...]) -> Iterator[Mistake]:
    for index, loop in enumerate(loops):
        if loop in loops[:index]:
            yield ("loops", index), f"{loop} is listed twice"
    missing = [loop for loop in PASS_LOOPS if loop not in loops]
    if missing:
        yield ("loops",), f"must list {_words(missing)} too"
    elif loops.index("k") < loops.index("m"):
        yield ("loops", loops.index("k")), "k must come after m: its blocks of p*t filters are parts of a block of m"


def _each_once(flow: SystolicDataflow) -> Iterator[Mistake]:
    """Every dimension has one place, and the folds name both axes."""
    yield from _once(flow, ("rows", "cols", "stream", "folds"))
    axes = [axis for axis in ("rows", "cols") if axis not in flow.folds]
    if axes:
        yield ("folds",), f"must list {_words(axes)} too, where the folds of an axis longer than the array come"


def _once(flow: SystolicDataflow | TiledDataflow, lists: tuple[str, ...]) -> Iterator[Mistake]:
    places: dict[str, str] = {}
    for where in lists:
        for index, dim in enumerate(getattr(flow, where)):
            if dim in places:
                there = "twice" if places[dim] == where else f"in {places[dim]} too"
                yield (where, index), f"{dim} is listed {there}; it can have only one place"
            places.setdefault(dim, where)
    missing = [dim for dim in DIMENSIONS if dim not in places]
    if missing:
        yield ("folds",), f"must list {_words(missing)} too: every dimension is in {_words(lists, 'or')}"


def _stationary(flow: SystolicDataflow) -> Iterator[Mistake]:
    """One operand must stay while the stream passes."""
    if all(flow.depends(operand, Axis.STREAM) for operand in RELEVANT):
        yield (
            ("stream",),
            f"no operand could stay in the PEs, because each is indexed by {_words(flow.stream, 'or')}; stream "
            "dimensions of N, P, Q (weights stay), of M (the ifmap stays) or of C, R, S (psums stay)",
        )


def _deliveries(flow: SystolicDataflow) -> Iterator[Mistake]:
    for operand, delivery in ((Operand.WEIGHT, flow.weight), (Operand.IFMAP, flow.ifmap)):
        key = operand.value
        streamed = [dim for dim in flow.stream if dim in RELEVANT[operand]]
        if delivery is Delivery.PRELOAD and streamed:
            yield (
                (key,),
                f"cannot be preloaded, because the {operand} changes with {_words(streamed)} during the stream; "
                "use hop, multicast or unicast",
            )
        elif delivery is Delivery.PRELOAD and operand is not flow.stationary:
            yield (
                (key,),
                f"cannot be preloaded, because the {flow.stationary} is what stays in the PEs; use hop, multicast or "
                "unicast",
            )
        shared = [axis for axis in (Axis.ROWS, Axis.COLS) if not flow.depends(operand, axis)]
        if delivery in (Delivery.HOP, Delivery.MULTICAST) and not shared:
            rows, cols = ([d for d in flow.axis(a) if d in RELEVANT[operand]] for a in (Axis.ROWS, Axis.COLS))
            yield (
                (key,),
                f"cannot {_VERB[delivery]}, because the {operand} differs along rows ({', '.join(rows)}) and along "
                f"cols ({', '.join(cols)}); use unicast",
            )


_VERB = {Delivery.HOP: "hop from PE to PE", Delivery.MULTICAST: "be multicast"}


def _reduction(flow: SystolicDataflow) -> Iterator[Mistake]:
    """Psums of one output must meet in one place."""
    summed = {axis: [dim for dim in flow.axis(axis) if dim in REDUCED] for axis in Axis}
    spatial = [axis for axis in (Axis.ROWS, Axis.COLS) if summed[axis]]
    if flow.reduction is Reduction.IN_PE:
        if not summed[Axis.STREAM]:
            yield ("reduction",), "in_pe adds up in time, so stream needs C, R or S"
        for axis in spatial:
            yield (
                ("reduction",),
                f"in_pe adds up within one PE, and {_words(summed[axis])} on {axis} would spread a sum over several; "
                "use chain or adder_tree, or move the dimension to stream",
            )
        return
    if not spatial:
        yield ("reduction",), f"{flow.reduction} adds up along an axis, so rows or cols needs C, R or S"
    if len(spatial) == 2:
        yield (
            ("reduction",),
            f"{flow.reduction} adds up along one axis, and sums would run along rows ({', '.join(summed[Axis.ROWS])}) "
            f"and cols ({', '.join(summed[Axis.COLS])})",
        )
    if summed[Axis.STREAM]:
        yield (
            ("stream",),
            f"{_words(summed[Axis.STREAM])} would be added up in time, and {flow.reduction} adds up along an axis; "
            "use folds, or reduction: in_pe",
        )
    for axis in spatial:
        kept = [dim for dim in flow.axis(axis) if dim not in REDUCED]
        if kept:
            yield (
                (axis.value,),
                f"psums are added along {axis}, so {_words(kept)}, which {'index' if len(kept) > 1 else 'indexes'} "
                f"outputs, cannot share it with {_words(summed[axis])}",
            )


def _words(names: Iterable[str], joint: str = "and") -> str:
    *first, last = names
    return f"{', '.join(first)} {joint} {last}" if first else str(last)


_RULES: tuple[Callable[[SystolicDataflow], Iterator[Mistake]], ...] = (
    _each_once, _stationary, _deliveries, _reduction,
)  # fmt: skip
