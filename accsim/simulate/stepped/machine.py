"""What the stepped engine's machines are given and what they report.

A machine (a systolic or a row-stationary array) is given a layer's operand values and the steps of its loop nest in
order, and runs them on one array clock, as if every tile were in its buffer in time. It reports the edges by what the
array did, the words that crossed its edge, moved between PEs or were latched, the MACs, and the sums that left. Valid
bits and words decide what a fold or pass took, and a controller that is ticked when the next one starts; some counters
follow from how many words entered and MACs were done. The pass timeline then places the steps in time with their DRAM
transfers.

Cycle numbers are edges of the array clock of one layer. Registers *at* cycle c are what they hold right after edge c,
so cycle 0 is the first edge and the last one is ``cycles - 1``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from accsim.mapping.nest import Piece
from accsim.simulate.flows import Flows, Occupancy
from accsim.simulate.phase import Phase
from accsim.simulate.timeline import Run
from accsim.workload.layer import Operand

Words = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Operands:
    """A layer's operand values, as integers.

    Attributes:
        ifmap: int32 [N, C, H, W], C-contiguous; padding is not stored.
        weight: int32 [M, C / G, R, S], C-contiguous; of a product of two activations, the second one, filter
            g * M/G + m being column m of head g.
    """

    ifmap: npt.NDArray[np.int32]
    weight: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Step:
    """One iteration of the innermost loop of a nest.

    Attributes:
        index: its number, from 0.
        sizes: the piece of every dimension; M and C count within the group.
        carried: index of the outermost loop that advanced to reach it; -1 for the first step.
        loads: whether it brings a new stationary operand (new filters in a row-stationary array).
        starts: whether it begins a burst of a row-stationary array (a new output tile).
    """

    index: int
    sizes: Mapping[str, Piece]
    carried: int
    loads: bool
    starts: bool


@dataclass(frozen=True, slots=True)
class Registers:
    """All PE registers right after one edge.

    Attributes:
        cycle: the edge.
        values: by register name, int64 [rows, cols] ([rows, cols, words] for a scratchpad); exact numbers, not wrapped.
        valid: by register name, whether the register holds a word of the layer; same shape.
    """

    cycle: int
    values: Mapping[str, Words]
    valid: Mapping[str, Mask]


@dataclass(slots=True)
class Probe:
    """What to record while a machine runs; the same compiled code runs with and without it.

    Attributes:
        cycles: edges after which all PE registers are dumped, ascending.
        edges: whether to record the words that cross the array's edge on every cycle, and the stalls.
        registers: the dumps, filled in while the machine runs.
        edge_words: words per cycle (int32 [cycles]) by operand and direction (``in`` or ``out``), filled in.
        stalls: runs of stalled edges, filled in: the cause, the first edge and the one after the last.
        waits: whether to record the stalls, without the words.
    """

    cycles: tuple[int, ...] = ()
    edges: bool = False
    registers: list[Registers] = field(default_factory=list)
    edge_words: dict[tuple[Operand, str], npt.NDArray[np.int32]] = field(default_factory=dict)
    stalls: list[tuple[str, int, int]] = field(default_factory=list)
    waits: bool = False

    @property
    def asks(self) -> bool:
        """Whether there is anything to record."""
        return bool(self.cycles) or self.edges or self.waits


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen while an array ran a layer without waiting for DRAM.

    Attributes:
        phase: edges by what the array did; their sum is the number of edges.
        runs: one per step, how it overlaps with its neighbours (see ``timeline.Run``).
        sums: exact sums, int64 [N, M, P, Q], before they are narrowed to the accumulator.
        flows: words moved.
        macs: MACs done by PEs, gated ones included.
        zero_ifmap_macs: those of them whose ifmap word was zero.
        zero_ifmap_kept: those of ``zero_ifmap_macs`` that added to a sum in a row-stationary PE's scratchpad.
        register_updates: registers of PEs that took a new word, for rates.
        occupancy: PEs at work.
        idle: slots of PEs without a new MAC by cause, in edges that are neither fill nor drain nor stall, of an array
            that runs tiles; ``None`` of another.
        macs_per_pe: MACs that a PE can begin on an edge.
    """

    phase: Phase
    runs: tuple[Run, ...]
    sums: Words
    flows: Flows
    macs: int
    zero_ifmap_macs: int
    register_updates: int
    occupancy: Occupancy
    zero_ifmap_kept: int = 0
    idle: tuple[tuple[str, int], ...] | None = None
    macs_per_pe: int = 1


class Machine(Protocol):
    """An array that can be stepped."""

    def run(self, steps: Iterable[Step], probe: Probe | None = None) -> Observed:
        """Run the steps of one layer, in order."""
