"""The levels of a machine: its memories, networks and vector unit.

Storage levels (``Dram``, ``Sram``, ``RegisterFile``) name the operands they hold. ``Link`` levels are the on-chip
networks between the innermost shared buffer and the PEs; ``VectorUnit`` runs the layers without MACs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from accsim.hardware.off_chip import RunLength, WeightDecoder, clock_ratio
from accsim.workload.layer import Operand


class LevelKind(StrEnum):
    """The kind of a level, as it appears in results."""

    DRAM = "dram"
    SRAM = "sram"
    RF = "rf"
    NOC = "noc"
    PE = "pe"
    VECTOR = "vector"


class Cell(StrEnum):
    """What a register file is built of; registers and SRAM differ in energy and area."""

    REGISTER = "register"
    SRAM = "sram"


@dataclass(frozen=True, slots=True)
class Dram:
    """Off-chip memory behind one channel shared by every operand.

    Attributes:
        width_bits: bits moved per channel clock edge (one beat).
        clock_mhz: channel clock; ``None`` for the core clock.
        latency_cycles: core cycles before the first beat of a transfer.
        burst_bits: every transfer is rounded up to a multiple of this.
        standard: the DRAM kind whose energy per bit is charged (a name in the energy table).
        run_length: off-chip coding of feature maps, if the chip has it.
        fetch_padding: padded pixels are fetched like any other.
        weight_decoder: takes weights as they are stored; without one, dense words of the layer's width move.
    """

    name: str
    operands: tuple[Operand, ...]
    width_bits: int
    clock_mhz: float | None = None
    latency_cycles: int = 0
    burst_bits: int = 1
    standard: str = "dram"
    run_length: RunLength | None = None
    fetch_padding: bool = False
    weight_decoder: WeightDecoder | None = None
    kind: LevelKind = LevelKind.DRAM

    def cycles(self, bits: int, core_mhz: float) -> int:
        """Core cycles to move ``bits`` in one transfer: latency, then the beats of whole bursts (exact, rounded up)."""
        if bits <= 0:
            return 0
        burst = -(-bits // self.burst_bits) * self.burst_bits
        beats = -(-burst // self.width_bits)
        core, channel = self.ratio(core_mhz)
        return self.latency_cycles - (-beats * core // channel)

    def transfer_cycles(self, operand: Operand, words: int, bits: int, core_mhz: float) -> int:
        """Core cycles to move ``words`` of an operand in ``bits``, as fast as channel and decoder let them."""
        cycles = self.cycles(bits, core_mhz)
        if operand is Operand.WEIGHT and self.weight_decoder is not None and bits > 0:
            return max(cycles, -(-words // self.weight_decoder.words_per_cycle))
        return cycles

    def ratio(self, core_mhz: float) -> tuple[int, int]:
        """Core cycles per channel cycle, as a ratio."""
        return clock_ratio(core_mhz, self.clock_mhz or core_mhz)


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of a buffer set aside for some operands.

    Attributes:
        buffers: tiles of each that are held (2 = double buffered); 1 where nothing is said.
        circular: row stationary: whether ifmaps lie in a circular buffer, which has the room that no tile takes. The
            ifmaps of a pass are worked on one after another, and each one's place is free for one of the next tile as
            soon as the last pass that takes it has gone through it.
    """

    operands: tuple[Operand, ...]
    size_bits: int
    buffers: tuple[tuple[Operand, int], ...] = ()
    circular: bool = False

    def copies(self, operand: Operand) -> int:
        """Tiles of ``operand`` held at once."""
        return dict(self.buffers).get(operand, 1)


@dataclass(frozen=True, slots=True)
class Sram:
    """A shared on-chip buffer.

    Attributes:
        width_bits: bits moved by one access.
        partitions: who may use how much; one partition for all when the file says nothing else.
        bank_bits: allocations are rounded up to whole banks of this size; ``None`` for no banking.
        read_bits_per_cycle, write_bits_per_cycle: ports; ``None`` when the buffer keeps up with the array's edge.
        keeps_activations: a tensor may stay here between layers.
    """

    name: str
    operands: tuple[Operand, ...]
    width_bits: int
    partitions: tuple[Partition, ...]
    bank_bits: int | None = None
    read_bits_per_cycle: int | None = None
    write_bits_per_cycle: int | None = None
    keeps_activations: bool = False
    kind: LevelKind = LevelKind.SRAM

    @property
    def size_bits(self) -> int:
        """Capacity of all partitions."""
        return sum(p.size_bits for p in self.partitions)

    def partition(self, operand: Operand) -> Partition:
        """The partition that holds ``operand``."""
        for part in self.partitions:
            if operand in part.operands:
                return part
        raise KeyError(operand)


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """A scratchpad or register in every PE; ``size_words`` words of ``width_bits`` each.

    The lanes of an inner product share its sums, and those of a sparse PE everything: one for a row and column.
    """

    name: str
    operands: tuple[Operand, ...]
    width_bits: int
    size_words: int
    cell: Cell = Cell.REGISTER
    kind: LevelKind = LevelKind.RF

    @property
    def size_bits(self) -> int:
        """Capacity of one PE's copy."""
        return self.size_words * self.width_bits


@dataclass(frozen=True, slots=True)
class Link:
    """An on-chip network between the innermost shared buffer and the PEs, or between neighbouring PEs.

    Attributes:
        width_bits: bits delivered per cycle by one bus transaction; ``None`` when it keeps up with the array's edge.
        direction: ``in`` (buffer to PEs), ``out`` (PEs to buffer) or ``local`` (PE to PE).
    """

    name: str
    operands: tuple[Operand, ...]
    width_bits: int | None
    direction: str
    kind: LevelKind = LevelKind.NOC


@dataclass(frozen=True, slots=True)
class VectorUnit:
    """The unit that runs layers without MACs.

    Attributes:
        lanes: operations per cycle.
        fused: activations applied to words as they pass, on their way out of the array or of another operation of
            this unit: they cost operations, and no traffic of their own.
        row_words: words of a row that its buffer holds between the passes of a softmax or a layer norm; longer rows
            are loaded again for each pass. ``None`` for rows of any length.
    """

    name: str
    lanes: int
    fused: tuple[str, ...] = ()
    kind: LevelKind = LevelKind.VECTOR
    row_words: int | None = None


Level = Dram | Sram | RegisterFile | Link | VectorUnit
Storage = Dram | Sram | RegisterFile
