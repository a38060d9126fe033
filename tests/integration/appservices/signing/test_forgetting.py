"""What the service keeps of documents that it reads is deleted in time, or when it is asked for."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
from typing import Any

import psycopg2.errors
import pytest

from appservices.signing.delivery.service import delivery
from appservices.signing.evidence.core.checks import read_evidence
from appservices.signing.papers.core.judged import judged
from appservices.signing.renewal.service import RENEW, Renewed
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service.files import read_kept
from tests.integration.appservices.signing.deleting import DAY_MS, DeletingSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF
from tests.support.sign_page import SignPage
from veche.cli.main import main
from veche.contracts.signing.card import SIGN_REQUEST_KEY
from veche.messaging.jobs import Job
from veche.protocol.errors import GoneError

pytestmark = pytest.mark.postgres

TOLD = "I delete what I keep of “Lease of flat 12b”"
KEPT_DAYS = 3_650


class ForgettingTests(DeletingSite):
    """Carol asks Alice and Bob, in chats."""

    def setUp(self) -> None:
        super().setUp()
        self.chat(ALICE, BOB, CAROL)

    async def sent(self) -> str:  # type: ignore[override]
        """Carol's document, which waits for both; its number."""
        self.send_file(CAROL, PDF, "lease.pdf")
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b", "alice, bob")
        await self.tap(CAROL, "send")
        return self.session().id[-8:]

    async def sign(self, *persons: Any) -> None:
        for one in persons:
            page = SignPage.of(self.card(one, SIGN_REQUEST_KEY)["page"])
            answer = await self.away(page.sign, self.keys[one])
            assert answer.status == 200, answer
        await self.settle()

    def party_of(self, person: str) -> str:
        return next(one.id for one in self.session().members if one.person == person)

    async def closed(self) -> str:
        """One that both have signed; its number."""
        number = await self.sent()
        await self.sign(ALICE, BOB)
        assert self.session().state is State.COMPLETED
        return number

    async def test_all_are_told_before_and_then_what_proves_it_is_left(self) -> None:
        await self.closed()
        [(_, pdf), _] = self.files(ALICE)
        assert "save the file that follows, it is yours" in self.all_said(ALICE)
        page = self.page(self.session(), self.party_of(ALICE))
        view = await self.away(page.view)
        closed_at_ms = self.session().closed_at_ms or 0
        assert (view["deletes_at_ms"], view["is_deleted"]) == (
            closed_at_ms + KEPT_DAYS * DAY_MS,
            False,
        )

        await self.look(KEPT_DAYS - 15)
        assert TOLD not in self.all_said(ALICE)
        for days in (KEPT_DAYS - 14, KEPT_DAYS - 13, KEPT_DAYS - 1):
            await self.look(days)
            for person in (ALICE, BOB, CAROL):
                assert self.all_said(person).count(TOLD) == 1
            assert "document" in self.kept()[0]
        await self.look(KEPT_DAYS)

        assert self.kept() == (["evidence"], 0)
        assert self.rows("SELECT 1 FROM signing.renewal") == []
        view = await self.away(page.view)
        assert (view["is_deleted"], view["revisions"]) == (True, [])
        answer = await self.away(
            page.call, "GET", f"/sessions/{page.session}/blobs/{view['document']['blob']}"
        )
        assert (answer.status, answer.body["errcode"]) == (410, "ORG.VECHE.GONE")
        assert "Ask whoever took part for the file" in answer.body["error"]
        assert self.session().final_sha256 == hashlib.sha256(pdf).digest()
        await self.look(KEPT_DAYS + 1)
        [(count,)] = self.rows("SELECT count(*) FROM signing.event WHERE what = 'forgotten'")
        assert count == 1

    async def test_who_asks_has_it_deleted_and_all_get_a_fortnight(self) -> None:
        number = await self.sent()
        await self.say_all(CAROL, f"delete {number}")
        assert "It is not over yet" in self.said(CAROL)
        await self.sign(ALICE, BOB)
        await self.say_all(ALICE, f"delete {number}")
        assert "You have no document with this number" in self.said(ALICE)
        await self.say_all(CAROL, f"delete {number}", f"delete {number}")

        for person in (ALICE, BOB, CAROL):
            assert self.all_said(person).count(TOLD) == 1
            assert "Carol Clark wants it so." in self.all_said(person)
        assert "have told everybody who took part" in self.said(CAROL)
        await self.say_all(CAROL, f"sessions {number}")
        assert "Kept here: until" in self.said(CAROL)
        await self.look(13)
        assert "document" in self.kept()[0]
        await self.look(15)
        assert self.kept() == (["evidence"], 0)
        await self.say_all(CAROL, f"sessions {number}", f"delete {number}")
        assert "not any more: it is deleted" in self.all_said(CAROL)
        assert "I have deleted what I kept of it" in self.said(CAROL)

    async def test_what_nobody_has_signed_goes_at_once(self) -> None:
        number = await self.sent()
        await self.take_back(CAROL)
        await self.say_all(CAROL, f"delete {number}")

        assert "I have deleted what I kept of it" in self.said(CAROL)
        assert self.rows("SELECT 1 FROM signing.blob") == []
        assert TOLD not in self.all_said(ALICE)

    async def test_who_gets_a_chat_afterwards_gets_the_report_still(self) -> None:
        number = await self.closed()
        await self.say_all(CAROL, f"delete {number}")
        await self.look(15)
        self.rows("DELETE FROM signing.chat WHERE person = %s RETURNING 1", BOB)
        self.chat(BOB)
        self.run_now(
            lambda txn: delivery.order_for(self.scene_of(txn), self.session(), BOB, "sealed")
        )
        await self.settle()

        assert "I have deleted what I kept of it" in self.all_said(BOB)
        [(name, pdf)] = self.files(BOB)
        assert name == "lease-evidence.pdf"
        assert read_evidence(pdf).session == self.session().id

    async def test_a_renewal_that_was_under_way_keeps_nothing(self) -> None:
        number = await self.closed()
        session = self.session()
        kept = self.run_now(read_kept, self.parts, session.id)
        renew: Any = self.handlers[RENEW]
        job = Job("renewal", RENEW, {"session": session.id}, 0)  # type: ignore[arg-type]
        report = judged(kept.whole(), self.parts.authorities.trusted, self.host.now_ms())
        renewed = Renewed(kept.whole() + b"more", b"more", report)
        result = {"revision": session.revision, "renewed": renewed}
        await self.say_all(CAROL, f"delete {number}")
        await self.look(15)

        self.run_now(lambda txn: renew.finish(txn, job, result, self.host.now_ms()))

        assert self.session().revision == kept.session.revision
        assert self.kept() == (["evidence"], 0)
        assert self.rows("SELECT 1 FROM signing.renewal") == []
        with pytest.raises(GoneError, match="report on who signed it is kept"):
            self.run_now(read_kept, self.parts, session.id)

    async def test_a_crash_before_the_commit_changes_nothing(self) -> None:
        number = await self.closed()
        await self.say_all(CAROL, f"delete {number}")
        before = self.kept()
        [(id_, payload)] = self.rows(
            "SELECT errand_id, payload FROM runtime.errand WHERE kind = 'signing.delete_private'"
        )
        delete: Any = self.handlers["signing.delete_private"]
        late_ms = (self.session().closed_at_ms or 0) + 20 * DAY_MS
        job = Job(id_, "signing.delete_private", payload, late_ms)

        def cut(txn: Any) -> None:
            delete.finish(txn, job, {}, late_ms)
            raise InterruptedError

        with pytest.raises(InterruptedError):
            self.run_now(cut)
        assert self.kept() == before
        await self.look(20)
        assert self.kept() == (["evidence"], 0)

    async def test_while_it_is_signed_nothing_in_it_can_be_emptied(self) -> None:
        await self.sent()
        await self.sign(ALICE)
        with pytest.raises(psycopg2.errors.RaiseException, match="only grows"):
            self.rows("UPDATE signing.revision SET increment = '' RETURNING 1")

    def command(self, *options: str, sessions: bool = True) -> list[str]:
        """What `veche documents` says."""
        config = self.folder / "veche.yaml"
        bot = ", sessions: {id: lindenau, name: {en: Signatures}}" if sessions else ""
        config.write_text(
            "homeserver: {url: http://127.0.0.1:1, server_name: veche.test, as_token_path: a,"
            f" hs_token_path: b}}\ncrypto: {{key_path: key}}\ndatabase: {{url: {self.dsn!r}}}\n"
            f"signing: {{folder: ca{bot}}}\n"
        )
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main(["documents", "-c", str(config), *options])
        return [str(code), *said.getvalue().splitlines()]

    async def test_the_operator_sees_what_is_due(self) -> None:
        number = await self.closed()
        code, head, none = self.command()
        [(size,)] = self.rows("SELECT sum(length(data)) FROM signing.blob WHERE kind <> 'evidence'")
        assert code == "0"
        assert head == f"1 document is kept, {size + self.kept()[1]:,} bytes: 1 closed, 0 not."
        assert none == "None of them is deleted within 30 days."
        _, _, many, line = self.command("--days", "4000")
        assert many == "1 of them is deleted within 4000 days:"
        assert line.endswith("; nobody is told yet")
        await self.say_all(CAROL, f"delete {number}")

        _, _, _, line = self.command()

        day = dt.datetime.fromtimestamp(self.host.now_ms() / 1000, dt.UTC) + dt.timedelta(days=14)
        assert line.startswith(f"{self.session().id}  {day:%Y-%m-%d}  read here, completed, ")
        assert line.endswith("its people are told, as whoever asked for it wants")
        code, said = self.command("--days", "-1")
        assert (code, "should be 0 to" in said) == ("1", True)
        code, said = self.command(sessions=False)
        assert (code, "nobody signs documents here" in said) == ("1", True)


class OrganisationTests(DeletingSite):
    """The town has something signed over HTTP."""

    def body(self) -> dict[str, Any]:
        return {
            "title": "Lease of flat 12b",
            "parties": [{"party": "p1", "name": "Alice Adams", "user": ALICE}],
            "deadline_at_ms": self.host.now_ms() + 7 * DAY_MS,
        }

    async def drafted(self, key: str) -> str:
        status, made = await self.call("POST", "/sessions", self.body(), once=key)
        assert status == 201, made
        status, _ = await self.call("PUT", f"/sessions/{made['session']}/file", pdf=PDF)
        assert status == 200
        return str(made["session"])

    async def test_its_file_is_deleted_when_it_asks(self) -> None:
        self.chat(ALICE)
        session = await self.drafted("k1")
        where = f"/sessions/{session}"
        status, refused = await self.call("DELETE", f"{where}/file")
        assert (status, refused["errcode"]) == (409, "ORG.VECHE.NOT_OVER")
        await self.call("POST", f"{where}/send", {})
        status, refused = await self.call("DELETE", f"{where}/file")
        assert (status, refused["errcode"]) == (409, "ORG.VECHE.NOT_OVER")
        assert "Take it back first" in refused["error"]
        signed = await self.away(self.page(self.session(), "p1").sign, self.keys[ALICE])
        assert signed.status == 200
        await self.settle()

        status, state = await self.call("DELETE", f"{where}/file")
        assert status == 200, state
        assert 13 * DAY_MS < state["deletes_at_ms"] - self.host.now_ms() <= 14 * DAY_MS
        assert await self.call("DELETE", f"{where}/file") == (200, state)
        assert (await self.call("GET", f"{where}/file"))[0] == 200
        await self.look(15)

        status, gone = await self.call("GET", f"{where}/file")
        assert (status, gone["errcode"]) == (410, "ORG.VECHE.GONE")
        status, evidence = await self.call("GET", f"{where}/evidence")
        assert status == 200
        assert read_evidence(evidence).session == session
        _, state = await self.call("GET", f"{where}/state")
        assert state["is_deleted"]
        assert state["final_sha256"] is not None
        _, news = await self.call("GET", "/events?after=0")
        whats = [one["what"] for one in news["events"]]
        assert [one for one in whats if one in ("deletion_asked", "expiring", "forgotten")] == [
            "deletion_asked",
            "expiring",
            "forgotten",
        ]

    async def test_drafts_that_are_never_sent_go_when_their_time_is_over(self) -> None:
        self.chat(ALICE, CAROL)
        await self.drafted("k1")
        sent = await self.drafted("k2")
        await self.call("POST", f"/sessions/{sent}/send", {})
        signed = await self.away(self.page(self.session(), "p1").sign, self.keys[ALICE])
        assert signed.status == 200
        await self.settle()
        await self.look(6)
        assert self.rows("SELECT count(*) FROM signing.session") == [(2,)]
        await self.look(8)

        assert self.rows("SELECT id FROM signing.session") == [(sent,)]
        assert "upload" not in self.kept()[0]
