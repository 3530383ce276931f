"""Activity: every cycle and every access of a layer, before anything is priced."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from accsim.errors import AccsimError
from accsim.workload.layer import INT64_MAX, Operand


class Action(StrEnum):
    """What happened at a level.

    ``step`` is an edge of a PE at work whose MACs take several, or of several MACs; ``accumulate`` one of an
    accumulator that several such lanes feed, whichever of them are at work.
    """

    READ = "read"
    WRITE = "write"
    FILL = "fill"
    MAC = "mac"
    GATED_MAC = "gated_mac"
    GATED_READ = "gated_read"
    STEP = "step"
    ACCUMULATE = "accumulate"
    SEND = "send"
    DELIVER = "deliver"
    HOP = "hop"
    ENCODE = "encode"
    DECODE = "decode"
    OP = "op"
    CLOCK = "clock"
    LEAK = "leak"


@dataclass(frozen=True, slots=True)
class Count:
    """One counter: how often ``action`` was done to ``operand`` at ``level``.

    Attributes:
        level: name of the level; ``pe`` for the MAC units.
        accesses: accesses of the level's own width (bus transactions, MACs, operations).
        bits: operand bits actually moved (0 for MACs and operations).
        peer: name of the level at the other end when this is one end of a transfer between two levels, else ``None``.
            A transfer is charged at both ends or at the dearer one, as the energy table says.
    """

    level: str
    operand: Operand
    action: Action
    accesses: int
    bits: int
    peer: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("accesses", self.accesses), ("bits", self.bits)):
            if not 0 <= value <= INT64_MAX:
                raise AccsimError(
                    f"{value} {name} of {self.operand} {self.action} at {self.level!r} cannot be represented in 64 bits"
                )


@dataclass(frozen=True, slots=True)
class ExpectedCount:
    """The expectation of a counter under a stated distribution of values; never mixed with a ``Count``."""

    level: str
    operand: Operand
    action: Action
    accesses: float
    bits: float
    peer: str | None = None


@dataclass(frozen=True, slots=True)
class Cycles:
    """Core cycles of a layer; each cycle is attributed once, by the priority compute, fill, drain, stall.

    Attributes:
        compute: cycles in which the array is scheduled to do MACs (or a vector unit to do operations).
        fill, drain: cycles spent only on filling and emptying the array's pipeline.
        stalls: the remaining cycles by cause (a level's name).
        processing: cycles without the waits for off-chip transfers.
    """

    compute: int
    fill: int = 0
    drain: int = 0
    stalls: tuple[tuple[str, int], ...] = ()

    @property
    def stall(self) -> int:
        """Stalled cycles, all causes."""
        return sum(cycles for _, cycles in self.stalls)

    @property
    def total(self) -> int:
        """All cycles: compute + fill + drain + stall."""
        return self.compute + self.fill + self.drain + self.stall


@dataclass(frozen=True, slots=True)
class TensorReport:
    """How one tensor of a layer was stored and where it lived (``dram`` or the name of an on-chip level)."""

    operand: Operand
    bits: int
    encoding: str
    stored_bits: int | float
    metadata_bits: int | float
    density: float | None
    lived_in: str


@dataclass(frozen=True, slots=True)
class Activity:
    """Everything a layer did on a machine. Counters are exact integers; expectations live in ``expected``.

    Attributes:
        start_cycle: cycle at which the layer starts in the network's schedule.
        cycles: where the time went.
        processing_cycles: cycles without waits for off-chip transfers.
        counts: exact counters, one per level, operand, action and peer.
        expected: the same counters under a value distribution (run-length coding, gating); empty when nothing in the
            layer depends on values. Where it is not empty it replaces ``counts`` for pricing, as a whole.
        pe_active_max: most PEs that work at the same time.
        pe_active_average: average over the passes, weighted by their MAC cycles.
        idle_slots: PE slots without a MAC, by named cause; with the MACs that are not skipped they add up to
            PEs x ``macs_per_pe`` x total cycles.
        macs_per_pe: MACs that a PE can begin in a cycle.
        begun_macs: MACs that took a slot, where the machine skips others; ``None`` for all of them.
        bit_operations: MACs x bits of one operand x bits of the other, of their codes where the network says.
        expected_compute_cycles: beside cycles that were counted from values, those of the array that are expected of
            the same tiles at the densities of these values; ``None`` where values decide nothing or are not known.
        tensors: storage and location of each tensor.
        notes, warnings: what the reader must know.
    """

    layer: str
    start_cycle: int
    cycles: Cycles
    processing_cycles: int
    macs: int
    effectual_macs: int | float
    counts: tuple[Count, ...]
    expected: tuple[ExpectedCount, ...] = ()
    pe_active_max: int = 0
    pe_active_average: float = 0.0
    idle_slots: tuple[tuple[str, int], ...] = ()
    macs_per_pe: int = 1
    begun_macs: int | None = None
    bit_operations: int = 0
    expected_compute_cycles: float | None = field(default=None, compare=False)
    tensors: tuple[TensorReport, ...] = ()
    mapping: dict[str, object] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def priced(self) -> tuple[Count | ExpectedCount, ...]:
        """The counters to price: the expectations where there are any, else the exact counts."""
        return self.expected or self.counts
