"""What a browser test may ask of the people that ``veche up`` names: they log in as it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency import demo as office_demo
from appservices.payments import demo as payments_demo
from appservices.widgets.core.documents import PATHS
from tests.stories.office import Applicant, Room, Way
from tests.support.people import Person
from tests.widgets import commands
from veche.server import demo

if TYPE_CHECKING:
    from tests.support.people import Message
    from tests.widgets.commands import Command

_LOG_IN: Final = re.compile(r"^ {4}(\w+) +([a-z0-9]{5}(?:-[a-z0-9]{5}){2}) ", re.MULTILINE)
_CODE: Final = re.compile(r"\b(\d{3}) ?(\d{3})\b")
_ADDRESS: Final = re.compile(r"^  (App|Homeserver|Pages) +(http://\S+)$", re.MULTILINE)


@attrs.define
class Newcomer:
    """Somebody who has nothing but what ``veche up`` has printed.

    Attributes:
        printed: All of it.
    """

    printed: str
    _visitors: dict[str, Applicant] = attrs.field(factory=dict)
    _payments: dict[str, Room] = attrs.field(factory=dict)

    @property
    def pages_url(self) -> str:
        """Of the pages."""
        return self._address("Pages")

    @property
    def app_url(self) -> str:
        """Of the app."""
        return self._address("App")

    def visitor(self, name: str) -> Applicant:
        """One of the people, with chats with the office and the bank that are named."""
        if name not in self._visitors:
            password = dict(_LOG_IN.findall(self.printed))[name]
            user = f"@{name}:{demo.SERVER_NAME}"
            person = Person.start(
                "nio", self._address("Homeserver"), user, password, is_verified=True
            )
            assert office_demo.OFFICE_BOT in self.printed
            assert payments_demo.PAYMENTS_BOT in self.printed
            chat = Room(person, person.create_dm(office_demo.OFFICE_BOT))
            applicant = Applicant(person, chat, Way.STRUCTURED)
            applicant.choose("Which language do you prefer?", "en")
            payments = Room(person, person.create_dm(payments_demo.PAYMENTS_BOT))
            person.wait_for(payments.room, lambda one: one.sender == payments_demo.PAYMENTS_BOT)
            self._visitors[name], self._payments[name] = applicant, payments
        return self._visitors[name]

    def payments(self, name: str) -> Room:
        """The chat with the bank of one of the people."""
        self.visitor(name)
        return self._payments[name]

    def end(self) -> None:
        """End the clients."""
        for one in self._visitors.values():
            one.person.stop()

    def _address(self, label: str) -> str:
        found: str = dict(_ADDRESS.findall(self.printed))[label]
        return found


def paths(stand: Any, **arguments: Any) -> Any:  # noqa: ARG001 -- of the protocol
    """The paths of all pages that need nothing else in their address."""
    return sorted(path for path in PATHS if not path.endswith("widget"))


def told_by_bank(stand: Any, **arguments: Any) -> Any:
    """The next message of the bank to a ``person`` with a ``text``: ``{body}``."""
    return {"body": _told_by_bank(stand, arguments["person"], arguments["text"]).body}


def code(stand: Any, **arguments: Any) -> Any:
    """The six digits beside a ``text``; the bank tells them, in the newest chat: ``{code}``."""
    found = _CODE.search(_told_by_bank(stand, arguments["person"], arguments["text"]).body)
    assert found is not None
    return {"code": found[1] + found[2]}


def _told_by_bank(stand: Newcomer, name: str, text: str) -> Message:
    chat = stand.payments(name)

    def is_it(message: Message) -> bool:
        return message.sender == payments_demo.PAYMENTS_BOT and text in message.body

    return chat.person.wait_for(chat.room, is_it)


UP_COMMANDS: Final[dict[str, Command]] = {
    "paths": paths,
    "told_by_bank": told_by_bank,
    "code": code,
    **{name: commands.COMMANDS[name] for name in ("sign_in", "follow_case")},
}
