"""The town of the stories about signatures: an authority, the signing bot, an office, pages."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency import demo as office_demo
from appservices.signing import demo as signing_demo
from appservices.signing.demo import DemoAuthority
from tests.support.calls import request
from tests.support.customers import Customer
from tests.support.processes import ROOT
from tests.support.services import AGENCY, House, Place, house
from tests.support.sign_page import SignPage
from veche.cli.main import main
from veche.protocol.prompts import PROMPT_KEY
from veche.runtime.database.migrate import MigrationSet
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.people import Message, Person

BOT: Final = signing_demo.SIGNING_BOT
SIGNING: Final = MigrationSet("signing", "appservices.signing")
_BOT_LOCALPART: Final = f"{BOT.partition(':')[0]}:"
_LINK: Final = re.compile(r"http\S+/sign#\S+")
_DEFINITIONS: Final = ROOT / "config" / "services"


class Signatory(Customer):
    """Somebody with their chat with the signing bot, their browser and their key."""

    def say(self, words: str) -> str:
        """Write something; its event."""
        return self.person.send(self.room, words)

    def expect(self, *words: str) -> Message:
        """The next message of the bot here that has all these words, not an edit."""

        def is_it(message: Message) -> bool:
            is_bot = message.sender.startswith(_BOT_LOCALPART)
            is_said = is_bot and message.replaces is None
            return is_said and all(one in message.body for one in words)

        is_it.__qualname__ = f"{words!r}"
        return self.person.wait_for(self.room, is_it)

    def choose(self, question: Message, choice: str) -> str:
        """Answer a question by the number of one of its choices."""
        ids = [one["id"] for one in question.content[PROMPT_KEY]["choices"]]
        return self.person.reply(self.room, question.event_id, str(ids.index(choice) + 1))

    def page(self, card: Message) -> SignPage:
        """The page that the link in a card opens."""
        found = _LINK.search(card.body)
        assert found is not None, card.body
        return SignPage.of(found[0])

    def send_pdf(self, pdf: bytes, name: str = "lease.pdf") -> None:
        """Send the bot a document."""
        self.person.send_file(self.room, name, pdf, "application/pdf")


@attrs.define
class Town:
    """A house in which people sign."""

    house: House
    authority: DemoAuthority

    def now(self) -> dt.datetime:
        """The time of the services, UTC."""
        answer = request("GET", f"{self.house.pages_url}/_veche/approvals/v1/time")
        return dt.datetime.fromtimestamp(answer.body["now_ms"] / 1000, tz=dt.UTC)

    def signatory(self, name: str) -> Signatory:
        """Somebody who has begun a chat with the bot, signed in on the pages and made a key."""
        return self.signatory_of(self.house.person(name))

    def signatory_of(self, person: Person) -> Signatory:
        """The same of somebody who is there already, perhaps of another server."""
        bot = f"{_BOT_LOCALPART}{self.house.server.plan.server_name}"
        one = Signatory.sign_in(self.house, person, bot)
        one.enrol()
        return one


@contextmanager
def in_town(folder: Path, *, is_federated: bool = False) -> Iterator[Town]:
    """A town, in which everything runs; everything is ended afterwards.

    Args:
        folder: For its files; empty.
        is_federated: Whether other homeservers on this machine reach that of the town.
    """
    made: list[DemoAuthority] = []

    def sections(origin: str) -> dict[str, Any]:
        seals = {demo.TOWN: "Town of Lindenau"}
        authority = DemoAuthority(folder / "ca", origin, "Lindenau", seals)
        (folder / "ca").mkdir()
        assert main(authority.preparation().command) == 0
        made.append(authority)
        agency = office_demo.agency_section(_DEFINITIONS)
        [town] = agency["organisations"]
        town["seal"] = {"url": authority.site, "key_path": str(authority.key(demo.TOWN))}
        [office] = town["offices"]
        office["services"] = [str(_DEFINITIONS / f"{office_demo.SIGNED_SERVICE}.yaml")]
        signing = signing_demo.signing_section(authority, ROOT / "config" / "signing")
        return {"agency": agency, "signing": signing}

    with house(
        folder,
        sections=sections,
        migrations=[AGENCY, SIGNING],
        has_pages=Place(is_federated=is_federated),
    ) as one:
        yield Town(one, made[0])
