"""The report of a run on paper."""

from __future__ import annotations

import pytest

from accsim.report.paper import table_pages
from accsim.report.pdf import run_pdf
from tests.report.sample_result import sample_result


@pytest.mark.parametrize("layers", [0, 1, 12])
def test_the_same_result_gives_the_same_bytes(layers: int) -> None:
    result = sample_result(layers)
    result["workload"] = "$x_{$ 名前"
    once = run_pdf(result)
    assert once.startswith(b"%PDF")
    assert once == run_pdf(result)


def test_long_tables_take_several_pages() -> None:
    rows = [[f"layer {i}", "1"] for i in range(100)]
    assert len(table_pages("t", ["layer", "cycles"], rows)) == 3
    assert len(table_pages("t", ["layer", "cycles"], [])) == 1


def test_a_result_that_says_nothing_of_its_machine() -> None:
    result = sample_result(3)
    result.pop("hardware_description", None)
    result["clock_mhz"] = 0
    assert run_pdf(result).startswith(b"%PDF")
