"""Edges of the array among the cycles of the layer."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from accsim.trace.array_clock import ArrayClock


def test_without_waits_an_edge_is_a_cycle() -> None:
    clock = ArrayClock(())
    assert clock.cycles(np.arange(5)).tolist() == [0, 1, 2, 3, 4]
    assert list(clock.spans(2, 5)) == [(2, 5)]


def test_edges_come_after_the_waits_before_them() -> None:
    clock = ArrayClock([(0, 10), (13, 15)])
    assert clock.cycles(np.arange(6)).tolist() == [10, 11, 12, 15, 16, 17]
    assert list(clock.spans(1, 5)) == [(11, 13), (15, 17)]
    assert list(clock.spans(3, 4)) == [(15, 16)]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), max_size=8), st.integers(1, 40), st.data())
def test_edges_and_waits_share_out_the_cycles(gaps: list[tuple[int, int]], edges: int, data: st.DataObject) -> None:
    stalls, now = [], 0
    for gap, length in gaps:
        stalls.append((now + gap, now + gap + length))
        now += gap + length
    waiting = {cycle for start, end in stalls for cycle in range(start, end)}
    expected = [cycle for cycle in range(now + edges) if cycle not in waiting][:edges]
    clock = ArrayClock(stalls)
    assert clock.cycles(np.arange(edges)).tolist() == expected
    first = data.draw(st.integers(0, edges - 1))
    end = data.draw(st.integers(first + 1, edges))
    assert [cycle for span in clock.spans(first, end) for cycle in range(*span)] == expected[first:end]
