"""Accumulators that exist, and when 64 bits are enough for their sums."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.hardware.accelerator import Overflow, Rounding
from accsim.kernels import NEAREST, NEAREST_EVEN, SATURATE, TRUNCATE, WRAP, Accumulator
from tests.naive import kernels as naive


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits": 1}, "an accumulator has 2 to 64 bits, got 1"),
        ({"bits": 65}, "an accumulator has 2 to 64 bits, got 65"),
        ({"bits": 8, "product_shift": -1}, "a product is shifted by 0 to 63 bits, got -1"),
        ({"bits": 8, "product_shift": 64}, "a product is shifted by 0 to 63 bits, got 64"),
        ({"bits": 8, "rounding": 3}, "rounding is 0 (truncate), 1 (nearest) or 2 (nearest even), got 3"),
        ({"bits": 8, "overflow": 2}, "overflow is 0 (wrap) or 1 (saturate), got 2"),
    ],
)
def test_an_accumulator_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Accumulator(**arguments)
    assert str(caught.value) == message


def test_the_small_integers_are_the_places_in_the_accelerators_enums() -> None:
    assert [list(Rounding).index(r) for r in (Rounding.TRUNCATE, Rounding.NEAREST, Rounding.NEAREST_EVEN)] == [
        TRUNCATE,
        NEAREST,
        NEAREST_EVEN,
    ]
    assert [list(Overflow).index(o) for o in (Overflow.WRAP, Overflow.SATURATE)] == [WRAP, SATURATE]


@given(st.integers(-(2**64), 2**64), st.integers(0, 63), st.sampled_from([TRUNCATE, NEAREST, NEAREST_EVEN]))
def test_the_rule_without_a_branch_is_the_rounding(product: int, shift: int, rounding: int) -> None:
    accumulator = Accumulator(64, shift, rounding)
    rule = accumulator.rule
    branchless = (product + rule.bias + (rule.even & (product >> rule.shift))) >> rule.shift
    assert branchless == naive.rounded(product, accumulator)


@given(
    st.integers(1, 2**30),
    st.integers(0, 2**64),
    st.integers(0, 63),
    st.sampled_from([TRUNCATE, NEAREST, NEAREST_EVEN]),
)
def test_64_bits_are_enough_where_they_are_said_to_be(count: int, largest: int, shift: int, rounding: int) -> None:
    accumulator = Accumulator(64, shift, rounding)
    if accumulator.exact_in_64_bits(count, largest):
        for product in (largest, -largest):
            assert -(2**63) <= product + accumulator.rule.bias + 1 < 2**63
            assert -(2**63) <= count * naive.rounded(product, accumulator) < 2**63


def test_64_bits_are_enough_for_usual_layers() -> None:
    """The largest sum of an 8-bit and of a 16-bit layer: FC6 of VGG-16 has 25,088 products per output."""
    assert Accumulator(32).exact_in_64_bits(25_088, 2**14)
    assert Accumulator(48).exact_in_64_bits(25_088, 2**30)
    assert not Accumulator(64).exact_in_64_bits(25_088, 2**62)


def test_the_bias_of_rounding_may_leave_64_bits() -> None:
    """The square of -(2**31), and half of 2**63 added to it."""
    assert Accumulator(64, 63, TRUNCATE).exact_in_64_bits(1, 2**62)
    assert not Accumulator(64, 63, NEAREST).exact_in_64_bits(1, 2**62)
