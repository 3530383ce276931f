"""What keeps a layer's best row-stationary mapping from being better: each limit of the machine, lifted on its own.

A limit binds if twice of it would let a mapping in that is better, at the same energy per access: one that is illegal,
or slower, for this reason only. Looked at are all mappings with two of n, e and f as they are: neighbours along the
batch, the rows or the columns, with any m, p, q, r and t; where only bandwidth is lifted, those with its q and r.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from accsim.hardware.accelerator import Accelerator, Dram, Level, Link, Partition, RegisterFile, Sram
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Patience
from accsim.mapping.search.row_stationary.rates import Rates
from accsim.mapping.search.row_stationary.space import RowStationarySpace
from accsim.mapping.task import Task

LEAST_SHARE = 1e-3
"""Savings below this share are not worth a word."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A limit that binds.

    Attributes:
        what: what twice of it would help.
        saves: share of the objective that it would save, as far as bounds tell.
    """

    what: str
    saves: float


def binding(
    task: Task, rates: Rates, objective: Objective, best: RowStationaryMapping, bound: float, patience: Patience
) -> list[Binding]:
    """The limits that bind, those that save most first; none if there is no time left to look.

    Args:
        best: the mapping.
        bound: the least objective there can be on the machine as it is.
        patience: when to give up.
    """
    out = []
    for what, machine in lifted(task.accelerator, timed=objective in (Objective.LATENCY, Objective.EDP)):
        if patience.over is not None:
            return []
        speeds = machine.array == task.accelerator.array and _only_faster(task.accelerator.levels, machine.levels)
        space = RowStationarySpace(replace(task, accelerator=machine), rates, objective, every=speeds)
        least = space.least_bound(best, bound * (1 - LEAST_SHARE), same=speeds)
        if least is not None:
            out.append(Binding(what, 1 - least / bound))
    return sorted(out, key=lambda one: -one.saves)


def lifted(accelerator: Accelerator, *, timed: bool) -> Iterator[tuple[str, Accelerator]]:
    """The machine with twice of one thing at a time: rows, columns, each scratchpad, each part of each buffer.

    If time matters, each network and the DRAM channel too.
    """
    array = accelerator.array
    yield "array rows", replace(accelerator, array=replace(array, rows=2 * array.rows))
    yield "array columns", replace(accelerator, array=replace(array, cols=2 * array.cols))
    for level in accelerator.levels:
        for what, larger in _doubled(level, timed=timed):
            levels = tuple(larger if one is level else one for one in accelerator.levels)
            yield what, replace(accelerator, levels=levels)


def _only_faster(levels: Sequence[Level], others: Sequence[Level]) -> bool:
    """Whether levels differ in nothing but bandwidth."""
    return all(one == other or isinstance(one, Link | Dram) for one, other in zip(levels, others, strict=True))


def _doubled(level: Level, *, timed: bool) -> Iterator[tuple[str, Level]]:
    match level:
        case RegisterFile():
            yield f"{level.name} words", replace(level, size_words=2 * level.size_words)
        case Sram():
            for part in level.partitions:
                parts = tuple(_larger(one) if one is part else one for one in level.partitions)
                of = "" if len(parts) == 1 else f" for {', '.join(part.operands)}"
                yield f"{level.name} size{of}", replace(level, partitions=parts)
        case Link() if timed and level.width_bits is not None:
            yield f"{level.name} width", replace(level, width_bits=2 * level.width_bits)
        case Dram() if timed:
            yield f"{level.name} width", replace(level, width_bits=2 * level.width_bits)


def _larger(part: Partition) -> Partition:
    return replace(part, size_bits=2 * part.size_bits)
