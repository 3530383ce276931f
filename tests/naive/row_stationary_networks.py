"""The networks of a row-stationary array as objects: what is on them on each edge, and when they hold the array."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.naive.row_stationary_pe import Coming, Word
from tests.naive.row_stationary_program import Spot, Tag


class Bus:
    """A network into the array: words in order, packed into transactions.

    Attributes:
        width: bits of a transaction; ``None`` for a network that brings a word whenever a PE wants it.
        arrive: what becomes of a word.
        coming: words that are to come.
        moved: words of ``coming`` that have been on the network.
        bits: room left in the transactions since ``restart``; a word that does not fit goes on in the next one.
    """

    def __init__(self, width: int | None, word_bits: int, arrive: Callable[[Coming], None]) -> None:
        self.width, self.word_bits, self.arrive = width, word_bits, arrive
        self.coming: list[Coming] = []
        self.moved = self.bits = self.most = 0

    def restart(self, most: int) -> None:
        """Begin a transaction anew; words up to number ``most`` may come."""
        self.bits, self.most = 0, most

    def transaction(self) -> None:
        """One transaction."""
        if self.width is not None:
            self.bits += self.width
            while self.moved < self.most and self.bits >= self.word_bits:
                self.bits -= self.word_bits
                self.deliver()

    def wanted(self, fifo: deque[Word] | deque[Coming]) -> None:
        """A network that keeps up with the array brings words when a PE has none."""
        while self.width is None and not fifo and self.moved < self.most:
            self.deliver()

    def deliver(self) -> None:
        """One word reaches every PE that takes it."""
        self.moved += 1
        self.arrive(self.coming[self.moved - 1])


class Pace:
    """Transactions of a network or port in one pass, spread over the steps of its program."""

    def __init__(self, name: str, transactions: int, steps: int, bus: Bus | None = None) -> None:
        self.name, self.transactions, self.steps, self.bus, self.moved = name, transactions, steps, bus, 0

    def edge(self, step: int) -> bool:
        """One edge on which ``step`` is to be done; whether it may."""
        due, soon = (-(-min(step + n, self.steps) * self.transactions // self.steps) for n in (1, 2))
        if self.moved < soon:
            self.moved += 1
            if self.bus:
                self.bus.transaction()
        return self.moved >= due


@dataclass
class Load:
    """Filter words of one pass.

    Attributes:
        ends: the last transaction that carries some of each word.
        takers: PEs that have not taken it yet.
        places: where it is in their spads: channel, tap and filter.
        transactions: how many there are.
        edges: of those that have been.
        issued: the edge on which the controller first issues a MAC with each place.
    """

    ends: dict[Tag, int]
    takers: dict[Tag, set[Spot]]
    places: dict[Tag, tuple[int, int, int]]
    transactions: int
    edges: list[int] = field(default_factory=list)
    issued: dict[tuple[int, int, int], int] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """Transactions to come."""
        return self.transactions - len(self.edges)

    def lead(self) -> int:
        """Edges by which the network must run ahead of ``edges`` for every word to be there when it is first used."""
        late = (self.edges[end] - self.issued[self.places[tag]] for tag, end in self.ends.items() if self.transactions)
        return max(late, default=0)
