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
    """

    macs: int
    outputs: int


@dataclass(frozen=True, slots=True)
class Distance:
    """From the start of a group to the start of the next: edges, then stalled cycles and the port they wait for."""

    edges: int
    stalled: int = 0
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The last group started, and edges after its start until MACs and outputs of all groups so far have ended."""

    last: Sizes
    macs: int
    outputs: int


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
        loops: outermost first.
        group: the group of the sizes the loops have chosen.
        distance: between the groups of two choices.
    """

    def __init__(
        self, loops: list[Runs], group: Callable[[Sizes], Group], distance: Callable[[Sizes, Sizes], Distance]
    ) -> None:
        self.loops, self.group, self.distance = loops, group, distance
        self._known: dict[tuple[Sizes, State | None], tuple[State, Passed]] = {}

    def run(self, chosen: Sizes = (), state: State | None = None) -> tuple[State, Passed]:
        """The state after the loops inside ``chosen``, and what passed until the start of their last group."""
        if (chosen, state) not in self._known:
            if len(chosen) == len(self.loops):
                self._known[chosen, state] = self._advance(chosen, state)
            else:
                self._known[chosen, state] = self._repeat(chosen, state)
        return self._known[chosen, state]

    def _repeat(self, chosen: Sizes, state: State | None) -> tuple[State, Passed]:
        passed = Passed()
        for used, times in self.loops[len(chosen)]:
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
            return State(chosen, one.macs, one.outputs), Passed()
        step = self.distance(state.last, chosen)
        stalls = {step.cause: step.stalled} if step.cause is not None and step.stalled else {}
        passed = Passed(step.edges, max(0, step.edges - state.macs), stalls)
        return State(
            chosen, max(state.macs - step.edges, one.macs), max(state.outputs - step.edges, one.outputs)
        ), passed
