"""What the traces of a layer add up to: the counters and the cycles of its result, on any machine and mapping."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import RowStationaryMapping
from accsim.simulate.activity import Action, Activity
from accsim.simulate.stepped.layer import SteppedLayer, simulate_mac_stepped
from accsim.simulate.stepped.machine import Probe
from accsim.trace.accesses import DramTrace, SramTrace
from accsim.trace.chrome import ChromeTrace
from accsim.workload.layer import Operand
from accsim.workload.network import Network
from tests.simulate.stepped.test_layer import Case, row_stationary, systolic
from tests.trace.readers import Chrome, rows_of

START = 1000
"""The layer does not start the run."""

Totals = dict[tuple[str, ...], int]


def traced(case: Case, folder: Path) -> tuple[Activity, SteppedLayer]:
    """Step the layer and write all three traces."""
    task, operands = case.operands()
    layer = simulate_mac_stepped(task, case.machine, case.mapping, operands, probe=Probe(edges=True), events=True)
    activity = replace(layer.activity, start_cycle=START)
    network = Network("net", (task.layer,), task.layer.input_shapes[0])
    flow = load_dataflow("row_stationary" if isinstance(case.mapping, RowStationaryMapping) else "weight_stationary")
    for name, kind in (("a.json", ChromeTrace), ("dram.csv", DramTrace), ("sram.csv", SramTrace)):
        with kind(str(folder / name)) as trace:
            trace.begin(network, case.machine, flow)
            trace.layer(activity, layer)
    return activity, layer


def add(rows: list[tuple[tuple[str, ...], int]]) -> Totals:
    total: dict[tuple[str, ...], int] = defaultdict(int)
    for key, amount in rows:
        total[key] += amount
    return {key: amount for key, amount in total.items() if amount}


def counted(activity: Activity, levels: set[str]) -> Totals:
    """Bits by level, operand and action."""
    moves = (Action.READ, Action.WRITE, Action.FILL)
    return add(
        [((c.level, c.operand, c.action), c.bits) for c in activity.counts if c.level in levels and c.action in moves]
    )


@pytest.mark.parametrize("family", ["systolic", "row_stationary"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_traces_add_up_to_the_counters(
    tmp_path_factory: pytest.TempPathFactory, family: str, data: st.DataObject
) -> None:
    case = data.draw(systolic() if family == "systolic" else row_stationary())
    folder = tmp_path_factory.mktemp("totals")
    activity, layer = traced(case, folder)
    dram = case.machine.dram.name
    in_dram = counted(activity, {dram})

    transfers = rows_of(folder / "dram.csv")
    assert add([((dram, row["operand"], row["direction"]), int(row["bits"])) for row in transfers]) == in_dram
    for row in transfers:
        assert row["layer"] == activity.layer
        assert START <= int(row["start_cycle"]) <= int(row["end_cycle"]) <= START + activity.cycles.total

    accesses = rows_of(folder / "sram.csv")
    buffers = {level.name for level in case.machine.buffers}
    found = add([((row["level"], row["operand"], row["action"]), int(row["bits"])) for row in accesses])
    assert found == counted(activity, buffers)
    starts = [int(row["start_cycle"]) for row in accesses]
    assert starts == sorted(starts)
    for row in accesses:
        assert int(row["bits"]) == int(row["words"]) * case.machine.bits(Operand(row["operand"]))
        assert START <= int(row["start_cycle"]) <= int(row["end_cycle"]) <= START + activity.cycles.total

    trace = Chrome(folder / "a.json")
    shown = [((dram, e["args"]["operand"], e["args"]["direction"]), e["args"]["bits"]) for e in trace.on("dram")]
    assert add(shown) == in_dram
    stalls = add([((e["name"],), e["args"]["cycles"]) for e in trace.on("stalls")])
    assert stalls == {(cause,): cycles for cause, cycles in activity.cycles.stalls if cycles}
    (whole,) = trace.on("layers")
    assert (whole["args"]["start_cycle"], whole["args"]["cycles"]) == (START, activity.cycles.total)
    assert Counter(e["name"] for e in trace.on("array")) == Counter(
        f"step {i}" for i in range(len(layer.observed.runs))
    )


@pytest.mark.parametrize("family", ["systolic", "row_stationary"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_no_output_precedes_its_last_operand(
    tmp_path_factory: pytest.TempPathFactory, family: str, data: st.DataObject
) -> None:
    """In the trace alone: a step waits for the tiles that it begins with, and a tile of sums for the steps before."""
    case = data.draw(systolic() if family == "systolic" else row_stationary())
    folder = tmp_path_factory.mktemp("causality")
    traced(case, folder)
    trace = Chrome(folder / "a.json")
    steps = [event["args"] for event in sorted(trace.on("array"), key=lambda event: event["args"]["step"])]
    for transfer in (event["args"] for event in trace.on("dram") if "straight" not in event["name"]):
        tile = {dim: index for dim, index in transfer.items() if len(dim) == 1}
        begins = [step for step in steps if all(step[dim] == index for dim, index in tile.items())]
        start, end = transfer["start_cycle"], transfer["start_cycle"] + transfer["cycles"]
        if transfer["direction"] == "read":
            assert any(step["start_cycle"] >= end for step in begins)
        else:
            assert any(step["done"] <= start for step in begins)
    for step in steps:
        assert START <= step["ready"] <= step["start_cycle"] <= step["done"]
