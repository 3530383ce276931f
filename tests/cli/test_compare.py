"""``accsim run --compare``."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Accsim

RUN = ("run", "lenet_caffe", "--compress", "lenet-deep-compression")


def test_a_table_and_json(accsim: Accsim, folder: Path) -> None:
    done = accsim(*RUN, "--hardware", "edge_8x8,scnn,eie", "--compare", "--json", "out.json")
    assert done.code == 0
    assert "equal node and equal peak" in done.out
    assert "as they are" in done.out
    assert "edge_8x8, scnn run conv1, conv2:" in done.out
    assert "no layer runs on every machine" in done.out
    assert "why the rest did not arrive" in done.out
    assert "scnn cannot run ip1, ip2: fully connected" in done.out
    found = json.loads((folder / "out.json").read_text())
    assert found["command"].startswith("accsim run lenet_caffe")
    assert [machine["hardware"] for machine in found["equal"]["machines"]] == ["edge_8x8", "scnn", "eie"]
    assert [path.name for path in folder.iterdir() if path.suffix == ".html"] == []


def test_several_machines_need_compare(accsim: Accsim, folder: Path) -> None:
    done = accsim(*RUN, "--hardware", "scnn,eie", "--no-html")
    assert done.code == 2
    assert done.err == "accsim: error: --hardware scnn,eie: several machines need --compare\n"


def test_options_of_one_machine_are_refused(accsim: Accsim, folder: Path) -> None:
    done = accsim(*RUN, "--hardware", "scnn,eie", "--compare", "--csv", "x.csv", "--set-energy", "a=4")
    assert done.code == 2
    assert done.err == (
        "accsim: error: --csv is for one machine, and --compare runs several\n"
        "accsim: error: --set-energy is for one machine, and --compare runs several\n"
    )


def test_what_a_machine_cannot_run_stops_nothing(accsim: Accsim, folder: Path) -> None:
    done = accsim(
        *RUN, "--hardware", "edge_8x8,scnn,eie", "--compare", "--layers", "ip1", "--set", "edge_8x8:array.rows=4"
    )
    assert done.code == 0
    assert "on 3 machines" in done.out
    assert "scnn is left out: scnn can run no layer of lenet_caffe: fully connected" in done.out
    assert "edge_8x8, eie run ip1:" in done.out


def test_changes_for_no_machine_are_a_mistake(accsim: Accsim, folder: Path) -> None:
    done = accsim(*RUN, "--hardware", "scnn,eie", "--compare", "--set", "sccn:clock=2 MHz")
    assert done.code == 2
    assert done.err == (
        "accsim: error: --set sccn:clock=2 MHz: sccn is none of the machines compared; did you mean 'scnn'?\n"
    )


def test_published_recipes_have_the_names_of_their_papers(accsim: Accsim, folder: Path) -> None:
    assert accsim("show", "deep_compression_alexnet").code == 0


def test_a_page_and_a_pdf(accsim: Accsim, folder: Path) -> None:
    done = accsim(*RUN, "--hardware", "edge_8x8,eie", "--compare", "--html", "out.html", "--pdf", "out.pdf")
    assert done.code == 0
    assert done.out.endswith("wrote out.html\nwrote out.pdf\n")
    page = (folder / "out.html").read_text()
    assert "accsim run lenet_caffe --compress lenet-deep-compression --hardware edge_8x8,eie --compare" in page
    assert (folder / "out.pdf").read_bytes().startswith(b"%PDF")


def test_a_pdf_needs_a_name(accsim: Accsim, folder: Path) -> None:
    for more in (("--compare", "--hardware", "scnn,eie"), ()):
        done = accsim(*RUN, *more, "--pdf", "-")
        assert done.code == 2
        assert done.err == (
            "accsim: error: --pdf: a PDF file is no text for the standard output; give it a name, such as report.pdf\n"
        )
