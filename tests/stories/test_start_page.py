"""The tutorial, docs/start.md, is played line by line.

Its blocks ``chat`` begin with ``# room: chat`` (or ``case``, ``desk``), and go on with lines
``alice> text`` (Alice writes it, in a desk room Carol) and ``office< text`` (a message of the
office has this text; each later in the room than the one before it).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs
import pytest

from tests.stories.office import Room, Town, case_number, in_town
from tests.support.processes import ROOT
from tests.support.services import OFFICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.people import Message, Person

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

PAGE: Final = ROOT / "docs" / "start.md"
BLOCK: Final = re.compile(r"^```chat\n# room: (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE: Final = re.compile(r"(\w+)([<>]) (.+)")
OFFICES: Final = frozenset({"office", "desk"})
"""What stands before a line of the office."""


@attrs.frozen
class Line:
    """One line of a block: somebody writes, or the office does."""

    number: int
    room: str
    speaker: str
    text: str

    @property
    def is_of_office(self) -> bool:
        return self.speaker in OFFICES


def lines_of(page: str) -> Iterator[Line]:
    for block in BLOCK.finditer(page):
        first = page[: block.start(2)].count("\n") + 1
        for number, text in enumerate(block[2].splitlines(), first):
            found = LINE.fullmatch(text)
            assert found, f"{PAGE.name}:{number}: {text!r} has another form"
            assert (found[2] == "<") == (found[1] in OFFICES), f"{PAGE.name}:{number}: {text!r}"
            yield Line(number, block[1], found[1], found[3])


class Play:
    """The page as it is played."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._people: dict[str, Person] = {"carol": town.desk.clerk}
        self._people["alice"] = town.house.person("alice")
        self._rooms: dict[str, Room] = {}
        self._number = ""
        self._seen: dict[str, int] = {}

    def perform(self, line: Line) -> None:
        if line.is_of_office:
            self._hear(line)
        else:
            room = self._room(line.room)
            assert room.person is self._people[line.speaker], f"line {line.number}: who?"
            room.say(line.text)

    def _hear(self, line: Line) -> None:
        room = self._room(line.room)
        seen = self._seen.get(line.room, 0)
        message = room.person.wait_for(
            room.room, lambda message: self._fits(room, message, line.text, seen), is_again=True
        )
        events = [one.event_id for one in room.person.messages(room.room)]
        self._seen[line.room] = events.index(message.event_id) + 1
        if "The number of your case is" in line.text:
            self._number = case_number(message)

    def _fits(self, room: Room, message: Message, text: str, seen: int) -> bool:
        events = [one.event_id for one in room.person.messages(room.room)]
        is_later = events.index(message.event_id) >= seen
        return message.sender == OFFICE and text in message.body and is_later

    def _room(self, name: str) -> Room:
        if name not in self._rooms:
            self._rooms[name] = self._enter(name)
        return self._rooms[name]

    def _enter(self, name: str) -> Room:
        alice = self._people["alice"]
        if name == "chat":
            return Room(alice, alice.create_dm(OFFICE))
        if name == "case":
            [room] = alice.accept_invites()
            return Room(alice, room)
        assert name == "desk", f"no room {name!r}"
        return self._town.desk.case(self._number)


def test_the_page_can_be_played() -> None:
    lines = list(lines_of(PAGE.read_text()))

    assert {line.room for line in lines} == {"chat", "case", "desk"}
    assert len(lines) > 20
    assert PAGE.read_text().count("```chat") == len(BLOCK.findall(PAGE.read_text()))


def test_the_tutorial_happens_as_it_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    with in_town(tmp_path_factory.mktemp("start")) as town:
        play = Play(town)
        for line in lines_of(PAGE.read_text()):
            try:
                play.perform(line)
            except AssertionError as e:
                raise AssertionError(f"{PAGE.name}:{line.number}: {line.text}\n{e}") from e
