"""Documents that others have signed already: verdict first, then signatures are only added."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.papers.core.judged import judged
from appservices.signing.parties.service.waiting import is_plain, waiting_for
from tests.integration.appservices.signing.chats import ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF, SigningSite
from tests.support.sign_page import SignPage
from tests.unit.appservices.signing.service.test_appending import locked_all, of_dora, packed
from veche.contracts.signing.card import SIGN_REQUEST_KEY
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import form_fields
from veche.documents.signatures.report import Verdict

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Member, Session
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres


class AddedTests(ChatSite):
    """Carol has a contract that Dora has signed with a program of her own."""

    def waiting(self, txn: Cursor, person: UserId) -> list[tuple[Session, Member]]:
        return waiting_for(self.scene_of(txn), person)

    def last(self, person: UserId) -> str:
        return str(self.contents(person)[-1]["body"])

    async def test_two_sign_a_contract_that_somebody_else_has_signed(self) -> None:
        self.chat(CAROL, ALICE, BOB)
        self.send_file(CAROL, of_dora(), "contract.pdf")
        await self.settle()
        assert "Dora Diaz (not proven who that is)" in self.last(CAROL)
        assert "1. Add signatures to it" in self.last(CAROL)
        await self.tap(CAROL, "add")
        await self.say_all(CAROL, "Contract", "alice, bob")
        await self.tap(CAROL, "send")

        card = self.card(ALICE, SIGN_REQUEST_KEY)
        # What others have signed is seen first, so it is signed on its own page.
        [held] = [one for one, _ in self.run_now(self.waiting, ALICE)]
        assert not any(is_plain(held, one) for one in held.members)
        assert "It was signed before by Dora Diaz." in self.last(ALICE)
        for person in (ALICE, BOB):
            page = SignPage.of(self.card(person, SIGN_REQUEST_KEY)["page"])
            view = await self.away(page.view)
            assert view["document"]["is_signed"] is True
            assert await self.away(page.document, view)
            signed = await self.away(page.sign, self.keys[person])
            assert signed.status == 200, signed
        await self.settle()

        [(name, pdf), (_, report)] = self.files(CAROL)
        assert name == "contract-signed.pdf"
        assert pdf.startswith(of_dora())
        found = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert found.verdict is Verdict.UNPROVEN
        assert [(one.name, one.is_proven) for one in found.signers] == [
            ("Dora Diaz", False),
            ("Alice Adams", True),
            ("Bob Brown", True),
        ]
        # Dora's own field has the name that the first of us would have had.
        fields = [field for field, _ in form_fields(Document(pdf))]
        assert fields == ["Sig1", "Veche1Sig1", "Veche1Sig2", "Closed"]
        record = read_evidence(report)
        assert check_evidence(record, pdf, found) == []
        assert card["document"]["sha256"] == record.document.sha256

    async def test_what_is_signed_here_can_be_signed_here_again(self) -> None:
        self.chat(CAROL, ALICE, BOB)
        self.send_file(CAROL, PDF, "lease.pdf")
        await self.settle()
        await self.say_all(CAROL, "Lease", "alice")
        await self.tap(CAROL, "send")
        page = SignPage.of(self.card(ALICE, SIGN_REQUEST_KEY)["page"])
        assert (await self.away(page.sign, self.keys[ALICE])).status == 200
        await self.settle()
        [(_, first), _] = self.files(CAROL)

        self.send_file(CAROL, first, "lease-signed.pdf")
        await self.settle()
        await self.tap(CAROL, "add")
        await self.say_all(CAROL, "Lease again", "bob")
        await self.tap(CAROL, "send")
        page = SignPage.of(self.card(BOB, SIGN_REQUEST_KEY)["page"])
        assert (await self.away(page.sign, self.keys[BOB])).status == 200
        await self.settle()

        pdf = self.files(CAROL)[2][1]
        assert pdf.startswith(first)
        found = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert found.verdict is Verdict.SEALED, found.findings
        assert [one.name for one in found.signers] == ["Alice Adams", "Bob Brown"]
        record = read_evidence(self.files(CAROL)[3][1])
        assert check_evidence(record, pdf, found) == []

    async def test_it_is_said_why_nothing_can_be_added_and_nothing_is_kept(self) -> None:
        self.chat(CAROL)
        for pdf, words in ((packed(), "packed"), (locked_all(), "allowed nothing to be added")):
            self.send_file(CAROL, pdf, "contract.pdf")
            await self.settle()
            assert words in self.last(CAROL)
        assert self.rows("SELECT 1 FROM signing.session") == []

    async def test_who_does_not_want_it_throws_it_away(self) -> None:
        self.chat(CAROL)
        self.send_file(CAROL, of_dora(), "contract.pdf")
        await self.settle()
        await self.tap(CAROL, "drop")
        await self.settle()
        assert "Thrown away" in self.last(CAROL)


class ChoiceTests(SigningSite):
    """An organisation says whether signatures are to be added."""

    async def test_an_organisation_chooses(self) -> None:
        body = {
            "title": "Contract",
            "filename": "contract.pdf",
            "deadline_at_ms": self.host.now_ms() + 86_400_000,
            "parties": [{"party": "p1", "name": "Alice Adams", "user": ALICE}],
        }
        status, made = await self.call("POST", "/sessions", body, once="k1")
        assert status == 201, made
        path = f"/sessions/{made['session']}/file"
        status, refused = await self.call("PUT", path, pdf=of_dora())
        assert (status, refused["errcode"]) == (400, "ORG.VECHE.DOCUMENT_SIGNED_ALREADY")
        status, put = await self.call("PUT", f"{path}?signed=add", pdf=of_dora())
        assert (status, put["is_signed"]) == (200, True), put
        assert any("Dora Diaz" in one for one in put["notes"])
        status, put = await self.call("PUT", f"{path}?signed=add", pdf=PDF)
        assert (status, put["is_signed"]) == (200, False), put
        await self.call("PUT", f"{path}?signed=add", pdf=of_dora())
        assert (await self.call("POST", f"/sessions/{made['session']}/send", {}))[0] == 200

        status, pdf = await self.call("GET", path)
        assert (status, pdf) == (200, of_dora())
