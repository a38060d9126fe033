"""Processes are killed at what the signing bot does by itself: nothing is lost or done twice.

Sending, clocks, seals, renewal, deletion, many documents at once, and what organisations and pages
ask for over HTTP. Each is also done where nobody is killed, and comes to the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from appservices.signing.batches.service import ROW, SCHEDULE_ROWS
from appservices.signing.cards.service.cards import OPEN_CHAT
from appservices.signing.chats.service.delegation_talk import DELEGATE
from appservices.signing.delivery.service import forgetting
from appservices.signing.drafting.service.bulk import MAKE
from appservices.signing.drafting.service.draft_talk import FIND, FORGET, FREEZE
from appservices.signing.drafting.service.reading import READ
from appservices.signing.jobs import handlers
from appservices.signing.papers.core.judged import judged_file
from appservices.signing.renewal import service as renewals
from appservices.signing.sessions.service.clocks import DEADLINE, REMIND
from appservices.signing.sessions.service.ending import SEAL
from tests.integration.appservices.signing.ageing import in_years
from tests.integration.appservices.signing.blind import BlindSite
from tests.integration.appservices.signing.chats import DAVE
from tests.integration.appservices.signing.deleting import DAY_MS
from tests.integration.appservices.signing.killing import KillingSite, chosen
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF, two_signers
from tests.integration.appservices.signing.test_batches import LEASE, row
from tests.support.blind_page import sign_only
from tests.support.containers import docx
from tests.support.keys import approval_of
from tests.support.sign_page import FreshKey, SignPage, ask_all
from veche.contracts.signing.card import SIGN_REQUEST_KEY
from veche.documents.signatures.report import Verdict
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from tests.support.blind_page import BlindPage
    from tests.support.calls import Answer
    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres

WHOLE: Final = ("perform", "finish")
"""Steps of what has something to do outside transactions."""
Request = Callable[[str], Awaitable[int]]


class KilledWorkTests(KillingSite):
    """Carol asks Alice and Bob."""

    paper = ("lease.pdf", PDF)

    def setUp(self) -> None:
        super().setUp()
        self.chat(CAROL, ALICE, BOB, DAVE)
        self.orders = 0

    async def prepare(self, who: str = "alice, bob", by: UserId = CAROL) -> None:
        """A draft that is ready to be sent."""
        name, data = self.paper
        self.send_file(by, data, name)
        await self.settle()
        await self.say_all(by, "Lease", who)

    async def ask(self, who: str = "alice, bob", by: UserId = CAROL) -> None:
        """A document that waits for somebody."""
        await self.prepare(who, by)
        await self.tap(by, "send")

    async def sign(self, person: UserId, *, is_settled: bool = True) -> None:
        """Somebody signs on the page of their card."""
        page = SignPage.of(self.card(person, SIGN_REQUEST_KEY)["page"])
        answer = await self.away(page.sign, self.keys[person])
        assert answer.status == 200, answer
        if is_settled:
            await self.settle()

    async def test_a_file_is_read_and_who_signs_it_found_once(self) -> None:
        async def read() -> None:
            self.send_file(CAROL, PDF, "lease.pdf")

        async def find() -> None:
            self.send_file(CAROL, PDF, "lease.pdf")
            await self.settle()
            await self.say_all(CAROL, "Lease")
            self.say(CAROL, "alice, bob")

        found = await self.in_spite(READ, read, WHOLE)
        assert found["session", "draft", "0", "true"] == 1
        found = await self.in_spite(FIND, find, ("finish",))
        assert found["party", ALICE, "waiting"] == 1

    async def test_a_document_is_sent_once(self) -> None:
        async def send() -> None:
            await self.prepare()
            self.choose(CAROL, "send")

        found = await self.in_spite(FREEZE, send, WHOLE)
        assert found["session", "open", "0", "true"] == 1
        assert (found["event", "sent", ""], found["event", "invited", "p1"]) == (1, 1)

    async def test_who_has_no_chat_is_asked_once(self) -> None:
        async def send() -> None:
            self.leave(ALICE)
            self.sent(**two_signers())

        found = await self.in_spite(OPEN_CHAT, send, WHOLE)
        assert found["event", "invited", "p1"] == 1

    @pytest.mark.long
    async def test_a_draft_is_forgotten(self) -> None:
        async def draft() -> None:
            await self.prepare()

        found = await self.in_spite(FORGET, draft, ("finish",))
        assert not [fact for fact in found if fact[0] == "session"]

    async def test_clocks_remind_and_end_a_document_once(self) -> None:
        async def wait() -> None:
            await self.ask()
            await self.sign(ALICE)

        found = await self.in_spite(REMIND, wait, ("finish",))
        assert [n for (*_, body), n in found.items() if "still waits for you" in body] != []
        found = await self.in_spite(DEADLINE, wait, ("finish",))
        assert found["session", "expired", "2", "false"] == 1
        assert (found["event", "expired", ""], found["event", "closed", ""]) == (1, 1)
        assert found["blob", "evidence"] == 1

    @pytest.mark.long
    async def test_the_time_of_one_party_ends_once(self) -> None:
        async def wait() -> None:
            deadline_at_ms = self.host.now_ms() + DAY_MS
            alice, bob = two_signers()["invited"]
            alice = attrs.evolve(alice, deadline_at_ms=deadline_at_ms)
            session = self.sent([alice, bob])
            # The clock of the whole document is not meant.
            self.rows(
                "DELETE FROM runtime.errand WHERE kind = %s AND payload::jsonb ->> 'party' = ''"
                " AND payload::jsonb ->> 'session' = %s RETURNING 1",
                DEADLINE,
                session.id,
            )

        found = await self.in_spite(DEADLINE, wait, ("finish",))
        assert found["event", "lapsed", "p1"] == 1
        assert found["party", ALICE, "lapsed"] == 1

    @pytest.mark.long
    async def test_whom_somebody_lets_act_is_asked_about_once(self) -> None:
        async def delegate() -> None:
            await self.prepare("alice")
            await self.tap(CAROL, "delegation", "send")
            await self.tap(ALICE, "delegate")
            self.say(ALICE, "bob")

        found = await self.in_spite(DELEGATE, delegate, ("finish",))
        asked = [
            n
            for (*whom, body), n in found.items()
            if whom[1:] == [ALICE, "message"] and "Bob Brown" in body
        ]
        assert asked == [1], found

    async def test_a_seal_is_put_once_and_is_one_act(self) -> None:
        await self._sealed_once("after signing.seal_record", *WHOLE)

    @pytest.mark.long
    async def test_so_is_one_on_a_file_of_any_kind(self) -> None:
        self.paper = ("lease.docx", docx())
        await self._sealed_once("after signing.seal_record")

    async def _sealed_once(self, *moments: str) -> None:
        async def turn() -> None:
            await self.ask("alice then town as seal", DAVE)
            await self.sign(ALICE, is_settled=False)

        found = await self.in_spite(SEAL, turn, moments)
        assert found["signature", "p2", "seal"] == 1
        # What may have been sealed is known, and is the same bytes each time that it is begun.
        assert found["act", "seal"] == 1
        sealed = [data for _, data in self.files(ALICE)[::2]]  # each with its report
        assert len(sealed) == 1 + len(chosen(self.id(), moments))
        for data in sealed:
            report = judged_file(data, self.parts.authorities.trusted, self.host.now_ms())
            assert report.verdict is Verdict.SEALED
            assert [one.name for one in report.signers] == ["Alice Adams", "Town of Lindenau"]

    async def test_a_document_to_many_is_sent_once_to_each(self) -> None:
        async def send() -> None:
            await self.prepare("each of alice, bob, dave")
            self.choose(CAROL, "send")
            for one in self.due(FREEZE):
                await self.do(one)

        found = await self.in_spite(MAKE, send, WHOLE)
        assert found["session", "open", "0", "true"] == 3
        for person in (ALICE, BOB, DAVE):
            assert found["party", person, "invited"] == 1

    async def test_each_row_of_a_batch_is_sent_once(self) -> None:
        async def order() -> None:
            self.orders += 1
            rows = [row(f"a{self.orders}"), row(f"b{self.orders}", CAROL)]
            body = {"rows": rows, "deadline_at_ms": self.host.now_ms() + 7 * DAY_MS}
            status, told = await self.call("POST", LEASE, body, once=f"order-{self.orders}")
            assert status == 202, told

        async def sow() -> None:
            await order()
            for one in self.due(SCHEDULE_ROWS):
                await self.do(one)

        for kind, prepare, steps in ((SCHEDULE_ROWS, order, ("finish",)), (ROW, sow, WHOLE)):
            found = await self.in_spite(kind, prepare, steps)
            assert (found["row", "made"], found["event", "row_made", ""]) == (2, 2)
            assert found["session", "open", "0", "true"] == 2
            assert (found["party", BOB, "invited"], found["party", CAROL, "invited"]) == (1, 1)

    async def test_a_file_is_renewed_once(self) -> None:
        sessions = []
        for _ in range(3):
            await self.ask("alice")
            await self.sign(ALICE)
            sessions.append(self.session().id)
        self.parts, now_ms = in_years(self, 14)
        self.handlers = handlers(self.parts)
        self.later(now_ms - int(self.host.reactor.seconds() * 1000))

        async def due() -> None:
            payload = {"session": sessions.pop()}
            one = Job(effect_id("due", payload["session"]), renewals.RENEW, payload, now_ms)
            self.run_now(jobs.schedule, one)

        found = await self.in_spite(renewals.RENEW, due, WHOLE)
        assert found["event", "renewed", ""] == 1
        assert found["session", "completed", "3", "false"] == 1
        assert found["session", "completed", "2", "false"] == -1
        assert ("renewal",) not in found

    async def test_a_document_is_deleted_once(self) -> None:
        sessions = []
        for _ in range(2):
            await self.ask("alice")
            await self.sign(ALICE)
            sessions.append(self.session().id)
            await self.say_all(CAROL, f"delete {sessions[-1][-8:]}")
        fortnight = self.rows(
            "DELETE FROM runtime.errand WHERE kind = %s RETURNING errand_id, kind, payload, 0",
            forgetting.DELETE,
        )
        self.later(15 * DAY_MS)

        async def due() -> None:
            self.run_now(jobs.schedule, Job(*fortnight.pop()))

        found = await self.in_spite(forgetting.DELETE, due, ("finish",))
        assert found["event", "forgotten", ""] == 1
        assert (found["blob", "document"], found["renewal",]) == (-1, -1)
        assert ("blob", "evidence") not in found

    # What organisations ask for

    def body(self) -> dict[str, Any]:
        self.orders += 1
        return {
            "title": "Lease of flat 12b",
            "filename": "lease.pdf",
            "parties": [{"party": "p1", "name": "Alice Adams", "user": ALICE}],
            "deadline_at_ms": self.host.now_ms() + 7 * DAY_MS,
            "reference": "case-7",
        }

    async def at(self, url: str, *args: Any, **more: Any) -> int:
        """A request of the town's to a process; the status of its answer."""
        mine, self.url = self.url, url
        try:
            status, _ = await self.call(*args, **more)
        finally:
            self.url = mine
        return status

    async def drafted(self, *, is_sent: bool = True) -> str:
        """The path of a document of the town's."""
        status, made = await self.call("POST", "/sessions", self.body(), once=f"{self.orders}")
        assert status == 201, made
        path = f"/sessions/{made['session']}"
        assert await self.at(self.url, "PUT", f"{path}/file", pdf=PDF) == 200
        if is_sent:
            assert await self.at(self.url, "POST", f"{path}/send", {}) == 200
        return path

    async def test_what_an_organisation_drafts_is_there_and_sent_once(self) -> None:
        async def draft() -> Request:
            body = self.body()
            once = f"k{self.orders}"
            return lambda url: self.at(url, "POST", "/sessions", body, once=once)

        async def upload() -> Request:
            path = await self.drafted(is_sent=False)
            return lambda url: self.at(url, "PUT", f"{path}/file", pdf=PDF)

        async def send() -> Request:
            path = await self.drafted(is_sent=False)
            return lambda url: self.at(url, "POST", f"{path}/send", {})

        for name, prepare, status, fact in (
            ("draft", draft, 201, ("session", "draft", "0", "true")),
            ("upload", upload, 200, ("blob", "upload")),
            ("send", send, 200, ("event", "sent", "")),
        ):
            found = await self.asked_again(f"signing.{name}", prepare, (status, status))
            assert found[fact] == 1, (name, found)

    async def test_what_else_an_organisation_asks_for_is_done_once(self) -> None:
        async def extend() -> Request:
            path = await self.drafted()
            body = {"deadline_at_ms": self.host.now_ms() + 9 * DAY_MS}
            return lambda url: self.at(url, "POST", f"{path}/extend", body)

        async def cancel() -> Request:
            path = await self.drafted()
            return lambda url: self.at(url, "POST", f"{path}/cancel", {})

        async def order() -> Request:
            self.orders += 1
            once = f"order-{self.orders}"
            rows = [row(f"a{self.orders}")]
            body = {"rows": rows, "deadline_at_ms": self.host.now_ms() + 7 * DAY_MS}
            return lambda url: self.at(url, "POST", LEASE, body, once=once)

        async def delete() -> Request:
            path = await self.drafted()
            assert await self.at(self.url, "POST", f"{path}/cancel", {}) == 200
            return lambda url: self.at(url, "DELETE", f"{path}/file")

        for name, prepare, statuses, fact in (
            ("extend", extend, (200, 400), ("event", "extended", "")),
            ("cancel", cancel, (200, 409), ("event", "cancelled", "")),
            ("order", order, (202, 202), ("row", "made")),
            ("delete_file", delete, (200, 200), ("event", "forgotten", "")),
        ):
            found = await self.asked_again(f"signing.{name}", prepare, statuses)
            assert found[fact] == 1, (name, found)

    # Many in one gesture

    async def test_one_approval_signs_each_of_many_once(self) -> None:
        before = await self.calm()
        steps = [f"signing.{name}" for name in ("certificate", "sign")]
        every = [f"{moment} {step}" for step in steps for moment in ("in", "after")]
        moments = chosen(self.id(), every)
        pages = [self.page(self.sent(two_signers()["invited"][:1]), "p1") for _ in moments]
        key = FreshKey()
        asked = (await self.away(ask_all, pages, key)).body
        signed = self.keys[ALICE].signed(approval_of(asked["asked"], asked["now_ms"]))
        for moment, page in zip(moments, pages, strict=True):
            revision: Any = None
            if "certificate" not in moment:
                issued = await self.away(page.certify, key, signed)
                revision = await self.away(self._revision, page, key, issued)
            child, page.origin = await self.served(moment)
            if revision is None:
                await self.broken(page.certify, key, signed)
            else:
                await self.broken(page.hand_in, revision)
            await self.killed(child)
            page.origin = self.url
            issued = await self.away(page.certify, key, signed)
            assert issued.status == 200 or moment == "after signing.sign", (moment, issued)
            if revision is None:
                revision = await self.away(self._revision, page, key, issued)
            done = await self.away(page.hand_in, revision)
            assert done.status == (409 if moment == "after signing.sign" else 200), (moment, done)
        await self.settle()
        found = self.since(before)
        assert found["session", "completed", "2", "false"] == len(moments)
        assert found["signature", "p1", "S2"] == found["certificate", ALICE] == len(moments)
        assert self.rows("SELECT count(*) FROM runtime.approval") == [(1,)]

    def _revision(self, page: SignPage, key: FreshKey, issued: Answer) -> dict[str, Any]:
        assert issued.status == 200, issued
        view = page.view()
        return page.revision(view, page.document(view), key, issued.body)


class KilledPagesTests(KillingSite, BlindSite):
    """Documents that the service never sees, which pages close."""

    async def test_a_page_closes_a_file_once(self) -> None:
        async def signed() -> Request:
            self.carol = self.requester(CAROL)
            link = await self.send()
            alice, bob = await self.open(ALICE, link), await self.open(BOB, link)
            for page, person in ((alice, ALICE), (bob, BOB)):
                answer = await self.away(sign_only, page, self.keys[person])
                assert answer.status == 200, answer
            revision = await self.away(self._closing, bob)

            async def close(url: str) -> int:
                bob.origin = url
                answer = await self.away(bob.hand_in_closing, revision)
                return int(answer.status)

            return close

        found = await self.asked_again("signing.closing", signed, (200, 409))
        assert found["session", "completed", "3", "false"] == 1
        assert (found["event", "closing", "p2"], found["event", "closed", ""]) == (1, 1)

    def _closing(self, page: BlindPage) -> dict[str, Any]:
        view = page.view()
        return page.closing(view, page.document(view))
