"""A study, run: every file it writes, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from accsim import library
from accsim.errors import AccsimError, InputError, suggest
from accsim.fidelity import validate
from accsim.fidelity.compare import Row, compare
from accsim.fidelity.published import Publication, read_publication
from accsim.fidelity.recipe import RECIPE, Recipe, computation, load_recipe
from accsim.fidelity.spelling import spell_counts
from accsim.source import Source, printable
from accsim.study.drawing import to_svg
from accsim.study.numbers import to_csv, to_json
from accsim.study.page import page, row_cells, told

GENERATED = (".json", ".csv", ".svg", ".md")
"""Suffixes of the files a study writes."""


@dataclass(frozen=True, slots=True)
class Study:
    """A study that was found.

    Attributes:
        folder: where it lies; ``None`` if it was found by name, and is written only where one says.
    """

    recipe: Recipe
    publication: Publication
    folder: Path | None

    @property
    def name(self) -> str:
        """Its name: that of its case."""
        return self.recipe.study


@dataclass(frozen=True, slots=True)
class Written:
    """What a study writes.

    Attributes:
        files: content by file name.
    """

    rows: tuple[Row, ...]
    files: dict[str, bytes]


def studies() -> dict[str, Recipe]:
    """The studies that ship with accsim, by name, sorted."""
    paths = sorted(library.shipped_folder("reports").glob(f"*/{RECIPE}"))
    return {path.parent.name: _recipe(path, f"reports/{path.parent.name}/{RECIPE}") for path in paths}


def find(name_or_path: str) -> Study:
    """A study by its folder, the path of its recipe, or its name.

    Raises:
        InputError: there is none, or its files have mistakes.
    """
    given = Path(name_or_path)
    if given.is_dir() or given.name == RECIPE:
        folder = given if given.is_dir() else given.parent
        place = str(folder / RECIPE)
        if not (folder / RECIPE).is_file():
            raise InputError([f"{printable(name_or_path)}: there is no {RECIPE} in it, so it is no study"])
        recipe = _recipe(folder / RECIPE, place)
        own = folder / validate.FIGURES
        if not own.is_file():
            return Study(recipe, _publication(recipe), folder)
        source = Source(recipe.study, str(own), library.read_text(own))
        return Study(recipe, read_publication(source, recipe.study), folder)
    known = [path.parent.name for path in library.shipped_folder("reports").glob(f"*/{RECIPE}")]
    if name_or_path in known:
        path = library.shipped_folder("reports") / name_or_path / RECIPE
        recipe = _recipe(path, f"reports/{name_or_path}/{RECIPE}")
        return Study(recipe, _publication(recipe), None)
    if given.name in known:
        how = f"'accsim report {given.name} -o DIR' writes the study"
        raise InputError([f"there is no folder {printable(name_or_path)!r} here; {how}"])
    hint = suggest(given.name, known) or "; 'accsim report' lists the studies there are"
    raise InputError([f"no study named {printable(name_or_path)!r}{hint}"])


def make(study: Study) -> Written:
    """Run a study and render everything it writes.

    Raises:
        AccsimError: what the recipe asks for does not fit the machine.
    """
    name, publication = study.name, study.publication
    computed = computation(study.recipe.study)
    if computed is None:
        raise AccsimError(f"the study {name!r} has no computation")
    found = computed.run(study.recipe.settings)
    rows = compare(publication, computed.obtained(found)) if publication.figures else ()
    telling = import_module(f"accsim.study.studies.{name.replace('-', '_')}")
    tables, drawings = telling.tables(found), telling.drawings(found, publication)
    texts = {f"{table}.csv": to_csv(content) for table, content in tables.items()}
    if rows:
        texts["results.csv"] = to_csv([row.to_dict() for row in rows])
    texts["results.json"] = to_json(_results(study, rows, tables))
    texts["README.md"] = page(
        name,
        {
            "study": name,
            "title": study.recipe.title,
            "about": study.recipe.about,
            "counts": spell_counts(rows) + ".",
            "rows": [row_cells(row) for row in rows],
            "notes": told(rows),
            "drawings": [{"file": f"{key}.svg", "caption": d.caption} for key, d in drawings.items()],
            "sources": publication.sources,
            "tables": _listed(tables),
            "published": {figure.figure: figure.value for figure in publication.figures},
            **telling.words(found, publication),
        },
    )
    files = {file: text.encode("utf-8") for file, text in texts.items()}
    files |= {f"{key}.svg": to_svg(drawing) for key, drawing in drawings.items()}
    return Written(rows, dict(sorted(files.items())))


def _publication(recipe: Recipe) -> Publication:
    """The published figures that ship with a study; an empty publication if it has none."""
    if recipe.study in validate.cases():
        return validate.publication(recipe.study)
    return Publication(recipe.study, recipe.title, {}, ())


def _recipe(path: Path, place: str) -> Recipe:
    return load_recipe(Source(path.parent.name, place, library.read_text(path)))


def _results(study: Study, rows: tuple[Row, ...], tables: dict[str, Any]) -> dict[str, Any]:
    settings = study.recipe.settings.model_dump(mode="json")
    published = [row.to_dict() for row in rows]
    return {"schema": 1, "study": study.name, "settings": settings, "published": published, "tables": tables}


def _listed(tables: dict[str, Any]) -> str:
    files = [f"`{name}.csv`" for name in tables]
    return f"{', '.join(files)} hold{'s' * (len(files) == 1)} what was computed." if files else "there are no others."
