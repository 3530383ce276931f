"""Cases found by looking, run, and compared with what was published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from accsim import library
from accsim.errors import AccsimError, InputError, suggest
from accsim.fidelity.compare import Row, compare
from accsim.fidelity.published import Publication, read_publication
from accsim.fidelity.recipe import RECIPE, load_recipe
from accsim.source import Source, printable

FIGURES = "figures.yaml"
"""The published figures of a study, in its folder."""

_FOLDER = Path(__file__).with_name("figures")


def cases() -> tuple[str, ...]:
    """Names of the cases there are, sorted."""
    studies = library.shipped_folder("reports").glob(f"*/{FIGURES}")
    return tuple(sorted({path.stem for path in _FOLDER.glob("*.yaml")} | {path.parent.name for path in studies}))


def validate(
    names: Sequence[str] | None = None, progress: Callable[[int, int, str], None] | None = None
) -> tuple[Row, ...]:
    """Run cases and put what they give beside what was published.

    Args:
        names: the cases; all if not given.
        progress: called with cases done, cases in all and the case's name.

    Returns:
        A row per published figure; ``accsim.fidelity.compare.Status`` says how each stands.

    Raises:
        InputError: there is no such case, or its file has mistakes.
    """
    chosen = check_names(names)
    rows: list[Row] = []
    for done, name in enumerate(chosen):
        if progress is not None:
            progress(done, len(chosen), name)
        rows += compare(publication(name), module(name).obtained(run(name)))
    if progress is not None:
        progress(len(chosen), len(chosen), "")
    return tuple(rows)


def check_names(names: Sequence[str] | None) -> tuple[str, ...]:
    """The cases asked for, each once; all if none is.

    Raises:
        InputError: every name that is no case's.
    """
    known = cases()
    wrong = [name for name in names or () if name not in known]
    if wrong:
        hint = "; 'accsim validate --list' shows the cases"
        raise InputError([f"no case named {printable(name)!r}{suggest(name, known) or hint}" for name in wrong])
    return tuple(dict.fromkeys(names)) if names else known


def publication(case: str) -> Publication:
    """The published figures of a case.

    Raises:
        InputError: its file has mistakes.
    """
    own = _FOLDER / f"{case}.yaml"
    if own.is_file():
        return read_publication(Source(case, f"accsim/fidelity/figures/{case}.yaml", library.read_text(own)), case)
    path = library.shipped_folder("reports") / case / FIGURES
    return read_publication(Source(case, f"reports/{case}/{FIGURES}", library.read_text(path)), case)


def module(case: str) -> ModuleType:
    """The module that computes a case."""
    return import_module(f"accsim.fidelity.cases.{case.replace('-', '_')}")


def run(case: str, settings: Any = None) -> Any:
    """Run a case and return what it found, in its own value type.

    Args:
        settings: an instance of the case's ``Settings``, where it has them; if not given, those of the recipe that
            ships.

    Raises:
        AccsimError: the recipe has mistakes, or what it asks for does not fit the machine.
    """
    computation = module(case)
    if not hasattr(computation, "Settings"):
        return computation.run()
    if settings is not None:
        return computation.run(settings)
    path = library.shipped_folder("reports") / case / RECIPE
    if not path.is_file():
        raise AccsimError(f"the recipe of the study {case!r} is missing: {path}")
    recipe = load_recipe(Source(case, f"reports/{case}/{RECIPE}", library.read_text(path)))
    return computation.run(recipe.settings)
