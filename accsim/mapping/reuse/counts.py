"""What a tiling moves: words per operand and level, and the reuse factors of equations 3 and 4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accsim.mapping.reuse.dataflow import Level
from accsim.workload.layer import Operand


@dataclass(frozen=True, slots=True)
class Reuse:
    """The reuse of each word at each level (Chen et al., ISCA 2016, section VI-B); averages where tiles differ.

    For an input ``dram`` (a in the equations) is how often it is fetched, ``buffer`` (b) how often each fetched word is
    moved to the array, ``array`` (c) how many PEs take it then, ``rf`` (d) how many MACs each of them does with it. For
    a psum ``dram`` is how often sums of one output leave the chip, ``buffer`` how many parts of such a sum arrive at
    the buffer, ``array`` how many PEs make one of them, ``rf`` how many products a PE adds up for it.
    """

    dram: float
    buffer: float
    array: float
    rf: float


def input_energy(reuse: Reuse, costs: tuple[float, float, float, float]) -> float:
    """Energy of all uses of one input word, equation 3; a register file without reuse is bypassed.

    Args:
        costs: of an access of RF, array, buffer and DRAM.
    """
    (a, b, c, d), (rf, array, buffer, dram) = (reuse.dram, reuse.buffer, reuse.array, reuse.rf), costs
    return a * dram + a * b * buffer + a * b * c * array + (a * b * c * d * rf if d > 1 else 0.0)


def psum_energy(reuse: Reuse, costs: tuple[float, float, float, float]) -> float:
    """Energy of accumulating one output, equation 4; ``costs`` as for ``input_energy``."""
    (a, b, c, d), (rf, array, buffer, dram) = (reuse.dram, reuse.buffer, reuse.array, reuse.rf), costs
    return (2 * a - 1) * dram + 2 * a * (b - 1) * buffer + a * b * (c - 1) * array + 2 * a * b * c * (d - 1) * rf


@dataclass(frozen=True, slots=True)
class ReuseCounts:
    """Accesses of a whole layer, all groups, that are charged at each level.

    Attributes:
        macs: multiply-accumulates.
        accesses: words by operand and level. Inputs are counted where they are handed on, psums as equation 4 counts
            them: outputs written to DRAM, reads and writes of unfinished sums in the buffer, moves between PEs, reads
            and writes in register files.
    """

    macs: int
    accesses: Mapping[Operand, Mapping[Level, int]]

    def at(self, level: Level) -> int:
        """Accesses of one level, by all operands."""
        return sum(of[level] for of in self.accesses.values())
