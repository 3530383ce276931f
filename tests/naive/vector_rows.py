"""Softmax and layer norm row by row on a unit with a small buffer, which loads what it does not hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.naive.vector import Counted, exp, larger, root

Load = Callable[[int], Counted]


class Row:
    """A row in memory, and the buffer of the unit in front of it."""

    def __init__(self, values: Sequence[float], held: int) -> None:
        self.values, self.held, self.loads = values, held, 0
        self.buffer: dict[int, Counted] = {}

    def __len__(self) -> int:
        return len(self.values)

    def load(self, i: int) -> Counted:
        if i in self.buffer:
            return self.buffer[i]
        self.loads += 1
        word = Counted(self.values[i])
        if len(self.values) <= self.held:
            self.buffer[i] = word
        return word


def softmax(row: Row) -> list[Counted]:
    """Maximum, sum, quotients; exponentials are kept where the row is held, and else worked out again."""
    kept: dict[int, Counted] = {}
    top = row.load(0)
    for i in range(1, len(row)):
        top = larger(top, row.load(i))
    total = Counted(0.0)
    for i in range(len(row)):
        power = exp(row.load(i) - top)
        total = total + power if i else power
        if len(row) <= row.held:
            kept[i] = power
    return [(kept[i] if i in kept else exp(row.load(i) - top)) / total for i in range(len(row))]


def layer_norm(row: Row) -> list[Counted]:
    """Mean, variance, normalised words; differences to the mean are kept where the row is held."""
    kept: dict[int, Counted] = {}
    total = row.load(0)
    for i in range(1, len(row)):
        total = total + row.load(i)
    mean = total / Counted(float(len(row)))
    spread = Counted(0.0)
    for i in range(len(row)):
        centred = row.load(i) - mean
        square = centred * centred
        spread = spread + square if i else square
        if len(row) <= row.held:
            kept[i] = centred
    deviation = root(spread / Counted(float(len(row))) + Counted(1e-5))
    out = []
    for i in range(len(row)):
        centred = kept[i] if i in kept else row.load(i) - mean
        out.append(centred / deviation * Counted(0.9) + Counted(0.1))
    return out
