"""Fronts, and the study of published accuracies beside estimated energies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim import library
from accsim.fidelity.published import Publication
from accsim.fidelity.recipe import load_recipe
from accsim.pipeline import estimate
from accsim.report.front import front
from accsim.source import Source
from accsim.study.explorations import compression_fronts as study
from accsim.study.page import page
from accsim.study.studies import compression_fronts as telling

RECIPE = """
study: compression-fronts
title: t
about: a
settings:
  hardware: [bit_fusion]
  groups: {AlexNet: [alexnet]}
"""
NUMBERS = st.integers(0, 6)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=12))
def test_a_front_is_what_no_other_beats(rows: list[tuple[int, int]]) -> None:
    best = front(rows, lambda r: r[0], lambda r: r[1])
    beaten = {r for r in rows if any((s[0] <= r[0] and s[1] > r[1]) or (s[0] < r[0] and s[1] >= r[1]) for s in rows)}
    assert set(best) == set(rows) - beaten
    assert best == sorted(set(best))


@pytest.mark.slow
def test_recipes_of_a_network_are_run_and_keep_their_published_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    few = ("alexnet-dorefa-w8a8", "alexnet-sparseloop", "resnet18-agp")
    monkeypatch.setattr(library, "names", lambda kind: few if kind == "recipes" else ())
    settings = load_recipe(Source("r", "r.yaml", RECIPE)).settings
    found = study.run(settings)
    by_recipe = {p.recipe: p for p in found.points}
    assert by_recipe["alexnet-dorefa-w8a8"].accuracy_pct == 58.0
    assert by_recipe[""].accuracy_pct == max(
        p[0] for name in by_recipe if name and (p := study.published(study.load_recipe(name), study.OF_THE_FLOAT))
    )
    assert "alexnet-sparseloop" in found.unknown
    alone = estimate("alexnet", "bit_fusion", compress="alexnet-dorefa-w8a8")
    assert by_recipe["alexnet-dorefa-w8a8"].energy_uj == alone.energy * 1e-6
    assert by_recipe["alexnet-dorefa-w8a8"].latency_ms == alone.latency_ms
    empty = Publication("compression-fronts", "t", {}, ())
    assert list(telling.drawings(found, empty)) == ["alexnet-energy", "alexnet-latency"]
    told = telling.words(found, empty)
    plain = told["groups"]["AlexNet"]["bit_fusion"]["plain"]  # type: ignore[index]
    assert plain.recipe == ""
    common = {"study": "compression-fronts", "title": "t", "about": "a", "rows": [], "notes": [], "drawings": []}
    text = page("compression-fronts", {**common, "counts": "", "sources": {}, "tables": "", "published": {}, **told})
    assert "## AlexNet\n\n| machine |" in text
    assert "| bit_fusion | " in text
