"""Words that an array moves for one layer: what either engine finds, by formula or by watching."""

from __future__ import annotations

from dataclasses import dataclass, field

from accsim.simulate.tiled.run import TileWords


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How many PEs worked.

    Attributes:
        most: most PEs that work at the same time.
        slots: PE slots of mapped PEs while the array computes.
        steps: cycles over which ``slots`` are counted.
    """

    most: int
    slots: int
    steps: int

    @property
    def average(self) -> float:
        """Average number of mapped PEs."""
        return self.slots / self.steps if self.steps else 0.0


@dataclass(slots=True)
class Flow:
    """Words of one operand at a systolic array: across its edge, from PE to PE, and latched in PE registers."""

    edge: int = 0
    hops: int = 0
    latched: int = 0
    delivered: int = 0


@dataclass(slots=True)
class SystolicFlows:
    """Words moved by a systolic array.

    Attributes:
        psum: sums out; ``edge`` counts those that leave, finished or not.
        psum_in: sums read back for the array, zeros read as first sums included.
    """

    ifmap: Flow = field(default_factory=Flow)
    weight: Flow = field(default_factory=Flow)
    psum: Flow = field(default_factory=Flow)
    psum_in: int = 0


@dataclass(slots=True)
class RowStationaryFlows:
    """Words moved by a row-stationary array.

    Attributes:
        ifmap_read: pixels read from the buffer, padding only where it is fetched.
        ifmap_sent, ifmap_delivered: words on the ifmap network, and taken by PEs.
        weight_sent, weight_delivered: likewise; every word sent was read.
        psum_out, psum_in: sums written by the array, and read back for it (first zeros too where they are read).
        psum_hops: sums handed from a PE to the one above.
        psum_kept: reads (and as many writes) of the psum scratchpads.
    """

    ifmap_read: int = 0
    ifmap_sent: int = 0
    ifmap_delivered: int = 0
    weight_sent: int = 0
    weight_delivered: int = 0
    psum_out: int = 0
    psum_in: int = 0
    psum_hops: int = 0
    psum_kept: int = 0


@dataclass(slots=True)
class TiledFlows:
    """Words moved by an array that runs tiles.

    Attributes:
        words: of all tiles.
        psum_in: sums read back, first zeros too where they are read.
    """

    words: TileWords
    psum_in: int = 0


Flows = SystolicFlows | RowStationaryFlows | TiledFlows


@dataclass(frozen=True, slots=True)
class Zeros:
    """MACs of a layer that a zero ifmap word makes idle, padding included.

    Attributes:
        macs: all of them.
        kept: row stationary: those of them that add to a sum in the psum scratchpad; the others begin one.
    """

    macs: int
    kept: int = 0
