"""What keeps a layer's best systolic mapping from being better: each limit of the machine, lifted on its own.

A limit binds if twice of it would let a mapping in that is better by its bound, at the same energy per access: one that
does not fit, or is slower, for this reason only. Looked at are mappings that are reached from the best one, from
neighbour to neighbour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from accsim.hardware.accelerator import Accelerator, Level, Partition
from accsim.mapping.mapping import SystolicMapping
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Patience
from accsim.mapping.search.row_stationary.limits import LEAST_SHARE, Binding
from accsim.mapping.search.systolic.neighbours import neighbours
from accsim.mapping.search.systolic.space import Space, space_of
from accsim.mapping.search.systolic.tables import Job
from accsim.mapping.search.systolic.terms import Terms
from accsim.mapping.task import Task

MOST_MOVES = 4
"""Moves from neighbour to neighbour, at most."""


def binding(task: Task, terms: Terms, objective: Objective, best: SystolicMapping, patience: Patience) -> list[Binding]:
    """The limits that bind, those that save most first; none if there is no time left to look.

    Args:
        task: a layer, with a dataflow for a systolic array.
        terms: what its words and cycles cost.
        best: its mapping.
        patience: when to give up.
    """
    job = Job.of(task, terms)
    space = space_of(job, objective)

    @cache
    def near(mapping: SystolicMapping) -> Sequence[SystolicMapping]:
        return list(dict.fromkeys(neighbours(mapping, space.sizes)))

    known, least = _lowest(space, best, near)
    out = []
    for what, lifted in twice(job, timed=space.timed):
        if patience.over is not None:
            return []
        bound = _lowest(space.of_job(lifted), known, near)[1]
        if bound < least * (1 - LEAST_SHARE):
            out.append(Binding(what, 1 - bound / least))
    return sorted(out, key=lambda one: -one.saves)


def twice(job: Job, *, timed: bool) -> Iterator[tuple[str, Job]]:
    """The machine with twice of one thing at a time: rows, columns, each part of each buffer.

    If time matters, the width of each port at the array's edge and of the DRAM channel too. Prices stay as they are.
    """
    machine = job.accelerator
    array = machine.array
    yield "array rows", _with(job, replace(machine, array=replace(array, rows=2 * array.rows)))
    yield "array columns", _with(job, replace(machine, array=replace(array, cols=2 * array.cols)))
    for level in machine.buffers:
        for part in level.partitions:
            of = "" if len(level.partitions) == 1 else f" for {', '.join(part.operands)}"
            parts = tuple(_larger(one) if one is part else one for one in level.partitions)
            yield f"{level.name} size{of}", _with(job, _exchanged(machine, level, replace(level, partitions=parts)))
    if not timed:
        return
    for port in job.terms.ports:
        wider = replace(port, bits_per_cycle=2 * port.bits_per_cycle)
        ports = tuple(wider if one is port else one for one in job.terms.ports)
        yield f"{port.name} width", replace(job, terms=replace(job.terms, ports=ports))
    dram = machine.dram
    wide = replace(dram, width_bits=2 * dram.width_bits)
    yield f"{dram.name} width", _with(job, _exchanged(machine, dram, wide))


def _with(job: Job, machine: Accelerator) -> Job:
    return replace(job, accelerator=machine)


def _exchanged(machine: Accelerator, level: Level, other: Level) -> Accelerator:
    return replace(machine, levels=tuple(other if one is level else one for one in machine.levels))


def _larger(part: Partition) -> Partition:
    return replace(part, size_bits=2 * part.size_bits)


Near = Callable[[SystolicMapping], Sequence[SystolicMapping]]
"""Neighbours of a mapping."""


def _lowest(space: Space, start: SystolicMapping, near: Near) -> tuple[SystolicMapping, float]:
    """The mapping of least bound that is reached from one, and its bound."""
    best, least = start, float(space.bounds([start])[0, 0])
    for _ in range(MOST_MOVES):
        others = near(best)
        if not others:
            break
        bounds = space.bounds(others)[:, 0]
        at = int(np.argmin(bounds))
        if not bounds[at] < least:
            break
        best, least = others[at], float(bounds[at])
    return best, least
