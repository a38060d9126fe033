"""The seal of the site on its reports, and the seals of others, once they count no more."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import attrs
import pytest
from cryptography import x509

from appservices.signing.authority.core.issuing import Revoked
from appservices.signing.authority.service.authorities import read_authorities
from appservices.signing.commands.ca import add_seal, open_authority
from appservices.signing.jobs import handlers
from appservices.signing.stamps.service.sealing import Seals
from tests.integration.appservices.signing.chats import DAVE, ChatSite
from tests.integration.appservices.signing.site import ALICE, PDF
from tests.support.sign_page import SignPage
from veche.contracts.signing.card import SIGN_REQUEST_KEY
from veche.documents.pki.certificates import Level
from veche.documents.signatures.verdict import Trusted, judge

if TYPE_CHECKING:
    from veche.documents.signatures.report import Report

pytestmark = pytest.mark.postgres


class SiteSealTests(ChatSite):
    """Dave has a document signed at a site whose own seal is the town's."""

    def setUp(self) -> None:
        super().setUp()
        self._is_by("town")

    def _is_by(self, organisation: str) -> None:
        section = self.parts.section.model_copy(update={"id": organisation})
        self.parts = attrs.evolve(self.parts, section=section)
        self.handlers = handlers(self.parts)

    def revoke_seal(self) -> None:
        """As `veche ca revoke` does: nothing is restarted."""
        now = dt.datetime.fromtimestamp(self.host.now_ms() // 1000, dt.UTC)
        opened = open_authority(self.folder / "ca", self.url, b"a long passphrase", now)
        seal = self.parts.authorities.seals["town"].certificate
        opened.list(seal, Revoked(now, x509.ReasonFlags.key_compromise))

    def seal_again(self) -> None:
        """As `veche ca seal` does, and a restart."""
        now = dt.datetime.fromtimestamp(self.host.now_ms() // 1000, dt.UTC)
        opened = open_authority(self.folder / "ca", self.url, b"a long passphrase", now)
        add_seal(opened, "town", "Town of Lindenau")
        known = read_authorities(self.folder / "ca")
        self.parts = attrs.evolve(self.parts, authorities=known, seals=Seals(known))
        self.handlers = handlers(self.parts)

    async def prepare(self, title: str, who: str) -> None:
        """Dave has a document, and says who signs."""
        self.send_file(DAVE, PDF, "permit.pdf")
        await self.settle()
        await self.say_all(DAVE, title, who)

    async def have_signed(self, title: str) -> None:
        """Alice signs what Dave sends her."""
        await self.prepare(title, "alice")
        await self.tap(DAVE, "send")
        card = self.card(ALICE, SIGN_REQUEST_KEY)
        answer = await self.away(SignPage.of(card["page"]).sign, self.keys[ALICE])
        assert answer.status == 200, answer
        await self.settle()

    def report(self) -> Report:
        """What can be said of the newest report that Alice got."""
        [*_, (name, pdf)] = self.files(ALICE)
        assert "report" in name or "evidence" in name, name
        now = dt.datetime.fromtimestamp(self.host.now_ms() / 1000, dt.UTC)
        return judge(pdf, Trusted([self.parts.authorities.root], now))

    async def test_that_the_seal_of_the_site_was_revoked_holds_up_no_file(self) -> None:
        self.chat(DAVE, ALICE)
        await self.have_signed("Lease")
        assert [one.level for one in self.report().signers] == [Level.SEAL]

        self.revoke_seal()
        await self.have_signed("Second lease")

        assert len(self.files(ALICE)) == 4
        assert self.report().signers == ()
        assert self.rows("SELECT count(*) FROM signing.seal") == [(1,)]

        self.seal_again()
        await self.have_signed("Third lease")
        assert [one.level for one in self.report().signers] == [Level.SEAL]

    async def test_a_seal_that_is_revoked_while_the_report_is_made_leaves_no_trace_of_it(
        self,
    ) -> None:
        self.chat(DAVE, ALICE)
        seal = self.parts.seals.seal

        def late(organisation: str, digest: bytes, now_ms: int) -> object:
            self.parts.seals.seal = seal  # type: ignore[method-assign]
            self.revoke_seal()
            return seal(organisation, digest, now_ms)

        self.parts.seals.seal = late  # type: ignore[assignment, method-assign]
        await self.have_signed("Lease")
        assert self.states() == {"Alice Adams": "signed"}
        [again] = self.due("signing.close")
        await self.do(again)
        await self.settle()

        assert self.report().signers == ()
        assert self.rows("SELECT count(*) FROM signing.seal") == [(0,)]

    async def test_a_seal_that_counts_no_more_cannot_be_ordered(self) -> None:
        self.chat(DAVE, ALICE)
        self.revoke_seal()

        await self.prepare("Permit", "alice then town as seal")

        assert "or there is none" in self.said(DAVE)
