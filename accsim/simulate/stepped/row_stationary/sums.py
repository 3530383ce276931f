"""Compiled: sums on their way out of a row-stationary array, into the buffer and back; see the package's docstring.

The controller notes on which tick and edge each group of sums was added at the bottom of the chains. When a pass is
done it works out when its groups are back, and holds a later pass on the same outputs until none is late.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel

LONG_AGO = -(2**62)


class Returns(NamedTuple):
    """What is known of sums that come back.

    Attributes:
        word_bits: of a sum.
        out_bits, in_bits: of a transaction; 0 for a network that keeps up with the array.
        add_cycles, pipeline_stages: as in ``hardware.accelerator.Pe``.
        longest: edges of the longest step of the layer.
        ticks, edges: int64 [filters of the burst, ifmaps * columns], when each group is back; none if no sum returns.
    """

    word_bits: int
    out_bits: int
    in_bits: int
    add_cycles: int
    pipeline_stages: int
    longest: int
    ticks: NDArray[Any]
    edges: NDArray[Any]


@kernel
def forget(returns: Returns) -> None:
    """A burst begins: its sums have been in the buffer for long."""
    returns.ticks[:] = LONG_AGO
    returns.edges[:] = LONG_AGO


@kernel
def late_by(one: Any, at: int, late: int, slowest: int, tick: int, edge: int, returns: Returns) -> int:
    """How many edges too early a pass would begin now; it may when either reckoning says so.

    Args:
        one: the pass.
        at: row of its first filter in ``returns``.
        late: ticks from the issue of a step until its sum is added at the bottom of the chain.
        slowest: edges of the pass.
        tick, edge: the coming ones.
        returns: when sums are back.
    """
    ticks, edges, each = LONG_AGO, LONG_AGO, max(returns.add_cycles, 1)
    for column in range(one.n * one.cols):
        n, c = divmod(column, one.cols)
        end = n * (one.first + (one.cols - 1) * one.column) + one.first + c * one.column
        for f in range(one.per_p):
            step = end - 1 - (one.per_p - 1 - f) * each
            paced = -(-(step + 1) * slowest // one.steps) - 1
            ticks = max(ticks, returns.ticks[at + f, column] - tick - step - late)
            edges = max(edges, returns.edges[at + f, column] - edge - paced - late)
    return max(0, min(ticks, edges))


@kernel
def send(one: Any, at: int, chain: int, returns: Returns) -> None:
    """From when groups were added at the bottom to when they are back: up the chain, over two networks."""
    climb = chain - 1 + returns.pipeline_stages - 1
    cross(one, at, returns.ticks, climb, returns)
    cross(one, at, returns.edges, climb * returns.longest, returns)


@kernel
def cross(one: Any, at: int, times: NDArray[Any], climb: int, returns: Returns) -> None:
    """Replace the times of adding by those of being back."""
    last = one.filters - (one.sets_t - 1) * one.per_p
    sent = 0
    begun = np.full(2, LONG_AGO, np.int64)
    for column in range(one.n * one.cols):
        for f in range(one.per_p):
            sums = one.rows * (one.sets_t if f < last else one.sets_t - 1)
            written = times[at + f, column] + climb
            there = over(written, sent, sums, returns.word_bits, returns.out_bits, begun, 0)
            times[at + f, column] = over(there, sent, sums, returns.word_bits, returns.in_bits, begun, 1)
            sent += sums


@kernel
def over(ready: int, sent: int, sums: int, bits: int, width: int, begun: NDArray[Any], which: int) -> int:
    """The edge on which the last of ``sums`` crosses a network that may move them after edge ``ready``.

    ``begun`` keeps for each network the bits that it could have moved before the first word of a busy spell.
    """
    if width == 0:
        return ready + 1
    begun[which] = max(begun[which], ready * width - sent * bits)
    return int(-(-((sent + sums) * bits + begun[which]) // width))
