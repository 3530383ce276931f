from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.trace.clock import Nanoseconds, microseconds, scale


@given(st.integers(0, 10**14))
def test_perfetto_reads_the_nanosecond_that_was_meant(nanoseconds: int) -> None:
    time = float(microseconds(nanoseconds))
    assert int(time * 1000) == nanoseconds
    assert abs(time - nanoseconds / 1000) <= 1e-15 * max(nanoseconds, 1)


def test_a_time_is_written_plainly_where_that_is_enough() -> None:
    assert [microseconds(n) for n in (0, 5, 1000, 2500)] == ["0.0", "0.005", "1.0", "2.5"]


@pytest.mark.parametrize(
    ("mhz", "cycle", "nanoseconds"), [(200, 3, 15), (1000, 7, 7), (700, 7, 10), (700, 1, 1), (0.1, 1, 10000)]
)
def test_cycles_become_nanoseconds(mhz: float, cycle: int, nanoseconds: int) -> None:
    assert Nanoseconds(mhz).at(cycle) == nanoseconds


def test_periods_do_not_drift() -> None:
    assert Nanoseconds(700).at(7 * 10**12) == 10**13


@pytest.mark.parametrize(
    ("mhz", "name", "period"),
    [
        (200, "100 ps", 50),
        (100, "1 ns", 10),
        (1, "100 ns", 10),
        (1000, "100 ps", 10),
        (800, "1 ps", 1250),
        (1600, "100 fs", 6250),
        (500, "1 ns", 2),
    ],
)
def test_half_a_period_is_whole_in_the_coarsest_scale_that_allows_it(mhz: float, name: str, period: int) -> None:
    assert scale(mhz) == (name, period)


def test_a_clock_that_no_scale_divides_takes_the_finest() -> None:
    assert scale(700) == ("1 fs", Fraction(10**7, 7))
