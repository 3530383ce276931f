"""The report of a real store, from the command line."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from accsim.cli import main
from accsim.report.sweep.page import render_sweep
from accsim.sweep.report import settings_of, view_of, with_winners
from accsim.sweep.runner import sweep
from accsim.sweep.store import Store
from tests.report.pages import Page
from tests.sweep.spaces import NETWORK, SMALL, space


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "net.yaml").write_text(NETWORK)
    path = folder / "small.sqlite"
    with Store(str(path)) as opened:
        sweep(space(SMALL.format(network=folder / "net.yaml"), "arrays"), opened, lambda: ThreadPoolExecutor(1))
    return path


def test_the_view_of_a_store_has_its_rows(store: Path) -> None:
    with Store(str(store), read_only=True) as opened:
        view, rows, counts = view_of(opened, "t"), list(opened.rows("done")), opened.counts()
    assert len(view.points) == len(rows) == counts["done"]
    assert view.infeasible_points == counts["infeasible"] > 0
    assert view.planned == 45
    for point, row in zip(view.points, rows, strict=True):
        assert point.command == row.settings.command()
        assert point.figures["energy"] == row.figure("energy")
        assert point.figures["edp"] == row.totals["energy"]["total"] * row.totals["latency_ms"]
        assert sum(point.parts.values()) == pytest.approx(row.totals["energy"]["total"])
    assert view.varied()["array.rows"] == ["2", "4", "8"]


def test_the_command_writes_a_page_and_a_pdf(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", "report", str(store), "-o", "out.html", "--pdf", "out.pdf", "--title", "Two layers"]) == 0
    assert capsys.readouterr().out == "wrote out.html\nwrote out.pdf\n"
    page = Page((tmp_path / "out.html").read_text())
    assert "Two layers" in page.text
    assert "levels.buffer.size" in page.text
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.sqlite"], "error: file not found: nowhere.sqlite\n"),
        (["empty.sqlite"], "error: empty.sqlite: there are no points in it yet\n"),
        (
            ["empty.sqlite", "-o", "no/x.html"],
            "error: --output: cannot write no/x.html: there is no folder '{here}/no'\n",
        ),
    ],
)
def test_mistakes(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with Store("empty.sqlite"):
        pass
    assert main(["sweep", "report", *arguments]) == 2
    assert capsys.readouterr().err == "accsim: " + said.format(here=tmp_path)


def test_winners_are_estimated_again_as_they_are_stored(store: Path) -> None:
    told: list[str] = []
    with Store(str(store), read_only=True) as opened:
        view = view_of(opened, "t")
        view = with_winners(view, settings_of(opened), lambda done, total, name: told.append(f"{done}/{total} {name}"))
    best = view.best_points()
    assert [winner.point for winner in view.winners] == [point for _, point in best]
    assert len({point.place for _, point in best}) == len(best) <= len(view.metrics)
    assert told[0] == f"0/{len(best)} estimating winners again, point {best[0][1].place}"
    for winner in view.winners:
        assert winner.said == ""
        assert winner.result is not None
        assert winner.result["totals"]["energy"]["total"] == winner.point.figures["energy"]
        assert winner.result["command"] == winner.point.command
    html = render_sweep(view)
    page = Page(html)
    layers = sum(len(winner.result["layers"]) for winner in view.winners if winner.result)
    marks = [a["id"] for _, a in page.elements if re.fullmatch(r"L\d+", a.get("id", ""))]
    assert marks == [f"L{i}" for i in range(layers)]
    assert {a["data-l"] for _, a in page.elements if "data-l" in a} <= {mark[1:] for mark in marks}
    assert "Winners, layer by layer" in page.text


def test_a_winner_that_cannot_be_estimated_again_or_differs_is_told(store: Path, tmp_path: Path) -> None:
    with Store(str(store), read_only=True) as opened:
        view, find = view_of(opened, "t"), settings_of(opened)
        gone = with_winners(
            view,
            lambda places: {place: replace(one, workload="gone.yaml") for place, one in find(places).items()},
            lambda done, total, name: None,
        )
        other = with_winners(
            view,
            lambda places: {place: replace(one, batch=2) for place, one in find(places).items()},
            lambda done, total, name: None,
        )
    assert all(winner.result is None for winner in gone.winners)
    assert "cannot be estimated again: " in Page(render_sweep(gone)).text
    said = "gives another energy now than the one that is stored: accsim or a file has changed."
    assert {winner.said for winner in other.winners} == {said}
    assert said in Page(render_sweep(other)).text
