"""What a browser test may ask of the people that ``veche up`` names: they log in as it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.widgets.core.documents import PATHS
from tests.stories.office import Applicant, Room, Way
from tests.support.people import Person
from tests.widgets import commands
from veche.cli.demo import world as demo

if TYPE_CHECKING:
    from tests.widgets.commands import Command

_LOG_IN: Final = re.compile(r"^ {4}(\w+) +([a-z0-9]{5}(?:-[a-z0-9]{5}){2}) ", re.MULTILINE)
_ADDRESS: Final = re.compile(r"^  (Homeserver|Pages) +(http://\S+)$", re.MULTILINE)


@attrs.define
class Newcomer:
    """Somebody who has nothing but what ``veche up`` has printed.

    Attributes:
        printed: All of it.
    """

    printed: str
    _visitors: dict[str, Applicant] = attrs.field(factory=dict)

    @property
    def pages_url(self) -> str:
        """Of the pages."""
        return self._address("Pages")

    def visitor(self, name: str) -> Applicant:
        """One of the people, with a chat with the office that is named."""
        if name not in self._visitors:
            password = dict(_LOG_IN.findall(self.printed))[name]
            user = f"@{name}:{demo.SERVER_NAME}"
            person = Person.start(
                "nio", self._address("Homeserver"), user, password, is_verified=True
            )
            assert demo.OFFICE_BOT in self.printed
            chat = Room(person, person.create_dm(demo.OFFICE_BOT))
            applicant = Applicant(person, chat, Way.STRUCTURED)
            applicant.choose("Which language do you prefer?", "en")
            self._visitors[name] = applicant
        return self._visitors[name]

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


UP_COMMANDS: Final[dict[str, Command]] = {
    "paths": paths,
    **{name: commands.COMMANDS[name] for name in ("sign_in", "code", "follow_case")},
}
