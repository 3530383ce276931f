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
        keeps_up: whether no pass has more transactions on a psum network than steps.
        between: edges after the last one of a burst until all its sums are in the buffer, at the most; 0 if no burst
            adds to sums of another one.
        left: int64 [2, 2], for how many ticks, and edges, the networks out and in are busy at the most after the last
            tick of a pass.
        ticks, edges: int64 [filters of the burst, ifmaps * columns], when each group is back; none if no sum returns.
    """

    word_bits: int
    out_bits: int
    in_bits: int
    add_cycles: int
    pipeline_stages: int
    longest: int
    keeps_up: bool
    between: int
    left: NDArray[Any]
    ticks: NDArray[Any]
    edges: NDArray[Any]


def longest_wait(chain: int, slots: int, returns: Returns) -> int:
    """An upper bound of the edges that a pass is held, with ``chain`` PEs in a chain and networks of ``slots``."""
    climb = (chain + returns.pipeline_stages) * (1 if returns.keeps_up else returns.longest)
    return climb + 2 * int(returns.left.max()) + slots + 2


@kernel
def between_bursts(chain: int, returns: Returns) -> int:
    """Edges from the end of a burst, with at most ``chain`` PEs in a chain, until its sums are in the buffer."""
    climb = chain - 1 + returns.pipeline_stages - 1
    edges = returns.left[1, 0] + climb * (returns.longest - 1)
    return int(min(returns.left[0, 0], edges) if returns.keeps_up else edges)


@kernel
def begin_burst(one: Any, ended: int, returns: Returns) -> None:
    """A burst begins with a pass; the one before it, if any, ended with edge ``ended``.

    The sums of its first pass cross the network in from the edge after that or, where bursts add to sums of others,
    once those of the burst before are in the buffer. Later passes come when these have been added.
    """
    returns.ticks[:] = LONG_AGO
    returns.edges[:] = LONG_AGO
    on_way = returns.between if ended >= 0 else 0
    if not on_way and not one.returns:
        return
    last, sent = one.filters - (one.sets_t - 1) * one.per_p, 0
    for column in range(one.n * one.cols):
        for f in range(one.per_p):
            sent += one.rows * (one.sets_t if f < last else one.sets_t - 1) * returns.word_bits
            crossing = -(-sent // returns.in_bits) if returns.in_bits else 1
            returns.edges[f, column] = ended + on_way + crossing


@kernel
def late_by(
    one: Any, at: int, late: int, slowest: int, tick: int, edge: int, busy: NDArray[Any], returns: Returns
) -> int:  # fmt: skip
    """How many edges too early a pass would begin now; it may when either reckoning that holds says so.

    No ticks pass in front of a burst, so that its first pass is reckoned in edges. Any other one also waits for the
    sums of the pass before it, which cross the network in first.

    Args:
        one: the pass.
        at: row of its first filter in ``returns``.
        late: ticks from the issue of a step until its sum is added at the bottom of the chain.
        slowest: edges of the pass.
        tick, edge: the coming ones.
        busy: tick and edge on which the sums of the pass before have come back at the latest.
        returns: when sums are back.
    """
    ticks, edges, each, sent = LONG_AGO, LONG_AGO, max(returns.add_cycles, 1), 0
    last, order, ticking = one.filters - (one.sets_t - 1) * one.per_p, LONG_AGO, returns.keeps_up
    ordered = not one.starts and (one.returns or returns.between > 0)
    for column in range(one.n * one.cols):
        n, c = divmod(column, one.cols)
        end = n * (one.first + (one.cols - 1) * one.column) + one.first + c * one.column
        for f in range(one.per_p):
            step = end - 1 - (one.per_p - 1 - f) * each
            paced = -(-(step + 1) * slowest // one.steps) - 1
            ticks = max(ticks, returns.ticks[at + f, column] - tick - step - late)
            edges = max(edges, returns.edges[at + f, column] - edge - paced - late)
            if ordered:
                sent += one.rows * (one.sets_t if f < last else one.sets_t - 1) * returns.word_bits
                crossing = -(-sent // returns.in_bits) if returns.in_bits else 1
                added = tick + step if ticking else edge + paced
                order = max(order, busy[0 if ticking else 1] + crossing - added - late)
    return max(0, order, min(ticks, edges) if returns.keeps_up and not one.starts else edges)


@kernel
def send(one: Any, at: int, chain: int, tick: int, edge: int, returns: Returns) -> None:
    """From when groups were added at the bottom to when they are back: up the chain, over two networks.

    ``tick`` and ``edge`` are those of the first step of the pass.
    """
    climb = chain - 1 + returns.pipeline_stages - 1
    cross(one, at, returns.ticks, climb, tick + climb - 1 + returns.left[0], returns)
    climb *= returns.longest
    cross(one, at, returns.edges, climb, edge + climb - 1 + returns.left[1], returns)


@kernel
def measure(table: NDArray[Any], slowest: NDArray[Any], returns: Returns) -> None:
    """Find how long the networks are busy after the last step of any pass, and note it in ``returns.left``.

    Args:
        table: a pass of every kind, records of ``passes.PASS``.
        slowest: edges of each.
        returns: with room for the groups of each.
    """
    each, never, group = max(returns.add_cycles, 1), np.full(2, LONG_AGO >> 16, np.int64), 1
    for number in range(table.size):
        one = table[number]
        if returns.in_bits:
            group = max(group, -(-one.rows * one.sets_t * returns.word_bits // returns.in_bits))
        for reckoning, times in enumerate((returns.ticks, returns.edges)):
            length = slowest[number] if reckoning else one.steps
            for column in range(one.n * one.cols):
                n, c = divmod(column, one.cols)
                end = n * (one.first + (one.cols - 1) * one.column) + one.first + c * one.column
                for f in range(one.per_p):
                    step = end - 1 - (one.per_p - 1 - f) * each
                    times[f, column] = -(-(step + 1) * length // one.steps) - 1
            out = cross(one, 0, times, 0, never, returns)
            left = returns.left[reckoning]
            left[0] = max(left[0], out - (length - 1))
            left[1] = max(left[1], times[one.per_p - 1, one.n * one.cols - 1] - (length - 1))
    for reckoning in range(2):
        returns.left[reckoning, 1] = max(returns.left[reckoning, 1], returns.left[reckoning, 0] + 1 + group)


@kernel
def cross(one: Any, at: int, times: NDArray[Any], climb: int, free: NDArray[Any], returns: Returns) -> int:
    """Replace the times of adding by those of being back; returns when the last sum is in the buffer.

    ``free`` says from when on the networks are.
    """
    last = one.filters - (one.sets_t - 1) * one.per_p
    bits, there = returns.word_bits, 0
    sent, out, back = 0, free[0] * returns.out_bits, free[1] * returns.in_bits
    for column in range(one.n * one.cols):
        for f in range(one.per_p):
            time = times[at + f, column] + climb
            before = sent
            sent += one.rows * (one.sets_t if f < last else one.sets_t - 1) * bits
            out = max(out, time * returns.out_bits - before)
            there = -(-(sent + out) // returns.out_bits) if returns.out_bits else time + 1
            back = max(back, there * returns.in_bits - before)
            times[at + f, column] = -(-(sent + back) // returns.in_bits) if returns.in_bits else there + 1
    return int(there)
