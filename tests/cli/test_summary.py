# ruff: noqa: E501 - the tables are as wide as a terminal
"""The text of ``accsim run`` on a made-up result."""

from __future__ import annotations

from typing import Any

import pytest

from accsim.cli import console
from accsim.cli.summary import MOST_NOTES, summary

LEVELS = {
    "dram": "dram",
    "glb": "sram",
    "bus_in": "noc",
    "bus_out": "noc",
    "spad": "rf",
    "pe": "pe",
    "vector": "vector",
}


def row(level: str, action: str, bits: int) -> dict[str, Any]:
    return {"level": level, "operand": "ifmap", "action": action, "accesses": bits // 16, "bits": bits, "energy": 0.0}


def layer(name: str, kind: str, macs: int, total: int, energy: dict[str, float], **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "macs": macs,
        "effectual_macs": macs,
        "start_cycle": 0,
        "cycles": {"total": total, "compute": total, "fill": 0, "drain": 0, "stall": 0},
        "stalls": {},
        "processing_ms": total / 2e5,
        "latency_ms": total / 1e5,
        "pe": {"active_max": 4, "active_average": 3.5, "utilization": macs / (4 * total), "idle_slots": {}},
        "tensors": {},
        "activity": [row("dram", "read", 8_000_000), row("glb", "read", 32_000_000), row("spad", "read", 10**9)],
        "energy": {"total": sum(energy.values()), **energy},
        "mapping": {},
        "notes": [],
        "warnings": [],
        **more,
    }


def made_up(unit: str = "pJ", batch: int = 1) -> dict[str, Any]:
    conv = layer(
        "conv1",
        "conv",
        1_000_000,
        300_000,
        {"dram": 2e6, "glb": 1e6, "bus_in": 1e5, "bus_out": 2e5, "spad": 5e5, "pe": 1e6},
    )
    pool = layer("pool1", "pool", 0, 50_000, {"dram": 4e5, "glb": 2e5, "vector": 1000.0})
    layers = [conv, pool]
    energy = {name: sum(each["energy"].get(name, 0.0) for each in layers) for name in ("total", *LEVELS)}
    absolute = unit == "pJ"
    return {
        "schema": 1, "workload": "net", "hardware": "machine", "dataflow": "ws", "batch": batch, "clock_mhz": 100,
        "energy_table": {"name": "table", "unit": unit, "transfer_rule": "both_ends"},
        "levels": [{"name": name, "kind": kind, "instances": 1} for name, kind in LEVELS.items()],
        "layers": layers,
        "totals": {
            "macs": 1_000_000,
            "cycles": {"total": 350_000, "compute": 350_000, "fill": 0, "drain": 0, "stall": 0},
            "latency_ms": 3.5,
            "energy": energy,
            "power_mw": 0.857 if absolute else None,
            "system_power_mw": 1.543 if absolute else None,
            "fps": 285.7 * batch,
            "area_mm2": 1.25 if absolute else None,
            "utilization": 1e6 / (4 * 350_000),
        },
        "not_modelled": ["refresh", "refresh"], "notes": ["of all"], "warnings": [],
    }  # fmt: skip


@pytest.fixture
def text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def call(result: dict[str, Any], width: int = 160) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        console.show(summary(result))
        return capsys.readouterr().out

    return call


def test_a_column_per_level_where_there_is_room(text) -> None:
    assert (
        text(made_up())
        == """\
net on machine, batch 1
dataflow ws, energy table table, 100 MHz

layer  kind       MACs   cycles  util.  active PEs   DRAM  buffer   dram    glb  bus_in  bus_out   spad     pe  vector  energy   time
                                     %   max / avg     MB      MB     µJ     µJ      µJ       µJ     µJ     µJ      µJ      µJ     ms
-----  ----  ---------  -------  -----  ----------  -----  ------  -----  -----  ------  -------  -----  -----  ------  ------  -----
conv1  conv  1,000,000  300,000   83.3     4 / 3.5  1.000   4.000  2.000  1.000   0.100    0.200  0.500  1.000       0   4.800  3.000
pool1  pool              50,000                     1.000   4.000  0.400  0.200       0        0      0      0   0.001   0.601  0.500
-----  ----  ---------  -------  -----  ----------  -----  ------  -----  -----  ------  -------  -----  -----  ------  ------  -----
total        1,000,000  350,000   71.4              2.000   8.000  2.400  1.200   0.100    0.200  0.500  1.000   0.001   5.401  3.500

latency          3.5 ms
processing time  1.75 ms, without waits for off-chip transfers
rate             286 inferences/s
power            857 µW on chip, 1.54 mW with DRAM
energy           5.4 µJ per inference
area             1.25 mm2

note: of all
not modelled: refresh

"""
    )


def test_levels_of_a_kind_are_added_up_where_there_is_less(text) -> None:
    lines = text(made_up(), 130).splitlines()
    assert lines[3].split()[-8:] == ["dram", "glb", "networks", "spad", "pe", "vector", "energy", "time"]
    assert lines[6].split()[-8:] == ["2.000", "1.000", "0.300", "0.500", "1.000", "0", "4.800", "3.000"]
    assert max(map(len, lines)) <= 130


def test_energy_has_its_own_table_where_there_is_little(text) -> None:
    lines = text(made_up(), 80).splitlines()
    assert max(map(len, lines)) <= 80
    heads = [line.split() for line in lines if line.startswith("layer ")]
    assert heads[0][-3:] == ["DRAM", "buffer", "time"]
    assert heads[1] == ["layer", "dram", "glb", "networks", "spad", "pe", "vector", "energy"]


def test_a_batch_is_for_all_inferences_and_energy_is_per_inference(text) -> None:
    said = text(made_up(batch=2))
    assert "latency          3.5 ms for 2 inferences\n" in said
    assert "energy           2.7 µJ per inference\n" in said


def test_a_table_without_an_absolute_unit(text) -> None:
    said = text(made_up("mac"))
    assert "M MAC" in said.splitlines()[4]
    assert "power            not known: the energy table has no absolute unit\n" in said
    assert "energy           5.4 million MAC energies per inference\n" in said
    assert "area             not known\n" in said


def test_notes_are_said_once_with_their_layers(text) -> None:
    result = made_up()
    result["layers"] = [{**result["layers"][0], "name": f"conv{i}", "notes": ["folded", "of all"]} for i in range(5)]
    result["layers"][4]["warnings"] = ["outside the range"]
    result["layers"][0]["notes"] = ["folded", "folded", "alone"]
    lines = text(result).splitlines()
    assert lines[lines.index("warning: conv4: outside the range") :] == [
        "warning: conv4: outside the range",
        "note: of all",
        "note: conv0, conv1, conv2 and 2 more layers: folded",
        "note: conv0: alone",
        "not modelled: refresh",
        "",
    ]


def test_many_notes_are_counted(text) -> None:
    result = made_up()
    result["layers"][0]["notes"] = [f"number {i}" for i in range(MOST_NOTES + 3)]
    lines = text(result).splitlines()
    assert "note: 3 more notes on layers are in the report and in --json" in lines
    assert len([line for line in lines if line.startswith("note: conv1: number")]) == MOST_NOTES


def test_nothing_to_do_is_shown_without_fuss(text) -> None:
    result = made_up()
    result["layers"] = []
    result["totals"] |= {"latency_ms": 0, "fps": None, "power_mw": None, "system_power_mw": None, "utilization": None}
    result["totals"]["energy"] = {"total": 0.0}
    assert "rate             not known\n" in text(result)


def test_a_terminal_gets_colours_and_the_same_words(monkeypatch: pytest.MonkeyPatch, capsys, text) -> None:
    plain = text(made_up())
    monkeypatch.setattr(console, "on_terminal", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = text(made_up())
    assert "\x1b[1m" in coloured
    words = [word for word in plain.split() if set(word) != {"-"}]
    assert not [word for word in words if word not in coloured]
