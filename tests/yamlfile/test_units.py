"""Sizes and frequencies with units."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.errors import InputError
from accsim.source import Source
from accsim.yamlfile import FrequencyMhz, Model, SizeBits, bind, load, quantity
from accsim.yamlfile.units import FREQUENCIES, SIZES


class Size(Model):
    x: SizeBits


class Frequency(Model):
    x: FrequencyMhz


def read(model: type[Size] | type[Frequency], text: str) -> Any:
    return bind(load(Source("f", "f.yaml", f"x: {text}\n")), model).x


def message(model: type[Size] | type[Frequency], text: str) -> str:
    with pytest.raises(InputError) as caught:
        read(model, text)
    return str(caught.value).removeprefix("f.yaml:1:4: x: ")


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("64", 64),
        ("64 b", 64),
        ("64b", 64),
        ("1 bit", 1),
        ("8 bits", 8),
        ("3 B", 24),
        ("2 bytes", 16),
        ("100 kB", 800_000),
        ("108 KiB", 108 * 8192),
        ("2 MiB", 2**24),
        ("24 MB", 192_000_000),
        ("0.5 KiB", 4096),
        ("1e3 B", 8000),
        ("1 Kib", 1024),
        ("4 GiB", 2**35),
        ("0.1 kB", 800),
    ],
)
def test_sizes(text: str, bits: int) -> None:
    size = read(Size, text)
    assert size == bits
    assert isinstance(size, int)


SIZE = "must be a size such as '108 KiB'"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("108 MHz", f"{SIZE}, got '108 MHz'"),
        ("'108'", f"{SIZE}, got '108', which has no unit"),
        ("108 KB", f"{SIZE}, got '108 KB'; did you mean 'kb' or 'kB'?"),
        ("108 kib", f"{SIZE}, got '108 kib'; did you mean 'Kib' or 'KiB'?"),
        ("108 bite", f"{SIZE}, got '108 bite'; did you mean 'bit' or 'byte' or 'bits'?"),
        ("KiB", f"{SIZE}, got 'KiB'"),
        ("1 2 KiB", f"{SIZE}, got '1 2 KiB'"),
        ("0.3 b", "must be a whole number of bits, got '0.3 b'"),
        ("1e-999 KiB", "must be a whole number of bits, got '1e-999 KiB'"),
        ("1e9999 KiB", f"{SIZE}, got '1e9999 KiB'"),
        ("1.5", f"{SIZE} or a number of bits, got 1.5"),
        ("true", f"{SIZE} or a number of bits, got true"),
        ("[1]", f"{SIZE} or a number of bits, got a list"),
        ("null", f"{SIZE} or a number of bits, got nothing"),
        ("0", "must be greater than 0, got 0"),
        ("-1 KiB", "must be greater than 0, got '-1 KiB'"),
    ],
)
def test_what_is_no_size(text: str, said: str) -> None:
    assert message(Size, text) == said


@pytest.mark.parametrize(
    ("text", "mhz"), [("200", 200.0), ("200 MHz", 200.0), ("0.2 GHz", 200.0), ("60e6 Hz", 60.0), ("500 kHz", 0.5)]
)
def test_frequencies(text: str, mhz: float) -> None:
    frequency = read(Frequency, text)
    assert frequency == mhz
    assert isinstance(frequency, float)


FREQUENCY = "must be a frequency such as '200 MHz'"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("200 mhz", f"{FREQUENCY}, got '200 mhz'; did you mean 'MHz'?"),
        ("200 KiB", f"{FREQUENCY}, got '200 KiB'"),
        ("fast", f"{FREQUENCY}, got 'fast'"),
        ("false", f"{FREQUENCY} or a number of MHz, got false"),
        ("1e999 GHz", f"{FREQUENCY}, got '1e999 GHz', which is too large"),
        (".inf", "must be a finite number, got .inf"),
        ("-3 MHz", "must be greater than 0, got '-3 MHz'"),
    ],
)
def test_what_is_no_frequency(text: str, said: str) -> None:
    assert message(Frequency, text) == said


@given(st.integers(0, 10**9), st.integers(0, 9), st.sampled_from(sorted(SIZES)))
def test_quantities_are_exact(whole: int, tenths: int, unit: str) -> None:
    assert quantity(f"{whole}.{tenths} {unit}", SIZES, "a size") == Fraction(10 * whole + tenths, 10) * SIZES[unit]


@given(st.text())
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    try:
        quantity(text, FREQUENCIES, "a frequency")
    except ValueError as error:
        assert str(error).startswith("must be a frequency")
