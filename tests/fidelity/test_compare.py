"""Statuses and errors of published figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.fidelity.compare import Row, Status, compare, failing
from accsim.fidelity.published import KnownGap, Publication, Published, Standing, Value
from accsim.fidelity.spelling import spell_counts, spell_error, spell_tolerance, spell_value


def figure(value: Value, tolerance: float | None = 0.1, **others: object) -> Published:
    fields = {"absolute": False, "gap": None, "missing": "", "note": "", "unit": "ms", **others}
    return Published("f", "f", "what", "paper", "paper", Standing.READ, value=value, tolerance=tolerance, **fields)


def row(published: Published, obtained: Value | None) -> Row:
    values = {} if obtained is None else {"f": obtained}
    (found,) = compare(Publication("case", "title", {}, (published,)), values)
    return found


GAP = KnownGap(-0.20, "it is known why")


@pytest.mark.parametrize(
    ("published", "obtained", "status"),
    [
        (figure(10.0), 11.0, Status.WITHIN),
        (figure(10.0), 9.0, Status.WITHIN),
        (figure(10.0), 11.01, Status.OUTSIDE),
        (figure(10.0), 8.99, Status.OUTSIDE),
        (figure(10.0, 0.0), 10.0, Status.WITHIN),
        (figure(10.0, 0.0), 10.001, Status.OUTSIDE),
        (figure(10.0, None), 99.0, Status.INFO),
        (figure(10.0, 2.0, absolute=True), 12.0, Status.WITHIN),
        (figure(10.0, 2.0, absolute=True), 12.1, Status.OUTSIDE),
        (figure(0.0, 2.0, absolute=True), -2.0, Status.WITHIN),
        (figure(10.0, gap=GAP), 8.0, Status.KNOWN_GAP),
        (figure(10.0, gap=GAP), 7.9, Status.OUTSIDE),
        (figure(10.0, gap=GAP), 11.9, Status.OUTSIDE),
        (figure(10.0, gap=GAP), 9.5, Status.WITHIN),
        (figure("a b"), "a b", Status.WITHIN),
        (figure("a b"), "b a", Status.OUTSIDE),
        (figure((2.0, 3.0), 0.0), 2.5, Status.WITHIN),
        (figure((2.0, 3.0), 0.0), 3.1, Status.OUTSIDE),
        (figure(2.5, 0.0), (2.0, 3.0), Status.WITHIN),
        (figure(3.5, 0.1), (2.0, 3.0), Status.OUTSIDE),
        (figure(10.0, None, missing="the weights"), None, Status.NOT_REPRODUCIBLE),
    ],
)
def test_status(published: Published, obtained: Value | None, status: Status) -> None:
    found = row(published, obtained)
    assert found.status is status
    assert failing([found]) == ([found] if status is Status.OUTSIDE else [])


def test_a_gap_that_is_met_is_stale() -> None:
    assert row(figure(10.0, gap=GAP), 9.5).stale
    assert not row(figure(10.0, gap=GAP), 8.5).stale
    assert not row(figure(10.0), 9.5).stale


def test_a_gap_tells_its_reason() -> None:
    assert row(figure(10.0, gap=GAP), 8.5).note == "it is known why"
    assert row(figure(10.0, None, missing="the weights"), None).note == "the weights"


def test_a_row_is_the_plain_data_of_the_json_file() -> None:
    assert row(figure((2.0, 3.0), 0.1), 4.0).to_dict() == {
        "case": "case",
        "figure": "f",
        "source": "paper",
        "published": [2.0, 3.0],
        "obtained": 4.0,
        "error": pytest.approx(1 / 3),
        "tolerance": 0.1,
        "status": "outside",
        "unit": "ms",
        "error_kind": "relative",
        "standing": "read",
        "note": "",
    }


def test_a_case_gives_every_figure_a_value_and_nothing_else() -> None:
    publication = Publication("case", "title", {}, (figure(1.0),))
    with pytest.raises(ValueError, match=r"^case 'case': figures without a value: f; values without a figure: g\.h$"):
        compare(publication, {"g": {"h": 1.0}})


@given(published=st.floats(0.1, 1e6), obtained=st.floats(0.1, 1e6), tolerance=st.floats(0, 1))
def test_within_is_what_the_tolerance_says(published: float, obtained: float, tolerance: float) -> None:
    found = row(figure(published, tolerance), obtained)
    assert found.error == pytest.approx((obtained - published) / published, rel=1e-9, abs=1e-12)
    distance = abs(obtained - published) - tolerance * published
    if abs(distance) > 1e-6 * published:
        assert (found.status is Status.WITHIN) == (distance < 0)


@given(ends=st.tuples(st.floats(1, 100), st.floats(1, 100)).map(sorted), value=st.floats(1, 100))
def test_the_error_to_a_range_is_that_to_its_nearer_end(ends: list[float], value: float) -> None:
    low, high = ends
    ranged = row(figure((low, high)), value).error
    if low <= value <= high:
        assert ranged == 0
    else:
        assert ranged == row(figure(low if value < low else high), value).error


def test_words() -> None:
    assert spell_value(3115008.0) == "3,115,008"
    assert spell_value(3.97e9) == "3.970e+09"
    assert spell_value(16.416) == "16.42"
    assert spell_value((1.5, 2.0)) == "1.5 to 2"
    assert spell_error(row(figure(10.0), 10.52)) == "+5.2 %"
    assert spell_error(row(figure(1000.0), 999.5)) == "-0.05 %"
    assert spell_error(row(figure(10.0), 10.0)) == "0 %"
    assert spell_error(row(figure(10.0, 2.0, absolute=True), 11.5)) == "+1.5 ms"
    assert spell_error(row(figure("a"), "b")) == "differs"
    assert [spell_tolerance(f) for f in (figure(1.0), figure(1.0, 0.0), figure(1.0, 2.0, absolute=True))] == [
        "10 %",
        "exact",
        "2 ms",
    ]
    assert spell_counts([row(figure(10.0), 10.0), row(figure(10.0), 20.0)]) == (
        "2 published figures: 1 within tolerance, 1 outside"
    )
