"""Groups of folds that overlap: what a shadow register makes of them, for any number of groups.

A group is the folds that share one stationary operand, or one set of sums. Groups follow each other at distances that
depend on the two neighbours only; what an earlier group still does after a later one has started is carried along::

      group k   |<------- MACs ------->|<- leave ->|
      group k+1      |<-- MACs -->|     (a smaller one may end earlier)
                |<-->| distance

Walking loops of equal groups, the state (the last group, and how long MACs and outputs go on after its start) settles
after a few of them, because distances are positive; the rest repeat, whatever their number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from accsim.simulate.phase import Phase, Spent
from accsim.simulate.timeline import Run

Sizes = tuple[int, ...]
"""Used PEs that each loop around the groups has chosen."""
Runs = tuple[tuple[int, int], ...]
"""Runs of one loop: used PEs, and how many times in a row."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group, in edges after its first MAC's.

    Attributes:
        macs: until after its last MAC.
        outputs: until its last output is in the edge register.
        idle: edges before its last MAC without one, given how many cycles groups before it still do MACs.
    """

    macs: int
    outputs: int
    idle: Callable[[int], int] = lambda _tail: 0


@dataclass(frozen=True, slots=True)
class Distance:
    """From the start of a group to the start of the next: edges, then stalled cycles and the port they wait for."""

    edges: int
    stalled: int = 0
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The last group started, and edges after its start until MACs and outputs of all groups so far have ended.

    Attributes:
        tail: cycles after its start until the MACs of whatever ran before the first group have ended.
    """

    last: Sizes
    macs: int
    outputs: int
    tail: int = 0


@dataclass(slots=True)
class Passed:
    """Edges from start to start, those of them without a MAC, and stalled cycles by cause."""

    edges: int = 0
    idle: int = 0
    stalls: dict[str, int] = field(default_factory=dict)

    def add(self, other: Passed, times: int = 1) -> None:
        """Add ``times`` another passage."""
        self.edges += other.edges * times
        self.idle += other.idle * times
        for cause, cycles in other.stalls.items():
            self.stalls[cause] = self.stalls.get(cause, 0) + cycles * times


class Walk:
    """A walk over loops of groups.

    Args:
        depth: number of loops around the groups.
        runs: runs of the next loop inside what the loops outside it have chosen.
        group: the group of the sizes the loops have chosen.
        distance: between the groups of two choices.
        tail: cycles for which something before the first group still does MACs, whether these groups stall or not.
    """

    def __init__(
        self,
        depth: int,
        runs: Callable[[Sizes], Runs],
        group: Callable[[Sizes], Group],
        distance: Callable[[Sizes, Sizes], Distance],
        tail: int = 0,
    ) -> None:
        self.depth, self.runs, self.group, self.distance, self.tail = depth, runs, group, distance, tail
        self._known: dict[tuple[Sizes, State | None], tuple[State, Passed]] = {}

    def run(self, chosen: Sizes = (), state: State | None = None) -> tuple[State, Passed]:
        """The state after the loops inside ``chosen``, and what passed until the start of their last group."""
        if (chosen, state) not in self._known:
            if len(chosen) == self.depth:
                self._known[chosen, state] = self._advance(chosen, state)
            else:
                self._known[chosen, state] = self._repeat(chosen, state)
        return self._known[chosen, state]

    def _repeat(self, chosen: Sizes, state: State | None) -> tuple[State, Passed]:
        passed = Passed()
        for used, times in self.runs(chosen):
            left = times
            while left:
                after, one = self.run((*chosen, used), state)
                repeats = left if after == state else 1
                passed.add(one, repeats)
                state, left = after, left - repeats
        return state, passed  # type: ignore[return-value]  # every loop has a trip

    def _advance(self, chosen: Sizes, state: State | None) -> tuple[State, Passed]:
        one = self.group(chosen)
        if state is None:
            return State(chosen, one.macs, one.outputs, self.tail), Passed(idle=one.idle(self.tail))
        step = self.distance(state.last, chosen)
        stalls = {step.cause: step.stalled} if step.cause is not None and step.stalled else {}
        idle = max(0, step.edges - max(state.macs, state.tail))
        passed = Passed(step.edges, idle + one.idle(max(0, state.macs - step.edges)), stalls)
        macs, outputs = max(state.macs - step.edges, one.macs), max(state.outputs - step.edges, one.outputs)
        return State(chosen, macs, outputs, max(0, state.tail - step.edges - step.stalled)), passed


@dataclass(frozen=True, slots=True)
class Overlapped:
    """One tile with overlapping groups.

    Attributes:
        load: cycles of the first load and the port that bounds it; ``load_edges`` without the port.
        uses_shadow: whether the tile needs the shadow registers: it loads, or it starts sums that will drain.
        to_last: from the start of the first group to that of the last.
        last: the last group, and what goes on after its start.
        streamed: cycles of the last group's streams, or of what shares a port with them.
        shadow_busy: cycles after the start of the last group until its sums have left the drain registers, or until a
            port is free for the next load.
        first_ends: cycles until the first group's sums need the drain registers; 0 if an input has shadow registers.
        stream_stalls: stalled cycles of the last group's streams.
        out: cycles from the last MAC to the last output and the port that bounds them; ``out_edges`` without the port.
            Both are 0 for sums that go on in the next tile.
        drained: edges after the start of the last group until all outputs are out, if its sums do not go on.
    """

    load: tuple[int, str | None]
    load_edges: int
    uses_shadow: bool
    to_last: Passed
    last: State
    streamed: int
    shadow_busy: int
    first_ends: int
    stream_stalls: tuple[tuple[str, int], ...]
    out: tuple[int, str | None]
    out_edges: int
    drained: int

    @property
    def macs_end(self) -> int:
        """Until after the last MAC, from the start of the stream."""
        return self._start_of_last + self.last.macs + self._stalled

    @property
    def run(self) -> Run:
        """The tile as a step of the timeline."""
        start = self._start_of_last
        return Run(
            load=self.load[0] - self.first_ends if self.uses_shadow else None,
            last=start + self.shadow_busy if self.uses_shadow or self.shadow_busy else None,
            next=start + self.streamed,
            done=start + max(self.last.macs, self.drained) + self._stalled,
        )

    @property
    def _start_of_last(self) -> int:
        return self.to_last.edges + sum(self.to_last.stalls.values())

    @property
    def _stalled(self) -> int:
        return sum(cycles for _, cycles in self.stream_stalls)

    def add_inside(self, spent: Spent, times: int) -> None:
        """Add stalls between the first group's start and the last group's end, ``times`` over."""
        for cause, cycles in (*self.to_last.stalls.items(), *self.stream_stalls):
            spent.stall(cause, cycles * times)

    def add_load(self, spent: Spent) -> None:
        """Add the load of the first tile, which nothing hides."""
        spent.fill += self.load_edges
        spent.stall(self.load[1], self.load[0] - self.load_edges)

    def alone(self, in_place: bool) -> Phase:
        """Cycles of the tile when nothing is before or after it; ``in_place``: idle edges wait for sums to leave."""
        spent = Spent()
        self.add_load(spent)
        self.add_inside(spent, 1)
        spent.compute += self.to_last.edges + self.last.macs - self.to_last.idle
        spent.drain += self.to_last.idle if in_place else 0
        spent.fill += 0 if in_place else self.to_last.idle
        spent.drain += max(0, self.last.outputs - self.last.macs)
        spent.stall(self.out[1], self.out[0] - self.out_edges)
        return spent.phase()
