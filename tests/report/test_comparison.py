"""The report of a comparison: what it says, its page and its PDF."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from accsim.report.comparison import words
from accsim.report.comparison.page import render_comparison
from accsim.report.comparison.pdf import comparison_pdf
from accsim.report.comparison.view import comparison_view
from tests.report.comparisons import renamed, small_comparison
from tests.report.pages import Page
from tests.report.test_browser import driven, opened, told

NASTY = "<script>document.title='owned'</script>"


def test_layers_stand_in_the_networks_order() -> None:
    side = comparison_view(*small_comparison()).equal
    assert side.layers() == ["conv1", "conv2", "ip1", "ip2"]
    assert [layer.name for layer in side.machines[1].seen.layers] == ["conv1", "conv2"]
    indices = [layer.index for machine in side.machines for layer in machine.seen.layers]
    assert indices == list(range(8))


def test_layers_add_up_to_the_totals_of_the_comparison() -> None:
    for side in comparison_view(*small_comparison()).sides:
        for machine in side.machines:
            now, before = machine.figures["compressed"], machine.figures["dense"]
            layers = machine.seen.layers
            assert sum(layer.latency_ms for layer in layers) == pytest.approx(now["latency_ms"])
            assert sum(layer.energy for layer in layers) == pytest.approx(now["energy"])
            assert sum(layer.dram_bits / 8 for layer in layers) == pytest.approx(now["dram_bytes"])
            assert sum(layer.latency_ms for layer in machine.dense.values()) == pytest.approx(before["latency_ms"])


def test_machines_are_ranked_over_layers_that_they_share() -> None:
    view = comparison_view(*small_comparison())
    contests = view.equal.contests()
    assert [(one.layers, tuple(one.totals)) for one in contests] == [
        (("conv1", "conv2"), ("edge_8x8", "scnn")),
        (("ip1", "ip2"), ("edge_8x8", "eie")),
    ]
    for one in contests:
        times = {name: both["compressed"]["latency_ms"] for name, both in one.totals.items()}
        assert times[one.best("latency_ms")] == min(times.values())
    said = [sentence for subject, sentence in words.findings(view) if subject == "Who wins"]
    assert said[0].startswith("Over conv1, conv2, edge_8x8 is the fastest of edge_8x8, scnn: ")
    assert said[1].startswith("Over ip1, ip2, eie is the fastest of edge_8x8, eie: ")
    assert said[2] == "No layer runs on every machine: there is no total to compare them all by."


def test_two_machines_that_run_everything_are_ranked_over_everything() -> None:
    found, runs = small_comparison()
    copy = renamed(found, "eie", "twin")
    twins = {side: {"edge_8x8": runs[side]["edge_8x8"], "twin": runs[side]["edge_8x8"]} for side in ("equal", "raw")}
    for side in ("equal", "raw"):
        first = copy[side]["machines"][0]
        copy[side]["machines"] = [first, {**first, "hardware": "twin"}]
        copy[side]["subsets"] = []
    view = comparison_view(copy, twins)
    contest = view.equal.contests()[0]
    assert (contest.whole, len(contest.layers)) == (True, 4)
    assert words.layers_of(contest) == "all 4 layers with MACs"
    assert words.findings(view)[0][1].endswith("twin 1.00 times as much.")


def test_the_page_holds_what_a_decision_needs() -> None:
    found, runs = small_comparison()
    html = render_comparison(found, runs)
    page = Page(html)
    for said in (
        found["equal"]["statement"], "scnn cannot run ip1, ip2: fully connected", "accsim run lenet_caffe --compare",
        "accsim run lenet_caffe --hardware eie --compress lenet-deep-compression", "What arrived of the speed-up",
        words.reason(found["equal"]["machines"][1]), "energy table horowitz_45nm", "Each machine's layers",
    ):  # fmt: skip
        assert said in page.text, said
    marks = {a["id"] for _, a in page.elements if re.fullmatch(r"L\d+", a.get("id", ""))}
    assert {a["data-l"] for _, a in page.elements if "data-l" in a} == {mark[1:] for mark in marks}
    identities = [a["id"] for _, a in page.elements if "id" in a]
    assert len(identities) == len(set(identities))
    assert len(html.encode()) < 2_000_000


def test_energies_in_different_units_are_not_compared() -> None:
    found, runs = small_comparison()
    other = runs["raw"]["eie"]
    tables = {
        run: {**result, "energy_table": {**result["energy_table"], "unit": "mac"}} for run, result in other.items()
    }
    html = render_comparison(found, {**runs, "raw": {**runs["raw"], "eie": tables}})
    text = Page(html).text
    assert "These machines' energy tables have different units, which do not compare." in text
    assert "Energies are in different units and do not compare." in text


def test_machines_that_are_left_out_are_named_once() -> None:
    found, runs = small_comparison()
    gone = {"hardware": "eie", "reason": "eie can run no layer of it"}
    found = found | {side: found[side] | {"absent": [gone]} for side in ("equal", "raw")}
    said = [text for what, text in words.findings(comparison_view(found, runs)) if what == "Left out"]
    assert said == ["eie is left out: eie can run no layer of it."]


def test_names_are_text_and_nothing_is_fetched() -> None:
    found, runs = small_comparison()
    html = render_comparison(renamed(found, "conv1", NASTY), renamed(runs, "conv1", NASTY))
    page = Page(html)
    assert NASTY in page.text
    assert page.count("script") == 1
    assert not re.search(r"""(?:src|href)=["']?(?!#)[^"'>]""", html.replace("script-src", ""))


@pytest.mark.slow
def test_the_pdf_is_the_same_each_time() -> None:
    found, runs = small_comparison()
    odd = renamed(found, "conv1", "$x_{$ 名"), renamed(runs, "conv1", "$x_{$ 名")
    once = comparison_pdf(*odd)
    assert once.startswith(b"%PDF")
    assert once == comparison_pdf(*odd)


DRIVER = """
<script>
const out = {};
const table = document.getElementById("table");
const heads = [...table.tHead.rows[1].cells];
const faster = heads.findIndex(h => h.textContent === "speed-up");
const names = () => [...table.tBodies[0].rows].filter(r => !r.hidden).map(r => r.cells[0].textContent.trim());
out.before = names();
heads[faster].querySelector("button").focus();
out.focused = document.activeElement.closest("th") === heads[faster];
document.activeElement.click();
out.sorted = names();
const filter = document.getElementById("filter-equal");
filter.value = "SCNN";
filter.dispatchEvent(new Event("input"));
out.shown = names();
out.status = document.getElementById("shown-equal").textContent;
out.others = [...document.querySelectorAll("table.sortable")].map(t => t.querySelectorAll("th button").length);
document.querySelector("circle[data-l]").dispatchEvent(new MouseEvent("click", {bubbles: true}));
out.hash = location.hash;
out.charts = document.querySelectorAll("svg.chart").length;
out.title = document.title;
out.overflow = document.documentElement.scrollWidth - innerWidth;
document.body.dataset.out = JSON.stringify(out);
</script>
"""


@pytest.mark.browser
@pytest.mark.parametrize("width", [500, 1300])
def test_the_page_in_a_browser(tmp_path: Path, width: int) -> None:
    found, runs = small_comparison()
    html = render_comparison(renamed(found, "conv1", NASTY), renamed(runs, "conv1", NASTY))
    dom, console = opened(tmp_path, html, "#L5")
    assert console == []
    unfolded = [a.get("class") for tag, a in Page(dom).elements if tag == "details" and "open" in a]
    assert unfolded == ["drill", "layer"]
    dom, console = opened(tmp_path, driven(html, DRIVER), width=width)
    assert console == []
    out = told(dom)
    by_speed = sorted(found["equal"]["machines"], key=lambda machine: -machine["speed_up"])
    assert out["before"] == ["edge_8x8", "scnn", "eie"]
    assert out["focused"]
    assert out["sorted"] == [machine["hardware"] for machine in by_speed]
    assert out["shown"] == ["scnn"]
    assert out["status"] == "1 of 3 machines"
    assert all(out["others"])
    assert out["hash"].startswith("#L")
    assert out["charts"] >= 14
    assert out["title"] != "owned"
    assert out["overflow"] <= 0
