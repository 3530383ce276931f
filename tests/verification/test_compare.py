"""Nothing that differs between two activities or two tensors goes unnoticed, and each is named."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from accsim.simulate.activity import Action, Activity, Count, Cycles, ExpectedCount, TensorReport
from accsim.verification.compare import MOST_WORDS, differences, figures, wrong_words
from accsim.verification.outcome import Difference, WrongWord
from accsim.workload.layer import Operand

READ = Count("glb", Operand.IFMAP, Action.READ, 10, 160, "noc")
WEIGHTS = TensorReport(Operand.WEIGHT, 8, "dense", 64, 0, 0.5, "dram")
SAID = Activity(
    layer="conv1",
    start_cycle=0,
    cycles=Cycles(100, 10, 20, (("dram", 5),)),
    processing_cycles=130,
    macs=1000,
    effectual_macs=900,
    counts=(READ,),
    expected=(ExpectedCount("pe", Operand.COMPUTE, Action.GATED_MAC, 0.5, 0.0),),
    pe_active_max=4,
    pe_active_average=3.5,
    idle_slots=(("skew", 7),),
    tensors=(WEIGHTS,),
)

CHANGES: dict[str, list[tuple[object, list[str]]]] = {
    "cycles": [
        (
            Cycles(101, 10, 20, (("dram", 5),)),
            ["cycles.total: counted 135, stepped 136", "cycles.compute: counted 100, stepped 101"],
        ),
        (
            Cycles(100, 9, 21, (("dram", 5),)),
            ["cycles.fill: counted 10, stepped 9", "cycles.drain: counted 20, stepped 21"],
        ),
        (
            Cycles(100, 10, 20, (("glb", 5),)),
            ["cycles.stall.dram: counted 5, stepped none", "cycles.stall.glb: counted none, stepped 5"],
        ),
    ],
    "processing_cycles": [(131, ["processing_cycles: counted 130, stepped 131"])],
    "macs": [(1001, ["macs: counted 1,000, stepped 1,001", "begun_macs: counted 1,000, stepped 1,001"])],
    "begun_macs": [(999, ["begun_macs: counted 1,000, stepped 999"])],
    "macs_per_pe": [(2, ["macs_per_pe: counted 1, stepped 2"])],
    "bit_operations": [(5, ["bit_operations: counted 0, stepped 5"])],
    "effectual_macs": [(899.5, ["effectual_macs: counted 900, stepped 899.5"])],
    "counts": [
        (
            (replace(READ, accesses=11, bits=176),),
            [
                "glb ifmap read (peer noc), accesses: counted 10, stepped 11",
                "glb ifmap read (peer noc), bits: counted 160, stepped 176",
            ],
        ),
        (
            (replace(READ, peer=None),),
            [
                "glb ifmap read (peer noc), accesses: counted 10, stepped none",
                "glb ifmap read (peer noc), bits: counted 160, stepped none",
                "glb ifmap read, accesses: counted none, stepped 10",
                "glb ifmap read, bits: counted none, stepped 160",
            ],
        ),
    ],
    "expected": [
        (
            (),
            [
                "expected pe compute gated_mac, accesses: counted 0.5, stepped none",
                "expected pe compute gated_mac, bits: counted 0.0, stepped none",
            ],
        )
    ],
    "pe_active_max": [(3, ["pe_active_max: counted 4, stepped 3"])],
    "pe_active_average": [(3.25, ["pe_active_average: counted 3.5, stepped 3.25"])],
    "idle_slots": [((("skew", 8),), ["idle_slots.skew: counted 7, stepped 8"])],
    "tensors": [
        (
            (TensorReport(Operand.WEIGHT, 9, "bitmap", 65, 1, 0.25, "glb"),),
            [
                "tensors.weight.bits: counted 8, stepped 9",
                "tensors.weight.encoding: counted dense, stepped bitmap",
                "tensors.weight.stored_bits: counted 64, stepped 65",
                "tensors.weight.metadata_bits: counted 0, stepped 1",
                "tensors.weight.density: counted 0.5, stepped 0.25",
                "tensors.weight.lived_in: counted dram, stepped glb",
            ],
        )
    ],
}


def test_every_figure_of_an_activity_is_compared() -> None:
    assert set(CHANGES) == {f.name for f in fields(Activity)} - {
        "layer", "start_cycle", "mapping", "notes", "warnings", "expected_compute_cycles",
    }  # fmt: skip


def test_equal_activities_do_not_differ() -> None:
    assert differences(SAID, replace(SAID, notes=("observed",), start_cycle=7)) == ()


@pytest.mark.parametrize(("name", "value", "said"), [(n, v, s) for n, cases in CHANGES.items() for v, s in cases])
def test_each_difference_is_named_with_both_figures(name: str, value: object, said: list[str]) -> None:
    found = differences(SAID, replace(SAID, **{name: value}))
    assert [str(difference) for difference in found] == said
    assert all(difference.reference == "counted" for difference in found)


def test_figures_are_counted_once_each() -> None:
    assert len(figures(SAID)) == 4 + 1 + 8 + 1 + 2 + 2 + 6


def test_a_golden_figure_is_called_so() -> None:
    assert str(Difference("overflows", "golden", 3, 12345)) == "overflows: golden 3, stepped 12,345"


def test_wrong_words_are_all_counted_and_the_first_are_listed() -> None:
    golden = np.zeros((2, 3, 10, 10), np.int64)
    stepped = golden.copy()
    assert wrong_words("outputs", golden, stepped) == ()
    stepped[1, 2, 3, 4] = -5
    (one,) = wrong_words("outputs", golden, stepped)
    assert (str(one), one.first) == ("1 of 600 outputs differ", (WrongWord((1, 2, 3, 4), 0, -5),))
    assert str(one.first[0]) == "n=1 m=2 p=3 q=4: golden 0, stepped -5"
    (all_of_them,) = wrong_words("exact sums", golden, golden + 2**62)
    assert str(all_of_them) == "600 of 600 exact sums differ"
    assert len(all_of_them.first) == MOST_WORDS
    assert all_of_them.first[11] == WrongWord((0, 0, 1, 1), 0, 2**62)
