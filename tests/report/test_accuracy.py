"""Accuracy against cost of the recipes of a network: fronts, names, page, PDF, CSV."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.report import labels
from accsim.report.accuracy.page import accuracy_csv, findings, render_accuracy
from accsim.report.accuracy.pdf import accuracy_pdf
from accsim.report.accuracy.view import AS_IT_IS, AccuracyView, Point, view_points
from accsim.report.quantities import energy_unit
from tests.report.pages import Page
from tests.report.test_browser import driven, opened, told

NASTY = "<script>document.title='owned'</script>"


def point(name: str, accuracy: float | None, energy: float | None, latency: float | None, reason: str = "") -> Point:
    source = "" if accuracy is None else f"authors of {name}"
    return Point(name, accuracy, source, energy, latency, 8e6, reason, f"accsim run n --compress {name}")


VIEW = AccuracyView(
    NASTY, "machine", 1, "top-1", energy_unit("pJ"),
    view_points(
        [
            point(AS_IT_IS, 60.0, 8e9, 4.0), point("pruned", 59.5, 2e9, 2.0), point("binary", 45.0, 1e9, 4.5),
            point("worse", 44.0, 3e9, 5.0), point(NASTY, None, 9e8, 1.0),
            point("large", 58.0, None, None, "it does not fit"),
        ]
    ),
)  # fmt: skip


def test_points_stand_in_order_of_accuracy_and_the_front_is_theirs() -> None:
    assert [p.name for p in VIEW.points] == [AS_IT_IS, "pruned", "large", "binary", "worse", NASTY]
    assert [p.name for p in VIEW.front("energy")] == ["binary", "pruned", AS_IT_IS]
    assert [p.name for p in VIEW.front("latency_ms")] == ["pruned", AS_IT_IS]
    assert VIEW.unknown() == [NASTY]
    said = dict(findings(VIEW))
    assert said["Within 1 %, energy"] == "pruned: the uncompressed network takes 4.00 times as much"


def test_the_page_names_what_has_no_accuracy_or_no_figures() -> None:
    html = render_accuracy(VIEW)
    page = Page(html)
    assert f"Nobody published a top-1 of {NASTY}." in page.text
    assert "large: it does not fit" in page.text
    assert "authors of pruned" in page.text
    assert page.count("script") == 1
    assert not re.search(r"""(?:src|href)=["']?(?!#)[^"'>]""", html.replace("script-src", ""))
    assert accuracy_pdf(VIEW).startswith(b"%PDF")


def test_a_row_of_the_csv_for_each_point() -> None:
    rows = list(csv.DictReader(io.StringIO(accuracy_csv(VIEW))))
    assert [row["recipe"] for row in rows] == [p.name for p in VIEW.points]
    assert {row["recipe"] for row in rows if row["front_energy"] == "1"} == {"binary", "pruned", AS_IT_IS}
    assert rows[1]["energy_pj"] == "2000000000.0"
    assert (rows[2]["energy_pj"], rows[2]["reason"]) == ("", "it does not fit")
    assert rows[5]["top1_pct"] == ""


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=25))
def test_names_cover_no_other_name(places: list[tuple[int, int]]) -> None:
    drawn = labels.names([(f"name{i}", x, y) for i, (x, y) in enumerate(places)], (0, 0, 400, 320), 25, far=8)
    boxes = []
    for text in (t for t in drawn if t.startswith("<text")):
        found = re.search(r'x="([\d.-]+)" y="([\d.-]+)".*>(\w+)</text>', text)
        assert found is not None
        x, y, wide = float(found[1]), float(found[2]), labels.LETTER * len(found[3])
        boxes.append((x - wide / 2, y - 10, x + wide / 2, y + 3))
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart = a[0] >= b[2] - 0.2 or b[0] >= a[2] - 0.2 or a[1] >= b[3] - 0.2 or b[1] >= a[3] - 0.2
            assert apart


DRIVER = """
<script>
const out = {};
const table = document.getElementById("table");
const head = table.tHead.rows[0].cells[2].querySelector("button");
const names = () => [...table.tBodies[0].rows].filter(r => !r.hidden).map(r => r.cells[0].textContent.trim());
head.click();
head.click();
out.sorted = names();
const filter = document.getElementById("filter");
filter.value = "binary";
filter.dispatchEvent(new Event("input"));
out.shown = names();
out.charts = document.querySelectorAll("svg.chart").length;
out.title = document.title;
out.overflow = document.documentElement.scrollWidth - innerWidth;
document.body.dataset.out = JSON.stringify(out);
</script>
"""


@pytest.mark.browser
@pytest.mark.parametrize("width", [500, 1300])
def test_the_page_in_a_browser(tmp_path: Path, width: int) -> None:
    dom, console = opened(tmp_path, driven(render_accuracy(VIEW), DRIVER), width=width)
    assert console == []
    out = told(dom)
    assert out["sorted"] == [NASTY, "binary", "pruned", "worse", AS_IT_IS, "large"]
    assert out["shown"] == ["binary"]
    assert out["charts"] == 2
    assert "script" in out["title"]
    assert out["overflow"] <= 0
