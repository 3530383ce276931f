"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from accsim.errors import AccsimError


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write ``content`` to ``path``; afterwards the file holds all of it, or what it held before.

    Text is UTF-8 with its line ends as given; what UTF-8 cannot hold (bytes of a file name that are no text) becomes a
    question mark. For the rest see ``WholeFile``.

    Raises:
        AccsimError: the folder is missing or not writable, ``path`` is a folder, or the disk is full.
    """
    with WholeFile(path) as file:
        file.write(content.encode("utf-8", "replace") if isinstance(content, str) else content)


class WholeFile:
    """A context in which a file is written piece by piece; it appears, complete, when the context ends well.

    A temporary file in the same folder is written, flushed to the disk and renamed over the path. An error or an
    interruption leaves what was there before, and nothing else. A symbolic link is followed, and an existing file keeps
    its permissions. A pipe or a device (``/dev/stdout``) cannot be replaced and is written to as it is.

    Every method raises ``AccsimError`` when the folder is missing or not writable, the path is a folder, or the disk is
    full.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._target = Path(os.path.realpath(path))
        self._temporary: str | None = None
        self._stream: BinaryIO | None = None

    def __enter__(self) -> WholeFile:
        if os.path.isdir(self._path):
            raise AccsimError(f"cannot write {self._path}: it is a folder")
        with self._reasons():
            if os.path.exists(self._path) and not os.path.isfile(self._path):
                self._stream = Path(self._path).open("wb")
            elif not os.path.isdir(self._target.parent):
                raise AccsimError(f"cannot write {self._path}: there is no folder {str(self._target.parent)!r}")
            else:
                handle, self._temporary = tempfile.mkstemp(prefix=".accsim-", suffix=".tmp", dir=self._target.parent)
                self._stream = os.fdopen(handle, "wb")
        return self

    def write(self, data: bytes) -> int:
        """Append ``data``."""
        with self._reasons():
            return self._open.write(data)

    def flush(self) -> None:
        """Hand what was written so far to the system."""
        with self._reasons():
            self._open.flush()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            with self._reasons():
                self._keep()
        except BaseException:
            self._discard()
            raise

    @property
    def _open(self) -> BinaryIO:
        if self._stream is None:
            raise ValueError("a WholeFile is written inside its context")
        return self._stream

    def _keep(self) -> None:
        stream = self._open
        stream.flush()
        if self._temporary is None:
            stream.close()
            return
        os.fsync(stream.fileno())
        stream.close()
        os.chmod(self._temporary, _mode(self._target))
        os.replace(self._temporary, self._target)

    def _discard(self) -> None:
        with contextlib.suppress(OSError):
            self._open.close()
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)

    @contextlib.contextmanager
    def _reasons(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise AccsimError(f"cannot write {self._path}: {_reason(error, self._target)}") from error


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
