"""The page in a real browser: nothing is blocked or fails, and the table sorts, filters and leads to details."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from accsim.report.html import render_html
from tests.report.pages import Page
from tests.report.sample_result import sample_result

pytestmark = pytest.mark.browser
BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
NASTY = "<script>document.title='owned'</script>"
DRIVER = """
<script>
const out = {errors: []};
const table = document.getElementById("table");
const head = table.tHead.rows[1].cells;
const column = i => [...table.tBodies[0].rows].map(r => r.cells[i].textContent.trim());
const cycles = 4;
head[cycles].querySelector("button").focus();
out.focused = document.activeElement.closest("th") === head[cycles];
head[cycles].querySelector("button").click();
out.descending = [head[cycles].getAttribute("aria-sort"), column(1)];
head[cycles].querySelector("button").click();
out.ascending = [head[cycles].getAttribute("aria-sort"), column(1)];
head[1].querySelector("button").click();
out.names = [head[1].getAttribute("aria-sort"), head[cycles].getAttribute("aria-sort"), column(1)];
head[0].querySelector("button").click();
const filter = document.getElementById("filter");
filter.value = "CONV";
filter.dispatchEvent(new Event("input"));
out.shown = [...table.tBodies[0].rows].filter(r => !r.hidden).map(r => r.cells[1].textContent.trim());
out.status = document.getElementById("shown").textContent;
out.sums = [...document.getElementById("sums").cells].map(c => c.textContent);
out.details = document.querySelectorAll("details.layer:not([hidden])").length;
filter.value = "";
filter.dispatchEvent(new Event("input"));
document.querySelector("[data-l='3']").dispatchEvent(new MouseEvent("click", {bubbles: true}));
out.hash = location.hash;
out.overflow = document.documentElement.scrollWidth - innerWidth;
document.body.dataset.out = JSON.stringify(out);
</script>
"""


def opened(tmp_path: Path, html: str, anchor: str = "", width: int = 1300) -> tuple[str, list[str]]:
    """The page after its scripts ran, and what the console said."""
    if BROWSER is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have a browser: no chromium, chromium-browser or google-chrome on PATH")
        pytest.skip("no chromium, chromium-browser or google-chrome on PATH")
    page = tmp_path / "report.html"
    page.write_text(html, encoding="utf-8")
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={width},1200",
        "--enable-logging=stderr",
        "--virtual-time-budget=2000",
        "--dump-dom",
        f"{page.as_uri()}{anchor}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def driven(html: str, driver: str = DRIVER) -> str:
    """The page with a script of the test's own, and a policy that lets it run."""
    loose, changed = re.subn(r"script-src '[^']*'", "script-src 'unsafe-inline'", html)
    assert changed == 1
    return loose.replace("</body>", f"{driver}</body>")


def told(dom: str) -> dict[str, Any]:
    body = next(a for tag, a in Page(dom).elements if tag == "body")
    found: dict[str, Any] = json.loads(body["data-out"])
    return found


def test_the_page_runs_its_own_script_without_complaint(tmp_path: Path) -> None:
    dom, console = opened(tmp_path, render_html(sample_result(12)), "#L3")
    assert console == []
    page = Page(dom)
    headings = [a for tag, a in page.elements if tag == "th" and "aria-sort" in a]
    assert len(headings) > 15
    unfolded = [a for tag, a in page.elements if tag == "details" and "open" in a]
    assert [a.get("data-i") for a in unfolded] == ["3"]


def test_a_complaint_would_be_seen(tmp_path: Path) -> None:
    html = render_html(sample_result(1)).replace("</body>", "<script>console.log(1)</script></body>")
    _, console = opened(tmp_path, html)
    assert len(console) == 1
    assert "Content Security Policy" in console[0]


def test_the_table_sorts_filters_and_leads_to_details(tmp_path: Path) -> None:
    result = sample_result(12)
    dom, console = opened(tmp_path, driven(render_html(result)))
    assert console == []
    out = told(dom)
    layers = result["layers"]
    by_cycles = [layer["name"] for layer in sorted(layers, key=lambda v: -v["cycles"]["total"])]
    assert out["focused"]
    assert out["descending"] == ["descending", by_cycles]
    assert out["ascending"] == ["ascending", by_cycles[::-1]]
    assert out["names"] == ["ascending", "none", sorted(layer["name"] for layer in layers)]
    convs = [layer for layer in layers if layer["kind"] == "conv"]
    assert out["shown"] == [layer["name"] for layer in convs]
    assert out["status"] == f"{len(convs)} of 12 layers"
    assert out["details"] == len(convs)
    assert float(out["sums"][3].replace(",", "")) == pytest.approx(sum(v["macs"] for v in convs) / 1e6, rel=1e-3)
    assert out["hash"] == "#L3"


@pytest.mark.parametrize("width", [500, 1300])
def test_only_tables_and_charts_scroll_sideways(tmp_path: Path, width: int) -> None:
    result = sample_result(170)
    result["workload"] = "w" * 200
    result["layers"][5]["name"] = "n" * 500
    dom, console = opened(tmp_path, driven(render_html(result)), width=width)
    assert console == []
    assert told(dom)["overflow"] <= 0


def test_names_are_shown_as_text(tmp_path: Path) -> None:
    result = sample_result(12)
    result["workload"] = NASTY
    result["layers"][0]["name"] = NASTY
    result["layers"][0]["notes"] = [NASTY]
    dom, console = opened(tmp_path, driven(render_html(result), "<script>0</script>"))
    assert console == []
    page = Page(dom)
    assert page.count("script") == 2
    assert "<title>owned" not in dom
    assert page.text.count(NASTY) >= 4
