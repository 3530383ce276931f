"""When a row-stationary pass may begin, so that sums that come back are there: reckoned sum by sum, edge by edge."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from accsim.hardware.accelerator import Accelerator
from accsim.workload.layer import Operand

PSUM = Operand.PSUM


@dataclass(frozen=True)
class Group:
    """The sums that leave the array on one tick.

    Attributes:
        name: which output column and filter they belong to.
        sums: how many they are.
        step: of the program, that adds them at the bottom of the chains.
        edge: of that step, counted from the first one of the pass.
    """

    name: Hashable
    sums: int
    step: int
    edge: int


def crossings(waiting: list[tuple[int, int]], bits: int, width: int | None, free: int) -> list[int]:
    """Edges on which groups have crossed a network that moves ``width`` bits of what is in front on every edge.

    Args:
        waiting: of every group in order, the edge after which it may move, and its sums.
        bits: of a sum.
        width: of the network.
        free: the edge after which it is free.
    """
    out, edge, room = [], free, 0
    for ready, sums in waiting:
        if width is None:
            out.append(ready + 1)
            continue
        if ready >= edge:  # nothing is left in front; a transaction that has begun is over
            edge, room = ready, 0
        for _ in range(sums * bits):
            if room == 0:
                edge, room = edge + 1, width
            room -= 1
        out.append(edge)
    return out


def paced(step: int, steps: int, slowest: int) -> int:
    """The edge of a step if ``slowest`` transactions are spread evenly over ``steps`` steps."""
    edge = step
    while (edge + 1) * steps < (step + 1) * slowest:
        edge += 1
    return edge


@dataclass
class Returns:
    """Sums of one burst on their way.

    Attributes:
        machine: the machine.
        longest: edges of the longest step of the layer.
        passes: of every pass of the layer, its steps, edges and groups, if it brings filters.
        chain, height: PEs in a chain and filter rows of the first pass of the burst.
        buffered: edge after which the sums of the burst's first pass may come back, if they do.
        back: tick and edge on which each group is back at the latest.
        busy: tick and edge on which the sums that the pass before adds to have come back at the latest.
    """

    machine: Accelerator
    longest: int
    passes: list[tuple[int, int, list[Group]]]
    chain: int
    height: int
    buffered: int | None = None
    back: dict[Hashable, tuple[int, int]] = field(default_factory=dict)
    busy: tuple[int, int] | None = None
    known: dict[int, tuple[int, int]] = field(default_factory=dict)

    def late(self, sets: int, rows: int) -> int:
        """Ticks from a step of a pass on ``sets`` sets of ``rows`` rows until its sum is added at the bottom."""
        return self.chain - sets * self.height + self.height - rows + self.machine.pe.pipeline_stages - 1

    def wait(self, groups: list[Group], sets: int, rows: int, tick: int, edge: int, comes: bool) -> int:
        """Edges that a pass is held, if it could begin on ``tick`` and ``edge``; ``comes``: sums come back for it."""
        late = self.late(sets, rows)
        if self.busy is None:
            return self.wait_in_front(groups, late, edge)
        in_order = self.wait_in_order(groups, late, tick, edge) if comes else 0
        waits = []
        for clock, now in ((0, tick), (1, edge)):
            held = 0
            for group in groups:
                offset = (group.step, group.edge)[clock]
                while group.name in self.back and now + held + offset + late < self.back[group.name][clock]:
                    held += 1
            waits.append(held)
        return max(in_order, min(waits) if self.keeps_up() else waits[1])

    def crossed(self, groups: list[Group], free: int) -> list[int]:
        """When groups that are in the buffer have crossed the network in, which is free after ``free``."""
        return crossings([(free, group.sums) for group in groups], self.machine.bits(PSUM), self.width("in"), free)

    def wait_in_front(self, groups: list[Group], late: int, edge: int) -> int:
        """Edges that the first pass of a burst is held."""
        if self.buffered is None:
            return 0
        held = 0
        for group, there in zip(groups, self.crossed(groups, self.buffered), strict=True):
            while edge + held + group.edge + late < there:
                held += 1
        return held

    def wait_in_order(self, groups: list[Group], late: int, tick: int, edge: int) -> int:
        """Edges that a pass is held because sums of the pass before cross the network in first."""
        assert self.busy is not None
        held, keeps_up = 0, self.keeps_up()
        busy, now = (self.busy[0], tick) if keeps_up else (self.busy[1], edge)
        for group, back in zip(groups, self.crossed(groups, busy), strict=True):
            while now + held + (group.step if keeps_up else group.edge) + late < back:
                held += 1
        return held

    def empties(self, ended: int, tallest: int) -> int:
        """The edge after which all sums are in the buffer, if a burst ended with edge ``ended``.

        At its last step sums were on their way up at most ``tallest`` PEs, and since then it was an edge for each tick.
        """
        climb = tallest - 1 + self.machine.pe.pipeline_stages - 1
        left = self.left(1)[0] + climb * self.longest - climb
        return ended + (min(left, self.left(0)[0]) if self.keeps_up() else left)

    def width(self, way: str) -> int | None:
        """Bits of a transaction of a psum network."""
        link = self.machine.link(PSUM, way)
        return link.width_bits if link is not None else None

    def keeps_up(self) -> bool:
        """Whether no pass has more transactions on a psum network than steps: else ticks do not count."""
        bits = self.machine.bits(PSUM)
        needs = [(steps, sum(group.sums for group in groups) * bits) for steps, _, groups in self.passes]
        widths = [self.width(way) for way in ("out", "in")]
        return all(width is None or -(-sums // width) <= steps for steps, sums in needs for width in widths)

    def left(self, clock: int) -> tuple[int, int]:
        """How long the networks out and in are busy at the most after the last step of a pass; the same all along."""
        if clock not in self.known:
            self.known[clock] = self.longest_busy(clock)
        return self.known[clock]

    def longest_busy(self, clock: int) -> tuple[int, int]:
        """The same, worked out."""
        bits, out, back, largest = self.machine.bits(PSUM), 0, 0, 1
        for steps, edges, groups in self.passes:
            end, sums = (steps, edges)[clock] - 1, [group.sums for group in groups]
            added = [(group.step, group.edge)[clock] for group in groups]
            there = crossings(list(zip(added, sums, strict=True)), bits, self.width("out"), -(10**9))
            again = crossings(list(zip(there, sums, strict=True)), bits, self.width("in"), -(10**9))
            out, back = max(out, there[-1] - end), max(back, again[-1] - end)
            width = self.width("in")
            largest = max(largest, *(-(-one * bits // width) for one in sums)) if width else largest
        return out, max(back, out + 1 + largest)

    def leave(self, groups: list[Group], sets: int, rows: int, tick: int, edge: int) -> None:
        """A pass on ``sets`` sets of ``rows`` rows has begun on ``tick`` and ``edge``."""
        late = self.late(sets, rows)
        self.busy = tick + groups[-1].step + late, edge + groups[-1].edge + late
        climb = self.chain - 1 + self.machine.pe.pipeline_stages - 1
        found = []
        for clock, begin, ticks in ((0, tick, climb), (1, edge, climb * self.longest)):
            times = [begin + (group.step, group.edge)[clock] + ticks for group in groups]
            for way, busy in zip(("out", "in"), self.left(clock), strict=True):
                waiting = [(time, group.sums) for time, group in zip(times, groups, strict=True)]
                bits = self.machine.bits(PSUM)
                times = crossings(waiting, bits, self.width(way), begin - 1 + ticks + busy)
            found.append(times)
        for group, *times in zip(groups, *found, strict=True):
            self.back[group.name] = times[0], times[1]
