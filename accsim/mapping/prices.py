"""What a mapping decides, priced per bit, to rank candidates before the exact engine sees them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prices:
    """Energy per bit of what a mapping decides, to rank candidates.

    Attributes:
        dram: between DRAM and the buffers, both ends.
        buffer: an input from a buffer onto the array's networks.
        sum_in, sum_out: a sum from a buffer to a PE, and back.
        ifmap, weight: received by one PE, its scratchpad's fill included.
        hop: a sum from one PE to the next.
        psum: one access of a PE's psum scratchpad.
    """

    dram: float
    buffer: float
    sum_in: float = 0.0
    sum_out: float = 0.0
    ifmap: float = 0.0
    weight: float = 0.0
    hop: float = 0.0
    psum: float = 0.0
