"""``accsim show``: one thing in full."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from accsim import library

KINDS = {"network": "networks", "accelerator": "accelerators", "dataflow": "dataflows", "energy-table": "energy tables"}


def test_a_network(accsim) -> None:
    assert (
        accsim("show", "net.yaml").out
        == """\
net: two layers
source: made up for a test
input:  3x8x8
layers: 3, 2 of them with MACs

layer       kind             input  output  window  stride  pad  groups   MACs  weights  parameters  reads
----------  ---------------  -----  ------  ------  ------  ---  ------  -----  -------  ----------  ----------
conv1       conv             3x8x8   4x8x8     3x3       1    1          6,912      108         112  input
conv1.relu  activation relu  4x8x8   4x8x8                                                           conv1
fc1         fc               4x8x8  10x1x1                               2,560    2,560       2,570  conv1.relu
----------  ---------------  -----  ------  ------  ------  ---  ------  -----  -------  ----------  ----------
total                                                                    9,472    2,668       2,682

densities (fraction of words that are not zero)
conv1 ifmap 0.5: made up as well
"""
    )


def test_a_network_in_json(accsim) -> None:
    found = json.loads(accsim("show", "net.yaml", "--json", "-").out)
    assert {key: found[key] for key in ("kind", "name", "input_shape", "macs", "weights", "parameters")} == {
        "kind": "network", "name": "net", "input_shape": [3, 8, 8], "macs": 9472, "weights": 2668, "parameters": 2682,
    }  # fmt: skip
    conv = found["layers"][0]
    assert conv["loops"] == {
        "N": 1, "G": 1, "M": 4, "C": 3, "P": 8, "Q": 8, "R": 3, "S": 3, "H": 8, "W": 8, "stride_h": 1, "stride_w": 1,
        "dilation_h": 1, "dilation_w": 1, "pad_top": 1, "pad_bottom": 1, "pad_left": 1, "pad_right": 1,
    }  # fmt: skip
    assert conv["densities"] == {"ifmap": {"density": 0.5, "source": "made up as well"}}
    assert found["layers"][1]["loops"] is None


def test_an_accelerator(accsim) -> None:
    assert (
        accsim("show", "hw.yaml").out
        == """\
small: four PEs
source:       made up for a test
technology:   node not stated, supply not stated, core area not stated
clock:        100 MHz
array:        2 x 2 = 4 PEs, systolic
PE:           8-bit weights, 8-bit activations, 32-bit accumulator, 8-bit outputs; truncate, wrap
dataflow:     weight_stationary
energy table: eyeriss_normalized

level    kind  copies    size  width  operands                    details
-------  ----  ------  ------  -----  --------------------------  -----------------------
dram     dram       1           64 b  ifmap, weight, psum, ofmap  core clock
buffer   sram       1  16 KiB   64 b  ifmap, weight, psum, ofmap
weights  rf         4    16 b    8 b  weight                      2 words; register cells

assumed (no public source)
clock: a round number
"""
    )


def test_eyeriss_shows_its_banks_links_and_published_mappings(accsim) -> None:
    said = accsim("show", "eyeriss").out
    # Chen et al., JSSC 2017: 12 x 14 PEs, 100 + 8 kB buffer, 60 MHz 64-bit link, Table III
    assert "array:        12 x 14 = 168 PEs, row_stationary" in said
    assert "100 KiB for ifmap, psum, ofmap; 8 KiB for weight; banks of 4 KiB" in said
    assert "run-length coding of ifmap and ofmap" in said
    assert "published mappings of alexnet\nconv1: m=96 n=1 e=7 p=16 q=1 r=1 t=2\n" in said
    assert "assumed (no public source)\n" in said
    found = json.loads(accsim("show", "eyeriss", "--json", "-").out)
    assert found["mappings"]["alexnet"]["conv1"] == {"m": 96, "n": 1, "e": 7, "p": 16, "q": 1, "r": 1, "t": 2}
    glb = next(level for level in found["levels"] if level["name"] == "glb")
    assert (glb["kind"], glb["instances"], glb["size_bits"]) == ("sram", 1, 108 * 8192)


def test_a_dataflow_with_its_derived_stationary_operand(accsim) -> None:
    assert (
        accsim("show", "output_stationary").out
        == """\
output_stationary: psums stay in the PEs, pixels hop along the rows and weights down the columns
source: Class OS of Sze et al., Proc. IEEE 105(12), 2017, section V-B; this layout as in Samajdar et al., SCALE-Sim, \
ISPASS 2020
class:  OS, for systolic arrays: the psum stays in the PEs, because no streamed dimension (C, R, S) indexes it

part       what           meaning
---------  -------------  ----------------------------------------
rows       N, P, Q        unrolled along the rows: batch, output rows, output columns
cols       M              unrolled along the columns: filters
stream     C, R, S        streamed in time: input channels, filter rows, filter columns
folds      G, cols, rows  outer loops, outermost first
weight     hop            enters at the edge and moves one PE a cycle
ifmap      hop            enters at the edge and moves one PE a cycle
reduction  in_pe          psums are added in the PE
drain      shift          finished sums shift out through the array
"""
    )
    found = json.loads(accsim("show", "dataflow", "output_stationary", "--json", "-").out)
    assert (found["class"], found["stationary"], found["cols"]) == ("OS", "psum", ["M"])


def test_row_stationary_shows_its_loops(accsim) -> None:
    said = accsim("show", "row_stationary").out
    assert "class:  RS, for row-stationary arrays: filter rows and ifmap rows stay in the PEs\n" in said
    loops = said[said.index("loop  over") :].splitlines()[2:]
    assert [line.split()[0] for line in loops] == ["G", "m", "n", "e", "f", "c", "k"]
    assert all(len(line.split()) > 1 for line in loops)


def test_an_energy_table_with_sources(accsim) -> None:
    said = accsim("show", "eyeriss_normalized").out
    assert "unit:      energies of one MAC per access; leakage in mW, area in um2\n" in said
    assert "transfers: charged once, at the dearer level\n" in said
    # Chen, Emer and Sze, ISCA 2016, Table IV: DRAM 200, buffer 6, RF 1 per 16-bit word
    assert "read 200, write 200, fill 200" in said
    found = json.loads(accsim("show", "eyeriss_normalized", "--json", "-").out)
    dram = next(entry for entry in found["entries"] if entry["component"] == "dram")
    assert dram["points"] == [{"sizes": {"width": 16.0}, "values": {"read": 200.0, "write": 200.0, "fill": 200.0}}]
    assert dram["source"] in found["sources"]
    assert {rule for entry in found["entries"] for rule in entry["rules"]} == {rule["name"] for rule in found["rules"]}


@pytest.mark.parametrize(("kind", "stored"), KINDS.items())
def test_everything_shipped_can_be_shown(accsim, kind: str, stored: str) -> None:
    for name in library.names(stored):
        for how in ([], ["--json", "-"], ["--yaml"]):
            said = accsim("show", kind, name, *how)
            assert (said.code, said.err) == (0, ""), name
        assert said.out == library.find(stored, name).text


def test_an_alias_and_a_plural_are_understood(accsim) -> None:
    assert accsim("show", "networks", "vgg16").out == accsim("show", "vgg16").out


def test_a_name_of_several_things_is_refused(accsim, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "dataflows").mkdir()
    (folder / "dataflows" / "eyeriss.yaml").write_text(library.find("dataflows", "row_stationary").text)
    monkeypatch.setenv("ACCSIM_PATH", str(folder))
    said = accsim("show", "eyeriss")
    assert said == (
        2,
        "",
        "accsim: error: 'eyeriss' is the name of an accelerator and a dataflow; say which one, such as "
        "'accsim show accelerator eyeriss'\n",
    )
    assert accsim("show", "dataflow", "eyeriss").code == 0


def test_a_file_is_judged_by_its_keys(accsim, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, name in (
        ("dataflows", "row_stationary"), ("dataflows", "input_stationary"), ("energy tables", "horowitz_45nm")
    ):  # fmt: skip
        (folder / "copy.yaml").write_text(library.find(kind, name).text)
        assert accsim("show", "copy.yaml").out == accsim("show", name).out
    monkeypatch.setenv("ACCSIM_PATH", str(folder))
    assert accsim("show", "hw").out == accsim("show", "hw.yaml").out
    (folder / "odd.yaml").write_text("a: 1\n")
    assert accsim("show", "odd.yaml") == (
        2,
        "",
        "accsim: error: odd.yaml: looks like no network, accelerator, dataflow or energy table; say what it is, such "
        "as 'accsim show network odd.yaml'\n",
    )


def test_mistakes_in_a_file_are_told(accsim, folder: Path) -> None:
    (folder / "hw.yaml").write_text((folder / "hw.yaml").read_text().replace("clock: 100 MHz", "clock: 100 m"))
    said = accsim("show", "hw.yaml")
    assert said.code == 2
    assert said.err.startswith("accsim: error: hw.yaml:4:8: clock: ")


def test_a_reuse_dataflow(accsim) -> None:
    assert (
        accsim("show", "isca16_output_stationary_b").out
        == """\
isca16_output_stationary_b: psums of rows of several ofmaps stay in the PEs, pixels go along the rows (MOC-MOP)
source: Chen, Emer and Sze, ISCA 2016, section IV-B, MOC-MOP; register files of 5 words, Fig. 7b
class:  OS, for analysis of reuse: PEs use words of psum again

part     what           meaning
-------  -------------  ----------------------------------------
tiles    M, N, P, Q     loops over tiles of the buffer, outermost first
passes   M              loops over passes of the array within a tile
unroll   M, Q           unrolled over the PEs
pe       C, R, S        loops inside a PE, outermost first
whole    C, R, S        never cut: one pass covers them
RF       psum           kept, to be used again over C, R and S
buffer   weight, ifmap  kept for several passes; what is not streams through
forward  Q              pixels go from PE to PE along the output columns, and wait there
"""
    )


def test_a_reuse_dataflow_in_json(accsim) -> None:
    found = json.loads(accsim("show", "isca16_no_local_reuse", "--json", "-").out)
    assert {key: found[key] for key in ("kind", "class", "family", "stationary", "direct", "whole")} == {
        "kind": "dataflow", "class": "NLR", "family": "reuse", "stationary": [], "direct": ["weight"], "whole": [],
    }  # fmt: skip


def test_a_reuse_dataflow_of_ones_own_is_known_by_its_keys(accsim) -> None:
    text = accsim("show", "isca16_weight_stationary", "--yaml").out
    Path("own.yaml").write_text(text, encoding="utf-8")
    assert accsim("show", "own.yaml").out == accsim("show", "isca16_weight_stationary").out
