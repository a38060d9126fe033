"""Files that are no PDF together with guests, delegates, deadlines and reminders."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.papers.core.judged import judged_file
from tests.integration.appservices.signing.chats import DAVE, ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, kept_key
from tests.integration.appservices.signing.test_meetings import MeetingSite
from tests.support.containers import docx
from tests.support.keys import BrowserKey
from veche.access.approvals import store
from veche.documents.pki.certificates import Level
from veche.documents.signatures.report import Verdict
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

pytestmark = pytest.mark.postgres
FILE = docx()


class GuestTests(MeetingSite):
    """Bob, who has no account, signs a letter on his phone before Carol."""

    paper = ("lease 12b.docx", FILE)

    async def test_a_guest_signs_a_letter_and_the_container_says_who_identified_them(self) -> None:
        await self.prepare()
        phone, claimed = await self.meet()
        page = phone.page(claimed)
        early = await self.away(page.sign, phone.device)
        assert (early.status, early.body["errcode"]) == (409, "ORG.VECHE.NOT_IDENTIFIED")
        await self.tap(CAROL, "passport")
        await self.say_all(CAROL, "Bob Brown")
        assert await self.approve(CAROL) == "approved"
        signed = await self.away(page.sign, phone.device)
        assert signed.status == 200, signed
        signed = await self.away(self.page(self.session(), "p1").sign, self.keys[CAROL])
        assert signed.status == 200, signed
        await self.settle()

        assert self.session().state.value == "completed"
        [_, (name, container), (_, evidence)] = self.files(CAROL)
        assert name == "lease 12b-signed.asice"
        report = judged_file(container, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED, report.findings
        bob = next(one for one in report.signers if one.name == "Bob Brown")
        assert (bob.level, bob.account) == (Level.IN_PERSON, "")
        assert "Carol Clark" in bob.registrar
        record = read_evidence(evidence)
        assert check_evidence(record, container, report) == []
        [seen] = record.identified
        assert (seen.party, seen.by) == ("p2", CAROL)
        with zipfile.ZipFile(io.BytesIO(container)) as archive:
            assert archive.read("lease 12b.docx") == FILE


class ManyWaysTests(ChatSite):
    """Carol has a letter signed by Alice and Bob."""

    async def asked(self, *more: str) -> None:
        """It is sent."""
        self.chat(CAROL, ALICE, BOB, DAVE)
        self.keys[DAVE] = BrowserKey()
        self.run_now(self._enrol_dave)
        self.send_file(CAROL, FILE, "lease.docx")
        await self.settle()
        await self.say_all(CAROL, "Lease", "alice, bob")
        await self.tap(CAROL, *more, "send")

    def _enrol_dave(self, txn: Any) -> None:
        assert store.add_key(txn, kept_key(DAVE, self.keys[DAVE]))

    async def sign(self, party: str, person: Any) -> Any:
        """Somebody signs on their page; the answer."""
        return await self.away(self.page(self.session(), party).sign, self.keys[person])

    async def test_a_delegate_signs_and_the_report_proves_who_let_them(self) -> None:
        await self.asked("delegation")
        await self.tap(ALICE, "delegate")
        await self.say_all(ALICE, "dave")
        assert await self.approve(ALICE) == "approved"
        assert "lease.docx" in self.all_said(DAVE)
        refused = await self.sign("p1", ALICE)
        assert (refused.status, refused.body["errcode"]) == (409, "ORG.VECHE.NOT_YOUR_TURN")
        for party, person in (("p3", DAVE), ("p2", BOB)):
            answer = await self.sign(party, person)
            assert answer.status == 200, answer
        await self.settle()

        [(_, container), (_, evidence)] = self.files(CAROL)
        report = judged_file(container, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED
        assert [one.name for one in report.signers] == ["Dave Dean", "Bob Brown"]
        record = read_evidence(evidence)
        assert check_evidence(record, container, report) == []
        [one] = record.delegations
        assert (one.party, one.to) == ("p1", "p3")
        assert one.approval is not None

    async def test_it_is_reminded_and_what_was_signed_is_closed_when_it_expires(self) -> None:
        await self.asked()
        assert (await self.sign("p1", ALICE)).status == 200
        number = self.session().id[-8:]
        await self.say_all(CAROL, f"remind {number}")
        assert "One person is reminded" in self.said(CAROL)
        assert "still waits for you" in self.all_said(BOB)
        assert "still waits for you" not in self.all_said(ALICE)
        until_ms = self.session().deadline_at_ms
        await self.say_all(CAROL, f"extend {number} 30 days")
        assert self.session().deadline_at_ms > until_ms

        self.rows("UPDATE signing.session SET deadline_at_ms = 1 RETURNING 1")
        told = {"session": self.session().id, "party": "", "deadline_at_ms": 1}
        late = Job(effect_id("late"), "signing.deadline", told, until_ms)
        handler = self.handlers["signing.deadline"]
        self.run_now(lambda txn: handler.finish(txn, late, {}, self.host.now_ms()))
        await self.settle()
        assert self.session().state.value == "expired"
        refused = await self.sign("p2", BOB)
        assert (refused.status, refused.body["errcode"]) == (409, "ORG.VECHE.SESSION_NOT_OPEN")
        for person in (CAROL, ALICE):
            [(name, container), (_, evidence)] = self.files(person)
            assert name == "lease-signed.asice"
            report = judged_file(container, self.parts.authorities.trusted, self.host.now_ms())
            assert report.verdict is Verdict.SEALED
            assert [one.name for one in report.signers] == ["Alice Adams"]
            record = read_evidence(evidence)
            assert (record.state, check_evidence(record, container, report)) == ("expired", [])
