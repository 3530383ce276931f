"""What a test needs to know of a page: its text, its elements, its attributes."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """A page taken apart. ``elements`` are (tag, attributes); ``text`` is what is not script or style."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.script: list[str] = []
        self.style: list[str] = []
        self._text: list[str] = []
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag in ("script", "style"):
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        {"script": self.script, "style": self.style}.get(self._inside, self._text).append(data)

    @property
    def text(self) -> str:
        """All text a reader or a screen reader meets, with single spaces."""
        return " ".join(" ".join(self._text).split())

    def count(self, tag: str) -> int:
        """How many elements of a kind there are."""
        return sum(1 for name, _ in self.elements if name == tag)
