"""When a row-stationary pass may begin, so that sums that come back are there: reckoned sum by sum, edge by edge."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from accsim.hardware.accelerator import Accelerator
from accsim.workload.layer import Operand


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
        passes: of every pass of the layer, its steps and sums.
        chain, height: PEs in a chain and filter rows of the first pass of the burst.
        back: tick and edge on which each group is back at the latest.
    """

    machine: Accelerator
    longest: int
    passes: list[tuple[int, int]]
    chain: int
    height: int
    back: dict[Hashable, tuple[int, int]] = field(default_factory=dict)

    def wait(self, groups: list[Group], sets: int, rows: int, tick: int, edge: int) -> int:
        """Edges that a pass on ``sets`` sets of ``rows`` rows is held, if it could begin on ``tick`` and ``edge``."""
        late = self.chain - sets * self.height + self.height - rows + self.machine.pe.pipeline_stages - 1
        waits = []
        for clock, now in ((0, tick), (1, edge)):
            held = 0
            for group in groups:
                offset = (group.step, group.edge)[clock]
                while group.name in self.back and now + held + offset + late < self.back[group.name][clock]:
                    held += 1
            waits.append(held)
        return min(waits) if self.keeps_up() else waits[1]

    def transactions(self, way: str) -> list[int]:
        """Of every pass on a psum network; 1 for one that keeps up with the array."""
        link, bits = self.machine.link(Operand.PSUM, way), self.machine.bits(Operand.PSUM)
        width = link.width_bits if link is not None else None
        return [-(-sums * bits // width) if width else 1 for _, sums in self.passes]

    def keeps_up(self) -> bool:
        """Whether no pass has more transactions on a psum network than steps: else ticks do not count."""
        ways = [self.transactions(way) for way in ("out", "in")]
        return all(slots <= steps for way in ways for slots, (steps, _) in zip(way, self.passes, strict=True))

    def leave(self, groups: list[Group], tick: int, edge: int) -> None:
        """A pass has begun on ``tick`` and ``edge``."""
        climb = self.chain - 1 + self.machine.pe.pipeline_stages - 1
        found = []
        for clock, begin, ticks in ((0, tick, climb), (1, edge, climb * self.longest)):
            times = [begin + (group.step, group.edge)[clock] + ticks for group in groups]
            free = begin - 1 + ticks
            for way in ("out", "in"):
                link, bits = self.machine.link(Operand.PSUM, way), self.machine.bits(Operand.PSUM)
                waiting = [(time, group.sums) for time, group in zip(times, groups, strict=True)]
                free += max(self.transactions(way))
                times = crossings(waiting, bits, link.width_bits if link is not None else None, free)
            found.append(times)
        for group, *times in zip(groups, *found, strict=True):
            self.back[group.name] = times[0], times[1]
