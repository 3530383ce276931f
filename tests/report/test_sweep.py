"""The report of a sweep: its fronts, what its settings do, its page and its PDF."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.report.sweep import charts
from accsim.report.sweep.page import render_sweep
from accsim.report.sweep.pdf import sweep_pdf
from accsim.report.sweep.points import SweepPoint, SweepView, Winner, influences, order, value_of
from tests.report.pages import Page
from tests.report.sample_result import sample_result
from tests.report.sweep_views import AREA, ENERGY, LATENCY, NASTY, sweep_view
from tests.report.test_browser import driven, opened, told

SMALL = st.integers(1, 5)


@given(st.lists(st.tuples(SMALL, SMALL), max_size=12))
def test_the_front_is_what_no_other_point_beats(pairs: list[tuple[int, int]]) -> None:
    points = [SweepPoint(i, {}, {"energy": a, "latency_ms": b}, {}, "") for i, (a, b) in enumerate(pairs)]
    view = SweepView("t", "pJ", (ENERGY, LATENCY), points)
    front = [(p.figures["energy"], p.figures["latency_ms"]) for p in view.front("energy", "latency_ms")]
    beaten = {p for p in pairs if any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in pairs)}
    assert set(front) == set(pairs) - beaten
    assert front == sorted(set(front))


def test_values_are_ordered_as_people_order_them() -> None:
    values = ["os", "2 MiB", 8, "64 KiB", "16", "1.5 KiB", "ws", 32]
    assert sorted(values, key=order) == [8, "16", 32, "1.5 KiB", "64 KiB", "2 MiB", "os", "ws"]


def test_influences_are_least_figures_by_value() -> None:
    view = sweep_view(400)
    found = {one.name: one for one in influences(view, "latency_ms")}
    assert set(found) == {"array.rows", "array.cols", "levels.glb.size", "dataflow"}  # the workload is the same
    rows = found["array.rows"]
    for value, least in rows.by_value.items():
        assert least == min(p.figures["latency_ms"] for p in view.points if value_of(p, "array.rows") == value)
    assert rows.best == 32
    assert rows.spread == rows.by_value[8] / rows.by_value[32]
    assert list(rows.by_value) == [8, 12, 16, 32]


def test_the_page_says_what_matters() -> None:
    view = sweep_view(300)
    page = Page(render_sweep(view))
    for said in (
        "300 of 303", "2 infeasible, 1 failed", "array.rows = 32 allows the least",
        "accsim run alexnet --set array.rows=",
        "layer 'conv1': needs 30 KiB", "it broke", "workload: alexnet", "area against latency",
    ):  # fmt: skip
        assert said in page.text, said
    front = view.front("energy", "latency_ms")
    links = {a["href"] for tag, a in page.elements if tag == "a" and a.get("href", "").startswith("#P")}
    assert {f"#P{p.place}" for p in front} <= links
    rows = {a["id"] for tag, a in page.elements if tag == "tr" and a.get("id", "").startswith("P")}
    assert {link[1:] for link in links} <= rows
    assert len(rows) == 300


def test_names_are_text_and_nothing_is_fetched() -> None:
    html = render_sweep(sweep_view(50))
    page = Page(html)
    assert NASTY in page.text
    assert "owned" not in "".join(page.script)
    assert page.count("script") == 1
    assert not re.search(r"""(?:src|href)=["']?(?!#)[^"'>]""", html.replace("script-src", ""))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_sweeps_with_next_to_nothing_in_them(count: int) -> None:
    page = Page(render_sweep(sweep_view(count, names=("a",))))
    assert f"{count} of {count + 3}" in page.text
    assert sweep_pdf(sweep_view(count, names=("a",))).startswith(b"%PDF")


def test_a_large_sweep_stays_below_two_megabytes() -> None:
    html = render_sweep(sweep_view(10_000))
    assert len(html.encode()) < 2_000_000
    assert "2,000 of 10,000 points: those of the fronts and those with the least energy" in Page(html).text


def test_a_heat_map_shows_the_least_of_each_pair() -> None:
    view = sweep_view(200)
    drawn = charts.heat_map("h", view, LATENCY, "array.rows", "array.cols")
    best = min(
        p.figures["latency_ms"] for p in view.points if (p.values["array.rows"], p.values["array.cols"]) == (32, 16)
    )
    assert f"array.cols 16, array.rows 32: {LATENCY.scale(200).factor * best:.3g}" in drawn.replace(" ms", "")


def test_figures_of_an_area_have_no_prefix() -> None:
    assert AREA.show(0.012) == "0.012 mm²"
    assert AREA.show(None) == "–"
    assert ENERGY.show(2.5e9) == "2.5 mJ"


def test_the_pdf_is_the_same_each_time() -> None:
    view = sweep_view(40)
    assert sweep_pdf(view) == sweep_pdf(view)


DRIVER = """
<script>
const out = {};
const table = document.getElementById("table");
const heads = [...table.tHead.rows[1].cells];
const energy = heads.findIndex(h => h.textContent.startsWith("energy,"));
const values = () => [...table.tBodies[0].rows].filter(r => !r.hidden).map(r => Number(r.cells[energy].dataset.v));
heads[energy].querySelector("button").click();
out.down = values();
heads[energy].querySelector("button").click();
out.up = values();
const filter = document.getElementById("filter");
filter.value = "108 kib";
filter.dispatchEvent(new Event("input"));
out.shown = values().length;
out.status = document.getElementById("shown").textContent;
out.charts = document.querySelectorAll("svg.chart").length;
out.title = document.title;
out.overflow = document.documentElement.scrollWidth - innerWidth;
document.querySelector(".best").closest("a").dispatchEvent(new MouseEvent("click", {bubbles: true}));
out.hash = location.hash;
document.body.dataset.out = JSON.stringify(out);
</script>
"""


@pytest.mark.browser
@pytest.mark.parametrize("width", [500, 1300])
def test_the_page_in_a_browser(tmp_path: Path, width: int) -> None:
    view = sweep_view(200)
    _, console = opened(tmp_path, render_sweep(view))
    assert console == []
    dom, console = opened(tmp_path, driven(render_sweep(view), DRIVER), width=width)
    assert console == []
    out = told(dom)
    assert out["up"] == sorted(out["up"])
    assert out["down"] == out["up"][::-1]
    matching = [p for p in view.points if p.values["levels.glb.size"] == "108 KiB"]
    assert out["shown"] == len(matching)
    assert out["status"] == f"{len(matching)} of 200 points"
    assert out["charts"] >= 8
    assert "script" in out["title"]
    assert out["title"] != "owned"
    assert out["overflow"] <= 0
    assert out["hash"].startswith("#P")


def with_winners(view: SweepView, layers: int) -> SweepView:
    result = sample_result(layers)
    result["layers"][0]["name"] = NASTY
    best = view.best_points()
    return replace(view, winners=[Winner(point, title, result) for title, point in best])


@pytest.mark.slow
def test_a_large_sweep_with_winners_of_many_layers_stays_below_two_megabytes() -> None:
    html = render_sweep(with_winners(sweep_view(10_000), 170))
    assert len(html.encode()) < 2_000_000
    assert "Winners, layer by layer" in Page(html).text


@pytest.mark.browser
@pytest.mark.parametrize("width", [500, 1300])
def test_winners_in_a_browser(tmp_path: Path, width: int) -> None:
    html = render_sweep(with_winners(sweep_view(60), 12))
    dom, console = opened(tmp_path, html, "#L13", width=width)
    assert console == []
    unfolded = [a.get("class") for tag, a in Page(dom).elements if tag == "details" and "open" in a]
    assert unfolded == ["drill", "layer"]
    out = told(opened(tmp_path, driven(html.replace('class="drill"', 'class="drill" open'), DRIVER), width=width)[0])
    assert out["overflow"] <= 0
    assert out["title"] != "owned"
