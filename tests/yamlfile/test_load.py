"""Syntax mistakes and the mistakes YAML lets pass, in plain words with their place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.errors import InputError
from accsim.source import Source
from accsim.yamlfile import Document, load
from accsim.yamlfile.compose import NO_TAG


def read(text: str) -> Document:
    return load(Source("hw", "hw.yaml", text))


def message(text: str) -> str:
    with pytest.raises(InputError) as caught:
        read(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a: [1,\n  2",
            "2:4: not valid YAML: expected ',' or ']' in the list opened at 1:4, found the end of the file",
        ),
        ("a: [", "1:5: not valid YAML: expected a value, found the end of the file"),
        ("a: [1\nb: 2\n", "2:2: not valid YAML: expected ',' or ']' in the list opened at 1:4"),
        (
            "a: {b: 1\n",
            "1:9: not valid YAML: expected ',' or '}' in the mapping opened at 1:4, found the end of the file",
        ),
        ("a: ]\n", "1:4: not valid YAML: expected a value"),
        ("a: {b: 1,,}\n", "1:10: not valid YAML: expected a value"),
        (
            "a: 'b\n",
            "1:6: not valid YAML: expected a closing quote for the text opened at 1:4, found the end of the file",
        ),
        (
            'a: "\\q"\n',
            "1:5: not valid YAML: expected a known escape after '\\' in double quotes ('\\\\' is a backslash)",
        ),
        ('a: "\\ud800"\n', "1:7: not valid YAML: expected a valid Unicode character after '\\' in double quotes"),
        (
            "a: b: c\n",
            "1:5: not valid YAML: expected no ':' here (quote a value with ': ' in it, check the indentation)",
        ),
        ("a:\n\t- b\n", "2:1: not valid YAML: expected spaces for indentation, found a tab"),
        ("a: @b\n", "1:4: not valid YAML: expected a value, found '@' (quote a value that starts with it)"),
        ("a: *b\n", "1:4: not valid YAML: expected an anchor (&name) earlier in the file for this alias (*name)"),
        ("a: 1\n---\nb: 2\n", "2:1: not valid YAML: expected one document, and a second one starts here"),
        (
            "- a\nb: 1\n",
            "2:1: not valid YAML: expected '- ' and the next item of the list, at the list's indentation",
        ),
        ("a: 1\nb\n", "2:1: not valid YAML: expected ':' after this key"),
        (
            "a:\n  b: 1\n c: 2\n",
            "3:2: not valid YAML: expected a key at the same indentation, or a quote or bracket is misplaced",
        ),
        ("a: - b\n", "1:4: not valid YAML: expected no '- ' here (a list starts on its own line)"),
        ("{a: 1}}\n", "1:7: not valid YAML: expected the end of the file"),
        ("a: b\nc: \x07\n", "2:4: not valid YAML: the control character 0x07 is not allowed"),
        ("a: \ud800\n", "1:4: not valid YAML: a character that is not valid Unicode"),
        ("a: >5x\n", "1:6: not valid YAML: expected comment or line break"),
    ],
)
def test_syntax(text: str, said: str) -> None:
    assert message(text) == f"hw.yaml:{said}"


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n...\n", "~"])
def test_an_empty_file(text: str) -> None:
    assert message(text) == "hw.yaml: the file is empty"


@pytest.mark.parametrize(("text", "got"), [("- a\n", "a list"), ("eyeriss\n", "'eyeriss'"), ("12\n", "12")])
def test_a_file_that_is_no_mapping(text: str, got: str) -> None:
    assert message(text) == f"hw.yaml:1:1: expected a mapping of keys to values, got {got}"


def test_all_mistakes_are_reported_at_once() -> None:
    text = "a: 010\nb: {c: 1, 'c': 2}\na: 3\n? [x]\n: 3\nd: !!int 3\ne: !point [3]\n?\n: 7\n"
    assert message(text).splitlines() == [
        "hw.yaml:1:4: 010 is ambiguous (octal in YAML 1.1, decimal in 1.2): write 10 or '010'",
        "hw.yaml:2:11: key 'c' is given twice; it is already given at hw.yaml:2:5",
        "hw.yaml:3:1: key 'a' is given twice; it is already given at hw.yaml:1:1",
        "hw.yaml:4:3: a key must be text, got a list",
        "hw.yaml:6:4: tags are not used in these files, got !!int",
        "hw.yaml:7:4: tags are not used in these files, got !point",
        "hw.yaml:8:2: expected a key before ':'",
    ]


def test_keys_are_always_text() -> None:
    assert read("1: a\ntrue: b\nnull: c\n010: d\n").data == {"1": "a", "true": "b", "null": "c", "010": "d"}


def test_no_tag_runs_code() -> None:
    said = "hw.yaml:1:4: tags are not used in these files, got !!python/object/apply:os.getcwd"
    assert message("a: !!python/object/apply:os.getcwd []\n") == said


def test_aliases_repeat_a_value() -> None:
    assert read("a: &x {rows: 3}\nb: *x\n").data == {"a": {"rows": 3}, "b": {"rows": 3}}


def test_an_alias_that_contains_itself() -> None:
    assert message("a: &x [*x]\n") == "hw.yaml:1:4: nested more than 100 deep, or an alias that contains itself"


def test_aliases_that_multiply() -> None:
    text = "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
    assert message(text) == "hw.yaml: more than 1000000 values, counting repeated aliases"


@pytest.mark.parametrize("text", ["[" * 200_000, "a: " + "[" * 101 + "]" * 101, "- " * 200_000, "{a: " * 200_000])
def test_deep_nesting(text: str) -> None:
    assert message(text) == "hw.yaml: nested more than 100 deep"


def test_places() -> None:
    document = read("name: x\nlevels:\n- name: glb\n  size: 108 KiB\n- {kind: rf}\n")
    assert document.place() == "hw.yaml:1:1"
    assert document.place(("levels", 0, "size")) == "hw.yaml:4:9"
    assert document.place(("levels", 0, "size"), key=True) == "hw.yaml:4:3"
    assert document.place(("levels", 1, "kind")) == "hw.yaml:5:10"
    assert document.place(("levels", 1, "size")) == "hw.yaml:5:3"
    assert document.place(("levels", 9)) == "hw.yaml:3:1"
    assert document.place(("levels",), key=True) == "hw.yaml:2:1"
    assert document.spell(("levels", 0, "size")) == "levels.glb.size"
    assert document.spell(("levels", 1, "kind")) == "levels.1.kind"


def test_plain_nodes_carry_no_tag() -> None:
    assert read("a: 1\n").root.tag == NO_TAG


FRAGMENTS = ["a", "b: ", "- ", "[", "]", "{", "}", ",", "\n", "\n  ", "'", '"', "&x ", "*x", "!t ", "|\n", "#", "\t"]
FRAGMENTS += ["010", "1e3", "? ", ": ", "---\n", "\\", "%", "é", "\x00", "\ud800", "\u2028", "<<: "]


@given(st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS)).map("".join)))
def test_any_text_is_loaded_or_refused_with_its_place(text: str) -> None:
    try:
        document = read(text)
    except InputError as error:
        assert error.mistakes
        for mistake in error.mistakes:
            assert mistake.startswith("hw.yaml:")
            assert len(mistake.splitlines()) == 1, mistake
    else:
        assert isinstance(document.data, dict)
