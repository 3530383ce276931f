"""Passes in tables that the compiled code takes, each with what it must know of the passes after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from accsim.simulate.stepped.row_stationary.passes import FOLLOWED, PASS, Row, Slots, Table

CHUNK: Final = 1024
"""Passes in a table, about, if bursts may be cut."""

_NAMES: Final = PASS.names or ()
_STARTS, _WINDOW, _IFMAP = (_NAMES.index(name) for name in ("starts", "window", "ifmap"))


def chunks(rows: Iterator[Row], whole_bursts: bool) -> Iterator[tuple[Table, Slots]]:
    """Cut the passes of a layer into tables; with ``whole_bursts`` a table is a burst.

    How many words wait in the FIFOs at the end of a pass depends on the passes after it in the burst, as far as their
    words fill the FIFOs, so these are read before a table is done.
    """
    known: list[Row] = []
    full = room = carried = waiting = 0
    for row in rows:
        if known and row[0][_STARTS]:
            if full or whole_bursts:
                yield _table(known, len(known), row, carried)
                known, full = [], 0
        elif full and waiting >= room:
            yield _table(known, full, None, carried)
            known, full, carried = known[full:], 0, room
        if row[0][_STARTS]:
            room = row[0][_WINDOW]
        known.append(row)
        if full:
            waiting += row[0][_IFMAP]
        elif len(known) >= CHUNK and not whole_bursts:
            full, waiting = len(known), 0
    if known:
        yield _table(known, len(known), None, carried)


def _table(rows: list[Row], count: int, following: Row | None, room: int) -> tuple[Table, Slots]:
    """A table of the first ``count`` passes.

    Args:
        rows: passes, as far as they are known; all of a burst, or enough of it to fill the FIFOs.
        count: those that go into the table.
        following: the pass after ``rows``, if that is known.
        room: words that the FIFOs hold in the burst of the first pass, where it began in another table.
    """
    known = [*rows, following] if following else rows
    table: Table = np.array([(*fields, *(0 for _ in FOLLOWED)) for fields, _ in known], PASS)
    table["next_slots"][:-1] = table["weight_slots"][1:]
    table = table[: len(rows)]
    table["ends"] = np.append(table["starts"][1:], True)
    sent = np.cumsum(table["ifmap"])
    last = np.flatnonzero(table["ends"])
    burst = np.searchsorted(last, np.arange(len(rows)))
    first = np.append(0, last[:-1] + 1)
    rooms = table["window"][first]
    if not table["starts"][0]:
        rooms[0] = room
    table["ahead"] = np.minimum(rooms[burst], sent[last][burst] - sent)
    return table[:count], np.array([slots for _, slots in rows[:count]], np.int64).reshape(count, -1)
