"""Bits of the registers and buses that a machine dumps."""

from __future__ import annotations

from accsim.hardware.accelerator import Accelerator
from accsim.mapping.dataflow import Dataflow, SystolicDataflow
from accsim.workload.layer import Operand

HOLDING = frozenset(("held", "load"))
"""Registers of whichever operand a systolic dataflow keeps in the PEs."""


def register_operand(name: str, dataflow: Dataflow) -> Operand:
    """The operand whose words a register or bus takes; sums on their way count as psums.

    Args:
        name: such as ``ifmap``, ``held`` (systolic), ``filter_spad`` (row stationary) or ``bus_psum_out``.
        dataflow: says which operand is held.
    """
    if name in HOLDING and isinstance(dataflow, SystolicDataflow):
        return dataflow.stationary
    if "ifmap" in name:
        return Operand.IFMAP
    return Operand.WEIGHT if "weight" in name or "filter" in name else Operand.PSUM


def register_bits(name: str, accelerator: Accelerator, dataflow: Dataflow, weight_name: Operand) -> int:
    """Width of a register or bus.

    Args:
        weight_name: ``weight``, or ``ifmap2`` where the second operand of the layer is an activation.
    """
    operand = register_operand(name, dataflow)
    return accelerator.bits(weight_name if operand is Operand.WEIGHT else operand)
