"""Dataflow files: the shipped ones, new ones without Python, and every sentence about an impossible one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accsim import library
from accsim.errors import InputError
from accsim.hardware.reader import load_accelerator
from accsim.mapping.dataflow import (
    DIMENSIONS,
    Dataflow,
    Delivery,
    Drain,
    Reduction,
    RowStationaryDataflow,
    SystolicDataflow,
)
from accsim.mapping.dataflow_reader import load_dataflow, load_reuse_dataflow, require_family
from accsim.workload.layer import Operand

Load = Callable[[str], Dataflow]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.chdir(tmp_path)

    def from_text(text: str) -> Dataflow:
        Path("flow.yaml").write_text(text, encoding="utf-8")
        return load_dataflow("flow.yaml")

    return from_text


@pytest.fixture
def mistakes(load: Load) -> Callable[[str], list[str]]:
    def of(text: str) -> list[str]:
        with pytest.raises(InputError) as caught:
            load(text)
        return list(caught.value.mistakes)

    return of


Mistakes = Callable[[str], list[str]]


def systolic(dataflow: Dataflow) -> SystolicDataflow:
    assert isinstance(dataflow, SystolicDataflow)
    return dataflow


WEIGHT_STATIONARY = """\
array: systolic
rows: [C, R, S]
cols: [M]
stream: [N, P, Q]
folds: [G, cols, rows]
weight: preload
ifmap: hop
reduction: chain
drain: shift
"""


def changed(**lines: str) -> str:
    """The weight-stationary file with some lines replaced."""
    kept = [line for line in WEIGHT_STATIONARY.splitlines() if line.split(":")[0] not in lines]
    return "\n".join([*kept, *(f"{key}: {value}" for key, value in lines.items())]) + "\n"


class TestShipped:
    def test_names(self) -> None:
        assert library.names("dataflows") == (
            "fused_inner_product",
            "inner_product",
            "input_stationary",
            "isca16_no_local_reuse",
            "isca16_output_stationary_a",
            "isca16_output_stationary_b",
            "isca16_output_stationary_c",
            "isca16_row_stationary",
            "isca16_weight_stationary",
            "output_stationary",
            "row_stationary",
            "sparse",
            "weight_stationary",
            "window_inner_product",
        )

    @pytest.mark.parametrize(
        ("name", "stationary", "dataflow_class"),
        [
            ("weight_stationary", Operand.WEIGHT, "WS"),
            ("output_stationary", Operand.PSUM, "OS"),
            ("input_stationary", Operand.IFMAP, "IS"),
        ],
    )
    def test_what_is_stationary_is_derived(self, name: str, stationary: Operand, dataflow_class: str) -> None:
        flow = systolic(load_dataflow(name))
        assert (flow.name, flow.stationary, flow.dataflow_class) == (name, stationary, dataflow_class)
        assert flow.description
        assert flow.source

    def test_weight_stationary(self) -> None:
        flow = systolic(load_dataflow("weight_stationary"))
        assert (flow.rows, flow.cols, flow.stream) == (("C", "R", "S"), ("M",), ("N", "P", "Q"))
        assert flow.folds == ("G", "cols", "rows")
        assert (flow.weight, flow.ifmap, flow.reduction, flow.drain) == (
            Delivery.PRELOAD,
            Delivery.HOP,
            Reduction.CHAIN,
            Drain.SHIFT,
        )

    def test_output_stationary(self) -> None:
        flow = systolic(load_dataflow("output_stationary"))
        assert (flow.rows, flow.cols, flow.stream) == (("N", "P", "Q"), ("M",), ("C", "R", "S"))
        assert (flow.weight, flow.ifmap, flow.reduction, flow.drain) == (
            Delivery.HOP,
            Delivery.HOP,
            Reduction.IN_PE,
            Drain.SHIFT,
        )

    def test_input_stationary(self) -> None:
        flow = systolic(load_dataflow("input_stationary"))
        assert (flow.rows, flow.cols, flow.stream) == (("C", "R", "S"), ("N", "P", "Q"), ("M",))
        assert (flow.weight, flow.ifmap, flow.reduction) == (Delivery.HOP, Delivery.PRELOAD, Reduction.CHAIN)

    def test_row_stationary(self) -> None:
        """Loops over passes of Chen et al., JSSC 2017: filters innermost, then channels, strips, batch, m outermost."""
        flow = load_dataflow("row_stationary")
        assert isinstance(flow, RowStationaryDataflow)
        assert (flow.loops, flow.dataflow_class) == (("G", "m", "n", "e", "f", "c", "k"), "RS")


class TestNewDataflows:
    """A new dataflow is a new file; which operand stays follows from it."""

    def test_channels_on_rows_and_taps_folded(self, load: Load) -> None:
        flow = systolic(load(changed(rows="[C]", folds="[G, R, S, cols, rows]")))
        assert (flow.name, flow.stationary) == ("flow", Operand.WEIGHT)

    def test_nvdla_like_adder_trees(self, load: Load) -> None:
        """Weights stay, pixels of all channels reach every column at once and are added in a tree per column."""
        flow = systolic(
            load(changed(rows="[C]", folds="[G, R, S, cols, rows]", ifmap="multicast", reduction="adder_tree"))
        )
        assert (flow.stationary, flow.reduction) == (Operand.WEIGHT, Reduction.ADDER_TREE)

    def test_shidiannao_like_output_tiles(self, load: Load) -> None:
        """A PE per output pixel: one weight per cycle to all, ifmap rows and columns from their own feeds."""
        flow = systolic(
            load(
                changed(
                    rows="[P]",
                    cols="[Q]",
                    stream="[C, R, S]",
                    folds="[G, N, M, cols, rows]",
                    weight="multicast",
                    ifmap="unicast",
                    reduction="in_pe",
                    drain="direct",
                )
            )
        )
        assert (flow.stationary, flow.drain) == (Operand.PSUM, Drain.DIRECT)

    def test_sums_along_the_columns(self, load: Load) -> None:
        flow = systolic(load(changed(rows="[M]", cols="[C]", folds="[G, R, S, rows, cols]")))
        assert flow.stationary is Operand.WEIGHT

    def test_nothing_streamed(self, load: Load) -> None:
        flow = systolic(load(changed(stream="[]", folds="[G, N, P, Q, cols, rows]", ifmap="unicast")))
        assert flow.stationary is Operand.WEIGHT

    def test_one_by_its_name_from_a_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "mine.yaml").write_text(WEIGHT_STATIONARY, encoding="utf-8")
        monkeypatch.setenv("ACCSIM_PATH", str(tmp_path))
        assert load_dataflow("mine").name == "mine"
        assert load_accelerator("edge_8x8", ["dataflow=mine"]).dataflow == "mine"

    def test_another_order_of_passes(self, load: Load) -> None:
        flow = load("array: row_stationary\nloops: [G, n, m, e, f, c, k]\n")
        assert flow == RowStationaryDataflow("flow", ("G", "n", "m", "e", "f", "c", "k"))


class TestFieldMistakes:
    def test_only_what_stays_is_preloaded(self, mistakes: Mistakes) -> None:
        text = changed(rows="[C]", stream="[]", folds="[G, N, P, Q, R, S, cols, rows]", ifmap="preload")
        assert mistakes(text) == [
            "flow.yaml:9:8: ifmap: cannot be preloaded, because the weight is what stays in the PEs; use hop, "
            "multicast or unicast"
        ]

    def test_all_at_once(self, mistakes: Mistakes) -> None:
        text = changed(rows="[C, X]", cols="[]", weight="preloaded", drain="shft", stream="P", fold="[G]")
        assert mistakes(text) == [
            "flow.yaml:5:11: rows.1: must be 'N', 'G', 'M', 'C', 'P', 'Q', 'R' or 'S', got 'X'",
            "flow.yaml:6:7: cols: must have at least 1 item, got none",
            "flow.yaml:7:9: weight: must be 'hop', 'multicast', 'unicast' or 'preload', got 'preloaded'; "
            "did you mean 'preload'?",
            "flow.yaml:8:8: drain: must be 'shift' or 'direct', got 'shft'; did you mean 'shift'?",
            "flow.yaml:9:9: stream: must be a list, got 'P'",
            "flow.yaml:10:1: no key 'fold'; did you mean 'folds'?",
        ]

    def test_an_unknown_array(self, mistakes: Mistakes) -> None:
        assert mistakes(changed(array="sistolic")) == [
            "flow.yaml:9:8: array: must be 'systolic', 'row_stationary', 'inner_product', 'sparse' or 'reuse', got "
            "'sistolic'; did you mean 'systolic'?"
        ]

    def test_a_systolic_file_for_a_row_stationary_array(self, mistakes: Mistakes) -> None:
        found = mistakes("array: row_stationary\nrows: [C]\n")
        assert found == [
            "flow.yaml:1:1: key 'loops' is missing",
            "flow.yaml:2:1: no key 'rows'; expected one of name, description, source, array, loops",
        ]

    def test_a_name_that_is_not_there(self) -> None:
        with pytest.raises(InputError) as caught:
            load_dataflow("weight_stationery")
        assert str(caught.value) == (
            "no dataflow named 'weight_stationery'; did you mean 'weight_stationary' or 'input_stationary' or "
            "'row_stationary'?"
        )

    def test_what_no_machine_can_run_is_not_suggested(self) -> None:
        with pytest.raises(InputError) as caught:
            load_dataflow("isca16_weight_stationery")
        assert (
            str(caught.value)
            == "no dataflow named 'isca16_weight_stationery'; did you mean 'weight_stationary' or 'input_stationary'?"
        )
        with pytest.raises(InputError) as caught:
            load_reuse_dataflow("weight_stationery")
        assert str(caught.value) == "no dataflow named 'weight_stationery'; did you mean 'isca16_weight_stationary'?"


class TestImpossibleDataflows:
    def test_a_dimension_has_one_place(self, mistakes: Mistakes) -> None:
        assert mistakes(changed(cols="[M, M]", folds="[G, P, cols, G]")) == [
            "flow.yaml:8:11: cols.1: M is listed twice; it can have only one place",
            "flow.yaml:9:8: folds: must list rows too, where the folds of an axis longer than the array come",
            "flow.yaml:9:12: folds.1: P is listed in stream too; it can have only one place",
            "flow.yaml:9:21: folds.3: G is listed twice; it can have only one place",
        ]

    def test_no_dimension_is_forgotten(self, mistakes: Mistakes) -> None:
        assert mistakes(changed(rows="[C]")) == [
            "flow.yaml:4:8: folds: must list R and S too: every dimension is in rows, cols, stream or folds"
        ]

    @pytest.mark.parametrize(("stream", "said"), [("[N, P, M, Q]", "N, P, M or Q"), ("[N, P, Q, G]", "N, P, Q or G")])
    def test_some_operand_must_stay(self, mistakes: Mistakes, stream: str, said: str) -> None:
        rows, folds = "[C, R, S]", "[cols, rows]"
        text = changed(
            rows=rows,
            cols="[G]" if "M" in stream else "[M]",
            stream=stream,
            folds=folds,
            weight="unicast",
            ifmap="unicast",
        )
        assert mistakes(text) == [
            f"flow.yaml:6:9: stream: no operand could stay in the PEs, because each is indexed by {said}; stream "
            "dimensions of N, P, Q (weights stay), of M (the ifmap stays) or of C, R, S (psums stay)"
        ]

    def test_what_changes_cannot_be_preloaded(self, mistakes: Mistakes) -> None:
        assert mistakes(changed(ifmap="preload")) == [
            "flow.yaml:9:8: ifmap: cannot be preloaded, because the ifmap changes with N, P and Q during the stream; "
            "use hop, multicast or unicast"
        ]

    @pytest.mark.parametrize(("delivery", "verb"), [("hop", "hop from PE to PE"), ("multicast", "be multicast")])
    def test_what_differs_in_every_pe_cannot_be_shared(self, mistakes: Mistakes, delivery: str, verb: str) -> None:
        assert mistakes(changed(weight=delivery)) == [
            f"flow.yaml:9:9: weight: cannot {verb}, because the weight differs along rows (C, R, S) and along cols "
            "(M); use unicast"
        ]

    def test_sums_in_the_pe_need_terms_in_time(self, mistakes: Mistakes) -> None:
        assert mistakes(changed(reduction="in_pe")) == [
            "flow.yaml:9:12: reduction: in_pe adds up in time, so stream needs C, R or S",
            "flow.yaml:9:12: reduction: in_pe adds up within one PE, and C, R and S on rows would spread a sum over "
            "several; use chain or adder_tree, or move the dimension to stream",
        ]

    @pytest.mark.parametrize("reduction", ["chain", "adder_tree"])
    def test_sums_along_an_axis_need_terms_there(self, mistakes: Mistakes, reduction: str) -> None:
        text = changed(rows="[N, P, Q]", stream="[C, R, S]", weight="hop", reduction=reduction)
        assert mistakes(text) == [
            f"flow.yaml:7:9: stream: C, R and S would be added up in time, and {reduction} adds up along an axis; "
            "use folds, or reduction: in_pe",
            f"flow.yaml:9:12: reduction: {reduction} adds up along an axis, so rows or cols needs C, R or S",
        ]

    def test_sums_run_along_one_axis(self, mistakes: Mistakes) -> None:
        text = changed(rows="[C]", cols="[R, S]", folds="[G, M, cols, rows]", ifmap="unicast")
        assert mistakes(text) == [
            "flow.yaml:4:12: reduction: chain adds up along one axis, and sums would run along rows (C) and cols (R, S)"
        ]

    def test_outputs_cannot_share_the_axis_of_their_sums(self, mistakes: Mistakes) -> None:
        text = changed(rows="[C, P]", stream="[N, Q]", folds="[G, R, S, cols, rows]")
        assert mistakes(text) == [
            "flow.yaml:7:7: rows: psums are added along rows, so P, which indexes outputs, cannot share it with C"
        ]

    def test_all_at_once(self, mistakes: Mistakes) -> None:
        text = changed(rows="[C, P, R, S]", folds="[cols]", weight="multicast", ifmap="preload")
        assert mistakes(text) == [
            "flow.yaml:3:13: stream.1: P is listed in rows too; it can have only one place",
            "flow.yaml:6:7: rows: psums are added along rows, so P, which indexes outputs, cannot share it with C, R "
            "and S",
            "flow.yaml:7:8: folds: must list G too: every dimension is in rows, cols, stream or folds",
            "flow.yaml:7:8: folds: must list rows too, where the folds of an axis longer than the array come",
            "flow.yaml:8:9: weight: cannot be multicast, because the weight differs along rows (C, R, S) and along "
            "cols (M); use unicast",
            "flow.yaml:9:8: ifmap: cannot be preloaded, because the ifmap changes with N, P and Q during the stream; "
            "use hop, multicast or unicast",
        ]

    def test_loops_over_passes(self, mistakes: Mistakes) -> None:
        assert mistakes("array: row_stationary\nloops: [G, m, m, k]\n") == [
            "flow.yaml:2:8: loops: must list n, e, f and c too",
            "flow.yaml:2:15: loops.2: m is listed twice",
        ]
        assert mistakes("array: row_stationary\nloops: [G, k, m, n, e, f, c]\n") == [
            "flow.yaml:2:12: loops.1: k must come after m: its blocks of p*t filters are parts of a block of m"
        ]


class TestFamily:
    def test_a_dataflow_needs_its_kind_of_array(self) -> None:
        require_family(load_dataflow("output_stationary"), load_accelerator("tpu_v1"))
        require_family(load_dataflow("row_stationary"), load_accelerator("eyeriss"))
        with pytest.raises(InputError) as caught:
            require_family(load_dataflow("row_stationary"), load_accelerator("tpu_v1"))
        assert str(caught.value) == (
            "dataflow 'row_stationary' is for row_stationary arrays, and accelerator 'tpu_v1' has a systolic one"
        )


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_loads_can_run(data: st.DataObject, tmp_path: Path) -> None:
    """Whatever is accepted puts each dimension in one place and keeps one operand; the rest is refused in sentences."""
    places: dict[str, list[str]] = {"rows": [], "cols": [], "stream": [], "folds": ["rows", "cols"]}
    for dim in DIMENSIONS:
        places[data.draw(st.sampled_from(sorted(places)))].append(dim)
    lines = {key: "[" + ", ".join(dims) + "]" for key, dims in places.items()}
    lines |= {key: data.draw(st.sampled_from(list(Delivery))).value for key in ("weight", "ifmap")}
    lines |= {
        "reduction": data.draw(st.sampled_from(list(Reduction))).value,
        "drain": data.draw(st.sampled_from(list(Drain))).value,
    }
    file = tmp_path / "flow.yaml"
    file.write_text(changed(**lines), encoding="utf-8")
    try:
        flow = systolic(load_dataflow(file))
    except InputError as error:
        assert all(sentence.startswith(f"{file}:") for sentence in error.mistakes)
        return
    assert sorted((*flow.rows, *flow.cols, *flow.stream, *flow.folds)) == sorted((*DIMENSIONS, "rows", "cols"))
    assert flow.dataflow_class in ("WS", "OS", "IS")


def naive_is_legal(rows: set[str], cols: set[str], stream: set[str], weight: str, ifmap: str, reduction: str) -> bool:
    """Legality by walking a 2 x 2 array for two steps: which operand index does each PE use, and when?"""
    indices = {"weight": "GMCRS", "ifmap": "NGCPQRS", "psum": "NGMPQ"}

    def used(operand: str, i: int, j: int, t: int) -> frozenset[tuple[str, int]]:
        at = dict.fromkeys(rows, i) | dict.fromkeys(cols, j) | dict.fromkeys(stream, t)
        return frozenset((d, at[d]) for d in indices[operand] if d in at)

    grid = list(product(range(2), range(2)))
    stays = {o: all(used(o, i, j, 0) == used(o, i, j, 1) for i, j in grid) for o in indices}
    for operand, way in (("weight", weight), ("ifmap", ifmap)):
        along_rows = used(operand, 0, 0, 0) == used(operand, 1, 0, 0)
        along_cols = used(operand, 0, 0, 0) == used(operand, 0, 1, 0)
        if way in ("hop", "multicast") and not (along_rows or along_cols):
            return False
        if way == "preload" and not stays[operand]:
            return False
    summed = {name: axis & set("CRS") for name, axis in (("rows", rows), ("cols", cols), ("stream", stream))}
    spatial = [axis for name, axis in (("rows", rows), ("cols", cols)) if summed[name]]
    if reduction == "in_pe":
        return bool(summed["stream"]) and not spatial and stays["psum"]
    return len(spatial) == 1 and spatial[0] <= set("CRS") and not summed["stream"] and any(stays.values())


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_legality_agrees_with_a_walk_over_the_array(data: st.DataObject, tmp_path: Path) -> None:
    order = data.draw(st.permutations(DIMENSIONS))
    a, b, c = (data.draw(st.integers(1, 3)) for _ in range(3))
    rows, cols, stream, rest = order[:a], order[a : a + b], order[a + b : a + b + c], order[a + b + c :]
    weight, ifmap = (data.draw(st.sampled_from(list(Delivery))).value for _ in range(2))
    reduction = data.draw(st.sampled_from(list(Reduction))).value
    spelled = {
        key: "[" + ", ".join(dims) + "]"
        for key, dims in {"rows": rows, "cols": cols, "stream": stream, "folds": [*rest, "cols", "rows"]}.items()
    }
    file = tmp_path / "flow.yaml"
    file.write_text(changed(**spelled, weight=weight, ifmap=ifmap, reduction=reduction), encoding="utf-8")
    expected = naive_is_legal(set(rows), set(cols), set(stream), weight, ifmap, reduction)
    try:
        load_dataflow(file)
        found = True
    except InputError:
        found = False
    assert found == expected
