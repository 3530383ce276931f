"""The accuracy report: rows, fronts, page, PDF and the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from accsim import library
from accsim.cli import main
from accsim.pipeline import estimate
from accsim.study.accuracy.page import render_accuracy
from accsim.study.accuracy.pdf import accuracy_pdf
from accsim.study.accuracy.view import view_of
from accsim.study.explorations.compression_fronts import Found, Point, Settings
from tests.report.pages import Page

NASTY = "<script>alert(1)</script>"
SETTINGS = Settings(groups={"net": ("net",)}, hardware=("a", "b"), batch=1)


def point(recipe: str, hardware: str, accuracy: float, energy: float | None, latency: float = 1.0) -> Point:
    why = "" if energy is not None else f"it does not fit {NASTY}"
    return Point("net", "net", hardware, recipe, accuracy, "somebody", energy, latency, 8e6 if recipe else None, why)


FOUND = Found(
    SETTINGS,
    (
        point("", "a", 70.0, 9.0, 5.0),
        point("worse", "a", 60.0, 10.0, 4.0),
        point(NASTY, "a", 65.0, 3.0, 6.0),
        point("worse", "b", 60.0, 1.0, 1.0),
        point("big", "b", 71.0, None),
    ),
    ("nobody-knows",),
)


def test_rows_are_by_accuracy_and_fronts_are_those_of_each_machine() -> None:
    view = view_of(FOUND, "t")
    assert [(one.row, one.name, one.point.hardware) for one in view.points] == [
        (1, "as it is", "a"), (2, NASTY, "a"), (3, "worse", "a"), (4, "worse", "b"),
    ]  # fmt: skip
    assert [one.on_energy for one in view.points] == [True, True, False, True]
    assert [one.on_latency for one in view.points] == [True, False, True, True]
    assert [p.recipe for p in view.cannot] == ["big"]


def test_the_page_has_both_charts_and_shows_names_as_text() -> None:
    html = render_accuracy(view_of(FOUND, NASTY), "accsim report accuracy net", [("accsim", "1")])
    page = Page(html)
    assert page.count("script") == 1
    assert page.text.count("alert(1)") >= 3
    charts = [a for tag, a in page.elements if tag == "svg" and a.get("aria-label", "").startswith("Accuracy against")]
    assert len(charts) == 2
    assert "nobody-knows" in page.text
    assert "it does not fit" in page.text
    assert page.count("tr") == 2 + 4
    empty = Found(SETTINGS, (), ("nobody-knows",))
    assert "No recipe of these networks" in Page(render_accuracy(view_of(empty, "t"), "", [])).text


def test_the_pdf_is_the_same_each_time() -> None:
    first = accuracy_pdf(view_of(FOUND, "cost $ of <accuracy>"))
    assert first.startswith(b"%PDF")
    assert first == accuracy_pdf(view_of(FOUND, "cost $ of <accuracy>"))


@pytest.mark.slow
def test_the_command_gives_the_figures_of_a_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = library.names
    few = ("alexnet-dorefa-w8a8", "alexnet-sparseloop", "resnet18-agp")
    monkeypatch.setattr(library, "names", lambda kind: few if kind == "recipes" else names(kind))
    files = [str(tmp_path / name) for name in ("a.html", "a.pdf", "a.csv")]
    command = ["report", "accuracy", "alexnet", "--hardware", "bit_fusion"]
    assert main([*command, "--html", files[0], "--pdf", files[1], "--csv", files[2]]) == 0
    said = capsys.readouterr().out
    assert "no accuracy was published: alexnet-sparseloop" in said
    alone = estimate("alexnet", "bit_fusion", compress="alexnet-dorefa-w8a8")
    rows = Path(files[2]).read_text().splitlines()
    assert any("alexnet-dorefa-w8a8" in row and f"{alone.latency_ms:.6g}"[:6] in row for row in rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bert_base"], "no recipe compresses bert_base; there are recipes for alexnet, "),
        (["alexnet,"], "NETWORK: an empty name in 'alexnet,'"),
        (["alexnet", "--hardware", "eyeris"], "did you mean 'eyeriss'"),
        (["alexnet", "--batch", "0"], "--batch: must be at least 1, got 0"),
        (["alexnet", "--html", "/none/a.html"], "--html: cannot write /none/a.html"),
    ],
)
def test_mistakes_are_told_before_any_estimate(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    del tmp_path
    assert main(["report", "accuracy", *arguments]) == 2
    assert said in capsys.readouterr().err
