"""A small machine and small activities for the energy tests."""

from __future__ import annotations

from accsim.hardware.accelerator import (
    Accelerator,
    Array,
    ArrayFamily,
    Cell,
    Dram,
    Link,
    Partition,
    Pe,
    RegisterFile,
    Sram,
    VectorUnit,
)
from accsim.simulate.activity import Action, Activity, Count, Cycles
from accsim.workload.layer import Operand

ALL = (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM, Operand.OFMAP)
KIB = 8192


def make_machine(
    bits: int = 16,
    glb_bits: int = 108 * KIB,
    width_bits: int = 64,
    bank_bits: int | None = None,
    standard: str = "dram",
    node_nm: float | None = None,
    voltage_v: float | None = None,
    cell: Cell = Cell.REGISTER,
    words: int = 256,
) -> Accelerator:
    """A machine with one buffer, networks in, out and between PEs, and one register file per PE."""
    return Accelerator(
        name="small",
        clock_mhz=200.0,
        array=Array(ArrayFamily.ROW_STATIONARY, 2, 2),
        pe=Pe(bits, bits, 2 * bits, bits),
        levels=(
            Dram("dram", ALL, 64, standard=standard),
            Sram("glb", ALL, width_bits, (Partition(ALL, glb_bits),), bank_bits=bank_bits),
            Link("bus_in", ALL, 64, "in"),
            Link("bus_out", ALL, 64, "out"),
            Link("chain", (Operand.PSUM,), None, "local"),
            RegisterFile("spad", ALL, bits, words, cell),
            VectorUnit("vector", 4),
        ),
        dataflow="row_stationary",
        energy_table="eyeriss_normalized",
        node_nm=node_nm,
        voltage_v=voltage_v,
    )


def make_activity(*rows: tuple[str, Operand, Action, int, str | None], cycles: int = 0, bits: int = 16) -> Activity:
    """An activity of ``words`` of 16 bits per row, one access each."""
    counts = tuple(
        Count(level, operand, action, words, words * bits, peer) for level, operand, action, words, peer in rows
    )
    return Activity("layer", 0, Cycles(cycles), cycles, 0, 0, counts)
