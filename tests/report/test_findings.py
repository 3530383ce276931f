from __future__ import annotations

from typing import Any

from accsim.report.findings import findings
from accsim.report.view import view
from tests.report.sample_result import sample_result


def said(result: dict[str, Any]) -> dict[str, str]:
    return dict(findings(view(result)))


def two_layers() -> dict[str, Any]:
    """conv a: 60 cycles, 30 pJ of DRAM and 10 of glb; fc b: 40 cycles of which 25 stall on DRAM, 60 pJ of DRAM."""
    result = sample_result(12)
    a, b = result["layers"][0], result["layers"][9]
    split = ("total", "compute", "fill", "drain", "stall")
    a |= {"name": "a", "macs": 600, "energy": {"total": 40, "dram": 30, "glb": 10}, "stalls": {}, "start_cycle": 0}
    b |= {"name": "b", "macs": 150, "energy": {"total": 60, "dram": 60}, "stalls": {"dram": 25}, "start_cycle": 60}
    a["cycles"] = dict(zip(split, (60, 50, 6, 4, 0), strict=True))
    b["cycles"] = dict(zip(split, (40, 15, 0, 0, 25), strict=True))
    a["pe"] |= {"utilization": 600 / (168 * 60), "idle_slots": {"unused_columns": 9480}}
    b["pe"] |= {"utilization": 150 / (168 * 40), "idle_slots": {"stall_dram": 4200, "unused_columns": 2370}}
    a["activity"] = [row("dram", "ifmap", "read", 160, 30), row("glb", "ifmap", "fill", 160, 10)]
    b["activity"] = [row("dram", "weight", "read", 640, 60)]
    result["layers"] = [a, b]
    result["totals"] |= {"macs": 750, "cycles": dict(zip(split, (100, 65, 6, 4, 25), strict=True))}
    result["totals"]["energy"] = {"total": 100, "dram": 90, "glb": 10}
    return result


def row(level: str, operand: str, action: str, bits: int, energy: float) -> dict[str, Any]:
    return {
        "level": level,
        "operand": operand,
        "action": action,
        "accesses": bits // 16,
        "bits": bits,
        "energy": energy,
    }


def test_sentences_follow_from_the_figures() -> None:
    assert said(two_layers()) == {
        "Time": "Most time goes to a (60.0 %) and b (40.0 %).",
        "Stalls": "65.0 % of the cycles compute, 10.0 % fill and drain the array, and 25.0 % are stalls: 100.0 % of "
        "them wait for dram, 100.0 % of those in b.",
        "Off-chip link": "2 of the 2 layers with MACs and off-chip traffic do fewer than 70 MACs per DRAM byte, so the "
        "off-chip link, not the array, bounds their speed.",
        "Energy": "dram takes the largest part of the energy, 90.0 % (90 pJ of 100 pJ), 66.7 % of it for weight.",
        "DRAM": "0.0001 MB cross the chip's edge; 80.0 % are weight, and b alone moves 80.0 %.",
        "Dear layers": "The dearest layers are b (60.0 %) and a (40.0 %).",
        "Utilisation": "4.5 % of all PE slots do a MAC; the most common reason for an empty slot is “unused columns”, "
        "73.8 % of them.",
    }


def test_no_layers_no_sentences() -> None:
    assert said(sample_result(0)) == {}


def test_without_stalls_it_says_so() -> None:
    result = two_layers()
    result["totals"]["cycles"] |= {"total": 75, "stall": 0}
    assert said(result)["Stalls"].endswith("and none are stalls.")


def test_a_fast_link_is_no_bound() -> None:
    result = two_layers()
    result["hardware_description"]["dram_bits_per_cycle"] = 1e6
    assert said(result)["Off-chip link"] == (
        "All of the 2 layers with MACs and off-chip traffic do at least 0.00134 MACs per DRAM byte, so the array "
        "bounds their speed."
    )
