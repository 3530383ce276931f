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
  adds it. It takes the first tick that is late enough by one of two reckonings, which both hold. In *ticks*: the way up
  the chain takes a tick for each PE and pipeline stage, and the networks have no more than an edge for each tick. In
  *edges*, where a slow network makes steps last longer and the networks have as many edges more: a pass's transactions
  are spread evenly over its steps, and each tick of the way up takes as long as the longest step of the layer.
* In front of a pass the array's clock stays enabled, so that sums climb on while the filters of the pass come in. What
  has to be waited beyond the load of its filters is drain, because all that happens on those edges is that sums leave.
  Like the drain at its end they count for the step that began the burst.

A pass needs no look back beyond its burst: another output tile, with a whole burst, lies between.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Ticks = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Way:
    """The way of a sum from the bottom of a chain to the buffer and back.

    Attributes:
        climb: ticks from the step that adds it at the bottom to the one on which the top PE writes it; or edges.
        bits: of a sum.
        out_bits, in_bits: of a transaction; ``None`` for a network that keeps up with the array.
    """

    climb: int
    bits: int
    out_bits: int | None
    in_bits: int | None


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

    def added(self) -> Ticks:
        """The step that adds each group."""
        filters = len(self.groups)
        ends = np.arange(self.ifmaps)[:, None] * (self.steps // self.ifmaps) + np.arange(self.cols) * self.column
        steps: Ticks = (ends.reshape(-1, 1) - np.arange(filters - 1, -1, -1) * self.adding).reshape(-1)
        return steps + self.first - 1

    def added_on(self) -> Ticks:
        """The edge of that step, from the first one of the pass."""
        return -(-(self.added() + 1) * self.edges // self.steps) - 1

    def load_after(self, before: Visit) -> int:
        """Edges in front of the pass on which filters come, if ``before`` is the one before it."""
        return max(0, self.filters - self.first - before.beside)


def _crossed(ready: Ticks, sums: Ticks, before: Ticks, bits: int, width: int | None) -> Ticks:
    """Edge on which the last sum of each group crosses a network.

    Args:
        ready: the edge after which the network may move the group.
        sums: sums of each group.
        before: sums of all groups before it.
        bits: of a sum.
        width: bits that move on an edge.
    """
    if width is None:
        return ready + 1
    begun: Ticks = np.maximum.accumulate(ready * width - before * bits)
    return -(-((before + sums) * bits + begun) // width)


def _back(one: Visit, added: Ticks, way: Way) -> Ticks:
    """When each group is back at the bottom of the chain, given when it was added there."""
    sums = np.tile(np.array(one.groups, np.int64), one.ifmaps * one.cols)
    before = np.cumsum(sums) - sums
    buffered = _crossed(added + way.climb, sums, before, way.bits, way.out_bits)
    return _crossed(buffered, sums, before, way.bits, way.in_bits)


@lru_cache(maxsize=4096)
def ticks_between(one: Visit, after: Visit, way: Way) -> int:
    """Ticks from the first step of a pass to that of the next pass on the same outputs, for no sum to be late."""
    return int((_back(one, one.added(), way) - after.added()).max()) - after.late


@lru_cache(maxsize=4096)
def edges_between(one: Visit, after: Visit, way: Way) -> int:
    """The same in edges; ``way.climb`` is in edges then."""
    return int((_back(one, one.added_on(), way) - after.added_on()).max()) - after.late
