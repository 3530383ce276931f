"""From a bound accelerator file to an ``Accelerator``: defaults filled in, sizes in bits, nothing checked."""

from __future__ import annotations

from typing import Any

from accsim.hardware.accelerator import (
    Accelerator,
    Array,
    ArrayFamily,
    Dram,
    Level,
    Link,
    Partition,
    Pe,
    RegisterFile,
    Sram,
    VectorUnit,
)
from accsim.hardware.datapath import Datapath, DatapathKind
from accsim.hardware.off_chip import RunLength, WeightDecoder
from accsim.hardware.schema import (
    AcceleratorFile,
    Buffers,
    DramFile,
    LevelFile,
    LinkFile,
    Operands,
    RegisterFileFile,
    SparseFile,
    SramFile,
)
from accsim.hardware.sparse import Sparse
from accsim.workload.layer import Operand

STORED = (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM, Operand.OFMAP)
"""The operands a level may hold. A second activation operand takes the weight's place."""

TENSORS = (Operand.IFMAP, Operand.WEIGHT, Operand.OFMAP)
"""The operands that come from or go to other layers."""

IN_PE = (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM)
"""The operands a PE holds; a word that is finished leaves it."""

CARRIED = {"in": IN_PE, "out": (Operand.PSUM, Operand.OFMAP), "local": IN_PE}
"""The operands a network may carry, by direction."""

DEFAULT_DATAFLOW = {
    ArrayFamily.SYSTOLIC: "weight_stationary",
    ArrayFamily.ROW_STATIONARY: "row_stationary",
    ArrayFamily.INNER_PRODUCT: "inner_product",
    ArrayFamily.SPARSE: "sparse",
}


def build(file: AcceleratorFile, name: str) -> Accelerator:
    """Build the machine; ``name`` is used when the file has none."""
    pe = file.pe.model_dump()
    pe["output_bits"] = file.pe.output_bits or file.pe.activation_bits
    written = file.pe.datapath
    pe["datapath"] = Datapath(written) if isinstance(written, DatapathKind) else Datapath(**written.model_dump())
    return Accelerator(
        name=file.name or name,
        clock_mhz=file.clock,
        array=Array(**(file.array.model_dump() | {"sparse": _sparse(file.array.sparse)})),
        pe=Pe(**pe),
        levels=tuple(build_level(level) for level in file.levels),
        dataflow=file.dataflow or DEFAULT_DATAFLOW[file.array.family],
        energy_table=file.energy_table,
        description=file.description,
        source=file.source,
        node_nm=file.technology.node,
        voltage_v=file.technology.voltage,
        mappings=tuple(
            ((network, layer), tuple(mapping.model_dump(exclude={"note"}).items()), mapping.note)
            for network, layers in file.mappings.items()
            for layer, mapping in layers.items()
        ),
        assumed=file.assumed,
        area_mm2=file.area_mm2,
    )


def _sparse(written: SparseFile | None) -> Sparse | None:
    return None if written is None else Sparse(**written.model_dump())


def build_level(level: LevelFile) -> Level:
    """Build one level."""
    if isinstance(level, DramFile):
        return _dram(level)
    if isinstance(level, SramFile):
        return _sram(level)
    if isinstance(level, RegisterFileFile):
        words = level.words if level.words is not None else (level.size or 0) // level.width
        return RegisterFile(level.name, operands(level.operands, IN_PE), level.width, words, level.cell)
    if isinstance(level, LinkFile):
        return Link(level.name, operands(level.operands, CARRIED[level.direction]), level.width, level.direction)
    return VectorUnit(level.name, level.lanes, level.fused, row_words=level.row_words)


def operands(written: Operands, every: tuple[Operand, ...] = STORED) -> tuple[Operand, ...]:
    """The operands that a file's ``all``, one name or list of names stands for."""
    if isinstance(written, str):
        return every if written == "all" else (Operand(written),)
    return tuple(Operand(name) for name in written)


def _dram(level: DramFile) -> Dram:
    coding, decoder = level.run_length, level.weight_decoder
    return Dram(
        name=level.name,
        operands=operands(level.operands),
        width_bits=level.width,
        clock_mhz=level.clock,
        latency_cycles=level.latency_cycles,
        burst_bits=level.burst,
        standard=level.standard,
        run_length=None
        if coding is None
        else RunLength(
            coding.run, coding.pairs_per_word, coding.word, operands(coding.operands), coding.first_layer_input
        ),
        fetch_padding=level.fetch_padding,
        weight_decoder=None if decoder is None else WeightDecoder(decoder.encodings, decoder.words_per_cycle),
    )


def _sram(level: SramFile) -> Sram:
    if level.partitions is None:
        parts: tuple[Partition, ...] = (_partition(level.operands, level.size or 0, level.buffers, level.circular),)
    else:
        sizes = [part.size for part in level.partitions]
        if level.size is not None and level.size != sum(sizes):
            sizes = _divide(level.size, sizes, level.bank or level.width)
        parts = tuple(
            _partition(part.operands, size, part.buffers, part.circular)
            for part, size in zip(level.partitions, sizes, strict=True)
        )
    return Sram(
        name=level.name,
        operands=tuple(operand for part in parts for operand in part.operands),
        width_bits=level.width,
        partitions=parts,
        bank_bits=level.bank,
        read_bits_per_cycle=level.read_per_cycle,
        write_bits_per_cycle=level.write_per_cycle,
        keeps_activations=level.keeps_activations,
    )


def _divide(total: int, sizes: list[int], unit: int) -> list[int]:
    """Divide ``total`` in the proportions of ``sizes``, in whole units, largest remainders first."""
    units, whole = total // unit, sum(sizes)
    shares = [units * size // whole for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda i: -(units * sizes[i] % whole))
    for i in by_remainder[: units - sum(shares)]:
        shares[i] += 1
    return [share * unit for share in shares]


def _partition(written: Operands, size: int, buffers: Buffers, circular: bool) -> Partition:
    held = operands(written)
    copies: dict[Any, int] = dict.fromkeys(held, buffers) if isinstance(buffers, int) else dict(buffers)
    kept = tuple((Operand(operand), n) for operand, n in copies.items() if n > 1)
    return Partition(held, size, kept, circular)
