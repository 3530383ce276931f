"""The kinds of things accsim knows by name, and how the command line calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accsim import library
from accsim.errors import InputError, suggest
from accsim.source import Source, printable


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind.

    Attributes:
        plural, singular: what the command line calls it.
        stored: its name in the library.
    """

    plural: str
    singular: str
    stored: str


KINDS = (
    Kind("networks", "network", "networks"),
    Kind("accelerators", "accelerator", "accelerators"),
    Kind("dataflows", "dataflow", "dataflows"),
    Kind("energy-tables", "energy-table", "energy tables"),
    Kind("recipes", "recipe", "recipes"),
)


def kind_called(name: str) -> Kind | None:
    """The kind called ``name``, in the singular or the plural."""
    return next((kind for kind in KINDS if name in (kind.plural, kind.singular)), None)


def load(kind: Kind, name_or_path: str) -> Any:
    """The network, accelerator, dataflow, energy table or recipe.

    Raises:
        InputError: there is none of that name, or its file has mistakes.
    """
    match kind.singular:
        case "network":
            from accsim.importers.opening import open_network

            return open_network(name_or_path)
        case "accelerator":
            from accsim.hardware.reader import load_accelerator

            return load_accelerator(name_or_path)
        case "dataflow":
            from accsim.mapping.dataflow_reader import load_any_dataflow

            return load_any_dataflow(name_or_path)
        case "recipe":
            from accsim.compress.recipe_reader import load_recipe

            return load_recipe(name_or_path)
        case _:
            from accsim.energy.reader import load_table

            return load_table(name_or_path)


def kind_of(name_or_path: str) -> Kind:
    """The kind of what is called ``name_or_path``.

    A file that could be of several kinds (a path, or a file in no kind's folder) is judged by its keys.

    Raises:
        InputError: nothing has that name, or several things have, or the file looks like no kind.
    """
    from accsim.importers.opening import is_imported

    if is_imported(name_or_path):
        return KINDS[0]
    found: dict[str, tuple[Source, list[Kind]]] = {}
    misses: list[InputError] = []
    for kind in KINDS:
        try:
            source = library.find(kind.stored, name_or_path)
        except InputError as error:
            misses.append(error)
            continue
        found.setdefault(source.place, (source, []))[1].append(kind)
    if not found:
        raise _miss(name_or_path, misses)
    if len(found) > 1:
        owners = " and ".join(f"{_article(kinds[0].singular)}" for _, kinds in found.values())
        first = next(iter(found.values()))[1][0].singular
        said = f"{name_or_path!r} is the name of {owners}; say which one, such as 'accsim show {first} {name_or_path}'"
        raise InputError([said])
    source, kinds = next(iter(found.values()))
    return kinds[0] if len(kinds) == 1 else _judged(source)


_ANY = "network, accelerator, dataflow, energy table or recipe"


def _has_named_passes(passes: object) -> bool:
    """Whether these are passes of a recipe, each a name with its arguments, and not those of a dataflow."""
    return isinstance(passes, list) and bool(passes) and all(isinstance(one, dict) for one in passes)


def _judged(source: Source) -> Kind:
    from accsim.yamlfile import load as parse

    keys: Mapping[str, object] = parse(source).data
    signs = {"layers": "network", "levels": "accelerator", "entries": "energy-table"}
    signs |= dict.fromkeys(("stream", "loops", "passes"), "dataflow")
    if "network" in keys or _has_named_passes(keys.get("passes")):
        signs = dict.fromkeys(keys, "recipe")
    kind = next((kind_called(name) for key, name in signs.items() if key in keys), None)
    if kind is None:
        said = f"{source.place}: looks like no {_ANY}; say what it is, such as"
        raise InputError([f"{said} 'accsim show network {source.place}'"])
    return kind


def _miss(name: str, misses: list[InputError]) -> InputError:
    """Nothing has this name; a missing or unreadable file is the same to every kind."""
    same = {error.mistakes for error in misses}
    if len(same) == 1:
        return misses[0]
    files = [error for error in misses if not error.mistakes[0].startswith("no ")]
    if files:
        return files[0]
    known = sorted({known for kind in KINDS for known in library.names(kind.stored)})
    hint = suggest(name, known) or "; 'accsim list' shows the names there are"
    return InputError([f"no {_ANY} named {printable(name)!r}{hint}"])


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"
