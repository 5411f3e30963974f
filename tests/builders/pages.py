"""A page read back: its elements and its text, for tests of what makes pages."""

from __future__ import annotations

from html.parser import HTMLParser

HOSTILE = "<script>alert('x')</script>"
"""A name that must be text wherever it is shown."""


class Page(HTMLParser):
    """Elements with their attributes, all text, that of each section by its title, and that of each cell of a table."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.sections: dict[str, str] = {}
        self.cells: list[str] = []
        self.feed(page)

    @property
    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        tag = self.elements[-1][0] if self.elements else ""
        if tag == "td" and data.strip():
            self.cells[-1] += data
        if tag in ("h2", "h3") and data.strip():
            self.sections[data] = ""
        elif self.sections:
            self.sections[list(self.sections)[-1]] += data + "\n"
