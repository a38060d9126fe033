"""Processes are killed while a signature is taken, a file closed: nothing is lost or twice.

Real processes at a real database, killed at each step by themselves; this one goes on.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

import pytest

from appservices.signing.delivery.service.delivery import DELIVER
from appservices.signing.papers.core.judged import judged_file
from appservices.signing.sessions.service.ending import CLOSE
from tests.integration.appservices.signing.chats import DAVE
from tests.integration.appservices.signing.killing import KillingSite, chosen
from tests.integration.appservices.signing.site import ALICE, CAROL, PDF
from tests.support.containers import docx
from tests.support.keys import approval_of
from tests.support.sign_page import FreshKey
from veche.contracts.signing.card import SIGN_RESULT_KEY
from veche.documents.signatures.report import Verdict

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Session

pytestmark = pytest.mark.postgres
STEPS = [f"{step} {kind}" for kind in (CLOSE, DELIVER) for step in ("begin", "perform", "finish")]


class KilledTests(KillingSite):
    """Carol asks Alice."""

    paper = ("lease 12b.pdf", PDF)

    def setUp(self) -> None:
        super().setUp()
        self.chat(CAROL, ALICE)

    async def asked(self, *more: str) -> Session:
        """A lease that waits for Alice; what else is tapped before it is sent."""
        name, data = self.paper
        self.send_file(CAROL, data, name)
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b", "alice")
        await self.tap(CAROL, *more, "send")
        return self.session()

    async def test_a_file_is_closed_and_handed_out_once_whenever_a_process_is_killed(self) -> None:
        for moment in chosen(self.id(), STEPS):
            session = await self.asked()
            answer = await self.away(self.page(session, "p1").sign, self.keys[ALICE])
            assert answer.status == 200, answer
            await self.killed(self.child(moment))
            await self.settle()
            self._check_closed(moment, session)

    def _check_closed(self, moment: str, before: Session) -> None:
        session = self.session()
        assert (session.id, session.state.value) == (before.id, "completed"), moment
        rows = self.rows(
            "SELECT (SELECT count(*) FROM signing.revision WHERE session_id = %s),"
            " (SELECT count(*) FROM signing.blob WHERE session_id = %s AND kind = 'evidence'),"
            " (SELECT count(*) FROM signing.event WHERE session_id = %s AND what = 'closed'),"
            " (SELECT count(*) FROM signing.renewal WHERE session_id = %s)",
            *([session.id] * 4),
        )
        assert rows == [(2, 1, 1, 1)], moment
        for person in (CAROL, ALICE):
            told = [one.get(SIGN_RESULT_KEY) for one in self.contents(person)]
            results = [one for one in told if one and one["session"] == session.id]
            assert [one["verdict"] for one in results] == ["sealed"], moment
            (_, pdf), (_, evidence) = self.files(person)[-2:]
            assert hashlib.sha256(pdf).digest() == session.final_sha256, moment
            assert b"evidence.json" in evidence
        report = judged_file(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED
        assert [one.name for one in report.signers] == ["Alice Adams"]

    async def test_an_approval_gives_one_certificate_whenever_a_process_is_killed(self) -> None:
        every = itertools.product(("in", "after"), ("signing.certifying", "signing.certificate"))
        for moment, name in chosen(self.id(), list(every)):
            page = self.page(await self.asked(), "p1")
            child, page.origin = await self.served(f"{moment} {name}")
            key = FreshKey()
            asked = await self.away(page.ask, level="S2", key=key.id)
            approval = approval_of(asked.body["asked"], asked.body["now_ms"])
            signed = self.keys[ALICE].signed(approval)
            await self.broken(page.certify, key, signed)
            await self.killed(child)

            page.origin = self.url
            first = await self.away(page.certify, key, signed)
            assert first.status == 200, (moment, name, first)
            again = await self.away(page.certify, key, signed)
            assert again.body["certificate"] == first.body["certificate"]
            counts = "SELECT count(*) FROM signing.certificate WHERE session_id = %s"
            assert self.rows(counts, page.session) == [(1,)], (moment, name)

    async def test_a_signature_is_there_once_whenever_a_process_is_killed(self) -> None:
        moments = (("in signing.sign", 200), ("after signing.sign", 409))
        for moment, status in chosen("sign", moments):
            page = self.page(await self.asked(), "p1")
            key = FreshKey()
            issued = await self.away(page.certificate, key, self.keys[ALICE])
            view = await self.away(page.view)
            pdf = await self.away(page.document, view)
            revision = await self.away(page.revision, view, pdf, key, issued.body)
            child, page.origin = await self.served(moment)
            await self.broken(page.hand_in, revision)
            await self.killed(child)

            page.origin = self.url
            again = await self.away(page.hand_in, revision)
            assert again.status == status, (moment, again)
            assert again.status == 200 or again.body["errcode"] in {
                "ORG.VECHE.ALREADY_SIGNED",
                "ORG.VECHE.SESSION_NOT_OPEN",
            }
            await self.settle()
            session = self.session()
            assert (session.id, session.state.value) == (page.session, "completed")
            counts = (
                "SELECT (SELECT count(*) FROM signing.signature WHERE session_id = %s),"
                " (SELECT count(*) FROM signing.revision WHERE session_id = %s)"
            )
            assert self.rows(counts, page.session, page.session) == [(1, 2)], moment

    async def test_a_refusal_counts_once_whenever_a_process_is_killed(self) -> None:
        moments = (("in signing.decline", 200), ("after signing.decline", 409))
        for moment, status in chosen("decline", moments):
            page = self.page(await self.asked(), "p1")
            child, page.origin = await self.served(moment)
            await self.broken(page.decline, self.keys[ALICE], "other", f"Killed {moment}")
            await self.killed(child)

            page.origin = self.url
            again = await self.away(page.decline, self.keys[ALICE], "other", f"Killed {moment}")
            assert again.status == status, (moment, again)
            await self.settle()
            session = self.session()
            assert (session.id, session.state.value) == (page.session, "declined")
            for person in (CAROL, ALICE):
                told = [
                    one["body"]
                    for one in self.contents(person)
                    if f"Killed {moment}" in one["body"]
                ]
                assert len(told) == 1, (moment, told)

    async def test_another_acts_in_their_place_once_whenever_a_process_is_killed(self) -> None:
        self.chat(DAVE)
        moments = (("in signing.delegate", 200), ("after signing.delegate", 409))
        for number, (moment, status) in enumerate(chosen("delegate", moments), 1):
            page = self.page(await self.asked("delegation"), "p1")
            path = f"/sessions/{page.session}/delegate"
            body = {"party": page.party, "to": "dave"}
            asked = await self.away(page.call, "POST", f"{path}/ask", body)
            assert asked.status == 200, asked
            approval = approval_of(asked.body["asked"], asked.body["now_ms"])
            told = {**body, "to": DAVE, "approval": self.keys[ALICE].signed(approval)}
            child, page.origin = await self.served(moment)
            await self.broken(page.call, "POST", path, told)
            await self.killed(child)

            page.origin = self.url
            again = await self.away(page.call, "POST", path, told)
            assert again.status == status, (moment, again)
            await self.settle()
            session = self.session()
            assert session.id == page.session
            parties = [(one.name, one.party.state.value) for one in session.members]
            assert parties == [("Alice Adams", "delegated"), ("Dave Dean", "invited")], moment
            said = self.all_said(DAVE)
            assert said.count("Dave Dean for Alice Adams") == number, (moment, said)


@pytest.mark.long
class AnyFileTests(KilledTests):
    """The same of a file that is no PDF, whose signatures are in a container."""

    paper = ("lease 12b.docx", docx())
    # Certificates are issued the same way, whatever the file is.
    test_an_approval_gives_one_certificate_whenever_a_process_is_killed = None  # type: ignore[assignment]
