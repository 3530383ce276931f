"""Which mapping a layer gets: the published one, or the best that a deterministic search finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from accsim.errors import MappingError
from accsim.mapping.dataflow import RowStationaryDataflow
from accsim.mapping.mapping import NEST_OPERANDS, Mapping, RowStationaryMapping, SystolicMapping, shared_levels
from accsim.mapping.nest import Loop
from accsim.mapping.prices import Prices
from accsim.mapping.task import Task, violations
from accsim.workload.layer import Operand

Cost = Callable[[Mapping], tuple[float, float]]
"""What a mapping costs under the user's objective, from the exact engine and the energy table."""


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


def search_systolic(task: Task, prices: Prices, cost: Cost) -> Mapping:
    """The cheapest of the legal mappings that rank best by closed form; the same one on every run.

    Raises:
        MappingError: no legal mapping exists; says what the smallest one would need.
    """
    found = list(_candidates(task, prices))
    if not found:
        raise MappingError(no_mapping(task))
    return _polished(task, min(found, key=cost), cost)


def _polished(task: Task, mapping: Mapping, cost: Cost) -> Mapping:
    """A systolic mapping whose levels each hold their tiles at the cheapest legal depth, one after the other."""
    if not isinstance(mapping, SystolicMapping):
        return mapping
    best, least, improved = mapping, cost(mapping), True
    while improved:
        improved = False
        for i, (level, operand, held) in enumerate(best.hold):
            for depth in range(len(best.loops) + 1):
                hold = (*best.hold[:i], (level, operand, depth), *best.hold[i + 1 :])
                other = replace(best, hold=hold)
                if depth == held or not _ordered(other) or violations(task, other):
                    continue
                spent = cost(other)
                if spent < least:
                    best, least, improved = other, spent, True
    return best


def _ordered(mapping: SystolicMapping) -> bool:
    """Whether no inner level holds a larger tile of an operand than the level outside it."""
    depths: dict[Operand, int] = {}
    for _, operand, depth in mapping.hold:
        if depth < depths.get(operand, 0):
            return False
        depths[operand] = depth
    return True


def _candidates(task: Task, prices: Prices) -> Iterable[Mapping]:
    from accsim.mapping.search_systolic import candidates as systolic  # noqa: PLC0415

    if isinstance(task.dataflow, RowStationaryDataflow):
        return
    yield from systolic(task.geometry, task.accelerator, task.dataflow, task.reserved, task.weight_bits, prices)


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
    loops = tuple(Loop(dim, 1) for dim in "GNMCPQ")
    hold = tuple(
        (level, operand, len(loops)) for operand in NEST_OPERANDS for level in shared_levels(task.accelerator, operand)
    )
    return SystolicMapping(task.dataflow, loops, hold)
