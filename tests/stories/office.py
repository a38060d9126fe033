"""What people do in the stories: chat with the office, work at its desk, look into a case."""

from __future__ import annotations

import enum
import itertools
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs

from tests.support.people import Kind, Message, Person
from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until
from tests.support.services import OFFICE, House, house
from veche.contracts.agency.case import CASE_KEY
from veche.protocol.prompts import ANSWER_KEY, PROMPT_KEY
from veche.protocol.texts.typed_choice import keycap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ENGLISH: Final = "en"
FORM: Final = {"child_name": "Anna Weber", "born_on": "2020-03-12", "reason": "travel"}
"""What a client that knows forms answers all at once."""
_names: Final = (f"alice{number}" for number in itertools.count(1))
_visitors: Final[list[Person]] = []
_NUMBER: Final = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{8}\b")


class Way(enum.Enum):
    """How somebody answers a question that offers a choice."""

    TEXT = "text"
    """The number, as the next message."""
    REACTION = "reaction"
    """A tap on the bot's own reaction, where it placed some; the number where it did not."""
    STRUCTURED = "structured"
    """``org.veche.answer``, as a client does that knows our prompts."""


@attrs.define
class Room:
    """Somebody in a room with the office.

    Attributes:
        person: Who.
        room: Its id.
        thread: Event that began the thread in which they are; None: not in a thread.
        office: Its bot.
    """

    person: Person
    room: str
    thread: str | None = None
    office: str = OFFICE

    def expect(self, words: str, *, is_again: bool = False) -> Message:
        """The next message of the office here that has these words, not an edit."""
        return self._wait(words, lambda message: message.replaces is None, is_again=is_again)

    def expect_edit(self, words: str) -> Message:
        """The next edit of a message of the office that has these words."""
        return self._wait(words, lambda message: message.replaces is not None)

    def say(self, words: str) -> str:
        """Write something; its event."""
        if self.thread is not None:
            return self.person.reply_in_thread(self.room, self.thread, words)
        return self.person.send(self.room, words)

    def choose(self, question: Message, choice: str, way: Way = Way.TEXT) -> str:
        """Answer a question by one of its choices; the event of the answer.

        Args:
            question: A message that asks.
            choice: Id of the choice.
            way: How.
        """
        prompt = prompt_of(question)
        number = [one["id"] for one in prompt["choices"]].index(choice) + 1
        if way is Way.STRUCTURED:
            return self.answer(question, choice=choice)
        if way is Way.REACTION and self._is_tappable(question):
            self.person.wait_for(
                self.room, lambda message: _is_reaction(message, question, number), is_again=True
            )
            return self.person.react(self.room, question.event_id, keycap(number))
        return self.say(str(number))

    def answer(self, question: Message, **answer: Any) -> str:
        """Answer a question as a client does that knows our prompts."""
        content = {
            "msgtype": "m.text",
            "body": "My answer",
            ANSWER_KEY: {"v": 1, "prompt": prompt_of(question)["id"], **answer},
            "m.relates_to": {"rel_type": "m.reference", "event_id": question.event_id},
        }
        return self.person.send_content(self.room, content)

    def said(self) -> list[Message]:
        """Every message of the office here, without edits."""
        return [m for m in self._of_office() if m.replaces is None]

    def first_lines(self) -> list[str]:
        """The first line of every message of the office here, without edits."""
        return [message.body.partition("\n")[0] for message in self.said()]

    def states(self) -> list[str]:
        """The states that the card of a case has shown, in order; the same one twice only once."""
        cards = [m.content.get("m.new_content", m.content) for m in self._of_office()]
        states = [card[CASE_KEY]["state"] for card in cards if CASE_KEY in card]
        return [state for state, _ in itertools.groupby(states)]

    def expect_states(self, *states: str) -> None:
        """Wait until the card of a case has shown these states, and no others."""
        try:
            wait_until(lambda: len(self.states()) >= len(states), WAIT_S, "too few states")
        except TimeoutError as e:
            raise AssertionError(f"{e}: {self.states()}\n{self.person.transcript()}") from None
        assert self.states() == list(states)

    def unreadable(self) -> list[Message]:
        """What could not be decrypted."""
        return [m for m in self.person.messages(self.room) if not m.is_readable]

    def _is_tappable(self, question: Message) -> bool:
        return "tap it below" in question.body

    def _of_office(self) -> list[Message]:
        return [
            message
            for message in self.person.messages(self.room)
            if message.sender == self.office and message.type == "m.room.message"
        ]

    def _wait(self, words: str, fits: Any, *, is_again: bool = False) -> Message:
        def is_it(message: Message) -> bool:
            return (
                message.sender == self.office
                and message.type == "m.room.message"
                and words in message.body
                and fits(message)
                and (self.thread is None or self._is_in_thread(message))
            )

        is_it.__qualname__ = f"{words!r}"
        return self.person.wait_for(self.room, is_it, is_again=is_again)

    def _is_in_thread(self, message: Message) -> bool:
        # What an edit stands in, only the edited message says.
        is_edit = message.replaces is not None
        return is_edit or self.thread in {message.relation.get("event_id"), message.event_id}


class Desk:
    """The staff at the desk of the office, each with a client."""

    def __init__(self, clerk: Person, office: str = OFFICE, room: str | None = None) -> None:
        self.clerk = clerk
        self._office = office
        [self.room] = clerk.accept_invites() if room is None else [room]

    def case(self, number: str, by: Person | None = None) -> Room:
        """The thread of a case, as somebody of the staff has it.

        Args:
            number: Of the case.
            by: Who; the clerk if None.
        """
        person = by or self.clerk
        desk = Room(person, self.room, office=self._office)
        card = desk.expect(f"Case: {number}", is_again=True)
        return attrs.evolve(desk, thread=card.event_id)

    def claimed(self, number: str) -> Room:
        """A case that the clerk has taken, up to the question what is decided."""
        thread = self.case(number)
        thread.choose(thread.expect("Who takes this case?"), "claim")
        return thread


@attrs.define
class Applicant:
    """Somebody who wants something of the office.

    Attributes:
        chat: Their direct chat with it.
        way: How they answer questions that offer a choice.
    """

    person: Person
    chat: Room
    way: Way

    def begin(self) -> None:
        """Go as far as the first question of the form."""
        self.choose("What do you need?", "birth-certificate-copy")
        self.choose("It takes at most", "start")
        self.chat.expect("1 of 4")

    def fill(self, *, reason: str = "travel") -> None:
        """Answer the form, one question after another, up to the review."""
        for words, typed in (("2 of 4", "Anna Weber"), ("3 of 4", "12 March 2020")):
            self.chat.say(typed)
            question = self.chat.expect(words)
        self.chat.choose(question, reason, self.way)
        self.chat.expect("4 of 4")
        self.chat.say("skip")
        self.chat.expect("Please check your answers")

    def submit(self) -> tuple[str, Room]:
        """Submit, and go into the room of the case; its number and room."""
        self.chat.say("submit")
        return self.follow()

    def follow(self) -> tuple[str, Room]:
        """Go into the room of a case that was submitted; its number and room."""
        number = case_number(self.chat.expect("The number of your case is"))
        [room] = self.person.accept_invites()
        case = attrs.evolve(self.chat, room=room)
        case.expect(f"Case: {number}")
        return number, case

    def apply(self, *, reason: str = "travel") -> tuple[str, Room]:
        """From the menu to the room of the case, with one whole form; its number and room."""
        self.begin()
        [question] = [one for one in self.chat.said() if "1 of 4" in one.body]
        self.chat.answer(question, data={**FORM, "reason": reason})
        return self.follow()

    def choose(self, words: str, choice: str) -> None:
        """Answer the question that has these words."""
        self.chat.choose(self.chat.expect(words), choice, self.way)


@attrs.define
class Town:
    """A house with the demo's office, and Carol at its desk."""

    house: House
    desk: Desk

    def applicant(
        self,
        way: Way = Way.TEXT,
        *,
        kind: Kind = Kind.NIO,
        language: str = ENGLISH,
        is_verified: bool = True,
    ) -> Applicant:
        """Somebody new, who has begun a chat and chosen a language."""
        person = self.house.person(next(_names), kind, is_verified=is_verified)
        _visitors.append(person)
        chat = Room(person, person.create_dm(OFFICE))
        applicant = Applicant(person, chat, way)
        applicant.choose("Which language do you prefer?", language)
        return applicant


@contextmanager
def in_town(folder: Path, *, sections: Mapping[str, Any] | None = None) -> Iterator[Town]:
    """A town in which everything runs and Carol is at work; as ``house``."""
    with house(folder, sections=sections) as one:
        yield Town(one, Desk(one.person("carol")))


def end_visits() -> None:
    """End the clients of all applicants there have been."""
    while _visitors:
        _visitors.pop().stop()


def prompt_of(message: Message) -> Mapping[str, Any]:
    """The prompt that rides beside a question."""
    prompt: Mapping[str, Any] = message.content[PROMPT_KEY]
    return prompt


def case_number(message: Message) -> str:
    """The number of a case that a message names."""
    found = _NUMBER.search(message.body)
    assert found, message.body
    return found[0]


def _is_reaction(message: Message, target: Message, number: int) -> bool:
    relation = message.relation
    is_here = relation.get("event_id") == target.event_id
    return message.type == "m.reaction" and is_here and relation.get("key") == keycap(number)
