"""The study of shapes, dataflows and buffers: its space, its tables, and its points as committed."""

from __future__ import annotations

import csv
import io

import pytest

from accsim import library
from accsim.errors import InputError
from accsim.fidelity.published import Publication
from accsim.fidelity.recipe import load_recipe
from accsim.pipeline import estimate
from accsim.source import Source
from accsim.study.explorations import dataflow_sweep as study
from accsim.study.numbers import rounded
from accsim.study.studies import dataflow_sweep as telling

FOLDER = library.shipped_folder("reports") / "dataflow-sweep"
NOTHING = Publication("dataflow-sweep", "t", {}, ())


def part(**changes: object) -> study.Settings:
    """The study's space with some axes cut down."""
    whole = load_recipe(Source("dataflow-sweep", "r.yaml", (FOLDER / "recipe.yaml").read_text())).settings
    return study.Settings(space={**whole.space, **changes})


@pytest.fixture(scope="module")
def few() -> study.Found:
    return study.run(part(workload=["squeezenet1_0"], set={"levels.buffer.size": ["64 KiB", "256 KiB"]}))


def test_points_are_the_committed_ones(few: study.Found) -> None:
    table = list(csv.DictReader(io.StringIO((FOLDER / "points.csv").read_text())))
    committed = [row for row in table if row["network"] == "squeezenet1_0" and row["buffer"] in ("64 KiB", "256 KiB")]
    made = [{key: str(rounded(value)) for key, value in row.items()} for row in telling.tables(few)["points"]]
    assert made == committed


def test_a_point_is_what_a_run_gives(few: study.Found) -> None:
    point = few.points[7]
    alone = estimate(
        "squeezenet1_0",
        "systolic_32x32",
        dataflow=point.dataflow,
        effort="quick",
        overrides=(f"array.rows={point.rows}", f"array.cols={point.cols}", f"levels.buffer.size={point.buffer}"),
    )
    assert point.energy_uj == alone.energy * 1e-6
    assert point.latency_ms == alone.latency_ms


def test_the_common_machine_is_the_nearest_to_every_best(few: study.Found) -> None:
    told = telling.words(few, NOTHING)
    best = told["best"]["energy_uj"][0]  # type: ignore[index]
    assert told["common"]["energy_uj"] == (best["dataflow"], best["shape"], best["buffer"])  # type: ignore[index]
    assert best["lost"] == 0
    assert best["value"] == min(p.energy_uj for p in few.points if p.energy_uj is not None)
    assert told["infeasible"] == 0
    assert set(telling.drawings(few, NOTHING)) == {"buffers", "shapes"}


def test_mistakes_of_a_space_are_those_of_the_recipe() -> None:
    recipe = "study: dataflow-sweep\ntitle: t\nabout: a\nsettings:\n  space: {workload: alexnet, dataflov: [a]}\n"
    with pytest.raises(InputError) as caught:
        load_recipe(Source("r", "r.yaml", recipe))
    assert "dataflov" in caught.value.mistakes[0]
