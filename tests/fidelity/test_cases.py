"""What accsim gives for every published figure; figures, citations and tolerances are in the cases' files."""

from __future__ import annotations

import pytest

from accsim.errors import InputError
from accsim.fidelity import validate
from accsim.fidelity.compare import Status, failing

LONG = {"energy-aware-pruning", "eyeriss-jssc17", "isca16-dataflows", "published-headlines", "sparse-machines"}
"""Cases of more than a few seconds."""


@pytest.mark.parametrize(
    "case", [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in validate.cases()]
)
def test_no_figure_is_outside_and_no_recorded_gap_is_stale(case: str) -> None:
    rows = validate.validate([case])
    assert [(r.published.figure, r.published.value, r.obtained, r.error) for r in failing(rows)] == []
    assert [r.published.figure for r in rows if r.stale] == []
    assert any(r.status is Status.WITHIN for r in rows)


@pytest.mark.parametrize("case", validate.cases())
def test_every_citation_is_used(case: str) -> None:
    publication = validate.publication(case)
    assert set(publication.sources) == {figure.reference.partition(",")[0] for figure in publication.figures}


def test_names_are_checked_together() -> None:
    with pytest.raises(InputError) as caught:
        validate.validate(["eyeriss-jssc71", "nothing"])
    assert caught.value.mistakes == (
        "no case named 'eyeriss-jssc71'; did you mean 'eyeriss-jssc17'?",
        "no case named 'nothing'; 'accsim validate --list' shows the cases",
    )


def test_progress_is_told() -> None:
    said: list[tuple[int, int, str]] = []
    validate.validate(["row-stationary-trace"], lambda *told: said.append(told))
    assert said == [(0, 1, "row-stationary-trace"), (1, 1, "")]
