"""Find networks, recipes, dataflows, accelerators and energy tables by name or path.

A name resolves to a path first, then to a file in a folder of ``$ACCSIM_PATH``, then to what ships with accsim. Shipped
files live inside the package in a wheel (``accsim/data/...``) and beside it in a checkout, so nothing has to be
installed for them to be found.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from accsim.errors import InputError, suggest
from accsim.source import Source, printable

_PACKAGE = Path(__file__).resolve().parent

_FOLDERS = {
    "networks": "workloads/networks",
    "recipes": "workloads/compressed",
    "dataflows": "dataflows",
    "accelerators": "accsim/hardware/presets",
    "energy tables": "accsim/energy/tables",
}

KINDS: tuple[str, ...] = tuple(_FOLDERS)
"""The kinds of file accsim finds by name."""

SEARCH_PATH = "ACCSIM_PATH"
"""The environment variable with folders to look in, separated as in ``$PATH``."""

_LARGEST_FILE = 64 * 2**20


def names(kind: str) -> tuple[str, ...]:
    """Names of one kind: those shipped and those in ``<folder>/<kind>/`` of ``$ACCSIM_PATH``, sorted.

    A kind's folder is named like the kind, with ``_`` for a space (``energy_tables``).

    Raises:
        ValueError: ``kind`` is none of ``KINDS``.
    """
    folders = [_shipped(kind), *(folder / _subfolder(kind) for folder in _search_folders())]
    return tuple(sorted({path.stem for folder in folders for path in _yaml_files(folder)}))


def find(kind: str, name_or_path: str | Path, suggests: Callable[[str], bool] | None = None) -> Source:
    """Find and read one file.

    Args:
        kind: one of ``KINDS``.
        name_or_path: a path (it has a separator, ends in ``.yaml`` or ``.yml``, or is an existing file) or a name.
            A name is looked up in each folder of ``$ACCSIM_PATH``, as ``<folder>/<kind>/<name>.yaml`` and
            ``<folder>/<name>.yaml``, then among the shipped files and, for networks and recipes, their
            aliases.
        suggests: which names may be suggested for one that is not known; all if not given.

    Raises:
        InputError: there is no such file or name, or the file cannot be read as UTF-8 text.
        ValueError: ``kind`` is none of ``KINDS``.
    """
    shipped = _shipped(kind)
    name = str(name_or_path)
    if isinstance(name_or_path, Path) or _looks_like_path(name):
        return _read_path(kind, name)
    for folder in _search_folders():
        for candidate in (folder / _subfolder(kind) / f"{name}.yaml", folder / f"{name}.yaml"):
            if os.path.isfile(candidate):
                return Source(name, str(candidate), read_text(candidate))
    aliases: dict[str, str] = {}
    if not os.path.isfile(shipped / f"{name}.yaml"):
        aliases = _aliases(kind)
        if name not in aliases:
            raise _no_such_name(kind, name, aliases, suggests)
    target = aliases.get(name, name)
    return Source(target, f"{_FOLDERS[kind]}/{target}.yaml", read_text(shipped / f"{target}.yaml"))


def read_text(path: str | Path) -> str:
    """Read a whole UTF-8 text file; a byte order mark is dropped and every line end becomes a line feed.

    Raises:
        InputError: the file is missing, is a folder, cannot be read, is not UTF-8 or is larger than 64 MiB.
    """
    try:
        with open(path, "rb") as file:
            raw = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        raise InputError([f"file not found: {printable(str(path))}"]) from None
    except IsADirectoryError:
        raise InputError([f"{path}: is a folder, not a file"]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "not a valid path"
        raise InputError([f"{printable(str(path))}: cannot be read: {reason}"]) from None
    if len(raw) > _LARGEST_FILE:
        raise InputError([f"{path}: larger than 64 MiB"])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        bad = error.object[error.start]
        raise InputError([f"{path}:{line}:{column}: not UTF-8 text: byte 0x{bad:02x}"]) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def shipped_folder(name: str) -> Path:
    """The folder of shipped data called ``dataflows``, ``workloads`` or ``reports``.

    It is inside the package in a wheel and at the top of a checkout or an editable install.
    """
    packaged = _PACKAGE / "data" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


def _shipped(kind: str) -> Path:
    if kind not in _FOLDERS:
        raise ValueError(f"unknown kind {kind!r}: expected one of {', '.join(KINDS)}")
    top, _, rest = _FOLDERS[kind].partition("/")
    return (_PACKAGE if top == "accsim" else shipped_folder(top)) / rest


def _subfolder(kind: str) -> str:
    return kind.replace(" ", "_")


def _search_folders() -> Iterator[Path]:
    for entry in os.environ.get(SEARCH_PATH, "").split(os.pathsep):
        if entry:
            yield Path(entry)


def _yaml_files(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.yaml") if path.is_file()] if folder.is_dir() else []


def _looks_like_path(name: str) -> bool:
    separators = {"/", os.sep, os.altsep or os.sep}
    return any(s in name for s in separators) or name.endswith((".yaml", ".yml")) or os.path.isfile(name)


def _read_path(kind: str, name: str) -> Source:
    path = Path(name)
    if not os.path.exists(path) and name == path.name and path.stem in names(kind):
        raise InputError([f"file not found: {name}; did you mean {path.stem!r}, the {_singular(kind)} of that name?"])
    return Source(path.stem, name, read_text(name))


def _aliases(kind: str) -> dict[str, str]:
    path = shipped_folder("workloads") / "aliases.yaml"
    if kind not in ("networks", "recipes") or not path.is_file():
        return {}
    from accsim.yamlfile import load  # noqa: PLC0415 - a YAML parser is needed only for a name that is not a file

    document = load(Source("aliases", "workloads/aliases.yaml", read_text(path)))
    return {
        str(alias): str(name)
        for alias, name in document.data.items()
        if os.path.isfile(_shipped(kind) / f"{name}.yaml")
    }


def _no_such_name(kind: str, name: str, aliases: dict[str, str], suggests: Callable[[str], bool] | None) -> InputError:
    flat = {path.stem for folder in _search_folders() for path in _yaml_files(folder)}
    hint = (
        suggest(name, filter(suggests, sorted({*names(kind), *aliases, *flat})))
        or "; 'accsim list' shows the names there are"
    )
    return InputError([f"no {_singular(kind)} named {printable(name)!r}{hint}"])


def _singular(kind: str) -> str:
    return kind.removesuffix("s")
