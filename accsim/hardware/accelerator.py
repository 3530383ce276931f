"""The accelerator: a PE array, a hierarchy of named levels, and what each may do.

Levels are listed from the outside in (``accsim.hardware.levels``). The storage levels that hold an operand form its
chain, and any operand may skip any level.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from accsim.hardware.datapath import BIT_PARALLEL, Datapath, DatapathKind
from accsim.hardware.levels import (
    Cell,
    Dram,
    Level,
    LevelKind,
    Link,
    Partition,
    RegisterFile,
    Sram,
    Storage,
    VectorUnit,
)
from accsim.hardware.sparse import Sparse
from accsim.workload.layer import Operand

__all__ = [
    "Accelerator",
    "Array",
    "ArrayFamily",
    "Cell",
    "Dram",
    "FilterLoad",
    "InitialPsum",
    "Level",
    "LevelKind",
    "Link",
    "Overflow",
    "Partition",
    "Pe",
    "RegisterFile",
    "Rounding",
    "Sram",
    "Storage",
    "VectorUnit",
]
"""The parts of a machine, its levels too, are imported from here."""


class ArrayFamily(StrEnum):
    """How the PEs are wired, which decides the machine that is simulated."""

    SYSTOLIC = "systolic"
    ROW_STATIONARY = "row_stationary"
    INNER_PRODUCT = "inner_product"
    SPARSE = "sparse"


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


@dataclass(frozen=True, slots=True)
class Array:
    """The PE array.

    Attributes:
        family: the machine that the PEs make.
        rows, cols: PEs along each axis.
        lanes: inner product: products that each row and column adds in a cycle, each with a PE of its own; sparse:
            multipliers of each.
        edge_taps: outputs can leave at the last *used* row; without taps they cross the inactive rows to the edge.
        stationary_buffers: 1: a PE has one register for its stationary operand, and loading, streaming and draining
            follow each other; 2: a shadow register lets the next tile load (or the last one drain) while this one
            computes.
        initial_psum: whether the first partial sum is a zero or a read of the psum buffer.
        sparse: sparse: what it skips, and how.
    """

    family: ArrayFamily
    rows: int
    cols: int
    edge_taps: bool = False
    stationary_buffers: int = 1
    initial_psum: InitialPsum = InitialPsum.ZERO
    lanes: int = 1
    sparse: Sparse | None = None

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
        datapath: inner product and systolic: what is done with the operands, and in how many cycles.
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
        buffers: the shared on-chip buffers among the levels, from the outside in.
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
    buffers: tuple[Sram, ...] = field(init=False, repr=False, compare=False)
    _chains: tuple[tuple[Operand, tuple[Storage, ...]], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        stores = [level for level in self.levels if isinstance(level, Dram | Sram | RegisterFile)]
        chains = {operand: tuple(level for level in stores if operand in level.operands) for operand in Operand}
        object.__setattr__(self, "buffers", tuple(level for level in stores if isinstance(level, Sram)))
        object.__setattr__(self, "_chains", tuple(chains.items()))

    @property
    def dram(self) -> Dram:
        """The off-chip memory."""
        return next(level for level in self.levels if isinstance(level, Dram))

    @property
    def vector(self) -> VectorUnit | None:
        """The vector unit, if there is one."""
        return next((level for level in self.levels if isinstance(level, VectorUnit)), None)

    def chain(self, operand: Operand) -> tuple[Storage, ...]:
        """Storage levels that hold ``operand``, from the outside in."""
        return next((levels for one, levels in self._chains if one is operand), ())

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
        shared = Operand.PSUM in level.operands or self.array.sparse is not None
        return self.array.pes // self.array.lanes if shared else self.array.pes

    @property
    def follows_widths(self) -> bool:
        """Whether operands are as wide as a layer's codes, and time, energy or traffic with them.

        They are on arrays that run tiles, and with any datapath but the multiplier, which takes every word whole.
        """
        tiled = self.array.family in (ArrayFamily.INNER_PRODUCT, ArrayFamily.SPARSE)
        return tiled or self.pe.datapath.kind is not DatapathKind.BIT_PARALLEL

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
