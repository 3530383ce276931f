"""Reuse dataflow files: the shipped ones, and every sentence about an impossible one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from accsim.errors import InputError
from accsim.hardware.reader import load_accelerator
from accsim.mapping.dataflow_reader import load_any_dataflow, load_dataflow, load_reuse_dataflow
from accsim.mapping.reuse.machine import ReuseMachine
from accsim.workload.layer import Operand

WEIGHT_STATIONARY = """\
array: reuse
tiles: [M, C]
passes: []
unroll: [M, C, R, S]
pe: [N, P, Q]
buffer: [psum]
apart: [R]
"""

Mistakes = Callable[..., list[str]]


@pytest.fixture
def mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mistakes:
    monkeypatch.chdir(tmp_path)

    def of(**lines: str) -> list[str]:
        kept = [line for line in WEIGHT_STATIONARY.splitlines() if line.split(":")[0] not in lines]
        Path("flow.yaml").write_text("\n".join([*kept, *(f"{k}: {v}" for k, v in lines.items())]), encoding="utf-8")
        with pytest.raises(InputError) as caught:
            load_any_dataflow("flow.yaml")
        return list(caught.value.mistakes)

    return of


@pytest.mark.parametrize(
    ("name", "dataflow_class", "stationary", "whole"),
    [
        ("weight_stationary", "WS", (Operand.WEIGHT,), "NPQRS"),
        ("output_stationary_a", "OS", (Operand.PSUM,), "CRS"),
        ("output_stationary_b", "OS", (Operand.PSUM,), "CRS"),
        ("output_stationary_c", "OS", (Operand.PSUM,), "CRS"),
        ("no_local_reuse", "NLR", (), ""),
        ("row_stationary", "RS", (Operand.WEIGHT, Operand.IFMAP, Operand.PSUM), "QRS"),
    ],
)
def test_what_stays_and_what_is_whole(
    name: str, dataflow_class: str, stationary: tuple[Operand, ...], whole: str
) -> None:
    """Chen, Emer and Sze, ISCA 2016, sections IV and V; derived from the loops, not written in the file."""
    flow = load_reuse_dataflow(f"isca16_{name}")
    assert (flow.dataflow_class, flow.stationary, flow.whole) == (dataflow_class, stationary, tuple(whole))
    assert flow.description
    assert "ISCA 2016" in flow.source


def test_no_machine_can_run_one() -> None:
    with pytest.raises(InputError) as caught:
        load_dataflow("isca16_no_local_reuse")
    assert str(caught.value) == (
        "dataflow 'isca16_no_local_reuse' says which words are moved and not when, so no machine can run it "
        "(arrays run fused_inner_product, inner_product, input_stationary, output_stationary, row_stationary, sparse, "
        "weight_stationary, window_inner_product); accsim.analyse_reuse "
        "finds what it moves and what that costs, and 'accsim report isca16-dataflows -o DIR' compares such dataflows"
    )


def test_reuse_is_analysed_of_no_other() -> None:
    with pytest.raises(InputError) as caught:
        load_reuse_dataflow("row_stationary")
    assert str(caught.value) == (
        "dataflow 'row_stationary' is for arrays that run it; reuse is analysed of dataflows with 'array: reuse'"
    )


def test_a_machine_with_storage_for_each_operand() -> None:
    assert ReuseMachine.of(load_accelerator("eyeriss_isca16")) == ReuseMachine(16, 16, 256, 65536, 16)
    with pytest.raises(InputError) as caught:
        ReuseMachine.of(load_accelerator("eyeriss"))
    assert str(caught.value) == (
        "accelerator 'eyeriss' divides its storage among operands (3 register files in a PE, 2 buffers or parts of "
        "one), and the analysis of reuse knows one of each for all operands; give it a machine of its own"
    )


def test_fields(mistakes: Mistakes) -> None:
    assert mistakes(tiles="[M, X]", buffer="[psums]", forwards="[P]") == [
        "flow.yaml:6:12: tiles.1: must be 'N', 'M', 'C', 'P', 'Q', 'R' or 'S', got 'X'",
        "flow.yaml:7:10: buffer.0: must be 'weight', 'ifmap' or 'psum', got 'psums'; did you mean 'psum'?",
        "flow.yaml:8:1: no key 'forwards'; did you mean 'forward'?",
    ]


def test_every_dimension_has_a_place(mistakes: Mistakes) -> None:
    assert mistakes(pe="[N, Q]") == [
        "flow.yaml:2:8: tiles: nothing says where P runs: every dimension is in tiles, passes, unroll (or rows and "
        "cols) or pe"
    ]


def test_the_array(mistakes: Mistakes) -> None:
    assert mistakes(tiles="[M, M]", rows="[R]", cols="[S, R]") == [
        "flow.yaml:3:9: unroll: give unroll, for PEs in any arrangement, or rows and cols",
        "flow.yaml:7:12: tiles.1: M is listed twice",
        "flow.yaml:9:11: cols.1: R is on the rows too; only M may be on both",
    ]
    assert mistakes(unroll="[M]", cols="[C, R, S]", forward="[Q]") == [
        "flow.yaml:7:9: unroll: give unroll, for PEs in any arrangement, or rows and cols",
        "flow.yaml:8:7: cols: rows must be given too; for PEs in any arrangement use unroll",
        "flow.yaml:9:11: forward.0: Q is not unrolled",
    ]


def test_unfinished_sums_need_a_place(mistakes: Mistakes) -> None:
    assert mistakes(buffer="[ifmap]") == [
        "flow.yaml:2:12: tiles.1: sums over C are left unfinished, and the buffer does not hold psums",
        "flow.yaml:6:9: apart.0: sums over R are added in the buffer, and it does not hold psums",
    ]
