"""The machine of a reuse analysis: PEs, words of storage, and what an access costs at each level."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.errors import InputError
from accsim.hardware.accelerator import Accelerator, RegisterFile


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

    @classmethod
    def of(cls, accelerator: Accelerator) -> ReuseMachine:
        """The machine of an accelerator that has one register file in a PE and one buffer, each for all operands.

        Raises:
            InputError: it has others.
        """
        files = [level for level in accelerator.levels if isinstance(level, RegisterFile)]
        buffers = [part for level in accelerator.buffers for part in level.partitions]
        if len(files) > 1 or len(buffers) > 1:
            raise InputError(
                [
                    f"accelerator {accelerator.name!r} divides its storage among operands ({len(files)} register files "
                    f"in a PE, {len(buffers)} buffers or parts of one), and the analysis of reuse knows one of each "
                    "for all operands; give it a machine of its own"
                ]
            )
        bits = accelerator.pe.activation_bits
        return cls(
            rows=accelerator.array.rows,
            cols=accelerator.array.cols,
            rf_words=sum(level.size_words for level in files),
            buffer_words=sum(part.size_bits for part in buffers) // bits,
            word_bits=bits,
        )


@dataclass(frozen=True, slots=True)
class AccessCosts:
    """Energy of a MAC and of moving one word at each level, in one unit (Chen et al., ISCA 2016, Table IV)."""

    mac: float
    rf: float
    array: float
    buffer: float
    dram: float
