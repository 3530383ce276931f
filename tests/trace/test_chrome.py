"""The Chrome trace of hand-made events, read back and checked against the format."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator
from accsim.hardware.reader import load_accelerator
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.simulate.activity import Activity, Cycles
from accsim.simulate.network import simulate_other
from accsim.simulate.residency import plan
from accsim.simulate.stepped.pass_timeline import Event
from accsim.trace.chrome import ChromeTrace
from accsim.workload.network import Network
from accsim.workload.reader import load_network
from tests.trace.readers import Chrome, text_of


@pytest.fixture(scope="module")
def machine() -> Accelerator:
    return load_accelerator("edge_8x8")


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network("alexnet", layers=["conv1", "pool1"])


def activity(total: int, start: int = 0, name: str = "conv1") -> Activity:
    return Activity(name, start, Cycles(total), total, 7, 7, ())


def write(
    path: Path, machine: Accelerator, network: Network, layers: Iterable[tuple[Activity, Iterable[Event] | None]]
) -> None:
    with ChromeTrace(str(path)) as trace:
        trace.begin(network, machine, load_dataflow(machine.dataflow))
        for one, events in layers:
            trace.layer(one, None if events is None else SimpleNamespace(events=events, probe=None))


def test_tracks_times_and_counters(tmp_path: Path, machine: Accelerator, network: Network) -> None:
    events = [
        Event("dram", "read weight", 0, 20, {"operand": "weight", "direction": "read", "words": 8, "bits": 64}),
        Event("buffer buffer", "weight tile", 0, 60, {"operand": "weight", "words": 8, "slot": 0}),
        Event("buffer buffer", "weight tile", 30, 60, {"operand": "weight", "words": 4, "slot": 1}),
        Event("buffer buffer", "ifmap tile", 30, 50, {"operand": "ifmap", "words": 3, "slot": 0}),
        Event("array", "step 0", 20, 60, {"step": 0}),
        Event("stalls", "dram", 0, 20, {}),
    ]
    path = tmp_path / "a.json"
    write(path, machine, network, [(activity(60), events), (activity(60, 60), events)])
    found = Chrome(path)
    assert found.about == {"workload": "alexnet", "hardware": "edge_8x8", "batch": 1, "clock_mhz": 200.0}
    assert [name.split(":")[0] for name in found.processes.values()] == [
        "layers of alexnet", "stalls", "array", "dram", "buffer", "vector unit",
    ]  # fmt: skip
    first, second = found.on("array")
    assert (first["ts"], first["dur"], first["cat"]) == (0.1, 0.2, "array")
    assert first["args"] == {"start_cycle": 20, "cycles": 40, "step": 0}
    assert second["ts"] == pytest.approx(0.4)
    assert [found.thread(event) for event in found.on("buffer")] == [
        "weight slot 0", "weight slot 1", "ifmap slot 0",
    ] * 2  # fmt: skip
    assert [found.thread(event) for event in found.on("dram")] == ["weight"] * 2
    assert [found.thread(event) for event in found.on("stalls")] == ["dram"] * 2
    assert [(event["ts"], event["args"]) for event in found.counters] == [
        (pytest.approx(start + time), {"weight": weight, "ifmap": ifmap})
        for start in (0.0, 0.3)
        for time, weight, ifmap in ((0.0, 8, 0), (0.15, 12, 3), (0.25, 12, 0), (0.3, 0, 0))
    ]
    assert [event["args"]["compute"] for event in found.on("layers")] == [60, 60]


def test_slices_that_overlap_lie_on_lanes(tmp_path: Path, machine: Accelerator, network: Network) -> None:
    spans = [(0, 10), (5, 15), (10, 20), (12, 13), (15, 30)]
    events = [Event("array", f"step {i}", start, end, {}) for i, (start, end) in enumerate(spans)]
    write(tmp_path / "a.json", machine, network, [(activity(30), events)])
    found = Chrome(tmp_path / "a.json")
    assert [found.thread(event) for event in found.on("array")] == [
        "steps",
        "steps (2)",
        "steps",
        "steps (3)",
        "steps (2)",
    ]


@settings(max_examples=50)
@given(data=st.data())
def test_any_events_are_read_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever the clock and the order, all events arrive and no two of a thread overlap (``Chrome`` checks that)."""
    clock = data.draw(st.sampled_from((0.7, 66.67, 200, 700, 999, 1066.5, 3000)))
    machine = load_accelerator("edge_8x8", (f"clock={clock} MHz",))
    network = load_network("lenet5", layers=["C1"])
    tracks = st.sampled_from(("dram", "buffer buffer", "array", "stalls"))
    spans = st.tuples(tracks, st.integers(0, 10**6), st.integers(0, 50), st.sampled_from(("ifmap", "weight")))
    events = []
    for track, start, length, operand in data.draw(st.lists(spans, max_size=40)):
        args = {"operand": operand, "direction": "read", "words": 1 + length, "bits": 8}
        slot = {"slot": start % 2} if track == "buffer buffer" else {}
        events.append(Event(track, operand, start, start + length, {**args, **slot}))
    path = tmp_path_factory.mktemp("chrome") / "a.json.gz"
    write(path, machine, network, [(activity(10**6 + 50, name="C1"), events)])
    found = Chrome(path)
    expected = Counter((e.name, e.start, e.end - e.start) for e in events)
    shown = [e for e in found.slices if e["cat"] != "layers"]
    assert Counter((e["name"], e["args"]["start_cycle"], e["args"]["cycles"]) for e in shown) == expected
    for event in shown:
        assert event["ts"] == pytest.approx(event["args"]["start_cycle"] / clock, abs=1e-3)
        assert event["dur"] == pytest.approx(event["args"]["cycles"] / clock, abs=1e-3)


def test_a_layer_without_macs_has_its_transfers_and_stalls(tmp_path: Path, machine: Accelerator) -> None:
    network = load_network("alexnet", layers=["pool1", "conv1.lrn", "fc8.softmax"])
    layers = []
    clock = 0
    for layer in network.layers:
        one = simulate_other(layer, network, machine, plan(network, machine))
        layers.append((Activity(**{**{f: getattr(one, f) for f in one.__slots__}, "start_cycle": clock}), None))
        clock += one.cycles.total
    write(tmp_path / "a.json", machine, network, layers)
    found = Chrome(tmp_path / "a.json")
    for (one, _), shown in zip(layers, found.on("layers"), strict=True):
        span = range(one.start_cycle, one.start_cycle + one.cycles.total + 1)
        assert (shown["name"], shown["args"]["cycles"]) == (one.layer, one.cycles.total)

        def mine(track: str, span: range = span) -> Iterator[dict]:
            return (
                e
                for e in found.on(track)
                if e["args"]["start_cycle"] in span and e["args"]["start_cycle"] + e["args"]["cycles"] in span
            )

        moved = {(c.operand, c.action): c.bits for c in one.counts if c.level == "dram"}
        assert {(e["args"]["operand"], e["args"]["direction"]): e["args"]["bits"] for e in mine("dram")} == moved
        assert sum(e["args"]["cycles"] for e in mine("stalls")) == one.cycles.stall
        assert sum(e["args"]["cycles"] for e in mine("vector unit")) == one.cycles.compute


def test_the_same_run_gives_the_same_bytes(tmp_path: Path, machine: Accelerator, network: Network) -> None:
    events = [Event("array", "step 0", 0, 9, {"step": 0})]
    for name in ("a.json.gz", "b.json.gz", "c.json"):
        write(tmp_path / name, machine, network, [(activity(9), events)])
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.json.gz").read_bytes()) == (tmp_path / "c.json").read_bytes()


def test_names_are_quoted(tmp_path: Path, machine: Accelerator, network: Network) -> None:
    write(tmp_path / "a.json", machine, network, [(activity(9, name='a "b" \\ µ'), [])])
    assert [e["name"] for e in Chrome(tmp_path / "a.json").on("layers")] == ['a "b" \\ µ']
    assert text_of(tmp_path / "a.json").isascii()


def test_a_network_without_layers_run_is_a_valid_trace(tmp_path: Path, machine: Accelerator, network: Network) -> None:
    write(tmp_path / "a.json", machine, network, [])
    assert json.loads((tmp_path / "a.json").read_text())["traceEvents"]


def test_many_events_are_not_kept(tmp_path: Path, machine: Accelerator, network: Network) -> None:
    """24,000 events (4.5 MB of text) take what the counters need, about 60 bytes per tile, and one chunk."""

    def events() -> Iterator[Event]:
        tracemalloc.start()
        for i in range(12_000):
            yield Event("array", f"step {i}", 9 * i, 9 * i + 9, {"step": i})
            yield Event("buffer buffer", "ifmap tile", 9 * i, 9 * i + 9, {"operand": "ifmap", "words": i, "slot": 0})

    try:
        write(tmp_path / "a.json.gz", machine, network, [(activity(108_000), events())])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4e6
    text = text_of(tmp_path / "a.json.gz")
    assert text.count("\n") > 36_000
    assert len(text) > 4.4e6
