"""Comparing the stepped engine with the counted one, figure by figure, and with the golden kernels, word by word."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accsim.simulate.activity import Activity, Count, ExpectedCount
from accsim.verification.outcome import Difference, Figure, WrongWord, WrongWords

MOST_WORDS = 100
"""Wrong words of a tensor that are listed; all are counted."""

Words = npt.NDArray[np.int64]


def figures(activity: Activity) -> dict[str, Figure]:
    """Every cycle figure and counter of a layer, by name.

    What says where the layer stands (its name, its start) and what is prose (notes, the mapping) is left out,
    and so is what the counted engine would expect without values.
    """
    cycles = activity.cycles
    out: dict[str, Figure] = {
        "cycles.total": cycles.total,
        "cycles.compute": cycles.compute,
        "cycles.fill": cycles.fill,
        "cycles.drain": cycles.drain,
        **{f"cycles.stall.{cause}": stalled for cause, stalled in cycles.stalls},
        "processing_cycles": activity.processing_cycles,
        "macs": activity.macs,
        "effectual_macs": activity.effectual_macs,
        "begun_macs": activity.macs if activity.begun_macs is None else activity.begun_macs,
        "macs_per_pe": activity.macs_per_pe,
        "bit_operations": activity.bit_operations,
        "pe_active_max": activity.pe_active_max,
        "pe_active_average": activity.pe_active_average,
        **{f"idle_slots.{cause}": slots for cause, slots in activity.idle_slots},
    }
    for count in activity.counts:
        out |= _counter(count, "")
    for expected in activity.expected:
        out |= _counter(expected, "expected ")
    for tensor in activity.tensors:
        for what in ("bits", "encoding", "stored_bits", "metadata_bits", "density", "lived_in"):
            out[f"tensors.{tensor.operand}.{what}"] = getattr(tensor, what)
    return out


def _counter(count: Count | ExpectedCount, kind: str) -> dict[str, Figure]:
    peer = "" if count.peer is None else f" (peer {count.peer})"
    name = f"{kind}{count.level} {count.operand} {count.action}{peer}"
    return {f"{name}, accesses": count.accesses, f"{name}, bits": count.bits}


def differences(counted: Activity, stepped: Activity) -> tuple[Difference, ...]:
    """The figures on which two activities of a layer differ, without tolerance."""
    theirs, ours = figures(counted), figures(stepped)
    names = dict.fromkeys([*theirs, *ours])
    return tuple(
        Difference(name, "counted", theirs.get(name), ours.get(name))
        for name in names
        if theirs.get(name) != ours.get(name)
    )


def wrong_words(tensor: str, golden: Words, stepped: Words) -> tuple[WrongWords, ...]:
    """Where two tensors [N, M, P, Q] differ; empty when they are equal."""
    at = np.argwhere(golden != stepped)
    if not len(at):
        return ()
    first = tuple(
        WrongWord((n, m, p, q), int(golden[n, m, p, q]), int(stepped[n, m, p, q]))
        for n, m, p, q in at[:MOST_WORDS].tolist()
    )
    return (WrongWords(tensor, len(at), golden.size, first),)
