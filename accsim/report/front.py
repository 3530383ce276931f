"""The Pareto front of two figures, as drawings and tables show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def front(rows: Iterable[T], cost: Callable[[T], float], accuracy: Callable[[T], float]) -> list[T]:
    """Rows of which no other is at least as accurate and cheaper, or as cheap and more accurate; cheapest first.

    Of rows that are equal in both the first is taken.
    """
    out: list[T] = []
    for row in sorted(rows, key=lambda r: (cost(r), -accuracy(r))):
        if not out or accuracy(row) > accuracy(out[-1]):
            out.append(row)
    return out
