"""A worker's figures are those of ``accsim run``, to the last bit, whatever it worked on before."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from accsim.pipeline import estimate
from accsim.sweep.evaluate import Evaluator, Status
from accsim.sweep.settings import Settings
from tests.sweep.spaces import NETWORK, SMALL, space


@pytest.fixture
def network(tmp_path: Path) -> str:
    path = tmp_path / "net.yaml"
    path.write_text(NETWORK)
    return str(path)


def as_run(settings: Settings) -> str:
    """The totals of ``accsim run``."""
    result = estimate(
        settings.workload,
        settings.hardware,
        dataflow=settings.dataflow,
        energy_table=settings.energy_table,
        search_table=settings.search_table,
        batch=settings.batch,
        objective=settings.objective,
        effort=settings.effort,
        search=settings.search,
        compress=settings.compress,
        overrides=settings.overrides,
        energy_overrides=settings.energy_overrides,
        bindings=settings.bindings,
        layers=settings.layers or None,
    )
    return json.dumps(result.to_dict()["totals"], separators=(",", ":"))


def test_every_point_of_a_space(network: str) -> None:
    points = [point for _, point in space(SMALL.format(network=network)).points()]
    random.Random(7).shuffle(points)
    evaluator = Evaluator()
    outcomes = {point: evaluator.evaluate(point) for point in points}
    done = [point for point in points if outcomes[point].status is Status.DONE]
    assert len(points) == 45
    assert len(done) == 30
    for point in done[::3]:
        assert outcomes[point].totals == as_run(point)
    small = next(point for point in points if dict(point.sets)["levels.buffer.size"] == "16 B")
    assert outcomes[small].status is Status.INFEASIBLE
    assert "does not fit systolic_32x32 under" in outcomes[small].reason


@pytest.mark.parametrize(
    "settings",
    [
        Settings("lenet", "eyeriss", sets=(("array.rows", "10"),)),  # row stationary
        Settings("lenet", "eyeriss", energy_table="eyeriss_normalized", batch=2),  # a transfer charged once
        Settings("lenet", "eyeriss_isca16", layers=("conv*",)),
        Settings("lenet", "systolic_32x32", objective="latency", effort="quick"),
        Settings("lenet", "systolic_32x32", objective="edp", effort="quick"),
        Settings("lenet", "systolic_32x32", objective="traffic", effort="quick"),
        Settings("lenet", "edge_8x8", energy=(("entries.sram.points.0.read", "7"),), effort="quick"),
        Settings("lenet", "tpu_v1", effort="quick", sets=(("technology.node", "28 nm"),)),  # tensors stay on chip
        Settings("mobilenet_v2", "tpu_v1", effort="quick", layers=("b1.*",)),
    ],
)
def test_points_of_all_kinds(settings: Settings) -> None:
    evaluator = Evaluator()
    for _ in range(2):
        outcome = evaluator.evaluate(settings)
        assert outcome.status is Status.DONE, outcome.reason
        assert outcome.totals == as_run(settings)
        assert outcome.figures is not None
        assert outcome.figures.energy == json.loads(outcome.totals)["energy"]["total"]


def test_prices_alone_are_not_mapped_again(network: str) -> None:
    evaluator = Evaluator()
    points = [point for _, point in space(SMALL.format(network=network)).points()][:3]
    for point in points:
        evaluator.evaluate(point)
    counters = evaluator.counters()
    assert (counters.points, counters.mapped, counters.searched) == (3, 1, 2)
    larger = [point for _, point in space(SMALL.format(network=network)).points()][6]
    evaluator.evaluate(larger)
    counters = evaluator.counters()
    assert counters.mapped == 1
    assert counters.simulation_hits > 0  # a larger buffer, the same mappings


def test_what_is_wrong_is_an_outcome(network: str) -> None:
    evaluator = Evaluator()
    two = Settings(network, "systolic_32x32", sets=(("levels.buffer.size", "1 KiB"), ("levels.buffer.bank", "4 KiB")))
    assert evaluator.evaluate(two).status is Status.INFEASIBLE
    none = evaluator.evaluate(Settings(network, "systolic_32x32", energy_table="none_such"))
    assert none.reason.startswith("no energy table named 'none_such'")
    standard = evaluator.evaluate(Settings(network, "systolic_32x32", sets=(("levels.dram.standard", "tape"),)))
    assert standard.status is Status.FAILED
    assert "has no entry for" in standard.reason


def test_an_unforeseen_error_is_an_outcome(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("accsim.sweep.evaluate.simulate_network", broken)
    outcome = Evaluator().evaluate(Settings(network, "systolic_32x32"))
    assert outcome.status is Status.FAILED
    assert outcome.reason.startswith("ZeroDivisionError: oh (accsim/")
