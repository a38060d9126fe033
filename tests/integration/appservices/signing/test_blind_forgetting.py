"""What is kept of private documents is deleted some time after they are closed, and told before."""

from __future__ import annotations

import hashlib

import psycopg2.errors
import pytest

from appservices.signing.delivery.service import delivery
from appservices.signing.evidence.core.checks import read_evidence
from appservices.signing.sessions.core.records import Mode
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service import keeping
from appservices.signing.sessions.store import sessions
from appservices.signing.sessions.store.kept import EXPIRING
from tests.integration.appservices.signing.blind import BlindSite
from tests.integration.appservices.signing.deleting import DAY_MS, DeletingSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF, two_signers
from veche.documents.signatures.report import Verdict

pytestmark = pytest.mark.postgres


class ForgettingTests(DeletingSite, BlindSite):
    """Alice and Bob have signed; the clock is turned."""

    async def closed(self) -> str:
        """Their document."""
        link = await self.send()
        for person in (ALICE, BOB):
            signer = await self.open(person, link)
            assert (await self.away(signer.sign, self.keys[person])).status == 200
        await self.settle()
        assert self.session().state is State.COMPLETED
        return link

    async def test_the_people_are_told_before_and_then_only_digests_are_left(self) -> None:
        link = await self.closed()
        assert "I delete what I keep of it on" in self.all_said(ALICE)
        alice = await self.open(ALICE, link)
        view = await self.away(alice.view)
        pdf = await self.away(alice.document, view)
        closed_at_ms = self.session().closed_at_ms or 0
        assert (view["deletes_at_ms"], view["is_deleted"]) == (closed_at_ms + 90 * DAY_MS, False)

        await self.look(75)
        assert "which only your browser can read" not in self.all_said(ALICE)
        for days in (76, 77, 89):
            await self.look(days)
            assert self.all_said(ALICE).count("which only your browser can read") == 1
            assert self.kept()[0] == ["document", "evidence", "matter"]
        assert "veche renew" in self.all_said(BOB)
        assert "which only your browser can read" in self.all_said(CAROL)
        await self.look(90)

        assert self.kept() == (["evidence"], 0)
        assert self.rows("SELECT 1 FROM signing.renewal") == []
        view = await self.away(alice.view)
        assert (view["is_deleted"], view.get("matter"), view["revisions"]) == (True, None, [])
        assert not view["is_to_renew"]
        assert view["final_sha256"] is not None
        assert self.judged(pdf).verdict is Verdict.SEALED
        assert self.session().final_sha256 == hashlib.sha256(pdf).digest()
        await self.look(91)
        [(count,)] = self.rows("SELECT count(*) FROM signing.event WHERE what = 'forgotten'")
        assert count == 1

    async def test_who_gets_a_chat_afterwards_gets_the_report_still(self) -> None:
        await self.closed()
        await self.look(400)
        await self.look(414)
        assert self.kept() == (["evidence"], 0)
        self.rows("DELETE FROM signing.chat WHERE person = %s RETURNING 1", BOB)
        self.chat(BOB)
        self.run_now(lambda txn: delivery.order_for(self.scene_of(txn), self.session(), BOB, None))
        await self.settle()

        told = self.all_said(BOB)
        assert "I have deleted what I kept of it" in told
        assert "I delete what I keep of it on" not in told
        [(name, report)] = self.files(BOB)
        assert name.endswith("-evidence.pdf")
        assert read_evidence(report).session == self.session().id

    async def test_what_was_due_long_ago_is_told_first_and_kept_a_fortnight_more(self) -> None:
        await self.closed()
        await self.look(400)
        assert self.all_said(ALICE).count("which only your browser can read") == 1
        await self.look(413)
        assert "document" in self.kept()[0]
        await self.look(414)

        assert self.kept() == (["evidence"], 0)

    async def test_who_asked_has_it_deleted_on_the_page_and_all_are_told_before(self) -> None:
        link = await self.send()
        early = await self.away(self.carol.delete)
        assert (early.status, early.errcode) == (409, "ORG.VECHE.NOT_OVER")
        for person in (ALICE, BOB):
            signer = await self.open(person, link)
            assert not (await self.away(signer.view))["may_delete"]
            assert (await self.away(signer.sign, self.keys[person])).status == 200
        await self.settle()
        carol, alice = await self.open(CAROL, link), await self.open(ALICE, link)
        assert (await self.away(carol.view))["may_delete"]
        assert not (await self.away(alice.view))["may_delete"]
        other = self.requester(ALICE, session=self.carol.session)
        assert (await self.away(other.delete)).status == 404

        asked = await self.away(self.carol.delete)
        assert asked.status == 200, asked
        assert 13 * DAY_MS < asked.body["deletes_at_ms"] - self.host.now_ms() <= 14 * DAY_MS
        again = await self.away(self.carol.delete)
        assert again.body == asked.body
        await self.settle()
        assert self.all_said(ALICE).count(f"{CAROL} wants it so.") == 1
        view = await self.away(carol.view)
        told = (view["may_delete"], view["deletes_at_ms"], view["is_deleted"])
        assert told == (False, asked.body["deletes_at_ms"], False)
        await self.look(13)
        assert "document" in self.kept()[0]
        await self.look(15)
        assert self.kept() == (["evidence"], 0)
        assert (await self.away(self.carol.delete)).body == {"deletes_at_ms": None}

    async def test_what_nobody_has_signed_is_deleted_at_once(self) -> None:
        link = await self.send()
        assert (await self.away(self.carol.act, "cancel")).status == 200
        await self.settle()
        carol = await self.open(CAROL, link)
        assert (await self.away(carol.view))["may_delete"]

        gone = await self.away(self.carol.delete)
        assert (gone.status, gone.body) == (200, {"deletes_at_ms": None}), gone
        view = await self.away(carol.view)
        assert (view["is_deleted"], view["may_delete"]) == (True, False)
        assert "document" not in self.kept()[0]

    async def test_one_that_the_service_reads_is_deleted_likewise_by_who_asked(self) -> None:
        self.send_file(CAROL, PDF, "lease.pdf")
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b", "carol, bob")
        await self.tap(CAROL, "send")
        session = self.session()
        for member in session.members:
            page = self.page(session, member.id)
            assert (await self.away(page.sign, self.keys[member.user_id])).status == 200
        await self.settle()
        assert (await self.away(self.page(session, "p1").view))["may_delete"]
        assert not (await self.away(self.page(session, "p2").view))["may_delete"]

        bob = self.requester(BOB, session=session.id)
        assert (await self.away(bob.delete)).status == 404
        asked = await self.away(self.requester(CAROL, session=session.id).delete)
        assert asked.status == 200, asked
        await self.settle()
        assert "Carol" in self.all_said(BOB)
        assert "wants it so." in self.all_said(BOB)
        await self.look(15)
        assert self.kept() == (["evidence"], 0)

    async def test_nothing_else_is_deleted(self) -> None:
        self.sent(**two_signers())
        link = await self.send()
        alice = await self.open(ALICE, link)
        assert (await self.away(alice.sign, self.keys[ALICE])).status == 200
        before = self.kept()

        session_id = alice.session
        found = self.run_now(
            lambda txn: sessions.forgettable(
                txn, Mode.BLIND, EXPIRING, 1 << 60, (1 << 60, keeping.WARNED_MS), 10
            )
        )
        assert found == []
        with pytest.raises(psycopg2.errors.RaiseException, match="only grows"):
            self.rows(
                "UPDATE signing.revision SET increment = '' WHERE session_id = %s RETURNING 1",
                session_id,
            )
        assert self.kept() == before

    async def test_of_a_closed_one_nothing_but_the_ciphertext_can_go(self) -> None:
        await self.closed()
        for change in ("size = 1", "sha256 = previous_sha256", "increment = '\\x00'"):
            with pytest.raises(psycopg2.errors.RaiseException, match="only grows"):
                self.rows(f"UPDATE signing.revision SET {change} RETURNING 1")  # noqa: S608 -- ours
        with pytest.raises(psycopg2.errors.RaiseException, match="only grows"):
            self.rows("DELETE FROM signing.revision RETURNING 1")
