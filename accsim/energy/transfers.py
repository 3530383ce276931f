"""Charging a transfer once, at its dearer level: the accounting of Chen et al., ISCA 2016, equations 3 and 4.

The two ends of a transfer are compared by their energy per bit. A network counts with its level's price, the dearest of
its actions, because the equations know one cost for moving a word within the array. Inputs follow equation 3,

    a EC(DRAM) + a b EC(buffer) + a b c EC(array) + a b c d EC(RF):

every row that hands words on is charged on its own count, so one read that is delivered to many PEs is one read and
many deliveries, while a row that only takes words from a dearer level, or only hands them to one, is free. Psums follow
equation 4,

    (2a - 1) EC(DRAM) + 2a (b - 1) EC(buffer) + a b (c - 1) EC(array) + 2 a b c (d - 1) EC(RF):

the array is charged for moves between PEs only, and a word on its way between a level's inner and outer neighbour is
charged where the way is dearest, not at every level it crosses.
"""

from __future__ import annotations

from collections.abc import Iterable

from accsim.energy.prices import GIVING, RECEIVING, PriceList
from accsim.energy.table import Component
from accsim.simulate.activity import Action, Count, ExpectedCount
from accsim.workload.layer import Operand

_PSUM = "psum"
_GIVES, _TAKES = " gives", " takes"

End = tuple[str, Action]
"""A level and what it did: one end of a transfer."""


class Transfers:
    """The transfers among a layer's counters, and what share of each counter is charged."""

    def __init__(self, counts: Iterable[Count | ExpectedCount], prices: PriceList) -> None:
        self.prices = prices
        self.ends: dict[tuple[str, str, str], End] = {}
        self.words: dict[tuple[str, str], float] = {}
        for count in counts:
            side = _side(count.action)
            if side is not None:
                self._add(count, _tensor(count.operand), side)

    def _add(self, count: Count | ExpectedCount, tensor: str, side: str) -> None:
        level, peer = count.level, count.peer
        end = (level, count.action)
        if self._network(level):
            # A network serves every level that names it, whatever peer its own rows name: one bus, several scratchpads.
            self.ends.setdefault((level, "", tensor + side), end)
            if count.action is Action.HOP:
                self.ends.setdefault((level, "", tensor + _TAKES), end)
        if peer is None:
            return
        self.ends[level, peer, tensor + side] = end
        if self._network(peer):
            self.ends["", peer, tensor + side] = end
        if tensor == _PSUM:
            way = (level, ("out" if self._outer(peer, level) else "in") + side)
            words = count.bits / self.prices.accelerator.bits(count.operand)
            self.words[way] = self.words.get(way, 0.0) + words

    def share(self, count: Count | ExpectedCount) -> float:
        """The share of a counter that is charged: 0 at the cheaper end of a transfer, 1 without one."""
        side = _side(count.action)
        if side is None:
            return 1.0
        level, peer, tensor = count.level, count.peer, _tensor(count.operand)
        ours = (level, count.action)
        if tensor == _PSUM and count.action is Action.DELIVER:
            ends = (self.ends.get(("", level, _PSUM + end)) for end in (_GIVES, _TAKES))
            if any(self._dearer(end, ours) for end in ends):
                return 0.0
        if peer is None:
            return 1.0
        other = tensor + (_TAKES if side == _GIVES else _GIVES)
        theirs = self.ends.get((peer, level, other)) or self.ends.get((peer, "", other))
        if self._dearer(theirs, ours):
            return 0.0
        if tensor == _PSUM and not self._network(level) and not self._outer(peer, level):
            # Words taken from inside and handed on outwards (or the other way round) only pass through.
            passing = self.words.get((level, "out" + (_GIVES if side == _TAKES else _TAKES)), 0.0)
            return max(0.0, 1.0 - passing / self.words[level, "in" + side]) if passing and count.bits else 1.0
        return 1.0

    def _dearer(self, theirs: End | None, ours: End) -> bool:
        """Whether the other end exists and costs more per bit; at a tie the outer level pays."""
        if theirs is None:
            return False
        other, mine = self.prices.unit(*theirs), self.prices.unit(*ours)
        return other > mine or (other == mine and self._outer(theirs[0], ours[0]))

    def _outer(self, first: str, second: str) -> bool:
        order = self.prices.order
        return order.get(first, len(order)) < order.get(second, len(order))

    def _network(self, name: str) -> bool:
        level = self.prices.levels.get(name)
        return level is not None and level.component is Component.NOC


def _side(action: Action) -> str | None:
    return _GIVES if action in GIVING else _TAKES if action in RECEIVING else None


def _tensor(operand: Operand) -> str:
    """A psum becomes an ofmap on its way out: the two ends of that transfer may carry either name."""
    return _PSUM if operand is Operand.OFMAP else str(operand)
