"""The accelerator: a PE array, a hierarchy of named levels, and what each may do.

Levels are listed from the outside in. Storage levels (``Dram``, ``Sram``, ``RegisterFile``) name the operands they
hold; the levels that hold an operand form its chain, and any operand may skip any level. ``Link`` levels are the
on-chip networks between the innermost shared buffer and the PEs; ``VectorUnit`` runs the layers without MACs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from accsim.hardware.datapath import BIT_PARALLEL, Datapath
from accsim.hardware.off_chip import RunLength, WeightDecoder, clock_ratio
from accsim.workload.layer import Operand


class ArrayFamily(StrEnum):
    """How the PEs are wired, which decides the machine that is simulated."""

    SYSTOLIC = "systolic"
    ROW_STATIONARY = "row_stationary"
    INNER_PRODUCT = "inner_product"


class LevelKind(StrEnum):
    """The kind of a level, as it appears in results."""

    DRAM = "dram"
    SRAM = "sram"
    RF = "rf"
    NOC = "noc"
    PE = "pe"
    VECTOR = "vector"


class Rounding(StrEnum):
    """What happens to the bits shifted out below the accumulator's window.

    ``truncate`` rounds down; ``nearest`` breaks ties towards plus infinity (a bit is added), ``nearest_even`` to even.
    """

    TRUNCATE = "truncate"
    NEAREST = "nearest"
    NEAREST_EVEN = "nearest_even"


class Overflow(StrEnum):
    """What an accumulator does when the two's-complement sum is out of range."""

    WRAP = "wrap"
    SATURATE = "saturate"


class InitialPsum(StrEnum):
    """Where the first partial sum of an output comes from: a zero made in the PE, or a read of the buffer."""

    ZERO = "zero"
    READ = "read"


class FilterLoad(StrEnum):
    """What the filters of a pass may be loaded beside in a row-stationary array, where their network is the bottleneck.

    ``first_column``: their own pass's first output column, whose MACs use the words in the order in which they come.
    ``adjacent_columns``: the last output column of the pass before, too: it is the last to read the old words, in the
    same order, so that each makes room for a new one. A pass of a single column needs it for its own words.
    ``spare_words``: before that column, too, as many words as the filter spad has places that its pass leaves empty:
    the spad is a ring.
    ``whole_pass``: the filter spad holds the words of two passes, and the load begins as soon as the pass before has
    its own.
    """

    FIRST_COLUMN = "first_column"
    ADJACENT_COLUMNS = "adjacent_columns"
    SPARE_WORDS = "spare_words"
    WHOLE_PASS = "whole_pass"


class Cell(StrEnum):
    """What a register file is built of; registers and SRAM differ in energy and area."""

    REGISTER = "register"
    SRAM = "sram"


@dataclass(frozen=True, slots=True)
class Array:
    """The PE array.

    Attributes:
        family: the machine that the PEs make.
        rows, cols: PEs along each axis.
        lanes: inner product: products that each row and column adds in a cycle, each with a PE of its own.
        edge_taps: outputs can leave at the last *used* row; without taps they cross the inactive rows to the edge.
        stationary_buffers: 1: a PE has one register for its stationary operand, and loading, streaming and draining
            follow each other; 2: a shadow register lets the next tile load (or the last one drain) while this one
            computes.
        initial_psum: whether the first partial sum is a zero or a read of the psum buffer.
    """

    family: ArrayFamily
    rows: int
    cols: int
    edge_taps: bool = False
    stationary_buffers: int = 1
    initial_psum: InitialPsum = InitialPsum.ZERO
    lanes: int = 1

    @property
    def pes(self) -> int:
        """Number of PEs."""
        return self.rows * self.cols * self.lanes


@dataclass(frozen=True, slots=True)
class Pe:
    """One processing element.

    Attributes:
        weight_bits, activation_bits, accumulator_bits: operand widths.
        output_bits: width of a finished output word; activations' width unless given.
        product_shift: bits dropped from the product before accumulation (the chip's configurable window).
        rounding, overflow: what happens below and above the accumulator's window.
        zero_gating: a zero ifmap word stops the filter read and the MAC; it saves energy and never a cycle.
        pipeline_stages: register stages from operand read to accumulated psum.
        psum_add_cycles: row stationary: extra cycles per output psum to add what comes from the PE below.
        window_shift_cycles: row stationary: cycles to shift one new ifmap word into the sliding window.
        filter_load: row stationary: what the filters of a pass may be loaded beside.
        psum_gating: row stationary: a zero ifmap word stops the read and the write of the psum scratchpad too.
        fifo_depth: row stationary: words of the FIFO before the ifmap spad; ``None`` for as many as a mapping needs. A
            mapping that may need more is not legal (see ``mapping.row_stationary.fifo_demand``).
        datapath: inner product: what is done with the operands, and in how many cycles.
    """

    weight_bits: int
    activation_bits: int
    accumulator_bits: int
    output_bits: int
    product_shift: int = 0
    rounding: Rounding = Rounding.TRUNCATE
    overflow: Overflow = Overflow.WRAP
    zero_gating: bool = False
    pipeline_stages: int = 1
    psum_add_cycles: int = 0
    window_shift_cycles: int = 0
    filter_load: FilterLoad = FilterLoad.FIRST_COLUMN
    psum_gating: bool = False
    fifo_depth: int | None = None
    datapath: Datapath = BIT_PARALLEL


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
        core, channel = clock_ratio(core_mhz, self.clock_mhz or core_mhz)
        return self.latency_cycles - (-beats * core // channel)

    def transfer_cycles(self, operand: Operand, words: int, bits: int, core_mhz: float) -> int:
        """Core cycles to move ``words`` of an operand in ``bits``, as fast as channel and decoder let them."""
        cycles = self.cycles(bits, core_mhz)
        if operand is Operand.WEIGHT and self.weight_decoder is not None and bits > 0:
            return max(cycles, -(-words // self.weight_decoder.words_per_cycle))
        return cycles


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

    The lanes of an inner product share its sums: one for a row and column.
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
    """

    name: str
    lanes: int
    fused: tuple[str, ...] = ()
    kind: LevelKind = LevelKind.VECTOR


Level = Dram | Sram | RegisterFile | Link | VectorUnit
Storage = Dram | Sram | RegisterFile


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A whole machine. Hashable, so that it can key a cache.

    Attributes:
        name, description, source: what it is and where its figures come from.
        node_nm, voltage_v: technology; ``None`` when not stated.
        clock_mhz: core clock.
        array, pe: the PE array and one PE.
        levels: from the outside in; exactly one ``Dram``, first.
        dataflow: name of the default dataflow.
        energy_table: name of the default energy table.
        mappings: published mappings as ((network, layer), ((parameter, value), ...), note).
        assumed: figures in the file that no public source gives, named one by one.
        area_mm2: published core area, if any.
    """

    name: str
    clock_mhz: float
    array: Array
    pe: Pe
    levels: tuple[Level, ...]
    dataflow: str
    energy_table: str
    description: str = ""
    source: str = ""
    node_nm: float | None = None
    voltage_v: float | None = None
    mappings: tuple[tuple[tuple[str, str], tuple[tuple[str, int], ...], str], ...] = ()
    assumed: tuple[str, ...] = ()
    area_mm2: float | None = None

    @property
    def dram(self) -> Dram:
        """The off-chip memory."""
        return next(level for level in self.levels if isinstance(level, Dram))

    @property
    def buffers(self) -> tuple[Sram, ...]:
        """Shared on-chip buffers from the outside in."""
        return tuple(level for level in self.levels if isinstance(level, Sram))

    @property
    def vector(self) -> VectorUnit | None:
        """The vector unit, if there is one."""
        return next((level for level in self.levels if isinstance(level, VectorUnit)), None)

    def chain(self, operand: Operand) -> tuple[Storage, ...]:
        """Storage levels that hold ``operand``, from the outside in."""
        return tuple(
            level
            for level in self.levels
            if isinstance(level, Dram | Sram | RegisterFile) and operand in level.operands
        )

    def link(self, operand: Operand, direction: str) -> Link | None:
        """The network that carries ``operand`` in ``direction``, if one is declared."""
        return next(
            (lv for lv in self.levels if isinstance(lv, Link) and operand in lv.operands and lv.direction == direction),
            None,
        )

    def level(self, name: str) -> Level:
        """The level called ``name``.

        Raises:
            KeyError: there is none.
        """
        for level in self.levels:
            if level.name == name:
                return level
        raise KeyError(name)

    def instances(self, level: Level) -> int:
        """How many copies of ``level`` the machine has."""
        if not isinstance(level, RegisterFile):
            return 1
        return self.array.pes if Operand.PSUM not in level.operands else self.array.pes // self.array.lanes

    def bits(self, operand: Operand) -> int:
        """Width of one word of ``operand``."""
        match operand:
            case Operand.WEIGHT:
                return self.pe.weight_bits
            case Operand.PSUM:
                return self.pe.accumulator_bits
            case Operand.OFMAP:
                return self.pe.output_bits
            case _:
                return self.pe.activation_bits
