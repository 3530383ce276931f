"""Studies: found, made, written, compared; and those that are committed, byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from accsim import library
from accsim.errors import AccsimError, InputError
from accsim.study import folder as folders
from accsim.study import study as studies
from accsim.study.drawing import DRAWN_WITH, Drawing, matplotlib_version, render, to_svg
from tests import fake_study

LONG = {"digits-codesign", "dataflow-sweep", "compression-fronts"}
"""Studies that take minutes; parts of them are made again where they are tested."""
COMMITTED = sorted(
    path.parent for path in library.shipped_folder("reports").glob("*/recipe.yaml") if path.parent.name not in LONG
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    return fake_study.install(monkeypatch, tmp_path)


def test_what_a_study_writes(tiny: Path) -> None:
    made = studies.make(studies.find(str(tiny)))
    assert list(made.files) == ["README.md", "layers.csv", "results.csv", "results.json", "times.svg"]
    page = made.files["README.md"].decode()
    assert page.startswith("# Two layers\n\nWhat they take.\n\nBoth take 6 ms.\n\n## Published and obtained\n")
    assert "| `time.one` | 2 ms | 2 | 0 % | 1 % | within | paper, Table 1 |\n" in page
    assert "| `time.two` | 4.1 ms | 4 | -2.4 % | 1 % | known gap | paper, Table 1 |\n" in page
    assert "* `time.two` (known gap): the second layer waits for a bus that is not modelled\n" in page
    assert "* `noise` (not reproducible): the paper's random numbers\n" in page
    assert "![Time per layer.](times.svg)\n" in page
    assert "* `paper`: A. Author, A Paper, 2020\n" in page
    assert made.files["layers.csv"] == b"layer,ms\none,2\ntwo,4\n"
    assert (
        made.files["results.csv"]
        .splitlines()[1]
        .startswith(b'tiny-study,time.one,"A. Author, A Paper, 2020, Table 1",2,2,0,0.01,within,ms')
    )


def test_a_recipe_of_ones_own_is_run_beside_the_published_figures(tiny: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "recipe.yaml").write_text(fake_study.RECIPE.replace("scale: 2", "scale: 3"))
    made = studies.make(studies.find(str(own)))
    assert [row.obtained for row in made.rows] == [3.0, 6.0, 2.9, None]


def test_found_by_folder_recipe_and_name(tiny: Path) -> None:
    assert studies.find(str(tiny)).folder == tiny
    assert studies.find(str(tiny / "recipe.yaml")).folder == tiny
    assert studies.find("tiny-study").folder is None
    assert list(studies.studies()) == ["tiny-study"]


def test_what_cannot_be_found(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for name, said in (
        ("tiny-stduy", "no study named 'tiny-stduy'; did you mean 'tiny-study'?"),
        ("other", "no study named 'other'; 'accsim report' lists the studies there are"),
        (
            "reports/tiny-study",
            "there is no folder 'reports/tiny-study' here; 'accsim report tiny-study -o DIR' writes the study",
        ),
        (".", ".: there is no recipe.yaml in it, so it is no study"),
    ):
        with pytest.raises(InputError) as caught:
            studies.find(name)
        assert caught.value.mistakes == (said,)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (
            fake_study.RECIPE.replace("tiny-study", "tiny-stady"),
            "{place}:1:8: study: no study 'tiny-stady'; 'accsim report' lists those there are",
        ),
        (
            fake_study.RECIPE.replace("scale: 2", "scale: two"),
            "{place}:4:19: settings.scale: must be an integer, got 'two'",
        ),
    ],
)
def test_mistakes_in_a_recipe(tiny: Path, recipe: str, said: str) -> None:
    (tiny / "recipe.yaml").write_text(recipe)
    with pytest.raises(InputError) as caught:
        studies.find(str(tiny))
    assert caught.value.mistakes == (said.format(place=tiny / "recipe.yaml"),)


def test_differences_are_named(tiny: Path) -> None:
    files = {"a.csv": b"x\ny\n", "b.csv": b"x\n"}
    (tiny / "a.csv").write_bytes(b"x\nz\n")
    assert folders.differences(tiny, files) == [f"{tiny / 'a.csv'}:2: differs", f"{tiny / 'b.csv'}: missing"]
    folders.write(tiny, files)
    assert folders.differences(tiny, files) == []


def test_a_drawing_by_another_matplotlib_says_so(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "matplotlib_version", lambda: "3.8.0")
    (tiny / "a.svg").write_bytes(b"x")
    assert folders.differences(tiny, {"a.svg": b"y"}) == [
        f"{tiny / 'a.svg'}:1: differs; drawn here with matplotlib 3.8.0, and in accsim's repository with {DRAWN_WITH}"
    ]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in ("file", "file/below"):
        with pytest.raises(AccsimError) as caught:
            folders.prepare(tmp_path / target)
        assert str(caught.value) == f"cannot write to {tmp_path / target}: it is a file, not a folder"
    folders.prepare(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder").is_dir()


DRAWING = Drawing("a line", lambda figure: figure.subplots().plot([1, 2, 4], label="x"))


def test_a_drawing_is_the_same_twice_whatever_the_users_settings() -> None:
    import matplotlib as mpl

    first = to_svg(DRAWING)
    with mpl.rc_context({"font.size": 20, "svg.hashsalt": "other", "axes.grid": False, "savefig.dpi": 300}):
        assert to_svg(DRAWING) == first
        assert mpl.rcParams["font.size"] == 20


def test_a_drawing_carries_no_date_version_or_font() -> None:
    text = to_svg(DRAWING).decode()
    for word in ("dc:date", "Matplotlib v", "<metadata", "font-family", str(Path.cwd())):
        assert word not in text
    assert render(DRAWING, "png").startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("where", COMMITTED, ids=lambda path: path.name)
def test_committed_studies_are_what_comes_out(where: Path, tmp_path: Path) -> None:
    """Made twice, in processes with different hash seeds, and equal to what is committed."""
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "accsim", "report", where.name, "-o", tmp_path / seed, "--quiet"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
    made = {path.name: path.read_bytes() for path in (tmp_path / "1").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "2").iterdir()} == made
    committed = {path.name: path.read_bytes() for path in where.iterdir()}
    assert set(made) == set(committed) - {"recipe.yaml", "figures.yaml"}
    if matplotlib_version() != DRAWN_WITH:
        made = {name: content for name, content in made.items() if not name.endswith(".svg")}
    assert [name for name, content in made.items() if content != committed[name]] == []
