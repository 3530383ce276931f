"""Slots of PEs without a MAC, of all cycles of a layer, from those that an array of tiles reports."""

from __future__ import annotations

from collections.abc import Mapping

from accsim.simulate.phase import Schedule
from accsim.simulate.storage import Place


def idle_slots(
    inside: Mapping[str, int], timing: Schedule, place: Place, macs_per_pe: int
) -> tuple[tuple[str, int], ...]:
    """All slots without a MAC by cause.

    Args:
        inside: those of cycles that compute; the others are all idle.
    """
    cycles, each = timing.cycles, place.accelerator.array.pes * macs_per_pe
    outside = {"fill": cycles.fill, "drain": cycles.drain} | {f"stall_{cause}": n for cause, n in cycles.stalls}
    return (*sorted(inside.items()), *((cause, n * each) for cause, n in outside.items() if n))
