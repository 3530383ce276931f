"""What can be found out about the values of a design space before any point is estimated.

Names are looked up; keys of accelerators and energy tables are tried one value at a time on every machine and table of
the space, fields only: what two values together do is found out point by point, and is a result.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from accsim.energy.reader import entry_label
from accsim.energy.schema import TableFile
from accsim.errors import InputError
from accsim.hardware.schema import AcceleratorFile
from accsim.importers.opening import CONFIGURATION, is_imported, open_accelerator
from accsim.library import find
from accsim.mapper import parse_effort, parse_objective
from accsim.sweep.space import NONE, PLAIN
from accsim.yamlfile import Document, Path, bind, load, override

Mistake = tuple[tuple[int, int], str]
"""Where a mistake stands, for the order, and its sentence."""


def values_mistakes(document: Document, placed: Sequence[tuple[str, str, Path]]) -> list[Mistake]:
    """Every value that cannot be used anywhere.

    Args:
        placed: keys, texts of values, and where they stand.
    """
    found: list[Mistake] = []
    machines = _texts(placed, "hardware") or ["eyeriss"]
    tables = _texts(placed, "energy_table")
    for key, value, path in placed:
        try:
            _check(key, value, machines, tables)
        except InputError as error:
            label = document.spell(path)
            for said in error.mistakes:
                clean = said.replace(f"--set {key}={value}: ", "")
                clean = clean.replace(f"--set-energy {key.removeprefix('energy.')}={value}: ", "")
                found.append((document.position(path), f"{document.place(path)}: {label}: {clean}"))
    return list(dict.fromkeys(found))


def _texts(placed: Iterable[tuple[str, str, Path]], name: str) -> list[str]:
    return [value for key, value, _ in placed if key == name and value != NONE]


_KINDS = {
    "dataflow": "dataflows",
    "energy_table": "energy tables",
    "search_table": "energy tables",
    "compress": "recipes",
}


def _check(key: str, value: str, machines: Sequence[str], tables: Sequence[str]) -> None:
    """Refuse a value.

    Raises:
        InputError: what is wrong with it.
    """
    if key in _KINDS:
        if value != NONE:
            find(_KINDS[key], value)
    elif key == "workload":
        _workload(value)
    elif key == "hardware":
        _hardware(value)
    elif key == "objective":
        parse_objective(value)
    elif key == "effort":
        parse_effort(value)
    elif key == "search":
        if value not in ("true", "false"):
            raise InputError([f"must be true or false, got {value!r}"])
    elif key == "batch" or key.startswith("bind."):
        if not (value.isascii() and value.isdigit() and int(value[:30]) > 0):
            raise InputError([f"must be a whole number of at least 1, got {value!r}"])
    elif key.startswith("energy."):
        for table in tables or [_table_of(machine) for machine in machines]:
            changed = [f"{key.removeprefix('energy.')}={value}"]
            bind(override(load(find("energy tables", table)), changed, entry_label, "--set-energy"), TableFile)
    elif key not in PLAIN:
        for machine in machines:
            _override(machine, f"{key}={value}")


def _workload(name: str) -> None:
    if is_imported(name):
        _there(name)
    else:
        find("networks", name)


def _hardware(name: str) -> None:
    if name.lower().endswith(CONFIGURATION):
        _there(name)
    else:
        find("accelerators", name)


def _there(path: str) -> None:
    if not os.path.isfile(path):
        raise InputError([f"file not found: {path}"])


def _override(machine: str, assignment: str) -> None:
    if not machine.lower().endswith(CONFIGURATION):
        bind(override(load(find("accelerators", machine)), [assignment]), AcceleratorFile)


def _table_of(machine: str) -> str:
    return open_accelerator(machine, ()).energy_table
