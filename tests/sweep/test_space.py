"""Design spaces: what they hold, in which order, and what is said of mistakes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.errors import InputError
from accsim.sweep.condition import ConditionError, condition
from accsim.sweep.ranges import expand
from accsim.sweep.settings import Settings
from tests.sweep.spaces import space


def test_grid_order_and_command() -> None:
    found = space(
        """\
energy: {entries.pe/multiplier.points.0.mac: [0.1, 0.2]}
set:
  levels.buffer.size: {from: 32 KiB, to: 128 KiB, factor: 2}
  array.rows: [8, 16]
workload: lenet_caffe
hardware: systolic_32x32
dataflow: [weight_stationary, output_stationary]
"""
    )
    points = [point for _, point in found.points()]
    assert len(points) == found.size() == found.product == 24
    # prices change fastest, then sizes, then the array, then the dataflow
    assert [p.energy[0][1] for p in points[:4]] == ["0.1", "0.2", "0.1", "0.2"]
    assert [dict(p.sets)["levels.buffer.size"] for p in points[:6:2]] == ["32 KiB", "64 KiB", "128 KiB"]
    assert [p.dataflow for p in points[::12]] == ["weight_stationary", "output_stationary"]
    assert points[1].command() == (
        "accsim run lenet_caffe --hardware systolic_32x32 --dataflow weight_stationary --set array.rows=8 "
        "--set 'levels.buffer.size=32 KiB' --set-energy entries.pe/multiplier.points.0.mac=0.2"
    )
    assert found.varied() == (
        "dataflow", "array.rows", "levels.buffer.size", "energy.entries.pe/multiplier.points.0.mac",
    )  # fmt: skip


@settings(max_examples=25)
@given(begin=st.integers(0, 60), rows=st.lists(st.integers(1, 9), min_size=1, max_size=4, unique=True))
def test_points_are_numbered_whatever_the_conditions(begin: int, rows: list[int]) -> None:
    found = space(
        f"""\
workload: lenet_caffe
hardware: systolic_32x32
batch: [1, 2]
set: {{array.rows: {rows}, array.cols: [1, 4, 5], levels.buffer.size: [1 KiB, 2 KiB]}}
where: [array.rows <= array.cols, "levels.buffer.size > '1024 B' or batch == 1"]
"""
    )
    every = [(place, found.at(place)) for place in range(found.product)]
    kept = [(place, point) for place, point in every if point is not None and place >= begin]
    assert list(found.points(begin)) == kept
    for _, point in kept:
        sets = dict(point.sets)
        assert int(sets["array.rows"]) <= int(sets["array.cols"])
        assert sets["levels.buffer.size"] == "2 KiB" or point.batch == 1
        assert Settings.from_dict(point.to_dict()) == point


def test_keys_that_vary_together() -> None:
    found = space(
        """\
workload: lenet_caffe
hardware: systolic_32x32
together:
  - - {array.cols: 16, clock: 600 MHz}
    - {array.cols: 32, clock: 500 MHz}
"""
    )
    assert [p.sets for _, p in found.points()] == [
        (("array.cols", "16"), ("clock", "600 MHz")),
        (("array.cols", "32"), ("clock", "500 MHz")),
    ]


def test_all_mistakes_at_once_with_places() -> None:
    with pytest.raises(InputError) as raised:
        space(
            """\
workload: [lenet_cafe]
hardware: systolic_32x32
dataflows: weight_stationary
objective: [energy, power]
batch: [0, 1]
set:
  array.row: [8]
  array.cols: [twelve, 8, 8]
  levels.bufer.size: [1 KiB]
energy: {entries.pe/multiplyer.points.0.mac: 1}
where:
  - array.rows <= array.cols
  - open('x')
"""
        )
    mistakes = raised.value.mistakes
    assert [said.split(": ")[0] for said in mistakes] == [
        "space.yaml:1:12", "space.yaml:3:1", "space.yaml:4:21", "space.yaml:5:9", "space.yaml:7:15", "space.yaml:8:16",
        "space.yaml:8:27", "space.yaml:9:23", "space.yaml:10:46", "space.yaml:12:5", "space.yaml:13:5",
    ]  # fmt: skip
    assert mistakes[1] == "space.yaml:3:1: no key 'dataflows'; did you mean 'dataflow'?"
    assert mistakes[2] == (
        "space.yaml:4:21: objective.1: unknown objective 'power': must be one of energy, latency, edp, traffic"
    )
    assert mistakes[3] == "space.yaml:5:9: batch.0: must be a whole number of at least 1, got '0'"
    assert mistakes[4] == "space.yaml:7:15: set.array.row.0: no key 'row' in array; did you mean 'rows'?"
    assert mistakes[5] == "space.yaml:8:16: set.array.cols.0: must be an integer, got 'twelve'"
    assert mistakes[6] == "space.yaml:8:27: set.array.cols.2: '8' is given twice"
    assert mistakes[7].startswith(
        "space.yaml:9:23: set.levels.bufer.size.0: no item 'bufer' in levels; did you mean 'buffer'"
    )
    assert mistakes[8].startswith(
        "space.yaml:10:46: energy.entries.pe/multiplyer.points.0.mac: no item 'pe/multiplyer'"
    )
    assert mistakes[9] == (
        "space.yaml:12:5: where.0: no key 'array.rows' in the space; did you mean 'array.row' or 'array.cols'?"
    )
    assert mistakes[10] == "space.yaml:13:5: where.1: \"open('x')\" is not known in a condition"


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ({"from": 8, "to": 32, "step": 8}, ["8", "16", "24", "32"]),
        ({"from": 8, "to": 31, "step": 8}, ["8", "16", "24"]),
        ({"from": 0.1, "to": 0.3, "step": 0.1}, ["0.1", "0.2", "0.3"]),
        ({"from": "32 KiB", "to": "128 KiB", "factor": 2}, ["32 KiB", "64 KiB", "128 KiB"]),
        ({"from": "512 KiB", "to": "1 MiB", "step": "256 KiB"}, ["512 KiB", "768 KiB", "1024 KiB"]),
        ({"from": "200 MHz", "to": "1 GHz", "step": "400 MHz"}, ["200 MHz", "600 MHz", "1000 MHz"]),
    ],
)
def test_ranges(spec: dict[str, object], values: list[str]) -> None:
    assert expand(spec) == values


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"from": 1, "to": 2}, "a range needs from, to, and either step or factor"),
        ({"from": 1, "to": 2, "step": 0}, "step must be greater than 0, got 0"),
        ({"from": 3, "to": 2, "step": 1}, "holds no value: from 3 is above to 2"),
        ({"from": 1, "to": 2, "factor": 1}, "factor must be a number greater than 1, got 1"),
        ({"from": "1 KiB", "to": 2, "step": 1}, "to must have a unit of the same kind as from, got 2"),
        ({"from": 1, "to": 1e9, "step": 1}, "holds 1000000000 values, more than 100000"),
        ({"from": 1, "till": 2}, "a range has the keys from, to and step or factor, got 'till'"),
    ],
)
def test_ranges_that_are_none(spec: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError) as raised:
        expand(spec)
    assert str(raised.value) == said


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a.rows * a.cols <= 128", True),
        ("a.rows == 8 and not a.cols < 16", True),
        ("size <= '64 KiB'", False),
        ("size == 1048576", True),
        ("size in ('128 KiB', '1 MiB')", True),
        ("dataflow != 'os' or a.rows > 8", False),
        ("4 < a.rows <= 8", True),
        ("key('dash-ed') == 'x'", True),
        ("a.cols % a.rows == 0 and a.cols // 3 == 5 and -a.rows < 0", True),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    values = {"a.rows": "8", "a.cols": "16", "size": "128 KiB", "dataflow": "os", "dash-ed": "x"}
    assert condition(text, frozenset(values)).holds(values) is holds


def test_a_condition_that_cannot_be_worked_out() -> None:
    with pytest.raises(ConditionError, match="cannot be worked out"):
        condition("a < 'text'", frozenset({"a"})).holds({"a": "1"})
