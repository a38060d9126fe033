"""What a person sees of a message: the words of its text and of its HTML, to be compared."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

from veche.protocol.canonical import canonical
from veche.protocol.message import CONTENT_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

TAGS_ALLOWED: Final = frozenset({"h4", "b", "i", "p", "br", "ul", "ol", "li", "a", "code", "pre"})
_BLOCKS: Final = frozenset({"h4", "p", "br", "li", "ul", "ol", "pre"})
_VOID: Final = frozenset({"br"})


class _Reader(HTMLParser):
    """Reads HTML as the text that a person would copy, and refuses what may not be in it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._open: list[str] = []
        self._numbers: list[int] = []
        self._urls: list[str] = []
        self._link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS_ALLOWED, tag
        assert [name for name, _ in attrs] == (["href"] if tag == "a" else []), attrs
        if tag in _BLOCKS:
            self.words.append("\n")
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "ol":
            self._numbers.append(0)
        if tag == "li":
            self._item()
        if tag == "a":
            self._link = str(attrs[0][1])
            assert self._link.startswith(("https://", "http://localhost", "http://127.0.0.1"))
            self._urls.append(self._link)

    def _item(self) -> None:
        if self._open[-2] == "ol":
            self._numbers[-1] += 1
            self.words.append(f"{self._numbers[-1]}. ")
        else:
            self.words.append("• ")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, "tags must nest"
        if tag == "ol":
            self._numbers.pop()
        if tag in _BLOCKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "a" and data == self._link:
            # The address is its own text: plain text has it once.
            self._urls.pop()
        self.words.append(data)

    def finished(self) -> list[str]:
        assert not self._open, "every tag must be closed"
        return sorted("\n".join(["".join(self.words), *self._urls]).split())


def words_of_html(html: str) -> list[str]:
    """The words of allowed HTML, addresses of links too, sorted; fails for any other HTML."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.finished()


def _without_colons(words: Iterable[str]) -> list[str]:
    return sorted(word.removesuffix(":") for word in words)


def check_message(content: Mapping[str, Any]) -> None:
    """Fail unless the content of a message obeys the rules of docs/reference/events.md."""
    assert len(canonical(content)) <= CONTENT_BYTES_MAX
    assert content["msgtype"] in {"m.text", "m.notice", "m.file", "m.image"}
    assert content["body"].strip() == content["body"] != ""
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", content["body"])
    assert not re.search(r" {2}|\t", content["body"]), "nothing is aligned by spaces"
    assert "m.mentions" in content
    if "formatted_body" in content:
        assert content["format"] == "org.matrix.custom.html"
        # The colon before an address is left out where the words themselves are the link.
        in_html, in_text = words_of_html(content["formatted_body"]), content["body"].split()
        assert _without_colons(in_html) == _without_colons(in_text)
    if "m.new_content" in content:
        check_edit(content)


def check_edit(content: Mapping[str, Any]) -> None:
    """Fail unless an edit has the shape that rings nowhere and that every client shows."""
    new = content["m.new_content"]
    assert content["body"] == f"* {new['body']}"
    assert content["m.mentions"] == {}
    assert ours(content) == []
    assert "m.new_content" not in new
    check_message(new)


def ours(content: Mapping[str, Any]) -> Sequence[str]:
    """Our own keys in the content of an event."""
    return [key for key in content if key.startswith("org.veche.")]
