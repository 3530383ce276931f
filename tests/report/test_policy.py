"""The report of a compression policy."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from accsim.importers.opening import open_model
from accsim.report.policy.page import findings, render_policy
from accsim.report.policy.pdf import policy_pdf
from accsim.report.policy.view import PolicyView
from accsim.sweep.policy.costs import Budget
from accsim.sweep.policy.find import Problem, Solver
from accsim.sweep.policy.report import policy_view
from tests.report.pages import Page
from tests.report.test_browser import driven, opened, told

NASTY = "<script>document.title='owned'</script>"


@cache
def problem(what: Budget = Budget.SIZE) -> Problem:
    return Problem(open_model("lenet_caffe", batch=1, bindings={}), what, densities=(1.0, 0.5, 0.25), bits=(2, 4, 8))


def size_view(share: float = 0.08) -> PolicyView:
    found = problem()
    policy = found.solve(share * found.costs.reference)
    return policy_view({"small.yaml": policy}, found, Solver.EXACT, "", "accsim search policy lenet_caffe")


@pytest.mark.parametrize("what", [Budget.SIZE, Budget.ENERGY, pytest.param(Budget.LATENCY, marks=pytest.mark.slow)])
def test_layers_add_up_to_the_policy(what: Budget) -> None:
    found = problem(what)
    policy = found.solve(1.0 * found.costs.reference)
    view = policy_view({"a.yaml": policy}, found, Solver.EXACT, "", "")
    layers = view.last.layers
    assert [(one.name, one.bits, one.density) for one in layers] == [
        (name, choice.bits, choice.density) for name, choice in policy.choices
    ]
    assert sum(one.after for one in layers) + view.fixed == pytest.approx(policy.cost)
    assert sum(one.before for one in layers) + view.fixed == pytest.approx(policy.reference)
    assert sum(one.loss for one in layers) == pytest.approx(policy.loss)


def test_the_best_of_the_uniform_choices_is_the_policys_own_rival() -> None:
    found = problem()
    policy = found.solve(0.08 * found.costs.reference)
    rivals = size_view().rivals()
    assert policy.uniform is not None
    assert (rivals[0].bits, rivals[0].density) == (policy.uniform.bits, policy.uniform.density)
    assert rivals[0].loss == pytest.approx(policy.uniform_loss)
    assert all(one.cost <= policy.budget for one in rivals)
    assert len(size_view().uniform) == 9


def test_the_page_says_what_was_found() -> None:
    view = size_view()
    text = Page(render_policy(view)).text
    for said in (
        "exact: dynamic programming", "the least there is", "Recipe, ready to copy", "symmetric",
        "it is not an accuracy", "accsim search policy lenet_caffe", "times as much within the same budget",
    ):  # fmt: skip
        assert said in text, said


def test_a_budget_that_nothing_uniform_meets() -> None:
    view = size_view()
    tight = replace(view, uniform=tuple(replace(one, cost=view.last.budget * 2) for one in view.uniform))
    assert ("Against uniform", "no choice for all layers alike is within the budget") in findings(tight)
    assert "No choice for all layers alike is within the budget." in Page(render_policy(tight)).text


def test_names_are_text_and_nothing_is_fetched() -> None:
    html = render_policy(nasty(size_view()))
    page = Page(html)
    assert page.text.count(NASTY) >= 3
    assert page.count("script") == 1
    assert not re.search(r"""(?:src|href)=["']?(?!#)[^"'>]""", html.replace("script-src", ""))


def test_the_pdf() -> None:
    assert policy_pdf(nasty(size_view())).startswith(b"%PDF")


def nasty(view: PolicyView) -> PolicyView:
    first, *others = view.last.layers
    return replace(view, steps=(replace(view.last, layers=(replace(first, name=NASTY), *others)),) * 2, title=NASTY)


DRIVER = """
<script>
const out = {};
const table = document.getElementById("table");
const heads = [...table.tHead.rows[0].cells];
const bits = heads.findIndex(h => h.textContent === "bits");
const values = () => [...table.tBodies[0].rows].map(r => Number(r.cells[bits].dataset.v));
heads[bits].querySelector("button").click();
out.down = values();
heads[bits].querySelector("button").click();
out.up = values();
const filter = document.getElementById("filter");
filter.value = "script";
filter.dispatchEvent(new Event("input"));
out.status = document.getElementById("shown").textContent;
out.charts = document.querySelectorAll("svg.chart").length;
out.copy = [...document.querySelectorAll("pre button")].length;
out.title = document.title;
out.overflow = document.documentElement.scrollWidth - innerWidth;
document.body.dataset.out = JSON.stringify(out);
</script>
"""


@pytest.mark.browser
@pytest.mark.parametrize("width", [500, 1300])
def test_the_page_in_a_browser(tmp_path: Path, width: int) -> None:
    html = render_policy(nasty(size_view()))
    _, console = opened(tmp_path, html)
    assert console == []
    dom, console = opened(tmp_path, driven(html, DRIVER), width=width)
    assert console == []
    out = told(dom)
    assert out["up"] == sorted(out["up"])
    assert out["down"] == out["up"][::-1]
    assert out["status"] == "1 of 4 layers"
    assert out["charts"] == 4
    assert out["copy"] == 2
    assert out["title"].startswith(NASTY)
    assert out["overflow"] <= 0
