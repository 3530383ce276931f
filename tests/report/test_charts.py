from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from accsim.report import charts
from accsim.report.colours import TEXTURES, level_series
from accsim.report.roofline import Roof, absent, left_out, roofline
from accsim.report.timeline import lanes, timeline
from accsim.report.view import ResultView, view
from tests.report.sample_result import sample_result


def seen(layers: int) -> ResultView:
    return view(sample_result(layers))


def heights(svg: str, css: str) -> list[float]:
    """Heights of the pieces of one colour."""
    path = re.search(f'<path class="{css}" d="([^"]*)"', svg)
    return [float(h) for h in re.findall(r"v([\d.]+)h", path.group(1))] if path else []


@pytest.mark.parametrize("layers", [0, 1, 12, 170, 300])
def test_every_chart_is_well_formed_and_described(layers: int) -> None:
    result = seen(layers)
    drawn = (
        [
            charts.stacked("a", "A", result.layers, result.levels, lambda v: v.by_level, 1e-9, "mJ"),
            charts.utilization("b", "B", result.layers, result.utilization, 168),
            charts.shares("c", "C", result.levels, result.by_level),
            timeline("d", "D", result.layers, result.cycles, 200),
            roofline("e", "E", result.layers, Roof(168, 2.4)),
        ]
        if layers
        else [charts.stacked("a", "A", (), (), lambda v: v.by_level, 1.0, "mJ")]
    )
    for svg in drawn:
        root = ET.fromstring(svg)
        assert root.get("role") == "img"
        assert [child.tag for child in root][:2] == ["title", "desc"]
        assert all((child.text or "").strip() for child in list(root)[:2])
        assert "nan" not in svg


def test_columns_are_as_high_as_their_figures() -> None:
    result = seen(12)
    svg = charts.stacked(
        "a", "A", result.layers, result.cycles, lambda v: {k: float(n) for k, n in v.cycles.items()}, 1, ""
    )
    top = charts.ticks(max(layer.total for layer in result.layers))[-1]
    full = charts.Columns(result.layers).height
    expected = [full * layer.cycles["compute"] / top for layer in result.layers]
    assert heights(svg, "ccompute") == pytest.approx([h for h in expected if h >= 0.05], abs=0.06)


def test_labels_never_touch() -> None:
    for count in (1, 5, 12, 40, 170, 300):
        columns = charts.Columns(seen(count).layers)
        found = [float(x) for x in re.findall(r'<text x="([\d.]+)"', columns.labels()[0])]
        assert found
        assert all(b - a >= charts.LABEL_SPACE - 0.2 for a, b in pairwise(found)), count


def test_levels_of_a_kind_share_a_hue_and_differ_in_texture() -> None:
    series = level_series([("dram", "dram"), ("a", "rf"), ("b", "rf"), ("c", "rf"), ("odd", "disk")])
    assert len({s.hue for s in series[1:4]}) == 1
    assert len({s.texture for s in series[1:4]}) == 3
    assert len({s.hue for s in series}) == 3
    assert len({s.css for s in level_series((str(i), "noc") for i in range(20))}) == 20
    assert len(set(TEXTURES)) == len(TEXTURES)


def test_layers_that_overlap_are_drawn_in_lanes() -> None:
    result = sample_result(12)
    assert set(lanes(view(result).layers)) == {0}
    for layer in result["layers"]:
        layer["start_cycle"] = 0
    assert lanes(view(result).layers)[:3] == [0, 1, 2]
    assert max(lanes(view(result).layers)) == 5


def test_the_roof_is_the_lower_of_link_and_array() -> None:
    machine = Roof(peak=168, link=2.4)
    assert machine.ridge == 70
    assert machine.at(10) == 24
    assert machine.at(1000) == 168


def test_the_roofline_says_what_it_leaves_out() -> None:
    result = sample_result(12)
    assert left_out(view(result).layers) == "Not shown: 4 layers without MACs."
    conv = result["layers"][0]
    conv["activity"] = [row for row in conv["activity"] if row["level"] != "dram"]
    assert left_out(view(result).layers) == (
        "Not shown: 4 layers without MACs and 1 layer with MACs but no off-chip traffic."
    )
    assert (
        absent(view(result).layers, {})
        == "The result does not say what the array and the DRAM channel can do per cycle."
    )


def test_traffic_counts_reads_writes_and_fills_of_each_kind_of_level() -> None:
    result = sample_result(1)
    layer = result["layers"][0]
    layer["activity"] = [
        {"level": "dram", "operand": "ifmap", "action": "read", "accesses": 1, "bits": 80, "energy": 1},
        {"level": "dram", "operand": "ifmap", "action": "encode", "accesses": 1, "bits": 800, "energy": 1},
        {"level": "glb", "operand": "ifmap", "action": "fill", "accesses": 1, "bits": 80, "energy": 1},
        {"level": "glb", "operand": "psum", "action": "write", "accesses": 1, "bits": 160, "energy": 1},
        {"level": "psum_spad", "operand": "psum", "action": "read", "accesses": 1, "bits": 1600, "energy": 1},
    ]
    found = view(result).layers[0]
    assert (found.dram_bits, found.buffer_bits) == (80, 240)
    assert found.by_operand == {"ifmap": 3, "psum": 2}
