"""Webhooks of signing: each event of an organisation arrives, signed and in order."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from subprocess import Popen
from typing import Any, Final

import psycopg2.errors
import pytest
from twisted.internet.defer import Deferred

from appservices.signing.batches.service import SCHEDULE_ROWS
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.store import events
from tests.integration.appservices.signing.by_hand import HandSite
from tests.integration.appservices.signing.chats import ChatSite
from tests.integration.appservices.signing.site import (
    ALICE,
    BOB,
    CAROL,
    DAY_MS,
    PDF,
    SIGNING,
    reactor,
)
from tests.integration.appservices.signing.test_batches import LEASE, TEMPLATES, row
from tests.integration.veche.rig import until
from tests.support.postgres import database, execute
from tests.support.processes import ROOT, TIMEOUT_S
from tests.support.receiver import Receiver
from veche.contracts.signing.session_api import SessionEvent
from veche.messaging.webhooks.models import WEBHOOKS_MAX, Delivery
from veche.runtime.database.listener import Listener
from veche.runtime.database.migrate import KERNEL_SETS, read_migrations
from veche.transparency.envelope import verify
from veche.transparency.notes import read_verifier_key

pytestmark = pytest.mark.postgres

EVENTS_MIGRATION: Final = 5
EVENTS_OF_PERSONS: Final = 5_000
_OLD_EVENT: Final = "INSERT INTO signing.event (session_id, at_ms, what) VALUES (%s, 1, 'sent')"
_EVENTS_OF_PERSONS: Final = (
    "INSERT INTO signing.event (session_id, at_ms, what)"
    " SELECT %s, 1, 'sent' FROM generate_series(1, %s)"
)


def test_events_of_an_earlier_release_are_found_by_organisation() -> None:
    *before, last = [one for one in read_migrations(SIGNING) if one.number <= EVENTS_MIGRATION]
    with database(*KERNEL_SETS) as dsn:
        execute(dsn, "CREATE SCHEMA signing")
        for one in before:
            execute(dsn, one.sql.replace("%", "%%"))
        for number, requester in enumerate(("town", "@carol:veche.test")):
            execute(
                dsn,
                "INSERT INTO signing.session (id, state, requester, effect, level_min,"
                " may_delegate, stages, sealed, deadline_at_ms, made_at_ms)"
                " VALUES (%s, 'draft', %s, 'each', 'S1', FALSE, '[]', '', 1, 1)",
                f"{number:026}",
                requester,
            )
            execute(dsn, _OLD_EVENT, f"{number:026}")
        execute(dsn, last.sql.replace("%", "%%"))
        execute(dsn, _OLD_EVENT, f"{0:026}")
        found = execute(dsn, "SELECT n, requester FROM signing.event ORDER BY n")
        # What persons ask for is nearly all there is: a table of which the planner knows that.
        execute(dsn, _EVENTS_OF_PERSONS, f"{1:026}", EVENTS_OF_PERSONS)
        execute(dsn, "ANALYZE signing.event")
        plan = execute(dsn, f"EXPLAIN SELECT FROM runtime.webhook AS w WHERE {events.IS_WAITING}")
        with pytest.raises(psycopg2.errors.RaiseException):
            execute(dsn, "UPDATE signing.event SET what = 'other'")

    assert found == [(1, "town"), (2, None), (3, "town")]
    assert "event_of_requester" in str(plan)


class WebhookSite(ChatSite):
    """A server of the town, beside the site."""

    timeout = TIMEOUT_S

    def _make_parts(self) -> Any:
        parts = super()._make_parts()
        self.templates = self.folder / "templates"
        shutil.copytree(TEMPLATES, self.templates)
        return self.with_templates(parts)

    def setUp(self) -> None:
        super().setUp()
        self.receiver = Receiver()
        self.hook = self.receiver.listen(self)
        self.listener = Listener(self.dsn, reactor, self.channels)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.stop()))

    def start(self) -> None:
        self.listener.start()
        self.webhooks.start()

    async def stop(self) -> None:
        await self.stop_sending()
        await self.listener.stop()

    async def register(self, **more: Any) -> dict[str, Any]:
        status, made = await self.call("POST", "/webhooks", {"url": self.hook, **more})
        assert status == 201, made
        return dict(made)

    @property
    def heard(self) -> list[SessionEvent]:
        deliveries = [json.loads(body) for body in self.receiver.bodies]
        return [Delivery[SessionEvent].model_validate(one).event for one in deliveries]


class WebhookTests(WebhookSite):
    """What is told of documents of the town."""

    async def send(self) -> str:
        """The id of a session of the town's that was sent to Alice."""
        body = {
            "title": "Lease of flat 12b",
            "filename": "lease.pdf",
            "parties": [{"party": "p1", "name": "Alice Adams", "user": ALICE}],
            "deadline_at_ms": self.host.now_ms() + 7 * DAY_MS,
            "reference": "case-7",
        }
        _, made = await self.call("POST", "/sessions", body, once="k1")
        id_ = str(made["session"])
        await self.call("PUT", f"/sessions/{id_}/file", pdf=PDF)
        status, sent = await self.call("POST", f"/sessions/{id_}/send", {})
        assert status == 200, sent
        return id_

    async def order(self, told: dict[str, Any], key: str, *, is_changed: bool = False) -> None:
        """Have a document made; its template may be changed before it is."""
        body = {"rows": [told], "deadline_at_ms": self.host.now_ms() + 7 * DAY_MS}
        status, made = await self.call("POST", LEASE, body, once=key)
        assert status in {200, 201, 202}, made
        if is_changed:
            with (self.templates / "lease-of-a-flat" / "template.typ").open("a") as file:
                file.write("// another one")
        while self.due(SCHEDULE_ROWS):
            await self.fire(SCHEDULE_ROWS)
        await self.settle()

    @property
    def rows_told(self) -> list[SessionEvent]:
        return [one for one in self.heard if one.batch is not None]

    def cursor(self) -> int:
        [(cursor,)] = self.rows("SELECT cursor FROM runtime.webhook")
        return int(cursor)

    async def test_what_becomes_of_a_document_arrives_by_the_key_that_was_named(self) -> None:
        self.chat(ALICE)
        made = await self.register()
        self.start()
        id_ = await self.send()
        session = self.session()
        answer = await self.away(self.page(session, "p1").sign, self.keys[ALICE])
        assert answer.status == 200, answer
        await self.settle()
        await until(lambda: "completed" in [one.what for one in self.heard], "it does not end")

        key = read_verifier_key(made["key"])
        for body in self.receiver.bodies:
            verify(json.loads(body), key.name, {f"ed25519:{key.version}": key.key})
        told = [one.what for one in self.heard]
        assert [what for what in told if what != "certified"] == [
            "sent",
            "invited",
            "signed",
            "closed",
            "completed",
        ]
        assert {(one.session, one.reference) for one in self.heard} == {(id_, "case-7")}
        first = json.loads(self.receiver.bodies[0])
        assert (first["institution"], first["organisation"]) == ("lindenau", "town")
        _, asked = await self.call("GET", "/events?after=0")
        assert [SessionEvent.model_validate(one) for one in asked["events"]] == self.heard

    async def test_what_persons_have_signed_is_not_told_to_organisations(self) -> None:
        self.chat(ALICE, CAROL)
        await self.register(after=0)
        self.sent([Invited("p1", Role.SIGNER, ALICE, "Alice Adams")])
        assert self.rows("SELECT count(*) FROM signing.event WHERE requester IS NULL") != [(0,)]
        self.start()
        await self.send()
        await until(lambda: len(self.heard) >= 2, "nothing arrives")

        assert {one.reference for one in self.heard} == {"case-7"}

    async def test_rows_of_a_batch_are_told(self) -> None:
        self.chat(ALICE, BOB)
        await self.register()
        await self.order(row("flat-6"), "b1")
        await self.order(row("flat-7"), "b2", is_changed=True)
        self.start()
        await until(lambda: len(self.rows_told) == 2, "not every row is told")

        assert [(one.what, one.row, one.reference) for one in self.rows_told] == [
            ("row_made", 1, "flat-6"),
            ("row_failed", 1, "flat-7"),
        ]
        assert [one.session is None for one in self.rows_told] == [False, True]

    async def test_what_a_killed_process_was_sending_comes_again_and_nothing_is_left_out(
        self,
    ) -> None:
        await self.register()
        id_ = await self.send()
        self.run_now(self._happen, id_, 60)
        [(newest,)] = self.rows("SELECT max(n) FROM signing.event")
        sender = self._sender()

        def kill(count: int) -> None:
            if count == 25:
                sender.send_signal(signal.SIGKILL)

        self.receiver.heard = kill  # type: ignore[method-assign]  # what happens then
        await until(lambda: sender.poll() is not None, "it does not end")
        assert sender.returncode == -signal.SIGKILL
        # Its lease is over.
        self.rows("UPDATE runtime.webhook SET due_at_ms = 0 RETURNING 1")
        self._sender()
        await until(lambda: self.cursor() == newest, "they do not arrive")

        numbers = self.receiver.numbers
        every = [n for (n,) in self.rows("SELECT n FROM signing.event ORDER BY n")]
        assert numbers == [*every[:25], *every[24:]]

    async def test_a_target_is_kept_once_and_only_where_it_may_be(self) -> None:
        made = await self.register()
        assert await self.register() == made
        for url, errcode in (
            ("https://10.1.2.3/x", "ORG.VECHE.OUTBOUND_REFUSED"),
            ("ftp://example.org/", "ORG.VECHE.MALFORMED"),
        ):
            status, refused = await self.call("POST", "/webhooks", {"url": url})
            assert (status // 100, refused["errcode"]) == (4, errcode), refused
        for number in range(WEBHOOKS_MAX - 1):
            await self.call("POST", "/webhooks", {"url": f"{self.hook}{number}"})
        status, refused = await self.call("POST", "/webhooks", {"url": f"{self.hook}more"})
        assert (status, refused["errcode"]) == (409, "ORG.VECHE.TOO_MANY")
        assert (await self.call("DELETE", f"/webhooks/{made['id']}"))[0] == 204
        status, gone = await self.call("POST", f"/webhooks/{made['id']}/resume", {})
        assert (status, gone["errcode"]) == (404, "ORG.VECHE.NOT_FOUND")
        _, left = await self.call("GET", "/webhooks")
        assert len(left["webhooks"]) == WEBHOOKS_MAX - 1

    def _happen(self, txn: Any, id_: str, count: int) -> None:
        for _ in range(count):
            events.add(txn, self.parts.vault, id_, "viewed", self.host.now_ms(), party="p1")

    def _sender(self) -> Popen[bytes]:
        words = [sys.executable, "-m", "tests.integration.appservices.signing.sender", self.dsn]
        process = Popen(words, cwd=ROOT)

        def end() -> None:
            process.kill()
            process.wait()

        self.addCleanup(end)
        return process


class ByHandTests(WebhookSite, HandSite):
    """Bob signs by hand before the town's clerk."""

    async def test_each_step_on_the_tablet_is_told_with_no_word_of_what_was_written(self) -> None:
        self.chat(CAROL)
        await self.register()
        self.start()
        await self.by_town()
        await self.written()
        await self.tap(CAROL, "stop")
        await self.written()
        answer = await self.away(self.witness().sign, self.keys[CAROL])
        assert answer.status == 200, answer
        await self.settle()
        await until(lambda: "completed" in [one.what for one in self.heard], "it does not end")

        once = ["tablet p1", "wrote p1", "seen p1", "invited p2"]
        told = [f"{one.what} {one.party or ''}".strip() for one in self.heard]
        assert [one for one in told if one not in {"certified p2", "viewed p1"}] == [
            *("sent", "invited p1"),
            *once,
            "withdrawn p1",
            *once,
            *("signed p1", "signed p2", "closed", "completed"),
        ]
        assert all(b"passport" not in one and b"Brown" not in one for one in self.receiver.bodies)
        _, asked = await self.call("GET", "/events?after=0")
        assert [SessionEvent.model_validate(one) for one in asked["events"]] == self.heard
