"""What a search found, in a sentence for people."""

from __future__ import annotations

from typing import Any

from accsim.mapping.search.best_first import TOLERANCE, Found
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Stopped

WHAT = {
    Objective.ENERGY: "energy",
    Objective.LATENCY: "cycles",
    Objective.EDP: "energy x cycles",
    Objective.TRAFFIC: "off-chip traffic",
}

ENDS = {
    Stopped.TIME_LIMIT: "ended early by the time limit",
    Stopped.INTERRUPTED: "ended early when interrupted",
    Stopped.EVALUATIONS: "not proved",
}


def percent(share: float) -> str:
    """A share as a person reads it: two digits, and 0.01 % at least."""
    return f"{max(100 * share, 0.01):.2g} %"


def sentence(found: Found[Any], objective: Objective) -> str:
    """Which mappings were searched, how, and how near the best of them is to the best there can be."""
    what = WHAT[objective]
    head = f"searched {found.space}: {found.scored:,} scored, {found.evaluated:,} simulated"
    if found.stopped is Stopped.PROVED and found.gap <= TOLERANCE:
        return f"{head}; least {what}{', proved' if found.complete else ' of these'}"
    gap = f"none can have over {percent(found.gap)} less {what}" if found.bound > 0 else f"least {what} not known"
    return "; ".join([head, *([ENDS[found.stopped]] if found.stopped in ENDS else []), gap])
