"""What a level of a machine is to an energy table: its component, its variant and the sizes its price depends on."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from accsim.energy.scaling import Sizes
from accsim.energy.table import Component, Variable
from accsim.hardware.accelerator import Accelerator, Dram, Level, Link, RegisterFile, Sram
from accsim.hardware.datapath import DatapathKind

PE_LEVEL = "pe"
"""Name of the level that the MAC units' counts carry."""


@dataclass(frozen=True, slots=True)
class Priced:
    """A level as a table sees it.

    Attributes:
        name: the level's name, ``pe`` for the MAC units.
        instances: how many arrays of the given sizes the machine has: PEs, or banks of a buffer.
    """

    name: str
    component: Component
    variant: str | None
    sizes: Sizes
    instances: int

    @property
    def where(self) -> str:
        """How messages call it."""
        return f"level {self.name!r}"

    @property
    def width_bits(self) -> float:
        """Bits of one access; 1 where the level does not say."""
        return self.sizes.get(Variable.WIDTH) or 1.0


def levels(accelerator: Accelerator) -> tuple[Priced, ...]:
    """Every level of a machine from the outside in, and its PEs' MAC units last."""
    listed = tuple(_level(accelerator, level) for level in accelerator.levels)
    kind = accelerator.pe.datapath.kind
    return (*listed, Priced(PE_LEVEL, Component.PE, str(kind), _datapath(accelerator), accelerator.array.pes))


def _level(accelerator: Accelerator, level: Level) -> Priced:
    match level:
        case Dram():
            return Priced(level.name, Component.DRAM, level.standard, {Variable.WIDTH: level.width_bits}, 1)
        case Sram():
            bank = min(level.bank_bits or level.size_bits, level.size_bits)
            sizes = {Variable.WIDTH: level.width_bits, Variable.CAPACITY: bank, Variable.DEPTH: bank / level.width_bits}
            return Priced(level.name, Component.SRAM, None, sizes, max(1, -(-level.size_bits // max(bank, 1))))
        case RegisterFile():
            sizes = {
                Variable.WIDTH: level.width_bits,
                Variable.CAPACITY: level.size_bits,
                Variable.DEPTH: level.size_words,
                Variable.MATCH: level.size_words * (level.size_words - 1).bit_length(),
            }
            return Priced(level.name, Component.RF, str(level.cell), sizes, accelerator.instances(level))
        case Link():
            return Priced(level.name, Component.NOC, None, {Variable.WIDTH: level.width_bits}, 1)
        case _:
            return Priced(level.name, Component.VECTOR, None, _datapath(accelerator, vector=True), level.lanes)


def _datapath(accelerator: Accelerator, vector: bool = False) -> Sizes:
    pe = accelerator.pe
    weight = pe.activation_bits if vector else pe.weight_bits
    operand = sqrt(weight * pe.activation_bits)
    if pe.datapath.kind is DatapathKind.FUSED_BRICKS and not vector:
        operand = pe.datapath.fused_bits  # wider operands take several edges of a unit
    product: float = weight * pe.activation_bits
    if pe.datapath.kind is DatapathKind.OUTLIER_LANE and not vector:
        operand, product = pe.datapath.normal_bits, pe.datapath.normal_bits**2  # wide lanes go by the operand's width
    return {
        Variable.WIDTH: pe.activation_bits,
        Variable.PRODUCT: product,
        Variable.OPERAND: operand,
        Variable.ACCUMULATOR: pe.accumulator_bits,
        Variable.REGISTERS: weight + pe.activation_bits + pe.accumulator_bits,
    }
