"""Whether the tiles of a mapping fit the shared buffers."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.hardware.accelerator import Accelerator, Partition, Sram
from accsim.mapping.mapping import Mapping
from accsim.mapping.nest import Nest
from accsim.workload.layer import Operand


@dataclass(frozen=True, slots=True)
class Reserved:
    """Bits of a buffer that whole tensors take while a layer runs.

    Attributes:
        level: the buffer.
        bits: bits taken by tensors that live there, this layer's own included.
        whole: operands of this layer that live there whole, and so need no tile of their own.
    """

    level: str
    bits: int
    whole: frozenset[Operand]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A demand that exceeds a bound, in words a person can act on."""

    what: str
    demand_bits: int
    bound_bits: int

    def __str__(self) -> str:
        gap = self.demand_bits - self.bound_bits
        return (
            f"{self.what} need {spell(self.demand_bits)} but only {spell(self.bound_bits)} are free "
            f"({spell(gap)} too much)"
        )


def spell(bits: int) -> str:
    """A size as a person reads it: KiB with one digit, or bits below half a KiB."""
    return f"{bits / 8192:.1f} KiB" if bits >= 4096 or not bits else f"{bits} bits"


def banked(bits: int, bank_bits: int | None) -> int:
    """``bits`` rounded up to whole banks."""
    return bits if bank_bits is None else -(-bits // bank_bits) * bank_bits


def tile_bits(
    accelerator: Accelerator, mapping: Mapping, nest: Nest, level: Sram, operand: Operand, weight_bits: int
) -> int:
    """Bits of one tile of ``operand`` in ``level``.

    Finished outputs wait in a buffer that does not hold their psums: they get a tile of the psums' size.
    """
    if operand is Operand.OFMAP:
        if Operand.PSUM in level.operands:
            return 0
        held = [lv.name for lv in accelerator.buffers if Operand.PSUM in lv.operands]
        depth = mapping.depth(held[-1], Operand.PSUM) if held else len(nest.loops)
        return nest.tile_words(Operand.PSUM, depth) * accelerator.pe.output_bits
    bits = weight_bits if operand is Operand.WEIGHT else accelerator.bits(operand)
    return nest.tile_words(operand, mapping.depth(level.name, operand)) * bits


def buffer_misfits(
    accelerator: Accelerator,
    mapping: Mapping,
    nest: Nest,
    weight_bits: int,
    reserved: tuple[Reserved, ...] = (),
) -> list[Misfit]:
    """Every partition whose tiles, times the copies it keeps and rounded to banks, exceed it."""
    out: list[Misfit] = []
    for level in accelerator.buffers:
        taken = next((r for r in reserved if r.level == level.name), Reserved(level.name, 0, frozenset()))
        for part in level.partitions:
            out += _partition_misfits(accelerator, mapping, nest, weight_bits, level, part, taken)
    return out


def _partition_misfits(
    accelerator: Accelerator,
    mapping: Mapping,
    nest: Nest,
    weight_bits: int,
    level: Sram,
    part: Partition,
    taken: Reserved,
) -> list[Misfit]:
    demand, names = 0, []
    for operand in (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM, Operand.OFMAP):
        if operand not in part.operands or operand in taken.whole:
            continue
        bits = tile_bits(accelerator, mapping, nest, level, operand, weight_bits)
        if bits:
            demand += banked(bits * part.copies(operand), level.bank_bits)
            names.append(f"{operand} x{part.copies(operand)}")
    free = part.size_bits - (taken.bits if Operand.IFMAP in part.operands or Operand.OFMAP in part.operands else 0)
    if demand <= free:
        return []
    return [Misfit(f"tiles of {', '.join(names)} in {level.name}", demand, max(free, 0))]
