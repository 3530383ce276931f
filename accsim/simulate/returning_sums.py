"""How long a pass of a row-stationary array waits for sums that come back, in closed form.

Where channels or runs of a filter are cut, a pass adds to sums that an earlier pass has handed out. Such a sum has gone
up the whole chain of PEs, out over one network, into the buffer, and back over the other network::

      edge  w             the top PE writes it; it waits in the FIFO of the psum network out
            w + 1 or on   it crosses that network, and is in the buffer right after the edge
            an edge later it is read, and crosses the psum network in; the bottom PE may add it on the edge it comes on

* A *group* is the sums that leave the array on one tick: those of one filter of a PE and one output column, of all PE
  columns and sets. A network moves what waits at its front, in order, as many bits on an edge as it is wide; the
  network in reads a group when all of it is in the buffer.
* The controller holds a whole pass back, in front of its first step, until every group will be there for the step that
  adds it. It reckons in two ways, which both hold, and takes the sooner. In *ticks*, where the way up the chain takes
  one for each PE and pipeline stage, and a network has one edge for each tick; that holds if no psum network needs more
  transactions for a pass than it has steps. In *edges*, where slow networks make steps longer: transactions are spread
  evenly over the steps of their pass, and each tick of the way up takes as long as the longest step of the layer.
* Before the first group of a pass, a network may have to end what the pass before has handed out. As no pass has more
  transactions than edges, that takes no longer than it takes any pass of the layer, from its last step on, to get its
  own last sums across, and for the network in no less than for the network out and one group more.
* In front of a pass the array's clock stays enabled, so that sums climb on while the filters of the pass come in. What
  has to be waited beyond the load of its filters is drain, because all that happens on those edges is that sums leave.
  Like the drain at its end they count for the step that began the burst.
* The network in brings sums in the order of the passes. From when the controller is at a pass it may be one column
  ahead of the pace of the steps, so that only two things hold a pass whose sums are in the buffer. Its groups may need
  more edges than its steps take (where the last of the sets on different filters has fewer of them, the first groups of
  a column are larger than the others): ``head_start``. And the pass before may add its sums later in its program: those
  of a pass on fewer sets, or fewer filter rows, come in at a PE that is farther up. When the last of them is added, all
  are there, and the network is free. (In ticks, or where psum networks may have more transactions than steps in edges,
  as then each pass was let go by that reckoning.)

A pass needs no look back beyond its burst where bursts work on outputs of their own. Where the loop over channels lies
outside that over output tiles, a burst adds to sums of earlier bursts, the one before it at worst. There every burst
but the first waits, in front of its first pass and with the first window and filters in the FIFOs already, until the
network out has had the time to take all that was handed out before and the network in, from then on, brings the sums of
that pass in time. What may be left at the end of a burst is what may be left after the last tick of any pass of the
layer. (In edges there is more: sums that were still on their way at the last step were reckoned to go up the chain at
the pace of a slow network, but they have left at an edge each.) Later passes of the burst come when these have been
added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Ticks = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Network:
    """A psum network.

    Attributes:
        bits: of a transaction; ``None`` for a network that keeps up with the array.
        left: ticks or edges that it is still busy after the last tick of a pass, at the most.
    """

    bits: int | None
    left: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """The way of a sum from the bottom of a chain to the buffer and back, by one reckoning.

    Attributes:
        stretched: whether it is reckoned in edges, and not in ticks.
        ticks: from the step that adds it at the bottom until the top PE writes it.
        climb: the same in ticks, or in edges.
        bits: of a sum.
        out, back: the networks.
    """

    stretched: bool
    ticks: int
    climb: int
    bits: int
    out: Network
    back: Network


@dataclass(frozen=True, slots=True)
class Visit:
    """A pass, as far as its sums matter.

    Attributes:
        ifmaps, cols: of the pass.
        first, column: steps of the first output column of an ifmap, and of any other one.
        adding: steps from one filter's sum to the next one's.
        groups: sums of the group of each filter of a PE.
        edges: of all its steps, stalls included.
        late: ticks from a step until its sum is added at the bottom of the chain.
        filters: transactions of its filters.
        beside: steps beside which filters of the next pass may come.
    """

    ifmaps: int
    cols: int
    first: int
    column: int
    adding: int
    groups: tuple[int, ...]
    edges: int
    late: int
    filters: int
    beside: int

    @property
    def steps(self) -> int:
        """Steps of the program."""
        return self.ifmaps * (self.first + (self.cols - 1) * self.column)

    @property
    def sums(self) -> int:
        """Sums of the pass."""
        return self.ifmaps * self.cols * sum(self.groups)

    def length(self, way: Way) -> int:
        """Ticks or edges of its steps."""
        return self.edges if way.stretched else self.steps

    def added(self, way: Way) -> Ticks:
        """When each group is added at the bottom of the chain, from the first step."""
        filters = len(self.groups)
        ends = np.arange(self.ifmaps)[:, None] * (self.steps // self.ifmaps) + np.arange(self.cols) * self.column
        steps: Ticks = (ends.reshape(-1, 1) - np.arange(filters - 1, -1, -1) * self.adding).reshape(-1)
        return -(-(steps + self.first) * self.length(way) // self.steps) - 1

    def load_after(self, before: Visit) -> int:
        """Edges in front of the pass on which filters come, if ``before`` is the one before it."""
        return max(0, self.filters - self.first - before.beside)


def _crossed(ready: Ticks, sums: Ticks, bits: int, network: Network, free: int) -> Ticks:
    """When the last sum of each group has crossed a network.

    Args:
        ready: after when the network may move the group.
        sums: sums of each group.
        bits: of a sum.
        network: the network.
        free: after when it is free.
    """
    if network.bits is None:
        return ready + 1
    after = np.cumsum(sums) * bits
    begun: Ticks = np.maximum.accumulate(np.maximum(ready, free) * network.bits - (after - sums * bits))
    return -(-(after + begun) // network.bits)


NEVER_BUSY = -(2**40)


def networks(
    visits: Iterable[Visit], stretched: bool, bits: int, widths: Sequence[int | None]
) -> tuple[Network, Network]:
    """The psum networks out and in of a layer with these passes, by one reckoning.

    Args:
        visits: a pass of every kind.
        stretched: whether it is reckoned in edges.
        bits: of a sum.
        widths: of transactions, out and in.
    """
    out, back = (Network(width) for width in widths)
    way, left, whole, group = Way(stretched, 0, 0, bits, out, back), 0, 0, 1
    for one in visits:
        sums, added = np.tile(np.array(one.groups, np.int64), one.ifmaps * one.cols), one.added(way)
        buffered = _crossed(added, sums, bits, out, NEVER_BUSY)
        left = max(left, int(buffered[-1] - added[-1]))
        whole = max(whole, int(_crossed(buffered, sums, bits, back, NEVER_BUSY)[-1] - added[-1]))
        group = max(group, -(-int(sums.max()) * bits // back.bits) if back.bits else 1)
    return Network(out.bits, left), Network(back.bits, max(whole, left + 1 + group))


def between_bursts(ways: Iterable[Way]) -> int:
    """Edges from the end of a burst until all its sums are in the buffer, at the most.

    Args:
        ways: of the sums, by each reckoning that holds, up the longest chain of the layer.
    """
    return min(way.out.left + (way.climb - way.ticks if way.stretched else 0) for way in ways)


@lru_cache(maxsize=4096)
def head_start(one: Visit, way: Way) -> int:
    """How long before its first step a pass needs the network in; less than 0 if it comes in time after that.

    That is for bottom PEs that add on the very tick of a step, and for sums that are in the buffer.
    """
    sums = np.tile(np.array(one.groups, np.int64), one.ifmaps * one.cols)
    back = _crossed(np.zeros_like(sums), sums, way.bits, way.back, 0)
    return int((back - 1 - one.added(way)).max())


@lru_cache(maxsize=4096)
def distance(one: Visit, after: Visit, way: Way) -> int:
    """From the first step of a pass to that of the next pass on the same outputs, so that no sum is late."""
    sums, left = np.tile(np.array(one.groups, np.int64), one.ifmaps * one.cols), way.climb - 1
    buffered = _crossed(one.added(way) + way.climb, sums, way.bits, way.out, left + way.out.left)
    back = _crossed(buffered, sums, way.bits, way.back, left + way.back.left)
    return int((back - after.added(way)).max()) - after.late
