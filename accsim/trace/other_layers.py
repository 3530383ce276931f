"""Layers without MACs as events: the vector unit's work and the transfers around it, as ``simulate.vector`` times them.

One transfer follows the other on the channel, in the order in which they were counted, while the unit works; the cycles
in which only the channel is busy are stalls.
"""

from __future__ import annotations

from collections.abc import Iterator

from accsim.hardware.accelerator import Accelerator
from accsim.simulate.activity import Action, Activity
from accsim.simulate.stepped.pass_timeline import Event
from accsim.workload.layer import Layer, LayerKind, Operand

VECTOR = "vector"
"""Track of the vector unit."""


def word_bits(layer: Layer, operand: Operand, accelerator: Accelerator) -> int:
    """Bits of one word of a tensor of a layer without MACs; rows that an embedding looks up are activations."""
    return accelerator.pe.activation_bits if layer.kind is LayerKind.EMBEDDING else accelerator.bits(operand)


def events_of(layer: Layer, activity: Activity, accelerator: Accelerator) -> Iterator[Event]:
    """The events of a layer without MACs, in cycles from its start."""
    dram, moved, before = accelerator.dram, 0, 0
    for count in activity.counts:
        if count.level != dram.name or count.action not in (Action.READ, Action.WRITE):
            continue
        moved += count.bits
        after = dram.cycles(moved, accelerator.clock_mhz)
        args = {
            "operand": count.operand.value,
            "direction": count.action.value,
            "words": count.bits // word_bits(layer, count.operand, accelerator),
            "bits": count.bits,
        }
        yield Event("dram", f"{count.operand} {count.action}", before, after, args)
        before = after
    compute = activity.cycles.compute
    if compute:
        operations = sum(count.accesses for count in activity.counts if count.action is Action.OP)
        yield Event(VECTOR, activity.layer, 0, compute, {"operations": operations})
    for cause, cycles in activity.cycles.stalls:
        yield Event("stalls", cause, compute, compute + cycles, {})
