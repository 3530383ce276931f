"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from accsim.errors import AccsimError


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write ``content`` to ``path``; afterwards the file holds all of it, or what it held before.

    A temporary file in the same folder is written, flushed to the disk and renamed over ``path``. Text is UTF-8 with
    its line ends as given; what UTF-8 cannot hold (bytes of a file name that are no text) becomes a question mark. A
    symbolic link is followed, and an existing file keeps its permissions. A pipe or a device (``/dev/stdout``) cannot
    be replaced and is written to as it is.

    Raises:
        AccsimError: the folder is missing or not writable, ``path`` is a folder, or the disk is full.
    """
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    target = Path(os.path.realpath(path))
    if os.path.isdir(path):
        raise AccsimError(f"cannot write {path}: it is a folder")
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            Path(path).write_bytes(data)
        elif not os.path.isdir(target.parent):
            raise AccsimError(f"cannot write {path}: there is no folder {str(target.parent)!r}")
        else:
            _replace(target, data)
    except OSError as error:
        raise AccsimError(f"cannot write {path}: {_reason(error, target)}") from error


def _replace(target: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".accsim-", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _mode(target: Path) -> int:
    """Permissions of the file there is, or what ``open`` would give a new one."""
    try:
        return target.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _reason(error: OSError, target: Path) -> str:
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"the folder {str(target.parent)!r} is not writable"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    if error.errno == errno.ENAMETOOLONG:
        return "the name is too long"
    return error.strerror or str(error)
