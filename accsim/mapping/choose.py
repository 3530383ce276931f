"""Which mapping a layer gets: the published one, or the best that a deterministic search finds."""

from __future__ import annotations

from accsim.mapping.dataflow import RowStationaryDataflow, TiledDataflow
from accsim.mapping.mapping import (
    NEST_OPERANDS,
    Mapping,
    RowStationaryMapping,
    SystolicMapping,
    TiledMapping,
    shared_levels,
)
from accsim.mapping.nest import Loop
from accsim.mapping.task import Task, violations


def published(task: Task, network: str) -> tuple[RowStationaryMapping | None, str]:
    """The published mapping of a layer, limited to the layer's own sizes, and a note; ``None`` if there is none.

    Parameters larger than the layer's dimension (n above the batch) are limited to it. A published mapping that no
    longer fits, because the machine was changed, is left out and the note says why.
    """
    if not isinstance(task.dataflow, RowStationaryDataflow):
        return None, ""
    for (where, layer), parameters, note in task.accelerator.mappings:
        if (where, layer) != (network, task.name):
            continue
        g, values = task.geometry, dict(parameters)
        limits = {"m": g.filters_per_group, "n": g.N, "e": g.P, "f": g.Q}
        limited = [f"{name} = {values[name]} to {most}" for name, most in limits.items() if values.get(name, 0) > most]
        mapping = RowStationaryMapping(
            task.dataflow,
            **{name: min(values.get(name, most), most) for name, most in limits.items()},
            **{name: values[name] for name in "pqrt"},
            note=note,
        )
        wrong = violations(task, mapping)
        if wrong:
            return None, f"the published mapping does not fit this machine ({'; '.join(wrong)}); searched instead"
        parts = [f"published mapping of {task.accelerator.name}"]
        if limited:
            parts.append(f"limited to the layer: {', '.join(limited)}")
        if note:
            parts.append(note)
        return mapping, "; ".join(parts)
    return None, ""


def no_mapping(task: Task) -> str:
    """What the smallest tiles of the layer would need, and what would fix it."""
    wrong = violations(task, smallest(task))
    reason = "; ".join(wrong) if wrong else "no tile sizes were found"
    return (
        f"layer {task.name!r} does not fit {task.accelerator.name} under {task.dataflow.name}, even in its smallest "
        f"tiles: {reason}; a larger buffer or scratchpad, narrower operands or fewer copies of a tile would fix it"
    )


def smallest(task: Task) -> Mapping:
    """The mapping with the smallest tiles, legal or not."""
    if isinstance(task.dataflow, RowStationaryDataflow):
        return RowStationaryMapping(task.dataflow, m=1, n=1, e=1, f=1, p=1, q=1, r=1, t=1)
    cut = task.dataflow.cut if isinstance(task.dataflow, TiledDataflow) else tuple("GNMCPQ")
    loops = tuple(Loop(dim, 1) for dim in cut)
    hold = tuple(
        (level, operand, len(loops)) for operand in NEST_OPERANDS for level in shared_levels(task.accelerator, operand)
    )
    if isinstance(task.dataflow, TiledDataflow):
        return TiledMapping(task.dataflow, loops, hold)
    return SystolicMapping(task.dataflow, loops, hold)
