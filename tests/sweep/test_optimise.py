"""Fronts: exact where a space can be enumerated, reproducible and resumable where it is searched."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from accsim.errors import InputError
from accsim.report.sweep.page import render_sweep
from accsim.report.sweep.pdf import sweep_pdf
from accsim.sweep.optimise import Front, optimise
from accsim.sweep.pareto import front, hypervolume
from accsim.sweep.report import search_view_of
from accsim.sweep.runner import State
from accsim.sweep.space import Space
from accsim.sweep.store import Store
from tests.report.pages import Page
from tests.sweep.spaces import NETWORK, SMALL, space


@pytest.fixture
def small(tmp_path: Path) -> Space:
    (tmp_path / "net.yaml").write_text(NETWORK)
    return space(SMALL.format(network=tmp_path / "net.yaml"))


def find(
    found: Space, path: Path, budget: int, objectives: Sequence[str] = ("latency_ms", "area_mm2"), **options: object
) -> Front:
    with Store(str(path)) as store:
        return optimise(
            found,
            store,
            lambda: ThreadPoolExecutor(2),
            objectives,
            budget,
            **options,  # type: ignore[arg-type]
        )


@given(
    costs=hnp.arrays(
        np.float64, st.tuples(st.integers(0, 30), st.integers(1, 3)), elements=st.integers(0, 5).map(float)
    )
)
def test_front_is_what_nothing_beats(costs: np.ndarray) -> None:
    found = front(costs)
    for i, row in enumerate(costs):
        beaten = any((other <= row).all() and (other < row).any() for other in costs)
        assert found[i] == (not beaten)


def test_hypervolume() -> None:
    points = np.array([[1.0, 3.0], [2.0, 1.0], [3.0, 3.0], [9.0, 0.0]])
    assert hypervolume(points, np.array([4.0, 4.0])) == 3 * 1 + 2 * 2


def test_a_space_that_can_be_enumerated(small: Space, tmp_path: Path) -> None:
    found = find(small, tmp_path / "a.sqlite", 45)
    assert found.exact
    assert found.asked == 45
    with Store(str(tmp_path / "a.sqlite"), read_only=True) as store:
        rows = list(store.rows("done"))
    costs = np.array([[row.figure("latency_ms"), row.figure("area_mm2")] for row in rows], np.float64)
    assert {row.key for row in found.points} == {row.key for row, on in zip(rows, front(costs), strict=True) if on}


def test_a_search_is_reproducible_and_resumes(small: Space, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    first = find(small, tmp_path / "a.sqlite", 20, seed=3)
    assert not first.exact
    assert 0 < first.asked <= 20
    stopped: list[int] = []

    def stop(state: State) -> None:
        stopped.append(state.done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find(small, tmp_path / "b.sqlite", 20, seed=3, progress=stop)
    assert stopped
    again = find(small, tmp_path / "b.sqlite", 20, seed=3)
    assert [row.key for row in again.points] == [row.key for row in first.points]
    with Store(str(tmp_path / "a.sqlite")) as a, Store(str(tmp_path / "b.sqlite")) as b:
        assert [row[0] for row in a.results()] == [row[0] for row in b.results()]


CODESIGN = """\
workload: {folder}/net.yaml
hardware: [dadiannao, stripes, eyeriss_v2, systolic_32x32]
compress: [none, {folder}/coded.yaml, {folder}/pruned.yaml]
dataflow: [none, weight_stationary, output_stationary]
set:
  pe.activation_bits: [8, 12, 16]
batch: [1, 2]
"""
RECIPES = {
    "coded": "passes: [{symmetric: {bits: 4}}, {activations: {bits: 6}}]",
    "pruned": "passes: [{level: {sparsity: 0.8}}, {symmetric: {bits: 8}}]",
}


def codesign(folder: Path) -> Space:
    """Machines, recipes, dataflows, bits and batches; a systolic dataflow fits the systolic array alone."""
    (folder / "net.yaml").write_text(NETWORK)
    for name, passes in RECIPES.items():
        (folder / f"{name}.yaml").write_text(f"about: a test\nsource: made up for a test\n{passes}\n")
    return space(CODESIGN.format(folder=folder))


@pytest.mark.slow
def test_hardware_and_compression_together_beside_the_exact_front(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    choices = codesign(tmp_path)
    assert choices.size() == 4 * 3 * 3 * 3 * 2
    whole = find(choices, tmp_path / "whole.sqlite", choices.size(), objectives=["energy", "latency_ms"])
    assert whole.exact
    exact = np.array([[row.figure(name) for name in ("energy", "latency_ms")] for row in whole.points], np.float64)
    with Store(str(tmp_path / "whole.sqlite"), read_only=True) as store:
        counts, rows = store.counts(), list(store.rows("done"))
    assert counts.keys() == {"done", "infeasible"}
    assert {row.settings.compress for row in rows} > {None}
    every = np.array([[row.figure(name) for name in ("energy", "latency_ms")] for row in rows], np.float64)
    worst = every.max(axis=0) * 1.1
    for seed in range(3):
        shutil.copy(tmp_path / "whole.sqlite", tmp_path / f"{seed}.sqlite")  # what is asked for is known already
        found = find(choices, tmp_path / f"{seed}.sqlite", 110, seed=seed, objectives=["energy", "latency_ms"])
        assert not found.exact
        assert found.asked <= 110
        costs = np.array([[row.figure(name) for name in ("energy", "latency_ms")] for row in found.points], np.float64)
        assert all(any((one <= mine).all() for one in exact) for mine in costs)
        assert hypervolume(costs, worst) >= 0.9 * hypervolume(exact, worst)  # half of the space was looked at


def test_an_objective_that_is_none(small: Space, tmp_path: Path) -> None:
    with Store(str(tmp_path / "a.sqlite")) as store, pytest.raises(InputError) as raised:
        optimise(small, store, lambda: ThreadPoolExecutor(1), ["energie"], 5)
    assert str(raised.value) == (
        "no metric 'energie': expected some of energy, latency_ms, cycles, area_mm2; did you mean 'energy'?"
    )


@pytest.mark.parametrize("budget", [500, 12])
def test_the_report_of_a_search(small: Space, tmp_path: Path, budget: int) -> None:
    path, names = tmp_path / "s.sqlite", ["latency_ms", "area_mm2"]
    with Store(str(path)) as store:
        found = optimise(small, store, lambda: ThreadPoolExecutor(2), names, budget, seed=3)
        view = search_view_of(store, found, names, "It was searched.", "arrays", "accsim search")
    assert len(found.trials) == found.asked
    done = [row for row in found.trials if row.status == "done"]
    assert len(view.points) == len(done)
    assert view.infeasible_points == found.asked - len(done)
    assert [p.command for p in view.chosen()] == [row.settings.command() for row in found.points]
    assert view.goal == "latency and area"
    assert view.found is not None
    for title, steps in view.found.history.items():
        values = [value for _, value in steps]
        assert values == sorted(values, reverse="least" in title)  # the least falls, the front's area grows
        assert values[-1] == pytest.approx(1)
        assert steps[-1][0] <= found.asked
    assert len(view.found.history) == 3
    text = Page(render_sweep(view)).text
    assert "accsim search report" in text
    assert "History of the search" in text
    assert "● marks the front of latency and area" in text
    for row in found.points:
        assert row.settings.command() in text
    assert sweep_pdf(view).startswith(b"%PDF")


def test_the_report_of_a_search_for_one_figure(small: Space, tmp_path: Path) -> None:
    with Store(str(tmp_path / "s.sqlite")) as store:
        found = optimise(small, store, lambda: ThreadPoolExecutor(2), ["cycles"], 500)
        view = search_view_of(store, found, ["cycles"], "It was searched.", "arrays")
    assert view.goal == "cycles"
    assert {p.figures["cycles"] for p in view.chosen()} == {min(p.figures["cycles"] for p in view.points)}
    assert "Least cycles" in Page(render_sweep(view)).text
