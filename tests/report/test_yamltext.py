from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from accsim.report.yamltext import to_yaml

WORDS = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), WORDS, st.sampled_from(["on", "no", "1e3", "~", "2:4", "a: b"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(WORDS, VALUES, max_size=5))
def test_reads_back_as_it_was(value: dict[str, Any]) -> None:
    assert yaml.safe_load(to_yaml(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "{}"),
        ({"m": 64, "n": 4}, "m: 64\nn: 4"),
        ({"loops": ["G", "m"], "note": "q=3: see text"}, 'loops: [G, m]\nnote: "q=3: see text"'),
        ({"outer": {"tile": {"P": 2}}, "list": [{"a": 1}]}, "outer:\n  tile:\n    P: 2\nlist:\n  -\n    a: 1"),
    ],
)
def test_reads_well(value: object, text: str) -> None:
    assert to_yaml(value) == text
