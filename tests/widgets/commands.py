"""What a browser test may ask of the house: ``await ask("say", { person: "alice", text: "1" })``.

One function a command: its keyword arguments are what the test gives, its result is JSON. A person
is named by the test ("alice"); who is new gets an account, a client and a chat with the office.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from tests.stories.office import Applicant, Desk, Room, Way, case_number
from tests.support.postgres import session
from tests.support.services import OFFICE, House
from tests.support.stored_keys import enrol as enrol_key
from veche.contracts.agency.case import CASE_KEY
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from tests.support.people import Message, Person

_LINK: Final = re.compile(r"https?://\S+/signin#\S+")
_CODE: Final = re.compile(r"\b(\d{3}) ?(\d{3})\b")
_numbers: Final = itertools.count(1)


class Command(Protocol):
    """Plays one command."""

    def __call__(self, stand: Any, **arguments: Any) -> Any:
        """The answer, as JSON."""


COMMANDS: Final[dict[str, Command]] = {}


def command(function: Any) -> Any:
    """Make a function a command, by its own name."""
    COMMANDS[function.__name__] = function
    return function


@attrs.define
class Stand:
    """The house, and who is known to the tests of the file that is played.

    Attributes:
        house: Everything that runs.
        desk: Carol's.
    """

    house: House
    desk: Desk
    _visitors: dict[str, Applicant] = attrs.field(factory=dict)

    def visitor(self, name: str, language: str = "en") -> Applicant:
        """A person by the name that tests use; who is new begins a chat with the office."""
        if name not in self._visitors:
            person = self.house.person(f"{name}{next(_numbers)}", is_verified=True)
            chat = Room(person, person.create_dm(OFFICE))
            applicant = Applicant(person, chat, Way.STRUCTURED)
            applicant.choose("Which language do you prefer?", language)
            self._visitors[name] = applicant
        return self._visitors[name]

    def room(self, person: str, room: str | None) -> Room:
        """A room of a person; their chat with the office if None."""
        applicant = self.visitor(person)
        return applicant.chat if room is None else Room(applicant.person, room)

    def begin(self) -> None:
        """Know nobody: the next file has persons of its own, and those of the last one end."""
        while self._visitors:
            _, applicant = self._visitors.popitem()
            applicant.person.stop()


# Persons and what they say


@command
def person(stand: Stand, *, person: str, language: str = "en") -> Any:
    """Who somebody is: ``{user, password, homeserver, room}``, the room being the chat."""
    applicant = stand.visitor(person, language)
    return {
        "user": applicant.person.user_id,
        "password": _password_of(applicant.person),
        "homeserver": stand.house.url,
        "access_token": applicant.person.access_token,
        "room": applicant.chat.room,
    }


@command
def say(stand: Stand, *, person: str, text: str, room: str | None = None) -> Any:
    """Somebody writes something; ``{event_id}``."""
    return {"event_id": stand.room(person, room).say(text)}


@command
def send(stand: Stand, *, person: str, content: Any, room: str | None = None) -> Any:
    """Somebody sends a message with a content of any kind, as a client does; ``{event_id}``."""
    where = stand.room(person, room)
    return {"event_id": where.person.send_content(where.room, content)}


@command
def messages(stand: Stand, *, person: str, room: str | None = None) -> Any:
    """All messages of a room as somebody's client has them, oldest first."""
    where = stand.room(person, room)
    return [shown(message) for message in where.person.messages(where.room)]


@command
def wait_for(stand: Stand, *, person: str, text: str, room: str | None = None) -> Any:
    """The next message of the office with these words that no command has returned yet."""
    return shown(stand.room(person, room).expect(text))


@command
def answer(stand: Stand, *, person: str, text: str, choice: str, room: str | None = None) -> Any:
    """Somebody answers the office's next question that has these words; ``{event_id}``."""
    where = stand.room(person, room)
    return {"event_id": where.choose(where.expect(text), choice, Way.STRUCTURED)}


# Signing in


@command
def sign_in(stand: Stand, *, person: str) -> Any:
    """Somebody writes "page" to the office's bot: ``{link}``, which signs in once."""
    chat = stand.visitor(person).chat
    chat.say("page")
    found = _LINK.search(chat.expect("/signin#").body)
    assert found is not None
    return {"link": found[0]}


@command
def code(stand: Stand, *, person: str, text: str = "") -> Any:
    """The six digits of the bot's next message that has some, and these words: ``{code, body}``."""
    chat = stand.visitor(person).chat

    def has_code(message: Message) -> bool:
        return (
            message.sender == OFFICE and text in message.body and bool(_CODE.search(message.body))
        )

    message = chat.person.wait_for(chat.room, has_code)
    found = _CODE.search(message.body)
    assert found is not None
    return {"code": found[1] + found[2], "body": message.body}


@command
def enrol(stand: Stand, *, person: str, id: str, public_key: list[int]) -> Any:  # noqa: A002 -- JSON
    """A key that somebody's browser has made is one of the service's."""
    return enrolled(stand.house, stand.visitor(person).person, id, public_key)


def enrolled(house: House, person: Person, key_id: str, public_key: list[int]) -> Any:
    """Keep a key of a browser in a house."""
    with session(house.dsn) as connection, connection, connection.cursor() as txn:
        enrol_key(txn, UserId(person.user_id), {"id": key_id, "public_key": public_key})
    return {}


# Cases


@command
def start_case(stand: Stand, *, person: str) -> Any:
    """Somebody asks for a birth certificate, in the chat: ``{number, case, room, card}``."""
    number, case = stand.visitor(person).apply()
    return {"number": number, "room": case.room, **_card(case, number)}


@command
def type_case(stand: Stand, *, person: str) -> Any:
    """Somebody asks for a birth certificate with typed words alone; as ``start_case``."""
    known = stand.visitor(person)
    number, case = attrs.evolve(known, way=Way.TEXT).apply()
    return {"number": number, "room": case.room, **_card(case, number)}


@command
def open_form(stand: Stand, *, person: str) -> Any:
    """Somebody goes in the chat as far as the first question of the form."""
    stand.visitor(person).begin()
    return {}


@command
def desk_answers(stand: Stand, *, number: str) -> Any:
    """Carol takes a case; the lines by which its answers are shown to her."""
    thread = stand.desk.case(number)
    thread.choose(thread.expect("Who takes this case?"), "claim")
    shown = thread.expect("Name of the child:")
    return [line for line in shown.body.splitlines() if ": " in line or "? " in line]


@command
def follow_case(stand: Stand, *, person: str) -> Any:
    """Somebody accepts the invitation to a case that was sent from a page; as ``start_case``."""
    number, case = stand.visitor(person).follow()
    return {"number": number, "room": case.room, **_card(case, number)}


@command
def desk(stand: Stand, *, number: str, choices: list[str], says: str = "") -> Any:
    """Carol takes a case, and answers what her desk asks: "approve", or "ask_more" with words."""
    thread = stand.desk.case(number)
    for choice in choices:
        words = "Who takes this case?" if choice == "claim" else "What is decided?"
        thread.choose(thread.expect(words), choice)
    if says:
        thread.expect("What do you ask the person?")
        thread.say(says)
    return {}


@command
def refuse(stand: Stand, *, number: str, reason: str, text: str) -> Any:
    """Carol takes a case and refuses it, by a reason of the service and in words of her own."""
    thread = stand.desk.claimed(number)
    thread.choose(thread.expect("What is decided?"), "refuse")
    thread.answer(thread.expect("For which reason"), data={"reason": reason, "text": text})
    return {}


def _card(case: Room, number: str) -> dict[str, Any]:
    message = next(m for m in case.said() if CASE_KEY in m.content)
    assert case_number(message) == number
    return {"case": message.content[CASE_KEY]["id"], "card": shown(message)}


def shown(message: Message) -> dict[str, Any]:
    """A message as the room events of a client are."""
    return {
        "type": message.type,
        "event_id": message.event_id,
        "sender": message.sender,
        "origin_server_ts": message.at_ms,
        "room_id": message.room,
        "content": dict(message.content),
        "body": message.body,
    }


def _password_of(person: Person) -> str:
    return person._password
