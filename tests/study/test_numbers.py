"""Numbers in the files of a study."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from accsim.study.numbers import rounded, to_csv, to_json


def test_six_significant_digits_however_deep() -> None:
    assert rounded({"a": [0.12345678, (1234567.8, -0.0)], "b": 1234567, "c": "x", "d": True, "e": None}) == {
        "a": [0.123457, [1234570, 0]],
        "b": 1234567,
        "c": "x",
        "d": True,
        "e": None,
    }


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_is_close_and_settles(value: float) -> None:
    once = rounded(value)
    assert abs(once - value) <= 5.1e-6 * abs(value)
    assert rounded(float(once)) == once


@given(st.floats(1e-3, 1e12), st.integers(-2, 2))
def test_the_last_bits_do_not_show(value: float, ulps: int) -> None:
    """But for values that lie on the border between two roundings."""
    short = float(f"{value:.6g}")
    assert rounded(short * (1 + ulps * 2.2e-16)) == rounded(short)


def test_csv() -> None:
    rows = [{"layer": "a,b", "range": (1.0, 2.5), "none": None}, {"layer": "c", "range": 1 / 3, "none": ""}]
    assert to_csv(rows) == 'layer,range,none\n"a,b",1..2.5,\nc,0.333333,\n'


def test_json() -> None:
    assert json.loads(to_json({"µ": [1 / 3]})) == {"µ": [0.333333]}
    assert "µ" in to_json({"µ": 1})
