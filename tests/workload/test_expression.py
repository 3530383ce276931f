from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.workload.expression import Mistake, evaluate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (7, 7),
        ("7", 7),
        ("width", 16),
        ("4 * width", 64),
        ("(width + 2) * 3 - 1", 53),
        ("width / 4", 4),
        ("-width", -16),
    ],
)
def test_values(text: object, value: int) -> None:
    assert evaluate(text, {"width": 16}) == value


@given(st.integers(1, 99), st.integers(1, 99), st.integers(1, 99))
def test_it_is_ordinary_arithmetic(a: int, b: int, c: int) -> None:
    names = {"a": a, "b": b, "c": c}
    assert evaluate("a * (b + c) - b", names) == a * (b + c) - b
    assert evaluate("a * b / b", names) == a


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (2.5, "must be a whole number, got 2.5"),
        (True, "must be a whole number, got true"),
        (None, "must be a whole number, got nothing"),
        ("4 *", "must be a whole number or an expression such as '4 * width', got '4 *'"),
        ("4and", "must be a whole number or an expression such as '4 * width', got '4and'"),
        ("f(width)", "must be a whole number or an expression such as '4 * width', got 'f(width)'"),
        ("widht", "no size named 'widht'; did you mean 'width'?"),
        ("groups", "no size named 'groups' (sizes known here: width)"),
        ("width / 3", "'width / 3': 16 is not divisible by 3"),
        ("width / 0", "'width / 0': 16 is not divisible by 0"),
        ("width ** 9", "'width ** 9': only + - * / and brackets are understood"),
        (2**63, "cannot be represented in 64 bits (at most 9223372036854775807)"),
        ("9223372036854775807 * width", "cannot be represented in 64 bits (at most 9223372036854775807)"),
        ("-" * 10_000 + "1", None),
        ("1" + "+1" * 10_000, None),
    ],
)
def test_mistakes(text: object, message: str | None) -> None:
    with pytest.raises(Mistake) as caught:
        evaluate(text, {"width": 16})
    assert message is None or str(caught.value) == message


def test_a_word_where_there_are_no_sizes() -> None:
    with pytest.raises(Mistake, match=r"^must be a whole number, got 'twelve'$"):
        evaluate("twelve", {})
