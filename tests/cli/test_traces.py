"""``accsim run --engine stepped --trace ...``: the files, that they tell what the result tells, and what is refused."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trace.readers import Chrome, Dump, rows_of

RUN = ("run", "net.yaml", "--hardware", "hw.yaml", "--engine", "stepped", "--no-html")
ALL = ("--trace", "t.json.gz", "--sram-trace", "sram.csv", "--dram-trace", "dram.csv.gz")
ONE = ("--layers", "conv1", "--vcd", "a.vcd")


@pytest.fixture
def refused(accsim, folder: Path) -> Callable[..., list[str]]:
    """Runs a command that must be refused and leave every file as it was; returns its sentences."""

    def call(*arguments: str) -> list[str]:
        before = sorted(folder.rglob("*"))
        said = accsim(*arguments)
        assert (said.code, said.out) == (2, "")
        assert sorted(folder.rglob("*")) == before
        return [line.removeprefix("accsim: error: ") for line in said.err.splitlines()]

    return call


@pytest.fixture
def nothing_is_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    def simulated(*_: object, **__: object) -> None:
        raise AssertionError("simulated before the options were looked at")

    monkeypatch.setattr("accsim.pipeline.simulate_network", simulated)


def result(accsim, *arguments: str) -> dict:
    said = accsim(*RUN, *arguments, "--json", "r.json", "--quiet")
    assert (said.code, said.out, said.err) == (0, "", "")
    return json.loads(Path("r.json").read_text())


def bits(found: dict, kind: str) -> dict[tuple[str, ...], int]:
    """Bits by layer, level, operand and action at the levels of a kind."""
    levels = {level["name"] for level in found["levels"] if level["kind"] == kind}
    out: dict[tuple[str, ...], int] = defaultdict(int)
    for layer in found["layers"]:
        for row in layer["activity"]:
            if row["level"] in levels and row["action"] in ("read", "write", "fill"):
                out[layer["name"], row["level"], row["operand"], row["action"]] += row["bits"]
    return dict(out)


def test_a_run_is_told_of_with_its_files(accsim, folder: Path) -> None:
    said = accsim(*RUN, *ALL, "--json", "r.json")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-4:] == ["wrote r.json", "wrote t.json.gz", "wrote sram.csv", "wrote dram.csv.gz"]
    assert sorted(os.listdir(folder)) == ["dram.csv.gz", "hw.yaml", "net.yaml", "r.json", "sram.csv", "t.json.gz"]


def test_recording_changes_nothing(accsim) -> None:
    plain, recorded = result(accsim), result(accsim, *ALL)
    for one in (plain, recorded):
        del one["command"]
    assert recorded == plain


@pytest.mark.parametrize("hardware", ["hw.yaml", "edge_8x8", "eyeriss"])
def test_the_traces_add_up_to_the_result(accsim, hardware: str) -> None:
    found = result(accsim, *ALL, "--hardware", hardware)
    (dram,) = [level["name"] for level in found["levels"] if level["kind"] == "dram"]

    moved: dict[tuple[str, ...], int] = defaultdict(int)
    for row in rows_of(Path("dram.csv.gz")):
        moved[row["layer"], dram, row["operand"], row["direction"]] += int(row["bits"])
    assert dict(moved) == bits(found, "dram")

    accessed: dict[tuple[str, ...], int] = defaultdict(int)
    for row in rows_of(Path("sram.csv")):
        accessed[row["layer"], row["level"], row["operand"], row["action"]] += int(row["bits"])
    assert dict(accessed) == bits(found, "sram")

    trace = Chrome(Path("t.json.gz"))
    shown = {e["name"]: (e["args"]["start_cycle"], e["args"]["cycles"]) for e in trace.on("layers")}
    assert shown == {one["name"]: (one["start_cycle"], one["cycles"]["total"]) for one in found["layers"]}
    stalls: dict[str, int] = defaultdict(int)
    for event in trace.on("stalls"):
        stalls[event["name"]] += event["args"]["cycles"]
    assert dict(stalls) == {cause: n for cause, n in found["totals"]["stalls"].items() if n}
    operands: dict[tuple[str, str], int] = defaultdict(int)
    for event in trace.on("dram"):
        operands[event["args"]["operand"], event["args"]["direction"]] += event["args"]["bits"]
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for (_, _, operand, action), n in bits(found, "dram").items():
        expected[operand, action] += n
    assert operands == expected
    macs = [one for one in found["layers"] if one["macs"]]
    on_array = sum(event["args"]["cycles"] for event in trace.on("array"))
    assert on_array == sum(one["cycles"]["total"] - one["stalls"][dram] for one in macs)


@pytest.mark.parametrize("name", ["array", "dram", "layers", "moves", "stalls", "vector"])
def test_a_buffer_may_be_called_like_a_track(accsim, folder: Path, name: str) -> None:
    plain = folder / "hw.yaml"
    renamed = plain.read_text().replace("name: dram,", "name: memory,").replace("name: buffer,", f"name: {name},")
    slices = []
    for text in (plain.read_text(), renamed):
        plain.write_text(text)
        found = result(accsim, *ALL)
        trace = Chrome(Path("t.json.gz"))
        slices.append(Counter((e["cat"], e["args"]["start_cycle"], e["args"]["cycles"]) for e in trace.slices))
        assert sum(int(row["bits"]) for row in rows_of(Path("dram.csv.gz"))) == sum(bits(found, "dram").values())
        assert sum(int(row["bits"]) for row in rows_of(Path("sram.csv"))) == sum(bits(found, "sram").values())
    assert slices[0] == slices[1]
    assert any(kind == "buffer" for kind, _, _ in slices[0])


def test_the_same_run_gives_the_same_bytes(accsim) -> None:
    taken = []
    for _ in range(2):
        result(accsim, *ALL)
        taken.append([Path(name).read_bytes() for name in ALL[1::2]])
    assert taken[0] == taken[1]


@pytest.mark.slow
def test_two_processes_give_the_same_traces(accsim) -> None:
    taken = []
    for jobs in ("1", "2"):
        result(accsim, *ALL, "--jobs", jobs)
        taken.append([Path(name).read_bytes() for name in ALL[1::2]])
    assert taken[0] == taken[1]


@pytest.mark.parametrize("hardware", ["hw.yaml", "edge_8x8", "eyeriss"])
def test_a_dump_shows_the_registers_of_one_layer(accsim, hardware: str) -> None:
    plain = result(accsim, "--layers", "conv1", "--hardware", hardware)
    (layer,), array = plain["layers"], plain["hardware_description"]["array"]
    end = layer["cycles"]["total"] - layer["stalls"]["dram"]
    edges = range(end - 40, end)
    result(accsim, *ONE, "--window", f"{edges.start}:{edges.stop}", "--hardware", hardware)
    dump = Dump(Path("a.vcd"))
    assert f"accsim.row_{array['rows'] - 1}.col_{array['cols'] - 1}.{_sums(dump)}" in dump.widths
    assert f"accsim.row_{array['rows']}.col_0.{_sums(dump)}" not in dump.widths
    period = dump.times[2] - dump.times[0]
    assert (dump.times[0], dump.times[-1]) == (edges.start * period, edges.stop * period)
    assert [dump.at("accsim.cycle", edge * period) for edge in edges] == list(edges)
    assert [dump.at("accsim.clock", edge * period) for edge in edges] == [1] * len(edges)
    values = [name for name in dump.widths if f"{name}_valid" in dump.widths]
    for edge in edges[::13]:
        for name in values:
            assert dump.at(f"{name}_valid", edge * period) == (dump.at(name, edge * period) is not None)
    assert any(dump.at(name, edges.start * period) is not None for name in values)
    assert dump.at("accsim.edge.psum_out_words", edges[-1] * period) > 0


def _sums(dump: Dump) -> str:
    return "psum" if "accsim.row_0.col_0.psum" in dump.widths else "psum_spad_0"


def test_the_words_at_the_edge_are_those_of_the_sram_trace(accsim) -> None:
    result(accsim, *ONE, "--window", "0:60", "--sram-trace", "sram.csv")
    dump = Dump(Path("a.vcd"))
    period = dump.times[2] - dump.times[0]
    for operand, direction, action in (("ifmap", "in", "read"), ("weight", "in", "read"), ("psum", "out", "write")):
        words = {
            int(row["array_edge"]): int(row["words"])
            for row in rows_of(Path("sram.csv"))
            if (row["operand"], row["action"]) == (operand, action) and row["array_edge"]
        }
        assert words
        for edge in range(60):
            assert dump.at(f"accsim.edge.{operand}_{direction}_words", edge * period) == words.get(edge, 0)
    lanes = [name for name in dump.widths if name.startswith("accsim.edge.bus_ifmap_in") and name.endswith("_valid")]
    assert len(lanes) == 2
    for edge in range(60):
        time = edge * period
        assert sum(dump.at(lane, time) for lane in lanes) == dump.at("accsim.edge.ifmap_in_words", time)


def test_a_trace_needs_the_stepped_engine(refused, nothing_is_simulated) -> None:
    options = (*ALL, "--vcd", "a.vcd", "--window", "0:1")
    assert refused("run", "net.yaml", "--hardware", "hw.yaml", *options) == [
        f"{option} is for the stepped engine: add --engine stepped"
        for option in ("--trace", "--vcd", "--sram-trace", "--dram-trace", "--window")
    ]


@pytest.mark.parametrize("option", ["--trace", "--vcd", "--sram-trace", "--dram-trace"])
def test_an_unwritable_trace_is_found_before_the_work(refused, folder: Path, nothing_is_simulated, option: str) -> None:
    extra = ("--window", "0:1") if option == "--vcd" else ()
    (folder / "there").mkdir()
    assert refused(*RUN, option, "there", *extra) == [f"{option}: cannot write there: it is a folder"]
    assert refused(*RUN, option, "no/a.json", *extra) == [
        f"{option}: cannot write no/a.json: there is no folder {str(folder / 'no')!r}"
    ]
    assert refused(*RUN, option, "-", *extra) == [f"{option}: a trace is written to a file, not to the standard output"]
    assert refused(*RUN, option, "a.json", "--json", "a.json", *extra) == [
        f"{option}: a.json is already what --json writes"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(refused, folder: Path, nothing_is_simulated) -> None:
    (folder / "sealed").mkdir(mode=0o500)
    assert refused(*RUN, "--trace", "sealed/a.json") == [
        f"--trace: cannot write sealed/a.json: the folder {str(folder / 'sealed')!r} is not writable"
    ]


@pytest.mark.parametrize("text", ["12", "a:b", "5:5", "9:3", "-1:4", "1:2:3", ":5", "5:", "", "1e3:2e3", "1.0:2"])
def test_a_malformed_window(refused, nothing_is_simulated, text: str) -> None:
    assert refused(*RUN, *ONE, f"--window={text}") == [
        f"--window: must be START:END, the first cycle and the one after the last, such as 1000:1200, got {text!r}"
    ]


def test_a_dump_and_its_window_go_together(refused, nothing_is_simulated) -> None:
    assert refused(*RUN, "--vcd", "a.vcd") == [
        "--vcd needs the cycles to show: add --window START:END, such as --window 0:200"
    ]
    assert refused(*RUN, "--window", "0:200") == ["--window says what --vcd shows: add --vcd FILE"]


def test_a_window_outside_the_run(accsim, refused, folder: Path) -> None:
    said = result(accsim, "--layers", "conv1")
    (layer,) = said["layers"]
    cycles = layer["cycles"]["total"] - layer["stalls"]["dram"]
    for window in (f"{cycles - 1}:{cycles + 1}", "100000:100001"):
        assert refused(*RUN, *ONE, "--window", window, "--trace", "t.json") == [
            f"window {window} is outside the {cycles} array cycles of layer 'conv1' (waits for DRAM not counted)"
        ]
    result(accsim, *ONE, "--window", f"{cycles - 1}:{cycles}")
    assert (folder / "a.vcd").exists()


def test_one_layer_with_macs_must_be_run(refused) -> None:
    assert refused(*RUN, "--vcd", "a.vcd", "--window", "0:9") == [
        "--vcd shows the registers of one layer with MACs, and 2 are run: choose one with --layers, such as "
        "--layers conv1; there are conv1, fc1"
    ]
    assert refused(*RUN, "--vcd", "a.vcd", "--window", "0:9", "--layers", "conv1.relu") == [
        "--vcd shows the registers of a layer with MACs, and none of 'net' is run"
    ]


def test_a_window_too_long_for_the_array(refused) -> None:
    assert refused(*RUN, *ONE, "--window", "0:10000000") == [
        "--window 0:10000000: small has 20 register words, and at most 16777216 words are dumped: 838860 cycles"
    ]


def test_without_pyvcd_one_sentence_says_what_to_install(
    refused, nothing_is_simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vcd", None)
    assert refused(*RUN, *ONE, "--window", "0:9") == ["--vcd needs the package pyvcd: python -m pip install pyvcd"]


@pytest.mark.parametrize("where", ["accsim.trace.chrome.ChromeTrace.layer", "accsim.result.Result.to_dict"])
def test_an_interruption_leaves_what_was_there(
    accsim, folder: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for name in ("t.json.gz", "dram.csv.gz"):
        (folder / name).write_text("old")
    monkeypatch.setattr(where, interrupt)
    assert accsim(*RUN, *ALL).code == 130
    assert {path.name: path.read_text() for path in folder.iterdir() if "csv" in path.name or "json" in path.name} == {
        "t.json.gz": "old",
        "dram.csv.gz": "old",
    }


def test_help_tells_what_the_files_are_for(accsim) -> None:
    said = accsim("run", "--help")
    for words in ("--trace FILE", "https://ui.perfetto.dev", "--window START:END", "GTKWave", "sram.csv.gz"):
        assert words in said.out


def test_a_compressed_trace_is_the_plain_one(accsim) -> None:
    result(accsim, "--trace", "a.json")
    result(accsim, "--trace", "b.json.gz")
    assert gzip.decompress(Path("b.json.gz").read_bytes()) == Path("a.json").read_bytes()
