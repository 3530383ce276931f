"""Every mistake against a model, in one sentence each, with its place."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, field_validator, model_validator

from accsim.errors import InputError
from accsim.source import Source
from accsim.yamlfile import FrequencyMhz, Model, SizeBits, bind, load, override


class Kind(StrEnum):
    ROWS = "row_stationary"
    WEIGHTS = "weight_stationary"


class Array(Model):
    rows: Annotated[int, Field(ge=1)]
    cols: Annotated[int, Field(ge=1, le=1000)]
    taps: bool = False


class Buffer(Model):
    kind: Literal["sram"]
    name: str
    size: SizeBits


class Registers(Model):
    kind: Literal["rf"]
    name: str
    words: int
    holds: tuple[Kind, ...] = ()


class Window(Model):
    height: int
    width: int


class Hardware(Model):
    name: Annotated[str, Field(min_length=1)]
    clock: FrequencyMhz
    array: Array
    dataflow: Kind
    levels: Annotated[list[Annotated[Buffer | Registers, Field(discriminator="kind")]], Field(min_length=1)]
    padding: int | Literal["same", "valid"] = 0
    window: int | Window = 1
    stride: tuple[int, int] = (1, 1)
    energies: dict[str, float] = {}
    spare: Array | None = None
    even: int = 0
    in_: int = Field(0, alias="in")

    @field_validator("even")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value

    @model_validator(mode="after")
    def _check(self) -> Hardware:
        if self.even > 100:
            raise ValueError("'even' above 100 has no meaning")
        return self


GOOD = """\
name: eyeriss
clock: 0.2 GHz
array: {rows: 12, cols: 14}
dataflow: row_stationary
levels:
- {kind: sram, name: glb, size: 108 KiB}
- kind: rf
  name: spad
  words: 12
  holds: [row_stationary]
"""


def read(text: str, *assignments: str) -> Hardware:
    return bind(override(load(Source("hw", "hw.yaml", text)), assignments), Hardware)


def message(text: str, *assignments: str) -> str:
    with pytest.raises(InputError) as caught:
        read(text, *assignments)
    return str(caught.value)


def test_a_good_file() -> None:
    hardware = read(GOOD + "padding: same\nstride: [2, 1]\nenergies: {mac: 1, dram: 200.0}\nin: 3\n")
    assert hardware.clock == 200.0
    assert hardware.levels[0] == Buffer(kind="sram", name="glb", size=108 * 1024 * 8)
    assert hardware.levels[1] == Registers(kind="rf", name="spad", words=12, holds=(Kind.ROWS,))
    assert hardware.energies == {"mac": 1.0, "dram": 200.0}
    assert (hardware.padding, hardware.stride, hardware.in_) == ("same", (2, 1), 3)


EITHER = "must be 'row_stationary' or 'weight_stationary'"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("array: {rows: twelve, cols: 1}", "3:15: array.rows: must be an integer, got 'twelve'"),
        ("array: {rows: true, cols: 1}", "3:15: array.rows: must be an integer, got true"),
        ("array: {rows: '12', cols: 1}", "3:15: array.rows: must be an integer, got '12'"),
        ("array: {rows: 1e3, cols: 1}", "3:15: array.rows: must be an integer, got 1e3"),
        ("array: {rows: [1], cols: 1}", "3:15: array.rows: must be an integer, got a list"),
        ("array: {rows: , cols: 1}", "3:15: array.rows: must be an integer, got nothing"),
        ("array: {rows: 0x0, cols: 1}", "3:15: array.rows: must be at least 1, got 0x0"),
        ("array: {rows: 1, cols: 1001}", "3:24: array.cols: must be at most 1000, got 1001"),
        ("array: {rows: 1, cols: 1, taps: on}", "3:33: array.taps: must be true or false, got 'on'"),
        ("array: {rows: 1}", "3:1: key 'cols' is missing in array"),
        ("array: {rows: 1, cols: 1, tap: 1}", "3:27: no key 'tap' in array; did you mean 'taps'?"),
        ("array: {rows: 1, cols: 1, xy: 1}", "3:27: no key 'xy' in array; expected one of rows, cols, taps"),
        ("array: 3", "3:8: array: must be a mapping, got 3"),
    ],
)
def test_one_mistake(line: str, said: str) -> None:
    assert message(GOOD.replace("array: {rows: 12, cols: 14}", line)) == f"hw.yaml:{said}"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("padding: smae", "11:10: padding: must be an integer or 'same' or 'valid', got 'smae'; did you mean 'same'?"),
        ("window: {height: 1}", "11:1: key 'width' is missing in window"),
        ("window: {height: 1, width: x}", "11:28: window.width: must be an integer, got 'x'"),
        ("window: [1]", "11:9: window: must be an integer or a mapping, got a list"),
        ("stride: [1]", "11:1: item 1 (counted from 0) is missing in stride"),
        ("stride: [1, x]", "11:13: stride.1: must be an integer, got 'x'"),
        ("stride: [1, 2, 3]", "11:9: stride: must have at most 2 items, got 3"),
        ("energies: {mac: .inf}", "11:17: energies.mac: must be a finite number, got .inf"),
        ("energies: {mac: .nan}", "11:17: energies.mac: must be a finite number, got .nan"),
        ("energies: {mac: '1'}", "11:17: energies.mac: must be a number, got '1'"),
        ("energies: {mac: false}", "11:17: energies.mac: must be a number, got false"),
        ("spare: {rows: 1}", "11:1: key 'cols' is missing in spare"),
        ("even: 3", "11:7: even: must be even, got 3"),
        ("even: 102", "1:1: 'even' above 100 has no meaning"),
        ("in: x", "11:5: in: must be an integer, got 'x'"),
        ("inn: 1", "11:1: no key 'inn'; did you mean 'in'?"),
    ],
)
def test_a_mistake_in_an_added_line(line: str, said: str) -> None:
    assert message(f"{GOOD}{line}\n") == f"hw.yaml:{said}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("eyeriss", "12", "1:7: name: must be text, got 12"),
        ("eyeriss", "''", "1:7: name: must have at least 1 characters, got ''"),
        ("kind: rf", "kind: rff", "7:9: levels.spad.kind: must be 'sram' or 'rf', got 'rff'; did you mean 'rf'?"),
        ("kind: sram, ", "", "6:3: key 'kind' is missing in levels.glb"),
        ("name: glb, ", "", "6:3: key 'name' is missing in levels.0"),
        (
            "words: 12",
            "wrods: 12",
            "9:3: no key 'wrods' in levels.spad; did you mean 'words' or 'holds'?",
        ),
        ("108 KiB", "108 MHz", "6:33: levels.glb.size: must be a size such as '108 KiB', got '108 MHz'"),
        ("108 KiB", "-1 KiB", "6:33: levels.glb.size: must be greater than 0, got '-1 KiB'"),
        ("[row_stationary]", "[rows]", f"10:11: levels.spad.holds.0: {EITHER}, got 'rows'"),
        ("dataflow: row_stationary", "dataflow: 1", f"4:11: dataflow: {EITHER}, got 1"),
        (
            "dataflow: row_stationary",
            "dataflow: weight_statonary",
            f"4:11: dataflow: {EITHER}, got 'weight_statonary'; did you mean 'weight_stationary' or 'row_stationary'?",
        ),
    ],
)
def test_a_mistake_in_a_changed_line(old: str, new: str, said: str) -> None:
    assert message(GOOD.replace(old, new)) == f"hw.yaml:{said}"


def test_all_mistakes_in_the_order_of_the_file() -> None:
    text = "clock: 3 Mhz\narray: {cols: 0, rows: a}\nlevls: []\nlevels: []\ndataflow: rows\n"
    assert message(text).splitlines() == [
        "hw.yaml:1:1: key 'name' is missing",
        "hw.yaml:1:8: clock: must be a frequency such as '200 MHz', got '3 Mhz'; did you mean 'MHz'?",
        "hw.yaml:2:15: array.cols: must be at least 1, got 0",
        "hw.yaml:2:24: array.rows: must be an integer, got 'a'",
        "hw.yaml:3:1: no key 'levls'; did you mean 'levels'?",
        "hw.yaml:4:9: levels: must have at least 1 items, got 0",
        f"hw.yaml:5:11: dataflow: {EITHER}, got 'rows'",
    ]


def test_a_long_value_is_cut() -> None:
    cut = "'" + "x" * 57 + "...'"
    assert message(GOOD + f"even: {'x' * 500}\n") == f"hw.yaml:11:7: even: must be an integer, got {cut}"


def test_a_part_of_a_file() -> None:
    document = load(Source("hw", "hw.yaml", "outer:\n  array: {rows: 1, cols: 2}\n  other: {rows: x, cols: 2}\n"))
    assert bind(document, Array, at=("outer", "array")) == Array(rows=1, cols=2)
    with pytest.raises(InputError) as caught:
        bind(document, Array, at=("outer", "other"))
    assert str(caught.value) == "hw.yaml:3:17: outer.other.rows: must be an integer, got 'x'"


def test_data_in_place_of_the_file_keeps_its_places() -> None:
    document = load(Source("hw", "hw.yaml", "array: 12 x 14\n"))
    with pytest.raises(InputError) as caught:
        bind(document, Array, data={"rows": 12, "cols": 0}, at=("array",))
    assert str(caught.value) == "hw.yaml:1:8: array.cols: must be at least 1, got 0"


def test_integers_of_any_size_reach_the_model() -> None:
    class Big(Model):
        n: int

    assert bind(load(Source("x", "x.yaml", f"n: {10**900}")), Big).n == 10**900


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["rf", "sram"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "name", "size", "rows", "cols", "height", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*Hardware.model_fields, "in", "other"]), values))
def test_any_data_is_bound_or_refused_with_its_place(data: dict[str, Any]) -> None:
    document = load(Source("hw", "hw.yaml", GOOD))
    try:
        bind(document, Hardware, data=document.data | data)
    except InputError as error:
        assert error.mistakes
        for mistake in error.mistakes:
            assert mistake.startswith("hw.yaml:")
            assert len(mistake.splitlines()) == 1, mistake
