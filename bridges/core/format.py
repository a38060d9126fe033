"""HTML of others as plain text: its words, line by line, and nothing that fetches anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

HTML_CHARACTERS_MAX: Final = 1_000_000
_BLOCKS: Final = frozenset(
    {"address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4"}
    | {"h5", "h6", "hr", "li", "ol", "p", "pre", "table", "tr", "ul"}
)
_UNSEEN: Final = frozenset(["head", "script", "style", "template", "title"])
_BLANK: Final = re.compile(r"[ \t\f\v\xa0]+")


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data.replace("\r", " ").replace("\n", " "))


def text_of_html(html: str) -> str:
    """The words of HTML; of more than ``HTML_CHARACTERS_MAX`` the first."""
    words = _Words()
    words.feed(html[:HTML_CHARACTERS_MAX])
    words.close()
    lines = [_BLANK.sub(" ", line).strip() for line in "".join(words.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
