"""Compiled: sums on their way out of a row-stationary array, into the buffer and back; see the package's docstring.

The controller notes on which tick and edge each group of sums was added at the bottom of the chains. When a pass is
done it works out when its groups are back, and holds a later pass on the same outputs until none is late.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from accsim.kernels.jit import kernel

LONG_AGO = -(2**62)


class Returns(NamedTuple):
    """What is known of sums that come back.

    Attributes:
        word_bits: of a sum.
        out_bits, in_bits: of a transaction; 0 for a network that keeps up with the array.
        add_cycles, pipeline_stages: as in ``hardware.accelerator.Pe``.
        out_most, in_most: transactions of a pass at the most, 1 for a network that keeps up.
        longest: edges of the longest step of the layer.
        keeps_up: whether no pass has more transactions on a psum network than steps.
        ticks, edges: int64 [filters of the burst, ifmaps * columns], when each group is back; none if no sum returns.
    """

    word_bits: int
    out_bits: int
    in_bits: int
    add_cycles: int
    pipeline_stages: int
    out_most: int
    in_most: int
    longest: int
    keeps_up: bool
    ticks: NDArray[Any]
    edges: NDArray[Any]


def longest_wait(chain: int, returns: Returns) -> int:
    """An upper bound of the edges that a pass is held, with ``chain`` PEs in a chain."""
    climb = (chain + returns.pipeline_stages) * (1 if returns.keeps_up else returns.longest)
    return climb + 2 * (returns.out_most + returns.in_most) + 2


@kernel
def forget(returns: Returns) -> None:
    """A burst begins: its sums have been in the buffer for long."""
    returns.ticks[:] = LONG_AGO
    returns.edges[:] = LONG_AGO


@kernel
def late_by(one: Any, at: int, late: int, slowest: int, tick: int, edge: int, returns: Returns) -> int:
    """How many edges too early a pass would begin now; it may when either reckoning that holds says so.

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
    return max(0, min(ticks, edges) if returns.keeps_up else edges)


@kernel
def send(one: Any, at: int, chain: int, tick: int, edge: int, returns: Returns) -> None:
    """From when groups were added at the bottom to when they are back: up the chain, over two networks.

    ``tick`` and ``edge`` are those of the first step of the pass.
    """
    climb = chain - 1 + returns.pipeline_stages - 1
    cross(one, at, returns.ticks, climb, tick, returns)
    cross(one, at, returns.edges, climb * returns.longest, edge, returns)


@kernel
def cross(one: Any, at: int, times: NDArray[Any], climb: int, begin: int, returns: Returns) -> None:
    """Replace the times of adding by those of being back."""
    last = one.filters - (one.sets_t - 1) * one.per_p
    bits, free = returns.word_bits, begin + climb - 1 + returns.out_most
    sent, out, back = 0, free * returns.out_bits, (free + returns.in_most) * returns.in_bits
    for column in range(one.n * one.cols):
        for f in range(one.per_p):
            time = times[at + f, column] + climb
            before = sent
            sent += one.rows * (one.sets_t if f < last else one.sets_t - 1) * bits
            out = max(out, time * returns.out_bits - before)
            time = -(-(sent + out) // returns.out_bits) if returns.out_bits else time + 1
            back = max(back, time * returns.in_bits - before)
            times[at + f, column] = -(-(sent + back) // returns.in_bits) if returns.in_bits else time + 1
