"""A layer to be mapped, and what is illegal about a mapping of it."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.hardware.accelerator import Accelerator
from accsim.mapping.capacity import Reserved, buffer_misfits
from accsim.mapping.dataflow import Dataflow
from accsim.mapping.mapping import Mapping, RowStationaryMapping
from accsim.mapping.row_stationary import array_violations
from accsim.workload.layer import Geometry


@dataclass(frozen=True, slots=True)
class Task:
    """A layer to be mapped.

    Attributes:
        name: the layer's name, for messages.
        reserved: what whole tensors take of the buffers while the layer runs.
        weight_bits: width of the second operand.
    """

    name: str
    geometry: Geometry
    accelerator: Accelerator
    dataflow: Dataflow
    reserved: tuple[Reserved, ...]
    weight_bits: int


def violations(task: Task, mapping: Mapping) -> list[str]:
    """Sentences on what is illegal about a mapping; empty if it is legal."""
    geometry, accelerator = task.geometry, task.accelerator
    out: list[str] = []
    if isinstance(mapping, RowStationaryMapping):
        out += array_violations(accelerator, geometry, mapping)
        if out:
            return out
    nest = mapping.nest(geometry, accelerator.dram.fetch_padding)
    return [str(m) for m in buffer_misfits(accelerator, mapping, nest, task.weight_bits, task.reserved)]
