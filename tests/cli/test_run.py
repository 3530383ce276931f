"""``accsim run``: the table, the files, and that both tell the same."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from accsim.report.schema import result_schema

RUN = ("run", "net.yaml", "--hardware", "hw.yaml")
LAYERS = ["conv1", "conv1.relu", "fc1"]


def result(accsim, *arguments: str) -> dict:
    said = accsim(*RUN, *arguments, "--no-html", "--json", "-")
    assert (said.code, said.err) == (0, "")
    return json.loads(said.out)


def test_the_main_job_needs_only_a_network(accsim, folder: Path) -> None:
    said = accsim("run", "alexnet")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(
        "alexnet on eyeriss, batch 1\ndataflow row_stationary, energy table eyeriss_65nm, 200 MHz"
    )
    assert said.out.endswith("\nwrote alexnet-eyeriss.html\n")
    page = (folder / "alexnet-eyeriss.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert page.rstrip().endswith("</html>")
    assert "accsim run alexnet" in page


def test_a_row_per_layer_with_the_figures_of_the_json(accsim) -> None:
    found = result(accsim)
    lines = accsim(*RUN, "--no-html").out.splitlines()
    assert [layer["name"] for layer in found["layers"]] == LAYERS
    kinds = {level["name"]: level["kind"] for level in found["levels"]}
    for layer in found["layers"]:
        row = next(line for line in lines if line.startswith(f"{layer['name']} "))
        assert f" {layer['kind']} " in row
        assert f" {layer['cycles']['total']:,} " in row
        if layer["macs"]:
            pe = layer["pe"]
            average = f"{pe['active_average']:.1f}".removesuffix(".0")
            assert f" {layer['macs']:,} " in row
            assert f" {100 * pe['utilization']:.1f} " in row
            assert f" {pe['active_max']:,} / {average} " in row
        for kind in ("dram", "sram"):
            moved = sum(
                a["bits"]
                for a in layer["activity"]
                if kinds[a["level"]] == kind and a["action"] in ("read", "write", "fill")
            )
            assert f" {moved / 8e6:.3f} " in row
    heads = next(line for line in lines if line.startswith("layer "))
    for level, energy in found["totals"]["energy"].items():
        assert (f" {level} " in f"{heads} ") == bool(energy) or level == "total"
    totals = next(line for line in lines if line.startswith("total "))
    assert f" {found['totals']['macs']:,} " in totals
    assert f" {found['totals']['cycles']['total']:,} " in totals


def test_the_json_is_a_valid_result(accsim) -> None:
    found = result(accsim, "--batch", "2")
    jsonschema.validate(found, result_schema())
    assert (found["workload"], found["hardware"], found["batch"]) == ("net", "small", 2)
    assert found["command"] == "accsim run net.yaml --hardware hw.yaml --batch 2 --no-html --json -"


def test_files_hold_what_the_standard_output_would(accsim, folder: Path) -> None:
    said = accsim(*RUN, "--json", "a.json", "--csv", "a.csv", "--mappings-out", "a.yaml", "--html", "a.html")
    assert said.out.splitlines()[-4:] == ["wrote a.json", "wrote a.csv", "wrote a.yaml", "wrote a.html"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "a.csv", "a.html", "a.json", "a.yaml", "hw.yaml", "net.yaml",
    ]  # fmt: skip
    assert accsim(*RUN, "--no-html", "--csv", "-") == (0, (folder / "a.csv").read_text(), "")
    assert accsim(*RUN, "--no-html", "--mappings-out", "-") == (0, (folder / "a.yaml").read_text(), "")
    one, other = json.loads((folder / "a.json").read_text()), result(accsim)
    assert one.pop("command") != other.pop("command")
    assert one == other


def test_csv_columns_name_their_units(accsim) -> None:
    said = accsim(*RUN, "--no-html", "--csv", "-")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [row["layer"] for row in rows] == LAYERS
    without_unit = {"layer", "kind", "macs", "effectual_macs", "utilization", "pe_active_max", "pe_active_average"}
    for name in set(rows[0]) - without_unit:
        assert re.search(r"_(cycles?|bytes|ms|pj|mac|bits)$", name), name
    found = result(accsim)
    assert [int(row["total_cycles"]) for row in rows] == [layer["cycles"]["total"] for layer in found["layers"]]


def test_mappings_written_are_mappings_read(accsim, folder: Path) -> None:
    accsim(*RUN, "--no-html", "--mappings-out", "used.yaml")
    used = yaml.safe_load((folder / "used.yaml").read_text())
    assert sorted(used) == ["conv1", "fc1"]
    chosen, given = result(accsim), result(accsim, "--mapping", "used.yaml")
    assert [layer["activity"] for layer in given["layers"]] == [layer["activity"] for layer in chosen["layers"]]
    assert given["totals"] == chosen["totals"]


def test_the_standard_output_holds_one_thing(accsim, folder: Path) -> None:
    said = accsim(*RUN, "--json", "-")
    json.loads(said.out)
    assert said.err == "wrote net-small.html\n"
    assert (folder / "net-small.html").is_file()
    said = accsim(*RUN, "--json", "-", "--csv", "-")
    assert said == (2, "", "accsim: error: --csv: - is already what --json writes\n")


def test_quiet_prints_nothing(accsim, folder: Path) -> None:
    assert accsim(*RUN, "--quiet") == (0, "", "")
    assert (folder / "net-small.html").is_file()


def test_options_reach_the_pipeline(accsim) -> None:
    plain = result(accsim)
    taller = result(accsim, "--set", "array.rows=4", "--set", "array.cols=4")
    assert taller["totals"]["cycles"]["compute"] < plain["totals"]["cycles"]["compute"]
    assert [layer["name"] for layer in result(accsim, "--layers", "fc1")["layers"]] == ["fc1"]
    assert [layer["name"] for layer in result(accsim, "--layers", "conv*,fc1")["layers"]] == LAYERS
    assert result(accsim, "--layers", "conv1", "--layers", "fc1")["layers"][1]["name"] == "fc1"
    assert result(accsim, "--dataflow", "output_stationary")["dataflow"] == "output_stationary"
    assert result(accsim, "--energy-table", "horowitz_45nm")["energy_table"]["name"] == "horowitz_45nm"
    fast = result(accsim, "--objective", "latency")
    assert fast["totals"]["cycles"]["total"] <= plain["totals"]["cycles"]["total"]


def test_bind_sets_a_size_of_the_network(accsim, folder: Path) -> None:
    (folder / "net.yaml").write_text(
        "description: d\nsource: s\nsizes: {tokens: 4}\ninput: [tokens, 8]\nlayers:\n  - fc1: {fc: 2}\n"
    )
    assert result(accsim)["totals"]["macs"] == 4 * 8 * 2
    assert result(accsim, "--bind", "tokens=3")["totals"]["macs"] == 3 * 8 * 2


def test_compare_scalesim_adds_a_table(accsim) -> None:
    assert "SCALE-Sim" not in accsim(*RUN, "--no-html").out
    found = result(accsim, "--compare-scalesim")["layers"][0]
    lines = accsim(*RUN, "--no-html", "--compare-scalesim").out.splitlines()
    at = lines.index("as SCALE-Sim 3.0.0 reports it: SRAM counts in words, for one of the copies (groups)")
    cells = next(line for line in lines[at:] if line.startswith("conv1 ")).split()
    assert cells[1] == f"{found['cycles']['total']:,}"
    assert cells[2] == f"{found['scalesim']['total_cycles']:,}"


def test_piped_text_is_plain(accsim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    said = accsim(*RUN, "--no-html")
    assert "\x1b" not in said.out
    assert not [line for line in said.out.splitlines() if line != line.rstrip()]


def test_control_characters_in_names_do_not_reach_the_terminal(accsim, folder: Path) -> None:
    (folder / "net.yaml").write_text('description: "a\\x1b[31m"\nsource: s\ninput: [4]\nlayers:\n  - fc1: {fc: 2}\n')
    assert accsim("show", "net.yaml").out.startswith("net: a?[31m\n")


def test_the_report_is_named_after_the_file(accsim, folder: Path) -> None:
    (folder / "my net.yaml").write_bytes((folder / "net.yaml").read_bytes())
    said = accsim("run", "my net.yaml", "--hardware", "hw.yaml")
    assert said.out.endswith("\nwrote my_net-small.html\n")
