"""The ports and links at a systolic array's edge, which may be slower than the array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from accsim.hardware.accelerator import Accelerator, Sram
from accsim.workload.layer import Operand

INPUTS = frozenset((Operand.IFMAP, Operand.WEIGHT))
ALL = INPUTS | {Operand.PSUM}


@dataclass(frozen=True, slots=True)
class EdgePort:
    """A port or link at the array's edge: ``bits_per_cycle`` shared by the operands that use it."""

    name: str
    operands: frozenset[Operand]
    bits_per_cycle: int


def edge_ports(accelerator: Accelerator, sums_return: bool) -> Iterator[EdgePort]:
    """The ports of the buffers next to the array, and the links between them, where they have a limit.

    Args:
        accelerator: the machine.
        sums_return: whether sums are read for the array; if not, no read port carries any.
    """
    entering = ALL if sums_return else INPUTS
    leaving = frozenset({Operand.PSUM})
    for level in accelerator.buffers:
        inner = frozenset(o for o in ALL if _innermost(accelerator, o) == level)
        if inner & entering and level.read_bits_per_cycle:
            yield EdgePort(level.name, inner & entering, level.read_bits_per_cycle)
        if inner & leaving and level.write_bits_per_cycle:
            yield EdgePort(level.name, leaving, level.write_bits_per_cycle)
    for direction, moving in (("in", entering), ("out", leaving)):
        for operand in sorted(moving):
            link = accelerator.link(operand, direction)
            if link is not None and link.width_bits:
                yield EdgePort(link.name, frozenset({operand}), link.width_bits)


def _innermost(accelerator: Accelerator, operand: Operand) -> Sram | None:
    held = [level for level in accelerator.buffers if operand in level.operands]
    return held[-1] if held else None
