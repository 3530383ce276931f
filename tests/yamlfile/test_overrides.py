"""``--set a.b.c=value``."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.errors import InputError
from accsim.source import Source
from accsim.yamlfile import Document, Model, bind, load, override


class Array(Model):
    rows: int
    cols: int
    taps: bool = False


class Level(Model):
    name: str
    size: int


class Hardware(Model):
    name: str
    array: Array
    levels: list[Level] = []
    spare: Array | None = None
    shape: list[int] = []


TEXT = """\
name: x
array: {rows: 12, cols: 14}
levels:
- {name: dram, size: 1}
- {name: glb, size: 2}
"""


def changed(*assignments: str, text: str = TEXT) -> Document:
    return override(load(Source("hw", "hw.yaml", text)), assignments)


def message(*assignments: str) -> str:
    with pytest.raises(InputError) as caught:
        bind(changed(*assignments), Hardware)
    return str(caught.value)


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("array.rows=24", ("array", "rows"), 24),
        (" array.rows = 24 ", ("array", "rows"), 24),
        ("array.taps=true", ("array", "taps"), True),
        ("array.taps=on", ("array", "taps"), "on"),
        ("name='24'", ("name",), "24"),
        ("name=a=b", ("name",), "a=b"),
        ("name=", ("name",), None),
        ("levels.glb.size=0x10", ("levels", 1, "size"), 16),
        ("levels.1.size=3", ("levels", 1, "size"), 3),
        ("levels.0={name: a, size: 3}", ("levels", 0), {"name": "a", "size": 3}),
        ("spare.rows=3", ("spare", "rows"), 3),
        ("shape=[1, 2]", ("shape",), [1, 2]),
    ],
)
def test_an_assignment(assignment: str, path: tuple[str | int, ...], value: object) -> None:
    document = changed(assignment)
    found: Any = document.data
    for step in path:
        found = found[step]
    assert found == value
    assert type(found) is type(value)
    assert document.place(path) == f"--set {assignment}"


def test_the_original_document_stays_as_it_was() -> None:
    original = load(Source("hw", "hw.yaml", TEXT))
    before = repr(original.data)
    override(original, ["array.rows=24", "levels.glb.size=9"])
    assert repr(original.data) == before
    assert original.place(("array", "rows")) == "hw.yaml:2:15"


def test_the_last_assignment_wins() -> None:
    document = changed("array.rows=1", "array.rows=2", "array={rows: 3, cols: 4}", "array.cols=5")
    assert document.data["array"] == {"rows": 3, "cols": 5}
    assert document.place(("array", "rows")) == "--set array={rows: 3, cols: 4}"
    assert document.place(("array", "cols")) == "--set array.cols=5"
    assert document.place(("levels", 1, "size")) == "hw.yaml:5:21"


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("array.rws=24", "no key 'rws' in array; did you mean 'rows'?"),
        ("arry.rows=24", "no key 'arry'; did you mean 'array'?"),
        ("array.rows=twelve", "must be an integer, got 'twelve'"),
        ("array.rows=", "must be an integer, got nothing"),
        ("array=3", "must be a mapping, got 3"),
        ("spare.rows=3", "key 'cols' is missing in spare"),
        ("levels.glbb.size=3", "no item 'glbb' in levels; did you mean 'glb'?"),
        ("levels.xyz.size=3", "no item 'xyz' in levels; it has dram, glb"),
        ("levels.2.size=3", "no item 2 in levels, which has 2, counted from 0"),
        ("levels.-1.size=3", "no item '-1' in levels; it has dram, glb"),
        ("name.x=3", "name is 'x' and holds no key 'x'"),
        ("array.rows", "expected a key, '=' and a value, such as array.rows=24"),
        ("=24", "expected a key, '=' and a value, such as array.rows=24"),
        ("array..rows=24", "expected a key, '=' and a value, such as array.rows=24"),
        ("array.rows=010", "010 is ambiguous (octal in YAML 1.1, decimal in 1.2): write 10 or '010'"),
        ("array.rows={a: 1, a: 2}", "key 'a' is given twice"),
        ("shape=[1", "not valid YAML: expected ',' or ']' in the list opened at 1:1, found the end of the file"),
    ],
)
def test_a_mistake(assignment: str, said: str) -> None:
    assert message(assignment) == f"--set {assignment}: {said}"


def test_all_mistakes_at_once() -> None:
    assert message("a", "name.x=1").splitlines() == [
        "--set a: expected a key, '=' and a value, such as array.rows=24",
        "--set name.x=1: name is 'x' and holds no key 'x'",
    ]


def test_mistakes_of_the_file_come_before_those_of_assignments() -> None:
    with pytest.raises(InputError) as caught:
        bind(changed("array.cols=x", text=TEXT.replace("name: x", "name: 3").replace("rows: 12", "rows: a")), Hardware)
    assert str(caught.value).splitlines() == [
        "hw.yaml:1:7: name: must be text, got 3",
        "hw.yaml:2:15: array.rows: must be an integer, got 'a'",
        "--set array.cols=x: must be an integer, got 'x'",
    ]


@given(st.one_of(st.text(), st.builds("{}={}".format, st.sampled_from(["name", "levels.0", "a.b"]), st.text())))
def test_any_text_is_applied_or_refused_in_one_line(assignment: str) -> None:
    try:
        bind(changed(assignment), Hardware)
    except InputError as error:
        for mistake in error.mistakes:
            assert mistake.startswith("--set ")
            assert len(mistake.splitlines()) == 1, mistake
