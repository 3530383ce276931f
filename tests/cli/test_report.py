"""``accsim report``: what is written where, ``--check``, the list, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import fake_study

MADE = ["README.md", "layers.csv", "results.csv", "results.json", "times.svg"]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    return fake_study.install(monkeypatch, tmp_path)


def test_a_folder_is_written_where_it_lies(accsim, tiny: Path) -> None:
    said = accsim("report", "reports/tiny-study")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "4 published figures: 1 within tolerance, 1 outside with a recorded reason, 1 for information, "
        "1 not reproducible from what is public",
        *(f"wrote reports/tiny-study/{name}" for name in MADE),
    ]
    assert sorted(path.name for path in tiny.iterdir()) == sorted([*MADE, "recipe.yaml", "figures.yaml"])
    said = accsim("report", "reports/tiny-study", "--check")
    assert (said.code, said.out) == (0, "reports/tiny-study: 5 files, all as the study writes them\n")


def test_a_name_is_written_to_a_folder(accsim, tiny: Path) -> None:
    assert accsim("report", "tiny-study", "-o", "new/copy", "--quiet") == (0, "", "")
    assert sorted(path.name for path in Path("new/copy").iterdir()) == MADE
    assert sorted(path.name for path in tiny.iterdir()) == ["figures.yaml", "recipe.yaml"]


def test_check_finds_what_differs_and_writes_nothing(accsim, tiny: Path) -> None:
    accsim("report", "reports/tiny-study", "--quiet")
    (tiny / "layers.csv").write_text("layer,ms\none,3\n")
    (tiny / "README.md").unlink()
    said = accsim("report", "reports/tiny-study", "--check")
    assert said.code == 1
    assert said.out.splitlines() == [
        "reports/tiny-study/README.md: missing",
        "reports/tiny-study/layers.csv:2: differs",
    ]
    assert not (tiny / "README.md").exists()
    assert accsim("report", "reports/tiny-study", "--check", "--quiet") == (1, "", "")


def test_without_a_study_those_there_are_are_listed(accsim, tiny: Path) -> None:
    said = accsim("report")
    assert (said.code, said.out.splitlines()[2].split()) == (0, ["tiny-study", "Two", "layers"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["tiny-study"],
            "the study 'tiny-study' ships with accsim; say where to write it, such as "
            "'accsim report tiny-study -o tiny-study'",
        ),
        (["reports/tiny-stud"], "no study named 'reports/tiny-stud'; did you mean 'tiny-study'?"),
        (["tiny-study", "-o", "net.yaml"], "cannot write to net.yaml: it is a file, not a folder"),
        (["tiny-study", "-o", ""], "-o: the folder's name is empty"),
        (["-o", "x"], "say which study; 'accsim report' lists those there are"),
    ],
)
def test_refused(accsim, tiny: Path, arguments: list[str], said: str) -> None:
    assert accsim("report", *arguments) == (2, "", f"accsim: error: {said}\n")


def test_a_study_that_fails_writes_nothing(accsim, tiny: Path) -> None:
    (tiny / "recipe.yaml").write_text(fake_study.RECIPE.replace("scale: 2", "scale: two"))
    said = accsim("report", "reports/tiny-study")
    assert said.code == 2
    assert (
        said.err
        == "accsim: error: reports/tiny-study/recipe.yaml:4:19: settings.scale: must be an integer, got 'two'\n"
    )
    assert sorted(path.name for path in tiny.iterdir()) == ["figures.yaml", "recipe.yaml"]


def test_accuracy_of_a_network_without_recipes_is_refused(accsim) -> None:
    said = accsim("report", "accuracy", "resnet10")
    assert said.code == 2
    assert said.err == (
        "accsim: error: no recipe is for a network 'resnet10'; "
        "did you mean 'resnet18' or 'resnet34' or 'resnext101_32x4d'?\n"
    )


def test_accuracy_by_a_metric_that_no_recipe_states_is_refused(accsim) -> None:
    said = accsim("report", "accuracy", "resnet34", "--metric", "top-7")
    assert said.code == 2
    assert said.err == "accsim: error: --metric: no recipe of resnet34 states 'top-7': they state top-1\n"
