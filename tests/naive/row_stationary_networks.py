"""The networks of a row-stationary array as objects: what is on them on each edge, and when they hold the array."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from tests.naive.row_stationary_pe import Coming, Word
from tests.naive.row_stationary_program import Spot, Tag


class Bus:
    """A network into the array: words in order, packed into transactions.

    Attributes:
        width: bits of a transaction; ``None`` for a network that brings a word whenever a PE wants it.
        arrive: what becomes of a word.
        slot: what becomes of a transaction.
        coming: words that are to come.
        moved: words of ``coming`` that have been on the network.
        bits: room left in the transactions since ``restart``; a word that does not fit goes on in the next one.
    """

    def __init__(
        self,
        width: int | None,
        word_bits: int,
        arrive: Callable[[Coming], None],
        slot: Callable[[], None] = lambda: None,
    ) -> None:
        self.width, self.word_bits, self.arrive, self.slot = width, word_bits, arrive, slot
        self.coming: list[Coming] = []
        self.moved = self.bits = self.most = 0

    def restart(self, most: int) -> None:
        """Begin a transaction anew; words up to number ``most`` may come."""
        self.bits, self.most = 0, most

    def transaction(self) -> None:
        """One transaction."""
        self.slot()
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


class Sums:
    """Sums between the array and the buffer, and back.

    Attributes:
        out_width, in_width: bits of a transaction; ``None`` for networks that keep up with the array.
        bits: of a sum.
        arrive: what becomes of a sum that comes back.
        leaving: those that wait for the network out, oldest first.
        buffer: the value of every sum, and ``writes`` how often it was written; ``readable`` as of the edge before.
        returning: those that wait for the network in: groups, whose sums it takes when all are in the buffer.
        granted: bits of them for which the network has had slots.
    """

    def __init__(
        self, out_width: int | None, in_width: int | None, bits: int, arrive: Callable[[Coming, int], None]
    ) -> None:
        self.out_width, self.in_width, self.bits, self.arrive = out_width, in_width, bits, arrive
        self.leaving: deque[Word] = deque()
        self.buffer: dict[Tag, int] = {}
        self.writes: dict[Tag, int] = {}
        self.readable: dict[Tag, int] = {}
        self.returning: deque[deque[Coming]] = deque()
        self.granted = self.out_moved = self.in_moved = 0

    def expect(self, coming: list[Coming], groups: list[int], ahead: int) -> None:
        """These sums are to come back, in groups of so many, ``ahead`` of them before their slots.

        All slots of those before them have been. A network that keeps up with the array has none: it brings what is
        wanted.
        """
        if self.in_width is not None:
            left = sum(len(group) for group in self.returning) * self.bits - self.in_moved
            self.granted = left + ahead * self.bits
        every = iter(coming)
        self.returning += [group for sums in groups if (group := deque(islice(every, sums)))]

    def slot(self) -> None:
        """A slot of the network in."""
        self.granted += self.in_width or 0

    def edge(self) -> None:
        """One edge: what was in the buffer may come back, what has left the array goes into the buffer."""
        self.readable = dict(self.writes)
        if self.in_width is not None:
            self.bring_back(self.in_width)
        room = self.out_width
        while self.leaving and room != 0:
            moves = self.bits - self.out_moved if room is None else min(room, self.bits - self.out_moved)
            room = None if room is None else room - moves
            self.out_moved += moves
            if self.out_moved == self.bits:
                word = self.leaving.popleft()
                self.buffer[word.tag], self.out_moved = word.value, 0
                self.writes[word.tag] = self.writes.get(word.tag, 0) + 1

    def bring_back(self, room: int | None) -> None:
        """Sums that are there, and for which there were slots, cross the network in."""
        while self.returning and self.there(self.returning[0]) and room != 0 and self.granted:
            moves = min(self.granted, self.bits - self.in_moved)
            if room is not None:
                moves = min(moves, room)
                room -= moves
            self.granted -= moves
            self.in_moved += moves
            if self.in_moved == self.bits:
                word, self.in_moved = self.returning[0].popleft(), 0
                self.arrive(word, self.buffer.get(word.tag, 0))
                if not self.returning[0]:
                    self.returning.popleft()

    def there(self, group: deque[Coming]) -> bool:
        """Whether a group was in the buffer before this edge."""
        return all(self.readable.get(word.tag, 0) >= word.visited for word in group)


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
