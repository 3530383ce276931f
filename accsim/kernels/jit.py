"""The one place that owns every JIT flag and the place of the on-disk cache.

Numba keys its cache by the file a function stands in: when ``a.py`` calls a compiled function of ``b.py``, an edit of
``b.py`` is not seen and the old machine code runs. So the compiled code of accsim is cached in a directory named after
a hash of every source file that holds compiled code, and any edit starts a new one. Compiled code must take its
constants from those files only.

The directory is made under ``NUMBA_CACHE_DIR`` if the user set it; otherwise under the user's cache directory
(``$XDG_CACHE_HOME`` or ``~/.cache``), or the temporary directory if that cannot be written. Where none can,
functions are compiled in every process. It can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

PACKAGE = Path(__file__).resolve().parents[1]
F = TypeVar("F", bound=Callable[..., Any])


def sources(package: Path = PACKAGE) -> list[Path]:
    """Files whose text decides what is compiled: the kernels, and every other file that imports this one."""
    kernels = sorted((package / "kernels").rglob("*.py"))
    parts = ("compress", "mapping", "simulate", "study")
    others = (path for part in parts for path in sorted((package / part).rglob("*.py")))
    return [*kernels, *(path for path in others if b"kernels.jit" in path.read_bytes())]


def cache_key(package: Path = PACKAGE) -> str:
    """A hash of the names and the text of :func:`sources`."""
    digest = hashlib.sha256()
    for path in sources(package):
        text = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()}\0{len(text)}\0".encode())
        digest.update(text)
    return digest.hexdigest()[:16]


def _places(chosen: str, key: str) -> Iterator[Path]:
    if chosen:
        yield Path(chosen) / f"accsim-{key}"
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    if home.is_absolute():
        yield home / "accsim" / f"numba-{key}"
    user = os.getuid() if hasattr(os, "getuid") else "user"
    yield Path(tempfile.gettempdir()) / f"accsim-{user}-numba-{key}"


def _usable(directory: Path) -> bool:
    """Whether files can be written there, and by nobody else: Numba unpickles what it finds."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
        status = directory.stat()
    except OSError:
        return False
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)


def cache_directory(chosen: str = "") -> Path | None:
    """Where compiled code is kept, created if need be; ``None`` when no directory can be written.

    Args:
        chosen: the directory the user set as ``NUMBA_CACHE_DIR``, or an empty string. No other is tried then.
    """
    return next((place for place in _places(chosen, cache_key()) if _usable(place)), None)


# Hashed before Numba is imported: what is compiled below is the text that was read here, or newer.
_KEYED = cache_directory(os.environ.get("NUMBA_CACHE_DIR", ""))

import numba  # noqa: E402


def kernel(function: F) -> F:
    """Compile ``function`` on its first call for the types it is given.

    It holds no lock (``nogil``), checks no array bound, rounds floats as IEEE 754 says (no ``fastmath``) and divides
    by zero as NumPy does. The cache directory is set for this function alone: a user's own Numba functions, compiled
    before or after, keep theirs.
    """
    return _compiled(function, merged=False)


def part(function: F) -> F:
    """Compile ``function`` like a kernel, as a part of each compiled function that calls it: the call costs nothing.

    For short functions of inner loops, where handing arrays over would cost more than what is done with them. Python
    cannot call it.
    """
    return _compiled(function, merged=True)


def _compiled(function: F, *, merged: bool) -> F:
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(_KEYED or "")
    options: dict[str, Any] = {"nogil": True, "boundscheck": False, "fastmath": False, "error_model": "numpy"}
    if merged:  # and not to be called from Python, which takes longer to compile than the function
        options |= {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    try:
        compiled = numba.njit(cache=_KEYED is not None, **options)(function)
    finally:
        config.CACHE_DIR = before
    return cast(F, compiled)
