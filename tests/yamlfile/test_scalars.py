"""YAML 1.2 core schema (specification 1.2.2, section 10.3.2), and the traps of YAML 1.1."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.errors import InputError
from accsim.source import Source
from accsim.yamlfile import load


def value(text: str) -> Any:
    return load(Source("f", "f.yaml", f"x: {text}\n")).data["x"]


@pytest.mark.parametrize("text", ["on", "off", "yes", "no", "Yes", "y", "N", "2:4", "1:30:00", "1_000", "0b11"])
def test_what_yaml_1_1_converts_is_text(text: str) -> None:
    assert value(text) == text


@pytest.mark.parametrize("text", ["2020-01-01", "108 KiB", "12a", "0x", "0o8", "+", ".", "1e", "e5", "--1", "0xg"])
def test_other_text_that_starts_like_a_number(text: str) -> None:
    assert value(text) == text


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("12", 12),
        ("+12", 12),
        ("-0", 0),
        ("0o17", 15),
        ("0xfF", 255),
        ("200e6", 200e6),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1.5E-3", -1.5e-3),
        ("05.5", 5.5),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("''", ""),
        ("!!str 12", "12"),
        (str(10**500), 10**500),
    ],
)
def test_core_schema(text: str, meaning: object) -> None:
    read = value(text)
    assert read == meaning
    assert type(read) is type(meaning)


def test_not_a_number() -> None:
    assert math.isnan(value(".nan"))


@pytest.mark.parametrize(("text", "decimal"), [("010", "10"), ("-007", "-7"), ("08", "8"), ("00", "0")])
def test_a_leading_zero_is_ambiguous(text: str, decimal: str) -> None:
    with pytest.raises(InputError) as caught:
        value(text)
    assert str(caught.value) == (
        f"f.yaml:1:4: {text} is ambiguous (octal in YAML 1.1, decimal in 1.2): write {decimal} or '{text}'"
    )


def test_a_number_that_is_too_long() -> None:
    with pytest.raises(InputError) as caught:
        value("1" * 5000)
    assert str(caught.value) == "f.yaml:1:4: a number of 5000 characters is too long (at most 1000)"


@given(st.integers())
def test_integers_round_trip(number: int) -> None:
    assert value(str(number)) == number
    if number >= 0:
        assert value(hex(number)) == value(oct(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_round_trip(number: float) -> None:
    read = value(repr(number))
    assert isinstance(read, float)
    assert read.hex() == number.hex()


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Zl", "Zp"])))
def test_quoted_text_round_trips(text: str) -> None:
    quoted = text.replace("'", "''")
    assert value(f"'{quoted}'") == text
