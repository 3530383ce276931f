"""The mistakes found in one network file, each told once."""

from __future__ import annotations

from accsim.errors import InputError
from accsim.yamlfile import Document, Path


class Findings:
    """Collects sentences with their places; a block's line that is wrong in every repetition is told once."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._sentences: dict[tuple[str, str], tuple[tuple[int, int], str]] = {}

    def add(self, path: Path, where: str, sentence: str, key: bool = False) -> None:
        """Note a mistake at ``path`` (or at its key), in the layer or option called ``where``."""
        place = self.document.place(path, key)
        whole = ": ".join(part for part in (place, where, sentence) if part)
        self._sentences.setdefault((place, sentence), (self.document.position(path, key), whole))

    def check(self) -> None:
        """Raise what was found, in the order of the file.

        Raises:
            InputError: at least one mistake was added.
        """
        if self._sentences:
            found = sorted(self._sentences.values(), key=lambda entry: entry[0])
            raise InputError(whole for _, whole in found)
