"""What the codes of a layer's weights leave to the vector unit: operations on outputs and inputs, and their time.

Scale factors of binary and ternary weights, XNOR-Net's scaling of inputs, the parts of a product codebook that are
added up: operations beside the MACs. They are done on words that pass the vector unit on their way between array and
buffer, one operation per lane and cycle, while the array goes on. A layer therefore takes the longer of two times: its
schedule on array and DRAM channel, and the unit's operations over its lanes. What the unit takes beyond the schedule
the array stalls for, under the unit's name. Assumed: words reach the unit evenly, and it holds enough of them that
neither waits for the other before the end.
"""

from __future__ import annotations

from dataclasses import replace

from accsim.hardware.accelerator import Accelerator
from accsim.simulate.activity import Action, Count
from accsim.simulate.phase import Schedule
from accsim.workload.layer import Layer, Operand


def residual_count(layer: Layer, accelerator: Accelerator) -> tuple[Count, ...]:
    """The operations as a counter of the vector unit; none without a unit."""
    unit, operations = accelerator.vector, _operations(layer)
    if unit is None or not operations:
        return ()
    return (Count(unit.name, Operand.OFMAP, Action.OP, operations, 0),)


def with_residual(timing: Schedule, layer: Layer, accelerator: Accelerator) -> Schedule:
    """The schedule of a layer that ends when the vector unit is done with its operations."""
    unit = accelerator.vector
    if unit is None:
        return timing
    least = -(-_operations(layer) // unit.lanes)
    waits = least - timing.cycles.total
    if waits <= 0:
        return replace(timing, processing_cycles=max(timing.processing_cycles, least))
    cycles = replace(timing.cycles, stalls=(*timing.cycles.stalls, (unit.name, waits)))
    return Schedule(cycles, max(timing.processing_cycles, least))


def _operations(layer: Layer) -> int:
    return sum(n for _, n in layer.residual)
