"""The best systolic mapping of a layer among a few tile sizes, in milliseconds.

The compiled bounds of the full search, over at most ``SIZES`` sizes of each dimension; the exact engine decides between
the best by bound and the best by a guess. It proves nothing, and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from accsim.mapping.mapping import SystolicMapping
from accsim.mapping.search.best_first import Cost, Found
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Stopped
from accsim.mapping.search.systolic.folds import Cuts
from accsim.mapping.search.systolic.heap import SCORED
from accsim.mapping.search.systolic.sizes import thinned
from accsim.mapping.search.systolic.space import Space, in_order
from accsim.mapping.search.systolic.tables import Job, Sizes, cuts, every_tile_size
from accsim.mapping.search.systolic.terms import Terms
from accsim.mapping.task import Task, violations

SIZES = 5
"""Sizes of each dimension."""

KEPT = 4
"""Candidates kept by bound and by guess; bounds know every rule of legality, so that the first should be legal."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """A job, as far as its tile sizes depend on it."""

    key: object
    job: Job
    folds: bool

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shape) and self.key == other.key


@lru_cache(maxsize=256)  # each holds on to its job, and so to a machine
def _few(shape: _Shape) -> tuple[Sizes, Cuts]:
    every = every_tile_size(shape.job, folds=shape.folds)
    sizes = Sizes(tuple(tuple(thinned(options, SIZES)) for options in every.options), complete=False)
    return sizes, cuts(shape.job, sizes)


def quick_search(
    task: Task, terms: Terms, objective: Objective, cost: Callable[[SystolicMapping], Cost]
) -> Found[SystolicMapping] | None:
    """The best of a few mappings of a layer; ``None`` if none is legal.

    Args:
        task: a layer, with a dataflow for a systolic array.
        terms: what its words and cycles cost; the constant counts for the energy-delay product only.
        cost: the exact cost of a mapping.
    """
    job = Job.of(task, terms)
    machine = task.accelerator
    folds = objective is not Objective.TRAFFIC or any(terms.traffic.flows)
    key = (task.geometry, machine.array, task.dataflow, machine.dram.fetch_padding, folds)
    space = Space.of_sizes(job, objective, *_few(_Shape(key, job, folds)))
    heap, likely = space.heap(KEPT), space.heap(KEPT if space.timed else 0)
    space.score(0, space.tiles, np.inf, heap, likely)
    found: list[tuple[Cost, SystolicMapping]] = []
    for one in (likely, heap) if objective in (Objective.LATENCY, Objective.EDP) else (heap,):
        for tiles, row in in_order(one)[1].tolist():
            mapping = space.mapping(tiles, row)
            if not violations(task, mapping):
                if all(mapping != known for _, known in found):
                    found.append((cost(mapping), mapping))
                break
    if not found:
        return None
    best, mapping = min(found, key=lambda one: one[0])
    scored = int(heap.state[SCORED])
    return Found(mapping, best, scored, len(found), False, "a few of the tile sizes", 0.0, Stopped.PROVED)
