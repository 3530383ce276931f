"""``accsim validate``: the table, the exit codes, the JSON, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import fake_study


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    return fake_study.install(monkeypatch, tmp_path)


def test_a_known_gap_does_not_fail_and_comes_last_with_its_reason(accsim, tiny: Path) -> None:
    said = accsim("validate", "tiny-study")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert [" ".join(line.split()) for line in lines[:7] if not line.startswith("-")] == [
        "tiny-study",
        "figure source published obtained error tolerance status",
        "time.one paper, Table 1 2 ms 2 0 % 1 % within",
        "time.two paper, Table 1 4.1 ms 4 -2.4 % 1 % known gap",
        "area paper 3 mm2 2.9 -3.3 % info",
        "noise paper 7 not reproducible",
    ]
    assert lines[7:] == [
        "",
        "paper: A. Author, A Paper, 2020",
        "",
        "not reproducible: tiny-study noise: the paper's random numbers",
        "",
        "known gap: tiny-study time.two: the second layer waits for a bus that is not modelled",
        "",
        "4 published figures: 1 within tolerance, 1 outside with a recorded reason, 1 for information, "
        "1 not reproducible from what is public",
    ]


@pytest.mark.parametrize("change", [("4.1", "4.4"), ("error: -0.03", "error: 0.03")])
def test_a_gap_that_grew_or_turned_fails(accsim, tiny: Path, change: tuple[str, str]) -> None:
    (tiny / "figures.yaml").write_text(fake_study.FIGURES.replace(*change))
    said = accsim("validate", "tiny-study")
    assert said.code == 1
    assert said.out.splitlines()[-3].startswith("outside: tiny-study time.two: the second layer waits")
    assert "1 within tolerance, 1 outside, " in said.out


def test_json_has_a_row_per_figure(accsim, tiny: Path) -> None:
    said = accsim("validate", "tiny-study", "--json", "rows.json", "--quiet")
    assert said == (0, "", "")
    rows = json.loads(Path("rows.json").read_text())
    assert [row["figure"] for row in rows] == ["time.one", "time.two", "area", "noise"]
    assert {key: rows[1][key] for key in ("case", "source", "published", "obtained", "tolerance", "status")} == {
        "case": "tiny-study",
        "source": "A. Author, A Paper, 2020, Table 1",
        "published": 4.1,
        "obtained": 4.0,
        "tolerance": 0.01,
        "status": "known_gap",
    }
    assert rows[3]["obtained"] is rows[3]["error"] is None
    assert json.loads(accsim("validate", "tiny-study", "--json", "-").out) == rows


def test_list(accsim, tiny: Path) -> None:
    said = accsim("validate", "tiny-study", "--list")
    assert (said.code, said.err) == (0, "")
    assert " ".join(said.out.splitlines()[2].split()) == "tiny-study 4 Two layers, timed"
    listed = json.loads(accsim("validate", "tiny-study", "--list", "--json", "-").out)
    assert listed == [
        {
            "case": "tiny-study",
            "title": "Two layers, timed",
            "figures": 4,
            "sources": {"paper": "A. Author, A Paper, 2020"},
        }
    ]


def test_refused(accsim, tiny: Path) -> None:
    said = accsim("validate", "tiny-stduy", "--json", "nowhere/x.json")
    assert (said.code, said.out) == (2, "")
    assert "--json: cannot write nowhere/x.json: there is no folder" in said.err
    said = accsim("validate", "tiny-stduy")
    assert (said.code, said.err) == (2, "accsim: error: no case named 'tiny-stduy'; did you mean 'tiny-study'?\n")
