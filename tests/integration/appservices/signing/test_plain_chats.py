"""Documents are for encrypted chats: who writes in another room is told, and led to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from appservices.signing.pages.routes import parties
from appservices.signing.sessions.store import chats
from tests.integration.appservices.signing.chats import BOT, ChatSite
from tests.integration.appservices.signing.site import ALICE, PDF, SigningSite, two_signers
from veche.protocol.ids import RoomId
from veche.runtime.matrix.store import expect_member
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres
PLAIN = RoomId("!plain:veche.test")


class PlainChatTests(ChatSite):
    """Alice writes in a room that is not encrypted."""

    def room(self, person: Any) -> RoomId:
        return PLAIN if self.is_plain else super().room(person)

    def setUp(self) -> None:
        super().setUp()
        self.is_plain = True
        self.run_now(self._make_plain)

    def _make_plain(self, txn: Cursor) -> None:
        txn.execute("INSERT INTO runtime.room (room_id) VALUES (%s)", (PLAIN,))
        expect_member(txn, PLAIN, BOT, "join")
        expect_member(txn, PLAIN, ALICE, "join")
        chats.keep_chat(txn, PLAIN, ALICE, 1)

    async def test_whoever_has_no_encrypted_chat_is_invited_to_one_once(self) -> None:
        for _ in range(2):
            self.say(ALICE, "sign")
        await self.settle()
        assert "only where nobody reads along" in self.all_said(ALICE)
        assert "I invite you to an encrypted chat" in self.all_said(ALICE)
        rooms = self.rows("SELECT room_id FROM signing.chat WHERE room_id <> %s", PLAIN)
        assert len(rooms) == 1
        invited = "SELECT membership FROM runtime.room_member WHERE room_id = %s AND user_id = %s"
        assert self.rows(invited, rooms[0][0], ALICE) == [("invite",)]

        # From now on it is shown to them, and nothing is signed in the other one.
        self.send_file(ALICE, PDF, "lease.pdf")
        await self.settle()
        assert "Our encrypted chat is here" in self.all_said(ALICE)
        assert str(rooms[0][0]) in self.all_said(ALICE)
        assert self.rows("SELECT count(*) FROM signing.session") == [(0,)]
        assert len(self.rows("SELECT 1 FROM signing.chat")) == 2


class BytesTests(SigningSite):
    """Documents are given out as fast as their bytes allow."""

    def _serve(self) -> None:
        self.patch(parties, "BYTES_LIMIT", Limit(burst=1, per_s=0.001))  # type: ignore[no-untyped-call]  # trial
        super()._serve()

    async def test_an_address_that_fetches_too_many_bytes_waits(self) -> None:
        page = self.page(self.sent(**two_signers()), "p1")
        view = await self.away(page.view)
        path = f"/sessions/{page.session}/blobs/{view['document']['blob']}"
        # The first one is larger than what is allowed at once, and can be had all the same.
        await self.away(page.document, view)
        refused = await self.away(page.call, "GET", path)
        assert (refused.status, refused.body["errcode"]) == (429, "M_LIMIT_EXCEEDED")
        assert refused.body["retry_after_ms"] > 0
        assert (await self.away(page.view))["session"] == page.session
