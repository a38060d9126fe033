"""Conversations of the guides for people, as tests play them; the bot's words are compared.

A block ``chat`` is in the chat of one person: ``# Alice's chat``. Its lines are
``alice> text`` (she writes it; a number or a code answers the bot's last question there),
``bot< text`` (the bot's next message, whole; it goes on in the indented lines below), and
``(Something happens.)``, a deed that the story of the page knows. ``…`` is anything, alone on a
line also any number of lines. Times, links, codes and digests may differ from the page; so may the
numbers of payments and documents, if each is the same wherever the page has it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.people import Message, Person

GUIDES: Final = ROOT / "docs" / "guides" / "users"
BLOCK: Final = re.compile(r"^```chat\n# (\w+)'s chat\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE: Final = re.compile(r"(?:(\w+)([<>]) (.+)|\((.+)\))((?:\n {5}.+)*)")
NUMBER: Final = re.compile(r"\b(?=[0-9A-Z]*[0-9])[0-9A-HJKMNP-TV-Z]{8}\b")
MOMENT: Final = re.compile(r"\d{1,2} [A-Z][a-z]+ 20\d\d(?:, \d\d:\d\d UTC(?:[+-]\d+)?)?")
LINK: Final = re.compile(r"https?://[^\s…]+…?")
CODE: Final = re.compile(r"(once:|Code:|code is) \d{4}\b")
DIGEST: Final = re.compile(r"\b[0-9a-f]{64}\b")


class Speaker(Protocol):
    """Somebody in their chat with the bot."""

    @property
    def person(self) -> Person:
        """Their client."""

    @property
    def room(self) -> str:
        """The chat."""


@attrs.frozen
class Line:
    """One line of a block: somebody writes, the bot does, or something happens."""

    number: int
    chat: str
    speaker: str
    text: str
    deed: str


def pages_with_conversations() -> set[str]:
    """Return the names of the pages that have one."""
    return {one.name for one in GUIDES.glob("*.md") if "```chat" in one.read_text()}


def lines_of(name: str) -> Iterator[Line]:
    """Return what is said on a page, line by line.

    Raises:
        AssertionError: A block or a line has another form.
    """
    page = (GUIDES / name).read_text()
    assert page.count("```chat") == len(BLOCK.findall(page)) > 0
    for block in BLOCK.finditer(page):
        at = block.start(2)
        for found in LINE.finditer(page, at, block.end(2)):
            assert not page[at : found.start()].strip(), f"{page[at : found.start()]!r}"
            at = found.end()
            first, chat = page[: found.start()].count("\n") + 1, block[1].lower()
            speaker, text = found[1] or "", f"{found[3] or ''}{found[5]}"
            assert speaker in ({"bot"} if found[2] == "<" else {"", chat}), f"line {first}"
            yield Line(first, chat, speaker, text, found[4] or "")
        assert not page[at : block.end(2)].strip(), f"{page[at : block.end(2)]!r}"


def plain(text: str) -> str:
    """Return the part of a message that has to be as on the page, without empty lines."""
    text = LINK.sub("LINK", MOMENT.sub("MOMENT", DIGEST.sub("DIGEST", text)))
    text = CODE.sub(r"\1 CODE", text)
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def pattern(text: str) -> re.Pattern[str]:
    """Compile a bot's message of a page; its numbers are groups."""
    parts = []
    for line in plain(text).splitlines():
        if line == "…":
            parts.append("(?:.*\n)*")
            continue
        words = NUMBER.sub("NUMBER", line).split("…")
        shown = ".*".join(re.escape(one) for one in words)
        parts.append(f"{shown.replace('NUMBER', '([0-9A-Z]{8})')}\n")
    return re.compile("".join(parts))


class Conversation:
    """A page as it is played; a story adds its deeds.

    Attributes:
        clients: Who has a chat on the page, by name.
        asked: The bot's last question to each.
    """

    def __init__(self, bot: str, clients: Mapping[str, Speaker]) -> None:
        self.clients = clients
        self.asked: dict[str, Message] = {}
        self._bot = bot
        self._numbers: dict[str, str] = {}
        self._told = {
            name: {message.event_id for message in one.person.messages(one.room)}
            for name, one in clients.items()
        }

    def play(self, name: str) -> None:
        """Play a page.

        Raises:
            AssertionError: Something else happens; with the line of the page.
        """
        for line in lines_of(name):
            try:
                self._perform(line)
            except AssertionError as e:
                raise AssertionError(f"{name}:{line.number}: {e}") from e

    def do(self, line: Line) -> None:
        """Do what a line in brackets says.

        Raises:
            AssertionError: Nobody knows how.
        """
        raise AssertionError(f"nobody knows how: {line.deed}")

    def next(self, name: str) -> Message:
        """Return the next message of the bot in somebody's chat; edits are none."""
        client, told = self.clients[name], self._told[name]

        def is_it(message: Message) -> bool:
            is_said = message.sender == self._bot and message.replaces is None
            return is_said and bool(message.body) and message.event_id not in told

        message = client.person.wait_for(client.room, is_it, is_again=True)
        told.add(message.event_id)
        return message

    def _perform(self, line: Line) -> None:
        client = self.clients[line.chat]
        if found := re.fullmatch(r"The message now ends with: (.+)", line.deed):
            end, asked = found[1], self.asked[line.chat]
            client.person.wait_for(
                client.room,
                lambda one: one.replaces == asked.event_id and one.body.endswith(end),
            )
        elif line.deed:
            self.do(line)
        elif line.speaker == "bot":
            self._hear(line)
        elif re.fullmatch(r"\d|\d{4}", line.text):
            asked = self.asked[line.chat]
            answer = line.text if len(line.text) == 1 else _code_in(asked)
            client.person.reply(client.room, asked.event_id, answer)
        else:
            words = NUMBER.sub(lambda found: self._numbers[found[0]], line.text)
            client.person.send(client.room, words)

    def _hear(self, line: Line) -> None:
        message = self.next(line.chat)
        said = plain(message.body)
        found = pattern(line.text).fullmatch(f"{said}\n")
        assert found, f"the bot says:\n{said}\n\nthe page:\n{plain(line.text)}"
        for shown, number in zip(NUMBER.findall(plain(line.text)), found.groups(), strict=True):
            assert self._numbers.setdefault(shown, number) == number, shown
        if "To answer, reply with the number." in said:
            self.asked[line.chat] = message


def _code_in(question: Message) -> str:
    [code] = re.findall(r"(?m) ([0-9]{4})$", question.body)
    return str(code)
