"""The machine of a reuse analysis: PEs, words of storage, and what an access costs at each level."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReuseMachine:
    """A spatial array with a register file in each PE and one buffer for all operands.

    Attributes:
        rows, cols: PEs.
        rf_words: words of one PE's register file, for all operands together; may be 0.
        buffer_words: words of the global buffer.
        word_bits: width of a word.
    """

    rows: int
    cols: int
    rf_words: int
    buffer_words: int
    word_bits: int = 16

    @property
    def pes(self) -> int:
        """PEs in all."""
        return self.rows * self.cols


@dataclass(frozen=True, slots=True)
class AccessCosts:
    """Energy of a MAC and of moving one word at each level, in one unit (Chen et al., ISCA 2016, Table IV)."""

    mac: float
    rf: float
    array: float
    buffer: float
    dram: float
