"""Best-first search: optimal by proof, the same every time, and honest about what it left out."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.mapping.search.best_first import TOLERANCE, Chunk, Found, Limit, best_first
from accsim.mapping.search.patience import Patience, Stopped


class Costs:
    """Costs by index, and which of them were asked for."""

    def __init__(self, costs: list[tuple[float, float] | None]) -> None:
        self.costs, self.asked = costs, list[int]()

    def __call__(self, index: int) -> tuple[float, float] | None:
        self.asked.append(index)
        return self.costs[index]


def same(index: int) -> int:
    return index


def rows(*bounds: float) -> np.ndarray:
    return np.array([(bound, 0.0) for bound in bounds]).reshape(-1, 2)


@st.composite
def spaces(draw):
    """Costs of candidates, some not legal after all; their bounds; where the chunks are cut; some tried first."""
    n = draw(st.integers(1, 12))
    figures = st.integers(1, 6)
    costs = [draw(st.none() | st.tuples(figures.map(float), figures.map(float))) for _ in range(n)]
    bounds = [(draw(st.integers(0, int(c[0]))) if c else draw(figures)) * 1.0 for c in costs]
    second = [float(draw(figures)) for _ in range(n)]
    cuts = sorted(draw(st.lists(st.integers(0, n), max_size=3)))
    chunks = np.split(np.column_stack([bounds, second]), cuts)
    return costs, chunks, draw(st.lists(st.integers(0, n - 1), max_size=2))


@given(spaces())
def test_finds_the_least_cost_and_proves_it(space):
    costs, chunks, first = space
    cost = Costs(costs)
    found = best_first(chunks, same, cost, first=first)
    legal = [c for c in costs if c is not None]
    if not legal:
        assert found is None
        return
    assert found is not None
    assert found.cost[0] == min(legal)[0] == found.bound
    assert costs[found.mapping] == found.cost
    assert found.stopped is Stopped.PROVED
    assert found.proved
    assert found.gap == 0
    assert found.scored == len(costs)
    assert found.evaluated == len(cost.asked) <= len(costs) + len(first)


@given(spaces(), st.integers(1, 4))
def test_a_cap_leaves_a_bound_that_holds(space, most):
    costs, chunks, first = space
    found = best_first(chunks, same, Costs(costs), first=first, most=most)
    legal = [c for c in costs if c is not None]
    if not legal:
        return
    assert found is not None
    assert found.bound <= min(legal)[0] <= found.cost[0]
    assert found.proved == (found.stopped is Stopped.PROVED)
    if found.proved:
        assert found.cost[0] == min(legal)[0]


def test_evaluates_in_the_order_of_bound_then_second_figure_then_index():
    cost = Costs([(9.0, 0.0)] * 4)
    best_first([np.array([(2.0, 1.0), (1.0, 7.0), (2.0, 0.0), (1.0, 7.0)])], same, cost)
    assert cost.asked == [1, 3, 2, 0]


def test_stops_where_no_bound_is_better():
    cost = Costs([(5.0, 0.0), (3.0, 0.0), (4.0, 0.0)])
    found = best_first([rows(2.0, 1.0, 3.0)], same, cost)
    assert found == Found(1, (3.0, 0.0), 3, 2, True, "", 3.0, Stopped.PROVED)
    assert cost.asked == [1, 0]


def test_bounds_that_differ_only_by_rounding_are_equal():
    third = 1 / 3
    cost = Costs([(third, 2.0), (third, 1.0)])
    found = best_first([np.array([(third * (1 - 1e-15), 2.0), (third * (1 + 1e-15), 1.0)])], same, cost)
    assert found is not None
    assert found.mapping == 1
    assert cost.asked == [1]
    assert third * (1 - TOLERANCE) < found.bound <= third


def test_what_is_tried_first_wins_at_equal_cost():
    found = best_first([rows(1.0, 1.0)], same, Costs([(2.0, 0.0), (2.0, 0.0)]), first=[1])
    assert found is not None
    assert found.mapping == 1


def test_an_infinite_bound_is_not_legal():
    found = best_first([rows(np.inf, 3.0, np.inf)], same, Costs([None, (3.0, 0.0), None]))
    assert found is not None
    assert (found.mapping, found.scored, found.evaluated) == (1, 1, 1)


def test_a_space_with_candidates_left_out_proves_nothing():
    found = best_first([rows(1.0)], same, Costs([(1.0, 0.0)]), complete=False, space="tiles of powers of two")
    assert found is not None
    assert (found.proved, found.stopped, found.space) == (False, Stopped.PROVED, "tiles of powers of two")


def test_a_time_limit_still_gives_a_mapping_and_says_what_may_be_left():
    found = best_first([rows(2.0, 3.0), rows(1.0)], same, Costs([(4.0, 0.0)] * 3), patience=Patience(0.0), floor=0.5)
    assert found == Found(0, (4.0, 0.0), 2, 1, False, "", 0.5, Stopped.TIME_LIMIT)
    assert found.gap == pytest.approx(1 - 0.5 / 4)


def test_a_time_limit_after_all_bounds_are_known_leaves_the_least_of_them():
    found = best_first([rows(2.0, 3.0)], same, Costs([(4.0, 0.0)] * 2), patience=Patience(0.0))
    assert found == Found(0, (4.0, 0.0), 2, 1, True, "", 3.0, Stopped.TIME_LIMIT)
    assert not found.proved


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0)  # the handler runs between two byte codes


def test_an_interruption_ends_this_search_and_the_next_with_what_they_have():
    before = signal.getsignal(signal.SIGINT)

    def cost(index: int) -> tuple[float, float]:
        if index == 1 and patience.over is None:
            interrupt()
        return (10.0 - index, 0.0)

    with Patience() as patience:
        one = best_first([rows(0.0, 1.0, 2.0)], same, cost, patience=patience)
        two = best_first([rows(0.0, 1.0)], same, cost, patience=patience)
    assert one == Found(1, (9.0, 0.0), 3, 2, True, "", 2.0, Stopped.INTERRUPTED)
    assert two == Found(0, (10.0, 0.0), 2, 1, True, "", 1.0, Stopped.INTERRUPTED)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_interruption_aborts():
    with Patience():
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupt()


def test_watched():
    seen: list[tuple[int, int]] = []
    best_first([rows(1.0, 1.0), rows(1.0)], same, Costs([(1.0, 0.0)] * 3), watch=lambda *n: seen.append(n))
    assert seen == [(2, 1), (2, 1), (3, 1)]


def test_a_space_may_leave_out_rows_that_no_longer_matter():
    limit, floors = Limit(), []

    def chunks():
        yield Chunk(rows(2.0), 5)
        floors.append(limit.value)
        yield Chunk(rows(), 7)

    found = best_first(chunks(), same, Costs([(4.0, 0.0)]), limit=limit)
    assert found == Found(0, (4.0, 0.0), 12, 1, True, "", 4.0, Stopped.PROVED)
    assert floors == [4.0 * (1 - TOLERANCE)]


def test_bounds_that_hold_for_what_is_left_out_too():
    found = best_first([rows(2.0, 3.0)], same, Costs([(4.0, 0.0), (3.5, 0.0)]), complete=False, cover=lambda: 2.0)
    assert found == Found(1, (3.5, 0.0), 2, 2, False, "", 2.0, Stopped.PROVED)


def test_what_is_passed_over_within_the_tolerance_lowers_the_bound():
    found = best_first([rows(3.95, 3.97)], same, Costs([(4.0, 0.0), (3.97, 0.0)]), tolerance=0.02)
    assert found == Found(0, (4.0, 0.0), 2, 1, True, "", 4.0 * 0.98, Stopped.PROVED)
