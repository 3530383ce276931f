"""What a mapping of a layer costs, as linear terms: all that the compiled scorer knows of energy and of the channel.

The figures come from the exact engine and the energy table, outside this package; they are numbers here.
"""

from __future__ import annotations

from dataclasses import dataclass

from accsim.workload.layer import Operand

FLOWS = (
    *(("ifmap", name) for name in ("edge", "delivered", "hops", "latched")),
    *(("weight", name) for name in ("edge", "delivered", "hops", "latched")),
    *(("psum", name) for name in ("edge", "hops", "latched")),
)
"""Words at the array and in it, by operand: the first counters of a candidate. Words moved per slot follow."""

Slot = tuple[str, Operand]
"""A shared buffer and an operand that it holds, by the level's name."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A figure that is linear in a candidate's counters, and never above the exact one.

    Attributes:
        constant: what no mapping changes.
        flows: per word of each of ``FLOWS``.
        slots: per word loaded into (an input), or spilled from (unfinished sums), each slot.
    """

    constant: float
    flows: tuple[float, ...]
    slots: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Port:
    """A port or link at the array's edge: bits per cycle, shared by operands."""

    name: str
    operands: frozenset[Operand]
    bits_per_cycle: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """An operand that crosses the DRAM channel.

    Attributes:
        level: the buffer at the other end; ``None`` for the array itself.
        slots: tiles the buffer holds at once; with one, transfers and array take turns.
        word_bits: bits of a word off chip, as it is coded at best.
    """

    operand: Operand
    level: str | None
    slots: int
    word_bits: float


@dataclass(frozen=True, slots=True)
class Terms:
    """Costs of a layer on a machine.

    Attributes:
        slots: shared buffers and the operands they hold, inputs first, from the outside in.
        energy: without leakage, in the energy table's unit.
        traffic: bits over the DRAM channel.
        leak_per_cycle: energy of a cycle, whatever happens in it.
        ports: limits at the array's edge that hold for every mapping.
        fetched: inputs that come from DRAM.
        output: sums that leave for DRAM and come back, and their unfinished words' bits.
        finished_bits: bits of a finished output off chip; 0 when outputs stay on chip.
    """

    slots: tuple[Slot, ...]
    energy: Linear
    traffic: Linear
    leak_per_cycle: float
    ports: tuple[Port, ...]
    fetched: tuple[Transfer, ...]
    output: Transfer
    finished_bits: float
