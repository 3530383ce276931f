"""The keys of an accelerator file and what each may hold.

Rules that need more than one value of the same level are here too; those between levels are in ``checks``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from accsim.hardware.accelerator import ArrayFamily, Cell, FilterLoad, InitialPsum, Overflow, Rounding
from accsim.hardware.datapath import DatapathKind, Digits
from accsim.hardware.sparse import SparseKind
from accsim.workload.layer import INT64_MAX
from accsim.yamlfile import FrequencyMhz, Model, SizeBits, quantity

MOST_PES = 65536
"""Most rows and most columns of an array."""

RESERVED = ("pe", "total")
"""Names that results use for the MAC units and for sums."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def _level_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"must be a name of letters, digits, '_' and '-' that starts with a letter, got {name!r}")
    if name in RESERVED:
        raise ValueError(f"{name!r} is taken: results use it for {'the MAC units' if name == 'pe' else 'sums'}")
    return name


def _physical(value: object, units: Mapping[str, int | Fraction], what: str) -> object:
    if isinstance(value, str):
        return float(quantity(value, units, what))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be {what}")
    return value


def _node(value: object) -> object:
    return _physical(value, {"nm": 1, "um": 1000}, "a process node such as '65 nm'")


def _voltage(value: object) -> object:
    return _physical(value, {"V": 1, "mV": Fraction(1, 1000)}, "a voltage such as '1.0 V'")


def _not_empty(items: tuple[Any, ...]) -> tuple[Any, ...]:
    # pydantic's own min_length also complains about a list whose items are all mistaken.
    if not items:
        raise ValueError("must have at least 1 item, got none")
    return items


SOME = AfterValidator(_not_empty)
"""Marks a list that may not be empty."""

Nanometres = Annotated[float, BeforeValidator(_node), Field(gt=0, le=10_000)]
Volts = Annotated[float, BeforeValidator(_voltage), Field(gt=0, le=100)]
ClockMhz = Annotated[FrequencyMhz, Field(le=1_000_000)]
Capacity = Annotated[SizeBits, Field(le=INT64_MAX)]
Width = Annotated[SizeBits, Field(le=2**20)]
OperandBits = Annotated[int, Field(ge=1, le=64)]
Positive = Annotated[int, Field(ge=1, le=2**31)]
Copies = Annotated[int, Field(ge=1, le=1024)]
Cycles = Annotated[int, Field(ge=0, le=1_000_000)]
Name = Annotated[str, Field(min_length=1)]
LevelName = Annotated[str, AfterValidator(_level_name)]
Stored = Literal["ifmap", "weight", "psum", "ofmap"]
Operands = Literal["all", "ifmap", "weight", "psum", "ofmap"] | Annotated[tuple[Stored, ...], SOME]


class TechnologyFile(Model):
    """Process node and supply voltage."""

    node: Nanometres | None = None
    voltage: Volts | None = None


class SparseFile(Model):
    """What a sparse machine skips, and how; ``accsim.hardware.sparse.Sparse`` says what each key means."""

    kind: SparseKind
    inputs: Annotated[int, Field(ge=1, le=MOST_PES)] = 4
    accumulators: Annotated[int, Field(ge=1, le=INT64_MAX)] = 1024
    banks: Annotated[int, Field(ge=1, le=65536)] = 32
    clusters: Annotated[int, Field(ge=1, le=MOST_PES)] = 1
    iact_words: Annotated[int, Field(ge=1, le=INT64_MAX)] = 16
    weight_words: Annotated[int, Field(ge=1, le=INT64_MAX)] = 192
    psum_words: Annotated[int, Field(ge=1, le=65536)] = 32
    queue_depth: Annotated[int, Field(ge=1, le=65536)] = 8
    count_bits: Annotated[int, Field(ge=1, le=16)] = 4
    brick: Annotated[int, Field(ge=1, le=65536)] = 16
    chunk: Annotated[int, Field(ge=1, le=65536)] = 128
    balanced: bool = True
    code_bits: Annotated[int, Field(ge=0, le=64)] = 0


class ArrayFile(Model):
    """The PE array; ``accsim.hardware.accelerator.Array`` says what each key means."""

    family: ArrayFamily
    rows: Annotated[int, Field(ge=1, le=MOST_PES)]
    cols: Annotated[int, Field(ge=1, le=MOST_PES)]
    lanes: Annotated[int, Field(ge=1, le=MOST_PES)] = 1
    edge_taps: bool = False
    stationary_buffers: Annotated[int, Field(ge=1, le=2)] = 1
    initial_psum: InitialPsum = InitialPsum.ZERO
    sparse: SparseFile | None = None


class DatapathFile(Model):
    """What a PE does with its operands; ``accsim.hardware.datapath.Datapath`` says what each key means."""

    kind: DatapathKind = DatapathKind.BIT_PARALLEL
    serial_bits: Annotated[int, Field(ge=1, le=64)] = 1
    sign_cycle: bool | None = None
    trim_low: bool = False
    digits: Digits = Digits.BINARY
    shift_bits: Annotated[int, Field(ge=0, le=6)] | None = None
    brick_bits: Annotated[int, Field(ge=1, le=32)] = 2
    fused_bits: Annotated[int, Field(ge=1, le=64)] = 8
    codebook_words: Annotated[int, Field(ge=0, le=65536)] = 0
    normal_bits: Annotated[int, Field(ge=2, le=32)] = 4
    outlier_group: Annotated[int, Field(ge=1, le=MOST_PES)] = 16
    outlier_share: Annotated[float, Field(ge=0, le=1)] = 0.03
    n: Annotated[int, Field(ge=0, le=64)] = 0
    m: Annotated[int, Field(ge=0, le=64)] = 0


class PeFile(Model):
    """One PE; ``accsim.hardware.accelerator.Pe`` says what each key means."""

    weight_bits: OperandBits = 8
    activation_bits: OperandBits = 8
    accumulator_bits: OperandBits = 32
    output_bits: OperandBits | None = None
    product_shift: Annotated[int, Field(ge=0, le=127)] = 0
    rounding: Rounding = Rounding.TRUNCATE
    overflow: Overflow = Overflow.WRAP
    zero_gating: bool = False
    psum_gating: bool = False
    pipeline_stages: Annotated[int, Field(ge=1, le=64)] = 1
    psum_add_cycles: Annotated[int, Field(ge=0, le=64)] = 0
    window_shift_cycles: Annotated[int, Field(ge=0, le=64)] = 0
    filter_load: FilterLoad = FilterLoad.FIRST_COLUMN
    fifo_depth: Annotated[int, Field(ge=1)] | None = None
    datapath: DatapathKind | DatapathFile = DatapathFile()


class RunLengthFile(Model):
    """Run-length coding: ``pairs_per_word`` pairs of a run and one activation share a word."""

    run: Annotated[SizeBits, Field(le=32)]
    pairs_per_word: Annotated[int, Field(ge=1, le=1024)]
    word: Width
    operands: Literal["ifmap", "ofmap"] | Annotated[tuple[Literal["ifmap", "ofmap"], ...], SOME]
    first_layer_input: bool = False


class WeightDecoderFile(Model):
    """A decoder of stored weights; no list of encodings means any."""

    encodings: tuple[Name, ...] = ()
    words_per_cycle: Positive


class DramFile(Model):
    """The off-chip memory."""

    name: LevelName
    kind: Literal["dram"]
    operands: Operands = "all"
    width: Width
    clock: ClockMhz | None = None
    latency_cycles: Cycles = 0
    burst: Width = 1
    standard: Name = "dram"
    run_length: RunLengthFile | None = None
    fetch_padding: bool = False
    weight_decoder: WeightDecoderFile | None = None


Buffers = Copies | dict[Stored, Copies]


class PartitionFile(Model):
    """A part of a buffer for some operands."""

    operands: Operands
    size: Capacity
    buffers: Buffers = 1
    circular: bool = False


class SramFile(Model):
    """A shared on-chip buffer: one part for all its operands (``size``), or several (``partitions``).

    A size that is set over a file with partitions is divided among them in their proportions.
    """

    name: LevelName
    kind: Literal["sram"]
    operands: Operands = "all"
    width: Width
    size: Capacity | None = None
    buffers: Buffers = 1
    circular: bool = False
    partitions: Annotated[tuple[PartitionFile, ...], SOME] | None = None
    bank: Capacity | None = None
    read_per_cycle: Width | None = None
    write_per_cycle: Width | None = None
    keeps_activations: bool = False

    @model_validator(mode="after")
    def _one_form(self) -> SramFile:
        if self.partitions is None:
            if self.size is None:
                raise ValueError("needs a size or a list of partitions")
            return self
        both = [key for key in ("operands", "buffers", "circular") if key in self.model_fields_set]
        if both:
            raise ValueError(f"has partitions, so {' and '.join(both)} must be given in each of them")
        return self


class RegisterFileFile(Model):
    """A scratchpad or register in every PE, ``words`` words or ``size`` large."""

    name: LevelName
    kind: Literal["rf"]
    operands: Operands = "all"
    width: Width
    words: Positive | None = None
    size: Capacity | None = None
    cell: Cell = Cell.REGISTER

    @model_validator(mode="after")
    def _one_form(self) -> RegisterFileFile:
        if (self.words is None) == (self.size is None):
            raise ValueError("needs either words or a size")
        if self.size is not None and self.size % self.width:
            raise ValueError(f"its size of {self.size} b is no whole number of {self.width}-bit words")
        return self


class LinkFile(Model):
    """An on-chip network."""

    name: LevelName
    kind: Literal["noc"]
    direction: Literal["in", "out", "local"]
    operands: Operands = "all"
    width: Width | None = None


class VectorFile(Model):
    """The unit for layers without MACs."""

    name: LevelName
    kind: Literal["vector"]
    lanes: Annotated[int, Field(ge=1, le=2**20)]
    fused: tuple[str, ...] = ()


LevelFile = Annotated[DramFile | SramFile | RegisterFileFile | LinkFile | VectorFile, Field(discriminator="kind")]


class MappingFile(Model):
    """Published row-stationary pass parameters of one layer (Chen et al., JSSC 2017, Table II)."""

    m: Positive
    n: Positive
    e: Positive
    p: Positive
    q: Positive
    r: Positive
    t: Positive
    note: str = ""


class AcceleratorFile(Model):
    """A whole accelerator file."""

    name: Name | None = None
    description: str = ""
    source: str = ""
    technology: TechnologyFile = TechnologyFile()
    clock: ClockMhz
    area_mm2: Annotated[float, Field(gt=0, le=1e6)] | None = None
    dataflow: Name | None = None
    energy_table: Name = "horowitz_45nm"
    array: ArrayFile
    pe: PeFile = PeFile()
    levels: Annotated[tuple[LevelFile, ...], SOME]
    mappings: dict[str, dict[str, MappingFile]] = {}
    assumed: tuple[str, ...] = ()
