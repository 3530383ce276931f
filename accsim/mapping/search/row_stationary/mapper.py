"""The best row-stationary mapping of a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.search.best_first import Cost, Found, Limit, Watch, best_first
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Patience, Stopped
from accsim.mapping.search.row_stationary.rates import Rates
from accsim.mapping.search.row_stationary.space import RowStationarySpace
from accsim.mapping.task import Task

MOST, MOST_TIMED = 32, 200
"""Mappings of a layer that are evaluated exactly, at most, unless there is a time limit; and where cycles play a part.

One or two do for most layers. Where buffers have ports, or sums that come back are late, bounds of cycles are lower
than the exact figure, and more are tried.
"""


def search(
    task: Task,
    rates: Rates,
    objective: Objective,
    cost: Callable[[RowStationaryMapping], Cost | None],
    *,
    first: Sequence[RowStationaryMapping] = (),
    patience: Patience | None = None,
    watch: Watch | None = None,
) -> Found[RowStationaryMapping] | None:
    """The best mapping of a layer; ``None`` if none is legal.

    Args:
        rates: what the layer's words cost.
        cost: the exact cost of a mapping.
        first: mappings evaluated before any other; of equal costs they win.
        patience: when to end early.
        watch: told how far the search is.
    """
    limit, space = Limit(), RowStationarySpace(task, rates, objective)
    found = best_first(
        space.chunks(limit),
        space.candidate,
        cost,
        first=first,
        patience=patience,
        most=(MOST_TIMED if space.timed else MOST) if patience is None or patience.seconds is None else None,
        complete=space.complete,
        cover=space.cover,
        tolerance=space.tolerance,
        space=space.words,
        floor=space.floor,
        limit=limit,
        watch=watch,
    )
    if found is None or space.dropped >= limit.value:
        return found
    stopped = Stopped.EVALUATIONS if found.stopped is Stopped.PROVED else found.stopped
    return replace(found, bound=min(found.bound, space.dropped), stopped=stopped)
