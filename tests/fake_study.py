"""A study that takes no time: its case, its drawings, its template and its folder."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from accsim import library
from accsim.study import page
from accsim.study.drawing import Drawing
from accsim.yamlfile import Model

RECIPE = """\
study: tiny-study
title: Two layers
about: What they take.
settings: {scale: 2}
"""
FIGURES = """\
title: Two layers, timed
sources: {paper: "A. Author, A Paper, 2020"}
figures:
  time:
    what: time per layer
    source: paper
    at: Table 1
    unit: ms
    published: {one: 2.0, two: 4.1}
    tolerance: 0.01
    known_gaps: {two: {error: -0.03, because: "the second layer waits for a bus that is not modelled"}}
  area: {what: area, source: paper, unit: mm2, published: 3.0}
  noise: {what: noise, source: paper, published: 7, missing: the paper's random numbers}
"""
TEMPLATE = """\
{% extends "study.md.j2" %}
{% block text %}
Both take {{ both | sig }} ms.
{% endblock %}
"""


class Settings(Model):
    """What the fake case is given."""

    scale: int


def install(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Make the study known, in ``folder/reports/tiny-study``, and return that folder."""
    case = _module(monkeypatch, "accsim.fidelity.cases.tiny_study")
    case.Settings = Settings
    case.run = lambda settings: {"one": 1.0 * settings.scale, "two": 2.0 * settings.scale}
    case.obtained = lambda found: {"time": found, "area": 2.9}
    telling = _module(monkeypatch, "accsim.study.studies.tiny_study")
    telling.tables = lambda found: {"layers": [{"layer": name, "ms": ms} for name, ms in found.items()]}
    telling.drawings = lambda found, publication: {
        "times": Drawing("Time per layer.", lambda figure: figure.subplots().bar(list(found), list(found.values())))
    }
    telling.words = lambda found, publication: {"both": sum(found.values())}
    templates = folder / "templates"
    templates.mkdir()
    (templates / "study.md.j2").write_bytes((page.TEMPLATES / "study.md.j2").read_bytes())
    (templates / "tiny-study.md.j2").write_text(TEMPLATE)
    monkeypatch.setattr(page, "TEMPLATES", templates)
    study = folder / "reports" / "tiny-study"
    study.mkdir(parents=True)
    (study / "recipe.yaml").write_text(RECIPE)
    (study / "figures.yaml").write_text(FIGURES)
    shipped = library.shipped_folder
    monkeypatch.setattr(
        library, "shipped_folder", lambda name: folder / "reports" if name == "reports" else shipped(name)
    )
    return study


def _module(monkeypatch: pytest.MonkeyPatch, name: str) -> ModuleType:
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    monkeypatch.setitem(sys.modules, name, module)
    return module
