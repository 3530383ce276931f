"""Text files written line by line, compressed where their name says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from gzip import GzipFile
from io import TextIOBase
from types import TracebackType
from typing import Self

from accsim.report.files import WholeFile

CHUNK = 1 << 16
"""Characters gathered before they are compressed and written; one call per line would take most of the time."""


class Sink(TextIOBase):
    """Where the text of a trace goes."""

    def __init__(self, file: WholeFile | GzipFile) -> None:
        super().__init__()
        self._file = file
        self._parts: list[str] = []
        self._length = 0

    def write(self, text: str) -> int:
        """Append ``text``."""
        self._parts.append(text)
        self._length += len(text)
        if self._length >= CHUNK:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Hand on what was gathered."""
        if self._parts:
            self._file.write("".join(self._parts).encode("utf-8", "replace"))
            self._parts.clear()
            self._length = 0


@contextmanager
def written(path: str) -> Iterator[Sink]:
    """A text file that is there, whole, when the context ends without an error; compressed if ``path`` ends in .gz.

    The same text gives the same bytes: a gzip header would hold the time and the name.

    Raises:
        AccsimError: the file cannot be written.
    """
    with WholeFile(path) as file:
        if path.endswith(".gz"):
            with GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                sink = Sink(packed)
                yield sink
                sink.flush()
        else:
            sink = Sink(file)
            yield sink
            sink.flush()


class TraceFile:
    """A trace in one text file, which appears when its context ends without an error.

    Attributes:
        sink: where its text goes, inside the context.
        tail: text that ends the file.
    """

    sink: Sink
    tail = ""

    def __init__(self, path: str) -> None:
        self._path = path
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.sink = self._stack.enter_context(written(self._path))
        self._stack.push(self._finish)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, at)

    def _finish(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.sink.write(self.tail)
