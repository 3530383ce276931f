"""``accsim list``: what there is, in text and in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from accsim import library

SECTIONS = {
    "networks": "networks",
    "accelerators": "accelerators",
    "dataflows": "dataflows",
    "energy-tables": "energy tables",
    "recipes": "recipes",
}


def test_a_section_of_each_kind_with_every_name(accsim) -> None:
    said = accsim("list")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    for plural, stored in SECTIONS.items():
        names = library.names(stored)
        at = lines.index(f"{plural} ({len(names)})")
        assert [line.split()[0] for line in lines[at + 3 : at + 3 + len(names)]] == list(names)
    assert "\x1b" not in said.out


@pytest.mark.parametrize(("plural", "stored"), SECTIONS.items())
def test_one_section_in_json(accsim, plural: str, stored: str) -> None:
    found = json.loads(accsim("list", plural, "--json", "-").out)
    assert list(found) == [stored.replace(" ", "_")]
    (entries,) = found.values()
    assert [entry["name"] for entry in entries] == list(library.names(stored))
    assert all(entry["description"] for entry in entries)


def test_the_whole_section_of_accelerators(accsim, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_shipped", lambda kind: folder / "empty")
    monkeypatch.setenv("ACCSIM_PATH", str(folder / "mine"))
    (folder / "mine" / "accelerators").mkdir(parents=True)
    machine = (folder / "hw.yaml").read_text()
    machine = machine.replace("weight_stationary", str(weight_stationary())).replace("eyeriss_normalized", table())
    (folder / "mine" / "accelerators" / "small.yaml").write_text(machine)
    (folder / "mine" / "accelerators" / "broken.yaml").write_text("name: [\n")
    assert accsim("list", "accelerators").out == (
        "accelerators (2)\n"
        "name    array    bits    clock  node  dataflow  description\n"
        "------  -----  ------  -------  ----  --------  ----------------------------------------\n"
        "broken                                          cannot be read: "
        f"{folder}/mine/accelerators/broken.yaml:1:8: not valid YAML: expected a value, found the end of the file\n"
        f"small   2 x 2  8/8/32  100 MHz        ws.yaml   four PEs\n"
    )
    found = json.loads(accsim("list", "accelerators", "--json", "-").out)["accelerators"]
    assert found[1] == {
        "name": "small", "description": "four PEs", "family": "systolic", "rows": 2, "cols": 2, "weight_bits": 8,
        "activation_bits": 8, "accumulator_bits": 32, "clock_mhz": 100.0, "node_nm": None, "dataflow": "ws.yaml",
        "energy_table": table(),
    }  # fmt: skip
    assert set(found[0]) == {"name", "error"}


def weight_stationary() -> str:
    Path("ws.yaml").write_text((Path(__file__).parents[2] / "dataflows" / "weight_stationary.yaml").read_text())
    return "ws.yaml"


def table() -> str:
    shipped = Path(__file__).parents[2] / "accsim" / "energy" / "tables" / "eyeriss_normalized.yaml"
    Path("t.yaml").write_text(shipped.read_text())
    return "t.yaml"


def test_figures_of_a_network(accsim) -> None:
    found = json.loads(accsim("list", "networks", "--json", "-").out)["networks"]
    vgg = next(entry for entry in found if entry["name"] == "vgg16")
    # Simonyan and Zisserman, ICLR 2015, configuration D: 13 conv and 3 fc layers, 138 million parameters
    assert (vgg["mac_layers"], vgg["macs"], vgg["weights"]) == (16, 15470264320, 138344128)


def test_json_file(accsim, folder: Path) -> None:
    assert accsim("list", "--json", "all.json") == (0, "", "")
    assert list(json.loads((folder / "all.json").read_text())) == [
        "networks", "accelerators", "dataflows", "energy_tables", "recipes",
    ]  # fmt: skip


def test_methods_are_listed_with_what_there_is_for_each(accsim) -> None:
    found = json.loads(accsim("list", "methods", "--json", "-").out)["methods"]
    said = accsim("list", "methods").out
    assert said.startswith(f"methods ({len(found)}: ")
    ttq = next(method for method in found if method["name"] == "Trained Ternary Quantization (TTQ)")
    assert (ttq["transformations"], ttq["status"], ttq["passes"]) == (["T4"], "covered", ["ttq"])
    assert any("(TTQ)" in line and "arXiv 1612.01064" in line and "ttq" in line for line in said.splitlines())


def test_a_recipe_with_its_network_and_passes(accsim) -> None:
    found = {entry["name"]: entry for entry in json.loads(accsim("list", "recipes", "--json", "-").out)["recipes"]}
    assert found["alexnet-q-cnn"]["passes"] == ["product_quantisation", "product_quantisation"]
    assert found["resnet18-agp"]["published_accuracy"][0]["value_pct"] == 69.872
    assert found["vgg16-scnn"]["secondary"]
