from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.report.quantities import (
    EnergyUnit,
    Scale,
    amount,
    energy_unit,
    finite,
    percent,
    scale,
    si,
    significant,
    ticks,
    whole,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1"),
        (1234.5, "1,234"),
        (0.05, "0.05"),
        (0.012345, "0.0123"),
        (1e-9, "1.00e-09"),
        (math.nan, "–"),
        (math.inf, "–"),
        (None, "–"),
        ("x", "–"),
        (True, "–"),
    ],
)
def test_significant(value: object, text: str) -> None:
    assert significant(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "base", "text"),
    [
        (1.2e9, "J", 1e-12, "1.2 mJ"),
        (999.6e6, "J", 1e-12, "1 mJ"),
        (5, "J", 1e-12, "5 pJ"),
        (0, "J", 1e-12, "0 pJ"),
        (0.25, "s", 1e-3, "250 µs"),
        (12345, "", 1.0, "12.3 k"),
        (7, "B", 1.0, "7 B"),
        (2.5e9, "MAC", 1.0, "2.5 billion MAC energies"),
    ],
)
def test_si(value: float, unit: str, base: float, text: str) -> None:
    assert si(value, unit, base) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.716, "71.6 %"), (0, "0 %"), (1e-5, "< 0.1 %"), (1, "100.0 %"), (None, "–"), (math.nan, "–")],
)
def test_percent(fraction: object, text: str) -> None:
    assert percent(fraction) == text


def test_whole_numbers_are_exact() -> None:
    assert whole(2**63 - 1) == "9,223,372,036,854,775,807"
    assert whole(1234.0) == "1,234"
    assert whole(1234.56) == "1,234.6"
    assert whole(math.nan) == "–"


def test_columns_show_small_values_as_small() -> None:
    column = Scale(1e-9, "mJ")
    assert [column.show(v) for v in (0, 1e3, 5e8, 1.234e9, 9.99e12, None)] == [
        "0",
        "<0.001",
        "0.500",
        "1.234",
        "9,990",
        "–",
    ]


def test_energy_units() -> None:
    assert energy_unit("pJ").show(1e6) == "1 µJ"
    assert energy_unit("mac").show(1e6) == "1 million MAC energies"
    assert energy_unit("eV") == EnergyUnit(1.0, "eV")


@given(st.floats(min_value=1e-12, max_value=1e18))
def test_a_prefix_leaves_one_to_a_thousand(value: float) -> None:
    assert 0.99 <= value * scale(value, 1.0, "J").factor < 1000


@given(st.floats(min_value=1e-12, max_value=1e18))
def test_ticks_reach_the_largest_value(largest: float) -> None:
    marks = ticks(largest)
    assert marks[0] == 0
    assert marks[-1] >= largest * (1 - 1e-6)
    assert 3 <= len(marks) <= 7


@given(st.one_of(st.none(), st.floats(), st.integers(), st.text(), st.booleans()))
def test_any_value_becomes_a_finite_number(value: object) -> None:
    assert math.isfinite(amount(value))
    assert finite(value) is None or math.isfinite(amount(value))


def test_an_integer_too_large_for_a_float_is_no_number() -> None:
    assert finite(10**400) is None
