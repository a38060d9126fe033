"""JSON that nobody honest writes, at the wallet's routes and in chats with the payments bot."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, cast

import pytest
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource

from appservices.payments.cases.service import talk as case_talk
from appservices.payments.chats.service.chats import hear
from appservices.payments.routes import routes
from appservices.payments.wallet.routes.persons import API
from tests.integration.appservices.payments.branch import BranchTestCase
from tests.integration.appservices.payments.ledgers import problems
from tests.integration.appservices.payments.scenes import ALICE
from tests.support.hostile_json import answer_of, broken, hostile_contents
from tests.support.postgres import execute
from tests.support.web import served
from veche.access.sessions import Level
from veche.bots import receive
from veche.protocol.errors import MalformedError
from veche.protocol.ids import EventId
from veche.protocol.inbound import DeviceStanding, Inbound, Trust
from veche.protocol.json_reader import read_content, read_relayed

if TYPE_CHECKING:
    from veche.api.ports import PagePorts
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres


class HostileTests(BranchTestCase):
    async def test_no_body_is_an_error_of_the_wallet_and_the_next_good_request_is_answered(
        self,
    ) -> None:
        self.bank.chat(ALICE)
        _, url = served(
            self, _served_at(routes(cast("PagePorts", self.bank), self.bank)[API.mount])
        )
        who = {"authorization": f"Bearer {Level.ROOM.label}"}

        found, answered = await deferToThread(broken, API, url, who)
        logged = self.flushLoggedErrors()  # type: ignore[no-untyped-call]  # trial's
        assert (found, logged) == ([], [])
        assert any(status < 300 for status in answered), answered
        assert not {401, 403, 429} & {*answered}, answered
        good = urllib.request.Request(f"{url}{API.prefix}/limits", headers=who)  # noqa: S310 -- ours
        status, body = await deferToThread(answer_of, good)
        assert (status, "limits" in json.loads(body)) == (200, True)
        assert problems(self.bank.dsn) == []

    async def test_no_event_is_an_error_of_the_bot_and_the_next_good_one_is_answered(self) -> None:
        self.bank.chat(ALICE)
        with self.bank.scene() as scene:
            for number, (kind, content) in enumerate(hostile_contents()):
                self._hear(scene.txn, f"$hostile{number}", kind, content)
        before = self._said()
        with self.bank.scene() as scene:
            good = {"msgtype": "m.text", "body": "balance"}
            self._hear(scene.txn, "$good", "m.room.message", good)

        assert self._said() == before + 1
        assert problems(self.bank.dsn) == []

    def _hear(self, txn: Cursor, event_id: str, kind: str, content: object) -> None:
        """As the inbox and ``Payments.receive`` do; no error is expected of the bot."""
        try:
            read = read_content(read_relayed(json.dumps(content).encode()), "content")
        except MalformedError:
            return
        scene = self.bank.parts.conversation(txn, event_id, self.bank.now_ms())
        room_id = scene.chat_of(ALICE)
        assert room_id is not None
        inbound = Inbound(
            bot=scene.sender.bot.user_id,
            room_id=room_id,
            event_id=EventId(event_id),
            sender=ALICE,
            event_type=kind,
            content=read,
            trust=Trust.VERIFIED,
            standing=DeviceStanding.VERIFIED,
            at_ms=scene.now_ms,
        )
        try:
            if not case_talk.receive(scene, inbound):
                receive(scene, inbound, hear)
        except Exception as e:
            raise AssertionError(f"{kind} {content}") from e

    def _said(self) -> Any:
        [(count,)] = execute(self.bank.dsn, "SELECT count(*) FROM runtime.outbox")
        return count


def _served_at(resource: Any) -> Any:
    for part in reversed(API.mount.encode().split(b"/")):
        parent: Any = Resource()
        parent.putChild(part, resource)
        resource = parent
    return resource
