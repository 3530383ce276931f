"""What a word moved costs, for bounds: energy and off-chip bits as affine functions of the words of a layer."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.mapping.search.row_stationary.channel import Channel


@dataclass(frozen=True, slots=True)
class Affine:
    """A figure of a row-stationary layer: ``fixed``, plus so much for each word (or cycle) of its flows.

    Attributes:
        ifmap_loads, weight_loads: words fetched by the outermost buffer, and passed on by the buffers inside it.
        psum_spills: unfinished sums that leave the buffers and come back.
        ifmap_read: pixels read for the array.
        ifmap_sent, weight_sent: words on the networks.
        ifmap_received, weight_received: words taken by PEs.
        psum_out, psum_in: sums from the array, and for it.
        psum_hops: sums from a PE to the next.
        psum_kept: sums read and written in scratchpads.
        cycle: core cycles.
        fixed: what is always there.
    """

    ifmap_loads: float
    weight_loads: float
    psum_spills: float
    ifmap_read: float
    ifmap_sent: float
    ifmap_received: float
    weight_sent: float
    weight_received: float
    psum_out: float
    psum_in: float
    psum_hops: float
    psum_kept: float
    cycle: float
    fixed: float


@dataclass(frozen=True, slots=True)
class Transfers:
    """An operand on the DRAM channel.

    Attributes:
        bits: bits per word; 0 where the operand does not use the channel.
        waits: whether there is room for a single tile, so that transfers and the array take turns.
    """

    bits: float
    waits: bool


@dataclass(frozen=True, slots=True)
class Rates:
    """What the words of a row-stationary layer cost.

    Attributes:
        energy, traffic: in the table's unit, and in bits over the DRAM channel.
        ifmap, weight, output: how they use the channel.
        psum_bits: bits of a word of unfinished sums on the channel.
        macs: MACs whose sum goes to a scratchpad and comes back unless they begin it: all but those on a zero, where a
            zero spares its sum the way.
        begun: of those, the ones with each filter column that lie on any one channel, all groups together, at most:
            with them a PE begins its sums if the column is the first of a run, and the channel the PE's first.
        channel: how operands use the DRAM channel, for exact times.
        exact: whether energy and traffic are no more than these but for the rounding up to whole accesses.
    """

    energy: Affine
    traffic: Affine
    ifmap: Transfers
    weight: Transfers
    output: Transfers
    psum_bits: float
    macs: int
    begun: tuple[int, ...]
    channel: Channel
    exact: bool
