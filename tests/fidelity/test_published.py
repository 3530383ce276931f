"""Files of published figures: what they say, and their mistakes."""

from __future__ import annotations

import pytest

from accsim.errors import InputError
from accsim.fidelity.published import KnownGap, Standing, read_publication
from accsim.source import Source

GOOD = """\
title: A table
sources: {paper: "A. Author, A Paper, 2020"}
figures:
  time:
    what: time per layer
    source: paper
    at: Table 1
    unit: ms
    published: {conv1: 16.5, conv: {2: 39, 3: 21.8}}
    tolerance: 0.1
    known_gaps: {conv1: {error: -0.2, because: "it waits for a bus that is not modelled"}}
  ranking: {what: order, source: paper, published: "a b c", tolerance: 0}
  gain: {what: gain, source: paper, published: [1.4, 2.5], standing: unverified}
"""


def mistakes(text: str) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        read_publication(Source("case", "figures.yaml", text), "case")
    return caught.value.mistakes


def test_figures_by_dotted_name_with_their_citation() -> None:
    publication = read_publication(Source("case", "figures.yaml", GOOD), "case")
    assert [f.figure for f in publication.figures] == ["time.conv1", "time.conv.2", "time.conv.3", "ranking", "gain"]
    first, *_, ranking, gain = publication.figures
    assert (first.value, first.unit, first.tolerance, first.absolute) == (16.5, "ms", 0.1, False)
    assert first.source == "A. Author, A Paper, 2020, Table 1"
    assert first.reference == "paper, Table 1"
    assert first.gap == KnownGap(-0.2, "it waits for a bus that is not modelled")
    assert first.standing is Standing.READ
    assert (ranking.value, ranking.source, gain.value) == ("a b c", "A. Author, A Paper, 2020", (1.4, 2.5))
    assert publication.values("time") == {"conv1": 16.5, "conv.2": 39.0, "conv.3": 21.8}
    assert publication.number("time.conv.2") == 39.0


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "source: paper\n",
            "source: papre\n",
            "figures.yaml:6:13: figures.time.source: no source 'papre' in the file; did you mean 'paper'?",
        ),
        (
            "tolerance: 0.1\n",
            "tolerance: 0.1\n    absolute_tolerance: 2\n",
            "figures.yaml:11:25: figures.time.absolute_tolerance: give either tolerance or absolute_tolerance",
        ),
        (
            "unit: ms",
            "standing: unverified",
            "figures.yaml:8:15: figures.time.standing: an unverified figure cannot be judged; leave its tolerance out",
        ),
        (
            "unit: ms",
            "missing: the weights",
            "figures.yaml:8:14: figures.time.missing: a figure that cannot be reproduced has no tolerance",
        ),
        (
            "16.5",
            "0",
            "figures.yaml:9:16: figures.time.published: conv1: is zero; give an absolute_tolerance",
        ),
        (
            "16.5",
            "true",
            "figures.yaml:9:16: figures.time.published: conv1: must be a number, a text or a range, got True",
        ),
        (
            "[1.4, 2.5]",
            "[2.5, 1.4]",
            "figures.yaml:13:48: figures.gain.published: a range is [lowest, highest], got [2.5, 1.4]",
        ),
        (
            "known_gaps: {conv1:",
            "known_gaps: {conv7:",
            "figures.yaml:11:17: figures.time.known_gaps: no figure 'conv7' in published; did you mean 'conv1' or "
            "'conv.3' or 'conv.2'?",
        ),
        (
            "    tolerance: 0.1\n",
            "",
            "figures.yaml:10:17: figures.time.known_gaps: a figure without a tolerance has no gap",
        ),
    ],
)
def test_mistakes_have_a_place(before: str, after: str, said: str) -> None:
    assert before in GOOD
    assert mistakes(GOOD.replace(before, after, 1)) == (said,)
