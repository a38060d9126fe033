"""A site for documents that the service never sees: who is signed in, and what they sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.papers.core.judged import judged
from tests.integration.appservices.signing.chats import DAVE, ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL
from tests.support.blind_page import BlindPage, Requester
from tests.support.forgery import page
from tests.unit.veche.api.test_gate import session as session_of
from veche.access.sessions import Level
from veche.protocol.errors import SignInError
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography import x509

    from veche.access.sessions import Session

CANARY: Final = "Zeisig"
"""A word that is in everything that the service must not learn."""
TITLE: Final = f"{CANARY} lease of flat 12b"
PDF: Final = page(f"{CANARY}: 700 EUR a month")
NAMES: Final[Mapping[str, str]] = {ALICE: f"Alice {CANARY}", BOB: f"Bob {CANARY}"}


class People:
    """Sessions on the pages; ``low.alice`` is the token of a weak one, ``room.alice`` not."""

    async def authenticate(self, token: str, now_ms: int) -> Session:
        return self.authenticated(None, token, now_ms)

    def authenticated(self, txn: Any, token: str, now_ms: int) -> Session:
        del txn, now_ms
        weight, _, name = token.partition(".")
        person = UserId(f"@{name}:veche.test")
        if person not in (ALICE, BOB, CAROL, DAVE):
            raise SignInError("Please sign in again")
        level = Level.LOW if weight == "low" else Level.ROOM
        return attrs.evolve(session_of(level), person=person)


def token(person: str, weight: str = "room") -> str:
    """Of a session of somebody."""
    return f"{weight}.{person.removeprefix('@').partition(':')[0]}"


def signers(**stages: Any) -> dict[str, Any]:
    """Alice, then Bob."""
    parties = [
        {"party": "p1", "role": "signer", "user": ALICE},
        {"party": "p2", "role": "signer", "user": BOB},
    ]
    return {"parties": parties, "stages": [{"parties": ["p1"]}, {"parties": ["p2"]}], **stages}


class BlindSite(ChatSite):
    """Carol asks; all have chats with the bot, and are signed in on the pages."""

    def setUp(self) -> None:
        super().setUp()
        self.host.gate._sessions = People()
        self.chat(ALICE, BOB, CAROL)
        self.carol = self.requester(CAROL)

    def requester(self, person: str, **more: Any) -> Requester:
        """The page of somebody who asks."""
        return Requester(self.url, token(person), TITLE, NAMES, **more)

    async def open(self, person: str, link: str = "") -> BlindPage:
        """The page of a party, by the requester's link."""
        found = await self.away(BlindPage.opened, link or self.carol.link(), token(person))
        assert isinstance(found, BlindPage), found
        return found

    async def send(self, **more: Any) -> str:
        """Carol sends a document."""
        told = {**signers(), **more}
        link: str = await self.away(lambda: self.carol.send(PDF, told.pop("parties"), **told))
        return link

    def root(self) -> x509.Certificate:
        """By which files are judged here."""
        return self.parts.authorities.root

    def roots(self) -> list[x509.Certificate]:
        """By which other programs believe files of here: of signatures, and of their stamps."""
        return [self.root()]

    def judged(self, pdf: bytes) -> Any:
        """The verdict of whoever gets the file."""
        return judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
