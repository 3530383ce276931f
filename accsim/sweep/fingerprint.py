"""What determines a result, as short hashes: the model itself, the files a point names, and the point."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import accsim
from accsim.energy.reader import load_table
from accsim.importers.opening import CONFIGURATION, is_imported, open_accelerator
from accsim.library import find
from accsim.sweep.settings import Settings

_PACKAGE = Path(accsim.__file__).parent

_BESIDE = frozenset({"cli", "report", "sweep", "study", "trace", "verification", "fidelity"})
"""Packages that no figure of a counted run comes from."""


@lru_cache(maxsize=1)
def model_version() -> str:
    """The version of accsim, and a hash of the code that figures come from."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        inside = path.relative_to(_PACKAGE)
        if inside.parts[0] not in _BESIDE:
            digest.update(f"{inside.as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return f"{accsim.__version__}+{digest.hexdigest()[:12]}"


class Keys:
    """Keys of points: equal for two points if, and only if, everything that determines their results is."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, str], str] = {}
        self._defaults: dict[tuple[str, tuple[str, ...]], tuple[str, str]] = {}

    def of(self, settings: Settings) -> str:
        """The key of a point.

        Raises:
            InputError: a file that it names is not there.
        """
        files = [self._file("networks", settings.workload), self._file("accelerators", settings.hardware)]
        for kind, name in (
            ("dataflows", settings.dataflow or self._dataflow_of(settings)),
            ("energy tables", settings.energy_table or self._table_of(settings)),
            ("energy tables", settings.search_table),
            ("recipes", settings.compress),
        ):
            files.append("" if name is None else self._file(kind, name))
        text = json.dumps([model_version(), files, settings.to_dict()], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def _file(self, kind: str, name: str) -> str:
        found = self._files.get((kind, name))
        if found is None:
            found = self._files[kind, name] = _digest(kind, name)
        return found

    def _dataflow_of(self, settings: Settings) -> str | None:
        return self._named(settings)[0]

    def _table_of(self, settings: Settings) -> str | None:
        return self._named(settings)[1]

    def _named(self, settings: Settings) -> tuple[str | None, str | None]:
        """The dataflow and the energy table that the machine names, where no setting changes them."""
        changes = dict(settings.sets)
        key = (settings.hardware, ())
        if key not in self._defaults:
            machine = open_accelerator(settings.hardware, ())
            load_table(machine.energy_table)
            self._defaults[key] = machine.dataflow, machine.energy_table
        dataflow, table = self._defaults[key]
        return changes.get("dataflow", dataflow), changes.get("energy_table", table)


def _digest(kind: str, name: str) -> str:
    """A hash of the contents of a file, and of what stands beside an archive."""
    if (kind == "networks" and is_imported(name)) or (kind == "accelerators" and name.lower().endswith(CONFIGURATION)):
        path = Path(name)
        beside = path.with_suffix(".yaml")
        return _hash([path.read_bytes(), *([beside.read_bytes()] if beside.is_file() else [])])
    return _hash([find(kind, name).text.encode()])


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part + b"\0")
    return digest.hexdigest()[:16]
