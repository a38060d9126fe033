"""Private documents together with what else signing can do: own certificates, passkeys."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.private.service.sending import link_of
from appservices.signing.sessions.core.session import State
from tests.integration.appservices.signing.blind import CANARY, PDF, TITLE, BlindSite, signers
from tests.integration.appservices.signing.chats import DAVE
from tests.integration.appservices.signing.own import OwnSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, kept_key
from tests.support.blind_page import BlindPage, url64
from tests.support.csc_server import CODE, PIN, Holder, Provider, served
from tests.support.keys import Passkey, approval_of
from tests.support.sign_page import SignList, sign_all
from veche.access.approvals import store
from veche.documents.signatures.report import Verdict
from veche.protocol.unpadded_base64 import decode_base64, encode_base64

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Session
    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres
CLAUSES = (("c1", "unfair", f"{CANARY} penalty"),)
YES = [{"id": "c1", "accepted": True}]


class OwnCertificateTests(BlindSite, OwnSite):
    """Bob signs a private document with a certificate of his own, by the command."""

    async def ask(self, level: str = "S3") -> Session:
        """Carol asks Alice and Bob, at once."""
        told = signers(stages=[])
        told["parties"][1]["level"] = level
        await self.send(**told)
        await self.settle()
        return self.session()

    def page(self, session: Session, party: str) -> BlindPage:
        """The page of a party, as if they had opened it by Carol's link."""
        member = session.member(party)
        assert member is not None
        person = member.user_id
        mine = self.run_now(lambda txn: link_of(self.scene_of(txn), session, person))
        digest = encode_base64(hashlib.sha256(self.carol.pdf).digest())
        return BlindPage(self.url, session.id, mine.party, mine.token, self.carol.key, digest)

    def link(self, session: Session, party: str = "p2") -> str:
        page = self.page(session, party)
        said = f"s={page.session}&p={page.party}&t={page.token}&k={url64(page.key)}"
        digest = url64(decode_base64(page.digest))
        return f"{self.url}/sign#{said}&d={digest}"

    async def closed_file(self) -> Any:
        """What Alice's page has in the end, and the verdict on it."""
        await self.settle()
        alice = await self.open(ALICE)
        view = await self.away(alice.view)
        if view["is_to_close"]:
            done = await self.away(alice.close, view)
            assert done.status == 200, done
            await self.settle()
        pdf = await self.away(lambda: alice.document(alice.view()))
        return pdf, self.judged(pdf)

    async def test_a_key_in_a_file_signs_last_and_a_page_closes(self) -> None:
        self.carol.clauses = CLAUSES
        session, key = await self.ask(), ec.generate_private_key(ec.SECP256R1())
        alice = await self.open(ALICE)
        assert (await self.away(alice.sign, self.keys[ALICE], clauses=YES)).status == 200
        said = await self.sign(
            session,
            *self.key_files(key, self.bank.issue("Robert Brown", key)),
            clauses=YES,
        )
        assert CANARY not in said
        assert self.levels(session) == [("p1", "S2"), ("p2", "S3")]
        pdf, report = await self.closed_file()
        assert report.verdict is Verdict.SEALED, report.findings
        assert [(one.name, one.clause) for one in report.signers] == [
            (ALICE, ""),
            (ALICE, "c1"),
            ("Robert Brown", ""),
            ("Robert Brown", "c1"),
        ]
        assert self.session().state is State.COMPLETED
        [(_, evidence)] = self.files(BOB)
        record = read_evidence(evidence)
        assert (record.mode, record.parties[1].level) == ("blind", "S3")
        assert record.parties[1].issuer == "Bank of Lindenau"
        assert check_evidence(record, pdf, report) == []

    async def test_a_provider_signs_first_and_a_device_after_it(self) -> None:
        session, key = await self.ask("S4"), ec.generate_private_key(ec.SECP256R1())
        holder = Holder(key, [self.trust.issue("Bob Brown", key)])
        with served(Provider({"one": holder})) as provider:
            await self.sign(session, *self.at(provider), **self.answers(PIN, CODE))
        alice = await self.open(ALICE)
        assert (await self.away(alice.sign, self.keys[ALICE])).status == 200
        _, report = await self.closed_file()
        assert report.verdict is Verdict.SEALED, report.findings
        assert self.levels(session) == [("p1", "S2"), ("p2", "S4")]
        sent = repr([body for _, body in provider.asked])
        assert CANARY not in sent

    async def test_a_device_is_not_enough_and_another_document_is_refused(self) -> None:
        session = await self.ask()
        bob = await self.open(BOB)
        device = await self.away(bob.sign, self.keys[BOB])
        assert (device.status, device.errcode) == (409, "ORG.VECHE.SIGNATURE_LEVEL")

        key = ec.generate_private_key(ec.SECP256R1())
        words = self.key_files(key, self.bank.issue("Bob", key))
        self.carol.pdf += b"%"  # the link has another digest
        assert "not the document" in await self.refused(session, *words, approves=False)
        assert self.rows("SELECT 1 FROM signing.own_certificate") == []

    async def test_one_that_is_revoked_never_reaches_the_file(self) -> None:
        session, key = await self.ask(), ec.generate_private_key(ec.SECP256R1())
        certificate = self.bank.issue("Bob Brown", key)
        self.lists["bank"] = self.bank.revocations((certificate, self.now))
        said = await self.refused(session, *self.key_files(key, certificate))
        assert "revoked" in said
        assert self.levels(session) == []

    async def test_without_a_list_nothing_is_handed_in(self) -> None:
        session, key = await self.ask(), ec.generate_private_key(ec.SECP256R1())
        self.lists["bank"] = b""
        said = await self.refused(session, *self.key_files(key, self.bank.issue("Bob", key)))
        assert "Nobody says now whether the certificate of Bob was revoked" in said
        assert self.levels(session) == []


class PasskeyTests(BlindSite):
    """Everybody's key is a passkey."""

    def setUp(self) -> None:
        super().setUp()
        self.chat(DAVE)
        address = f"http://localhost:{urlsplit(self.url).port}"
        self.host.approvals = self.approvals(address)
        self.passkeys = {one: Passkey(address, "localhost") for one in (ALICE, BOB, DAVE)}
        for person, passkey in self.passkeys.items():
            assert self.run_now(store.add_key, kept_key(person, passkey))

    def passkey(self, person: UserId) -> Any:
        return self.passkeys[person]

    async def test_one_signs_the_next_declines_and_what_was_signed_is_closed(self) -> None:
        link = await self.send()
        alice, bob = await self.open(ALICE, link), await self.open(BOB, link)
        signed = await self.away(alice.sign, self.passkey(ALICE))
        assert signed.status == 200, signed
        forged = await self.away(bob.decline, self.passkey(ALICE), "wrong_terms")
        assert (forged.status, self.session().state) == (409, State.OPEN), forged
        declined = await self.away(bob.decline, self.passkey(BOB), "wrong_terms")
        assert (declined.status, declined.body["state"]) == (200, "declined"), declined

        await self.settle()
        assert f"{BOB} has declined" in self.all_said(ALICE)
        view = await self.away(alice.view)
        assert view["is_to_close"]
        assert (await self.away(alice.close, view)).status == 200
        await self.settle()
        pdf = await self.away(lambda: alice.document(alice.view()))
        report = self.judged(pdf)
        assert (report.verdict, [one.account for one in report.signers]) == (
            Verdict.SEALED,
            [ALICE],
        )
        [(_, evidence)] = self.files(BOB) or self.files(ALICE)
        record = read_evidence(evidence)
        assert (record.state, check_evidence(record, pdf, report)) == ("declined", [])

    async def test_a_delegate_signs_with_a_passkey_and_the_report_proves_both(self) -> None:
        link = await self.send(**signers(may_delegate=True))
        alice = await self.open(ALICE, link)
        path = f"/sessions/{alice.session}/delegate"
        body = {"party": alice.party, "to": DAVE}
        asked = await self.away(alice.call, "POST", f"{path}/ask", body)
        assert asked.status == 200, asked
        approval = approval_of(asked.body["asked"], asked.body["now_ms"])
        body["approval"] = self.passkey(ALICE).signed(approval)
        done = await self.away(alice.call, "POST", path, body)
        assert done.status == 200, done
        await self.settle()

        assert f"{CAROL} sends you a link with its key" in self.all_said(DAVE)
        for person in (DAVE, BOB):
            page = await self.open(person, link)
            signed = await self.away(page.sign, self.passkey(person))
            assert signed.status == 200, signed
        await self.settle()
        pdf = await self.away(lambda: page.document(page.view()))
        report = self.judged(pdf)
        assert report.verdict is Verdict.SEALED
        assert [one.account for one in report.signers] == [DAVE, BOB]
        [(_, evidence)] = self.files(DAVE)
        record = read_evidence(evidence)
        assert check_evidence(record, pdf, report) == []
        assert {one.means for one in record.approvals} == {"webauthn"}
        [delegation] = record.delegations
        assert delegation.approval is not None
        assert (delegation.approval.person, delegation.approval.means) == (ALICE, "webauthn")

    async def test_one_passkey_signs_all(self) -> None:
        links = []
        for at in range(3):
            carol = self.requester(CAROL)
            carol.title = f"{TITLE} {at}"
            told = signers(stages=[])
            links.append(await self.away(carol.send, PDF, told.pop("parties"), **told))
        await self.settle()
        await self.say_all(ALICE, "sign all")
        [address] = re.findall(r"http\S+/sign#all=\S+", self.said(ALICE))
        told = await self.away(SignList.of(address).read)
        assert [one["is_together"] for one in told["private"]] == [True] * 3

        pages = [await self.open(ALICE, link) for link in links]
        answers = await self.away(sign_all, pages, self.passkey(ALICE))
        assert [one.status for one in answers] == [200] * 3, answers
        stranger = [await self.open(BOB, link) for link in links]
        refused = await self.away(sign_all, stranger, self.passkey(ALICE))
        assert {one.status for one in refused} == {409}, refused
        signed = await self.away(sign_all, stranger, self.passkey(BOB))
        assert [one.status for one in signed] == [200] * 3, signed
        for page in pages:
            view = await self.away(page.view)
            assert view["is_to_close"]
            assert (await self.away(page.close, view)).status == 200
        await self.settle()
        for page in pages:
            pdf = await self.away(lambda page=page: page.document(page.view()))
            report = self.judged(pdf)
            assert report.verdict is Verdict.SEALED
            records = [read_evidence(data) for _, data in self.files(ALICE)]
            [record] = [one for one in records if one.session == page.session]
            assert check_evidence(record, pdf, report) == []
