"""NumPy's files of plain arrays, read without trusting what they say of their own sizes.

An array is refused by its header, before memory is taken for it: when it claims more bytes than its file can hold
(deflate makes at most 1,032 bytes of one: zlib's technical details, "Maximum Compression Factor"), or more words than
the reader says that it can need.
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from accsim.errors import InputError
from accsim.source import printable

Array = npt.NDArray[Any]

MOST_EXPANSION = 1032
"""Bytes that deflate makes of one, at most."""

_PIECE = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_BROKEN = (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, SyntaxError)
"""What ``zipfile``, ``zlib`` and ``numpy.lib.format`` raise on files that are not what they should be; encrypted
members are a ``RuntimeError``, unknown compressions a ``NotImplementedError``, which is one."""


@dataclass(frozen=True, slots=True, eq=False)
class Archive:
    """An ``.npz`` archive that is open.

    Attributes:
        where: its path as messages show it.
        members: of the zip file, by the arrays' names.
    """

    where: str
    members: Mapping[str, zipfile.ZipInfo]
    file: zipfile.ZipFile

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape that an array claims, its bytes checked against what the file can hold.

        Raises:
            InputError: they do not fit, or it is no plain array.
        """
        with self._opened(name) as member:
            return self._header(name, member)[0]

    def read(self, name: str, most_words: int | None = None) -> Array:
        """An array.

        Args:
            most_words: how many words it can need; ``None`` for as many as the file holds.

        Raises:
            InputError: it claims more, or it is broken.
        """
        with self._opened(name) as member:
            shape, dtype, fortran = self._header(name, member)
            words = prod(shape)
            if most_words is not None and words > most_words:
                raise self._wrong(name, f"has shape {shape}: more words than the {most_words} that it can need")
            raw = bytearray(words * dtype.itemsize)
            view, at = memoryview(raw), 0
            while at < len(raw) and (some := member.read(min(_PIECE, len(raw) - at))):
                view[at : at + len(some)] = some
                at += len(some)
            if at < len(raw) or member.read(1):
                raise self._wrong(name, f"does not hold the {len(raw)} bytes that it claims")
            values = np.frombuffer(raw, dtype)
            return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with self.file.open(self.members[name]) as member:
                yield member
        except InputError:
            raise
        except _BROKEN:
            raise self._wrong(name, "cannot be read: the archive is damaged") from None

    def _header(self, name: str, member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
        info = self.members[name]
        shape, dtype, fortran = _header(member)
        words = prod(shape)
        held, packed = info.file_size, info.compress_size
        most = packed * MOST_EXPANSION if info.compress_type == zipfile.ZIP_DEFLATED else packed
        if dtype.hasobject or any(size < 0 for size in shape):
            raise self._wrong(name, "holds no plain numbers")
        if words * dtype.itemsize > min(held, most):
            raise self._wrong(name, f"claims {words * dtype.itemsize} bytes, more than its {packed} can hold")
        return shape, dtype, fortran

    def _wrong(self, name: str, sentence: str) -> InputError:
        return InputError([f"{self.where}: {printable(name)}: {sentence}"])


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Shape, type, and whether the first axis runs fastest."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return tuple(int(size) for size in shape), dtype, fortran


@contextmanager
def archive(path: str | Path) -> Iterator[Archive]:
    """Open an ``.npz`` archive.

    Raises:
        InputError: it is missing or no such archive, or has two arrays of one name.
    """
    where = printable(str(path))
    if not Path(path).is_file():
        raise InputError([f"file not found: {where}"])
    size = os.path.getsize(path)
    try:
        file = zipfile.ZipFile(path)
    except _BROKEN:
        raise InputError([f"{where}: not a NumPy .npz archive of plain arrays"]) from None
    with file:
        found = [info for info in file.infolist() if info.filename.endswith(".npy")]
        members = {info.filename.removesuffix(".npy"): info for info in found}
        if len(members) != len(found) or any(info.compress_size > size for info in found):
            raise InputError([f"{where}: not a NumPy .npz archive of plain arrays"])
        yield Archive(where, members, file)


def read_array(path: str | Path, most_words: int | None = None) -> Array:
    """The array of an ``.npy`` file.

    Raises:
        InputError: it is missing or no such file, or it claims more than it holds or can need.
    """
    where = printable(str(path))
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            if file.read(4) == b"PK\x03\x04":
                raise InputError([f"{where}: holds several arrays; expected one, in an .npy file"])
            file.seek(0)
            shape, dtype, _ = _header(file)
            if dtype.hasobject or any(s < 0 for s in shape) or prod(shape) * dtype.itemsize > size:
                raise ValueError
            if most_words is not None and prod(shape) > most_words:
                raise InputError([f"{where}: has shape {shape}: more words than the {most_words} that it can need"])
            file.seek(0)
            values: Array = np.lib.format.read_array(file, allow_pickle=False)
            return values
    except FileNotFoundError:
        raise InputError([f"file not found: {where}"]) from None
    except _BROKEN:
        raise InputError([f"{where}: not a NumPy .npy file of a plain array"]) from None


def archive_bytes(arrays: Mapping[str, Array]) -> bytes:
    """An archive as it is written: the same bytes for the same arrays, whenever it is made."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, array in arrays.items():
            held = io.BytesIO()
            np.lib.format.write_array(held, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(member, held.getvalue())
    return out.getvalue()
