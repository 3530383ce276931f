from __future__ import annotations

import base64
import copy
import hashlib
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.errors import AccsimError
from accsim.report.html import render_html
from tests.report.pages import Page
from tests.report.sample_result import sample_result

NASTY = "<script>alert(1)</script>"
NO_NUMBER = re.compile(r"(?<![\w.])(nan|inf|infinity|none|null|undefined)(?![\w.])", re.IGNORECASE)


def renamed(result: dict[str, Any], name: str) -> dict[str, Any]:
    """The result with ``name`` wherever a user's word can be."""
    out = copy.deepcopy(result)
    for key in ("workload", "hardware", "dataflow", "recipe", "command", "engine", "objective"):
        out[key] = name
    out["energy_table"]["name"] = name
    out["energy_table"]["entries"] = [{name: name, "source": name}]
    out["energy_table"]["sources"] = {name: name}
    out["hardware_description"] |= {"description": name, "source": name, "assumed": [name], name: name}
    out["notes"] = out["warnings"] = out["not_modelled"] = out["area"]["notes"] = [name]
    out["versions"] = {name: name}
    out["levels"].append({"name": name, "kind": "sram", "instances": 1})
    for index, layer in enumerate(out["layers"]):
        layer["name"] = f"{name}{index}"
        layer["kind"] = name
        layer["notes"] = layer["warnings"] = [name]
        layer["mapping"] = {name: [name, {name: name}]}
        layer["stalls"][name] = 3
        layer["pe"]["idle_slots"][name] = 3
        layer["energy"][name] = 1e6
        layer["activity"].append(
            {"level": name, "operand": name, "action": name, "accesses": 1, "bits": 1, "energy": 1e6, "peer": name}
        )
        layer["tensors"]["ifmap"] |= {"encoding": name, "lived_in": name}
    return out


@pytest.mark.parametrize("layers", [0, 1, 2, 12, 16, 17, 170])
def test_renders_any_number_of_layers(layers: int) -> None:
    page = Page(render_html(sample_result(layers)))
    rows = [a for tag, a in page.elements if tag == "details" and a.get("class") == "layer"]
    assert len(rows) == layers
    assert not NO_NUMBER.search(page.text.replace("recipe none", ""))
    charts = [a for tag, a in page.elements if tag == "svg" and a.get("role") == "img"]
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert all(set(chart["aria-labelledby"].split()) <= set(ids) for chart in charts)
    assert len(charts) >= 3


def test_needs_nothing_from_outside() -> None:
    result = sample_result(12)
    result["hardware_description"]["source"] = "https://example.org/paper.pdf"
    page = Page(render_html(result))
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form", "use", "image"), tag
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith("#")
        assert not any(key.startswith("on") for key in attributes)
        assert not any("http" in value for key, value in attributes.items() if key != "http-equiv")
    assert not re.search(r"@import|@font-face|https?:", "".join(page.style))
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", "".join(page.style)))
    assert not re.search(r"https?:|fetch|XMLHttpRequest|import\(", "".join(page.script))
    assert "https://example.org/paper.pdf" in page.text


def test_policy_allows_the_one_script_by_its_hash() -> None:
    page = Page(render_html(sample_result(3)))
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256("".join(page.script).encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert page.count("script") == 1


@pytest.mark.parametrize(
    "name", [NASTY, "\"' onload=alert(1) x='", "]]><!--", "&lt;b&gt;", "{{ 7*7 }}", "</title></style>"]
)
def test_names_are_shown_as_text(name: str) -> None:
    plain = Page(render_html(renamed(sample_result(5), "x" * len(name))))
    nasty = Page(render_html(renamed(sample_result(5), name)))
    assert [tag for tag, _ in nasty.elements] == [tag for tag, _ in plain.elements]
    assert [sorted(a) for _, a in nasty.elements] == [sorted(a) for _, a in plain.elements]
    assert nasty.script == plain.script
    assert " ".join(name.split()) in nasty.text


@settings(max_examples=25, deadline=None)
@given(st.text(min_size=1))
def test_any_text_is_a_name(name: str) -> None:
    page = Page(render_html(renamed(sample_result(2), name)))
    assert page.count("script") == 1
    assert page.count("details") == 3


def test_long_names_are_shortened_and_given_in_full_once() -> None:
    result = sample_result(3)
    name = "block/" * 800 + "end"
    result["layers"][1]["name"] = name
    page = Page(render_html(result))
    assert page.text.count(name) == 1
    assert "block/block/" in page.text


def test_figures_that_are_no_numbers_are_left_blank() -> None:
    result = sample_result(6)
    result["layers"][2]["energy"] = {"total": float("nan"), "dram": float("inf")}
    result["layers"][3]["pe"]["utilization"] = float("nan")
    result["layers"][4]["latency_ms"] = None
    result["totals"] |= {"power_mw": None, "system_power_mw": None, "fps": None, "area_mm2": None}
    result["totals"]["energy"]["total"] = float("nan")
    page = Page(render_html(result))
    assert not NO_NUMBER.search(page.text.replace("recipe none", ""))
    assert not any(re.search(r"\bnan\b|\binf\b", value) for _, a in page.elements for value in a.values())


def test_layers_that_do_nothing() -> None:
    result = sample_result(4)
    for layer in result["layers"]:
        layer |= {"macs": 0, "effectual_macs": 0, "activity": [], "energy": {"total": 0}, "stalls": {}, "latency_ms": 0}
        layer["cycles"] = dict.fromkeys(("total", "compute", "fill", "drain", "stall"), 0)
        layer["pe"] = {"active_max": 0, "active_average": 0, "utilization": 0, "idle_slots": {}}
    zero = dict.fromkeys(("total", "compute", "fill", "drain", "stall"), 0)
    result["totals"] |= {"macs": 0, "cycles": zero, "latency_ms": 0, "fps": None, "energy": {"total": 0}}
    page = Page(render_html(result))
    assert "There is nothing to compare" in page.text
    assert "No roofline: No layer has both MACs and off-chip traffic." in page.text
    assert not NO_NUMBER.search(page.text.replace("recipe none", ""))


def test_a_normalised_table_has_no_power() -> None:
    result = sample_result(12)
    result["energy_table"]["unit"] = "mac"
    result["totals"] |= {"power_mw": None, "system_power_mw": None}
    text = Page(render_html(result)).text
    assert "MAC energies" in text
    assert "the energy table has no absolute unit" in text
    assert " mJ" not in text


def test_what_a_result_does_not_carry_is_said() -> None:
    text = Page(render_html(sample_result(12, described=False))).text
    assert "The result does not say which command made it." in text
    assert "No roofline: The result does not say what the array and the DRAM channel can do per cycle." in text
    assert "The result carries no description of the accelerator beyond its levels." in text


def test_command_versions_sources_and_assumptions_are_shown() -> None:
    result = sample_result(12)
    text = Page(render_html(result)).text
    assert result["command"] in text
    assert "numpy 2.4.6" in text
    assert "Chen et al., JSSC 2017, Table III" in text
    assert "levels.glb ports: the buffer keeps up with its networks" in text
    assert "Sze et al., Proc. IEEE 2017, Fig. 22" in text
    assert "DRAM refresh" in text
    assert "no density is known for fc8" in text


def test_the_totals_row_holds_the_totals() -> None:
    result = sample_result(12)
    html = render_html(result)
    foot = html[html.index("<tfoot>") : html.index("</tfoot>")]
    cells = [re.sub("<[^>]*>", "", cell).strip() for cell in re.split("<t[dh]", foot.split("<tr")[1])[1:]]
    macs, total = result["totals"]["macs"], result["totals"]["cycles"]["total"]
    assert cells[1].endswith("All layers")
    assert cells[3] == f">{macs / 1e6:,.0f}"
    assert cells[4] == f">{total / 1e3:,.0f}"


def test_stays_under_two_megabytes() -> None:
    result = sample_result(300)
    for index, layer in enumerate(result["layers"]):
        layer["name"] = f"encoder/stage_{index}/attention/output/dense/MatMul_quantised_{index}"
        layer["activity"] = layer["activity"] * 2
    html = render_html(result)
    assert len(html.encode()) < 2_000_000
    text = Page(html).text
    assert "The activity rows of this layer are left out to keep the file small" in text
    small = Page(render_html(sample_result(170))).text
    assert "are left out" not in small


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([1], "not a result of `accsim run --json`: the file holds no mapping"),
        (
            {"schema": 1, "workload": "x"},
            "not a result of `accsim run --json`: no key 'hardware', 'dataflow', 'batch', 'clock_mhz', 'energy_table', "
            "'levels', 'layers', 'totals'",
        ),
        (
            sample_result(1) | {"schema": 2},
            "a result of schema 2 cannot be read; this accsim reads schema 1",
        ),
    ],
)
def test_what_is_no_result_is_refused(result: Any, message: str) -> None:
    with pytest.raises(AccsimError) as caught:
        render_html(result)
    assert str(caught.value) == message


def test_importing_it_is_cheap() -> None:
    heavy = ("jinja2", "matplotlib", "pandas", "numba")
    code = f"import sys, accsim.report.html; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.benchmark
def test_rendering_170_layers(benchmark: Any) -> None:
    result = sample_result(170)
    benchmark(render_html, result)
