"""The report of a real store, from the command line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from accsim.cli import main
from accsim.sweep.report import view_of
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
