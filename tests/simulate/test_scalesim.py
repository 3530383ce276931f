"""The SCALE-Sim comparison mode against runs of SCALE-Sim 3.0.0 and against demand matrices built row by row.

Two files of measured runs: ``scalesim_systolic_cases.csv``, 116 runs with SRAMs of 64 KiB, and
``scalesim_small_sram_cases.csv``, 129 runs whose operands mostly do not fit in SRAMs of 1 to 32 KiB.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.errors import AccsimError
from accsim.simulate.scalesim import (
    Array,
    DataflowClass,
    Gemm,
    ScaleSimReport,
    convolution,
    flushed_reads,
    from_geometry,
    report,
)
from accsim.workload.layer import Geometry

Row = dict[str, str]
Demand = list[list[tuple[int, int] | None]]
DATA = Path(__file__).parents[1] / "data"
OS, WS, IS = DataflowClass.OS, DataflowClass.WS, DataflowClass.IS


def measured(name: str) -> list[Row]:
    with open(DATA / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


CASES = measured("scalesim_systolic_cases.csv")
SMALL_SRAM_CASES = measured("scalesim_small_sram_cases.csv")
ALL_CASES = CASES + SMALL_SRAM_CASES


def case_name(row: Row) -> str:
    return f"{row['layer']}-{row['dataflow']}-{row['array_rows']}x{row['array_cols']}"


def problem(row: Row) -> Gemm:
    if row["kind"] == "gemm":
        return Gemm(int(row["M"]), int(row["N"]), int(row["K"]))
    return convolution(
        ifmap_h=int(row["ifmap_h"]),
        ifmap_w=int(row["ifmap_w"]),
        filter_h=int(row["filter_h"]),
        filter_w=int(row["filter_w"]),
        channels=int(row["channels"]),
        filters=int(row["num_filters"]),
        stride=int(row["stride"]),
    )


def array(row: Row) -> Array:
    columns = ("array_rows", "array_cols", "sram_ifmap_kb", "sram_filter_kb", "sram_ofmap_kb")
    return Array(*(int(row[column]) for column in columns))


def predicted(row: Row) -> ScaleSimReport:
    return report(problem(row), array(row), DataflowClass(row["dataflow"].upper()))


@pytest.mark.parametrize("row", ALL_CASES, ids=case_name)
def test_equals_the_measured_run(row: Row) -> None:
    got = predicted(row)
    assert got.total_cycles == int(row["total_cycles_reported"])
    if "demand_rows" in row:
        assert got.demand_rows == int(row["demand_rows"])
    assert got.sram_ifmap_reads == int(row["sram_ifmap_reads"])
    assert got.sram_filter_reads == int(row["sram_filter_reads"])
    assert got.sram_ofmap_writes == int(row["sram_ofmap_writes"])
    assert got.mapping_efficiency_pct == pytest.approx(float(row["mapping_eff_pct"]), abs=1e-9, rel=0)
    assert got.overall_utilization_pct == pytest.approx(float(row["overall_util_pct"]), abs=1e-9, rel=0)
    assert got.compute_utilization_pct == pytest.approx(float(row["compute_util_pct"]), abs=1e-9, rel=0)
    assert got.dram_filter_reads == int(row["dram_filter_reads"])
    if got.dram_ifmap_reads is not None:
        assert got.dram_ifmap_reads == int(row["dram_ifmap_reads"])
    if got.dram_ofmap_writes is not None:
        assert got.dram_ofmap_writes == int(row["dram_ofmap_writes"])
    if got.total_cycles_with_prefetch is not None:
        assert got.total_cycles_with_prefetch == int(row["total_cycles_incl_prefetch"])


def test_the_problem_sizes_of_the_measured_runs() -> None:
    assert len(CASES) == 116
    for row in CASES:
        built = problem(row)
        sizes_built = (built.M, built.N, built.K)
        assert sizes_built == (int(row["M"]), int(row["N"]), int(row["K"])), case_name(row)


def test_which_runs_have_no_closed_form() -> None:
    """Every other figure of every run is compared above."""
    reports = {case_name(row): predicted(row) for row in CASES}
    assert len(reports) == len(CASES)
    # 3x3 windows over an ifmap of 50,176 to 100,352 words, more than the 32,750 that half an SRAM holds.
    assert {name for name, got in reports.items() if got.dram_ifmap_reads is None} == {
        "mobilenet_conv14_dw-os-32x8",
        "mobilenet_conv14_dw-ws-32x8",
        "mobilenet_conv24_dw-os-32x8",
        "mobilenet_conv24_dw-ws-32x8",
        "mobilenet_conv24_dw-is-8x8",
        "mobilenet_conv26_dw-os-8x8",
        "mobilenet_conv26_dw-ws-8x8",
        "mobilenet_conv26_dw-is-8x8",
    }
    # More than 32,768 outputs and partial sums.
    no_output_form = {name for name, got in reports.items() if got.dram_ofmap_writes is None}
    assert no_output_form == {
        "gemm_129x31x97-ws-8x8",
        "gemm_129x31x97-is-8x8",
        "googlenet_inc4a_5x5red-ws-16x16",
        "googlenet_inc5b_5x5-is-16x16",
        "resnet18_FC-ws-8x8",
    }
    assert {name for name, got in reports.items() if got.total_cycles_with_prefetch is None} == no_output_form


# Demand matrices: one row per cycle, one address or None per array port.


def blocks(size: int, step: int) -> Iterator[range]:
    for start in range(0, size, step):
        yield range(start, min(size, start + step))


def skewed(entries: list[list[tuple[int, int] | None]], before: int, length: int, width: int) -> Demand:
    """Entry [t][port] is requested ``port`` cycles later; ``before`` empty cycles precede it."""
    demand: Demand = [[None] * width for _ in range(length)]
    for t, row in enumerate(entries):
        for port, address in enumerate(row):
            demand[before + t + port][port] = address
    return demand


def held(entries: list[list[tuple[int, int] | None]], rows: int, length: int, width: int) -> Demand:
    """Stationary words, one array row a cycle, bottom row first, without skew."""
    demand: Demand = [[None] * width for _ in range(length)]
    for row, words in enumerate(entries):
        demand[rows - 1 - row][: len(words)] = words
    return demand


def demand_matrices(gemm: Gemm, rows: int, cols: int, dataflow: DataflowClass) -> tuple[Demand, Demand, Demand]:
    """Ifmap, filter and ofmap demand of all folds, column folds outer, as SCALE-Sim orders them."""
    ifmap: Demand = []
    filters: Demand = []
    ofmap: Demand = []
    spread = {OS: (gemm.M, gemm.N), WS: (gemm.K, gemm.N), IS: (gemm.K, gemm.M)}[dataflow]
    for across in blocks(spread[1], cols):
        for down in blocks(spread[0], rows):
            if dataflow is OS:
                length = gemm.K + rows + cols - 2
                ifmap += skewed([[(m, k) for m in down] for k in range(gemm.K)], 0, length, rows)
                filters += skewed([[(k, n) for n in across] for k in range(gemm.K)], 0, length, cols)
                # Bottom row of the array first, from the cycle of the last reduction step in the top left PE.
                out: Demand = [[None] * len(across) for _ in range(rows)]
                for r, m in enumerate(down):
                    out[rows - 1 - r] = [(m, n) for n in across]
                ofmap += skewed(out, gemm.K - 1, length, cols)
                continue
            stream = range(gemm.M if dataflow is WS else gemm.N)
            length = 2 * rows + cols + len(stream) - 2
            if dataflow is WS:
                filters += held([[(k, n) for n in across] for k in down], rows, length, cols)
                ifmap += skewed([[(m, k) for k in down] for m in stream], rows, length, rows)
                ofmap += skewed([[(m, n) for n in across] for m in stream], 2 * rows - 1, length, cols)
            else:
                ifmap += held([[(m, k) for m in across] for k in down], rows, length, cols)
                filters += skewed([[(k, n) for k in down] for n in stream], rows, length, rows)
                ofmap += skewed([[(m, n) for m in across] for n in stream], 2 * rows - 1, length, cols)
    return ifmap, filters, ofmap


def words(demand: Demand) -> list[tuple[int, int]]:
    return [address for row in demand for address in row if address is not None]


def busy_cycles(demand: Demand) -> list[int]:
    return [cycle for cycle, row in enumerate(demand) if any(address is not None for address in row)]


def fetched(reads: list[tuple[int, int]], capacity: int) -> int:
    """Misses of a buffer that is emptied as soon as it holds ``capacity`` words."""
    buffer: set[tuple[int, int]] = set()
    misses = 0
    for address in reads:
        if address not in buffer:
            misses += 1
            buffer.add(address)
            if len(buffer) == capacity:
                buffer.clear()
    return misses


sizes = st.integers(1, 9)
gemms = st.builds(Gemm, sizes, sizes, sizes)
sides = st.integers(1, 5)
dataflows = st.sampled_from(DataflowClass)


@given(gemms, sides, sides, dataflows)
@settings(max_examples=60, deadline=None)
def test_demand_matrices_have_the_reported_rows_and_words(
    gemm: Gemm, rows: int, cols: int, dataflow: DataflowClass
) -> None:
    got = report(gemm, Array(rows, cols), dataflow)
    ifmap, filters, ofmap = demand_matrices(gemm, rows, cols, dataflow)
    assert len(ifmap) == len(filters) == len(ofmap) == got.demand_rows
    assert len(words(ifmap)) == got.sram_ifmap_reads
    assert len(words(filters)) == got.sram_filter_reads
    surplus = got.folds * (rows + cols) if dataflow is OS else 0
    assert len(words(ofmap)) + surplus == got.sram_ofmap_writes
    assert len(words(ofmap)) == got.dram_ofmap_writes
    assert set(words(ofmap)) == {(m, n) for m in range(gemm.M) for n in range(gemm.N)}


@given(gemms, sides, sides, dataflows, st.integers(1, 90))
@settings(max_examples=60, deadline=None)
def test_fetches_equal_an_emptied_buffer_on_the_demand(
    gemm: Gemm, rows: int, cols: int, dataflow: DataflowClass, capacity: int
) -> None:
    ifmap, filters, _ = demand_matrices(gemm, rows, cols, dataflow)
    got = report(gemm, Array(rows, cols), dataflow)
    ifmap_words, filter_words = gemm.M * gemm.K, gemm.K * gemm.N
    chunk = cols * gemm.K if dataflow is OS else filter_words
    ifmap_passes, filter_passes = got.sram_ifmap_reads // ifmap_words, got.sram_filter_reads // filter_words
    assert flushed_reads(ifmap_words, ifmap_words, ifmap_passes, capacity) == fetched(words(ifmap), capacity)
    assert flushed_reads(filter_words, chunk, filter_passes, capacity) == fetched(words(filters), capacity)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 4), st.integers(1, 40))
@settings(deadline=None)
def test_fetches_equal_an_emptied_buffer_on_any_chunks(total: int, chunk: int, passes: int, capacity: int) -> None:
    reads = [(0, word) for part in blocks(total, chunk) for _ in range(passes) for word in part]
    assert flushed_reads(total, chunk, passes, capacity) == fetched(reads, capacity)


@pytest.mark.parametrize("row", [r for r in CASES if r["kind"] == "gemm" and int(r["total_cycles_reported"]) < 600])
def test_demand_matrices_request_in_the_measured_cycles(row: Row) -> None:
    """Reads are logged one cycle after their demand row, writes in it."""
    matrices = demand_matrices(
        problem(row), int(row["array_rows"]), int(row["array_cols"]), DataflowClass(row["dataflow"].upper())
    )
    for operand, demand, latency in zip(("ifmap", "filter", "ofmap"), matrices, (1, 1, 0), strict=True):
        busy = busy_cycles(demand)
        assert busy[0] + latency == int(row[f"sram_{operand}_start"]), operand
        assert busy[-1] + latency == int(row[f"sram_{operand}_stop"]), operand


@given(*(st.integers(1, 12) for _ in range(4)), st.integers(1, 3), st.integers(1, 5))
@settings(deadline=None)
def test_convolution_counts_taps_and_pixels(h: int, w: int, r: int, s: int, channels: int, stride: int) -> None:
    h, w = max(h, r), max(w, s)
    got = convolution(ifmap_h=h, ifmap_w=w, filter_h=r, filter_w=s, channels=channels, filters=2, stride=stride)
    corners = [(y, x) for y in range(0, h - r + stride, stride) for x in range(0, w - s + stride, stride)]
    taps = [(y + i, x + j) for y, x in corners for i in range(r) for j in range(s) if y + i < h and x + j < w]
    assert got == Gemm(len(corners), 2, r * s * channels, len(set(taps)) * channels, len(set(taps)) < len(taps))


def test_output_size_is_rounded_up() -> None:
    """A 3x3 window with stride 2 on 14x14 pixels has 6x6 positions; SCALE-Sim counts 7x7."""
    assert convolution(ifmap_h=14, ifmap_w=14, filter_h=3, filter_w=3, channels=1, filters=1, stride=2).M == 49


CONV = Geometry(
    N=2, G=2, M=8, C=6, P=4, Q=5, R=3, S=3, H=7, W=9, stride_h=2, stride_w=2, pad_top=1, pad_bottom=1, pad_left=1,
    pad_right=1,
)  # fmt: skip


def test_geometry_with_groups_batch_and_padding() -> None:
    one = convolution(ifmap_h=9, ifmap_w=11, filter_h=3, filter_w=3, channels=3, filters=4, stride=2)
    assert from_geometry(CONV) == replace(one, copies=4)
    assert report(from_geometry(CONV), Array(8, 8), WS).copies == 4


def test_geometry_of_a_matrix_product_takes_the_batch_as_rows() -> None:
    fully_connected = Geometry(N=3, G=1, M=10, C=20, P=5, Q=1, R=1, S=1, H=5, W=1)
    assert from_geometry(fully_connected) == Gemm(15, 10, 20)


def test_reports_are_exact_for_huge_layers() -> None:
    got = report(Gemm(10**12, 10**12, 10**12), Array(256, 256), OS)
    folds = (10**12 // 256) ** 2
    assert (got.folds, got.demand_rows) == (folds, folds * (10**12 + 510))
    assert got.mapping_efficiency_pct == 100


def test_a_run_of_one_cycle_reports_a_total_of_zero() -> None:
    got = report(Gemm(1, 1, 1), Array(1, 1), OS)
    assert (got.demand_rows, got.total_cycles, got.overall_utilization_pct) == (1, 0, None)
    assert got.mapping_efficiency_pct == 100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dilation_h": 2, "dilation_w": 2}, "SCALE-Sim has no dilation; the layer has 2x2"),
        ({"stride_w": 1}, "SCALE-Sim has one stride for both axes; the layer has 2x1"),
        ({"H": 0, "pad_top": 1, "pad_bottom": 0}, "filter 3x3 is larger than the padded ifmap 1x11"),
    ],
)
def test_what_a_topology_cannot_express(changes: dict[str, int], message: str) -> None:
    with pytest.raises(AccsimError) as caught:
        from_geometry(replace(CONV, **changes))
    assert str(caught.value) == message


def test_sizes_are_positive() -> None:
    with pytest.raises(AccsimError) as caught:
        Gemm(1, 0, 1)
    assert str(caught.value) == "N must be at least 1, got 0"
    with pytest.raises(AccsimError) as caught:
        Array(rows=8, cols=-8)
    assert str(caught.value) == "cols must be at least 1, got -8"
