"""Read an accelerator from its YAML file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath

from accsim import library
from accsim.errors import InputError
from accsim.hardware.accelerator import Accelerator, ArrayFamily
from accsim.hardware.build import build
from accsim.hardware.checks import Mistake, check
from accsim.hardware.schema import AcceleratorFile, SramFile
from accsim.hardware.sizes import spell_size
from accsim.yamlfile import Document, bind, load, override


def load_accelerator(name_or_path: str | FilePath, overrides: Sequence[str] = ()) -> Accelerator:
    """Read an accelerator.

    Args:
        name_or_path: the name of a preset or of a file in ``$ACCSIM_PATH``, or a path.
        overrides: assignments such as ``array.rows=24`` or ``levels.glb.size=216 KiB``, applied in order. A size set
            on a buffer with partitions is divided among them in their proportions, in whole banks.

    Raises:
        InputError: the file is missing or not YAML, or all mistakes in its fields, or, where there are none, all
            mistakes between its parts; each with file, line and column, or with the override that made it.
    """
    document = override(load(library.find("accelerators", name_or_path)), overrides)
    file = bind(document, AcceleratorFile)
    machine = build(file, document.source.name)
    mistakes = [*check(file, machine), *_sizes(document, file), *_names(machine)]
    if mistakes:
        raise InputError(sentences(document, mistakes))
    return machine


def sentences(document: Document, mistakes: Sequence[Mistake]) -> list[str]:
    """Each mistake as ``place: key: sentence``, in the order of the file, those of overrides last."""
    found = []
    for path, said in mistakes:
        made = document.override_at(path)
        if made is not None:
            found.append((True, (0, 0), f"{made.label}: {said}"))
        else:
            found.append((False, document.position(path), f"{document.place(path)}: {document.spell(path)}: {said}"))
    return [said for *_, said in sorted(found, key=lambda item: item[:2])]


def _sizes(document: Document, file: AcceleratorFile) -> Iterator[Mistake]:
    """A buffer's size beside its partitions: an override resizes them, a size in the file must agree with them."""
    for index, level in enumerate(file.levels):
        if isinstance(level, SramFile) and level.partitions is not None and level.size is not None:
            total = sum(part.size for part in level.partitions)
            if level.size != total and ("levels", index, "size") not in document.overrides:
                yield (
                    ("levels", index, "size"),
                    f"is {spell_size(level.size)}, and the partitions add up to {spell_size(total)}; leave size out",
                )


def _names(machine: Accelerator) -> Iterator[Mistake]:
    """Names of other files: the dataflow, which must be for this family of arrays, and the energy table."""
    try:
        dataflow = load(library.find("dataflows", machine.dataflow))
    except InputError as error:
        yield ("dataflow",), "; ".join(error.mistakes)
    else:
        family = dataflow.data.get("array")
        if family in tuple(ArrayFamily) and family != machine.array.family:
            yield ("dataflow",), f"{machine.dataflow!r} is for {family} arrays, and this one is {machine.array.family}"
    try:
        library.find("energy tables", machine.energy_table)
    except InputError as error:
        yield ("energy_table",), "; ".join(error.mistakes)
